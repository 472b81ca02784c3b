"""The ledger's page: what its table says, its links, and the script that filters and sorts it."""

from html import escape

import ledger
import links
import pandas as pd
import pytest
import run
from docutils import nodes
from docutils.utils import new_document
from tables import PAPERS

ROWS = ledger.rows()
TITLES = ledger.chapters(run.ROOT)
LINE = {"id": "C-fig2", "kind": "claim", "paper": "C", "statement": "s", "chapter": "a_b",
        "verdict": "reproduced", "evidence": "e", "title": "t",
        "place": "fig. 2, p. 7"}  # fmt: skip


def table_of(**changed):
    return ledger.table(pd.DataFrame([LINE | changed]), {"a_b": "A to B"})


def test_a_row_has_an_anchor_an_entry_of_the_search_and_its_place_in_the_paper():
    found = table_of()
    assert "```{index} ! C-fig2\n    :name: c-fig2\n" in found
    assert "claim about trained nets, fig. 2, p. 7" in found
    assert ">reproduced</span>" in found
    assert "e → [A to B](#check-c-fig2)" in found
    assert "→" not in table_of(chapter="without_a_page")


def test_evidence_leads_to_the_rows_of_each_profile():
    two = "q; rows in book/results/a_b/gpu; profile laptop: p; rows in book/results/a_b/laptop"
    found = table_of(evidence=two)
    assert "q; [rows](#rows-a-b-gpu); profile laptop: p; [rows](#rows-a-b)" in found


def test_totals_count_every_row_once():
    rows = pd.DataFrame({"paper": ["C", "C", "D"], "verdict": ["H", "not run", "H"]})
    found = ledger.totals(rows).splitlines()
    first = found[2]
    assert '<a href="?paper=C&amp;verdict=H#all-rows">1</a>' in first
    assert '<a href="?verdict=H#all-rows">2</a>' in first
    assert "verdict=not+run" in found[3]
    assert found[-2].endswith('<td><a href="?#all-rows">3</a></td></tr>')


def test_every_verdict_and_kind_has_words():
    assert ROWS["verdict_in_words"].notna().all()
    assert set(ROWS["kind"]) <= set(ledger.KINDS)
    assert set(ROWS["chapter"]) - {""} <= set(TITLES)


def test_ids_in_prose_lead_to_their_rows():
    document = new_document("page")
    prose = nodes.paragraph("", "As (C-04, A-fig2-vae) says, not C-99 nor x-C-04.")
    code = nodes.paragraph("", "", nodes.literal("", "C-04"), nodes.strong("", "D-08"))
    document += [prose, code]
    links.in_prose(document, {"C-04", "A-fig2-vae", "D-08"})
    assert prose.astext() == "As (C-04, A-fig2-vae) says, not C-99 nor x-C-04."
    wanted = [node["reftarget"] for node in document.findall(links.addnodes.pending_xref)]
    assert wanted == ["c-04", "a-fig2-vae", "d-08"]


def test_the_first_badge_or_table_row_of_an_id_is_its_place():
    document = new_document("page")
    html = "<strong>C-04</strong> <th>C-04</th> <th>D-08</th> <strong>C-99</strong>"
    document += nodes.raw("", html, format="html")
    assert links.in_html(document, {"C-04", "D-08"}, "../ledger.html") == {"C-04", "D-08"}
    assert document.astext() == (
        '<strong id="c-04"><a href="../ledger.html#c-04">C-04</a></strong> '
        '<th><a href="../ledger.html#c-04">C-04</a></th> '
        '<th id="d-08"><a href="../ledger.html#d-08">D-08</a></th> <strong>C-99</strong>'
    )


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """All rows with the script, on a page of their own: nothing has to be built for it."""
    script = (run.ROOT / "book/_static/ledger.js").read_text("utf-8")
    lines = []
    for row in ROWS.itertuples():
        names = ("id", "paper", "kind", "verdict", "chapter")
        data = " ".join(f'data-{name}="{escape(getattr(row, name))}"' for name in names)
        cell = f'<p id="{row.id.lower()}"><span {data}></span>{row.id}</p>'
        lines.append(f"<tr><td>{cell}</td><td>{escape(row.statement)}</td></tr>")
    form = ledger.controls(ROWS, TITLES).partition("<script")[0]
    body = f'{form}<table class="ledger"><tbody>{"".join(lines)}</tbody></table>'
    path = tmp_path_factory.mktemp("ledger") / "page.html"
    html = f'<!doctype html><meta charset="utf-8">{body}<script>{script}</script>'
    path.write_text(html, "utf-8")
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.goto(path.as_uri())
    yield page
    page.close()


@pytest.fixture
def asked(page):
    """Opens the page anew with what its address asks for; gives the ids of the rows it shows."""
    start = page.url.partition("?")[0].partition("#")[0]

    def ids(query=None):
        if query is not None:
            page.goto("about:blank")
            page.goto(start + query)
        shown = page.locator("tbody tr:not([hidden]) [data-id]")
        return shown.evaluate_all("(found) => found.map((element) => element.dataset.id)")

    return ids


@pytest.mark.parametrize("paper", PAPERS)
def test_filters_leave_exactly_the_rows_that_are_asked_for(paper, asked, page):
    for verdict in ("F", "not run"):
        wanted = ROWS.query("paper == @paper and verdict == @verdict")["id"].tolist()
        assert asked(f"?paper={paper}&verdict={verdict}") == wanted
        words = f": {len(wanted)} {ledger.WORDS[verdict]}" if wanted else ""
        said = page.locator("[role=status]").text_content()
        assert said == f"{len(wanted)} of {len(ROWS)} rows{words}."


def test_controls_have_labels_and_are_used_by_keyboard(asked, page):
    assert asked("") == ROWS["id"].tolist()
    page.get_by_label("Paper", exact=True).focus()
    page.keyboard.press("ArrowDown")  # Chen et al.
    page.keyboard.press("ArrowDown")  # Cheng et al.
    assert asked() == ROWS.query("paper == 'D'")["id"].tolist()
    page.get_by_label("Kind").select_option(label="derived here")
    page.get_by_label("Id or words").fill("d-0")
    derived = ROWS.query("paper == 'D' and kind == 'derived'")
    assert asked() == [name for name in derived["id"] if "D-0" in name]
    assert page.url.endswith("?paper=D&kind=derived&words=d-0")
    page.get_by_role("button", name="Show all rows").press("Enter")
    page.wait_for_function(
        "n => document.querySelectorAll('tr:not([hidden])').length === n", arg=len(ROWS)
    )
    assert "?" not in page.url


def test_rows_are_sorted(asked):
    by = {name: list(ROWS[name].map(order.index)) for name, order in
          {"verdict": list(ledger.WORDS), "chapter": ["", *TITLES]}.items()}  # fmt: skip
    assert (
        asked("?order=verdict")
        == ROWS.iloc[pd.Series(by["verdict"]).argsort(kind="stable")]["id"].tolist()
    )
    last = [rank or len(TITLES) + 1 for rank in by["chapter"]]
    assert (
        asked("?order=chapter") == ROWS.iloc[pd.Series(last).argsort(kind="stable")]["id"].tolist()
    )
    assert asked("?order=id")[:3] == ["A-01", "A-02", "A-03"]


def test_a_link_to_a_hidden_row_shows_it(asked, page):
    assert "C-04" not in asked("?paper=D")
    page.evaluate("location.hash = 'c-04'")
    page.wait_for_function("() => !document.getElementById('c-04').closest('tr').hidden")
    assert asked() == ROWS["id"].tolist()


def test_an_address_with_a_slip_shows_all_rows(asked):
    assert asked("?paper=Z&nothing=1") == ROWS["id"].tolist()
