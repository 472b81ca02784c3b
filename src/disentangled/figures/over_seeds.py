"""Figures of what runs say over all seeds: curves, boxes, violins, one run against another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy import stats

from disentangled import learning
from disentangled.figures.style import COLOURS, MARKS, PAGE_WIDTH, SMALLEST, caption, finish
from disentangled.objectives import OBJECTIVES
from disentangled.records import Record
from disentangled.tables import (
    Floats,
    by_profile,
    interval,
    n_seeds,
    rank,
    seeds,
    source,
    weights_of,
)

BARS = "bars: 90 % interval of the mean (Student)"
POINTS = "a point is a run, no bars"
RUN_BY_RUN = (4.6, 3.9)


class Methods(dict[str, tuple[str, str]]):
    """Label and colour by objective. One that is not declared has its name, and a colour of the
    palette that no declared one has, by its place in the registry of objectives."""

    def __missing__(self, objective: str) -> tuple[str, str]:
        taken = {colour for _, colour in self.values()}
        spare = [colour for colour in COLOURS.values() if colour not in taken]
        return objective, spare[rank(objective) % len(spare)]


METHODS = Methods(
    vae=("VAE", COLOURS["grey"]),
    beta_vae=("β-VAE", COLOURS["blue"]),
    beta_tcvae=("β-TCVAE", COLOURS["vermilion"]),
    factor_vae=("FactorVAE", COLOURS["green"]),
    beta_tcvae_dlib=("β-TCVAE as in disentanglement_lib", COLOURS["orange"]),
    factor_vae_dlib=("FactorVAE as in disentanglement_lib", COLOURS["sky"]),
    rtc_vae=("RTC-VAE", COLOURS["vermilion"]),
    dip_vae_i=("DIP-VAE-I", COLOURS["blue"]),
    dip_vae_ii=("DIP-VAE-II", COLOURS["sky"]),
    rtc_vae_supervised=("RTC-VAE with the penalty on axes", COLOURS["orange"]),
    annealed_vae=("AnnealedVAE", COLOURS["sky"]),
    # variants, which stand in tables and share no figure with what they vary
    factor_vae_leaking=("FactorVAE, the critic's loss trains the encoder too", COLOURS["green"]),
    beta_tcvae_flow=("β-TCVAE with a learned prior", COLOURS["vermilion"]),
)
"""Label and colour of each objective, the same in every figure."""

SYMBOLS = {"beta": "β", "gamma": "γ", "lambda_od": "λ"}
"""How a page writes the weight that an objective sweeps; others are not shown."""

DASHES = ("-", "--", "-.", ":")
"""Lines of the objectives, which like their markers are theirs by place in the registry."""


def titled(objective: str, weight: float) -> str:
    """An objective at a weight in words: "β-TCVAE, β = 6"."""
    name, symbol = METHODS[objective][0], SYMBOLS.get(OBJECTIVES[objective].swept)
    return f"{name}, {symbol} = {weight:g}" if symbol else name


def mark(objective: str) -> str:
    """The marker of an objective, the same in every figure."""
    return MARKS[rank(objective) % len(MARKS)]


def panels(
    runs: pd.DataFrame,
    profile: str,
    draw: Callable[[Sequence[Axes], pd.DataFrame, str], None],
    size: tuple[float, float],
    *,
    bars: str,
    columns: int = 1,
) -> Figure:
    """A row of panels a profile that has runs, the page's first, and their lines of the caption.

    draw: draws a row, from its axes, the profile's runs and its name.
    size: of a row in inches.
    """
    of, (width, height) = by_profile(runs, profile), size
    figure, rows = plt.subplots(
        len(of), columns, figsize=(width, height * len(of)), sharey="row", squeeze=False
    )
    for row, (name, table) in zip(rows, of.items(), strict=True):
        draw(row, table, name)
        if len(of) > 1:
            name_row(row[0], name)
    return finish_rows(figure, of, bars=bars)


def name_row(axes: Axes, profile: str) -> None:
    """Begin the title of a row's first panel with the profile."""
    title = axes.get_title(loc=plt.rcParams["axes.titlelocation"])
    axes.set_title(": ".join(filter(None, [f"profile {profile}", title])))


def finish_rows(figure: Figure, of: Mapping[str, pd.DataFrame], *, bars: str) -> Figure:
    """Put a caption line a profile under a figure; of: the runs by profile, the page's first."""
    (profile, runs), *others = of.items()
    lines = [caption(n, source(t), seeds=n_seeds(t), bars=bars) for n, t in others]
    return finish(figure, profile, source(runs), seeds=n_seeds(runs), bars=bars, further=lines)


def curves(
    runs: pd.DataFrame,
    x: str,
    y: str,
    labels: tuple[str, str],
    *,
    profile: str,
    objectives: Sequence[str] = ("beta_vae", "beta_tcvae"),
) -> Figure:
    """Averages over seeds of x and y along β, with intervals both ways (Figures 2 and 4)."""

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, _: str) -> None:
        draw_curves(row[0], of_it, x, y, objectives)
        row[0].set(xlabel=labels[0], ylabel=labels[1])
        row[0].legend(title="number: β")

    return panels(runs, profile, draw, (PAGE_WIDTH, 2.9), bars=BARS)


def draw_curves(axes: Axes, runs: pd.DataFrame, x: str, y: str, objectives: Sequence[str]) -> None:
    """The curves of objectives that have runs."""
    for objective in objectives:
        label, colour = METHODS[objective]
        if not (betas := weights_of(runs, objective)):
            continue
        points = [seeds(runs, objective, beta, x, y) for beta in betas]
        middle = np.array([p.mean(0) for p in points])
        half = np.array([[interval(p[:, 0]), interval(p[:, 1])] for p in points])
        sizes = [25 + 12 * beta for beta in betas]
        x_middle, y_middle = middle.T
        axes.errorbar(
            x_middle, y_middle, xerr=half[:, 0], yerr=half[:, 1], color=colour, lw=1, alpha=0.45
        )
        dash = DASHES[rank(objective) % len(DASHES)]
        axes.plot(x_middle, y_middle, dash, color=colour, lw=1.5)
        axes.scatter(
            x_middle, y_middle, s=sizes, color=colour, marker=mark(objective), label=label,
            zorder=3,
        )  # fmt: skip
        for beta, place in zip(betas, middle, strict=True):
            axes.annotate(
                f"{beta:g}", place, xytext=(5, 5), textcoords="offset points", fontsize=SMALLEST,
                color=colour,
            )  # fmt: skip


def in_words(claim: Record) -> str:
    """What a claim's test found: the effect, its interval and the verdict, if it was run."""
    facts = claim.facts
    if "low" not in facts:
        return f"an amount that is not known ({claim.verdict})"
    effect, low, high = (_signed(float(facts[name])) for name in ("effect", "low", "high"))
    return f"{effect} (95 % interval {low} to {high}; {claim.verdict})"


def _signed(value: float) -> str:
    """Two decimals with a sign, but for zero."""
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text[1:] == "0.00" else text


Groups = Mapping[str, tuple[Floats, str]]
"""Name -> values over the seeds (S,), colour."""

NO_OTHERS: Mapping[str, Groups] = MappingProxyType({})


def boxes(
    groups: Groups,
    label: str,
    runs: pd.DataFrame,
    *,
    profile: str,
    larger: Mapping[str, Groups] = NO_OTHERS,
) -> Figure:
    """Quartiles over seeds with every seed as a point (Figure 3).

    larger: the groups of larger profiles, a panel each; their runs are among `runs`.
    """
    of = {profile: groups, **larger}
    heights = [0.42 * len(of_it) + 1.2 for of_it in of.values()]
    figure, rows = plt.subplots(
        len(of), figsize=(PAGE_WIDTH, sum(heights)), squeeze=False, height_ratios=heights
    )
    for (axes,), (name, of_it) in zip(rows, of.items(), strict=True):
        draw_boxes(axes, of_it, label)
        if larger:
            name_row(axes, name)
    bars = "boxes: quartiles, points: seeds"
    return finish_rows(figure, by_profile(runs, profile), bars=bars)


def draw_boxes(axes: Axes, groups: Groups, label: str) -> None:
    """Boxes from top to bottom, every seed as a point."""
    names = list(groups)[::-1]
    values = [groups[name][0] for name in names]
    drawn = axes.boxplot(
        values, orientation="horizontal", widths=0.6, showfliers=False, patch_artist=True,
        medianprops={"color": COLOURS["black"]},
    )  # fmt: skip
    for box, name in zip(drawn["boxes"], names, strict=True):
        box.set(facecolor=groups[name][1], alpha=0.35, edgecolor=COLOURS["grey"])
    for height, (name, points) in enumerate(zip(names, values, strict=True), start=1):
        axes.plot(points, np.full(len(points), height), "o", ms=4, color=groups[name][1])
    axes.set_yticks(range(1, len(names) + 1), names)
    axes.set_xlabel(label)
    axes.set_xlim(left=0)


def violins(groups: Groups, label: str, axes: Axes) -> None:
    """Violins as in Yang et al. 2020: density, median, quartiles (thick), adjacent values (thin).

    Groups without values are left out. The density has Gaussian kernels of Scott's width and ends
    at the extremes; adjacent values are the last within 1.5 interquartile ranges of the
    quartiles. Every seed is drawn beside the middle. A run beyond `fences` would squeeze all
    others: an arrow at the edge says its value, the density leaves it out, and lines end at the
    last run before it.
    """
    groups = {name: group for name, group in groups.items() if len(group[0])}
    every = [values for values, _ in groups.values()]
    least, most = fences(np.concatenate(every)) if every else (-np.inf, np.inf)
    for place, (values, colour) in enumerate(groups.values(), start=1):
        _arrow(axes, place + 0.2, "↑", 1.0, values[values > most])
        _arrow(axes, place + 0.2, "↓", 0.0, values[values < least])
        inside = values[(values >= least) & (values <= most)]
        if len(inside):
            _violin(axes, place, values, inside, colour)
    axes.set_xticks(range(1, len(groups) + 1), list(groups))
    axes.set_ylabel(label)


def fences(values: ArrayLike) -> tuple[float, float]:
    """Six interquartile ranges beyond the quartiles: a run that did not train lies outside.

    Where at least half of the values are one the fences are infinite, and nothing lies outside.
    """
    low, high = np.quantile(np.asarray(values, dtype=np.float64), [0.25, 0.75])
    reach = 6 * (high - low) or np.inf
    return float(low - reach), float(high + reach)


def _violin(axes: Axes, place: int, values: Floats, inside: Floats, colour: str) -> None:
    """The violin of values; inside: those that are drawn."""
    least, most = inside.min(), inside.max()
    if most > least:  # kernels need a spread
        density = stats.gaussian_kde(inside)
        height = np.linspace(least, most, 100)
        half = 0.4 * density(height) / density(height).max()
        axes.fill_betweenx(height, place - half, place + half, color=colour, alpha=0.35, lw=0)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    reach = 1.5 * (high - low)
    near = values[(values >= low - reach) & (values <= high + reach)]
    for ends, width in (((near.min(), near.max()), 1), ((low, high), 5)):
        axes.vlines(place, *np.clip(ends, least, most), color=COLOURS["black"], lw=width)
    axes.plot(np.full(len(inside), place + 0.2), inside, "o", ms=4, color=colour, alpha=0.7)
    if least <= middle <= most:
        axes.plot(place, middle, "o", ms=4.5, color="white", mec=COLOURS["black"], mew=0.5)


def _arrow(axes: Axes, x: float, arrow: str, edge: float, beyond: Floats) -> None:
    """Say the values beyond an edge of the panel, 0 below and 1 above, with room for the words."""
    if len(beyond):
        ends = [f"{value:.3g}".replace("-", "−") for value in (beyond.min(), beyond.max())]
        words = ends[0] if len(beyond) == 1 else f"{len(beyond)} runs,\n{' to '.join(ends)}"
        look: dict[str, Any] = {"ha": "center", "fontsize": SMALLEST}
        side = "top" if edge else "bottom"
        above = axes.get_xaxis_transform()
        axes.text(x, edge, f"{arrow} {words}", va=side, transform=above, **look)
        axes.margins(y=0.2)


def convergence(runs: pd.DataFrame, column: str, label: str, *, profile: str) -> Figure:
    """A score when the last quarter begins against the same run's score at its end."""
    labels = (f"{label} when the last quarter begins", f"{label} at the end")

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, _: str) -> None:
        early, late = learning.quarter_and_end(of_it)
        known = early[column].notna() & late[column].notna()
        _run_by_run(row[0], late[known], early.loc[known, column], column, labels)

    return panels(runs, profile, draw, RUN_BY_RUN, bars=POINTS)


def _run_by_run(
    axes: Axes, runs: pd.DataFrame, x: ArrayLike, column: str, labels: tuple[str, str]
) -> None:
    """A point a run, its column against x, with the diagonal."""
    x = np.asarray(x, dtype=np.float64)
    for objective in sorted(runs["objective"].unique(), key=rank):
        of_it = (runs["objective"] == objective).to_numpy()
        name, colour = METHODS[objective]
        look: dict[str, Any] = {"s": 14, "color": colour, "marker": mark(objective), "alpha": 0.8}
        axes.scatter(x[of_it], runs[column][of_it], label=name, **look)
    ends = [
        min(axes.get_xlim()[0], axes.get_ylim()[0]),
        max(axes.get_xlim()[1], axes.get_ylim()[1]),
    ]
    axes.plot(ends, ends, color=COLOURS["grey"], lw=0.8, zorder=0)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.legend()
