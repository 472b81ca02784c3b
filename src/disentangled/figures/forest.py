"""The claims of a chapter side by side: intervals by family, and beside published effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory

from disentangled import verdicts
from disentangled.figures.style import COLOURS, PAGE_WIDTH, finish
from disentangled.records import Record

LOOKS = {
    "reproduced": ("o", COLOURS["green"]),
    "reproduced in sign": ("D", COLOURS["blue"]),
    "not reproduced": ("s", COLOURS["vermilion"]),
    "inconclusive": ("v", COLOURS["grey"]),
}
"""Marker and colour of the effect by verdict."""

WIDEST = 12.0
"""Multiples of Δ at which the axis ends; intervals that go on beyond it end in an arrow."""

LINE = 0.25  # inches of a claim, or of a family's name
REST = 1.15  # inches of the axis below and the caption

Facts = Mapping[str, Any]


KEYS = ("low", "effect", "high")


def tested(decided: Sequence[Record], profile: str) -> dict[str, tuple[str, Facts]]:
    """The claims that have an interval, by id: the profile that leads, and its facts.

    Raises:
        ValueError: a claim whose Δ is not above 0, or whose interval has no number for an end.
    """
    leading: dict[str, tuple[str, Facts]] = {r.id: r.leading(profile) for r in decided}
    found = {name: of for name, of in leading.items() if "low" in of[1]}
    for name, (_, facts) in found.items():
        if not 0 < float(facts["matters"]) < np.inf:
            raise ValueError(
                f"expected Δ of {name} above 0 and finite, got {facts['matters']}; declare it in "
                "statements/claims.csv"
            )
        if np.isnan([float(facts[key]) for key in KEYS]).any():
            raise ValueError(
                f"expected an effect and an interval of {name}, got "
                f"{', '.join(f'{key} {facts[key]}' for key in KEYS)}; run the chapter again, and "
                "leave out runs without the quantity"
            )
    return found


def forest(decided: Sequence[Record], *, profile: str) -> Figure | None:
    """Effect and 95 % interval of every tested claim in units of its Δ, by family.

        position = effect / Δ

    Between the dashed lines an effect is too small to matter. An open diamond is the published
    effect, where there is one. Of each claim the leading profile is drawn (`Record.leading`).

    Returns: the figure; None where no claim has rows.
    """
    found = tested(decided, profile)
    if not found:
        return None
    families = list(dict.fromkeys(facts["family"] for _, facts in found.values()))
    n_lines = len(found) + len(families)
    figure, axes = plt.subplots(figsize=(PAGE_WIDTH, REST + LINE * n_lines))
    axes.axvline(0, color=COLOURS["black"], lw=0.8)
    for side in (-1, 1):
        axes.axvline(side, color=COLOURS["grey"], lw=0.8, ls="--")
    heights, labels, y = [], [], 0.0
    for family in families:
        _name_family(axes, family, y)
        for name, (of, facts) in found.items():
            if facts["family"] == family:
                y += 1
                _draw(axes, y, facts)
                heights.append(y)
                where = "" if of == profile else f", {of}"
                labels.append(f"{name}, {facts['n_seeds']} seeds{where}")
        y += 1
    axes.set_yticks(heights, labels)
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(y, -0.7), xlim=_limits(found), xlabel="effect, in units of Δ")
    _explain(axes, [facts for _, facts in found.values()])
    on = dict.fromkeys(one for _, facts in found.values() for one in facts["on"].split(", "))
    return finish(figure, profile, ", ".join(on), bars="bars: 95 % interval")


def _limits(found: Mapping[str, tuple[str, Facts]]) -> tuple[float, float]:
    """From the lowest to the highest end of an interval, Δ at least and `WIDEST` at most."""
    ends = [_in_units(facts, key) for _, facts in found.values() for key in ("low", "high")]
    ends += [_in_units(f, "published") for _, f in found.values() if "published" in f]
    return max(-WIDEST, min([*ends, -1.0]) - 0.5), min(WIDEST, max([*ends, 1.0]) + 0.5)


def _in_units(facts: Facts, key: str) -> float:
    return float(facts[key]) / float(facts["matters"])  # infinity is kept as text


def _name_family(axes: Axes, family: str, y: float) -> None:
    across = blended_transform_factory(axes.transAxes, axes.transData)
    on_white = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axes.text(0.01, y, family, transform=across, va="center", fontweight="bold", bbox=on_white)


def _draw(axes: Axes, y: float, facts: Facts) -> None:
    marker, colour = LOOKS[facts["verdict"]]
    low, middle, high = (_in_units(facts, key) for key in KEYS)
    ends = np.clip([low, high], -WIDEST, WIDEST)
    axes.plot(ends, [y, y], color=colour, lw=1.6)
    if low < -WIDEST:
        axes.plot(-WIDEST, y, marker="<", color=colour, clip_on=False)
    if high > WIDEST:
        axes.plot(WIDEST, y, marker=">", color=colour, clip_on=False)
    if abs(middle) <= WIDEST:
        axes.plot(middle, y, marker=marker, color=colour, ms=6.5)
    if "published" in facts:
        axes.plot(_in_units(facts, "published"), y, "D", mfc="none", mec=COLOURS["black"], ms=7)


def _explain(axes: Axes, found: Sequence[Facts]) -> None:
    """A legend of the verdicts that occur, and of published effects where there are any."""
    handles = [
        Line2D([], [], marker=marker, color=colour, label=verdict)
        for verdict, (marker, colour) in LOOKS.items()
        if any(facts["verdict"] == verdict for facts in found)
    ]
    if any("published" in facts for facts in found):
        handles.append(
            Line2D([], [], marker="D", mfc="none", mec=COLOURS["black"], ls="", label="published")
        )
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(handles))


def beside_published(decided: Sequence[Record], *, profile: str) -> pd.DataFrame:
    """Our effect of every claim that has a published one, and whether that lies in our interval.

    Returns: a line a claim (index: id). Columns: quantity, profile (of our rows), ours, low and
        high (the 95 % interval), published, by, and inside, "yes" or "no".
    """
    lines = {
        name: {
            "quantity": facts["quantity"],
            "profile": of,
            "ours": facts["effect"],
            "low": facts["low"],
            "high": facts["high"],
            "published": facts["published"],
            "by": facts["by"],
            "inside": "yes"
            if float(facts["low"]) <= float(facts["published"]) <= float(facts["high"])
            else "no",
        }
        for name, (of, facts) in tested(decided, profile).items()
        if "published" in facts
    }
    columns = ["quantity", "profile", "ours", "low", "high", "published", "by", "inside"]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns)


MULTIPLES = (1, 2, 4)
"""Multiples of Δ for which the power is told."""


def power(decided: Sequence[Record], *, profile: str) -> pd.DataFrame:
    """How probably the claims that ask for *more* would show a true effect of Δ and multiples.

    Returns: a line a claim that has an interval (index: id). Columns: profile (of our rows),
        seeds, Δ, and a probability for each of `MULTIPLES` (`verdicts.power`).
    """
    lines = {}
    for name, (of, facts) in tested(decided, profile).items():
        if facts["asks"] != "more":
            continue
        low, high, matters = (float(facts[key]) for key in ("low", "high", "matters"))
        shown = [verdicts.power(low, high, n * matters, facts["n_family"]) for n in MULTIPLES]
        lines[name] = [of, facts["n_seeds"], matters, *shown]
    heads = ["Δ" if n == 1 else f"{n} Δ" for n in MULTIPLES]
    columns = ["profile", "seeds", "Δ is", *(f"shown if the effect is {head}" for head in heads)]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns)
