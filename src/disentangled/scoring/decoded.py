"""What the whole code tells of each factor, whatever its axes."""

from __future__ import annotations

import torch

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import SCORE_SEED, Encoded, Number, columns, number


def decoded(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """R² of every ordered factor by neighbours among the means, in units of their noise.

        distance² = Σ_j ((mean_j - mean'_j) / s_j)²,   s_j² = E σ_j²

    Distances then count what an axis tells, and one that makes noise alone counts nothing; among
    sampled codes (`supervised`) such axes blur the neighbours while information grows.
    """
    ordered = [n for n in data.factor_names if n not in {*data.nuisances, *data.unordered}]
    held_out = min(1_000, len(data) // 6)
    noise = code.logvar.double().exp().mean(0).sqrt()
    told = metrics.neighbour_r2(
        code.mean.double() / noise,
        columns(data, ordered),
        generator=torch.Generator().manual_seed(SCORE_SEED),
        n_train=min(5_000, len(data) - held_out),
        n_eval=held_out,
    ).parts["r2"]
    return [
        number(
            model.step,
            "decoded_r2_of_means",
            value,
            estimator="10 neighbours, in units of noise",
            code="mean",
            factors=name,
            unit="1",
        )
        for name, value in zip(ordered, told, strict=True)
    ]
