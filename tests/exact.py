"""Problems with exact answers: small mixtures by quadrature, minibatches by enumeration.

Nothing here calls the package: the densities are written out and integrated on one dense grid.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def entropy(law: Floats) -> float:
    """-Σ p log p over all entries."""
    positive = law[law > 0]
    return float(-(positive * np.log(positive)).sum())


def covariances(logvar: Floats, noise: Floats) -> Floats:
    """diag(sd) noise diag(sd) of every row: (N, D), (D, D) -> (N, D, D)."""
    sd = np.exp(0.5 * logvar)
    return sd[:, :, None] * noise * sd[:, None, :]


def densities(z: Floats, mean: Floats, covariance: Floats) -> Floats:
    """N(z; mean_n, covariance_n): z (M, D), mean (N, D), covariance (N, D, D) -> (M, N)."""
    away = z[:, None] - mean
    distance = np.einsum("mnd,nde,mne->mn", away, np.linalg.inv(covariance), away)
    return np.exp(-0.5 * distance) / np.sqrt(np.linalg.det(2 * np.pi * covariance))


def grid(mean: Floats, covariance: Floats, n_side: int) -> tuple[Floats, float]:
    """Points (n_side^D, D) that cover all components to nine sd, and the volume of a cell."""
    sd = np.sqrt(np.einsum("ndd->nd", covariance))
    low, high = (mean - 9 * sd).min(0), (mean + 9 * sd).max(0)
    sides = [np.linspace(a, b, n_side) for a, b in zip(low, high, strict=True)]
    points = np.stack([x.ravel() for x in np.meshgrid(*sides, indexing="ij")], 1)
    return points, float(np.prod((high - low) / (n_side - 1)))


def kl_terms(mean: Floats, logvar: Floats, noise: Floats, n_side: int) -> dict[str, float]:
    """E KL(q(z|x) ‖ p(z)) and its three parts, from q, its marginals and p on one grid."""
    covariance = covariances(logvar, noise)
    points, cell = grid(mean, covariance, n_side)
    given = densities(points, mean, covariance)  # (M, N)
    joint = given.mean(1)
    prior = np.exp(-0.5 * points**2) / np.sqrt(2 * np.pi)  # (M, D)
    axes = np.stack(
        [
            densities(points[:, [j]], mean[:, [j]], covariance[:, [j]][:, :, [j]]).mean(1)
            for j in range(mean.shape[1])
        ],
        1,
    )

    def mean_log_ratio(weight: Floats, above: Floats, below: Floats) -> float:
        held = weight > 1e-250
        return float(cell * (weight[held] * np.log(above[held] / below[held])).sum())

    product, prior_joint = axes.prod(1), prior.prod(1)
    return {
        "kl": float(np.mean([mean_log_ratio(q, q, prior_joint) for q in given.T])),
        "mutual_info": float(np.mean([mean_log_ratio(q, q, joint) for q in given.T])),
        "total_corr": mean_log_ratio(joint, joint, product),
        "axis_kl": mean_log_ratio(joint, product, prior_joint),
    }


def others(n_data: int, own: int, n_others: int, replace: bool) -> Iterator[tuple[int, ...]]:
    """All equally likely ordered choices of the other members of a minibatch that holds `own`.

    Without replacement they are distinct and none is `own`; with it each is any of n_data.
    """
    if replace:
        return itertools.product(range(n_data), repeat=n_others)
    rest = [n for n in range(n_data) if n != own]
    return itertools.permutations(rest, n_others)


def mean_estimate(
    weights: Floats,
    position: int,
    given: Floats,
    own: int,
    *,
    replace: bool,
    of: Callable[[Floats], Floats] = np.log,
) -> Floats:
    """Mean over all minibatches of of(Σ_k W_k q(z | x_k)), with x_own at `position` of the batch.

    weights (B,) is the row of that position, given (M, N) the densities at M points: -> (M,).
    """
    values = []
    for chosen in others(given.shape[1], own, len(weights) - 1, replace):
        members = [*chosen[:position], own, *chosen[position:]]
        values.append(of(given[:, members] @ weights))
    return np.mean(values, 0)


def mean_log_estimate(
    rows: Floats, mean: Floats, logvar: Floats, *, replace: bool, n_side: int
) -> float:
    """E log q̂(z) over z ~ q(z) and over all minibatches, for rows = W (B, B), one axis.

    Averaged over the positions of the own sample, as an average over a batch does.
    """
    covariance = covariances(logvar, np.eye(1))
    points, cell = grid(mean, covariance, n_side)
    given = densities(points, mean, covariance) + 1e-300
    total = 0.0
    for own, (position, row) in itertools.product(range(len(mean)), enumerate(rows)):
        log_estimate = mean_estimate(row, position, given, own, replace=replace)
        total += cell * float(given[:, own] @ log_estimate)
    return total / (len(mean) * len(rows))
