"""A Sphinx extension: every chapter ends with how to cite it.

Title and name are the chapter's, all else stands in CITATION.cff. It is added when the pages are
built, so that no chapter has to be edited or run for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx

CFF = Path(__file__).resolve().parents[1] / "CITATION.cff"
CHAPTERS = "book/chapters/"
HEADING = "Cite this chapter"


def authors(cff: Mapping[str, Any]) -> list[str]:
    """The authors' names, persons as "given family", a group as it is."""
    return [
        a["name"] if "name" in a else f"{a['given-names']} {a['family-names']}"
        for a in cff["authors"]
    ]


def bibtex(name: str, title: str, cff: Mapping[str, Any], address: str) -> str:
    """An entry of BibTeX for a chapter; year and address where they are known.

    Args:
        name: the stem of the chapter's file.
        title: of the chapter.
        cff: the content of CITATION.cff.
        address: where the chapter can be read, or nothing.
    """
    fields = {
        "author": " and ".join(f"{{{author}}}" for author in authors(cff)),
        "title": f"{{{title}}}",
        "booktitle": f"{{{cff['title']}}}",
        "year": str(cff.get("date-released", ""))[:4],
        "note": f"Version {cff['version']}",
        "url": address,
    }
    lines = [f"  {key} = {{{value}}}," for key, value in fields.items() if value]
    return "\n".join([f"@incollection{{disentangled_{name},", *lines, "}"])


def section(name: str, title: str, cff: Mapping[str, Any], address: str) -> nodes.section:
    """The end of a chapter: one sentence, and the same as BibTeX."""
    found = nodes.section(ids=["cite-this-chapter"], names=[HEADING.lower()])
    said = nodes.paragraph()
    said += nodes.Text(f"{', '.join(authors(cff))}: “{title}”, a chapter of ")
    said += nodes.emphasis("", cff["title"])
    said += nodes.Text(f", version {cff['version']}")
    if address:
        said += [nodes.Text(", "), nodes.reference("", address, refuri=address)]
    said += nodes.Text(". Please cite the paper as well whose result you use.")
    entry = bibtex(name, title, cff, address)
    found += [nodes.title("", HEADING), said, nodes.literal_block(entry, entry, language="bibtex")]
    return found


def add(app: Sphinx, doctree: nodes.document) -> None:
    """Add the section to a chapter that was read."""
    page = app.env.docname
    if not page.startswith(CHAPTERS):
        return
    chapter = next(iter(doctree.findall(nodes.section)))
    title = next(iter(chapter.findall(nodes.title))).astext()
    theme = app.config.html_theme_options
    url, branch = theme.get("repository_url", ""), theme.get("repository_branch", "main")
    address = f"{url}/blob/{branch}/{page}.md" if url else ""
    cff = yaml.safe_load(CFF.read_text("utf-8"))
    chapter += section(page.removeprefix(CHAPTERS), title, cff, address)


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls; before the table of contents of the page is made, hence the priority."""
    app.connect("doctree-read", add, priority=400)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
