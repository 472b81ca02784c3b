"""A Sphinx extension: the id of a statement leads to its row of the ledger, and the row back.

Chapters write ids as plain text, "(C-04)", and show them in badges and in tables of verdicts. Here
they become links when the pages are built, so that no chapter has to be edited or run for it. The
first badge or table row with an id is the place in the chapter to which the ledger's row leads.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from disentangled import records

LEDGER = "book/ledger"
ID = r"[A-D]-(?:[0-9]{2}|[a-z][a-z0-9]*(?:-[a-z0-9]+)*)"
IN_PROSE = re.compile(rf"(?<![\w-]){ID}(?![\w-])")
IN_HTML = re.compile(rf"<(?P<tag>strong|th)>(?P<name>{ID})</(?P=tag)>")
"""How badges and tables of verdicts write an id."""

NOT_PROSE = (nodes.reference, addnodes.pending_xref, nodes.literal, nodes.literal_block,
             nodes.title, nodes.math, nodes.raw)  # fmt: skip


def label(id: str) -> str:
    """The label of the place in a chapter where a statement is checked, for the ledger."""
    return f"check-{id.lower()}"


def in_prose(doctree: nodes.document, known: set[str]) -> None:
    """Turn the ids in a page's text into references to their rows."""
    for text in list(doctree.findall(nodes.Text)):
        if not IN_PROSE.search(text) or _inside(text, NOT_PROSE):
            continue
        pieces: list[nodes.Node] = []
        end = 0
        for match in IN_PROSE.finditer(text):
            if match[0] in known:
                pieces += [nodes.Text(text[end : match.start()]), _reference(match[0])]
                end = match.end()
        text.parent.replace(text, [*pieces, nodes.Text(text[end:])])


def _inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def _reference(id: str) -> nodes.Node:
    wanted = {"refdomain": "std", "reftype": "ref", "reftarget": id.lower(), "refexplicit": True}
    return addnodes.pending_xref("", nodes.inline("", id, classes=["row-link"]), **wanted)


def in_html(doctree: nodes.document, known: set[str], ledger: str) -> set[str]:
    """Turn the ids in a page's badges and tables into links; the ids that were found.

    The first one of an id gets the anchor, which is the id in small letters.

    ledger: the address of the ledger, seen from the page.
    """
    found: set[str] = set()

    def linked(match: re.Match[str]) -> str:
        tag, name = match["tag"], match["name"]
        if name not in known:
            return match[0]
        anchor = "" if name in found else f' id="{name.lower()}"'
        found.add(name)
        return f'<{tag}{anchor}><a href="{ledger}#{name.lower()}">{name}</a></{tag}>'

    for raw in doctree.findall(nodes.raw):
        if "html" in raw.get("format", ""):
            raw[:] = [nodes.Text(IN_HTML.sub(linked, raw.astext()))]
    return found


def link(app: Sphinx, doctree: nodes.document) -> None:
    """Link the ids of a page that was read."""
    page, rows = app.env.docname, records.statements()
    known = set(rows["id"])
    in_prose(doctree, known)
    if page != LEDGER:
        found = in_html(doctree, known, app.builder.get_relative_uri(page, LEDGER))
        places = app.env.get_domain("std").anonlabels
        of_page = set(rows.loc[rows["chapter"] == page.rpartition("/")[2], "id"])
        places.update({label(name): (page, name.lower()) for name in found & of_page})


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.connect("doctree-read", link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
