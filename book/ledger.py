"""The ledger as a page, which needs no script to be read, and as a table to download."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlencode

import pandas as pd
from escaped import csv, markdown
from faults import FAULTS
from faults import caught as caught_faults
from tables import PAPERS, ROWS_LIE_IN, place

from disentangled import badges, claims, records, verdicts

KINDS = {
    "statement": "statement",
    "definition": "definition",
    "wording": "wording",
    "derived": "derived here",
    "claim": "claim about trained nets",
}
WORDS = {
    **claims.VERDICTS,
    "not checked": "not checked",
    **{verdict: verdict for verdict in verdicts.VERDICTS},
}
"""Every verdict in words: on statements, then on claims."""

ORDERS = {"": "as in the papers", "id": "id", "verdict": "verdict", "chapter": "chapter"}
"""What the page's rows can be sorted by."""

NOTHING: Mapping[str, list[str]] = MappingProxyType({})


def rows() -> pd.DataFrame:
    """The ledger with the place in the paper and all in words, a row a statement or claim.

    Columns: those of `claims.ledger`, then place title paper_in_words verdict_in_words.
    """
    declared = records.statements()[["id", "place", "title"]]
    found = claims.ledger().merge(declared, on="id", how="left", validate="one_to_one")
    found["paper_in_words"] = found["paper"].map(PAPERS)
    found["verdict_in_words"] = found["verdict"].map(WORDS)
    return found


def chapters(root: Path) -> dict[str, str]:
    """The title of every chapter that has a page, by name, in the order of the book."""
    names = re.findall(r"book/chapters/(\w+)$", (root / "_toc.yml").read_text("utf-8"), re.M)
    texts = {name: (root / f"book/chapters/{name}.md").read_text("utf-8") for name in names}
    titles = {name: re.search(r"^# (.+)$", text, re.M) for name, text in texts.items()}
    return {name: title[1] if title else name for name, title in titles.items()}


def chip(verdict: str) -> str:
    """A verdict in words on the ground that badges have, as HTML."""
    ground = badges.GROUNDS.get(verdict, badges.OPEN)
    return f'<span class="chip" style="background:{ground}">{escape(WORDS[verdict])}</span>'


def table(
    ledger: pd.DataFrame, titles: Mapping[str, str], caught: Mapping[str, list[str]] = NOTHING
) -> str:
    """A list-table of statements, in MyST: formulas keep their bars and backslashes.

    Every row has its id in small letters as its anchor and as an entry of the search, and leads to
    the place in its chapter, which `links` labels.

    Args:
        ledger: as `rows` gives it.
        titles: of the chapters that have a page.
        caught: for each id the faults planted in the package that its check noticed.
    """
    lines = ["````{list-table}", ":header-rows: 1", ":widths: 24 76", ":class: ledger", ""]
    lines += ["* - Row", "  - Statement and evidence"]
    remarks = claims.remarks()
    for row in ledger.itertuples():
        anchor = row.id.lower()
        # What the page's script filters by; a reader without it sees the words.
        data = {n: getattr(row, n) for n in ("id", "paper", "kind", "verdict", "chapter")}
        said = " ".join(f'data-{name}="{escape(value)}"' for name, value in data.items())
        remark = remarks.get(row.id, "")  # ours, with formulas; what follows is a record's
        told = remark + markdown(row.evidence.removeprefix(remark))
        found = ROWS_LIE_IN.sub(lambda m: f"[rows](#{place(m[2], m[3])})", told)
        if row.chapter in titles:
            found += f" → [{titles[row.chapter]}](#check-{anchor})"
        lines += [f"* - ```{{index}} ! {row.id}", f"    :name: {anchor}", "    ```", ""]
        lines += [f"    <span {said}></span>[{row.id}](#{anchor})", ""]
        lines += [f"    {chip(row.verdict)}", "", f"    {KINDS[row.kind]}, {row.place}"]
        lines += [f"  - **{row.title}:** {row.statement}"]
        lines += ["", f"    {found.strip()}"] if found else []
        if row.id in caught:
            lines += ["", f"    [Faults](#planted-faults) caught: {'; '.join(caught[row.id])}."]
    return "\n".join([*lines, "````"])


def totals(ledger: pd.DataFrame) -> str:
    """How many rows of each paper have each verdict, as an HTML table; a number leads to them."""
    counts = ledger.groupby(["verdict", "paper"]).size()
    heads = "".join(f'<th scope="col">{paper}</th>' for paper in PAPERS)
    lines = [f'<tr><th scope="col">Verdict</th>{heads}<th scope="col">all</th></tr>']
    for verdict in [v for v in WORDS if v in counts.index.get_level_values(0)]:
        numbers = {paper: int(counts.get((verdict, paper), 0)) for paper in PAPERS}
        cells = [_leads_to(n, paper=paper, verdict=verdict) for paper, n in numbers.items()]
        cells += [_leads_to(sum(numbers.values()), verdict=verdict)]
        lines += [f'<tr><th scope="row">{chip(verdict)}</th>{"".join(cells)}</tr>']
    by_paper = ledger.groupby("paper").size()
    cells = [_leads_to(int(by_paper.get(paper, 0)), paper=paper) for paper in PAPERS]
    cells += [_leads_to(len(ledger))]
    lines += [f'<tr><th scope="row">all</th>{"".join(cells)}</tr>']
    return '<table class="totals table">\n' + "\n".join(lines) + "\n</table>"


def _leads_to(n: int, **wanted: str) -> str:
    """A cell of the totals: a number, and where it leads when it is not 0."""
    asked = escape(urlencode(wanted))
    return f'<td><a href="?{asked}#all-rows">{n}</a></td>' if n else "<td>0</td>"


def controls(ledger: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """The form that filters and sorts the rows, in HTML; hidden until the page's script runs."""
    fields = [
        _select("Paper", "paper", PAPERS, ledger["paper"]),
        _select("Kind", "kind", KINDS, ledger["kind"]),
        _select("Verdict", "verdict", WORDS, ledger["verdict"]),
        _select("Chapter", "chapter", titles, ledger["chapter"]),
        _field("Id or words", "words", '<input type="search" {}>'),
        _field("Order", "order", f"<select {{}}>{_options(ORDERS)}</select>"),
        '<button type="reset">Show all rows</button>',
    ]
    form = '<form class="ledger-controls" aria-label="Rows to show" hidden>'
    count = '<p class="ledger-count" role="status" aria-live="polite"></p>'
    script = '<script defer src="../_static/ledger.js"></script>'
    return "\n".join([form, *fields, "</form>", count, script])


def _select(title: str, name: str, words: Mapping[str, str], there: Iterable[str]) -> str:
    """A choice among the values that occur in the ledger, in the order of `words`."""
    occurring = set(there)
    choices = {"": "all"} | {value: said for value, said in words.items() if value in occurring}
    return _field(title, name, f"<select {{}}>{_options(choices)}</select>")


def _options(choices: Mapping[str, str]) -> str:
    said = {escape(value): escape(words) for value, words in choices.items()}
    return "".join(f'<option value="{value}">{words}</option>' for value, words in said.items())


def _field(title: str, name: str, control: str) -> str:
    """A control with its label; `control` has a gap for what both must agree on."""
    named = control.format(f'id="show-{name}" name="{name}"')
    return f'<div><label for="show-{name}">{title}</label>{named}</div>'


def faults_table() -> str:
    """The faults planted in the package, as a list-table."""
    lines = ["```{list-table}", ":header-rows: 1", ":widths: 25 35 40", ":class: faults", ""]
    lines += ["* - Fault", "  - Where", "  - What is wrong then"]
    for name, fault in FAULTS.items():
        where = fault.function.replace(":", ".")
        code = f"``{fault.right}`` becomes " + (f"``{fault.wrong}``" if fault.wrong else "nothing")
        lines += [f"* - {name}", f"  - `{where}`", f"  - {fault.why}:", f"    {code}"]
    return "\n".join([*lines, "```"])


def page(ledger: pd.DataFrame, root: Path) -> str:
    """The body of the ledger's page: totals, the form, all rows, and the planted faults."""
    caught, titles = caught_faults(), chapters(root)
    papers = "; ".join(f"{letter}: {title}" for letter, title in PAPERS.items())
    parts = ["## Totals", f"{papers}.", _raw(totals(ledger)), "(all-rows)=\n\n## All rows"]
    parts += [_raw(controls(ledger, titles)), table(ledger, titles, caught)]
    parts += ["(planted-faults)=\n\n## Faults planted in the package", faults_table()]
    return "\n\n".join(parts) + "\n"


def _raw(html: str) -> str:
    return f"```{{raw}} html\n{html}\n```"


def write_page(root: Path) -> None:
    """Write what the ledger's page includes and offers for download, where git ignores it."""
    folder = root / "book" / "_generated"
    folder.mkdir(parents=True, exist_ok=True)
    ledger = rows()
    (folder / "ledger.md").write_text(page(ledger, root), "utf-8")
    (folder / "ledger.csv").write_text(csv(ledger), "utf-8")
