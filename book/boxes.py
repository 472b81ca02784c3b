"""A Sphinx extension: every figure lies in a box that scrolls where a screen is narrow.

On a phone a figure is shown wide enough for its text to be read (pages.css), wider than the page.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

BOX = "figure-box"
"""The class of the boxes, which pages.css and pages.js know."""


def box(doctree: nodes.document) -> None:
    """Put every image that stands alone, not in a line of text, into a box of its own."""
    for image in list(doctree.findall(nodes.image)):
        if not isinstance(image.parent, nodes.TextElement):
            around = nodes.container(classes=[BOX])
            image.replace_self(around)
            around += image


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.connect("doctree-resolved", lambda app, doctree, page: box(doctree))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
