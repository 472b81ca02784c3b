"""Entropies, mutual information and total correlation of discrete joint tables, exact.

A table has one axis for each variable; its entries are joint counts or probabilities and are
normalised inside. Everything is in nats and float64, by sums of p log p alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from disentangled.arrays import floats, whole

Axes = int | Iterable[int]

TINY = torch.finfo(torch.float64).tiny


def probabilities(table: Any) -> Tensor:
    """The table as a joint law: float64, non-negative, of sum 1, same shape.

    Raises: ValueError when an entry is NaN, infinite or negative, or all are 0.
    """
    joint = floats(table, "table")
    if not bool(torch.isfinite(joint).all()):
        raise ValueError("table has NaN or infinite entries: counts or probabilities are finite")
    if bool((joint < 0).any()):
        raise ValueError(
            f"table has the negative entry {float(joint.min()):.3g}: "
            "pass counts or probabilities, not their logarithms"
        )
    if not bool((joint > 0).any()):
        raise ValueError(f"table of shape {tuple(joint.shape)} holds no mass: no law is defined")
    total = float(joint.sum())
    if not TINY < total < math.inf:  # sums, or shares, that float64 cannot hold
        joint = joint / joint.max()
        total = float(joint.sum())
    return joint / total


def entropy(table: Any, axes: Axes) -> float:
    """Entropy of the variables on `axes` jointly, the others summed out.

        H(z_axes) = -Σ p log p,   0 log 0 = 0

    Args: table, joint counts or probabilities, one axis a variable; axes, an axis or several.
    Returns: nats, between 0 and the log of the number of cells; 0 for no axes.
    Raises: ValueError for a bad table or an axis that it does not have.
    """
    joint = probabilities(table)
    return _entropy(joint, _axes(joint, axes))


def mutual_information(table: Any, a: Axes, b: Axes, given: Axes = ()) -> float:
    """Mutual information of the variables on axes a with those on b, given those on `given`.

        I(a; b | given) = H(a, given) + H(b, given) - H(a, b, given) - H(given)

    a and b may share axes: I(a; a) = H(a).

    Returns: nats, 0 or above.
    **Error**: rounding, about 1e-15; a negative rest of it is returned as 0.
    Raises: ValueError for a bad table or an axis that it does not have.
    """
    joint = probabilities(table)
    left, right, context = (_axes(joint, axes) for axes in (a, b, given))
    information = (
        _entropy(joint, left | context)
        + _entropy(joint, right | context)
        - _entropy(joint, left | right | context)
        - _entropy(joint, context)
    )
    return max(information, 0.0)


def total_correlation(table: Any, axes: Axes, given: Axes = ()) -> float:
    """Total correlation of the variables on `axes`, given those on `given`.

        TC(z | x) = E_x KL(q(z|x) ‖ Π_i q(z_i|x)) = Σ_i H(z_i, x) - H(z, x) - (n - 1) H(x)

    for n axes z and x on the axes `given`; without `given` the plain KL(q(z) ‖ Π_i q(z_i)).

    Returns: nats, 0 or above; 0 for fewer than two axes.
    **Error**: rounding, about 1e-15 an axis; a negative rest of it is returned as 0.
    Raises: ValueError for a bad table, an axis that it does not have, or a repeated one.
    Source: Watanabe 1960; Yang et al. 2020 (paper A), eq. 1 and 8.
    """
    joint = probabilities(table)
    listed = _listed(axes)
    each = [_axes(joint, axis) for axis in listed]
    together, context = _axes(joint, listed), _axes(joint, given)
    if len(together) < len(listed):
        raise ValueError(f"axes {tuple(listed)} repeat one: TC counts every variable once")
    parts = sum(_entropy(joint, axis | context) for axis in each)
    rest = (len(listed) - 1) * _entropy(joint, context)
    return max(parts - _entropy(joint, together | context) - rest, 0.0)


def _entropy(joint: Tensor, axes: frozenset[int]) -> float:
    summed_out = [axis for axis in range(joint.ndim) if axis not in axes]
    marginal = joint.sum(summed_out) if summed_out else joint
    return float(torch.special.entr(marginal).sum())


def _listed(axes: Axes) -> list[int]:
    """One axis or several, as numbers that may be negative.

    Raises: ValueError for what is no whole number, a mask included.
    """
    several = isinstance(axes, Iterable) and getattr(axes, "ndim", 1) > 0
    return [whole(axis, "an axis") for axis in (list(axes) if several else [axes])]  # type: ignore[arg-type]


def _axes(joint: Tensor, axes: Axes) -> frozenset[int]:
    """Axes counted from the front. Raises: ValueError for one that the table does not have."""
    wanted = _listed(axes)
    if not all(-joint.ndim <= axis < joint.ndim for axis in wanted):
        raise ValueError(
            f"axes {tuple(wanted)} do not all exist: "
            f"the table has {joint.ndim} axes, shape {tuple(joint.shape)}"
        )
    return frozenset(axis % joint.ndim for axis in wanted)
