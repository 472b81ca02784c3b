"""Text of rows and records as it may stand in pages and in tables to download.

Rows and records are data. They may come from anywhere, and what stands in them is shown and never
obeyed: not by a browser (HTML), not by the book (directives, roles, links, formulas), not by a
program for tables (formulas in cells).
"""

from __future__ import annotations

import re

import pandas as pd

ACTIVE = re.compile(
    r"[\\`*<>{}|~&$]"  # HTML, code, roles, emphasis, columns, formulas
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis; inside a word it is none
    r"|\](?=[(\[:])|\[(?=\^)"  # links, images, footnotes
    r"|^[(:%=+@#-]"  # fences, comments, lists, headings
)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


def markdown(text: object) -> str:
    """A text as Markdown of one line that shows it as it is: in prose, in lists, in tables."""
    line = ACTIVE.sub(lambda m: "\\" + m[0], " ".join(str(text).split()))
    return re.sub(r"^(\d+)(?=[.)](\s|$))", r"\1\\", line)  # else the first item of a list


def csv(table: pd.DataFrame) -> str:
    """A table as CSV in which no cell is a formula: text that would begin one has a ' before it.

    A program for tables computes a cell that begins with =, +, - or @, which can send the other
    cells away. Numbers stay as they are.
    """
    plain = table.copy()
    for name in plain.columns:
        if not pd.api.types.is_numeric_dtype(plain[name]):
            plain[name] = plain[name].map(_cell)
    return plain.to_csv(index=False)


def _cell(value: object) -> object:
    if not isinstance(value, str) or NUMBER.fullmatch(value.strip()):
        return value
    return f"'{value}" if re.match(r"\s*[=+@\t\r-]", value) else value
