"""Figures of the chapter translation_task: what a translator loses, and how scores rank models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from disentangled.arrays import entry
from disentangled.experiments import intervention as experiment
from disentangled.figures.labels import name_ends
from disentangled.figures.style import COLOURS, PAGE_WIDTH, finish, heatmap
from disentangled.types import Score

BY_HAND = "decoders by hand"
LOOKS = ("vermilion", "-o"), ("blue", "--s")
"""Colour and line of each scene."""

RANKED = {
    "translation_difficulty": "difficulty",
    "translation_loss": "loss",
    "dci_forest": "DCI",
    "sap_mixed": "SAP",
    "irs_maximum": "IRS",
    "mig": "MIG",
}
"""Columns of the table of runs, and their names in the figure; of the first two less is better."""

FEWEST = 4
"""Models from which on ranks are compared."""


def losses_by_angle(scores: Mapping[str, Mapping[int, Score]], *, profile: str) -> Figure:
    """The paper's loss with its floor, and the difficulty, against the angle of mixing.

    Args:
        scores: name of the scene -> angle in degrees -> score by `translation_difficulty`.
        profile: of the chapter.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 2.9))
    for (name, by_angle), (colour, line) in zip(scores.items(), LOOKS, strict=True):
        angles, shown = list(by_angle), COLOURS[colour]
        parts = [score.parts for score in by_angle.values()]
        loss, floor = ([of[key] for of in parts] for key in ("loss", "floor"))
        losses = [standard_error(of["floors"] + of["excesses"]) for of in parts]
        above = [standard_error(of["excesses"]) / of["spread"] for of in parts]
        values = [score.value for score in by_angle.values()]
        left.errorbar(angles, loss, losses, fmt=line, color=shown, capsize=2, ms=4)
        left.plot(angles, floor, ":", color=shown)
        right.errorbar(angles, values, above, fmt=line, color=shown, capsize=2, ms=4, label=name)
    left.set(ylabel="nats per pixel", title="the paper's loss; dotted: its floor")
    right.set(ylabel="share of the spread", title="difficulty", ylim=(0, None))
    for axes in (left, right):
        axes.set(xlabel="angle of mixing, degrees", xticks=angles)
    name_ends(right)
    return finish(figure, profile, f"{BY_HAND}; bars: standard errors over tasks")


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of values, of tasks that were drawn apart."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5)


@entry
def mixed(
    angle: int,
    *,
    decodes: Mapping[str, Callable[[int], Callable[[Tensor], Tensor]]],
    scores: Mapping[str, Mapping[int, Score]],
    profile: str,
) -> Figure:
    """For each scene the images along the first feature of a code, and what translation costs.

    Args:
        angle: degrees, among the keys of scores.
        decodes: name of the scene -> what makes its decoder at an angle: codes (B, 2) to pixels
            (B, 1, H, W).
        scores: as in `losses_by_angle`.
        profile: of the chapter.
    """
    values = torch.linspace(-1.5, 1.5, 7)
    figure, panels = plt.subplots(len(scores), 1, figsize=(PAGE_WIDTH, 1.35 * len(scores) + 0.3))
    for axes, (name, by_angle) in zip(panels, scores.items(), strict=True):
        z = torch.stack([values, torch.full_like(values, 0.5)], 1)
        images = decodes[name](angle)(z)[:, 0]  # (7, H, W)
        strip = torch.nn.functional.pad(images, (0, 1), value=1.0).permute(1, 0, 2).flatten(1)
        axes.imshow(strip.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="none")
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{name}, {in_words(angle, scores={name: by_angle})}", fontsize=9)
    return finish(figure, profile, f"{BY_HAND}; the first feature moves, the second stays")


def in_words(angle: int, *, scores: Mapping[str, Mapping[int, Score]]) -> str:
    """The angle, and loss, floor and difficulty of each scene."""
    several = len(scores) > 1
    found = []
    for name, by_angle in scores.items():
        score = by_angle[angle]
        numbers = (
            f"loss {score.parts['loss']:.4f}, floor {score.parts['floor']:.4f}, "
            f"difficulty {score.value:.3f}"
        )
        found.append(f"{name}: {numbers}" if several else numbers)
    return f"mixed by {angle}°: " + "; ".join(found)


def sensitivity(
    ratios: Mapping[str, Mapping[str, Sequence[float]]], steps: Sequence[int], *, profile: str
) -> Figure:
    """How much harder the mixed code is than the aligned one, against the translator's steps.

    Args:
        ratios: name of the scene -> name of the translator -> difficulty of the code mixed by 45
            degrees over that of the aligned one, one a number of steps.
        steps: the numbers of steps.
        profile: of the chapter.
    """
    figure, panels = plt.subplots(1, len(ratios), figsize=(PAGE_WIDTH, 2.7), sharey=True)
    looks = ("blue", "-o"), ("sky", "--s"), ("orange", ":^")
    for axes, (name, by_net) in zip(np.atleast_1d(panels), ratios.items(), strict=True):
        for (net, values), (colour, line) in zip(by_net.items(), looks, strict=True):
            axes.plot(steps, values, line, color=COLOURS[colour], label=net)
        axes.axhline(1, color=COLOURS["black"], lw=0.8)
        axes.set(xscale="log", xlabel="steps", title=name)
        axes.set_xticks(steps, [str(n) for n in steps])
        axes.minorticks_off()
    np.atleast_1d(panels)[0].set_ylabel("mixed / aligned")
    name_ends(np.atleast_1d(panels)[-1])
    return finish(figure, profile, f"{BY_HAND}; above 1 the mixed code is harder")


def rank_correlations(runs: pd.DataFrame) -> pd.DataFrame:
    """Spearman correlations of the scores of models, each turned so that more is better.

    Args:
        runs: `tables.per_run` of a pool of models, with the columns of `RANKED`.

    Returns: a square table of the columns of `RANKED` that are there, under their names in the
    figure; empty if there are fewer than two, or fewer than `FEWEST` models without a NaN.
    """
    there = [name for name in RANKED if name in runs]
    values = runs[there].dropna()
    if len(there) < 2 or len(values) < FEWEST:
        return pd.DataFrame()
    turned = values.assign(
        **{name: -values[name] for name in there if name.startswith("translation")}
    )
    return turned.corr("spearman").rename(index=RANKED, columns=RANKED)


def agreement(pools: Mapping[str, pd.DataFrame], *, profile: str) -> Figure:
    """Spearman correlations of scores over a pool of models, a heat map for each data set.

    Args:
        pools: name of the data set -> `tables.per_run` of its models, empty where none has run.
        profile: of the chapter.
    """
    figure, panels = plt.subplots(1, len(pools), figsize=(PAGE_WIDTH, 3.1))
    for axes, (name, runs) in zip(np.atleast_1d(panels), pools.items(), strict=True):
        axes.set_title(f"{name}, {len(runs)} models")
        _cells(axes, rank_correlations(runs))
    return finish(figure, profile, "FactorVAEs of several γ, seeds and laws of the factors")


def _cells(axes: Axes, table: pd.DataFrame) -> None:
    if table.empty:
        axes.text(0.5, 0.5, "not run yet", ha="center", va="center", color=COLOURS["grey"])
        axes.set(xticks=[], yticks=[])
        return
    heatmap(axes, table.to_numpy(), list(table.index), list(table.columns), top=1.0)
    axes.tick_params(axis="x", rotation=45)


def pools(runs: pd.DataFrame, profile: str) -> dict[str, pd.DataFrame]:
    """The models of Figure 3's pool under a profile, by the name of what stands for each data set.

    MIG is that of all factors. Empty tables where none has run.
    """
    found: dict[str, pd.DataFrame] = {}
    for on in ("dsprites", "shapes3d"):
        dataset = experiment.SIZES[profile].pictures[on].dataset
        ids = {
            setting.run.id(seed)
            for setting in experiment.pool(profile)
            for seed in setting.seeds
            if setting.run.dataset.startswith(f"{dataset}_")
        }
        of = runs[runs["run_id"].isin(ids)]
        if "mig_with_shape" in of:
            of = of.assign(mig=of["mig_with_shape"])
        found[dataset] = of
    return found
