"""Joint laws of an image and the axes of its code: made, and read by expectations of ratios.

A table (x, z_1, ..., z_D) has the image on its axis 0 and the axes of the code after it. The
module `information` reads it by entropies. Here the same numbers are expectations of logarithms
of ratios of laws, so that a line of a proof is typed as it is printed, and `total_corr` and
`info` give a number on which both routes agree. Gaussian laws are covariances of (x, z), read by
canonical correlations.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from disentangled import gaussian, information
from disentangled.information import Axes

Pair = tuple[int, tuple[int, ...]]
"""An axis j, and a set S_{-j} of others."""

AGREE = 1e-9
"""Nats by which two routes to one number may differ."""


def counted(outcomes: Iterable[Sequence[int]]) -> Tensor:
    """The joint law of equally likely outcomes (x, z_1, ..., z_D), which count from 0.

    Raises: ValueError when there are none.
    """
    rows = torch.tensor(list(outcomes))
    if rows.ndim != 2:
        raise ValueError(
            f"expected outcomes (x, z_1, ..., z_D), got an array of shape {tuple(rows.shape)};"
            " give at least one, all of one length"
        )
    table = torch.zeros(*(rows.amax(0) + 1), dtype=torch.float64)
    one = torch.ones(len(rows), dtype=torch.float64)
    return table.index_put(tuple(rows.T), one, accumulate=True) / len(rows)


def random_law(seed: int, *shape: int) -> Tensor:
    """Uneven positive probabilities of sum 1, of this shape, drawn by a generator of this seed."""
    draws = torch.Generator().manual_seed(seed)
    table = torch.rand(shape, generator=draws, dtype=torch.float64) ** 2 + 0.01
    return table / table.sum()


def factorised(seed: int, n_x: int = 4, sizes: Sequence[int] = (2, 3, 2)) -> Tensor:
    """The law q(x) Π q(z_j | x) of a conditionally independent code, every part drawn at random.

    Args: n_x, how many images; sizes, of values that each axis takes.
    Returns: (n_x, sizes of the axes).
    """
    table = random_law(seed, n_x)
    for j, size in enumerate(sizes):
        channel = random_law(50 * seed + j, n_x, size)
        channel = channel / channel.sum(1, keepdim=True)
        table = table[..., None] * channel.reshape(n_x, *[1] * j, size)
    return table


def law(table: Tensor, *axes: int) -> Tensor:
    """The marginal law of some variables; the others keep an axis of length 1."""
    summed = [axis for axis in range(table.ndim) if axis not in axes]
    return table.sum(summed, keepdim=True) if summed else table


def mean_log(table: Tensor, ratio: Tensor) -> float:
    """E log ratio under the table, in nats; where it has no mass the ratio may be anything."""
    return float(torch.where(table > 0, table * ratio.log(), 0.0).sum())


def kl(table: Tensor, axes: Sequence[int], given: Sequence[int] = ()) -> float:
    """The mean over the given of KL(q(z_S | given) ‖ Π q(z_i | given)), in nats, as printed."""
    weight = law(table, *given)
    each = math.prod((law(table, *given, i) / weight for i in axes), start=torch.ones(()))
    return mean_log(table, law(table, *given, *axes) / weight / each)


def total_corr(table: Tensor, axes: Sequence[int], given: Sequence[int] = ()) -> float:
    """TC(z_S | given) in nats, by entropies and by `kl`.

    Raises: AssertionError when the two differ.
    """
    return agreed(information.total_correlation(table, axes, given), kl(table, axes, given))


def info(table: Tensor, a: Axes, b: Axes, given: Axes = ()) -> float:
    """I(a; b | given) in nats, by entropies and as an expectation.

    Raises: AssertionError when the two differ.
    """
    a, b, c = ([i] if isinstance(i, int) else list(i) for i in (a, b, given))
    ratio = law(table, *a, *b, *c) * law(table, *c)
    ratio = ratio / (law(table, *a, *c) * law(table, *b, *c))
    return agreed(information.mutual_information(table, a, b, c), mean_log(table, ratio))


def agreed(one: float, other: float) -> float:
    """A number by two routes.

    Raises: AssertionError when they differ by more than `AGREE`.
    """
    if not abs(one - other) < AGREE:
        raise AssertionError(f"two routes give {one} and {other}")
    return one


def change(table: Tensor, j: int, rest: Sequence[int]) -> float:
    """I(z_j; x | z_rest) - I(z_j; x) in nats."""
    return info(table, j, 0, rest) - info(table, j, 0)


def excess(table: Tensor, axes: Sequence[int]) -> float:
    """I(z_S; x) - Σ I(z_i; x) in nats: what the axes know together beyond one by one."""
    return info(table, axes, 0) - sum(info(table, i, 0) for i in axes)


def subsets(table: Tensor) -> list[tuple[int, ...]]:
    """Every set of two or more axes of the code."""
    axes = range(1, table.ndim)
    return [s for n in axes[1:] for s in combinations(axes, n)]


def every_pair(table: Tensor) -> list[Pair]:
    """Every axis j of the code with every non-empty set of the others."""
    axes = range(1, table.ndim)
    rests = [rest for n in axes for rest in combinations(axes, n)]
    return [(j, rest) for j in axes for rest in rests if j not in rest]


def all_others(table: Tensor) -> list[Pair]:
    """Every axis j of the code with all the other axes."""
    n = table.ndim - 2
    return [(j, rest) for j, rest in every_pair(table) if len(rest) == n]


def linear(weight: Any, noise: Any, factors: Any) -> Tensor:
    """The covariance of (x, z) for z = weight x plus noise.

    Args: weight (D, K); noise (D, D) and factors (K, K), covariances.
    Returns: (K + D, K + D), x first.
    """
    weight, noise, factors = (gaussian.finite(m, "matrix") for m in (weight, noise, factors))
    cross = weight @ factors
    upper = torch.cat([factors, cross.T], 1)
    return torch.cat([upper, torch.cat([cross, cross @ weight.T + noise], 1)])


def gaussian_info(
    covariance: Tensor, a: Iterable[int], b: Iterable[int], given: Iterable[int] = ()
) -> float:
    """I(a; b | given) in nats of jointly Gaussian variables; a covariance may be singular.

    -Σ log(1 - r²) / 2   over the canonical correlations r of a and b, the given projected out
    """
    pinv, a, b, given = torch.linalg.pinv, list(a), list(b), list(given)
    known = pinv(covariance[given][:, given], atol=1e-12) if given else covariance[:0, :0]
    left = covariance - covariance[:, given] @ known @ covariance[given]
    to_b = pinv(left[a][:, a], atol=1e-12) @ left[a][:, b]
    to_a = pinv(left[b][:, b], atol=1e-12) @ left[b][:, a]
    squares = torch.linalg.eigvals(to_b @ to_a).real
    return -0.5 * float(torch.log1p(-squares).sum())
