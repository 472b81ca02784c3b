"""The claims of a chapter on the rows of larger profiles than the one that it runs under."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from disentangled import experiments, tables
from disentangled.comparisons import OnRows, Tests

FEWEST = 3
"""Seeds of every setting that a test reads, below which it is not tried."""

TestsOf = Callable[[pd.DataFrame, str], tuple[Tests, Mapping[str, str]]]


def larger(
    experiment: str, runs: pd.DataFrame, profile: str, tests_of: TestsOf
) -> dict[str, OnRows]:
    """What `claims.empirical` takes as `larger`: profiles above this one that have rows.

    Args:
        experiment: that of the rows.
        runs: `tables.per_run` of `sweeps.rows_and_larger`, runs that stopped included.
        profile: that of the page; under `smoke` nothing is tested.
        tests_of: takes the settled runs of a profile and its name, and returns its tests and
            what they are on, both by the claim's id; runs that are not there must not hurt it
            before a test is called.

    Returns: by profile, from small to large. A claim is whole where every declared seed of every
    setting that it reads (`experiments.READ`) has come to its end, or to a stop.
    """
    found = {}
    reads = experiments.READ[experiment]
    for name in experiments.larger(profile):
        there = runs[(runs["profile"] == name) & runs["last"]]
        if there.empty:
            continue
        settled = tables.settled(there)
        tests, on = tests_of(settled, name)
        declared = experiments.settings(experiment, name)
        ready, whole = [], []
        for claim in tests:
            read = [{s.run.id(seed) for seed in s.seeds} for s in declared if reads(claim, s.run)]
            if all(settled["run_id"].isin(ids).sum() >= FEWEST for ids in read):
                ready.append(claim)
                if all(ids <= set(there["run_id"]) for ids in read):
                    whole.append(claim)
        found[name] = OnRows(tests, f"book/results/{experiment}/{name}", on, ready, whole)
    return found
