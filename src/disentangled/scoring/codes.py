"""What scores read of a trained model: its posteriors of all images; and numbers as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from disentangled import gaussian
from disentangled.data import FactorData
from disentangled.fitted import Fitted

SCORE_SEED = 20180214
"""Seed of the noise and of the draws that scores are made with, the same for every model."""

Number = dict[str, Any]


def number(
    step: int,
    quantity: str,
    value: float,
    *,
    estimator: str,
    code: str = "",
    factors: str = "",
    unit: str = "nats",
) -> Number:
    """One number of a row file (see `store.NUMBER`)."""
    return {
        "step": step,
        "quantity": quantity,
        "estimator": estimator,
        "code": code,
        "factors": factors,
        "value": float(value),
        "unit": unit,
    }


class Encoded(NamedTuple):
    """One model's posteriors of all images: mean, logvar and one sample z, each (N, D)."""

    mean: Tensor
    logvar: Tensor
    z: Tensor


def encoded(model: Fitted, data: FactorData) -> Encoded:
    """Encode the whole data set with a stack of one model."""
    mean, logvar = (part[0].cpu() for part in model.encode(data))
    generator = torch.Generator().manual_seed(SCORE_SEED)
    noise = torch.randn(mean.shape, generator=generator, dtype=torch.float32)
    if (covariance := model.run.noise_covariance()) is not None:
        noise = noise @ torch.linalg.cholesky(covariance).float().T
    return Encoded(mean, logvar, gaussian.reparametrise(mean, logvar, noise))


def columns(data: FactorData, names: Sequence[str]) -> Tensor:
    """The factors of these names, (N, len(names))."""
    return data.factors[:, [data.factor_index(name) for name in names]]
