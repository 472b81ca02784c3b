r"""Sliders that move without a kernel: every picture is drawn beforehand.

`slider` chooses which picture of a stack is shown; the link between the two lives in the page,
so that a published page moves with no kernel behind it; `live` has one draw at any value, in
Jupyter. Frames are for pictures that a page cannot compute: of trained models, and of scores that
take training. Where a closed form is all that is shown, the page computes it (`closed_forms`).
Frames are PNG of few colours: tens of them as SVG would be too heavy for a page. Labels take math
as ``\(\beta\)``. A choice of two is a menu and no slider.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence
from typing import Any

from ipywidgets import HTML, Dropdown, FloatSlider, IntSlider, Layout, Stack, VBox, jslink
from matplotlib.figure import Figure

from disentangled.claims import Chapter
from disentangled.figures.style import png

MAX_FRAMES = 64
MAX_BYTES = 1_000_000
MAX_READ = 600_000
"""Bytes of models and of closed forms that the scripts of a page may have to read."""

LIVE_STEPS = 200  # places of a live slider


def slider(
    page: Chapter,
    name: str,
    values: Sequence[Any],
    draw: Callable[[Any], Figure],
    *,
    label: str,
    alt: Callable[[Any], str],
    start: int = 0,
) -> VBox:
    """A slider over pictures, one a value.

    Args:
        page: the chapter, whose sliders together keep the limits of a page.
        name: of the slider, unique in the chapter.
        values: what the slider runs over, in order.
        draw: the picture of a value; it should print the value.
        label: text beside the slider.
        alt: the picture in words: its value and what one sees.
        start: position shown first.

    Raises:
        ValueError: more than 64 frames or 1 MB of pictures on the page.
    """
    _allow(page, name, len(values), 0)
    frames = [_frame(draw(value), alt(value)) for value in values]
    _allow(page, name, len(frames), sum(len(frame.value) for frame in frames))
    handle, stack = _handle(label, values, start), Stack(frames, selected_index=start)
    _link(handle, stack)
    return VBox([handle, stack])


def two_sliders(
    page: Chapter,
    name: str,
    first: Sequence[Any],
    second: Sequence[Any],
    draw: Callable[[Any, Any], Figure],
    *,
    labels: tuple[str, str],
    alt: Callable[[Any, Any], str],
    start: tuple[int, int] = (0, 0),
) -> VBox:
    """Two sliders over a grid of pictures, one a pair of values; the rest as in `slider`."""
    n_frames = len(first) * len(second)
    _allow(page, name, n_frames, 0)
    rows = [[_frame(draw(a, b), alt(a, b)) for b in second] for a in first]
    _allow(page, name, n_frames, sum(len(frame.value) for row in rows for frame in row))
    upper = _handle(labels[0], first, start[0])
    lower = _handle(labels[1], second, start[1])
    inner = [Stack(row, selected_index=start[1]) for row in rows]
    outer = Stack(inner, selected_index=start[0])
    _link(upper, outer)
    for stack in inner:
        _link(lower, stack)
    return VBox([upper, lower, outer])


def live(
    draw: Callable[[float], Figure],
    low: float,
    high: float,
    *,
    label: str,
    alt: Callable[[float], str],
    start: float,
) -> VBox:
    """A slider over all values from low to high whose picture the kernel draws as it moves.

    For Jupyter: without a kernel the handle moves and the picture stays, so that a chapter tags
    the cell `remove-output` and shows a `slider` in its page.

    Args:
        draw, alt, label: as in `slider`.
        low, high: the ends of the range.
        start: the value shown first.

    Raises:
        ValueError: a start that is not from low to high.
    """
    if not low <= start <= high:
        raise ValueError(f"start must be from {low} to {high}, got {start}")
    handle = FloatSlider(
        value=start,
        min=low,
        max=high,
        step=(high - low) / LIVE_STEPS,
        description=label,
        continuous_update=False,  # a picture takes longer than a pixel of the mouse
        layout=Layout(width="min(100%, 32em)"),
    )
    picture = _frame(draw(start), alt(start))

    def redraw(change: dict[str, Any]) -> None:
        picture.value = _frame(draw(change["new"]), alt(change["new"])).value

    handle.observe(redraw, "value")
    return VBox([handle, picture])


def _handle(label: str, values: Sequence[Any], start: int) -> IntSlider | Dropdown:
    """A slider over the positions of the values; of two values a menu."""
    if len(values) == 2:
        return Dropdown(options=[str(value) for value in values], index=start, description=label)
    return IntSlider(
        value=start,
        min=0,
        max=len(values) - 1,
        description=label,
        readout=False,
        layout=Layout(width="min(100%, 32em)"),
    )


def _link(handle: IntSlider | Dropdown, stack: Stack) -> None:
    """Let the handle choose a picture of the stack, in the page itself."""
    chosen = "index" if isinstance(handle, Dropdown) else "value"
    jslink((handle, chosen), (stack, "selected_index"))


def _frame(figure: Figure, alt: str) -> HTML:
    data = base64.b64encode(png(figure)).decode("ascii")
    return HTML(
        f'<img alt="{html.escape(alt, quote=True)}" style="max-width:100%"'
        f' src="data:image/png;base64,{data}">'
    )


def _allow(page: Chapter, name: str, n_frames: int, n_bytes: int) -> None:
    """Count a slider's frames and bytes to the page; more than it may hold is an error."""
    page.sliders[name] = (n_frames, n_bytes)
    frames = sum(n for n, _ in page.sliders.values())
    size = sum(n_bytes for n, n_bytes in page.sliders.values() if n)
    if frames > MAX_FRAMES or size > MAX_BYTES:
        raise ValueError(
            f"slider {name!r} brings chapter {page.name} to {frames} frames and"
            f" {size / 1e6:.2f} MB; a page may hold {MAX_FRAMES} frames and"
            f" {MAX_BYTES / 1e6:.0f} MB: take fewer values or smaller pictures"
        )


def allow_to_read(page: Chapter, name: str, written: str) -> None:
    """Count to the page what one of its scripts will read; frames have limits of their own.

    Raises:
        ValueError: more than `MAX_READ` on the page.
    """
    page.sliders[name] = (0, len(written))
    total = sum(n_bytes for n_frames, n_bytes in page.sliders.values() if not n_frames)
    if total > MAX_READ:
        raise ValueError(
            f"{name!r} brings chapter {page.name} to {total / 1e3:.0f} kB, and a page may hold "
            f"{MAX_READ / 1e3:.0f} kB that its scripts read: take fewer or smaller models, or "
            "give a closed form fewer numbers"
        )
