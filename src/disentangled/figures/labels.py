"""Names of curves, written where the curves end: no legend to look up."""

from __future__ import annotations

from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.container import ErrorbarContainer
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from disentangled.figures.style import SMALLEST
from disentangled.tables import Floats

LINE = 1.6
"""Heights of the letters from one label to the next, if they are as near as can be."""

ASIDE = 10
"""Points from the panel to the labels, which thin lines cross."""

FAR = 0.2
"""A curve that ends by more than this share of the panel's width before it is named inside."""

LIGHTEST = 1.05 / 4.5 - 0.05
"""Relative luminance of the lightest text on white that WCAG 2.1 lets pass."""


def name_ends(axes: Axes) -> None:
    """Write the label of each curve right of the panel, at the height at which the curve ends.

    Curves are lines and error bars that have a label, as a legend takes them. One that leaves the
    panel ends there; if that is far from the right side its label stands inside. Where ends are
    near, labels move apart, by as little as can be, and thin lines lead to the ends. Call it last,
    when limits and scales are set.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None  # axes that are drawn in have one
    figure.draw_without_rendering()  # the layout, which says how high the panel is
    box = axes.get_window_extent()
    width, height = (72 * side / figure.dpi for side in (box.width, box.height))  # points
    handles, names = axes.get_legend_handles_labels()
    found = [h.lines[0] if isinstance(h, ErrorbarContainer) else h for h in handles]
    curves = [cast(Line2D, line) for line in found]
    ends = np.array([_end(axes, curve) for curve in curves])
    places = ends.copy()
    outside = ends[:, 0] > 1 - FAR
    places[outside, 0] = 1
    places[outside, 1] = apart(ends[outside, 1], LINE * SMALLEST / height)
    places[:, 0] += ASIDE / width
    for curve, name, end, place in zip(curves, names, ends, places, strict=True):
        colour = ink(curve.get_color())
        _ = axes.annotate(
            name, tuple(end), tuple(place), "axes fraction", "axes fraction",
            {"arrowstyle": "-", "lw": 0.6, "color": colour, "relpos": (0, 0.5), "shrinkA": 1},
            annotation_clip=False, color=colour, fontsize=SMALLEST, va="center",
        )  # fmt: skip


def apart(places: ArrayLike, gap: float) -> Floats:
    """The places nearest to some, by least squares, any two of which are a gap apart.

    Of equal places the first becomes the highest, as in a legend.
    """
    wanted = np.asarray(places, dtype=np.float64)
    order = np.lexsort((-np.arange(len(wanted)), wanted))
    steps = gap * np.arange(len(wanted))
    moved = np.empty_like(wanted)
    moved[order] = isotonic_regression(wanted[order] - steps).x + steps
    return moved


def ink(colour: ColorType) -> str:
    """A colour, darkened in equal parts as far as text on white must be, 4.5:1 in contrast."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    linear *= LIGHTEST / max(luminance, LIGHTEST)
    red, green, blue = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    return to_hex((red, green, blue))


def _end(axes: Axes, curve: Line2D) -> Floats:
    """Where a curve is last in the panel, in shares of its width and height, (2,)."""
    in_panel = (curve.get_transform() - axes.transAxes).transform(curve.get_xydata())
    path = in_panel[np.isfinite(in_panel).all(1)]
    fine = np.linspace(0, len(path) - 1, 100 * len(path))
    x, y = (np.interp(fine, np.arange(len(path)), side) for side in path.T)
    seen = np.flatnonzero((np.abs(x - 0.5) <= 0.501) & (np.abs(y - 0.5) <= 0.501))
    last = seen[-1] if len(seen) else -1
    return np.clip([x[last], y[last]], 0, 1)
