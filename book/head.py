"""A Sphinx extension: what the head of a page says, and what it does not load."""

from __future__ import annotations

import textwrap
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 160
"""Characters of a description that search engines show."""


def description(doctree: nodes.document) -> str:
    """The first paragraph of a page, cut at a word; empty where there is none."""
    first = next(iter(doctree.findall(nodes.paragraph)), None)
    return textwrap.shorten(first.astext(), LONGEST, placeholder=" …") if first else ""


def describe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add a page's description to its head."""
    said = description(doctree) if doctree else ""
    if said:
        context["metatags"] += f'\n<meta name="description" content="{escape(said)}" />'


def without_thebe(app: Sphinx) -> None:
    """Jupyter Book loads Thebe, which runs cells on a server, on every page, and twice: the second
    time is an error in the browser's console. These pages ask no server for anything."""
    listeners = app.events.listeners
    for name in ("env-before-read-docs", "doctree-resolved"):
        kept = [at for at in listeners[name] if at.handler.__module__ != "sphinx_thebe"]
        listeners[name] = kept


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.connect("config-inited", lambda app, config: without_thebe(app))
    app.connect("html-page-context", describe)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
