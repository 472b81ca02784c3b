"""DCI by random forests, as paper B and Lin et al. have it, and by boosted classifiers."""

from __future__ import annotations

import torch

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import SCORE_SEED, Encoded, Number, number
from disentangled.types import Score

PRINTED_DEPTHS = {"shape": 4, "scale": 2, "orientation": 4, "position_x": 2, "position_y": 2}
"""Depths of the forests of dSprites' factors, from appendix D of paper B."""


def dci_forest(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """DCI of the mean codes by random forests, over all factors.

    Depths are the printed ones where the factors are those of dSprites, and else chosen by
    cross-validation, as paper B does for 3DShapes.
    """
    printed = set(data.factor_names) == set(PRINTED_DEPTHS)
    score = metrics.dci_forest(
        code.mean,
        data.factors,
        depths=[PRINTED_DEPTHS[name] for name in data.factor_names] if printed else None,
        features=model.run.features(),
        generator=torch.Generator().manual_seed(SCORE_SEED),
    )
    depths = "printed" if printed else "cross-validated"
    return _numbers(model, data, "dci_forest", score, f"random forests, {depths} depths")


def dci_boosting(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """DCI of the mean codes by gains of classifiers boosted by histograms, over all factors."""
    score = metrics.dci_boosting(
        code.mean,
        data.factors,
        features=model.run.features(),
        generator=torch.Generator().manual_seed(SCORE_SEED),
    )
    return _numbers(model, data, "dci_boosting", score, "gains of boosting by histograms")


def _numbers(
    model: Fitted, data: FactorData, name: str, score: Score, estimator: str
) -> list[Number]:
    """Disentanglement under the score's name, and the means over factors of the other two."""
    values = {
        name: score.value,
        f"{name}_completeness": score.parts["completeness"].mean(),
        f"{name}_informativeness": score.parts["informativeness"].mean(),
    }
    factors = " ".join(data.factor_names)
    return [
        number(model.step, quantity, value, estimator=estimator, code="mean", factors=factors,
               unit="1")
        for quantity, value in values.items()
    ]  # fmt: skip
