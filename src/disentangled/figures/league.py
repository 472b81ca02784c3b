"""The chapter that ranks methods: which comes first under which score, one protocol at a time.

A protocol is an experiment on one data set: there all methods have the same nets, steps, images
and scores. Methods of different protocols are never ranked against each other.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import combinations
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from disentangled import tables
from disentangled.comparisons import FEWEST
from disentangled.figures import over_seeds
from disentangled.figures.style import PAGE_WIDTH, SMALLEST, finish, not_run
from disentangled.tables import Floats

SCORES = {
    "MIG, exact": "mig_exact",
    "MIG, binned": "mig",
    "DCI": "dci_forest",
    "SAP": "sap_mixed",
    "SAP, R²": "sap_r2",
    "IRS": "irs_maximum",
    "BetaVAE": "beta_vae_score",
    "FactorVAE": "factor_vae_score",
}
"""Scores that can rank methods, as a column names them -> their column of `tables.per_run`. All
are larger where a code is more disentangled, and at most 1."""

FEWEST_METHODS = 3
"""With fewer there is not much to rank."""

DRAWS = 2_000
"""Resamples of the seeds."""

SURE = 0.90
"""Share of the resamples whose ranks a bar spans."""


def protocols(runs_of: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], pd.DataFrame]:
    """The runs of each protocol that has `FEWEST_METHODS`, with the column `method`.

    Args:
        runs_of: experiment -> `tables.per_run` of its grid, at all steps. Of runs with correlated
            noise none is taken, and of methods those with at least `FEWEST` seeds.

    Returns: (experiment, data set) -> a line a run at its end.
    """
    found = {}
    for experiment, runs in runs_of.items():
        ended = tables.settled(runs)
        plain = ended[ended["sigma"] == 0]
        for dataset, alike in plain.groupby("dataset"):
            method = [_in_words(line, alike) for line in alike.to_dict("records")]
            named = alike.assign(method=method)
            seeds = named.groupby("method")["seed"].transform("nunique")
            enough = named[seeds >= FEWEST]
            if enough["method"].nunique() >= FEWEST_METHODS:
                found[experiment, str(dataset)] = enough
    return found


def _in_words(line: Mapping[Hashable, Any], alike: pd.DataFrame) -> str:
    """A method, with what its encoder's name has beyond the shortest where there are several.

    In one protocol all losses are as in one source, which the protocol names.
    """
    name = over_seeds.titled(line["objective"], line["weight"])
    name = name.replace(" as in disentanglement_lib", "")
    plain = min(alike["encoder"], key=len)
    beyond = line["encoder"].removeprefix(plain).strip("_").replace("_", " ")
    return f"{name}, {beyond}" if beyond else name


def scores(runs: pd.DataFrame) -> dict[str, str]:
    """Those of `SCORES` that every run has."""
    return {
        name: column
        for name, column in SCORES.items()
        if column in runs and runs[column].notna().all()
    }


def means(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean scores over the seeds: a line a method, the best by exact MIG first, and its seeds."""
    of = scores(runs)
    table = runs.groupby("method")[list(of.values())].mean()
    table.columns = pd.Index(of)
    table["seeds"] = runs.groupby("method")["seed"].nunique()
    return table.sort_values(next(iter(of)), ascending=False)


def ranks(values: Floats) -> Floats:
    """Ranks from 1, the largest first, along the last axis but one: of (..., methods, scores)."""
    return stats.rankdata(-values, axis=-2)


def resampled(runs: pd.DataFrame) -> Floats:
    """Mean scores where each method's seeds are drawn anew, with replacement.

    Returns: (`DRAWS`, methods, scores), methods in the order of `means`.
    """
    generator, columns = np.random.default_rng(0), list(scores(runs).values())
    drawn = []
    for method in means(runs).index:
        values = runs.loc[runs["method"] == method, columns].to_numpy(dtype=np.float64)
        picked = generator.integers(len(values), size=(DRAWS, len(values)))
        drawn.append(values[picked].mean(1))
    return np.stack(drawn, axis=1)


def first(runs: pd.DataFrame) -> pd.DataFrame:
    """The method that comes first: a line a score.

    Returns: columns first, the method; mean, its score; and in, the share of the resamples in
        which it comes first. Where seeds alone decide, that share is far below 1.
    """
    table, leads = means(runs), ranks(resampled(runs)) == 1
    lines = {}
    for position, score in enumerate(scores(runs)):
        best = int(table[score].to_numpy().argmax())
        lines[score] = [
            table.index[best],
            table[score].iloc[best],
            leads[:, best, position].mean(),
        ]
    return pd.DataFrame.from_dict(lines, orient="index", columns=["first", "mean", "in"])


def agreement(runs: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rank correlation of every two scores over single runs of all methods."""
    of = scores(runs)
    table = runs[list(of.values())].corr(method="spearman")
    table.index = table.columns = pd.Index(of)
    return table


def least_agreement(of: Mapping[tuple[str, str], pd.DataFrame]) -> str:
    """In words the two scores that agree least, over all protocols."""
    lowest = []
    for (experiment, dataset), runs in of.items():
        table, names = agreement(runs).to_numpy(), list(scores(runs))
        pairs = [(table[i, j], names[i], names[j]) for i, j in combinations(range(len(names)), 2)]
        lowest.append((*min(pairs), experiment, dataset))
    if not lowest:
        return "Not known: no protocol has runs of three methods."
    value, one, other, experiment, dataset = min(lowest)
    written = f"{value:.2f}".replace("-", "−")
    return (
        f"The two scores that agree least are {one} and {other}, on {dataset} under the protocol "
        f"of {experiment}: their rank correlation over the runs is {written}."
    )


def answer(of: Mapping[tuple[str, str], pd.DataFrame]) -> str:
    """The answer to the page's question, from the first protocol."""
    if not of:
        return "Not known: no protocol has runs of three methods."
    (_, dataset), runs = next(iter(of.items()))
    leaders = first(runs)
    names = list(dict.fromkeys(leaders["first"]))
    least, share = min(leaders["in"].items(), key=lambda item: item[1])
    if len(names) == 1:
        said = f"No: on {dataset} {names[0]} comes first under each of {len(leaders)} scores."
    else:
        said = (
            f"Yes: on {dataset} {len(leaders)} scores put {len(names)} methods first: "
            f"{'; '.join(names)}."
        )
    return (
        f"{said} And seeds decide too: if the seeds are drawn anew, the first by {least} stays "
        f"first in {share:.0%} of the draws."
    )


def standings(of: Mapping[tuple[str, str], pd.DataFrame], *, profile: str) -> Figure:
    """The rank of every method under every score, a panel a protocol."""
    if not of:
        return not_run(profile)
    heights = [0.3 * runs["method"].nunique() + 1.1 for runs in of.values()]
    figure, rows = plt.subplots(
        len(of), figsize=(PAGE_WIDTH, sum(heights)), squeeze=False, height_ratios=heights
    )
    for (axes,), ((experiment, dataset), runs) in zip(rows, of.items(), strict=True):
        _draw(axes, runs)
        axes.set_title(f"{dataset}, protocol of {experiment}")
    every = pd.concat(of.values())
    bars = f"points: rank of the mean, bars: {SURE:.0%} of {DRAWS:,} draws of the seeds"
    n_seeds = min(int(means(runs)["seeds"].min()) for runs in of.values())
    return finish(figure, profile, tables.source(every), seeds=n_seeds, bars=bars)


def _draw(axes: Axes, runs: pd.DataFrame) -> None:
    table, of = means(runs), list(scores(runs))
    middle = ranks(table[of].to_numpy())
    ends = np.quantile(ranks(resampled(runs)), [(1 - SURE) / 2, (1 + SURE) / 2], axis=0)
    objective = runs.groupby("method")["objective"].first()
    n_methods = len(table)
    for position, method in enumerate(table.index):
        colour, mark = over_seeds.METHODS[objective[method]][1], over_seeds.mark(objective[method])
        # side by side, so that bars of one score do not lie on each other
        x = np.arange(len(of)) + 0.4 * (position / max(1, n_methods - 1) - 0.5)
        axes.vlines(x, *ends[:, position], color=colour, lw=1, alpha=0.6)
        axes.plot(x, middle[position], color=colour, lw=1, alpha=0.5)
        axes.plot(x, middle[position], mark, color=colour, ms=5)
        axes.text(len(of) - 0.7, middle[position, -1], method, va="center", fontsize=SMALLEST)
    axes.set_xticks(range(len(of)), of)
    axes.set_yticks(range(1, n_methods + 1))
    axes.set_ylim(n_methods + 0.6, 0.4)
    axes.set_ylabel("rank")
