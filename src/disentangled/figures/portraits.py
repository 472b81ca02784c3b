"""Single models in pictures: the parts of their loss, reconstructions, and traversals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from disentangled import store
from disentangled.figures.style import PAGE_WIDTH, PARTS, SMALLEST, finish
from disentangled.scoring import TRAVERSAL

TRAVERSED_AXES = 6
"""Axes whose traversals are shown, those that move the picture most."""


def loss_parts(
    runs: Mapping[str, pd.Series[Any]],
    experiment: str,
    title: str,
    *,
    profile: str,
    longest: float,
) -> Figure:
    """For every named run the parts of its KL term, and images beside their reconstructions.

    runs: name -> the run's line in the table of `per_run`.
    longest: nats at the right end of the bars, the same in all pictures of a slider.
    """
    figure, panels = plt.subplots(
        2 * len(runs), 1, figsize=(6.4, 1.95 * len(runs) + 0.5), height_ratios=[1, 2.3] * len(runs)
    )
    for (name, line), bar, strip in zip(runs.items(), panels[::2], panels[1::2], strict=True):
        _parts(bar, line, longest, f"{name}: ")
        _reconstructions(strip, line, experiment, profile)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3)
    figure.suptitle(title, fontsize=9.5, x=0.01, ha="left")
    return finish(figure, profile, _origin(*runs.values()))


def model(
    line: pd.Series[Any], experiment: str, title: str, *, profile: str, longest: float
) -> Figure:
    """One run: the parts of its KL term, reconstructions, and traversals of its axes, those that
    move the picture most on top; the arguments are those of `loss_parts`."""
    figure, (bar, strip, grid) = plt.subplots(3, 1, figsize=(6.4, 5.6), height_ratios=[1, 2, 6])
    _parts(bar, line, longest)
    bar.legend(loc="lower left", bbox_to_anchor=(0, -1.35), ncols=3, borderpad=0)
    _reconstructions(strip, line, experiment, profile)
    _traversals(grid, line, experiment, profile)
    figure.suptitle(title, fontsize=9.5, x=0.01, ha="left")
    return finish(figure, profile, _origin(line))


def side_by_side(
    runs: Mapping[str, pd.Series[Any]], experiment: str, *, profile: str, reach: float
) -> Figure:
    """Named runs beside each other: reconstructions, and traversals of every axis within ±reach
    (Yang et al. 2020, Figures 9 to 11, where reach is 1).

    runs: name -> the run's line in the table of `per_run`.
    """
    within = np.abs(TRAVERSAL) <= reach
    n_axes = _pictures(next(iter(runs.values())), experiment, profile, "traversals")[0].shape[0]
    size = PAGE_WIDTH, 1.2 + n_axes / len(runs)
    figure, panels = plt.subplots(
        2, len(runs), figsize=size, height_ratios=[2, n_axes], squeeze=False
    )
    for (name, line), strip, grid in zip(runs.items(), *panels, strict=True):
        _reconstructions(strip, line, experiment, profile, first=5)
        strip.set_title(name, fontsize=9)
        (moving,) = _pictures(line, experiment, profile, "traversals")
        _mosaic(grid, moving[:, within], [f"axis {axis}" for axis in range(n_axes)])
    return finish(figure, profile, _origin(*runs.values()))


def all_axes(line: pd.Series[Any], experiment: str, *, profile: str) -> Figure:
    """One run: reconstructions, traversals of every axis, and samples of the prior (Cheng et al.
    2020, Figures 12 and 13)."""
    moving, drawn = _pictures(line, experiment, profile, "traversals", "samples")
    n_axes, n_columns = moving.shape[:2]
    some = drawn[: 2 * n_columns].reshape(2, n_columns, *drawn.shape[1:])
    figure, (strip, grid, sheet) = plt.subplots(
        3, 1, figsize=(6.4, 0.62 * (n_axes + 6)), height_ratios=[2, n_axes, 2]
    )
    _reconstructions(strip, line, experiment, profile, first=n_columns)
    _mosaic(grid, moving, [f"axis {axis}" for axis in range(n_axes)])
    _mosaic(sheet, some, ["samples", ""])
    return finish(figure, profile, _origin(line))


def walks(
    line: pd.Series[Any], axes: Sequence[int], experiment: str, panel: Axes, *, profile: str
) -> None:
    """Traversals of these axes of a run, in a panel."""
    (moving,) = _pictures(line, experiment, profile, "traversals")
    _mosaic(panel, moving[list(axes)], [f"axis {axis}" for axis in axes])


def _parts(axes: Axes, line: pd.Series[Any], longest: float, before: str = "") -> None:
    """One bar for the KL term, cut into its parts; the distortion and the KL in words."""
    left = 0.0
    for part, (label, colour) in PARTS.items():
        nats = max(0.0, float(line[part]))  # a sampled part near 0 may come out below
        axes.barh(0, nats, left=left, color=colour, label=label)
        if nats > longest / 20:
            axes.text(
                left + nats / 2, 0, f"{nats:.1f}", ha="center", va="center", color="white",
                fontsize=SMALLEST,
            )  # fmt: skip
        left += nats
    axes.set(xlim=(0, longest), yticks=[], xticks=[])
    axes.spines[:].set_visible(False)
    words = f"{before}distortion {line['distortion']:.1f}, KL {line['kl']:.1f} nats in parts"
    axes.set_title(words, loc="left", fontsize=9)


def _reconstructions(
    axes: Axes, line: pd.Series[Any], experiment: str, profile: str, *, first: int | None = None
) -> None:
    """Images, and below each what the decoder makes of the mean of its posterior."""
    rows = _pictures(line, experiment, profile, "originals", "reconstructions")
    _mosaic(axes, np.stack(rows)[:, :first], ["image", "decoded"])


def _traversals(axes: Axes, line: pd.Series[Any], experiment: str, profile: str) -> None:
    """A line an axis: what is decoded as it moves and the others stay."""
    (moving,) = _pictures(line, experiment, profile, "traversals")  # (D, T, C, H, W)
    moved = moving.astype(float).std(axis=1).mean(axis=(1, 2, 3))  # (D,)
    order = moved.argsort()[::-1][:TRAVERSED_AXES]
    _mosaic(axes, moving[order], [f"axis {axis}" for axis in order])


def _pictures(
    line: pd.Series[Any], experiment: str, profile: str, *names: str
) -> list[NDArray[np.uint8]]:
    path = store.folder(experiment, profile) / "pictures" / f"{line['run_id']}.npz"
    return store.read_pictures(path, *names)


def _mosaic(axes: Axes, pictures: NDArray[np.uint8], names: list[str]) -> None:
    """Rows of pictures (R, T, C, H, W), grey or in colour, in frames, named at their left."""
    framed = np.pad(pictures, [(0, 0)] * 3 + [(1, 1)] * 2, constant_values=90)
    n_rows, n_columns, channels, height, width = framed.shape
    sheet = framed.transpose(0, 3, 1, 4, 2).reshape(n_rows * height, n_columns * width, channels)
    axes.imshow(np.broadcast_to(sheet, (*sheet.shape[:2], 3)), interpolation="none")
    axes.set_yticks(height * (np.arange(n_rows) + 0.5) - 0.5, names, fontsize=SMALLEST)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _origin(*lines: pd.Series[Any]) -> str:
    """Data set, source and seeds of single runs as captions name them."""
    of = ", ".join(sorted({f"{line['dataset']} ({line['source']})" for line in lines}))
    drawn = ", ".join(str(seed) for seed in dict.fromkeys(line["seed"] for line in lines))
    return f"{of}, seed {drawn}"
