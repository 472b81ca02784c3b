"""Figures of the chapter interventions: two correlated factors, graphs, and the critic's game."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from disentangled import interventions
from disentangled.figures.closed_forms import Axis, Form, Panel
from disentangled.figures.style import COLOURS, PAGE_WIDTH, finish

LEVELS = torch.linspace(-3, 3, 13, dtype=torch.float64, device="cpu")
"""The values that each of the two factors takes."""

PLACES = {"$y$": (1, 2), "$v_1$": (0, 1), "$v_2$": (1, 1), "$v_3$": (2, 1), "$x$": (1, 0)}
FACTORS = [name for name in PLACES if name.startswith("$v")]


def two_factors(rho: float) -> Tensor:
    """The law of two factors: a normal one of correlation rho, at 13 x 13 values, (13, 13)."""
    first, second = LEVELS[:, None], LEVELS
    square = first**2 - 2 * rho * first * second + second**2
    law = torch.exp(-square / (2 * (1 - rho**2)))
    return law / law.sum()


def correlation(table: Tensor) -> float:
    """The correlation of two factors that take the values of `LEVELS`."""
    means = [table.sum(1 - k) @ LEVELS for k in (0, 1)]
    variances = [table.sum(1 - k) @ LEVELS**2 - means[k] ** 2 for k in (0, 1)]
    covariance = LEVELS @ table @ LEVELS - means[0] * means[1]
    return float(covariance / (variances[0] * variances[1]).sqrt())


def undone(rho: float, *, profile: str) -> Figure:
    """Two factors before and after an intervention, and the weights that lead back.

    Args: rho, of the normal law behind `two_factors`, between -1 and 1.
    """
    before = two_factors(rho)
    after, weights = interventions.intervene(before), interventions.weights(before)
    figure, panels = plt.subplots(1, 3, figsize=(PAGE_WIDTH, 2.8))
    shown = {"data: $p(v)$": before, r"intervened: $\dot p(v)$": after}
    for axes, (name, law) in zip(panels[:2], shown.items(), strict=True):
        _cells(axes, law, cmap="Greys", vmax=1.1 * float(law.max()))
        axes.set_title(f"{name}\ncorrelation {_shown(correlation(law))}")
    image = _cells(panels[2], weights, cmap="PuOr", norm=LogNorm(1e-3, 1e3))
    panels[2].set_title(f"weights: $W(v)$\nlargest {float(weights.max()):.3g}")
    figure.colorbar(image, ax=panels[2], ticks=[1e-3, 1, 1e3], extend="min")
    return finish(figure, profile, "normal law at 13 x 13 values, exact")


def _cells(axes: Axes, values: Tensor, **look: Any) -> AxesImage:
    shown = values.clamp(min=1e-3) if "norm" in look else values
    axes.set(xlabel="$v_1$", ylabel="$v_2$", xticks=[-3, 0, 3], yticks=[-3, 0, 3])
    return axes.imshow(
        shown.T.numpy(), origin="lower", extent=(-3.25, 3.25, -3.25, 3.25),
        interpolation="none", **look,
    )  # fmt: skip


def _shown(value: float) -> str:
    """Two digits, and no sign before a zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def undone_in_words(rho: float) -> str:
    """The two correlations and the weights at a position of the slider."""
    before = two_factors(rho)
    after, weights = interventions.intervene(before), interventions.weights(before)
    return (
        f"Correlation of the factors {_shown(correlation(before))}: after an intervention"
        f" {_shown(correlation(after))}, weights up to {float(weights.max()):.3g}"
    )


def by_correlation() -> Form:
    """What `undone` shows, computed by the page."""
    ticks = [(-3, "−3"), (0, "0"), (3, "3")]
    sides = Axis(-3.25, 3.25, "v₁", ticks), Axis(-3.25, 3.25, "v₂", ticks)
    return Form("intervention", {"levels": LEVELS.tolist()}, [Panel(*sides, width=195)] * 3)


def graphs(*, profile: str) -> Figure:
    """The graph of a common cause of three factors, as it is and with the second one set."""
    figure, (whole, cut) = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 2.3))
    arrows = [("$y$", v) for v in FACTORS] + [(v, "$x$") for v in FACTORS]
    _graph(whole, arrows, "data")
    _graph(cut, [pair for pair in arrows if pair != ("$y$", "$v_2$")], "$do(v_2 = v_2')$")
    return finish(figure, profile, "a drawing")


def _graph(axes: Axes, arrows: Sequence[tuple[str, str]], title: str) -> None:
    ring = {"boxstyle": "circle,pad=0.35", "fc": "white", "ec": COLOURS["black"]}
    for name, place in PLACES.items():
        axes.text(*place, name, ha="center", va="center", bbox=ring)
    for start, end in arrows:
        style = {"arrowstyle": "-|>", "shrinkA": 12, "shrinkB": 12, "color": COLOURS["blue"]}
        axes.annotate("", PLACES[end], PLACES[start], arrowprops=style)
    axes.set(xlim=(-0.6, 2.6), ylim=(-0.4, 2.4), xticks=[], yticks=[], title=title)
    axes.spines[:].set_visible(False)


def game(
    powers: Sequence[float], losses: Mapping[str, Sequence[float]], *, least: float, profile: str
) -> Figure:
    """What the best critic reaches along a path of weights, for several losses.

    Args:
        powers: along the path.
        losses: name -> one value a power, nats.
        least: no loss can be smaller.
    """
    figure, axes = plt.subplots(figsize=(PAGE_WIDTH, 2.6))
    looks = zip(("blue", "vermilion"), ("-", "--"), strict=True)
    for (name, values), (colour, line) in zip(losses.items(), looks, strict=True):
        axes.plot(powers, values, line, color=COLOURS[colour], label=name)
    axes.axhline(least, ls=":", color=COLOURS["black"], label=r"$-\log 4$")
    axes.set(xlabel="power of the ratio in the weights", ylabel="nats, best critic")
    axes.legend()
    return finish(figure, profile, "normal law at 13 x 13 values, exact")
