"""What the bugs of released code cost: the same objective, trained with each of them and without.

The bugs are in the code of Chen et al. and in the most used port of both objectives to torch. The
runs are the variants of the experiment beta_tcvae (`experiments.beta_tcvae.variants`).
"""

from __future__ import annotations

import pandas as pd

from disentangled import claims, tables
from disentangled.comparisons import FEWEST

EXPERIMENT = "beta_tcvae"

BUGS = {
    "β-TCVAE, stratified weights in one column": ("mss as released", "mss"),
    "FactorVAE, the critic's loss trains the encoder": ("leaking critic", ""),
    "FactorVAE, half of the batch": ("half batch", ""),
}
"""A bug -> the variants with it and without it; where the second is empty, FactorVAE of the grid
with the same γ."""

SCORES = {"MIG": "mig_exact", "ELBO, nats": "elbo"}

COLUMNS = pd.MultiIndex.from_tuples(
    [
        ("seeds", ""),
        *((score, of) for score in SCORES for of in ("without", "with", "change", "low", "high")),
    ]
)


def price(runs: pd.DataFrame) -> pd.DataFrame:
    """How much each bug changes MIG and ELBO.

    Args:
        runs: `tables.per_run` of one profile, at all steps, the grid and its variants.

    Returns: a line a bug (index: `BUGS`), none where a side has fewer runs than a test needs.
        Columns: the seeds of the smaller side; of each score the means without the bug and with
        it, the typical change from without to with (`claims.compare`), and the ends of its 95 %
        interval.
    """
    lines: dict[str, list[float]] = {}
    for bug, (name, other) in BUGS.items():
        scored = runs.dropna(subset=list(SCORES.values()))
        faulty = tables.settled(tables.variant(scored, EXPERIMENT, name))
        sound = _without(scored, other, faulty)
        if min(len(faulty), len(sound)) < FEWEST:
            continue
        lines[bug] = changes(sound, faulty)
    return pd.DataFrame.from_dict(lines, orient="index", columns=COLUMNS)


def changes(before: pd.DataFrame, after: pd.DataFrame) -> list[float]:
    """A line under `COLUMNS`: what changes from the runs of one setting to those of another.

    Args: before, after: a line a run, with the columns of `SCORES`.
    """
    line: list[float] = [min(len(before), len(after))]
    for score in SCORES.values():
        # the interval is that of any Δ
        found = claims.compare(after[score], before[score], matters=1.0)
        line += [before[score].mean(), after[score].mean(), found.effect, found.low, found.high]
    return line


def _without(runs: pd.DataFrame, variant: str, faulty: pd.DataFrame) -> pd.DataFrame:
    """The runs without the bug, of the same weight and after as many steps as those with it."""
    if variant:
        sound = tables.variant(runs, EXPERIMENT, variant)
    else:
        sound = tables.grid(runs, EXPERIMENT).query("objective == 'factor_vae'")
    alike = sound["weight"].isin(faulty["weight"]) & sound["step"].isin(faulty["step"])
    return sound[alike]
