"""How dependent factors are, and the law that makes two of them so and changes nothing else.

A law is a table of probabilities, float64, with one axis for each factor; `FactorData.weighted`
draws images by it. A law's parameter says little of its own: a spread of 0.1 is another
dependence on 3 x 6 values than on 32 x 32. So `dependence` gives the correlation of the factors'
numbers and their mutual information in nats, of laws as of counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from scipy.optimize import brentq
from torch import Tensor

from disentangled import information
from disentangled.arrays import whole

NEAR_LIMIT = 0.97
"""Largest share of the attainable correlation that `evenly_correlated` is asked for: the closer,
the more rounds it takes, without end."""
EVEN = 1e-12
"""How far a marginal may be from even, relative to it."""


class Dependence(NamedTuple):
    """How dependent K factors are.

    correlation: Pearson's, of the factors' numbers, (K, K); NaN with a factor that is constant.
        Of a factor whose values are names it depends on how they are numbered.
    nats: the total correlation, which is the mutual information where there are two factors.
    """

    correlation: Tensor
    nats: float

    def __str__(self) -> str:
        n_factors = len(self.correlation)
        first, second = torch.triu_indices(n_factors, n_factors, offset=1)
        pairs = ", ".join(f"{value:z.2f}" for value in self.correlation[first, second].tolist())
        return f"correlation {pairs}; {self.nats:.3f} nats"


def dependence(table: Any) -> Dependence:
    """Correlations and information of a joint law or of joint counts, one axis a factor.

    **Error**: none for a law. Of counts of n drawn images, the information is too high by about
    (cells - 1 - Σ_k (values of k - 1)) / (2 n) nats: 0.0004 for 32 x 6 values and 200,000 images.

    Raises:
        ValueError: a table that is no law, or of fewer than two axes.
    """
    joint = information.probabilities(table)
    if joint.ndim < 2:
        raise ValueError(
            f"expected a table of two axes or more, one for each factor, got shape "
            f"{tuple(joint.shape)}"
        )
    cells = torch.cartesian_prod(*(torch.arange(float(size)) for size in joint.shape)).double()
    weight = joint.flatten()
    centred = cells - weight @ cells  # (cells, K)
    covariance = centred.mT @ (weight[:, None] * centred)
    deviation = covariance.diagonal().sqrt()
    nats = information.total_correlation(joint, range(joint.ndim))
    return Dependence(covariance / deviation.outer(deviation), nats)


def independent(table: Any) -> Tensor:
    """The law of independent factors with the same marginals: Π_k p(v_k)."""
    joint = information.probabilities(table)
    product = torch.ones((), dtype=torch.float64)
    for axis in range(joint.ndim):
        others = [other for other in range(joint.ndim) if other != axis]
        product = product[..., None] * (joint.sum(others) if others else joint)
    return product


def evenly_correlated(sizes: Sequence[int], correlation: float) -> Tensor:
    r"""The least informative law of two factors with even marginals and this correlation.

        p(a, b) = exp(f(a) + g(b) + t a b),   p(a) = 1 / sizes[0],   p(b) = 1 / sizes[1]

    with f and g by iterative proportional fitting and t by bisection. Among all laws with even
    marginals and this correlation it has the least mutual information, as the normal law has
    among densities. At correlation 0 it is even: a training set drawn by it differs from
    one drawn at another correlation in the dependence, and in no marginal.

    **Error**: marginals within 1e-12 of even, the correlation within 1e-9 of what is asked for.

    Args:
        sizes: how many values each of the two factors has, at least 2.
        correlation: between 0 and 0.97 of what even marginals allow, which is 1 for equal sizes
            and 0.986 for 32 x 6; for a negative one turn the table: `table.flip(1)`.

    Raises:
        ValueError: sizes or a correlation that cannot be had.
    """
    rows, columns = two(sizes)
    limit = float(dependence(_comonotone(rows, columns)).correlation[0, 1])
    if not 0 <= correlation <= NEAR_LIMIT * limit:
        raise ValueError(
            f"expected a correlation from 0 to {NEAR_LIMIT * limit:.3f} for {rows} x {columns} "
            f"values, got {correlation}; turn the table for a negative one"
        )
    product = torch.outer(scaled(rows), scaled(columns))

    def excess(coupling: float) -> float:
        law = _with_even_marginals(coupling * product)
        return float(dependence(law).correlation[0, 1]) - correlation

    high = 1.0
    while excess(high) < 0:
        high *= 2
    return _with_even_marginals(brentq(excess, -1.0, high, xtol=1e-12, rtol=1e-12) * product)


def two(sizes: Sequence[int]) -> tuple[int, int]:
    """The sizes of two factors.

    Raises: ValueError for another number of them, or one below 2.
    """
    whole_sizes = [whole(size, "a size") for size in sizes]
    if len(whole_sizes) != 2 or min(whole_sizes) < 2:
        raise ValueError(
            f"expected the sizes of two factors, each of 2 values or more, got {tuple(sizes)}; "
            "for more factors multiply pairs, joint_of_pairs"
        )
    return whole_sizes[0], whole_sizes[1]


def scaled(size: int) -> Tensor:
    """The numbers of a factor's values, scaled to [0, 1]."""
    return torch.linspace(0, 1, size, dtype=torch.float64)


def _comonotone(rows: int, columns: int) -> Tensor:
    """The law of even marginals with the largest correlation: both are one number, in steps."""
    row, column = (torch.linspace(0, 1, n + 1, dtype=torch.float64) for n in (rows, columns))
    upper = torch.minimum(row[1:, None], column[1:])
    return (upper - torch.maximum(row[:-1, None], column[:-1])).clamp(min=0)


def _with_even_marginals(log_weight: Tensor) -> Tensor:
    """Rows and columns scaled in turns until all are even."""
    rows, columns = log_weight.shape
    log_law = log_weight
    while True:
        log_law = log_law - log_law.logsumexp(0) - math.log(columns)
        row_sums = log_law.logsumexp(1, keepdim=True) + math.log(rows)  # logs, relative to even
        if row_sums.abs().max() < EVEN:
            return information.probabilities(log_law.exp())
        log_law = log_law - row_sums
