"""What a chapter's outputs come from: its code cells, the modules they import, the rows they read.

Where the rows begin the imports end (`ROWS_BEGIN`): what trained and scored them is in the rows.

Hashes of content decide whether a chapter must run again. Times of files mean nothing after a
clone, so nothing here looks at them.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

from colab import TAG
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from disentangled.data import DATA_SETS
from disentangled.experiments import EXPERIMENTS, PROFILES, larger, settings

ROWS_BEGIN = ("sweeps", "experiments", "tables", "store")
"""Parts of the package that count, and whose imports of other parts are not followed: those train
and score, and what they made is in the rows, which have a hash of their own. What trains or scores
is followed where a cell imports it itself."""

SCORES = "scoring"
"""The same, unless a cell imports it: figures take no more than constants from it."""


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that run, in order, but for the one that fetches the book (`colab`)."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and TAG not in cell.metadata.get("tags", [])
    ]


def imported_files(code: str, importer: str, src: Path) -> Iterator[Path]:
    """Files below src that a piece of Python imports by name, packages on the way included.

    Args: importer: dotted name of the package the code lives in, "" for a notebook cell.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = importer.split(".")[: len(importer.split(".")) + 1 - node.level]
            start = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            names.update([start, *(f"{start}.{alias.name}" for alias in node.names)])
    for name in names:
        parts = name.split(".")
        for n in range(1, len(parts) + 1):
            stem = src.joinpath(*parts[:n])
            yield from (f for f in (stem / "__init__.py", stem.with_suffix(".py")) if f.is_file())


def modules(notebook: NotebookNode, src: Path) -> list[Path]:
    """Files of the package that the cells import, what those import, tables that they name.

    Imports are followed as far as `ROWS_BEGIN`. The modules of data sets, which their registry
    loads by name, count where a cell, or a module of figures that it imports, names the data set.
    """
    plain = TransformerManager().transform_cell
    cells = [plain(cell.source) for cell in code_cells(notebook)]
    found = followed((f for code in cells for f in imported_files(code, "", src)), src)
    drawn = [path.read_text("utf-8") for path in found if part(path, src) == "figures"]
    named = data_sets("\n".join(cells + drawn), constants(notebook).get("profile", ""))
    loaded = (f"import disentangled.data.{data_module(name)}" for name in sorted(named))
    found |= followed((f for code in loaded for f in imported_files(code, "", src)), src)
    code = {path: path.read_text("utf-8") for path in found}
    beside = {t for p in found for t in p.parent.glob("*.csv") if f'"{t.name}"' in code[p]}
    return sorted(found | beside | set(statements(notebook, src)))


def part(path: Path, src: Path) -> str:
    """The module or wing of the package that a file belongs to."""
    return path.relative_to(src).with_suffix("").parts[1]


def followed(start: Iterable[Path], src: Path) -> set[Path]:
    """The files, and those that they import, directly or not."""
    registry = src / "disentangled" / "data" / "__init__.py"
    by_name = {data_module(name) for name in DATA_SETS}
    own = list(start)
    waiting, found = own.copy(), set[Path]()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        importer = ".".join(path.relative_to(src).parent.parts)
        imported = imported_files(path.read_text("utf-8"), importer, src)
        of = part(path, src)
        if of in ROWS_BEGIN or (of == SCORES and path not in own):
            imported = (f for f in imported if part(f, src) in ROWS_BEGIN)
        elif path == registry:
            imported = (f for f in imported if f.stem not in by_name)
        waiting.extend(imported)
    return found


def words(code: str) -> set[str]:
    """The strings of one word in a piece of Python."""
    return set(re.findall(r"""["'](\w+)["']""", code))


def data_sets(code: str, profile: str) -> set[str]:
    """The data sets that a piece of Python names; if it loads any, those of experiments it names.

    The latter because a chapter may load what an experiment declares, `data.load(run.dataset)`.
    """
    named = words(code) & DATA_SETS.keys()
    if "data.load(" in code:
        experiments = words(code) & EXPERIMENTS.keys()
        named |= {s.run.dataset for name in experiments for s in settings(name, profile)}
    return named


def data_module(name: str) -> str:
    """The module below `disentangled.data` that loads a data set, dotted.

    The registry has a function, or the word "module:function".
    """
    load = DATA_SETS[name].load
    if isinstance(load, str):
        return load.partition(":")[0]
    return load.__module__.removeprefix("disentangled.data.")


def statements(notebook: NotebookNode, src: Path) -> list[Path]:
    """Files of the papers whose statements the cells check: those whose ids they name.

    Another paper's statements reach no output of the chapter.
    """
    code = "\n".join(cell.source for cell in code_cells(notebook))
    files = sorted((src / "disentangled" / "statements").glob("*.csv"))
    return [path for path in files if re.search(rf"""["']{path.stem}-""", code)]


def constants(notebook: NotebookNode) -> dict[str, str]:
    """Defaults of the parameters: the strings assigned in the cell that is tagged so."""
    return {
        node.targets[0].id: node.value.value
        for cell in code_cells(notebook)
        if "parameters" in cell.metadata.get("tags", [])
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }


def rows(notebook: NotebookNode, results: Path) -> list[Path]:
    """What the cells can read below results: the folders they name, there the published profile.

    So do larger profiles, whose rows stand beside it where there are any. A file that lies in no
    profile's folder counts whatever the profile.
    """
    profile = constants(notebook).get("profile", "")
    named = words("\n".join(cell.source for cell in code_cells(notebook)))
    folders = [results / word for word in sorted(named - {"claims"})]
    files = [f for folder in folders for f in folder.glob("*") if f.is_file()]
    read = [profile, *(larger(profile) if profile in PROFILES else [])]
    places = [folder / name for folder in folders for name in read]
    files += [f for place in places for f in place.rglob("*") if f.is_file()]
    return sorted({f for f in files if f.name[0] != "." and f.parent.name != "checkpoints"})


def bare(code: str) -> str:
    """A module's text without docstrings, comments and blank lines, which no output depends on."""
    lines = code.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            for row in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[row - 1] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())


def digest(texts: Iterable[str], files: Iterable[Path], root: Path) -> str:
    """One hash of texts and of files with their places; a line ends the same on every system."""
    total = hashlib.sha256()
    for text in texts:
        total.update(hashlib.sha256(text.encode()).digest())
    for path in files:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        if path.suffix == ".py":
            content = bare(content.decode("utf-8")).encode()
        total.update(path.relative_to(root).as_posix().encode())
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:32]


def origin(notebook: NotebookNode, root: Path) -> dict[str, str]:
    """What the outputs of a notebook come from: a hash of the code, and one of the rows."""
    sources = [cell.source.strip() for cell in code_cells(notebook)]
    return {
        "code": digest(sources, modules(notebook, root / "src"), root),
        "rows": digest([], rows(notebook, root / "book" / "results"), root),
    }
