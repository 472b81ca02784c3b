"""MIG by Chen et al.'s estimate and by bins, without the factors that they treat as noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from disentangled import gaussian, metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import Encoded, Number, columns, number

ACTIVE = 0.1
"""Nats of KL to the prior from which on an axis is active. Its information about the image is at
most that, and less does not matter (see `verdicts.DEFAULT_MATTERS`)."""


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
    return _binned(model, data, code.mean, "mig", "20 bins")


def mig_active(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """The same of active axes: all others count as constant.

    Means come without their noise: an axis whose posterior is nearly the prior is cut into bins
    like any other, and reads as if it told a factor that its samples do not tell.
    """
    kl = gaussian.kl_standard(code.mean.double(), code.logvar.double()).mean(0)
    active = torch.where(kl >= ACTIVE, code.mean, 0.0)
    return _binned(model, data, active, "mig_active", f"20 bins, axes of {ACTIVE:g} nats and more")


def _binned(
    model: Fitted, data: FactorData, codes: Tensor, quantity: str, estimator: str
) -> list[Number]:
    names = tuple(n for n in data.factor_names if n not in data.nuisances)
    return [
        number(
            model.step,
            quantity,
            metrics.mig(codes, columns(data, some)).value,
            estimator=estimator,
            code="mean",
            factors=" ".join(some),
            unit="1",
        )
        for some in dict.fromkeys([data.factor_names, names])  # one and the same, or two
    ]
