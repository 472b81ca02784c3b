"""Laws to draw images by: chances, and joint tables that factors are made to follow."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from disentangled.arrays import floats


def law(name: str, n_images: int, probabilities: Any) -> Tensor:
    """Chances (N,) in float64 on the CPU, not normalised.

    Raises:
        ValueError: another number of them than of images, or chances that are negative, not
            finite or all 0; the message begins with the name of the data.
    """
    chances = floats(probabilities, f"{name}: probabilities")
    if chances.shape != (n_images,):
        raise ValueError(
            f"{name}: expected probabilities of shape ({n_images},), one an image, got "
            f"{tuple(chances.shape)}"
        )
    total = float(chances.sum())
    if not (bool((chances >= 0).all()) and 0 < total < float("inf")):
        raise ValueError(
            f"{name}: expected probabilities that are finite, not negative and not all 0, got "
            f"{float(chances.min()):.3g} to {float(chances.max()):.3g}: pass chances or counts, "
            "not their logarithms"
        )
    return chances


def cumulative(probabilities: Tensor) -> Tensor:
    """Cumulated chances (N,) in float64, ending at exactly 1."""
    sums = probabilities.to(torch.float64).cumsum(0)
    return sums / sums[-1]


def search(cumulated: Tensor, n: int, generator: Generator) -> Tensor:
    """n draws by inverting cumulated chances; images of chance 0 are never drawn: (n,) int64."""
    return torch.searchsorted(
        cumulated, torch.rand(n, generator=generator, dtype=torch.float64), right=True
    )


def following(table: Tensor, factors: Tensor, before: Tensor) -> Tensor:
    r"""Chances (N,) under which factors follow a table, and the rest is drawn as before.

        p(n) = table[f(n)] p0(n) / sum over the images m with f(m) = f(n) of p0(m)

    Args:
        table: joint probabilities or counts, float64, one axis a factor.
        factors: int64 (N, axes of the table), of each image the values of these factors.
        before: float64 (N,), p0.

    Raises:
        ValueError: a table that is negative, not finite or all 0, or that asks for a
            combination of factors that no image has.
    """
    if not table.isfinite().all() or (table < 0).any() or table.sum() == 0:
        raise ValueError(
            f"expected a table of finite probabilities or counts, none negative "
            f"and not all 0, got values from {table.min()} to {table.max()}"
        )
    cell = torch.zeros(len(before), dtype=torch.int64)
    for column, size in enumerate(table.shape):
        cell = cell * size + factors[:, column]
    mass = torch.zeros(table.numel(), dtype=torch.float64).index_add_(0, cell, before)
    wanted = table.flatten() / table.sum()
    missing = int(((wanted > 0) & (mass == 0)).sum())
    if missing:
        raise ValueError(
            f"the table gives chance to {missing} combinations of factors that no image has; "
            "set them to 0"
        )
    ratio = torch.where(mass > 0, wanted / mass, 0.0)
    return before * ratio[cell]
