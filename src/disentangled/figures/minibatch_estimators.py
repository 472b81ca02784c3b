"""Figures of minibatch_estimators: a batch's total correlation, its growth, and a critic's.

All total correlations are in nats; a scheme is named as in `style.SCHEMES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from disentangled.figures.labels import name_ends
from disentangled.figures.style import COLOURS, MARKS, PAGE_WIDTH, SCHEMES, WIDE, finish

DRAWN = ("mws", "naive", "mss_released", "mss")
"""The schemes of Cheng et al.'s Figure 2, with the naive one, which two of them come down to."""


class Batches(NamedTuple):
    """What estimates are made from: n_batches batches of `size` codes, of n_data images."""

    n_data: int
    size: int
    n_batches: int

    @property
    def bars(self) -> str:
        """What the error bars of figures show."""
        return f"bars: standard error of {self.n_batches} batches"


class Curve(NamedTuple):
    """Estimates and their standard errors (P,) at P places, and the law's bounds there.

    x: the places; low, high: the bounds; hinge: the law without its corrections.
    """

    x: Sequence[float]
    value: ArrayLike
    error: ArrayLike
    low: ArrayLike
    high: ArrayLike
    hinge: ArrayLike


class Trained(NamedTuple):
    """A critic's estimates (P,) at P true total correlations, on what it saw and what it did not.

    label: how it was trained.
    seen, held_out: on the codes of its training, and on others.
    """

    label: str
    seen: Sequence[float]
    held_out: Sequence[float]


def total_corr_by_determinant(
    dets: Sequence[float],
    estimates: Mapping[tuple[int, str], ArrayLike],
    truth: Callable[[int, float], float],
    of_data: Mapping[int, Sequence[float]],
    batches: Batches,
    *,
    profile: str,
) -> Figure:
    """Figure 2 of Cheng et al. again: a panel for each number of axes, with two truths.

    Args:
        dets: determinants of the means' correlation matrix (P,).
        estimates: mean and standard error over the batches (P, 2), by number of axes and scheme.
        truth: total correlation for infinitely many images, of so many axes at a determinant.
        of_data: that of a data set of N images (P,), by number of axes.
    """
    figure, panels = plt.subplots(2, 3, figsize=(PAGE_WIDTH, 3.2), sharex=True, sharey=True)
    dense = np.linspace(0, 1, 101).tolist()
    for axes, n_axes in zip(panels.flat, of_data, strict=False):
        for scheme in DRAWN:
            label, colour, line = SCHEMES[scheme]
            middle, error = np.asarray(estimates[n_axes, scheme]).T
            look = {"lw": 4.0, "ms": 7} if scheme in WIDE else {"lw": 1.4, "ms": 4}
            axes.errorbar(dets, middle, error, fmt=line, color=colour, label=label, **look)
        finite = f"truth, N = {batches.n_data:,}"  # lies on mss where there are many axes
        axes.plot(dets, of_data[n_axes], "k:", lw=2, zorder=4, label=finite)
        axes.plot(dense, [truth(n_axes, det) for det in dense], "k", lw=2, label="truth, N = ∞")
        axes.set_yscale("symlog", linthresh=1.0)
        axes.set_yticks([-1, 0, 1, 10, 100], ["−1", "0", "1", "10", "100"])
        axes.set_title(f"{n_axes} axes")
    for axes in panels[:, 0]:
        axes.set_ylabel("$TC(z)$, nats")
    for axes in (*panels[1, :2], panels[0, 2]):
        axes.set_xlabel("determinant")
    panels[0, 2].tick_params(labelbottom=True)
    panels[1, 2].set_axis_off()
    panels[1, 2].legend(*panels[0, 0].get_legend_handles_labels(), loc="center")
    source = f"closed-form codes, s = 0.1, N = {batches.n_data:,}, B = {batches.size}"
    return finish(figure, profile, source, bars=batches.bars)


def growth(
    by_batch: Mapping[int, Curve],
    by_width: Curve,
    by_n_data: Curve,
    printed: Callable[[int, float], float],
    batches: Batches,
    *,
    profile: str,
) -> Figure:
    """The law of growth: estimates along the batch, the noise and the data set, with its bounds.

    Args:
        by_batch: naive estimates along the batch, by number of axes.
        by_width: naive estimates of ten axes along the posteriors' standard deviation.
        by_n_data: stratified estimates of ten axes along the number of images.
        printed: eq. 11 of Cheng et al., of a number of axes and a batch.
    """
    figure, panels = plt.subplots(1, 3, figsize=(PAGE_WIDTH, 3.1))
    for (n_axes, curve), mark, colour in zip(
        by_batch.items(), MARKS, COLOURS.values(), strict=False
    ):
        _curve(panels[0], curve, mark, colour, f"D = {n_axes}")
    last = max(by_batch)
    for axes, curve, name in (
        (panels[1], by_width, "naive: noise $s$"),
        (panels[2], by_n_data, "mss: images $N$"),
    ):
        _curve(axes, curve, "o", COLOURS["blue"], "estimate")
        axes.set(title=f"{last} axes", xlabel=name)
    sizes = by_batch[last].x
    of_batch = [printed(last, size) for size in sizes]
    panels[0].plot(sizes, of_batch, "k--", lw=1.2, label="eq. 11")
    level = printed(last, batches.size)
    panels[1].plot(by_width.x, [level] * len(by_width.x), "k--", lw=1.2, label="eq. 11")
    panels[0].set(title="$D$ axes", xlabel="naive: batch $B$", ylabel="$TC(z)$, nats")
    for axes in panels:
        axes.set_xscale("log")
    panels[2].margins(x=0.12)  # the label of its last tick is wide
    for axes in panels[:2]:
        name_ends(axes)
    source = f"closed-form codes, TC = 0; s = 0.1, B = {batches.size} where they do not vary"
    bars = f"{batches.bars}; lines: the law, bands: its bounds"
    return finish(figure, profile, source, bars=bars)


def _curve(axes: Axes, curve: Curve, mark: str, colour: str, label: str) -> None:
    axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.2, lw=0)
    axes.plot(curve.x, curve.hinge, color=colour, lw=1)
    axes.errorbar(curve.x, curve.value, curve.error, fmt=mark, ms=4, color=colour, label=label)


def error_maps(
    n_axes: Sequence[int],
    sizes: Sequence[int],
    n_images: Sequence[int],
    released: ArrayLike,
    stratified: ArrayLike,
    closer: ArrayLike,
    batches: Batches,
    *,
    profile: str,
) -> Figure:
    """Errors against the truth of infinitely many images: which estimate is near, and where.

    Args:
        n_axes: numbers of axes (D,), the rows of all maps.
        sizes: batches (P,); released: errors of the released scheme there (D, P).
        n_images: data sets (Q,); stratified: errors of `mss` there (D, Q).
        closer: by how much `mss` is nearer than the released scheme (D, Q).
    """
    figure, panels = plt.subplots(1, 3, figsize=(PAGE_WIDTH, 3.0), width_ratios=[1, 1.3, 1.3])
    _map(panels[0], released, n_axes, [f"{size:,}" for size in sizes])
    images = [_short(n) for n in n_images]
    _map(panels[1], stratified, n_axes, images)
    _map(panels[2], closer, n_axes, images)
    panels[0].set(title="error of MSS₀, nats", xlabel="batch $B$", ylabel="axes $D$")
    panels[1].set(title=f"error of MSS₁, B = {batches.size}", xlabel="images $N$")
    panels[2].set(title="how much nearer MSS₁ is", xlabel="images $N$")
    source = "closed-form codes, TC = 0, s = 0.1"
    return finish(figure, profile, source, bars=f"mean of {batches.n_batches} batches")


def _short(count: int) -> str:
    return f"{count / 1000:.0f}k" if count < 10**6 else f"{count / 10**6:.0f}M"


def _map(axes: Axes, values: ArrayLike, rows: Sequence[int], columns: Sequence[str]) -> None:
    """A matrix with its numbers in the cells: orange above zero, blue below."""
    matrix = np.asarray(values, dtype=float)
    axes.imshow(
        np.sign(matrix) * np.minimum(np.abs(matrix) / 10, 1), cmap="PuOr_r", vmin=-1.3, vmax=1.3,
        aspect="auto", interpolation="none",
    )  # fmt: skip
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), [str(row) for row in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (i, j), value in np.ndenumerate(matrix):
        text = f"{value:+.1f}".replace("-", "−")
        axes.text(j, i, text, ha="center", va="center", color=COLOURS["black"])


def by_active_axes(
    active: Sequence[int],
    estimates: Mapping[str, ArrayLike],
    law: Sequence[float],
    batches: Batches,
    *,
    profile: str,
) -> Figure:
    """Estimates for ten axes of which some have shut down; the true total correlation is zero.

    Args:
        active: numbers of axes that are active (P,).
        estimates: mean and standard error over the batches (P, 2), by scheme.
        law: what the law says of the naive estimate (P,).
    """
    figure, axes = plt.subplots(figsize=(PAGE_WIDTH, 3.0))
    for scheme, values in estimates.items():
        label, colour, line = SCHEMES[scheme]
        middle, error = np.asarray(values).T
        axes.errorbar(active, middle, error, fmt=line, ms=5, color=colour, label=label)
    axes.plot(active, law, "k", lw=1, label="law, for naive")
    eq_12 = [max(0, n - 1) * math.log(batches.size) for n in active]
    axes.plot(active, eq_12, "k--", lw=1.2, label="eq. 11 and 12")
    axes.axhline(0, color=COLOURS["grey"], lw=1)
    axes.set(xlabel="active axes, of ten", ylabel="$TC(z)$, nats", xticks=active)
    axes.set_ylim(-5, 25)
    name_ends(axes)
    source = f"closed-form codes, s = 0.1, N = {batches.n_data:,}, B = {batches.size}"
    return finish(figure, profile, source, bars=batches.bars)


def density_ratio(
    truth: Sequence[float],
    trained: Sequence[Trained],
    estimates: Mapping[str, ArrayLike],
    n_axes: int,
    *,
    profile: str,
) -> Figure:
    """A critic's total correlation against the truth, seen codes and held-out ones.

    Args:
        truth: total correlations of the codes (P,).
        trained: one a training set.
        estimates: minibatch estimates (P,) at the same codes, by scheme.
    """
    figure, panels = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 3.1), sharex=True)
    looks = zip(MARKS, ("vermilion", "purple"), trained, strict=False)
    for mark, name, of in looks:
        colour = COLOURS[name]
        label = f"{of.label}, on these"
        panels[0].plot(truth, of.seen, mark + "--", color=colour, mfc="w", label=label)
        panels[0].plot(truth, of.held_out, mark + "-", color=colour, label=f"{of.label}, held out")
    last = trained[-1].held_out
    panels[1].plot(truth, last, "s-", color=COLOURS["purple"], label="critic, held out")
    for scheme, values in estimates.items():
        label, colour, line = SCHEMES[scheme]
        panels[1].plot(truth, values, line, color=colour, label=label)
    for axes in panels:
        axes.plot(truth, truth, "k", lw=1.2, label="truth")
        axes.set_xlabel("true $TC(z)$, nats")
    panels[0].legend()  # all but one end in one place
    name_ends(panels[1])
    panels[0].set(title="a critic alone", ylabel="estimate, nats")
    panels[1].set_title("beside minibatch estimates")
    return finish(figure, profile, f"Gaussian codes on {n_axes} axes", bars="one training each")
