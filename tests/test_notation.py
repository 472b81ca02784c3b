"""One symbol, one meaning: the notation page lists every letter that formulas of the book use."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
PAGES = sorted([*BOOK.glob("*.md"), *(BOOK / "chapters").glob("*.md")])
STATEMENTS = sorted((ROOT / "src" / "disentangled" / "statements").glob("*.csv"))

# What typesets and relates symbols. A command that stands neither here nor on the page fails.
COMMANDS = """
    aligned approx big Big bigg bigl bigr Bigl Bigr cap cdot circ cos cup det dots emptyset exp
    frac ge geq iff implies in infty int langle ldots le left leq lim ln log lvert lVert mapsto
    mathrm max mid min ne neg ni not odot oplus otimes pm prod qquad quad rangle right rvert
    rVert setminus sim sin sqrt sum text textstyle tfrac times to top underbrace Vert vert
    xrightarrow arg
"""
SYNTAX = set(COMMANDS.split())
WITHOUT_SYMBOLS = re.compile(r"\\(?:text|begin|end)\s*\{[^{}]*\}")
TOKEN = re.compile(
    r"\\mathrm\s*\{(?P<name>\w+)\}"
    r"|\\(?P<mark>hat|bar|tilde|dot(?!s)|mathbf|mathcal|mathbb)\s*\{?(?P<marked>\\[A-Za-z]+|\w)\}?"
    r"|\\(?P<command>[A-Za-z]+)"
    r"|\\."
    r"|(?P<letters>[A-Za-z]+)"
)
# One letter, one meaning, where the same letter is common for another thing.
MISUSED = {
    r"N\s*(?:\\[bB]ig)?\((?!N)": r"the normal law is \mathcal N; N counts images",
    r"I(?!_|\s*(?:\\[bB]ig)?\()": r"the identity matrix is \mathbf I; I is an information",
    r"R(?!\^2)": "R stands in R^2 only",
    r"S\s*\(": "S is a set of axes; standard deviations are s",
}
OPENS = re.compile(r"(?P<ticks>`{3,})(?P<info>[^`]*)$")
SPAN = re.compile(r"`[^`\n]+`")


def prose(text):
    """A page without code; of cells stay captions, alt texts and labels of sliders."""
    kept, fences, head = [], [], False
    for line in re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S).splitlines():
        opened = OPENS.match(line)
        if fences and line.strip() == fences[-1][0]:
            fences.pop()
        elif opened and not (fences and is_code(fences[-1][1])):
            fences.append((opened["ticks"], opened["info"].strip()))
            head = False
        elif fences and is_code(fences[-1][1]):
            head = head != (line == "---")
            kept += (
                [line] if head else [f"${label}$" for label in re.findall(r"\\\((.+?)\\\)", line)]
            )
        else:
            kept.append("" if line.startswith("    ") else SPAN.sub("", line))
    assert fences == [], "a fence is not closed"
    return "\n".join(kept)


def is_code(info):
    """Whether a fence holds code; other directives hold prose."""
    return not info.startswith("{") or info.startswith(("{code", "{include", "{tableofcontents"))


def formulas(text):
    """What stands between dollar signs, double ones first."""
    displays = re.findall(r"\$\$(.+?)\$\$", text, flags=re.S)
    inline = re.sub(r"\$\$.+?\$\$", "", text, flags=re.S)
    return displays + re.findall(r"(?<!\\)\$(.+?)(?<!\\)\$", inline, flags=re.S)


def symbols(formula, names=()):
    """Letters, decorated letters and names of a formula, as the notation page writes them."""
    found = set()
    split = re.compile("|".join([*sorted(names, key=len, reverse=True), "."]))
    for token in TOKEN.finditer(WITHOUT_SYMBOLS.sub(" ", formula)):
        if token["marked"]:
            found.add(f"\\{token['mark']} {token['marked']}")
        elif token["command"]:
            found |= {f"\\{token['command']}"} - {f"\\{word}" for word in SYNTAX}
        elif token["name"]:
            found.add(token["name"])
        elif token["letters"]:
            found |= set(split.findall(token["letters"]))
    return found


def letters():
    """Symbol to the chapters that may use it, none for all; from the tables of "Every letter"."""
    section = re.search(r"^## Every letter\n(.*?)(?=^## )", notation(), flags=re.S | re.M)[1]
    listed = {}
    for row in re.findall(r"^\| \$.*", section, flags=re.M):
        cell, _, *where = row.strip("| ").split(" | ")
        for symbol in re.findall(r"\$(.+?)\$", cell):
            assert symbol not in listed, f"{symbol} has two meanings on the notation page"
            listed[symbol] = re.findall(r"chapters/(\w+)\.ipynb", "".join(where))
    return listed


def notation():
    return (BOOK / "notation.md").read_text("utf-8")


def undefined(found, place):
    """The formulas' symbols that a place may not use, each with a formula that does."""
    listed = letters()
    names = [symbol for symbol in listed if re.fullmatch(r"[A-Za-z]{2,}", symbol)]
    everywhere = place == "notation"
    known = {s for s, where in listed.items() if everywhere or not where or place in where}
    return {s: formula for formula in found for s in sorted(symbols(formula, names) - known)}


def misused(found):
    """The formulas in which a letter has the meaning of another one, each with what is wrong."""
    plain = [TOKEN.sub(lambda token: "" if token["marked"] or token["name"] else token[0], f)
             for f in found if len(f) > 1]  # fmt: skip
    return {
        formula: fault
        for formula in plain
        for pattern, fault in MISUSED.items()
        if re.search(rf"(?<![A-Za-z\\]){pattern}", WITHOUT_SYMBOLS.sub(" ", formula))
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_symbol_of_a_page_is_defined(page):
    found = formulas(prose(page.read_text("utf-8")))
    where = "add them to “Every letter” of book/notation.md, or use its letters"
    assert undefined(found, page.stem) == {}, where
    assert misused(found) == {}


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.stem)
def test_every_symbol_of_the_ledger_is_defined(path):
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found = formulas(" ".join(row.values()))
            assert undefined(found, row.get("chapter", "")) == {}, row["id"]
            assert misused(found) == {}, row["id"]


def test_every_letter_is_used_where_the_page_says():
    text = {page.stem: formulas(prose(page.read_text("utf-8"))) for page in PAGES}
    del text["notation"]
    text["statements"] = formulas("\n".join(path.read_text("utf-8") for path in STATEMENTS))
    listed = letters()
    names = [symbol for symbol in listed if re.fullmatch(r"[A-Za-z]{2,}", symbol)]
    used = {stem: set().union(*(symbols(f, names) for f in found)) for stem, found in text.items()}
    for symbol, where in listed.items():
        for stem in where:
            assert symbol in used[stem], f"{stem} does not use {symbol}"
        assert where or any(symbol in found for found in used.values()), f"no page uses {symbol}"


def test_symbols_are_told_from_syntax():
    formula = (
        r"\hat q(z_j) = \tfrac1N \sum_{n=1}^N KL\big(q \Vert \mathbf 1\big) \quad \text{if } M"
    )
    assert symbols(formula, ["KL"]) == {
        *(r"\hat q", "z", "j", "N", "n", "KL", "q", r"\mathbf 1", "M")
    }
    assert symbols(r"TC \le \zeta", ["TC"]) == {"TC", r"\zeta"}
    assert symbols(r"\dot p(x), \dots") == {r"\dot p", "x"}
    assert symbols(r"\mathrm{Cov}\,\mu") == {"Cov", r"\mu"}


def test_code_is_no_prose():
    page = "---\na: $b$\n---\n$x$ `$y$`\n```{code-cell} python\n---\ncaption: of $z$\n---\n"
    page += 'slider(label=r"\\(\\beta\\)")  # $w$\n```\n````{note}\n```{math}\n```\n$u$\n````\n'
    assert formulas(prose(page)) == ["x", "z", r"\beta", "u"]


def test_a_symbol_without_meaning_is_found():
    assert undefined([r"\xi + z"], "kl_in_three_parts") == {r"\xi": r"\xi + z"}


def test_a_letter_with_the_meaning_of_another_is_found():
    right = [r"z \sim \mathcal N(0, \mathbf I)", "I(z; n) - I_n(z_j; v_k)", "N q(z)", "R^2", "z_S"]
    assert misused(right) == {}
    for wrong in ("z \\sim N(0, 1)", r"a^2 I + \Sigma", r"R^{-1/2} z", "S(x)"):
        assert list(misused([wrong, *right])) == [wrong]
