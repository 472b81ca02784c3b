"""A chapter is a pair: NAME.md is edited by hand, NAME.ipynb is its executed twin, never edited.

The twin remembers in its metadata what its outputs came from (`origin`), so that a pair can be
told in step, to be merged (the prose changed) or to be run (the code or the rows did).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import jupytext
import nbformat
from colab import fetching
from nbformat import NotebookNode
from origin import code_cells, origin

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def read_source(path: Path) -> NotebookNode:
    """The hand-written half of a pair as a notebook without outputs, its cells with fixed ids."""
    notebook = jupytext.read(path)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
    fix_cell_ids(notebook)
    return notebook


def read_twin(path: Path) -> NotebookNode:
    """The executed half of a pair."""
    return nbformat.read(path, as_version=4)


def write_twin(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook aside and rename it, so that no reader ever sees half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}")
    nbformat.write(notebook, aside)
    aside.replace(path)


def fix_cell_ids(notebook: NotebookNode) -> None:
    """Name each cell after its content, so that an edit changes the ids of no other cell."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        name = hashlib.sha256(f"{cell.cell_type} {cell.source}".encode()).hexdigest()[:12]
        seen[name] = seen.get(name, 0) + 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"


def fix_widget_ids(notebook: NotebookNode) -> NotebookNode:
    """Number the widget models in the order they were made, in place of random ids."""
    state = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    fixed = {
        old: hashlib.sha256(f"widget {n}".encode()).hexdigest()[:32] for n, old in enumerate(state)
    }
    if not fixed:
        return notebook
    text = re.sub("|".join(fixed), lambda match: fixed[match[0]], nbformat.writes(notebook))
    return nbformat.reads(text, as_version=4)


def fix_table_ids(notebook: NotebookNode) -> None:
    """Number styled tables in the order they are shown, in place of random ids."""
    fixed: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return fixed.setdefault(match[0], f"T_{len(fixed):05x}")

    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "text/html" in output.get("data", {}):
                html = output.data["text/html"]
                output.data["text/html"] = re.sub(r"\bT_[0-9a-f]{5}(?![0-9a-f])", number, html)


def tidy_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs as a reader should find them: no stderr (progress), each stream in one piece.

    Streams come from the kernel in pieces that depend on timing; a line that was overwritten
    (a carriage return) is dropped, as a terminal would.
    """
    kept: list[NotebookNode] = []
    for output in outputs:
        if output.output_type != "stream":
            kept.append(output)
        elif output.name == "stdout" and kept and kept[-1].output_type == "stream":
            kept[-1].text += output.text
        elif output.name == "stdout":
            kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = re.sub(r"[^\n]*\r(?!\n)", "", output.text)
    return [o for o in kept if o.output_type != "stream" or o.text]


def tidy(notebook: NotebookNode) -> NotebookNode:
    """An executed notebook without the traces of the run: times, versions, random ids."""
    for key in ("papermill", "execution"):
        notebook.metadata.pop(key, None)
        for cell in notebook.cells:
            cell.metadata.pop(key, None)
    for cell in notebook.cells:
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
    for cell in code_cells(notebook):
        cell.outputs = tidy_outputs(cell.outputs)
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    fix_cell_ids(notebook)
    fix_table_ids(notebook)
    return fix_widget_ids(notebook)


def merge(
    source: NotebookNode, executed: NotebookNode, came_from: dict[str, str], root: Path
) -> NotebookNode:
    """The twin: prose, code and metadata of the source, outputs of a run of the same code, and
    above them the cell that fetches the book."""
    twin = nbformat.from_dict(source)
    for cell, ran in zip(code_cells(twin), code_cells(executed), strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    for key in ("widgets", "language_info"):
        if key in executed.metadata:
            twin.metadata[key] = executed.metadata[key]
    twin.metadata["executed"] = came_from
    twin.cells = fetching(root) + twin.cells
    return twin


def fault(md: Path, root: Path) -> str:
    """What is wrong with a pair: "missing", "stale: ...", "out of step", or nothing."""
    source = read_source(md)
    path = md.with_suffix(".ipynb")
    if not path.is_file():
        return "missing"
    twin = read_twin(path)
    then, now = twin.metadata.get("executed", {}), origin(source, root)
    moved = [key for key in now if then.get(key) != now[key]]
    if moved:
        return f"stale: {' and '.join(moved)} changed since it ran"
    if [c.source.strip() for c in code_cells(twin)] != [
        c.source.strip() for c in code_cells(source)
    ]:
        return "stale: its cells were edited by hand"
    return "" if merge(source, twin, now, root) == twin else "out of step"
