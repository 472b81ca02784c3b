"""Sliders on closed forms: the page itself computes the figure at the slider's value.

`slider` writes a form into a page: the name of a formula, the numbers that it needs, and the
panels that show what comes out. `book/_static/forms_gaussian.js` and `forms_discrete.js` have the
formulas, and `closed_forms.js` draws. Without JavaScript, on
paper and in Jupyter the figure at the first value shown stands in its place; for Jupyter a chapter
has `sliders.live` besides.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from IPython.display import HTML
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from disentangled.arrays import numbers
from disentangled.claims import Chapter
from disentangled.figures import sliders

DIGITS = 4
"""Decimal places of draws that travel with a page, finer than a pixel."""


class Axis(NamedTuple):
    """An axis of a panel: its ends, its name, and (value, text) of every tick.

    log: whether it is logarithmic; line: whether it is drawn.
    """

    low: float
    high: float
    label: str = ""
    ticks: Sequence[tuple[float, str]] = ()
    log: bool = False
    line: bool = True


class Panel(NamedTuple):
    """A part of a figure, in pixels at its own size.

    title: unless the formula gives one that goes with the value.
    width: of the whole panel.
    height: between the axes; None gives both axes one unit.
    right: room beside the axes, where labels stand.
    """

    x: Axis
    y: Axis
    title: str = ""
    width: int = 200
    height: int | None = None
    right: int = 8


class Form(NamedTuple):
    """A closed form in a page: the formula's name, what it is given, and the panels, in order."""

    formula: str
    parameters: Mapping[str, Any]
    panels: Sequence[Panel]


def plane(reach: float, across: str = "", upward: str = "", **settings: Any) -> Panel:
    """A square panel from -reach to reach, without ticks; `settings` are of `Panel`."""
    named = bool(across)
    x, y = Axis(-reach, reach, across, line=named), Axis(-reach, reach, upward, line=named)
    return Panel(x, y, **settings)


def draws(values: ArrayLike) -> list[Any]:
    """Numbers as they travel with a page: nested lists, `DIGITS` decimal places."""
    written: list[Any] = numbers(values, "values").astype(float).round(DIGITS).tolist()
    return written


def slider(
    page: Chapter,
    name: str,
    values: Sequence[float],
    draw: Callable[[float], Figure],
    form: Form,
    *,
    label: str,
    alt: Callable[[float], str],
    start: int = 0,
    digits: int = 2,
) -> HTML:
    """A slider whose figure the page computes at each of the values.

    Args:
        page: the chapter, which may hold `sliders.MAX_READ` of them.
        name: of the slider, unique in the book; addresses carry it.
        values: what the slider runs over, in order.
        draw: the figure of a value, of which one stands in a page without JavaScript.
        form: what the page computes.
        label: what the slider moves, in words and with its symbol.
        alt: the figure of a value in words.
        start: position shown first.
        digits: decimal places of the value beside the slider.

    Raises:
        ValueError: two values or fewer, a start that is no position, or forms that are too large.
    """
    if len(values) < 3:
        raise ValueError(
            f"slider {name!r} needs at least three values, got {len(values)}: a choice of two is "
            "no slider"
        )
    if not 0 <= start < len(values):
        raise ValueError(f"start must be from 0 to {len(values) - 1}, got {start}")
    written = json.dumps(
        {
            "formula": form.formula,
            "parameters": dict(form.parameters),
            "panels": [_written(panel) for panel in form.panels],
            "values": list(values),
            "start": start,
            "digits": digits,
            "label": label,
        },
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    sliders.allow_to_read(page, name, written)
    picture = base64.b64encode(_svg(draw(values[start]))).decode("ascii")
    said = html.escape(alt(values[start]), quote=True)
    return HTML(
        f'<div class="closed-form" id="{html.escape(name, quote=True)}">'
        f'<div class="closed-static"><img alt="{said}"'
        f' src="data:image/svg+xml;base64,{picture}"></div>'
        # "<" would let a text end the script
        f'<script type="application/json">{written.replace("<", chr(92) + "u003c")}</script></div>'
    )


def _written(panel: Panel) -> dict[str, Any]:
    return panel._asdict() | {"x": panel.x._asdict(), "y": panel.y._asdict()}


def _svg(figure: Figure) -> bytes:
    """The figure as SVG without a date, the same bytes in every run, and close it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", dpi=200, metadata={"Date": None})
    plt.close(figure)
    return buffer.getvalue()
