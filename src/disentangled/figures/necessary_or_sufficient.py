"""Figures of necessary_or_sufficient: what axes follow, mixtures, values of other axes.

A code's four numbers are I(z_S; x), Σ I(z_i; x), TC(z_S | x) and TC(z_S), in nats and this order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from disentangled.figures.closed_forms import Axis, Form, Panel
from disentangled.figures.information_identities import VANISHES, FourNumbers, draw_bars
from disentangled.figures.style import COLOURS, PAGE_WIDTH, finish, heatmap

Mixture = Callable[[float, tuple[int, ...]], FourNumbers]
"""The four numbers of a mixture of weight w on a set of axes."""

MIXED = {(1, 2, 3): ("three axes", COLOURS["blue"]), (1, 2): ("two axes", COLOURS["purple"])}
"""Label and colour of the sets of axes on which a mixture is read."""

LINES = {(1, 2, 3): ("-", "o"), (1, 2): ("--", "s")}
"""Line and marker of the same sets."""


def what_axes_follow(
    codes: Mapping[str, tuple[ArrayLike, float, float]], *, profile: str
) -> Figure:
    """What axes tell of factors in codes of two axes, and which of three properties each has.

    Args:
        codes: by name: I(z_j; v_k | the other factor) in nats, axis by factor (2, 2); the total
            correlation of the axes; and their excess, I(z; x) - Σ I(z_i; x).
    """
    figure, (panels, words) = plt.subplots(
        2, len(codes), figsize=(PAGE_WIDTH, 2.7), height_ratios=[2, 1], squeeze=False
    )
    names = ["axis 1", "axis 2"], ["factor 1", "factor 2"]
    for axes, below, (name, numbers) in zip(panels, words, codes.items(), strict=True):
        told, total_corr, excess_of_all = numbers
        heatmap(axes, told, *names, top=0.7)
        axes.set_title(name)
        of_others = float(np.abs(np.asarray(told)[[0, 1], [1, 0]]).max())
        asked = {"disentangled": of_others, "independent": total_corr, "adds up": excess_of_all}
        for line, (word, off) in enumerate(asked.items()):
            holds = abs(off) < VANISHES
            said, colour = ("yes", "black") if holds else ("no", "vermilion")
            below.text(
                0.5, 0.85 - 0.35 * line, f"{word}: {said}",
                ha="center", va="center", color=COLOURS[colour],
            )  # fmt: skip
        below.set_axis_off()
    for axes in panels[1:]:
        axes.set_yticks([])
    return finish(figure, profile, "three tables and a Gaussian", bars="nats, exact")


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
    draw_bars(bars, [mixture(weight, axes) for axes in MIXED], legible=0.2)
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


def by_weight(copies: ArrayLike, parity: ArrayLike) -> Form:
    """What `mixed` shows, computed by the page.

    Args: two tables over the image and three axes, of two values each (2, 2, 2, 2).
    """
    tables = [np.asarray(table, dtype=float) for table in (copies, parity)]
    sets = [{"name": name, "axes": list(axes)} for axes, (name, _) in MIXED.items()]
    rows = Axis(0, 3.9, ticks=[(2.95, "three axes"), (0.95, "two axes")], line=False)
    weight = Axis(0, 1, "w", [(k / 4, f"{k / 4:g}") for k in range(5)])
    nats = Axis(-1.5, 0.8, ticks=[(-1, "−1"), (0, "0"), (0.5, "0.5")])
    panels = [
        Panel(Axis(0, 2.1, line=False), rows, width=350, height=150, right=100),
        Panel(weight, nats, "I(zₛ; x) − Σᵢ I(zᵢ; x), nats", width=300, height=150, right=90),
    ]
    given = {
        "tables": [(table / table.sum()).flatten().tolist() for table in tables],
        "n_bits": tables[0].ndim,
        "sets": sets,
    }
    return Form("mixture", given, panels)


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
