"""Figures of the chapter first_look: codes as nets, and what a seed does to a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from disentangled import tables
from disentangled.data import FactorData
from disentangled.figures import over_seeds
from disentangled.figures.style import COLOURS, PAGE_WIDTH, finish

LOOKS = (COLOURS["blue"], COLOURS["vermilion"])
"""Colour of the threads along which the first, and the second, factor moves."""

COLUMNS = 4


def of_the_grid(runs: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """The runs that ended of an experiment's grid, on the data set that most of them have: those
    of one line differ by their seed alone.

    runs: as of `tables.per_run`.
    """
    grid = tables.settled(tables.grid(runs, experiment))
    return grid[grid["dataset"].isin(grid["dataset"].mode()[:1])]


class Spread(NamedTuple):
    """What the setting explains of a score, and what is left to the seed.

    share: of the variance of all runs, what the settings explain beyond chance; deviation: over
    the seeds of a setting, pooled; gap: the highest less the lowest mean of a setting.
    """

    n_runs: int
    n_settings: int
    share: float
    deviation: float
    gap: float


def spread(runs: pd.DataFrame, score: str) -> Spread:
    """How the runs of settings, an objective with its weight each, differ in a score.

        deviation² = Σ (x - mean_s)² / (n - S)
        share = 1 - deviation² / (Σ (x - mean)² / (n - 1))

    over n runs of S settings s. **Error**: where settings differ by chance alone, the share is
    about 0 in the mean, and negative about as often as not.

    Raises:
        ValueError: no two settings, or no setting with two runs.
    """
    settings = runs.groupby(["objective", "weight"])[score]
    n, n_settings = len(runs), settings.ngroups
    if not 1 < n_settings < n:
        raise ValueError(
            f"expected runs of two settings or more, and several of a setting, got {n} of "
            f"{n_settings}"
        )
    within = ((runs[score] - settings.transform("mean")) ** 2).sum()
    total = ((runs[score] - runs[score].mean()) ** 2).sum()
    variance = float(within / (n - n_settings))
    means = settings.mean()
    gap = float(means.max() - means.min())
    return Spread(n, n_settings, 1 - variance / float(total / (n - 1)), variance**0.5, gap)


def nets(mean: Tensor, data: FactorData, scores: Sequence[float], *, profile: str) -> Figure:
    """The code of a grid of images as a net: threads join images that differ by one step of a
    factor; a panel a seed.

    Args:
        mean: (S, N, 2) of S models; data: N images on the full grid of two factors, in its order.
        scores: (S,) of the models, for the titles.
        profile: of the chapter.

    Raises:
        ValueError: not two axes, or images that are not the full grid of two factors in order.
    """
    first, second = grid_of(data)
    if mean.ndim != 3 or mean.shape[1:] != (first * second, 2):
        raise ValueError(
            f"expected codes (models, {first * second}, 2) of two axes, got {tuple(mean.shape)}"
        )
    n_rows = -(-len(mean) // COLUMNS)
    figure, panels = plt.subplots(
        n_rows, COLUMNS, figsize=(PAGE_WIDTH, 1.5 * n_rows + 0.6), squeeze=False,
        sharex=True, sharey=True,
    )  # fmt: skip
    for axes in panels.flat[len(mean) :]:
        axes.set_axis_off()
    for seed, (axes, code) in enumerate(zip(panels.flat, mean, strict=False)):
        _net(axes, code.reshape(first, second, 2).numpy())
        axes.set_title(f"seed {seed}: MIG {scores[seed]:.2f}")
    for axes in panels[-1]:
        axes.set_xlabel("axis 0")
    for axes in panels[:, 0]:
        axes.set_ylabel("axis 1")
    handles = [
        Line2D([], [], color=colour, lw=1.2, label=f"the {name} moves")
        for colour, name in zip(LOOKS, data.factor_names, strict=True)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    seeds, bars = len(mean), "no bars: a panel a seed"
    return finish(figure, profile, f"{data.name} ({data.source})", seeds=seeds, bars=bars)


def grid_of(data: FactorData) -> tuple[int, int]:
    """The sizes of the two factors.

    Raises:
        ValueError: other images than the full grid of two factors, the second moving first.
    """
    sizes = tuple(data.factor_sizes)
    whole = np.indices(sizes).reshape(len(sizes), -1).T
    if len(sizes) != 2 or not np.array_equal(data.factors.numpy(), whole):
        raise ValueError(
            f"expected all pairs of two factors, the second moving first, got {len(data)} images "
            f"with the factors {', '.join(data.factor_names)}"
        )
    return sizes[0], sizes[1]


def _net(axes: Axes, code: np.ndarray) -> None:
    """Draw a code (first factor, second factor, 2)."""
    for along, colour in zip((code.swapaxes(0, 1), code), LOOKS, strict=True):
        for thread in along:
            axes.plot(*thread.T, color=colour, lw=0.8)
    axes.set_aspect("equal")


def by_setting(runs: pd.DataFrame, score: str, name: str, *, profile: str) -> Figure:
    """A score of every run, a line of points a setting, in the order of the means.

    Args:
        runs: `tables.per_run`, the last step of each run.
        score: its column; name: in words.
        profile: of the rows.
    """
    settings = [of for _, of in runs.groupby(["objective", "weight"])]
    settings.sort(key=lambda of: float(of[score].mean()))
    figure, axes = plt.subplots(figsize=(PAGE_WIDTH, 0.9 + 0.26 * len(settings)))
    labels = []
    for y, of in enumerate(settings):
        objective, weight = of[["objective", "weight"]].iloc[0]
        label, colour = over_seeds.METHODS[objective]
        values, mean = of[score], of[score].mean()
        axes.plot(values, np.full(len(values), y), "o", color=colour, ms=4, alpha=0.6, mew=0)
        axes.plot([mean, mean], [y - 0.32, y + 0.32], color=COLOURS["black"], lw=2)
        labels.append(label if objective == "vae" else f"{label} ({weight:g})")
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel=name, xlim=(0, None))
    seeds, bars = tables.n_seeds(runs), "bar: mean of the seeds, which are the points"
    return finish(figure, profile, tables.source(runs), seeds=seeds, bars=bars)
