"""Named tuples that flow through the package; all of them pass through `torch.func.vmap`."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

Pixels = Tensor
"""Images (B, C, H, W) whose pixels are floats in [0, 1] (see `arrays.of_arrays`)."""


class Batch(NamedTuple):
    """Images with their causes: x (B, C, H, W) float in [0, 1], factors (B, K), index (B,)."""

    x: Tensor
    factors: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nothing here calls


class Code(NamedTuple):
    """A posterior q(z|x) and one sample of it: z, mean, logvar (log-variance), each (B, D)."""

    z: Tensor
    mean: Tensor
    logvar: Tensor


class Loss(NamedTuple):
    """An objective's value: total, a scalar in nats per example, and the terms it sums."""

    total: Tensor
    terms: dict[str, Tensor]


class LogQ(NamedTuple):
    """Log-densities of the aggregate posterior in nats: joint (B,) and per_axis (B, D)."""

    joint: Tensor
    per_axis: Tensor


class Score(NamedTuple):
    """A metric's value and the parts behind it (matrices, gaps), kept for figures."""

    value: float
    parts: dict[str, Any]
