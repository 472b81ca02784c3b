"""Scores that learn from labels: two classifiers' votes, and what the whole code tells."""

from __future__ import annotations

import torch

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import (
    SCORE_SEED,
    Encoded,
    Number,
    columns,
    number,
)


def supervised(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """The β-VAE and the FactorVAE score, and what neighbours in the code tell of each factor."""
    step, mean = model.step, code.mean
    everything = " ".join(data.factor_names)
    ordered = [n for n in data.factor_names if n not in {*data.nuisances, *data.unordered}]
    # one generator in this order: the scores' draws follow each other
    generator = torch.Generator().manual_seed(SCORE_SEED)
    beta = metrics.beta_vae_score(mean, data.factors, generator=generator)
    factor = metrics.factor_vae_score(mean, data.factors, generator=generator)
    held_out = min(1_000, len(data) // 6)
    told = metrics.neighbour_r2(
        code.z,
        columns(data, ordered),
        generator=generator,
        n_train=min(5_000, len(data) - held_out),
        n_eval=held_out,
    ).parts["r2"]
    votes = {"code": "mean", "factors": everything, "unit": "1"}
    return [
        *(
            number(
                step, "decoded_r2", value, estimator="10 neighbours", code="sample", factors=name,
                unit="1",
            )
            for name, value in zip(ordered, told, strict=True)
        ),
        number(step, "beta_vae_score", beta.value, estimator="logistic regression", **votes),
        number(step, "factor_vae_score", factor.value, estimator="majority vote", **votes),
    ]  # fmt: skip
