"""Figures of estimating_q: what a minibatch makes of log q(z) and of a total correlation.

Estimates are named by (number of axes, scheme), with the schemes of `style.SCHEMES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike
from torch import Tensor

from disentangled.figures.closed_forms import Axis, Form, Panel, draws, plane
from disentangled.figures.style import COLOURS, PAGE_WIDTH, SCHEMES, SMALLEST, WIDE, finish
from disentangled.types import Code

MOST_RATIO = 3.0
"""Right end of the histograms of q̂(z) / q(z); the last bin holds all that lies beyond."""

N_DISCS = 64


class Batches(NamedTuple):
    """What estimates are made from: batches of `size` codes, out of n_data images."""

    n_data: int
    size: int
    n_batches: int


class ByWidth(NamedTuple):
    """Total correlations in nats along the standard deviation of the posteriors, W of them.

    sigmas: the standard deviations (W,).
    estimates: mean estimates (W,) by (number of axes, scheme).
    truth: the exact ones (W,) by number of axes.
    rho: correlation of the means.
    """

    sigmas: Sequence[float]
    estimates: Mapping[tuple[int, str], Sequence[float]]
    truth: Mapping[int, Sequence[float]]
    rho: float


def total_corr_by_correlation(
    rhos: Sequence[float],
    estimates: Mapping[tuple[int, str], ArrayLike],
    truth: Callable[[int, float], float],
    batches: Batches,
    *,
    profile: str,
) -> Figure:
    """Every scheme's total correlation against the truth, two axes and ten, a panel each.

    Args:
        rhos: correlations of the means (R,).
        estimates: mean, lowest and highest over the batches (R, 3), nats.
        truth: the exact total correlation of so many axes at a correlation, nats.
    """
    figure, panels = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 2.9), sharey=True)
    dense = [k / 200 for k in range(196)]
    for axes, n_axes in zip(panels, (2, 10), strict=True):
        for scheme, (label, colour, line) in SCHEMES.items():
            middle, low, high = np.asarray(estimates[n_axes, scheme]).T
            axes.fill_between(rhos, low, high, color=colour, alpha=0.2, lw=0)
            axes.plot(rhos, middle, line, color=colour, label=label, **_look(scheme))
        axes.plot(dense, [truth(n_axes, rho) for rho in dense], "k", lw=2.5, label="truth")
        axes.set_yscale("symlog", linthresh=1.0)
        axes.set(title=f"{n_axes} axes", xlabel=r"correlation $\rho$ of the means")
    panels[0].set_ylabel("$TC(z)$, nats")
    panels[0].set_yticks([-1, 0, 1, 10, 100], ["−1", "0", "1", "10", "100"])
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center")
    source = f"closed-form codes, N = {batches.n_data:,}, B = {batches.size}"
    bars = f"lines: mean of {batches.n_batches} batches, bands: their range"
    return finish(figure, profile, source, bars=bars)


def _look(scheme: str) -> dict[str, float]:
    """Widths of a scheme's line and markers in points."""
    return {"lw": 4.5, "ms": 8} if scheme in WIDE else {"lw": 1.4, "ms": 4}


def naive_over_truth(ratios: Mapping[float, Tensor], *, profile: str) -> Figure:
    """Histograms of q̂(z) / q(z), with its mean and its median.

    ratios: draws (S,), as many for each standard deviation of the posteriors.
    """
    figure, panels = plt.subplots(1, len(ratios), figsize=(PAGE_WIDTH, 2.4), sharey=True)
    edges = np.linspace(0, MOST_RATIO, 31)
    for axes, (sd, ratio) in zip(panels, ratios.items(), strict=True):
        shares = torch.full_like(ratio, 1 / len(ratio))
        axes.hist(ratio.clamp(max=MOST_RATIO - 0.01), edges, weights=shares, color=COLOURS["sky"])
        axes.axvline(float(ratio.mean()), color="k", ls="--", lw=1.2)
        axes.axvline(float(ratio.median()), color="k", ls=":", lw=1.8)
        axes.set(title=f"sd {sd:g}", xlabel=r"$\hat q(z)\,/\,q(z)$")
    panels[0].set_ylabel("share of draws")
    levels = {"mean": (float(ratio.mean()), 0.97), "median": (float(ratio.median()), 0.8)}
    for name, place in levels.items():  # in the last panel, where the two are far apart
        axes.annotate(
            name, place, (4, 0), ("data", "axes fraction"), "offset points", va="top",
            fontsize=SMALLEST,
        )  # fmt: skip
    n_draws = len(next(iter(ratios.values())))
    bars = f"{n_draws:,} draws; last bin: {MOST_RATIO:g} and more"
    return finish(figure, profile, "posteriors on a line", bars=bars)


def bias_by_batch_size(
    sizes: Sequence[int], biases: Mapping[str, ArrayLike], n_data: int, *, profile: str
) -> Figure:
    """Exact bias of every scheme's log q(z) and of its total correlation of two axes.

    Args:
        sizes: batch sizes B (S,).
        biases: of log q(z) and of TC(z) (S, 2) by scheme, nats.
        n_data: the size N of the whole data set, whose log N is marked.
    """
    figure, (of_log, of_tc) = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 3.0))
    for column, axes in enumerate((of_log, of_tc)):
        for scheme, (label, colour, line) in SCHEMES.items():
            values = np.asarray(biases[scheme])[:, column]
            axes.plot(sizes, values, line, color=colour, label=label, **_look(scheme))
        axes.axhline(0, color="k", lw=0.8)
        axes.set(xlabel=f"batch size $B$ of $N = {n_data}$", xticks=sizes)
    for axes, level, name, side in (
        (of_log, -math.log(n_data), r"$-\log N$", "bottom"),
        (of_tc, math.log(n_data), r"$+\log N$", "top"),
    ):
        axes.axhline(level, color="k", lw=0.8, ls=":")
        axes.text(sizes[0], level, name, va=side)
    of_log.set(title=r"bias of $\log q(z)$", ylabel="nats")
    of_tc.set(title="bias of $TC(z)$")
    figure.legend(*of_log.get_legend_handles_labels(), loc="outside right center")
    return finish(figure, profile, "six posteriors, all minibatches", bars="exact")


def posterior_width(
    sigma: float,
    *,
    draw: Callable[[float], Code],
    by_width: ByWidth,
    batches: Batches,
    profile: str,
) -> Figure:
    """Posteriors of one width on two axes as discs, and where it lies along two schemes' curves.

    Args:
        sigma: standard deviation of the posteriors.
        draw: a code (B, 2) of that standard deviation.
    """
    figure, (plane, *panels) = plt.subplots(
        1, 3, figsize=(PAGE_WIDTH, 2.7), width_ratios=[1, 1.15, 1.15]
    )
    code = draw(sigma)
    for x, y in code.mean[:N_DISCS].tolist():
        plane.add_patch(Circle((x, y), sigma, color=COLOURS["blue"], alpha=0.15, lw=0))
    plane.plot(*code.z[0], "x", color=COLOURS["vermilion"], ms=9, mew=2.5)
    plane.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xticks=[], yticks=[])
    plane.set_title(rf"$s$ = {sigma:.2f}: {N_DISCS} posteriors, one $z$")
    for axes, n_axes in zip(panels, (2, 10), strict=True):
        axes.plot(by_width.sigmas, by_width.truth[n_axes], "k", lw=2.5, label="truth")
        for scheme in ("naive", "mss"):
            label, colour, line = SCHEMES[scheme]
            estimates = by_width.estimates[n_axes, scheme]
            axes.plot(by_width.sigmas, estimates, line, ms=4, color=colour, label=label)
        axes.axvline(sigma, color=COLOURS["grey"], lw=1)
        axes.set(xscale="log", xlabel="$s$")
        axes.set_title(f"$TC(z)$, {n_axes} axes, nats")
    panels[-1].legend()
    sizes = f"ρ = {by_width.rho:g}, N = {batches.n_data:,}, B = {batches.size}"
    bars = f"mean of {batches.n_batches} batches"
    return finish(figure, profile, f"closed-form codes, {sizes}", bars=bars)


def by_posterior_width(code: Code, by_width: ByWidth, sigma: float) -> Form:
    """What `posterior_width` shows: the page computes discs and truth, and has the estimates.

    Args:
        code: (B, 2), of posteriors with the standard deviation sigma.
    """
    low, high = by_width.sigmas[0], by_width.sigmas[-1]
    s = Axis(low, high, "s", [(0.1, "0.1"), (0.5, "0.5"), (2, "2")], log=True)
    panels = [plane(4, width=195)]
    for n_axes in by_width.truth:
        shown = [v for (d, _), some in by_width.estimates.items() if d == n_axes for v in some]
        top = 1.08 * max(*shown, *by_width.truth[n_axes])
        low = min(0.0, 1.08 * min(shown))
        ticks = [tick for tick in MaxNLocator(5).tick_values(low, top) if low <= tick <= top]
        axis = Axis(low, top, "nats", [(tick, f"{tick:g}".replace("-", "−")) for tick in ticks])
        panels.append(Panel(s, axis, f"TC(z), {n_axes} axes", width=245, height=150, right=62))
    given = {
        "means": draws(code.mean[:N_DISCS]),
        "noise": draws((code.z[0] - code.mean[0]) / sigma),
        "rho": by_width.rho,
        "n_axes": list(by_width.truth),
        "sigmas": list(by_width.sigmas),
        "estimates": [
            {"n_axes": n_axes, "scheme": scheme, "values": draws(values)}
            for (n_axes, scheme), values in by_width.estimates.items()
        ],
    }
    return Form("posterior_width", given, panels)


def posterior_width_in_words(sigma: float, *, by_width: ByWidth) -> str:
    """The picture of `posterior_width` in words, with the numbers of the nearest width."""
    nearest = int(np.abs(np.asarray(by_width.sigmas) - sigma).argmin())
    naive, truth = by_width.estimates[10, "naive"][nearest], by_width.truth[10][nearest]
    return (
        f"Posterior width {sigma:.2f}: with ten axes the naive estimate of the total correlation"
        f" reads {naive:.1f} nats, the truth is {truth:.1f}"
    )
