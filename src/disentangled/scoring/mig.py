"""MIG by Chen et al.'s estimate and by bins, without the factors that they treat as noise."""

from __future__ import annotations

import numpy as np

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import Encoded, Number, columns, number


def mig_exact(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """Chen et al.'s MIG, the gap of every factor, and the most that an axis tells of it."""
    step = model.step
    names = [n for n in data.factor_names if n not in data.nuisances]
    exact = metrics.mig_exact(
        code.mean, code.logvar, data.factors, factor_names=data.factor_names, subset=names
    )
    mixture = {"estimator": "mixture on a grid", "code": "sample"}
    numbers = [
        number(step, "mig_exact", exact.value, factors=" ".join(names), unit="1", **mixture)
    ]
    best = np.asarray(exact.parts["mutual_information"]).max(axis=1)
    for name, gap, nats in zip(names, exact.parts["gap"], best, strict=True):
        numbers.append(number(step, "mig_gap", gap, factors=name, unit="1", **mixture))
        numbers.append(number(step, "best_mutual_info", nats, factors=name, **mixture))
    return numbers


def mig(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """Binned MIG of the mean codes, with and without the nuisances where there are any."""
    names = tuple(n for n in data.factor_names if n not in data.nuisances)
    return [
        number(
            model.step,
            "mig",
            metrics.mig(code.mean, columns(data, some)).value,
            estimator="20 bins",
            code="mean",
            factors=" ".join(some),
            unit="1",
        )
        for some in dict.fromkeys([data.factor_names, names])  # one and the same, or two
    ]
