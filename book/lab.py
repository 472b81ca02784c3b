"""A copy of a chapter that JupyterLab can show.

python book/lab.py NAME     what `make jupyter` calls first

JupyterLab's MyST extension (jupyterlab-myst 2) renders theorems and does not know `glue`, nor
pictures attached to a cell. So in the copy numbers are written out, as published, and the figure
at the top is its caption. The copy is trusted: else JupyterLab shows no SVG before cells are run.
A copy that is there stays, with what its reader wrote.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pairs
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary
from origin import code_cells

ROOT = Path(__file__).resolve().parents[1]

TEXT = re.compile(r"\{glue:text\}`([\w-]+)(?::([^`]*))?`")
"""A glued number in prose: its name, and how it is printed."""

FIGURE = re.compile(r"^(`{3,}|:{3,})\{glue:figure\} opening\n(.*?)^\1$", re.M | re.S)
"""The glued figure: its fence, its options and its caption."""

PLAIN = "application/papermill.record/text/plain"


def glued(twin: NotebookNode) -> dict[str, Any]:
    """The numbers and words that the cells of a chapter kept, by name."""
    return {
        output.metadata["scrapbook"]["name"]: ast.literal_eval(output.data[PLAIN])
        for cell in code_cells(twin)
        for output in cell.outputs
        if PLAIN in output.get("data", {})
    }


def written_out(prose: str, kept: Mapping[str, Any]) -> str:
    """Prose with its glued numbers in it; a name that nothing has stays as it is."""

    def number(found: re.Match[str]) -> str:
        name, spec = found.groups("")
        return format(kept[name], spec) if name in kept else found[0]

    def figure(found: re.Match[str]) -> str:
        lines = [line for line in found[2].splitlines() if not line.startswith(":")]
        return f"**Figure, from a cell below.** {' '.join(lines).strip()}"

    prose = TEXT.sub(number, FIGURE.sub(figure, prose))
    return re.sub(r"\{container\} (answer|told)\b", "{admonition} The answer", prose)


def copy(name: str, root: Path) -> Path:
    """The copy of a chapter below build/jupyter, made and trusted unless it is there.

    Raises:
        ValueError: no chapter has the name.
    """
    twins = {path.stem: path for path in (root / "book" / "chapters").glob("*.ipynb")}
    if name not in twins:
        raise ValueError(f"expected NAME=chapter, one of {', '.join(sorted(twins))}; got {name!r}")
    out = root / "build" / "jupyter" / f"{name}.ipynb"
    if not out.exists():
        twin = pairs.read_twin(twins[name])
        kept = glued(twin)
        for cell in twin.cells:
            if cell.cell_type == "markdown":
                cell.source = written_out(cell.source, kept)
        pairs.write_twin(twin, out)
    NotebookNotary().sign(pairs.read_twin(out))
    return out


if __name__ == "__main__":
    try:
        print(copy(*sys.argv[1:], ROOT))
    except ValueError as error:
        sys.exit(str(error))
