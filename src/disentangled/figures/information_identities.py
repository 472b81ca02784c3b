"""Figures of information_identities: the balance of Theorem 1, for tables and a trained encoder.

A code's four numbers are I(z_S; x), Σ I(z_i; x), TC(z_S | x) and TC(z_S), in nats and this order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from disentangled import gaussian
from disentangled.estimators import KLTerms
from disentangled.figures.style import COLOURS, PAGE_WIDTH, SMALLEST, finish

FourNumbers = tuple[float, float, float, float]

TERMS = {
    "together": ("$I(z;x)$", COLOURS["blue"]),
    "total_corr": ("$TC(z)$", COLOURS["vermilion"]),
    "each": (r"$\sum_i I(z_i;x)$", COLOURS["sky"]),
    "conditional_tc": (r"$TC(z\,|\,x)$", COLOURS["orange"]),
}
"""Label and colour of each of the four numbers."""

VANISHES = 1e-9
"""Nats below which a number of an exact code is round-off."""

HEIGHT = 0.34


def balance(codes: Mapping[str, FourNumbers], *, profile: str) -> Figure:
    """Two equally long bars for every named code, and which of three properties it has."""
    figure, (bars, marks) = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 3.0), width_ratios=[3, 1.4])
    draw_bars(bars, codes.values(), legible=0.12)
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


def draw_bars(axes: Axes, codes: Iterable[FourNumbers], legible: float) -> None:
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
