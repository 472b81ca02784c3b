"""Badges: what a chapter found about a statement, as one line of its page.

A badge is HTML that needs no script and no style sheet: it reads the same in pages and in Jupyter,
in light and in dark. All that it says is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

EXPLAINED = "../ledger.html#badges"
"""Where the book says what a badge and its letters mean, seen from a chapter's page."""

HOLDS, WITH_CARE, FAILS, OPEN = "#00694B", "#7A5200", "#A83200", "#595959"
"""Grounds on which white words read well; the words say the same as the colours."""

GROUNDS = {
    "H": HOLDS,
    "X": HOLDS,
    "C": WITH_CARE,
    "T": WITH_CARE,
    "F": FAILS,
    "reproduced": HOLDS,
    "reproduced in sign": WITH_CARE,
    "not reproduced": FAILS,
}
"""Colour by verdict; what is open, described, not run or not checkable is grey."""


def badge(id: str, verdict: str, words: str, said: str) -> str:
    """A statement's id, its verdict on a coloured ground, and what was found, as HTML.

    Args:
        id: of the statement.
        verdict: its letter, or a claim's verdict, which chooses the colour.
        words: the verdict in words.
        said: the evidence in short; may be empty.
    """
    ground = GROUNDS.get(verdict, OPEN)
    style = f"background:{ground};color:white;padding:0.1em 0.4em;border-radius:0.3em"
    chip = f'<a href="{EXPLAINED}" style="{style};text-decoration:none">{escape(words)}</a>'
    found = f": {escape(said)}" if said else ""
    return f'<div class="verdict"><strong>{escape(id)}</strong> {chip}{found}</div>'


def of_check(facts: Mapping[str, Any]) -> str:
    """How far off a computed statement was, and how far off its wrong variant, in short.

    facts: those of a record of `claims.check`.
    """
    off, margin = _number(facts["evidence"]), _number(facts["margin"])
    name = facts["perturbation"]
    wrong = (
        "without the condition" if name == "condition removed" else f"the wrong variant “{name}”"
    )
    if "as_printed" in facts:
        return f"off by {_number(facts['as_printed'])}, corrected by {off}; {wrong} by {margin}"
    return f"off by {off}; {wrong} by {margin}"


def _number(value: float | str) -> str:
    """As recorded, without a needless decimal point; infinity is recorded as a word."""
    return value if isinstance(value, str) else f"{value:g}"
