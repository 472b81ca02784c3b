"""A Sphinx extension: figures turn dark with the page, and pictures in them weigh little.

Every figure is one SVG file. When the pages are built it gets a style of its own for dark pages,
by which a browser turns its lightness round and keeps its hues. Pictures in it stay as they are.
An image that text lies on, such as a heatmap with numbers, is turned round with its text, and so
is one that is transparent, such as a cloud of points.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sphinx.application import Sphinx

STYLE = """<style type="text/css">@media (prefers-color-scheme: dark) {
  svg:not(:has(.picture)), g:has(.picture) > :not(.picture, :has(.picture)) {
    filter: invert(0.92) hue-rotate(180deg)
  }
}</style>"""
"""White becomes the dark grey of the pages, in all that holds no picture. A page in dark mode has
the colour scheme dark, and a browser hands that to the images in it."""

NUMBER = r"(-?[\d.]+)"
IMAGE = re.compile(r'<image xlink:href="data:image/png;base64,([^"]+)" ([^>]*)>')
SCALED = re.compile(
    rf'translate\(0 -{NUMBER}\)" x="{NUMBER}" y="{NUMBER}" width="{NUMBER}" height="{NUMBER}"'
)
BY_MATRIX = re.compile(
    rf'width="{NUMBER}" height="{NUMBER}" '
    rf'transform="matrix\({NUMBER} 0 0 {NUMBER} {NUMBER} {NUMBER}\)"'
)
"""The two ways in which matplotlib says where an image lies: drawn at the figure's resolution and
upside down, or with its own pixels."""

TEXT = re.compile(r'<g id="text_\d+">.*?translate\((?P<x>[\d.]+) (?P<y>[\d.]+)\)', re.DOTALL)


def box(placed: str) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of an image in its figure, from the attributes of its tag.

    Raises: ValueError when the tag is none that matplotlib writes.
    """
    if found := SCALED.search(placed):
        tall, x, y, wide, height = map(float, found.groups())
        top, bottom = tall - y - height, tall - y
        return x, x + wide, top, bottom
    if found := BY_MATRIX.search(placed):
        wide, height, across, down, x, y = map(float, found.groups())
        top, bottom = sorted((y, y + height * down))
        return x, x + wide * across, top, bottom
    raise ValueError(f"expected an image as matplotlib places it, got {placed[:200]!r}")


def lighter(picture: Image.Image) -> bytes:
    """An opaque picture as a PNG of the same pixels: without the transparency that matplotlib
    writes, and with a palette where 256 colours are enough."""
    plain = picture.convert("RGB")
    if colours := plain.getcolors(256):
        plain = plain.convert("P", palette=Image.Palette.ADAPTIVE, colors=len(colours))
    packed = BytesIO()
    plain.save(packed, format="png", optimize=True)
    return packed.getvalue()


def darkened(svg: str) -> str:
    """A figure of matplotlib with the style for dark pages, and its pictures marked.

    Opaque images become lighter on the way, so that a page of many pictures is soon there.

    Raises: ValueError when an image in it is not placed as matplotlib places images.
    """
    texts = [(float(found["x"]), float(found["y"])) for found in TEXT.finditer(svg)]

    def marked(found: re.Match[str]) -> str:
        png, placed = found.groups()
        left, right, top, bottom = box(placed)
        has_text = any(left <= x <= right and top <= y <= bottom for x, y in texts)
        with Image.open(BytesIO(b64decode(png))) as image:
            opaque = image.convert("RGBA").getchannel("A").getextrema()[0] == 255
            if opaque:
                png = b64encode(lighter(image)).decode("ascii")
        mark = ' class="picture"' if opaque and not has_text else ""
        return f'<image{mark} xlink:href="data:image/png;base64,{png}" {placed}>'

    return IMAGE.sub(marked, svg).replace("</metadata>", f"</metadata>\n {STYLE}", 1)


def darken(app: Sphinx, error: Exception | None) -> None:
    """Give every figure of the built pages its style for dark pages."""
    for path in sorted((Path(app.outdir) / "_images").glob("*.svg")):
        svg = path.read_text("utf-8")
        if STYLE not in svg:
            path.write_text(darkened(svg), "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.connect("build-finished", darken)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
