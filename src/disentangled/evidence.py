"""The claims of a chapter on its rows, and on those of larger profiles where there are any."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from disentangled import claims, experiments, learning, records, tables
from disentangled.claims import Chapter, OnRows, Tests
from disentangled.comparisons import FEWEST
from disentangled.plans import of_one_seed
from disentangled.records import Record

TestsOf = Callable[[pd.DataFrame, str], tuple[Tests, Mapping[str, str]]]


def decide(
    asked_of: TestsOf, runs: pd.DataFrame, *, page: Chapter, experiment: str = ""
) -> list[Record]:
    """Decide the empirical claims of a chapter on its rows and on those of larger profiles.

    Args:
        asked_of: takes the finished runs of a profile and its name, and returns the tests and what
            they are on, both by the claim's id; runs that are not there must not hurt it before a
            test is called. It is asked twice: for the runs that learned (`learning.learned`), and
            for all of them.
        runs: `tables.per_run` of `sweeps.rows_and_larger`, all steps, runs that stopped included.
        page: the chapter.
        experiment: of the rows; that of the chapter's name if it is left out.

    Returns: the records of the page's own claims (see `claims.empirical`).
    """
    experiment = experiment or page.name
    found = {
        name: on_rows(experiment, runs[runs["profile"] == name], name, asked_of)
        for name in [page.profile, *experiments.larger(page.profile)]
        if name == page.profile or (runs["profile"] == name).any()
    }
    return claims.empirical(found, page=page)


def on_rows(experiment: str, runs: pd.DataFrame, profile: str, asked_of: TestsOf) -> OnRows:
    """The tests of one profile's runs, and which of them its rows allow.

    A claim is ready where every setting that it reads (`experiments.READ`) has as many runs that
    learned as a test needs, and whole where every declared seed has come to its end, or to a stop.
    """
    declared = experiments.settings(experiment, profile)
    run_of = {s.run.id(seed): s.run for s in declared for seed in s.seeds}
    there = runs[runs["run_id"].isin(run_of)]
    ended = there[there["last"]]
    finished = tables.settled(there)
    learned = learning.learned(finished, run_of)
    tests, on = asked_of(learned, profile)
    with_all, _ = asked_of(finished, profile)
    ready, whole, waiting, n_left_out, settled = [], [], {}, {}, {}
    for claim in tests if profile != "smoke" else ():
        read = [
            {s.run.id(seed) for seed in s.seeds}
            for s in declared
            if experiments.READ[experiment](claim, s.run)
        ]
        all_read = set().union(*read)
        n_there = int(ended["run_id"].isin(all_read).sum())
        if n_there < len(all_read):
            waiting[claim] = f"{n_there} of {len(all_read)} runs are there"
        if all(learned["run_id"].isin(ids).sum() >= FEWEST for ids in read):
            ready.append(claim)
            whole += [] if claim in waiting else [claim]
            n_left_out[claim] = n_there - int(learned["run_id"].isin(all_read).sum())
            settled[claim] = learning.settled(there[there["run_id"].isin(all_read)], run_of)
    where = f"book/results/{experiment}/{profile}"
    return OnRows(tests, with_all, where, on, ready, whole, waiting, n_left_out, settled)


def told(
    decided: Sequence[Record], rows: pd.DataFrame, *, page: Chapter, experiment: str = ""
) -> dict[str, str]:
    """What a page says of its claims under the figures that they belong to, by the claim's id.

    The sentence of every profile that has a verdict, the page's own first. Where that one has none
    or is inconclusive, also the hours of one core for the runs or the seeds that are lacking, at
    the speed at which the rows were trained; rows of a GPU do not tell those.

    Args:
        rows: of the page's profile, with what their training took.
        experiment: as in `decide`.
    """
    declared = experiments.settings(experiment or page.name, page.profile)
    on_cores = rows[rows["device"] == "cpu"].drop_duplicates("run_id")
    trained = on_cores.set_index("run_id")["seconds"]
    there = set(rows["run_id"])
    done = sum(of_one_seed(s) for s in declared for seed in s.seeds if s.run.id(seed) in trained)
    seconds_a_flop = trained.sum() / done if done else math.nan

    def hours(claim: str, facts: Mapping[str, Any]) -> float:
        read = [s for s in declared if experiments.READ[s.run.experiment](claim, s.run)]
        if facts["verdict"] == "not run":
            ids = [(s, s.run.id(seed)) for s in read for seed in s.seeds]
            lacking = sum(of_one_seed(s) for s, run_id in ids if run_id not in there)
        elif facts["verdict"] == "inconclusive" and facts.get("n_needed"):
            more = max(0, facts["n_needed"] - facts["n_seeds"])
            lacking = more * sum(of_one_seed(s) for s in read)
        else:
            return math.nan
        return lacking * seconds_a_flop / 3600

    found = {}
    for record in decided:
        more = hours(record.id, {**record.facts, "verdict": record.verdict})
        price = f"What is lacking takes {more:.1f} hours of one core." if more > 0 else ""
        own, *larger = record.sentences()
        found[record.id] = " ".join(filter(None, [own, price, *larger]))
    return found


def moved(decided: Sequence[Record]) -> pd.DataFrame:
    """The claims that the rules before these decided otherwise, on the same rows.

    Those rules tested all claims of a page against 0 alone and together, with permutations and
    bootstraps, and could say "not reproduced" of an effect in the opposite direction only. Their
    verdicts stand in book/results/claims/earlier_rules.json.

    Returns: a line a claim (index: id): verdict under the earlier rules, and now.
    """
    before = records.earlier_verdicts()
    now = {record.id: record.verdict for record in decided if record.id in before}
    table = pd.DataFrame({"earlier rules": before, "now": now}).loc[list(now)]
    return table[table["earlier rules"] != table["now"]]
