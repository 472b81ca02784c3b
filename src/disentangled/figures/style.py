"""Figures of the book: one style, one caption line, and pictures that several chapters share."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.core.getipython import get_ipython
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.text import Text
from matplotlib_inline.config import InlineBackend
from numpy.typing import ArrayLike
from PIL import Image

PAGE_WIDTH = 7.0
"""Inches of a page's text on a screen 1,280 pixels wide; figures are at most as wide, so that a
point in a figure is a point on the page."""

SMALLEST = 8.0
"""Points of the smallest text in a figure."""

COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
    "black": "#222222",
    "grey": "#8A8A8A",
}
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""

CAPTION = "#595959"
"""The caption line has a grey that is dark enough to read."""

PARTS = {
    "mutual_info": ("$I(z;n)$", COLOURS["blue"]),
    "total_corr": ("$TC(z)$", COLOURS["vermilion"]),
    "axis_kl": (r"$\sum_j KL(q(z_j)\,\Vert\,p(z_j))$", COLOURS["green"]),
}
"""Label and colour of each part of the KL term, the same in every figure."""

SCHEMES = {
    "naive": ("naive", COLOURS["blue"], "o-"),
    "mws": ("mws (eq. 3)", COLOURS["vermilion"], "s-"),
    "mss": ("mss", COLOURS["green"], "^-"),
    "mss_released": ("mss, as released", COLOURS["sky"], "v--"),
    "uniform": ("uniform", COLOURS["orange"], "D--"),
}
"""Label, colour, and marker with line of each minibatch estimate of q(z), in every figure."""

WIDE = ("naive", "mss")
"""Schemes whose lines are drawn wide, since those of others often lie on top of them."""

MARKS = ("o", "s", "^", "v", "D", "P", "X", "*")
"""Markers that tell curves and points apart where colours do not reach a reader."""

STYLE = {
    "figure.facecolor": "white",
    "figure.dpi": 110,
    "figure.figsize": (PAGE_WIDTH, 3.0),
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "savefig.transparent": False,
    "svg.hashsalt": "disentangled",  # names of clips and glyphs: the same in every run
    "font.size": 9,
    "axes.titlesize": 9.5,
    "legend.fontsize": SMALLEST,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": COLOURS["grey"],
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=list(COLOURS.values())),
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "image.cmap": "cividis",
}


INLINE: dict[str, Any] = {"bbox_inches": None, "dpi": 200, "metadata": {"Date": None}}
"""Notebooks save figures at the size that was asked for, with fine rasters and without a date."""


def use_style() -> None:
    """Set matplotlib to the book's look: opaque white, thin spines, colours for everyone.

    In a notebook figures become SVG, the same bytes in every run.
    """
    plt.style.use(["default", STYLE])
    shell = get_ipython()
    if shell is not None:
        backend = InlineBackend.instance(parent=shell)
        backend.print_figure_kwargs = dict(INLINE)
        backend.figure_formats = {"svg"}


def caption(profile: str, source: str, *, seeds: int = 0, bars: str = "") -> str:
    """The line under a figure: profile, where the data come from, seeds, what the bars are.

    Raises:
        ValueError: seeds without a word on what the bars show.
    """
    if seeds and not bars:
        raise ValueError("say what the bars of a figure with seeds are, or that it has none")
    parts = [f"profile {profile}", source, f"{seeds} seeds" if seeds else "", bars]
    return " · ".join(part for part in parts if part)


def finish(
    figure: Figure,
    profile: str,
    source: str,
    *,
    seeds: int = 0,
    bars: str = "",
    further: Sequence[str] = (),
) -> Figure:
    """Put the caption line under a figure, and a watermark over it under the smoke profile.

    further: the lines of larger profiles that have panels of their own.

    Raises:
        ValueError: a figure wider than the page, or text of it smaller than `SMALLEST`.
    """
    width, least = float(figure.get_figwidth()), 0.6 * SMALLEST  # of a character, in points
    lines = [
        part
        for line in (caption(profile, source, seeds=seeds, bars=bars), *further)
        for part in textwrap.wrap(line, int(72 * width / least))
    ]
    label = "\n".join(lines)
    look = {"fontsize": SMALLEST, "color": CAPTION, "x": 0.995, "ha": "right"}
    figure.supxlabel(label, parse_math=False, **look)  # sources are text of rows
    if profile == "smoke":
        figure.text(
            0.5, 0.5, "smoke", fontsize=60, color="#DDDDDD", alpha=0.5, rotation=20,
            ha="center", va="center", zorder=10,
        )  # fmt: skip
    _fits_the_page(figure)
    return figure


def not_run(profile: str) -> Figure:
    """In the place of a figure whose runs are missing."""
    figure, axes = plt.subplots(figsize=(PAGE_WIDTH, 1.0))
    axes.text(0.5, 0.5, "not run: the rows of this figure are not there", ha="center", va="center")
    axes.set_axis_off()
    return finish(figure, profile, "no rows")


def _fits_the_page(figure: Figure) -> None:
    width = figure.get_figwidth()
    if width > PAGE_WIDTH:
        raise ValueError(
            f"a page's text is {PAGE_WIDTH:g} inches wide, the figure {width:g}: a wider one is"
            " shown smaller, and its text with it"
        )
    for text in figure.findobj(Text):
        if text.get_text() and float(text.get_fontsize()) < SMALLEST:
            raise ValueError(
                f"text of a figure has at least {SMALLEST:g} points,"
                f" {text.get_text()!r} has {text.get_fontsize():g}"
            )


def png(figure: Figure, *, colours: int = 64) -> bytes:
    """Render a figure at 100 dots per inch into an opaque PNG of few colours, and close it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, facecolor="white")
    plt.close(figure)
    picture = (
        Image.open(buffer)
        .convert("RGB")
        .quantize(colours, method=Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    )
    packed = io.BytesIO()
    picture.save(packed, format="png", optimize=True)
    return packed.getvalue()


def heatmap(
    axes: Axes, values: ArrayLike, rows: list[str], columns: list[str], *, top: float
) -> None:
    """Draw a small matrix with its numbers written in the cells; colours run from 0 to top."""
    matrix = np.asarray(values, dtype=float)
    axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1.25 * top, aspect="auto", interpolation="none")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (i, j), value in np.ndenumerate(matrix):
        shade = "white" if value > 0.75 * top else COLOURS["black"]
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=shade)


def image_grid(
    rows: Mapping[str, ArrayLike],
    *,
    columns: Sequence[str] = (),
    width: float = PAGE_WIDTH,
    tallest: float = 3.2,
) -> Figure:
    """Rows of pictures, each named at its left; blank where a row is shorter than the others.

    Args:
        rows: name -> images (n, C, H, W), uint8 or floats in [0, 1], C one or three; rows may
            differ in size.
        columns: titles above the pictures.
        width, tallest: of the figure in inches; pictures are smaller where there are many rows.
    """
    pictures = {name: _displayable(images) for name, images in rows.items()}
    n_columns = max(len(images) for images in pictures.values())
    height = min(tallest, width / (n_columns + 1) * (len(pictures) + 0.3))
    figure, panels = plt.subplots(
        len(pictures), n_columns, figsize=(width, height), squeeze=False, layout="compressed"
    )
    for line, (name, images) in zip(panels, pictures.items(), strict=True):
        for axes, image in zip(line, images, strict=False):
            # not resampled: the file keeps the picture's own pixels
            axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="none")
        for axes in line:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)
    for axes, title in zip(panels[0], columns, strict=False):
        axes.set_title(title, fontsize=SMALLEST, loc="center")
    return figure


def _displayable(images: ArrayLike) -> np.ndarray:
    """Images (n, C, H, W) as (n, H, W) or (n, H, W, 3), floats from 0 to 1."""
    pixels = np.asarray(images)
    if pixels.dtype == np.uint8:
        pixels = pixels / 255
    return pixels[:, 0] if pixels.shape[1] == 1 else np.moveaxis(pixels, 1, -1)
