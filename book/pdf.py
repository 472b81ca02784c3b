"""The book as one PDF, which a headless Chromium prints from the built pages.

python book/pdf.py     what `make pdf` does, after it has built the pages

The pages are joined into one document first, so that pages are numbered through and links between
chapters stay inside the PDF. Sliders stand as they begin, and folded code is left out.
"""

from __future__ import annotations

import json
import posixpath
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "build" / "book" / "_build" / "html"

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

LEFT_OUT = ("book/rows", "book/api", "book/figures")
"""Pages that one looks things up in, hundreds of sheets of them."""

NOT_PRINTED = "script, .headerlink, .ledger-controls, .ledger-count"
VIEW, STATE = (
    f'script[type="application/vnd.jupyter.widget-{n}+json"]' for n in ("view", "state")
)

FOOTER = """<div style="width: 100%; text-align: center; font-size: 8px">
<span class="pageNumber"></span></div>"""


def browser() -> str:
    """Where Chromium is.

    Raises: FileNotFoundError where there is none.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise FileNotFoundError(
            "no Chromium on the PATH: install it (Debian: apt-get install chromium)"
        )
    return found


def pages(root: Path) -> list[str]:
    """The pages of the PDF in the order of the book, as _toc.yml names them."""
    contents = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    names = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    return [name for name in (contents["root"], *names) if name not in LEFT_OUT]


def frame(state: Mapping[str, Any], model: str) -> str:
    """What a widget shows at first, as HTML: of a stack of frames the chosen one."""
    of = state[model]["state"]
    if state[model]["model_name"] == "HTMLModel":
        return str(of["value"])
    children = [child.removeprefix("IPY_MODEL_") for child in of.get("children", ())]
    if state[model]["model_name"] == "StackModel":
        children = children[of["selected_index"] :][:1]
    return "".join(frame(state, child) for child in children)


def seen_from(page: str, address: str) -> str:
    """An address of a page, seen from the folder of the built pages."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), address))


def leads_to(target: str, page: str, names: Sequence[str]) -> str | None:
    """Where a link of a page leads in the joined document; None where that has no such place."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return target
    name = seen_from(page, parts.path).removesuffix(".html") if parts.path else page
    if name in names:
        return f"#{name}:{parts.fragment}" if parts.fragment else f"#{name}"
    return None


def article(html: Path, name: str, names: Sequence[str]) -> Tag:
    """The text of a page, with ids and addresses that hold in the joined document."""
    page = BeautifulSoup((html / f"{name}.html").read_text("utf-8"), "html.parser")
    found = page.select_one("article.bd-article")
    assert found is not None  # every page of the theme has one
    written = page.select_one(STATE)
    state = json.loads(written.string or "")["state"] if written else {}
    for view in found.select(VIEW):
        shown = frame(state, json.loads(view.string or "")["model_id"])
        view.replace_with(BeautifulSoup(shown, "html.parser"))
    for tag in found.select(NOT_PRINTED):
        tag.decompose()
    for tag in found.select("[id]"):
        tag["id"] = f"{name}:{tag['id']}"
    found["id"] = name
    for tag in found.select("a[href]"):
        place = leads_to(str(tag["href"]), name, names)
        tag.attrs = {**tag.attrs, "href": place} if place else {}
    for tag in found.select("[src]"):
        if not urlsplit(str(tag["src"])).scheme:
            tag["src"] = seen_from(name, str(tag["src"]))
    return found


def joined(html: Path, names: Sequence[str]) -> str:
    """All pages as one document, which lies in the folder of the built pages."""
    first = BeautifulSoup((html / f"{names[0]}.html").read_text("utf-8"), "html.parser")
    head = []
    for tag in first.select('link[rel="stylesheet"], script[src*="mathjax"]'):
        key = "href" if tag.name == "link" else "src"
        tag[key] = seen_from(names[0], str(tag[key]))
        head.append(str(tag))
    told = [str(tag) for tag in first.find_all("script") if "window.MathJax" in (tag.string or "")]
    texts = [str(article(html, name, names)) for name in names]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en" data-theme="light"><head><meta charset="utf-8">',
            "<title>Disentangled representations, checked</title>",
            *told,
            *head,
            '</head><body><main class="bd-main"><div class="bd-content">',
            *texts,
            "</div></main></body></html>",
        ]
    )


def write(chromium: Browser, html: Path, target: Path, names: Sequence[str]) -> None:
    """Print these of the built pages into one file."""
    document = html / "joined.html"
    document.write_text(joined(html, names), "utf-8")
    page = chromium.new_page(color_scheme="light")
    page.set_default_timeout(0)  # formulas of a whole book
    page.goto(document.as_uri(), wait_until="load")
    page.wait_for_function("!window.MathJax?.startup || MathJax.startup.promise")
    page.pdf(
        path=target,
        format="A4",
        margin=dict.fromkeys(("top", "bottom", "left", "right"), "18mm"),
        print_background=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOTER,
        outline=True,
        tagged=True,
    )
    page.close()
    document.unlink()


def main() -> None:
    """Print the book that was built."""
    target = ROOT / "build" / "disentangled.pdf"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=FLAGS)
        write(chromium, HTML, target, pages(ROOT))
        chromium.close()
    print(f"Open {target.as_uri()}")


if __name__ == "__main__":
    main()
