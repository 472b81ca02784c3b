"""Figures of the chapter mutual_information_gap: where codes keep factors, what scores see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from disentangled.arrays import entry
from disentangled.figures.closed_forms import Axis, Form, Panel, plane
from disentangled.figures.labels import name_ends
from disentangled.figures.style import COLOURS, PAGE_WIDTH, finish, heatmap
from disentangled.types import Score

FACTORS = ["$v_1$", "$v_2$"]
AXES = ["$z_1$", "$z_2$", "$z_3$"]
MOST = math.log(8)
"""Nats that an axis can know of a factor with eight values."""


def informations(scores: Mapping[str, Score], *, profile: str) -> Figure:
    """I(z_j; v_k) of two factors and three axes as a heat map, one a code, with the code's gap.

    Args:
        scores: name of the code -> its score by `mig_exact`.
        profile: of the chapter.
    """
    figure, panels = plt.subplots(1, len(scores), figsize=(PAGE_WIDTH, 2.0))
    for axes, (name, score) in zip(panels, scores.items(), strict=True):
        heatmap(axes, score.parts["mutual_information"], FACTORS, AXES, top=MOST)
        axes.set_title(f"{name}\nMIG = {score.value:.2f}")
    return finish(figure, profile, "closed-form codes, no sampling")


@entry
def largest_difference(scores: Mapping[str, Score], exact: Mapping[str, Tensor]) -> float:
    """The most nats by which an information of a score is off the table of the same name.

    Args:
        scores: name of the code -> its score by `mig_exact`.
        exact: name -> I(z_j; v_k) in nats, (K, D).
    """
    return max(
        float((torch.as_tensor(scores[name].parts["mutual_information"]) - table).abs().max())
        for name, table in exact.items()
    )


def turned_code(
    angle: float,
    *,
    code: Tensor,
    scores: Mapping[float, Score],
    factors: Tensor,
    profile: str,
) -> Figure:
    """A code turned by an angle: its plane, its informations, and its gap among those of all.

    Args:
        angle: degrees, among the keys of scores.
        code: means of the turned code, (N, 3).
        scores: angle -> score of the turned code by `mig_exact`.
        factors: (N, 2).
        profile: of the chapter.
    """
    figure, (plane, table, curve) = plt.subplots(
        1, 3, figsize=(PAGE_WIDTH, 2.5), width_ratios=[1, 1.2, 1.2]
    )
    first, second = code[:, :2].T.numpy()
    plane.scatter(first, second, c=factors[:, 0].numpy(), cmap="viridis", s=22, lw=0)
    plane.set(xlim=(-2.4, 2.4), ylim=(-2.4, 2.4), aspect="equal", xticks=[], yticks=[])
    plane.set(xlabel="$z_1$", ylabel="$z_2$")
    plane.set_title(f"turned by {angle:g}°; colour: $v_1$")
    score = scores[angle]
    heatmap(table, score.parts["mutual_information"], FACTORS, AXES, top=MOST)
    table.set_title("$I(z_j; v_k)$, nats")
    angles = sorted(scores)
    curve.plot(angles, [scores[each].value for each in angles], color=COLOURS["blue"])
    curve.plot(angle, score.value, "o", ms=8, color=COLOURS["vermilion"])
    curve.set(ylim=(0, 1), xticks=[0, 45, 90], xlabel="angle, degrees")
    curve.set_title(f"MIG = {score.value:.2f}")
    return finish(figure, profile, "closed-form codes, no sampling")


def by_angle(levels: Tensor, sd: float) -> Form:
    """What `turned_code` shows, computed by the page.

    Args:
        levels: the means of one factor's values on its axis before the turn (8,).
        sd: standard deviation of the posteriors.
    """
    axes = Axis(0, 3, ticks=[(k + 0.5, f"z{'₁₂₃'[k]}") for k in range(3)], line=False)
    factors = Axis(0, 2, ticks=[(1.5, "v₁"), (0.5, "v₂")], line=False)
    angle = Axis(0, 90, "angle, degrees", [(0, "0"), (45, "45"), (90, "90")])
    gap = Axis(0, 1, ticks=[(k / 2, f"{k / 2:g}") for k in range(3)])
    panels = [
        plane(2.4, "z₁", "z₂", width=180),
        Panel(axes, factors, "I(zⱼ; vₖ), nats", width=215, height=140),
        Panel(angle, gap, width=240, height=140, right=14),
    ]
    return Form("turned_code", {"levels": levels.tolist(), "sd": sd}, panels)


def turned_code_in_words(angle: float, score: Score) -> str:
    """The angle and the gap of a turned code."""
    return f"Code turned by {angle:g} degrees: mutual information gap {score.value:.2f}"


@entry
def scores_by_angle(
    gaps: Mapping[int, float],
    both_scores: Mapping[int, Sequence[Sequence[float]]],
    *,
    profile: str,
) -> Figure:
    """Three scores of a code against the angle by which it is turned.

    Args:
        gaps: angle in degrees -> exact mutual information gap.
        both_scores: angle -> scores of Higgins and of Kim and Mnih on every draw, (S, 2); the
            angles are those of gaps.
        profile: of the chapter.
    """
    angles = list(gaps)
    values = torch.tensor([both_scores[angle] for angle in angles])  # (A, S, 2)
    figure, axes = plt.subplots(figsize=(PAGE_WIDTH, 2.8))
    axes.plot(angles, list(gaps.values()), "-.", color=COLOURS["blue"], label="MIG")
    # they nearly coincide: the one wide, the other narrow and dashed on top of it
    styles = ("Higgins", "orange", "-", 4.5), ("Kim and Mnih", "green", "--", 1.5)
    for score, (name, colour, line, width) in zip(values.unbind(-1), styles, strict=True):
        middle = _band(axes, angles, score, COLOURS[colour])
        axes.plot(angles, middle, line, color=COLOURS[colour], lw=width, label=name)
    axes.set(xlabel="angle, degrees", ylabel="score", ylim=(0, 1.05), xticks=range(0, 91, 15))
    name_ends(axes)
    bars = "lines: mean over draws, bands: their range (MIG: exact)"
    return finish(figure, profile, "closed-form codes", seeds=values.shape[1], bars=bars)


@entry
def scores_by_bins(
    gaps: Mapping[int, Sequence[Sequence[float]]],
    bins: Sequence[int],
    *,
    exact: float,
    profile: str,
) -> Figure:
    """The binned gap of a code against the number of bins, and the exact one.

    Args:
        gaps: number of images, at most two -> gaps by number of bins and draw, (B, S).
        bins: the numbers of bins, (B,).
        exact: gap with exact entropies.
        profile: of the chapter.
    """
    figure, axes = plt.subplots(figsize=(PAGE_WIDTH, 2.8))
    looks = (COLOURS["vermilion"], "o-"), (COLOURS["sky"], "s--")
    for (n_images, drawn), (colour, line) in zip(gaps.items(), looks, strict=False):
        values = torch.tensor(drawn)  # (B, S)
        middle = _band(axes, bins, values, colour)
        axes.plot(bins, middle, line, ms=4, color=colour, label=f"{n_images:,} images")
    axes.axhline(exact, color="k", lw=1.5, label="exact entropies")
    axes.set(xscale="log", xlabel="number of bins", ylabel="MIG", ylim=(0, 1))
    axes.set_xticks([4, 8, 16, 32, 64, 128], ["4", "8", "16", "32", "64", "128"])
    axes.minorticks_off()
    name_ends(axes)
    bars = "lines: mean over draws, bands: their range"
    return finish(figure, profile, "closed-form codes", seeds=values.shape[1], bars=bars)


def _band(axes: Axes, x: Sequence[int], values: Tensor, colour: str) -> list[float]:
    """Shade the range over draws of values (P, S); the means over draws, (P,)."""
    low, high = values.amin(1).numpy(), values.amax(1).numpy()
    axes.fill_between(x, low, high, color=colour, alpha=0.25, lw=0)
    means: list[float] = values.mean(1).tolist()
    return means
