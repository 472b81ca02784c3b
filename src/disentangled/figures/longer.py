"""What a training twice as long changes: MIG and ELBO of two settings of paper C's experiment.

The runs are two variants of the experiment beta_tcvae (`experiments.beta_tcvae.variants`).
"""

from __future__ import annotations

import pandas as pd

from disentangled import tables
from disentangled.comparisons import FEWEST
from disentangled.figures.released_code import COLUMNS, EXPERIMENT, SCORES, changes

LONGER = {"VAE": "VAE, twice as long", "β-TCVAE": "β-TCVAE, twice as long"}
"""A method -> the variant with twice as many steps; its other side is the grid's setting of the
same objective and weight."""


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """How much MIG and ELBO change with twice the steps.

    Args:
        runs: `tables.per_run` of one profile, the grid and its variants.

    Returns: a line a method (index: `LONGER`), none where a side has fewer runs than a test
        needs. Columns: the seeds of the smaller side; of each score the means once and twice as
        long, the typical change, and the ends of its 95 % interval.
    """
    ended = tables.settled(runs.dropna(subset=list(SCORES.values())))
    lines = {}
    for method, name in LONGER.items():
        long, grid = tables.variant(ended, EXPERIMENT, name), tables.grid(ended, EXPERIMENT)
        alike = grid["objective"].isin(long["objective"]) & grid["weight"].isin(long["weight"])
        short = grid[alike & grid["dataset"].isin(long["dataset"])]
        if min(len(long), len(short)) >= FEWEST:
            lines[method] = changes(short, long)
    named = COLUMNS.set_levels(
        [{"without": "once", "with": "twice"}.get(of, of) for of in COLUMNS.levels[1]], level=1
    )
    return pd.DataFrame.from_dict(lines, orient="index", columns=named)
