"""The checks of all chapters, run in one process on a package that is broken on purpose.

    python book/checks.py         plant every fault, write which checks caught it

Of a chapter only the statements run that its checks need: neither figures, nor sliders, nor
training. A check fails under a fault where `claims.check` raises; nothing is recorded. What was
found is committed, the ledger shows it, and a test holds it up to date.
"""

from __future__ import annotations

import ast
import dis
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any
from unittest import mock

import jupytext
from faults import FAULTS, PLAIN, code_of, planted

from disentangled import claims, records

CHAPTERS = Path(__file__).with_name("chapters")
FOUND = Path(__file__).with_name("results") / "claims" / "faults.json"

Check = Callable[..., Any]


def chapters() -> list[str]:
    """The chapters that check something."""
    return sorted(p.stem for p in CHAPTERS.glob("*.md") if "claims.check(" in p.read_text("utf-8"))


@cache
def needed(chapter: str) -> list[CodeType]:
    """The statements of a chapter, compiled, on which its checks depend, and the checks."""
    cells = jupytext.reads((CHAPTERS / f"{chapter}.md").read_text("utf-8"), "md:myst").cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    code = [cell for cell in code if "parameters" not in cell.metadata.get("tags", [])]
    lines = [line for cell in code for line in ast.parse(cell.source).body]
    wanted = {i for i, line in enumerate(lines) if _checks(line)}
    lines = lines[: max(wanted) + 1]
    compiled = [compile(ast.Module([line], []), f"<{chapter}>", "exec") for line in lines]
    reads = [set(_loaded(part)) for part in compiled]
    binds = [_bound(line, part) for line, part in zip(lines, compiled, strict=True)]
    before: set[int] = set()
    while before != wanted:
        before, names = wanted, set().union(*(reads[i] for i in wanted))
        wanted = wanted | {i for i, bound in enumerate(binds) if bound & names}
    return [compiled[i] for i in sorted(wanted)]


def _checks(line: ast.stmt) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func) == "claims.check"
        for node in ast.walk(line)
    )


def _loaded(code: CodeType) -> Iterator[str]:
    """Names of the chapter that a statement reads, those in its functions' bodies included."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _loaded(constant)


def _bound(line: ast.stmt, code: CodeType) -> set[str]:
    """Names that a statement binds, or an item of which it sets."""
    stored = {i.argval for i in dis.get_instructions(code) if i.opname == "STORE_NAME"}
    items = {
        node.value.id
        for node in ast.walk(line)
        if isinstance(node, ast.Subscript | ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
    }
    return stored | items


def run(chapter: str, check: Check = claims.check) -> dict[str, str]:
    """Run a chapter's checks: for each id what was raised, or "" where the check passed.

    check: in the place of `claims.check`.
    """
    raised: dict[str, str] = {}

    def tried(id: str, *args: Any, **kwargs: Any) -> None:
        try:
            check(id, *args, **kwargs)
        except Exception as error:  # whatever stops a check is seen by the reader of a chapter
            raised[id] = f"{type(error).__name__}: {error}"
        else:
            raised.setdefault(id, "")

    namespace = {"profile": "smoke"}
    with (
        mock.patch.object(claims, "check", tried),
        mock.patch.object(records, "write", lambda chapter, profile, record: record),
    ):
        for part in needed(chapter):
            exec(part, namespace)
    return raised


@cache
def reached(chapter: str) -> frozenset[CodeType]:
    """The code of all functions that a chapter's checks call."""
    seen: set[CodeType] = set()
    sys.setprofile(lambda frame, event, argument: seen.add(frame.f_code))
    try:
        run(chapter)
    finally:
        sys.setprofile(None)
    return frozenset(seen)


def caught(chapter: str, names: Sequence[str], check: Check = claims.check) -> dict[str, list[str]]:
    """For each statement that a chapter checks the faults, of those named, under which it fails.

    Raises:
        ValueError: a check fails without any fault, or a fault stops the chapter outside of
            its checks, so that it shows nothing of them.
    """
    found: dict[str, list[str]] = {}
    for id, error in run(chapter, check).items():
        if error:
            raise ValueError(f"{chapter}: {id} fails without any fault: {error}")
        found[id] = []
    for name in names:
        if code_of(FAULTS[name]) not in reached(chapter):
            continue
        with planted(FAULTS[name]):
            try:
                raised = run(chapter, check)
            except Exception as error:
                raise ValueError(f"the fault {name!r} stops {chapter} outside of checks") from error
        for id, error in raised.items():
            found[id] += [name] if error else []
    return found


def all_caught() -> dict[str, list[str]]:
    """For each statement of the book that is computed the faults under which its check fails."""
    found: dict[str, list[str]] = {}
    for chapter in chapters():
        began = time.monotonic()
        found |= caught(chapter, list(FAULTS))
        print(f"{chapter}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return dict(sorted(found.items()))


def problems(found: dict[str, list[str]]) -> list[str]:
    """What the checks miss: faults that fail none, and statements that no fault fails."""
    seen = {name for names in found.values() for name in names}
    missed = [f"no check notices the fault {name!r}" for name in FAULTS if name not in seen]
    missed += [f"{id} passes under every fault" for id in found if not found[id] and id not in PLAIN]
    missed += [f"{id} is failed by a fault: take it out of PLAIN" for id in PLAIN if found.get(id)]
    missed += [f"{id} of PLAIN is computed by no chapter" for id in PLAIN if id not in found]
    return missed


def main() -> int:
    found = all_caught()
    FOUND.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    missed = problems(found)
    print("\n".join(missed) or f"{len(FAULTS)} faults, all caught", file=sys.stderr)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
