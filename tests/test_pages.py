"""The book: pairs in step, every chapter run small and run again, pages built and read."""

import functools
import http.server
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import assets
import head
import pairs
import pandas as pd
import pdf
import pytest
import run
import yaml
from origin import code_cells

from disentangled import claims, records

ROOT = run.ROOT
SMOKE = ROOT / "build" / "smoke"
CHAPTERS = run.chapters(ROOT)

each_chapter = pytest.mark.parametrize("md", CHAPTERS, ids=lambda md: md.stem)


def environment():
    """For chapters under test: rows and claims are kept apart, and one core is enough."""
    (SMOKE / "results").mkdir(parents=True, exist_ok=True)
    apart = {"DISENTANGLED_RESULTS": str(SMOKE / "results"), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **apart}


def finish(command, **kwargs):
    """Run a command to its end; a failure shows the end of what it printed."""
    done = subprocess.run(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **kwargs,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.fixture(scope="session")
def smoke():
    """Runs a chapter under the smoke profile, once a session; rows that were trained are kept."""
    shutil.rmtree(SMOKE, ignore_errors=True)
    SMOKE.mkdir(parents=True)

    @functools.cache
    def executed(md):
        path = SMOKE / f"{md.stem}.ipynb"
        pairs.write_twin(pairs.read_source(md), path)
        command = [sys.executable, "-m", "papermill", path, path, "-p", "profile", "smoke"]
        command += ["--no-progress-bar", "--cwd", md.parent]
        finish(command, env=environment())
        pairs.write_twin(pairs.tidy(pairs.read_twin(path)), path)
        return path

    return executed


@pytest.fixture(scope="session")
def html(tmp_path_factory):
    """The pages, built with warnings as errors."""
    assets.fetch(run.VENDOR)
    return run.build(ROOT, tmp_path_factory.mktemp("book")).parent


@pytest.fixture(scope="session")
def address(html):
    """The pages, served on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(html))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_book_is_in_step():
    assert run.faults(ROOT) == {}


def test_every_chapter_is_in_the_contents():
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    files = [chapter["file"] for part in parts for chapter in part["chapters"]]
    listed = {name.split("/")[-1] for name in files if "/chapters/" in name}
    assert listed == {md.stem for md in CHAPTERS}
    assert all(part["caption"] for part in parts)


@each_chapter
def test_chapter_has_the_form_of_a_chapter(md):
    notebook = pairs.read_source(md)
    assert notebook.metadata.jupytext.formats == "ipynb,md:myst"
    assert notebook.metadata.kernelspec.name == "python3"
    first, second, *_ = code_cells(notebook)
    assert "parameters" in first.metadata.tags
    assert first.source == f'profile = "{records.published(md.stem)}"'
    assert f'chapter.start("{md.stem}", globals())' in second.source

    hidden = {"hide-input", "remove-input", "hide-cell", "remove-cell"}
    shown = [c for c in code_cells(notebook) if not hidden & tags(c) or "check" in tags(c)]
    for cell in code_cells(notebook):
        assert cell in shown or len([ln for ln in cell.source.splitlines() if ln.strip()]) <= 10
    drawn = f'<a href="../../_modules/disentangled/figures/{md.stem}.html">'
    assert any(drawn in cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    lengths = [len(cell.source.splitlines()) for cell in shown]
    assert max(lengths) <= 25
    assert statistics.median(lengths) < 8
    assert max(len(line) for cell in shown for line in cell.source.splitlines()) <= 80


def tags(cell):
    return set(cell.metadata.get("tags", []))


@each_chapter
def test_chapter_opens_with_question_figure_and_answer(md):
    notebook = pairs.read_source(md)
    assert notebook.cells[0].cell_type == "markdown"
    opening = re.fullmatch(
        r"# [^\n]+\n\n"
        r"(?:[^\n#`]|`(?!``))[^#]+?\n\n"
        r"````\{glue:figure\} opening\n:alt: (?P<alt>[^\n]+)\n:name: fig-[\w-]+\n\n.+?\n````\n\n"
        r":::\{container\} answer\n(?P<answer>.+?)\n:::",
        notebook.cells[0].source,
        flags=re.DOTALL,
    )
    assert opening, notebook.cells[0].source
    assert len(opening["alt"]) > 20
    assert "{glue:text}" in opening["answer"], "an answer quotes results"
    (drawing,) = (c for c in code_cells(notebook) if "chapter.opens_with(" in c.source)
    assert "remove-output" in tags(drawing), "the page shows the figure once, at its top"


@each_chapter
def test_checks_are_folded_under_their_badges(md):
    for cell in code_cells(pairs.read_source(md)):
        for name in re.findall(r'claims\.check\(\s*"([^"]+)"', cell.source):
            assert tags(cell) >= {"hide-input", "check"}, name
            assert name in cell.metadata.mystnb.code_prompt_show


@each_chapter
def test_chapter_is_linted(md):
    finish([sys.executable, "-m", "ruff", "check", "--no-fix", md.with_suffix(".ipynb")])


@each_chapter
def test_figures_are_described(md):
    for cell in code_cells(pairs.read_twin(md.with_suffix(".ipynb"))):
        drawn = any("image/svg+xml" in output.get("data", {}) for output in cell.outputs)
        if drawn and "chapter.opens_with(" not in cell.source:
            image = cell.metadata.get("mystnb", {}).get("image", {})
            assert len(image.get("alt", "")) > 20, f"no alt text: {cell.source[:80]}"
        for output in cell.outputs:
            assert output.output_type != "error"
            assert str(ROOT) not in json.dumps(output), "a path of this machine"


@each_chapter
def test_chapter_runs_small(md, smoke):
    executed = pairs.read_twin(smoke(md))
    cells = code_cells(executed)
    assert all(cell.execution_count for cell in cells if cell.source.strip())
    assert any(
        "image/svg+xml" in output.get("data", {}) for cell in cells for output in cell.outputs
    )


@each_chapter
def test_chapter_runs_the_same_again(md, smoke, tmp_path):
    notebook = smoke(md)
    assert any(cell.outputs for cell in code_cells(pairs.read_twin(notebook)))
    empty = tmp_path / "pytest.ini"
    empty.write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", empty, "-p", "no:cacheprovider"]
    command += ["--nbval", "--nbval-sanitize-with", ROOT / "tests" / "nbval.cfg", notebook]
    assert re.search(r"\d+ passed", finish(command, env=environment()))


class Links(HTMLParser):
    """The addresses a page points to, the ids it defines, and the alt texts of its images."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.ids, self.alts = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.targets += [attributes[key] for key in ("href", "src") if attributes.get(key)]
        self.ids.update(attributes[key] for key in ("id", "name") if attributes.get(key))
        if tag == "img":
            self.alts.append(attributes.get("alt"))


def pages(html):
    """The pages of the book, by file."""
    found = [html / "index.html", *(html / "book").rglob("*.html")]
    return {path: Links(path.read_text("utf-8")) for path in found}


def test_links_lead_somewhere(html):
    found = pages(html)
    for page, links in found.items():
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or not (parts.path or parts.fragment):
                continue
            path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert path.is_file(), f"{page.name} links to {target}"
            if parts.fragment and path in found:
                assert unquote(parts.fragment) in found[path].ids, f"{page.name}: {target}"


def test_chapters_end_with_how_to_cite_them(html):
    for md in CHAPTERS:
        text = (html / "book" / "chapters" / f"{md.stem}.html").read_text("utf-8")
        assert text.count('<section id="cite-this-chapter">') == 1, md.stem
        assert 'href="#cite-this-chapter"' in text, "the page's own contents lead there"
        assert f"disentangled_{md.stem}" in text, md.stem


def test_images_are_described(html):
    for page, links in pages(html).items():
        assert all(alt is not None for alt in links.alts), page.name


def test_pages_have_a_description_an_icon_and_no_thebe(html):
    for page in pages(html):
        text = page.read_text("utf-8")
        (said,) = re.findall(r'<meta name="description" content="([^"]+)"', text)
        assert 20 < len(unescape(said)) <= head.LONGEST, page.name
        assert 'rel="icon"' in text, page.name
        assert "thebe@" not in text, page.name


def test_pages_weigh_at_most_1_5_mb(html):
    """A page with its own pictures; scripts and styles are shared."""
    for page, links in pages(html).items():
        own = {page.parent / target for target in links.targets if "_images/" in target}
        weight = sum(path.stat().st_size for path in {page, *own})
        assert weight < 1_500_000, f"{page.name} weighs {weight / 1e6:.2f} MB"


def test_a_page_prints(html, browser, tmp_path):
    pdf.write(browser, html, tmp_path / "book.pdf", ["book/index", "book/chapters/rtc_vae"])
    printed = (tmp_path / "book.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 2
    assert not (html / "joined.html").exists()


def test_no_button_needs_an_address_that_is_not_set(html):
    address = run.settings(ROOT, run.VENDOR)["repository"]["url"]
    for page in pages(html):
        text = page.read_text("utf-8")
        assert ("mybinder.org" in text) <= bool(address), page.name
        assert ("source-edit-button" in text) <= bool(address), page.name


def downloaded(html):
    """The ledger as its page offers it for download."""
    (table,) = html.rglob("ledger.csv")
    return pd.read_csv(table, dtype=str, keep_default_na=False)


def test_ledger_can_be_downloaded(html):
    found, rows = downloaded(html), claims.ledger()
    ours = ["id", "kind", "paper", "statement", "verdict", "evidence", "chapter"]
    words = ["place", "title", "paper_in_words", "verdict_in_words"]
    assert list(found) == ours + words
    pd.testing.assert_frame_equal(found[ours], rows[ours], check_dtype=False)
    declared = records.statements().set_index("id")
    assert found["place"].tolist() == declared.loc[found["id"], "place"].tolist()
    of = found.set_index("id").loc["C-04"]
    assert of["place"] == "eq. 2, p. 3"
    assert of["verdict_in_words"] == "holds under an extra condition"


def test_rows_of_the_ledger_and_chapters_lead_to_each_other(html):
    """That the links resolve, `test_links_lead_somewhere` asserts."""
    ledger = Links((html / "book" / "ledger.html").read_text("utf-8"))
    for row in downloaded(html).itertuples():
        anchor = row.id.lower()
        assert anchor in ledger.ids, row.id
        if row.chapter:
            assert f"chapters/{row.chapter}.html#{anchor}" in ledger.targets, row.id
            chapter = Links((html / "book/chapters" / f"{row.chapter}.html").read_text("utf-8"))
            assert f"../ledger.html#{anchor}" in chapter.targets, row.id
    text = (html / "book/chapters/kl_in_three_parts.html").read_text("utf-8")
    assert re.search(r'\(<a [^>]*href="\.\./ledger\.html#c-14"', text), "a mention in prose"


def test_the_ledger_shows_the_rows_that_are_asked_for(html, address, browser):
    found = downloaded(html)
    for paper, verdict in (("C", "F"), ("D", "F"), ("A", "reproduced")):
        page = browser.new_page(reduced_motion="reduce")
        page.goto(f"{address}/book/ledger.html?paper={paper}&verdict={verdict}#all-rows")
        shown = page.locator("table.ledger tbody tr:visible [data-id]")
        ids = [row.get_attribute("data-id") for row in shown.all()]
        assert ids == found.query("paper == @paper and verdict == @verdict")["id"].tolist()
        page.close()


def test_search_finds_a_row_by_its_id(html, address, browser):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for root in (address, html.as_uri()):  # from a server, and opened as a file
        page.goto(f"{root}/search.html?q=C-fig2")
        first = page.locator("#search-results li a").first
        assert first.get_attribute("href").endswith("book/ledger.html#c-fig2")
    assert errors == []
    page.close()


WEIGHTS = """() => [...document.querySelectorAll(".pasted-text, figcaption, figcaption span")]
    .filter((element) => !element.closest(".answer, strong, .admonition-title, h1, h2, h3"))
    .map((element) => getComputedStyle(element).fontWeight)"""


def test_pages_read_in_a_browser(html, address, browser):
    local = bool(assets.sphinx_settings(run.VENDOR))
    for path in pages(html):
        page = browser.new_page(reduced_motion="reduce")
        page.set_default_timeout(120_000)
        asked, errors = [], []
        page.on("request", lambda request, to=asked: to.append(request.url))
        page.on("response", lambda r, to=errors: r.ok or to.append(f"{r.status} {r.url}"))
        page.on("pageerror", lambda error, to=errors: to.append(str(error)))
        page.on("console", lambda m, to=errors: m.type == "error" and to.append(m.text))
        page.goto(f"{address}/{path.relative_to(html).as_posix()}", wait_until="load")

        if local:
            away = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
            assert away == [], path.name
            if page.locator(".math").count():
                page.wait_for_selector("mjx-container", state="attached")
            page.wait_for_function("!window.MathJax?.startup || MathJax.startup.promise")
            assert page.locator("mjx-merror").count() == 0, path.name
            sliders_move_the_picture(page, expected="widget-view+json" in path.read_text("utf-8"))
        closed_forms_are_computed(page)
        assert errors == [], path.name
        assert set(page.evaluate(WEIGHTS)) <= {"400"}, f"{path.name}: bold numbers or captions"
        page.close()


AXE = {
    "runOnly": ["wcag2a", "wcag2aa"],
    "resultTypes": ["violations"],
    # docutils makes a list of references with the role doc-biblioentry, which newer ARIA dropped
    "rules": {
        "aria-deprecated-role": {"enabled": False},
        "aria-required-children": {"enabled": False},
    },
}
IN_THE_DARK = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
"""What axe looks for: on light pages all that keeps readers out, on dark ones what colours do."""

VIOLATIONS = """async (asked) => (await axe.run(document, asked)).violations
    .map((broken) => [broken.id, ...broken.nodes.slice(0, 5).map((node) => node.html)])"""


@pytest.fixture(scope="session")
def axe():
    """The script that looks for what keeps readers out; empty where npm cannot be reached."""
    try:
        folder = assets.bring(assets.AXE, ROOT / "build", assets.npm_pack)
    except OSError:
        return ""
    return (folder / "axe.min.js").read_text("utf-8")


SCREENS = {"wide": (1920, 1080), "laptop": (1280, 800), "phone": (390, 844)}
"""Sizes in pixels at which the pages are looked at."""

LOWEST = """() => [...document.querySelectorAll("figure")].slice(0, 1)
              .concat([...document.querySelectorAll(".answer")])
              .map((element) => Math.round(element.getBoundingClientRect().bottom))"""

OVERLAID = """() => [...document.querySelectorAll("div.math > .eqno")].filter((number) => {
    const box = number.parentElement.querySelector("mjx-container").getBoundingClientRect();
    return box.right > number.getBoundingClientRect().left + 1;
}).map((number) => number.textContent)"""


CUT_OFF = """() => [...document.querySelectorAll("section#rows td")].filter((cell) => {
    const box = document.querySelector("article").getBoundingClientRect();
    return cell.getBoundingClientRect().right > box.right + 1;
}).map((cell) => cell.textContent)"""


UNTOLD = """() => [...document.querySelectorAll("article *")].filter((box) => {
    const hidden = box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1;
    const scrolls = hidden && ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
    const told = box.dataset.more && box.tabIndex === 0 && box.getAttribute("aria-label");
    return scrolls && box.checkVisibility() && !told;
}).map((box) => box.outerHTML.slice(0, 99))"""
"""Boxes that are seen and scroll sideways, which the keyboard does not reach or that do not say
so; what is folded is told when it opens."""

FIGURES = """() => [...document.querySelectorAll("article .figure-box img")].map((image) => [
    decodeURI(image.src).split("/").pop(),
    image.getBoundingClientRect().width / image.naturalWidth,
])"""
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"


def smallest_text(svg):
    """Height in pixels of the smallest text of a figure at its own size; matplotlib scales
    glyphs by a hundredth of their points."""
    points = [100 * float(scale) for scale in re.findall(r"scale\((0\.\d+) -0\.\d+\)", svg)]
    return min(points) * 96 / 72


def test_pages_fit_a_laptop_and_a_phone(html, address, browser, axe):
    if not assets.sphinx_settings(run.VENDOR):
        pytest.skip("without the scripts that typeset formulas, pages have other sizes")
    for path in pages(html):
        name = path.relative_to(html).as_posix()
        page = browser.new_page(reduced_motion="reduce")
        page.set_default_timeout(120_000)
        page.goto(f"{address}/{name}", wait_until="load")
        page.wait_for_function("!window.MathJax?.startup || MathJax.startup.promise")
        for screen, (width, height) in SCREENS.items():
            page.set_viewport_size({"width": width, "height": height})
            root = "document.documentElement"
            wider = page.evaluate(f"() => {root}.scrollWidth - {root}.clientWidth")
            assert wider <= 1, f"{name} scrolls sideways by {wider} pixels on a {screen}"
            if "/chapters/" in name:
                bottoms = page.evaluate(LOWEST)
                assert len(bottoms) == 2, f"{name} has no figure or no answer at its top"
                assert max(bottoms) <= height, f"{name} on a {screen}: {bottoms} of {height}"
            if name == "book/rows.html":
                assert page.evaluate(CUT_OFF) == [], f"cells of {name} are cut off on a {screen}"
            if screen == "laptop":
                assert page.evaluate(OVERLAID) == [], f"{name}: numbers lie over equations"
            if screen == "laptop" and axe:
                page.evaluate(axe)
                assert page.evaluate(VIOLATIONS, AXE) == [], name
                page.emulate_media(color_scheme="dark")
                page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
                assert page.evaluate(VIOLATIONS, IN_THE_DARK) == [], f"{name} on dark pages"
                page.emulate_media(color_scheme="light")
        page.evaluate(SETTLED)
        assert page.evaluate(UNTOLD) == [], f"{name} has boxes that scroll and do not say so"
        for figure, shown in page.evaluate(FIGURES):
            text = (html / "_images" / figure).read_text("utf-8")
            assert smallest_text(text) * shown >= 10, f"{name}: text of {figure} on a phone"
        page.close()
    if not axe:
        pytest.skip("npm could not be reached, so nothing looked for contrast")


def test_every_check_is_a_badge_that_opens_without_scripts(html):
    for md in CHAPTERS:
        n_checks = md.read_text("utf-8").count("claims.check(")
        text = (html / "book" / "chapters" / f"{md.stem}.html").read_text("utf-8")
        assert text.count('<div class="verdict">') == n_checks, md.stem
        prompts = re.findall('collapsed admonition-title">check [A-Z]-', text)
        assert len(prompts) == n_checks, md.stem
        assert text.count("<details") >= n_checks, md.stem


SPOKEN = """([id, before]) =>
    document.getElementById(id).getAttribute("aria-valuetext") !== before"""


def sliders_move_the_picture(page, *, expected):
    """Every slider has a name and says its picture in words, and the arrow keys and menus show
    another."""
    visible = """() => [...document.querySelectorAll(".jupyter-widgets img")]
                 .filter((image) => image.offsetParent).map((image) => image.src).join()"""
    if not expected:
        return
    page.wait_for_selector("[role=slider]:not([aria-label=null])", state="attached")
    for handle in page.locator("[role=slider]").all():
        assert handle.get_attribute("aria-label") not in (None, "", "null")
        assert re.search(r"[^\d.]", handle.get_attribute("aria-valuetext")), "a bare number"
        before = page.evaluate(visible)
        assert before
        handle.focus()
        at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
        page.wait_for_function(f"before => ({visible})() !== before", arg=before)
    for menu in page.locator(".widget-dropdown select").all():
        before = page.evaluate(visible)
        menu.select_option(index=1 - menu.evaluate("(select) => select.selectedIndex"))
        page.wait_for_function(f"before => ({visible})() !== before", arg=before)


def closed_forms_are_computed(page):
    """Their figure gives way to what the page draws, which the keys move, in words too."""
    for form in page.locator(".closed-form").all():
        assert not form.locator(".closed-static").is_visible()
        handle, words = form.locator("input[type=range]"), form.locator(".closed-said")
        before = words.inner_text()
        assert before == handle.get_attribute("aria-valuetext")
        drawn = form.locator(".closed-panels").inner_html()
        handle.press("ArrowRight")
        page.wait_for_function(SPOKEN, arg=[handle.get_attribute("id"), before])
        assert form.locator(".closed-panels").inner_html() != drawn
        assert handle.get_attribute("aria-valuetext") == words.inner_text()


def test_pages_say_when_they_need_a_network():
    if not assets.sphinx_settings(run.VENDOR):
        pytest.skip("npm could not be reached, so the pages load their scripts from public CDNs")
