"""Statements and empirical claims of the papers: their checks, their verdicts, the ledger.

A chapter checks each of its statements once. The verdict is computed, and a verdict that
differs from the one declared in `statements/` stops the chapter.

Verdicts: H holds as printed, C holds under an extra condition, F false as printed, T typo or
scan error, N not checkable by computing, X derived here; of empirical claims "reproduced",
"not reproduced", "inconclusive" and "not run".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pandas as pd

from disentangled import records
from disentangled.comparisons import (
    OnRows,
    Tests,
    compare,
    compare_medians,
    decided,
    holm,
    resample,
)
from disentangled.records import VERDICTS, Record

__all__ = [
    "VERDICTS",
    "Chapter",
    "CheckError",
    "OnRows",
    "by_reading",
    "check",
    "compare",
    "compare_medians",
    "empirical",
    "holm",
    "ledger",
    "not_checkable",
    "resample",
    "summary",
]

Residual = Callable[[Any], Any]
NO_OTHERS: Mapping[str, OnRows] = MappingProxyType({})


class CheckError(AssertionError):
    """A check that contradicts the declared verdict, or that nothing can make fail."""


@dataclass(frozen=True)
class Chapter:
    """A running chapter: its name, which is its file's stem, its profile, and its sliders.

    sliders: frames and bytes of each slider shown so far, for the limits of a page.
    """

    name: str
    profile: str
    sliders: dict[str, tuple[int, int]] = field(default_factory=dict)


def check(
    id: str,
    verdict: str,
    *,
    page: Chapter,
    statement: Residual,
    instances: Iterable[Any],
    perturbed: Mapping[str, Residual] | None = None,
    without: Iterable[Any] = (),
    corrected: Residual | None = None,
    tolerance: float = 1e-9,
) -> Record:
    r"""Compute a statement's verdict on instances, compare it with the declared one, record it.

    A residual takes an instance and says by how much a statement is off there: left − right of
    an equation, max(0, left − right) of "left ≤ right". The statement holds on a set where the
    largest size of its residual is at most the tolerance.

        H   holds on all instances            C   and fails on an instance of `without`
        F   fails, and `corrected` holds      X   holds, and is derived here

    Args:
        id, verdict: as in `statements/`.
        page: the chapter that checks.
        statement: residual of the statement as printed.
        instances: what it is tried on; for verdict C, instances that meet the condition.
        perturbed: residuals of wrong variants (a dropped log, a swapped sign), by name. Each
            must fail on the instances; the smallest of their worst residuals is the margin.
        without: instances that violate the condition; they count as a perturbation.
        corrected: residual of the corrected statement, for verdict F.
        tolerance: in the residual's unit.

    Raises:
        CheckError: the computed verdict differs from the declared one, or a perturbed variant
            holds too, so that the check shows nothing.
        ValueError: no instances, no perturbation, an unknown id, or a residual that is NaN.
    """
    row = _declared(id, page, verdict)
    instances, without, perturbed = list(instances), list(without), dict(perturbed or {})
    if not instances or not (perturbed or without):
        raise ValueError(f"{id}: give instances and at least one perturbed variant")
    off = _worst(id, statement, instances)
    mended = math.inf if corrected is None else _worst(id, corrected, instances)
    margins = {name: _worst(id, wrong, instances) for name, wrong in perturbed.items()}
    if without:
        margins["condition removed"] = _worst(id, statement, without)

    if off > tolerance:
        computed = "F" if mended <= tolerance else "fails"
    elif margins.get("condition removed", 0.0) > tolerance:
        computed = "C"
    else:
        computed = "X" if row["kind"] == "derived" else "H"
    if computed != verdict:
        seen = {"as printed": off, "corrected": mended, **margins}
        raise CheckError(
            f"{id} is declared {verdict} but computes as {computed}: allowed {tolerance:.3g}, off "
            + ", ".join(f"{name} by {value:.3g}" for name, value in seen.items())
        )
    name, margin = min(margins.items(), key=lambda item: item[1])
    if margin <= tolerance:
        raise CheckError(
            f"{id} proves nothing: the perturbed variant {name!r} holds as well"
            f" (off by {margin:.3g}, allowed {tolerance:.3g})"
        )
    facts: dict[str, Any] = {"how": "check", "evidence": records.tidy(min(off, mended))}
    if computed == "F":
        facts["as_printed"] = records.tidy(off)
    facts |= {"tolerance": tolerance, "perturbation": name, "margin": records.tidy(margin)}
    return records.write(page.name, page.profile, Record(id, computed, facts))


def by_reading(id: str, *, page: Chapter, quote: str, corrected: str = "") -> Record:
    """Record a wording row (T) or a plain definition (H): the quoted place and its correction.

    Raises:
        ValueError: the row is neither, or a wording row comes without its corrected form.
    """
    row = _declared(id, page)
    if row["kind"] not in ("wording", "definition"):
        raise ValueError(f"{id} is a {row['kind']}: it needs a check, not a reading")
    if row["kind"] == "wording" and not corrected:
        raise ValueError(f"{id} is a wording row: give the corrected form beside the quote")
    facts = {"how": "reading", "quote": quote, "corrected": corrected}
    return records.write(page.name, page.profile, Record(id, row["verdict"], facts))


def not_checkable(id: str, *, page: Chapter, why: str) -> Record:
    """Record a statement that no computation can settle (N), with the reason."""
    _declared(id, page, "N")
    return records.write(page.name, page.profile, Record(id, "N", {"how": "reason", "why": why}))


def empirical(
    tests: Tests,
    *,
    page: Chapter,
    rows: str,
    on: Mapping[str, str],
    larger: Mapping[str, OnRows] = NO_OTHERS,
) -> list[Record]:
    """Decide all empirical claims of a chapter from its rows, together, and record them.

    Holm's correction runs over the claims given, so a chapter calls this once. Larger profiles
    have a correction each; where the rows of one are whole, its verdict is that of the ledger.

    Args:
        tests: for each claim's id, what computes its `Comparison`; under the smoke profile none
            is called and every claim is "not run".
        page: the chapter.
        rows: where the rows lie that the tests read, relative to the checkout.
        on: for each claim's id the data set and its source, as captions name them; a claim about
            a real data set may have been tested on what stands in for it.
        larger: the same claims on the rows of larger profiles (see `evidence.larger`), from
            small to large; they may have claims of their own.

    Returns: the records of `tests`, each with the verdict under the page's profile.
    """
    for name in {**tests, **{name: None for more in larger.values() for name in more.tests}}:
        _declared(name, page, "")
    ready = () if page.profile == "smoke" else tuple(tests)
    own = _facts(OnRows(tests, rows, on, ready, tests))
    beside = {profile: _facts(more) for profile, more in larger.items()}
    for name in [name for more in larger.values() for name in more.ready]:
        own.setdefault(name, {"verdict": "not run"})  # the page's own nets do not ask it
    found = {}
    for name, facts in own.items():
        others = {
            profile: {"whole": name in larger[profile].whole, **of_it[name]}
            for profile, of_it in beside.items()
            if name in larger[profile].ready
        }
        kept = {"how": "rows", **facts} | ({"larger": others} if others else {})
        record = Record(name, kept.pop("verdict"), kept)
        found[name] = records.write(page.name, page.profile, record)
    return [found[name] for name in tests]


def _facts(of: OnRows) -> dict[str, dict[str, Any]]:
    """Verdict and facts of every claim on the rows of one profile, as records keep them."""
    found: dict[str, dict[str, Any]] = {}
    for name, (verdict, numbers) in decided(of).items():
        found[name] = {"verdict": verdict, "rows": of.rows, "on": of.on[name]}
        found[name] |= {key: records.tidy(value) for key, value in numbers.items()}
    return found


def ledger() -> pd.DataFrame:
    """Every statement and claim with what the published chapters found, in the papers' order.

    Each chapter's records are those of the profile under which it is published
    (`records.published`); a run under another profile changes nothing here. The verdict of a claim
    is that of the largest profile whose runs it reads are all there.

    Columns: id kind paper statement verdict evidence chapter. A statement that no chapter has
    checked yet has the verdict "not checked", a claim without rows "not run". The evidence of
    a statement that was checked begins with the condition or the remark on it, if there is one,
    that of a claim with the profile of its rows.

    Raises:
        ValueError: a file of records is damaged or out of step with `statements/`.
    """
    rows = records.table(records.in_ledger())
    computed = rows["verdict"].isin(["H", "C", "F", "X"])
    remark = rows["condition"].where(computed, "").str.replace(r"\.$", "; ", regex=True)
    rows["evidence"] = remark + rows["evidence"]
    return rows[["id", "kind", "paper", "statement", "verdict", "evidence", "chapter"]]


def summary(page: Chapter) -> pd.DataFrame:
    """The rows of a chapter, for its section *Paper and page*: place title verdict evidence.

    Raises:
        CheckError: the chapter has left out one of its statements.
    """
    rows = records.table([(page.name, page.profile)]).query("chapter == @page.name").copy()
    left_out = rows.loc[rows["verdict"] == "not checked", "id"]
    if len(left_out):
        raise CheckError(f"chapter {page.name} has not checked {', '.join(left_out)}")
    rows["verdict"] = rows["verdict"].replace(VERDICTS)
    return rows.set_index("id").rename_axis(None)[["place", "title", "verdict", "evidence"]]


def _declared(id: str, page: Chapter, verdict: str | None = None) -> dict[str, str]:
    """The row of `statements/`, which must belong to the page and have the verdict."""
    rows = {row["id"]: row for row in records.statements().to_dict("records")}
    if id not in rows:
        raise ValueError(
            f"no statement {id!r} in the statements/ of the package; add it to its paper's file,"
            " or mend the id"
        )
    row = rows[id]
    if row["chapter"] != page.name:
        raise ValueError(f"{id} belongs to chapter {row['chapter'] or 'none'}, not to {page.name}")
    if verdict is not None and verdict != row["verdict"]:
        raise CheckError(
            f"{id} is declared {verdict!r} in the chapter but {row['verdict']!r} in"
            f" statements/{row['paper']}.csv"
        )
    return {str(key): value for key, value in row.items()}


def _worst(id: str, residual: Residual, instances: list[Any]) -> float:
    values = [abs(float(residual(instance))) for instance in instances]
    for i, value in enumerate(values):
        if math.isnan(value):
            raise ValueError(f"{id}: the residual is NaN on instance {i}")
    return max(values)
