"""Figures of information_identities: the balance of Theorem 1, mixtures, values of other axes.

A code's four numbers are I(z_S; x), Σ I(z_i; x), TC(z_S | x) and TC(z_S), in nats and this order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from disentangled import gaussian
from disentangled.estimators import KLTerms
from disentangled.figures.style import COLOURS, PAGE_WIDTH, SMALLEST, finish

FourNumbers = tuple[float, float, float, float]
Mixture = Callable[[float, tuple[int, ...]], FourNumbers]
"""The four numbers of a mixture of weight w on a set of axes."""

TERMS = {
    "together": ("$I(z;x)$", COLOURS["blue"]),
    "total_corr": ("$TC(z)$", COLOURS["vermilion"]),
    "each": (r"$\sum_i I(z_i;x)$", COLOURS["sky"]),
    "conditional_tc": (r"$TC(z\,|\,x)$", COLOURS["orange"]),
}
"""Label and colour of each of the four numbers."""

MIXED = {(1, 2, 3): ("three axes", COLOURS["blue"]), (1, 2): ("two axes", COLOURS["purple"])}
"""Label and colour of the sets of axes on which a mixture is read."""

LINES = {(1, 2, 3): ("-", "o"), (1, 2): ("--", "s")}
"""Line and marker of the same sets."""

VANISHES = 1e-9
"""Nats below which a number of an exact code is round-off."""

HEIGHT = 0.34


def balance(codes: Mapping[str, FourNumbers], *, profile: str) -> Figure:
    """Two equally long bars for every named code, and which of three properties it has."""
    figure, (bars, marks) = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 3.0), width_ratios=[3, 1.4])
    _bars(bars, codes.values(), legible=0.12)
    bars.set_yticks(range(len(codes)), list(codes))
    bars.set(xticks=[], ylim=(len(codes) - 0.4, -0.6))
    for row, numbers in enumerate(codes.values()):
        for column, holds in enumerate(properties(numbers)):
            word, colour = ("yes", "black") if holds else ("no", "vermilion")
            marks.text(column, row, word, ha="center", va="center", color=COLOURS[colour])
    marks.set(xlim=(-0.6, 2.6), ylim=(len(codes) - 0.4, -0.6), yticks=[])
    marks.set_xticks(range(3), ["indep.", "indep.\ngiven $x$", "adds up"])
    marks.xaxis.tick_top()
    marks.tick_params(length=0)
    marks.spines[:].set_visible(False)
    figure.legend(*bars.get_legend_handles_labels(), loc="outside lower left", ncols=4)
    return finish(figure, profile, "four tables and a Gaussian", bars="nats, exact")


def properties(numbers: FourNumbers) -> tuple[bool, bool, bool]:
    """Whether axes are independent, independent given x, and their information adds up."""
    together, each, conditional_tc, total_corr = numbers
    off = (total_corr, conditional_tc, together - each)
    return abs(off[0]) < VANISHES, abs(off[1]) < VANISHES, abs(off[2]) < VANISHES


def excess(numbers: FourNumbers) -> float:
    """What axes know together beyond the sum of what each knows: I(z_S; x) - Σ I(z_i; x)."""
    together, each, *_ = numbers
    return together - each


def excess_by_weight(
    mixture: Mixture, n_weights: int = 101
) -> tuple[np.ndarray, dict[tuple[int, ...], list[float]]]:
    """Weights from 0 to 1 (W,), and for each set of axes in MIXED its excess at each weight."""
    weights = np.linspace(0, 1, n_weights)
    return weights, {axes: [excess(mixture(float(w), axes)) for w in weights] for axes in MIXED}


def mixed(
    weight: float,
    *,
    mixture: Mixture,
    by_weight: tuple[np.ndarray, Mapping[tuple[int, ...], Sequence[float]]],
    profile: str,
) -> Figure:
    """A mixture on three axes and on two: the four numbers of each, and its excess by weight.

    by_weight: as `excess_by_weight` returns.
    """
    figure, (bars, curve) = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 2.8), width_ratios=[1.25, 1])
    _bars(bars, [mixture(weight, axes) for axes in MIXED], legible=0.2)
    bars.set_yticks(range(len(MIXED)), [name for name, _ in MIXED.values()])
    bars.set(xlim=(0, 2.1), xticks=[], ylim=(1.6, -0.6))
    bars.set_title(f"$w$ = {weight:.2f}")
    curve.axhline(0, color="k", lw=0.8)
    weights, excesses = by_weight
    for axes, (name, colour) in MIXED.items():
        line, marker = LINES[axes]
        curve.plot(weights, excesses[axes], line, color=colour, label=name)
        curve.plot(weight, excess(mixture(weight, axes)), marker, ms=8, color=colour)
    curve.set(xlabel="$w$", ylim=(-1.5, 0.8))
    curve.set_title(r"$I(z_S;x) - \sum_i I(z_i;x)$, nats")
    curve.legend(loc="lower right")
    legend = bars.get_legend_handles_labels()
    figure.legend(*legend, loc="outside lower left", ncols=4, columnspacing=1)
    return finish(figure, profile, "tables", bars="exact")


def mixed_in_words(weight: float, *, mixture: Mixture) -> str:
    """The picture of `mixed` in words."""
    three, two = (excess(mixture(weight, axes)) for axes in MIXED)
    return (
        f"Weight {weight:.2f} on parity: together, three axes know {three:+.2f} nats more than"
        f" one by one, two axes {two:+.2f} nats"
    )


def crossing(mixture: Mixture) -> dict[str, float]:
    """The weight from 0.1 to 1 at which three axes add up, by bisection; two axes' excess there.

    Raises: ValueError when the excess of three axes does not rise from below 0 to above.
    """
    three, two = MIXED
    low, high = 0.1, 1.0
    if excess(mixture(low, three)) >= 0 or excess(mixture(high, three)) < 0:
        raise ValueError(f"the excess of axes {three} must rise through 0 from {low} to {high}")
    for _ in range(60):
        middle = (low + high) / 2
        below = excess(mixture(middle, three)) < 0
        low, high = (middle, high) if below else (low, middle)
    return {"crossing": low, "pair_there": excess(mixture(low, two))}


def values_of_other_axes(
    weights: ArrayLike,
    at_values: ArrayLike,
    mean: float,
    as_printed: ArrayLike,
    difference: ArrayLike,
    values: Sequence[tuple[int, int]],
    *,
    profile: str,
) -> Figure:
    """Information of an axis at each value ζ of another, and a line of a proof beside its aim.

    Args:
        weights: q(ζ) of the first code (Z,), of sum 1.
        at_values: I(x; z_1 | ζ) of the first code (Z,), nats.
        mean: I(x; z_1) of the first code, nats.
        as_printed: the last line of appendix A for the second code (Y,), nats.
        difference: what that line is to be (Y,), nats.
        values: the values of the second code's two other axes, Y pairs.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 2.8), width_ratios=[1, 1.2])
    widths = np.asarray(weights)
    edges = np.concatenate([[0], np.cumsum(widths)])
    left.bar(edges[:-1], at_values, widths, align="edge", color=COLOURS["blue"], ec="white")
    left.axhline(mean, color="k", ls="--", lw=1.2)
    left.text(1.0, mean, "$I(x;z_1)$", va="bottom", ha="right")
    left.set_xticks((edges[1:] + edges[:-1]) / 2, [str(value) for value in range(len(widths))])
    left.set_xlabel(r"$\zeta = z_2$")
    left.set_title(r"$I(x;z_1\,|\,z_2=\zeta)$, nats")
    places = np.arange(len(values))
    right.bar(places - 0.2, as_printed, 0.38, color=COLOURS["vermilion"], label="as printed")
    right.bar(places + 0.2, difference, 0.38, color=COLOURS["blue"], label="difference")
    right.axhline(0, color="k", lw=0.8)
    right.set_xticks(places, [f"{a}, {b}" for a, b in values])
    right.set_xlabel(r"$\zeta = (z_2, z_3)$")
    right.set_title(r"$I(x;z_1) - I(x;z_1\,|\,\zeta)$, nats")
    right.legend()
    return finish(figure, profile, "tables", bars="exact")


def trained_balance(
    whole: KLTerms, each: Sequence[KLTerms], noise_covariance: Any
) -> dict[str, float | int]:
    """Both sides of Theorem 1 for a trained encoder, and the decimal places in which they agree.

    Args:
        whole: the parts of the KL term of the whole code.
        each: those of each axis alone.
        noise_covariance: of the encoder's noise (D, D).
    """
    left = whole.mutual_info - sum(part.mutual_info for part in each)
    right = gaussian.total_correlation(noise_covariance) - whole.total_corr
    digits = math.floor(-math.log10(max(abs(left - right), 1e-9)))
    return {"trained_left": left, "trained_right": right, "trained_digits": digits}


def surplus(means: pd.DataFrame) -> dict[str, float]:
    """What axes tell in sum beyond the whole at noise correlations 0 and 0.9, and why.

    Args:
        means: mutual_info, axis_info, conditional_tc and total_corr, in nats, by correlation.
    """
    by_sigma: Mapping[Any, Any] = means.to_dict("index")
    independent, correlated = by_sigma[0.0], by_sigma[0.9]
    return {
        "surplus_0": independent["axis_info"] - independent["mutual_info"],
        "surplus_9": correlated["axis_info"] - correlated["mutual_info"],
        "noise_9": correlated["conditional_tc"],
        "own_9": correlated["total_corr"],
    }


def correlated_noise_shrinks_the_surplus(numbers: Mapping[str, float]) -> None:
    """Hold the prose to the numbers of `surplus`.

    Raises: AssertionError when the surplus at correlation 0.9 is not below that at 0.
    """
    before, after = numbers["surplus_0"], numbers["surplus_9"]
    if not after < before:
        raise AssertionError(
            f"the surplus does not shrink: {before:.3g} before, {after:.3g} after"
        )


def _bars(axes: Axes, codes: Iterable[FourNumbers], legible: float) -> None:
    """Two bars for each code, from the top; parts wider than `legible` with their width."""
    for row, (together, each, conditional_tc, total_corr) in enumerate(codes):
        parts = (
            (-HEIGHT / 2, "together", together, 0.0),
            (-HEIGHT / 2, "total_corr", total_corr, together),
            (HEIGHT / 2, "each", each, 0.0),
            (HEIGHT / 2, "conditional_tc", conditional_tc, each),
        )
        for up, name, width, left in parts:
            label, colour = TERMS[name]
            axes.barh(
                row + up,
                width,
                HEIGHT,
                left,
                color=colour,
                label=label if row == 0 else None,
                lw=0,
            )
            if width > legible:
                axes.text(
                    left + width / 2, row + up, f"{width:.2f}", ha="center", va="center",
                    color="white", fontsize=SMALLEST,
                )  # fmt: skip
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.invert_yaxis()
