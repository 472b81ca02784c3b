"""Text of rows and records in pages and tables: shown as it is, and obeyed by nothing."""

import csv
import io

import escaped
import ledger
import pandas as pd
import pytest
import tables
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from disentangled import claims

EXTENSIONS = ["amsmath", "colon_fence", "deflist", "dollarmath", "substitution", "tasklist"]
"""Those of `_config.yml`."""

WICKED = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a <b>bold</b> one", "<!-- gone",
    "<http://elsewhere.org>", "&lt;script&gt;", "{include}`README.md`",
    "{download}`x </etc/passwd>`",
    "```{include} /etc/passwd\n```", "\n\n```{raw} html\n<b>\n```\n",
    ":::{include} /etc/passwd\n:::",
    "``` \n::: \n", "{{ secret }}", "$\\bad$ and $$worse$$", "![seen](http://elsewhere.org/x.png)",
    "[here](javascript:alert(1))", "[here][label]", "[label]: http://elsewhere.org", "[^note]",
    "*a* and __b__ and ~~c~~", "| a | b |", "# title", "- item", "+ item", "1. item", "2) item",
    "% comment", "+++", "(label)=", "=====", "> said", "@cited", "\\<b\\>", "\\", "a\\\nb",
    "\\begin{align} x \\end{align}", "a_b, _c_, [0.1, 0.2], 1.5 − 3, x ~ y", "2.13.0+cpu", "",
]  # fmt: skip


def parsed(text):
    config = MdParserConfig(enable_extensions=EXTENSIONS)
    return create_md_parser(config, RendererHTML).parse(text)


def shown(tokens):
    """The text of the tokens; anything but text, in paragraphs and cells, is an error."""
    for token in tokens:
        if token.type == "inline":
            yield "".join(_plain(child) for child in token.children)
        else:
            kinds = ("table", "thead", "tbody", "tr", "th", "td", "paragraph")
            assert token.type.rpartition("_")[0] in kinds, token.type


def _plain(token):
    assert token.type in ("text", "text_special"), token.type
    return token.content


@pytest.mark.parametrize("text", WICKED)
def test_a_text_is_shown_as_it_is(text):
    line = " ".join(text.split())
    assert "".join(shown(parsed(escaped.markdown(text)))) == line
    table = f"| a | b |\n|---|---|\n| {escaped.markdown(text)} | end |\n"
    assert list(shown(parsed(table))) == ["a", "b", line, "end"]


@pytest.mark.parametrize("text", WICKED)
def test_the_page_of_rows_shows_what_rows_say(text):
    run = {"objective": "vae", "weight": 1.0, "dataset": text, "source": text, "run_id": text,
           "seed": 0, "step": 100, "mig": 0.125, "encoder": text, "sigma": 0.0,
           "variant": text}  # fmt: skip
    other = run | {"dataset": "d", "variant": "", "encoder": "e", "run_id": "abc", "seed": 1,
                   "source": "z"}  # fmt: skip
    page = tables.rows_table(pd.DataFrame([run, other]), "exp", "laptop")
    file = "{download}`abc <results/exp/laptop/abc.json>`"
    assert page.count("`") == (2 if file in page else 0) + escaped.markdown(text).count("`") * 5
    line = " ".join(text.split())
    cells = list(shown(parsed(page.replace(file, "file"))))
    width = cells.index("run") + 1
    of_run = next(row for row in (cells[width : 2 * width], cells[2 * width :]) if "0" in row[1:])
    assert of_run.count(line) >= 5 - 1  # variant, data set, encoder, source, run


@pytest.mark.parametrize("text", WICKED)
def test_the_ledger_shows_what_records_say(text, monkeypatch):
    remark = "If $\\beta > 1$; "
    monkeypatch.setattr(claims, "remarks", lambda: {"C-04": remark})
    row = {"id": "C-04", "statement": "s", "chapter": "", "verdict": "C",
           "evidence": f"{remark}{text}"}  # fmt: skip
    placed = row | {"paper": "C", "kind": "statement", "title": "t", "place": "p"}
    _, *page = ledger.table(pd.DataFrame([placed]), {}).partition(remark)
    told = page[1].partition("\n")[0]
    assert "".join(shown(parsed(told))) == " ".join(text.split())
    (line,) = [
        line
        for line in tables.what_reproduces(
            pd.DataFrame([row | {"id": "C-fig2", "kind": "claim", "paper": "C", "evidence": text}])
        ).splitlines()
        if line.startswith("| C-fig2")
    ]
    head = "| a | b | c | d |\n|---|---|---|---|\n"
    assert list(shown(parsed(head + line)))[-1] == " ".join(text.split())


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("=1+1", "'=1+1"), ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"), ("+cmd|x!A0", "'+cmd|x!A0"),
        ("-2+3+cmd", "'-2+3+cmd"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), (" =1", "' =1"),
        ("\n=1", "'\n=1"), ("-", "'-"), ("-x", "'-x"), ("-1.5", "-1.5"), ("+1e-3", "+1e-3"),
        ("-.5", "-.5"), ("a=b", "a=b"), ("", ""), ("−1", "−1"),
    ],
)  # fmt: skip
def test_no_cell_of_a_table_to_download_is_a_formula(cell, kept):
    table = pd.DataFrame({"text": [cell, "plain"], "number": [-1.5, 2.0]})
    rows = list(csv.reader(io.StringIO(escaped.csv(table))))
    assert rows == [["text", "number"], [kept, "-1.5"], ["plain", "2.0"]]
    assert list(table["text"]) == [cell, "plain"]
