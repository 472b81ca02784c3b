"""What chapters found about the papers' statements, on disk: one small file a chapter.

`statements/`, beside this module, holds a file a paper: every statement in our words with its
declared verdict and the chapter that checks it. The files under `book/results/claims/PROFILE`
hold what runs of the chapters under that profile found, with a digest over all, and
`book/results/claims/published.json` says which of them the ledger shows. The smoke profile writes
under `build/smoke/claims`. Where `DISENTANGLED_RESULTS` names a folder, every profile writes to
`claims/PROFILE` in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from disentangled import badges, disks, sealed, store, verdicts

ROUND_OFF = 1e-9
"""Smaller numbers are recorded as the next power of ten, so that re-runs are small diffs."""

PAPERS = ("C", "D", "A", "B")
"""The letters of the papers, which begin their statements' ids, in the order of the ledger."""

PUBLISHED = "published.json"
"""The file beside the profiles' folders that says under which one a chapter is published."""

EARLIER = "earlier_rules.json"
"""The file beside them with the verdicts of claims under the rules before these."""

DEFAULT = "laptop"
"""The profile under which chapters and experiments are published that the file does not name."""

VERDICTS = {
    "H": "holds as printed",
    "C": "holds under an extra condition",
    "F": "false as printed",
    "T": "typo or scan error",
    "N": "not checkable by computing",
    "X": "derived here",
}
"""The letters of verdicts on statements; those on empirical claims are words already."""


@dataclass(frozen=True)
class Record:
    """What a chapter found about one statement: id, verdict, and the facts behind it."""

    id: str
    verdict: str
    facts: dict[str, Any]

    @property
    def evidence(self) -> str:
        """The facts as one line of text."""
        return _EVIDENCE[self.facts["how"]](self.facts)

    def beside_larger(self, profile: str) -> tuple[str, str]:
        """Verdict and evidence of a claim from the rows of its profile and of larger ones.

        The largest profile of which no run is missing leads; those that lack runs come last, and
        without a verdict.
        """
        whole, part = self._by_profile(profile)
        if len(whole) + len(part) == 1:
            return self.verdict, f"profile {profile}, {self.evidence}" if self.evidence else ""
        lines = [
            f"profile {name}: " + ", ".join(filter(None, [facts["verdict"], _of_rows(facts)]))
            for name, facts in whole.items()
        ]
        lines += [f"profile {n}, runs are missing: {_of_rows(facts)}" for n, facts in part.items()]
        return next(iter(whole.values()))["verdict"], "; ".join(lines)

    def leading(self, profile: str) -> tuple[str, dict[str, Any]]:
        """The profile whose rows decide a claim, and its facts with their verdict: the largest
        one of which no run is missing, or the page's own, which is given."""
        whole, _ = self._by_profile(profile)
        return next(iter(whole.items()))

    def _by_profile(self, profile: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The facts by profile, the largest first: of those that are whole, the page's own last,
        and of those that lack runs."""
        whole = {profile: {**self.facts, "verdict": self.verdict}}
        part = {}
        for name, facts in self.facts.get("larger", {}).items():
            if facts["whole"]:
                whole = {name: facts} | whole
            else:
                part[name] = facts
        return whole, part

    def _repr_html_(self) -> str:
        said = badges.of_check(self.facts) if self.facts["how"] == "check" else self.evidence
        return badges.badge(self.id, self.verdict, VERDICTS.get(self.verdict, self.verdict), said)

    @property
    def sentence(self) -> str:
        """The answer to an empirical claim in one plain sentence, for a page's first screen, from
        the rows of the profile that leads.

        Raises:
            ValueError: a record of no claim, which has no rows.
        """
        return self._said(*self.leading(""))

    def sentences(self) -> list[str]:
        """The same of every profile of which no run is missing, the page's own first.

        Raises:
            ValueError: as `sentence`.
        """
        whole, _ = self._by_profile("")
        return [self._said(profile, facts) for profile, facts in reversed(whole.items())]

    def _said(self, profile: str, facts: Mapping[str, Any]) -> str:
        """The sentence of a profile's facts; the page's own profile is called nothing."""
        if self.facts["how"] != "rows":
            raise ValueError(
                f"expected a claim about rows, got {self.id}, which was decided by "
                f"{self.facts['how']}; show the record itself"
            )
        verdict = facts["verdict"]
        if verdict == "not run":
            there = facts.get("there", "the rows that would answer this are not there")
            return f"Not run: {there}."
        of = facts["unit"].partition(" ")[0]  # "nats" of "nats of distortion"
        unit = "" if of in ("score", "correlation") else f" {of}"
        quantity = facts["quantity"] + ("," if "," in facts["quantity"] else "")
        if verdict == "described":
            effect = _minus(f"{float(facts['effect']):.2g}{unit}")
            return f"Described, not tested: {quantity} is {effect}."
        digits = max(0, 1 - math.floor(math.log10(facts["matters"])))  # one beyond those of Δ
        # infinity is kept as text
        effect, low, high = (
            _minus(f"{float(facts[key]):.{digits}f}") for key in ("effect", "low", "high")
        )
        found = (
            f"{quantity} is {effect}{unit} (95 % interval {low} to {high}, {facts['n_seeds']} "
            "seeds)"
        )
        matters = f"{facts['matters']:g}, the least that would matter"
        n = facts.get("n_needed")  # 0 where the interval has no end
        seeds = f"about {n} seeds" if n else "more seeds"
        told = {
            ("more", "reproduced"): "This is shown to be above 0.",
            (
                "more",
                "reproduced in sign",
            ): f"This is above 0, and shown to be less than {matters}.",
            ("more", "not reproduced"): f"This is shown to be less than {matters}.",
            (
                "same",
                "reproduced",
            ): f"This is shown to be less than {matters}, in either direction.",
            ("same", "not reproduced"): "This is shown to differ from 0.",
        }.get(
            (facts["asks"], verdict),
            f"Both 0 and {matters}, remain possible; {seeds} would settle it.",
        )
        where = f" in the profile {profile}" if profile else ""
        return f"{verdict.capitalize()}{where}: {found}. {told}"

    def __repr__(self) -> str:
        return f"{self.id} {VERDICTS.get(self.verdict, self.verdict)}\n{self.evidence}"


def statements() -> pd.DataFrame:
    """The declared rows: id paper kind verdict place chapter title statement condition."""
    found = [Path(__file__).with_name("statements") / f"{paper}.csv" for paper in PAPERS]
    of_papers = [pd.read_csv(p, dtype=str, keep_default_na=False) for p in found if p.exists()]
    return pd.concat(of_papers, ignore_index=True)


def tidy(value: float) -> float | int | str:
    """Three digits; round-off as a power of ten; infinity as text, since JSON has none."""
    if isinstance(value, int):
        return value
    if not math.isfinite(value):
        return str(value)
    if 0 < abs(value) < ROUND_OFF:
        return float(f"1e{math.ceil(math.log10(abs(value)))}")
    return float(f"{value:.3g}")


def folder(profile: str) -> Path:
    """Where the records of a profile lie."""
    if profile == "smoke" and disks.named(store.ROOT) is None:
        return store.checkout() / "build" / "smoke" / "claims"
    return store.results() / "claims" / profile


def profiles() -> dict[str, str]:
    """Under which profile a chapter, and the experiment of its name, is published.

    Not in code, so that publishing one experiment at another size makes no other chapter stale.

    Raises:
        ValueError: the file is no mapping of names to names.
    """
    path = store.results() / "claims" / PUBLISHED
    try:
        named = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if not all(isinstance(profile, str) for profile in named.values()):
            raise TypeError("a profile that is no text")
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path} should map chapters to profiles, as {{"beta_tcvae": "laptop"}}; it does not'
            f" ({error!r}): mend it by hand"
        ) from error
    return dict(named)


def published(name: str) -> str:
    """The profile under which a chapter, or the experiment of that name, is published."""
    return profiles().get(name, DEFAULT)


def in_ledger() -> list[tuple[str, str]]:
    """Chapter and profile of the records that are published, sorted."""
    named = profiles()
    found = [(p.stem, p.parent.name) for p in (store.results() / "claims").glob("*/[!.]*.json")]
    return sorted((c, profile) for c, profile in found if profile == named.get(c, DEFAULT))


def write(chapter: str, profile: str, record: Record) -> Record:
    """Add a record to its chapter's file, sorted by id; returns the record.

    Raises:
        ValueError: the file that is there is damaged; it is named.
    """
    path = folder(profile) / f"{chapter}.json"
    entries = of_chapter(chapter, profile)
    entries[record.id] = record
    plain = {name: {"verdict": r.verdict, **r.facts} for name, r in sorted(entries.items())}
    with store.written_aside(path) as aside:
        aside.write_text(sealed.text(plain), encoding="utf-8")
    return record


def table(recorded: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """The declared rows with the verdict and the evidence that chapters recorded.

    A statement without a record has the verdict "not checked", a claim "not run". The evidence of
    an empirical claim begins with the profile of its rows (see `Record.beside_larger`).

    Args: recorded: chapters, each with the profile under which it ran.

    Raises:
        ValueError: a file is damaged, or out of step with `statements/`; it is named.
    """
    rows = statements()
    declared = rows["verdict"].copy()
    rows["verdict"] = ["not run" if k == "claim" else "not checked" for k in rows["kind"]]
    rows["evidence"] = ""
    at = {name: i for i, name in enumerate(rows["id"])}
    for chapter, profile in recorded:
        path = folder(profile) / f"{chapter}.json"
        for name, record in of_chapter(chapter, profile).items():
            row = at.get(name)
            if row is None or rows.loc[row, "chapter"] != chapter:
                raise ValueError(f"{path} records {name}, which is no statement of {chapter}")
            if declared[row] not in ("", record.verdict):
                raise ValueError(
                    f"{path} records {name} as {record.verdict},"
                    f" statements/{name.partition('-')[0]}.csv declares it {declared[row]};"
                    f" run the chapter {chapter} again"
                )
            by_rows = record.facts["how"] == "rows"
            told = record.beside_larger(profile) if by_rows else (record.verdict, record.evidence)
            rows.loc[row, "verdict"], rows.loc[row, "evidence"] = told
    return rows


def of_chapter(chapter: str, profile: str) -> dict[str, Record]:
    """What a run of a chapter under a profile recorded, by id; nothing where it never ran.

    Raises:
        ValueError: the file is damaged, or was edited.
    """
    path = folder(profile) / f"{chapter}.json"
    return _read(path) if path.exists() else {}


def faults() -> dict[Path, str]:
    """The files of records, of all profiles, that are damaged or were edited, and what is wrong
    with each; that of the verdicts under earlier rules as well."""
    folder = store.results() / "claims"
    found = {}
    for path in [*sorted(folder.glob("*/[!.]*.json")), folder / EARLIER]:
        try:
            _ = earlier_verdicts() if path.name == EARLIER else _read(path)
        except ValueError as error:
            found[path] = str(error)
    return found


def earlier_verdicts() -> dict[str, str]:
    """Claims by id with the verdict that they had under the rules before these.

    Raises:
        ValueError: the file was edited.
    """
    path = store.results() / "claims" / EARLIER
    again = f"take it from the repository: git checkout -- book/results/claims/{EARLIER}"
    return sealed.read(path, again) if path.exists() else {}


def _read(path: Path) -> dict[str, Record]:
    again = (
        f"delete it and run the chapter {path.stem} again (python book/run.py --all {path.stem})"
    )
    entries = sealed.read(path, again)
    try:
        found = {
            name: Record(name, entry.pop("verdict"), entry) for name, entry in entries.items()
        }
        for record in found.values():
            _ = record.evidence
            told, _ = record.beside_larger(path.parent.name)
            if unknown := {record.verdict, told} - {*VERDICTS, *verdicts.VERDICTS}:
                raise ValueError(f"{record.id} has no verdict but {unknown}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error!r}); {again}") from error
    return found


def _of_check(facts: dict[str, Any]) -> str:
    as_printed = facts.get("as_printed")
    printed = f"as printed off by {as_printed}, corrected " if as_printed else ""
    return (
        f"{printed}off by {facts['evidence']} (allowed {facts['tolerance']});"
        f" {facts['perturbation']}: off by {facts['margin']}"
    )


def _of_reading(facts: dict[str, Any]) -> str:
    corrected = f" Read: {facts['corrected']}" if facts["corrected"] else ""
    return f"by reading: “{facts['quote']}”.{corrected}"


def _minus(number: str) -> str:
    """A number with the sign that prose has."""
    return number.replace("-", "−")


def _of_rows(facts: dict[str, Any]) -> str:
    if "effect" not in facts:
        return f"{facts['there']}; rows in {facts['rows']}" if "there" in facts else ""
    unit = "" if facts["unit"] in ("score", "correlation") else f" {facts['unit']}"
    found = f"on {facts['on']}: {facts['quantity']}: {facts['effect']}"
    parts = [f"{found}{unit}"]
    if "role" in facts:
        n = facts["n_family"]
        role = (
            f"primary, after Holm's correction over {n} of {facts['family']}"
            if facts["role"] == "primary"
            else "secondary, without a correction"
        )
        parts = [
            f"{found} [{facts['low']}, {facts['high']}]{unit} in {facts['n_seeds']} seeds, "
            f"Δ = {facts['matters']}",
            f"p = {facts['p_effect']} for an effect, {facts['p_small']} for less than Δ ({role})",
        ]
    if facts.get("n_needed"):
        parts.append(f"{facts['n_needed']} seeds would settle it")
    if "published" in facts:
        parts.append(f"published {facts['published']} ({facts['by']})")
    if "n_left_out" in facts:
        parts.append(
            f"{facts['n_left_out']} runs that never learned are left out, with them "
            f"{facts['with_them']}"
        )
    parts.append(f"trained to the end: {facts['settled']}")
    return "; ".join([*parts, f"rows in {facts['rows']}"])


_EVIDENCE = {
    "check": _of_check,
    "reading": _of_reading,
    "reason": lambda facts: str(facts["why"]),
    "rows": _of_rows,
}
