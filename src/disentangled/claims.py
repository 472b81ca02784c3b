"""Statements and empirical claims of the papers: their checks, their verdicts, the ledger.

A chapter checks each of its statements once. The verdict is computed, and a verdict that
differs from the one declared in `statements/` stops the chapter.

Verdicts: H holds as printed, C holds under an extra condition, F false as printed, T typo or
scan error, N not checkable by computing, X derived here; those of empirical claims are in
`verdicts`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from disentangled import records, verdicts
from disentangled.comparisons import (
    compare,
    compare_correlations,
    compare_curves,
    compare_paired,
    compare_panels,
    correlate,
    holm,
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
    "compare_correlations",
    "compare_curves",
    "compare_paired",
    "compare_panels",
    "correlate",
    "empirical",
    "holm",
    "ledger",
    "not_checkable",
    "summary",
]

COMPUTED = ("H", "C", "F", "X")
"""Verdicts that a check computes."""

Residual = Callable[[Any], Any]

Tests = Mapping[str, Callable[..., Any]]
"""What tests each claim, by its id: `test(matters=Δ) -> Comparison`; of a claim that is described
and not tested `value() -> float`."""


class OnRows(NamedTuple):
    """The claims of a chapter on the rows of one profile.

    tests: for each claim's id, what computes its `Comparison` on the runs that learned.
    with_all: the same tests on all runs that came to their end.
    rows: where the rows lie that the tests read, relative to the checkout.
    on: for each claim's id the data set and its source, as captions name them.
    ready: ids of the claims that can be tested on the rows that are there.
    whole: ids of those of which no declared run is missing.
    waiting: of those that are not whole, how many of the runs are there, in words.
    n_left_out: by id, how many runs of those it reads never learned.
    settled: by id, whether the trainings had come to an end (see `learning.settled`).
    """

    tests: Tests
    with_all: Tests
    rows: str
    on: Mapping[str, str]
    ready: Collection[str]
    whole: Collection[str]
    waiting: Mapping[str, str]
    n_left_out: Mapping[str, int]
    settled: Mapping[str, str]


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


def empirical(found: Mapping[str, OnRows], *, page: Chapter) -> list[Record]:
    """Decide all empirical claims of a chapter from its rows, together, and record them.

    Holm's correction runs over the primary claims of a family (see `verdicts`), so a chapter calls
    this once, by `evidence.decide`. Larger profiles have a correction each; where the rows of one
    are whole, its verdict is that of the ledger.

    Args:
        found: by profile, the page's own first and larger ones after it, what tests the claims;
            a larger profile may have claims of its own. Under the smoke profile no test is called
            and every claim is "not run".
        page: the chapter.

    Returns: the records of the page's own claims, each with the verdict under its profile.

    Raises:
        ValueError: a claim that `statements/` does not hold, or no rows under the page's profile.
    """
    if not isinstance(found, Mapping) or page.profile not in found:
        raise ValueError(f"no claims are given for {page.profile}, the page's profile")
    for name in {name for of in found.values() for name in of.tests}:
        _declared(name, page, "")
    facts = {profile: _facts(of) for profile, of in found.items()}
    own = facts.pop(page.profile)
    for name, there in found[page.profile].waiting.items():  # no verdict before all runs are there
        own[name] = {"verdict": "not run", "rows": found[page.profile].rows, "there": there}
    for profile in facts:
        for name in found[profile].ready:
            own.setdefault(name, {"verdict": "not run"})  # the page's own nets do not ask it
    records_of = {}
    for name, of_it in own.items():
        others = {
            profile: {"whole": name in found[profile].whole, **beside[name]}
            for profile, beside in facts.items()
            if name in found[profile].ready
        }
        kept = {"how": "rows", **of_it} | ({"larger": others} if others else {})
        record = Record(name, kept.pop("verdict"), kept)
        records_of[name] = records.write(page.name, page.profile, record)
    return [records_of[name] for name in found[page.profile].tests]


def _facts(of: OnRows) -> dict[str, dict[str, Any]]:
    """Verdict and facts of every claim on the rows of one profile, as records keep them."""
    declared = verdicts.declared()
    all_runs = of._replace(tests=of.with_all)
    verdict_of, with_all = (_decided(one, declared) for one in (of, all_runs))
    found: dict[str, dict[str, Any]] = {}
    for name in of.tests:
        if name not in of.ready:
            found[name] = {"verdict": "not run"}
            continue
        verdict, numbers = verdict_of[name]
        claim = declared[name]
        facts = {
            "rows": of.rows,
            "on": of.on[name],
            "quantity": claim.quantity,
            "unit": claim.unit,
            "asks": claim.asks,
            **{key: records.tidy(value) for key, value in numbers.items()},
        }
        if claim.asks != "describe":
            facts["role"] = "primary" if claim.primary else "secondary"
            facts["family"] = claim.family
        if claim.published == claim.published:
            facts |= {"published": claim.published, "by": claim.by}
        if of.n_left_out.get(name):
            facts |= {"n_left_out": of.n_left_out[name], "with_them": with_all[name][0]}
        facts["settled"] = of.settled.get(name, "not known")
        found[name] = {"verdict": verdict, **facts}
    return found


def _decided(
    of: OnRows, declared: Mapping[str, verdicts.Declared]
) -> dict[str, tuple[str, dict[str, Any]]]:
    """The verdict on every claim that is ready, and its numbers; of a description its value."""
    tested = {n for n in of.ready if declared[n].asks != "describe"}
    results = {n: of.tests[n](matters=declared[n].matters) for n in of.tests if n in tested}
    found = verdicts.decided(results, declared)
    for name in of.tests:
        if name in of.ready and name not in tested:
            found[name] = "described", {"effect": float(of.tests[name]())}
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
    computed = rows["verdict"].isin(COMPUTED)
    remark = rows["id"].map(remarks()).where(computed, "")
    rows["evidence"] = remark + rows["evidence"]
    return rows[["id", "kind", "paper", "statement", "verdict", "evidence", "chapter"]]


def remarks() -> dict[str, str]:
    """The condition or the remark, by id, with which the evidence of a computed statement begins;
    Markdown with formulas, from `statements/` and not from records."""
    declared = records.statements()
    computed = declared["verdict"].isin(COMPUTED)
    told = declared["condition"].where(computed, "").str.replace(r"\.$", "; ", regex=True)
    return dict(zip(declared["id"], told, strict=True))


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
    if not isinstance(id, str) or id not in rows:
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
