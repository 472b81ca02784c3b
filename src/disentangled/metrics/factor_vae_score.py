"""Kim & Mnih's score: does the axis that varies least say which factor is held fixed?"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from disentangled.arrays import entry, real, whole
from disentangled.metrics import inputs
from disentangled.metrics.holding import Holding
from disentangled.types import Score

PRUNE_THRESHOLD = 0.05
"""Axes whose standard deviation over the data is below this are dead and cast no vote."""


@entry
def factor_vae_score(
    codes: Any,
    factors: Any,
    *,
    generator: torch.Generator,
    n_train: int = 10_000,
    n_eval: int = 5_000,
    batch: int = 64,
    prune_threshold: float = PRUNE_THRESHOLD,
) -> Score:
    r"""Accuracy of a majority vote on the axis of least normalised variance.

    A vote is cast so: draw a factor k and a value of it, then `batch` images with that value;
    the vote is (argmin_j Var_batch(z_j) / Var_data(z_j), k), variances with ddof = 1. The table
    of `n_train` votes gives each axis its factor; the score is the share of `n_eval` other votes
    that this gets right. The value is that of a random image: uniform on full grids.

    Args:
        codes: (N, D), encoded once; the draws index them.
        factors: (N, K), K >= 2.
        generator: a CPU generator; the score is a function of its state.
        prune_threshold: axes of smaller standard deviation over the data are left out.

    Returns: Score in [0, 1]; 0 when no axis is active. parts: votes (D, K) of training, active
    (D,) bool, train_accuracy, chance = 1 / K.

    **Error**: a sampled accuracy, standard error at most 0.007 at 5,000 votes. Var_data is that
    of all N codes, where the source estimates it from 10,000 draws (a relative 1.4 %).

    Raises: ValueError on NaN, a constant factor or a continuous one, a single factor, lengths that
    differ.

    Source: Kim & Mnih 2018, section 4; sizes and threshold of Locatello et al. 2019.
    """
    n_train = whole(n_train, "n_train", 1)
    n_eval = whole(n_eval, "n_eval", 1)
    batch, code = whole(batch, "batch", 2), inputs.codes(codes)  # one has no variance
    prune_threshold = real(prune_threshold, "prune_threshold")
    if prune_threshold < 0:
        raise ValueError(f"prune_threshold must be a standard deviation, got {prune_threshold}")
    known = inputs.factors(factors, len(code))
    n_factors, n_axes = len(known.counts), code.shape[1]
    if n_factors < 2:
        raise ValueError("the score asks which factor was held: it needs at least 2 factors")

    variance = code.var(0, ddof=1)
    active = np.sqrt(variance) >= prune_threshold
    votes = np.zeros((2, n_axes, n_factors), np.int64)  # training, evaluation
    if not active.any():
        return Score(
            0.0,
            {"votes": votes[0], "active": active, "train_accuracy": 0.0, "chance": 1 / n_factors},
        )

    holding = Holding(known)
    live = np.flatnonzero(active)
    scaled = code[:, live] / np.sqrt(variance[live])
    factor = torch.randint(n_factors, (n_train + n_eval,), generator=generator).numpy()
    for k in range(n_factors):
        mine = np.flatnonzero(factor == k)
        for block in np.array_split(mine, -(-len(mine) // 512) or 1):
            one = torch.randint(len(code), (len(block), 1), generator=generator).numpy()
            value = np.broadcast_to(known.labels[one, k], (len(block), batch))
            spread = scaled[holding.draw(k, value, generator)].var(1, ddof=1)  # (block, live)
            winner = live[spread.argmin(1)]
            for judged, part in enumerate((block < n_train, block >= n_train)):
                votes[judged, :, k] += np.bincount(winner[part], minlength=n_axes)

    chosen = votes[0].argmax(1)  # (D,)
    right = votes[:, np.arange(n_axes), chosen].sum(1)
    return Score(
        float(right[1] / n_eval),
        {
            "votes": votes[0],
            "active": active,
            "chance": 1 / n_factors,
            "train_accuracy": float(right[0] / n_train),
        },
    )
