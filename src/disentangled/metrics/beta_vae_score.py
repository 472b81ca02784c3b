"""Higgins et al.'s score: can a linear classifier tell which factor a batch of pairs shares?"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from disentangled.arrays import entry, whole
from disentangled.metrics import inputs
from disentangled.metrics.holding import Holding
from disentangled.types import Score


@entry
def beta_vae_score(
    codes: Any,
    factors: Any,
    *,
    generator: torch.Generator,
    n_train: int = 10_000,
    n_eval: int = 5_000,
    batch: int = 64,
) -> Score:
    r"""Accuracy of a linear classifier on distances of pairs that share one factor.

    A point is made so: draw a factor k, and `batch` pairs of images, each pair with the same
    value of v_k; the feature is the mean over pairs of abs(z - z') (D,), its class is k. Logistic
    regression (L2, C = 1) is fitted on `n_train` points and judged on `n_eval` other points.

    Args:
        codes: (N, D), encoded once; the draws index them.
        factors: (N, K), K >= 2.
        generator: a CPU generator; the score is a function of its state.

    Returns: Score in [0, 1]; parts: train_accuracy, chance = 1 / K.

    **Error**: a sampled accuracy, standard error at most 0.007 at 5,000 points. Two pairs may
    be the same image, with probability 1 / (images of that value): negligible on full grids,
    visible on tiny data sets. Codes are not normalised, as in the source.

    Raises: ValueError on NaN, a constant factor or a continuous one, a single factor, lengths that
    differ.

    Source: Higgins et al. 2017, section 3; sizes of Locatello et al. 2019.
    """
    n_train = whole(n_train, "n_train", 1)
    n_eval = whole(n_eval, "n_eval", 1)
    batch, code = whole(batch, "batch", 1), inputs.codes(codes)
    known = inputs.factors(factors, len(code))
    n_factors = len(known.counts)
    if n_factors < 2:
        raise ValueError("the score asks which factor was shared: it needs at least 2 factors")
    holding = Holding(known)

    n_points = n_train + n_eval
    factor = torch.randint(n_factors, (n_points,), generator=generator).numpy()
    feature = np.empty((n_points, code.shape[1]))
    for k in range(n_factors):
        mine = np.flatnonzero(factor == k)
        for block in np.array_split(mine, -(-len(mine) // 512) or 1):
            first = torch.randint(len(code), (len(block), batch), generator=generator).numpy()
            second = holding.draw(k, known.labels[first, k], generator)
            feature[block] = np.abs(code[first] - code[second]).mean(1)

    model = LogisticRegression(max_iter=10_000).fit(feature[:n_train], factor[:n_train])
    value = float(model.score(feature[n_train:], factor[n_train:]))
    train = float(model.score(feature[:n_train], factor[:n_train]))
    return Score(value, {"train_accuracy": train, "chance": 1 / n_factors})
