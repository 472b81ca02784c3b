"""The checks of all chapters, run in one process on a package that is broken on purpose.

    python book/checks.py         plant every fault, write which checks caught it

Of a chapter only the statements run that its checks need: neither figures, nor sliders, nor
training. A check fails under a fault where `claims.check`, or what it is given, raises; nothing is
recorded. What was found is committed, the ledger shows it, and a test holds it up to date.
"""

from __future__ import annotations

import ast
import dis
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple
from unittest import mock

import jupytext
from faults import FAULTS, FOUND, Fault, code_of, planted

from disentangled import claims, records, sealed

CHAPTERS = Path(__file__).with_name("chapters")

Check = Callable[..., Any]


class Part(NamedTuple):
    """A statement of a chapter.

    code: compiled.
    ids: of the checks in it.
    needs: which parts of the chapter have to run for this one, itself included.
    """

    code: CodeType
    ids: tuple[str, ...]
    needs: frozenset[int]


def chapters() -> list[str]:
    """The chapters that check something."""
    return sorted(p.stem for p in CHAPTERS.glob("*.md") if "claims.check(" in p.read_text("utf-8"))


@cache
def parts(chapter: str) -> list[Part]:
    """The statements of a chapter, up to its last check."""
    cells = jupytext.reads((CHAPTERS / f"{chapter}.md").read_text("utf-8"), "md:myst").cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    code = [cell for cell in code if "parameters" not in cell.metadata.get("tags", [])]
    lines = [line for cell in code for line in ast.parse(cell.source).body]
    ids = [_checked(line) for line in lines]
    lines = lines[: 1 + max(i for i, some in enumerate(ids) if some)]
    compiled = [compile(ast.Module([line], []), f"<{chapter}>", "exec") for line in lines]
    reads = [set(_loaded(code)) for code in compiled]
    binds = [_bound(line, code) for line, code in zip(lines, compiled, strict=True)]
    found = []
    for i, code in enumerate(compiled):
        needs: set[int] = set()
        more = {i}
        while more:
            needs |= more
            names = set().union(*(reads[j] for j in more))
            more = {j for j, bound in enumerate(binds) if bound & names} - needs
        found.append(Part(code, ids[i], frozenset(needs)))
    return found


def _checked(line: ast.stmt) -> tuple[str, ...]:
    """The ids, which are literals, of the checks in a statement."""
    calls = [node for node in ast.walk(line) if isinstance(node, ast.Call)]
    checks = [call for call in calls if ast.unparse(call.func) == "claims.check"]
    return tuple(ast.literal_eval(call.args[0]) for call in checks)


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


def run(
    chapter: str,
    ids: Collection[str] | None = None,
    *,
    check: Check = claims.check,
    before: Callable[[int], Any] = lambda part: None,
) -> dict[str, str]:
    """Run a chapter's checks: for each id what was raised, or "" where the check passed.

    Args:
        ids: those to run, all by default.
        check: in the place of `claims.check`.
        before: is told the number of each part before it runs.
    """
    of = parts(chapter)
    asked = [part for part in of if (part.ids if ids is None else set(part.ids) & set(ids))]
    namespace = {"profile": "smoke"}
    raised: dict[str, str] = {}
    with (
        mock.patch.object(claims, "check", check),
        mock.patch.object(records, "write", lambda chapter, profile, record: record),
    ):
        for i in sorted(set().union(*(part.needs for part in asked))):
            before(i)
            try:
                exec(of[i].code, namespace)
            except Exception as error:  # whatever stops a check, a reader of the chapter sees it
                if not of[i].ids:
                    raise
                raised |= dict.fromkeys(of[i].ids, f"{type(error).__name__}: {error}")
            else:
                raised |= dict.fromkeys(of[i].ids, "")
    return raised


@cache
def called(chapter: str) -> list[set[CodeType]]:
    """For each part of a chapter the code of the functions that run in it."""
    seen: list[set[CodeType]] = [set() for _ in parts(chapter)]
    now = 0

    def before(part: int) -> None:
        nonlocal now
        now = part

    sys.setprofile(lambda frame, event, argument: seen[now].add(frame.f_code))
    try:
        run(chapter, before=before)
    finally:
        sys.setprofile(None)
    return seen


def reached(chapter: str, fault: Fault) -> list[str]:
    """The ids of the checks that call the function of a fault, or need what calls it."""
    code = code_of(fault)
    calls = {i for i, seen in enumerate(called(chapter)) if code in seen}
    return [name for part in parts(chapter) if part.needs & calls for name in part.ids]


def caught(
    chapter: str, names: Iterable[str], *, check: Check = claims.check
) -> dict[str, list[str]]:
    """For each statement that a chapter checks the faults, of those named, under which it fails.

    Raises:
        ValueError: a check fails without any fault, or a fault stops the chapter outside of
            its checks, so that it shows nothing of them.
    """
    found: dict[str, list[str]] = {}
    for checked, error in run(chapter, check=check).items():
        if error:
            raise ValueError(f"{chapter}: {checked} fails without any fault: {error}")
        found[checked] = []
    for name in names:
        ids = reached(chapter, FAULTS[name])
        if not ids:
            continue
        with planted(FAULTS[name]):
            try:
                raised = run(chapter, ids, check=check)
            except Exception as error:
                raise ValueError(f"{name!r} stops {chapter} outside of its checks") from error
        for checked in ids:
            found[checked] += [name] if raised[checked] else []
    return found


def all_caught() -> dict[str, list[str]]:
    """For each statement of the book that is computed the faults under which its check fails."""
    found: dict[str, list[str]] = {}
    for chapter in chapters():
        began = time.monotonic()
        found |= caught(chapter, FAULTS)
        print(f"{chapter}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return dict(sorted(found.items()))


def problems(found: dict[str, list[str]]) -> list[str]:
    """What the checks miss: faults that fail none, and checks that no fault fails."""
    seen = {name for names in found.values() for name in names}
    missed = [f"no check notices the fault {name!r}" for name in FAULTS if name not in seen]
    return missed + [
        f"{checked} passes under every fault" for checked in found if not found[checked]
    ]


def main() -> int:
    found = all_caught()
    FOUND.write_text(sealed.text(found), "utf-8")
    missed = problems(found)
    print("\n".join(missed) or f"{len(FAULTS)} faults, all caught", file=sys.stderr)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
