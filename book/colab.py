"""The first cell of a twin that is opened by itself, as in Colab: it fetches the book.

Rows do not come with the package, so the cell clones the repository; pages do not show it, and
where the package is installed it does nothing.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

TAG = "fetch-book"
"""Of the cell, which belongs to no chapter: `origin.code_cells` leaves it out."""

CELL = """\
# Without the package (in Colab, say) this fetches the book with its rows, and installs it.
from importlib.util import find_spec

if find_spec("disentangled") is None:
    !git clone --quiet --depth 1 --branch {branch} {repository} the_book
    %cd -q the_book
    %pip install --quiet ".[book]"
"""


def project(root: Path) -> dict[str, Any]:
    """What pyproject.toml says of the repository: its address, or "", and its branch."""
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["disentangled"]


def fetching(root: Path) -> list[NotebookNode]:
    """The cell, once the repository has an address; no cell before."""
    said = project(root)
    if not said["repository"]:
        return []
    cell = nbformat.v4.new_code_cell(CELL.format(**said).strip(), id=TAG)
    cell.metadata["tags"] = [TAG, "remove-cell"]
    return [cell]
