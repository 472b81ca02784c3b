"""Interventions on the factors of a discrete joint table, and the weights that undo them, exact.

A table has one axis for each factor, as in `information`; its entries are counts or probabilities
and are normalised inside. K counts its axes. Laws over images are tables too, of any shape.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from disentangled.arrays import floats, whole
from disentangled.information import probabilities


def do(table: Any, factor: int, value: int) -> Tensor:
    r"""The law of the factors after one of them is set by hand.

        p(v | do(v_k = a)) = p(v_{-k}) [v_k = a]

    This is right where no factor is a cause of another one: common causes are allowed.

    Args: table, K axes; factor, the axis k; value, the index a on it.
    Returns: (K axes as in table), float64, sums to 1.
    Raises: ValueError for a bad table, or a factor or a value that it does not have.
    Source: anonymous 2020 (paper B), section 3 and Figure 1(c).
    """
    joint = _law(table)
    factor = whole(factor, "factor", 0, joint.ndim - 1)
    value = whole(value, f"value on axis {factor}", 0, joint.shape[factor] - 1)
    held = torch.zeros_like(joint)
    held.select(factor, value).copy_(joint.sum(factor))
    return held


def products(table: Any) -> Tensor:
    r"""For each factor k the law in which it is independent of all others, (K, as in table).

        p(v_{-k}) p(v_k)

    Raises: ValueError for a bad table.
    Source: anonymous 2020 (paper B), the terms of eq. 1.
    """
    joint = _law(table)
    return torch.stack([_alone(joint, k) * joint.sum(k, keepdim=True) for k in range(joint.ndim)])


def intervene(table: Any) -> Tensor:
    r"""The law of the factors after one, chosen evenly, is set to a value drawn from its law.

        ṗ(v) = 1/K Σ_k p(v_{-k}) p(v_k)

    Returns: as in table, float64, sums to 1; every single factor keeps its law.
    Raises: ValueError for a bad table.
    Source: anonymous 2020 (paper B), eq. 1.
    """
    return products(table).mean(0)


def weights(table: Any, likelihood: Any = None) -> Tensor:
    """The weight of every image under which the law after intervention becomes the original one.

        W(x) = p(x) / ṗ(x),   p(x) = Σ_v p(x | v) p(v),   ṗ(x) = Σ_v p(x | v) ṗ(v)

    Args:
        table: the law of the factors, K axes.
        likelihood: p(x | v), the axes of the factors and then one of images, which sums to 1;
            without it every combination of factors has an image of its own.

    Returns: one weight an image, or as in table; 0 where ṗ(x) = 0, since p(x) = 0 there.
    Raises: ValueError for a bad table, or a likelihood that does not fit it.
    Source: anonymous 2020 (paper B), Proposition 2 and its proof.
    """
    before, after = _law(table), intervene(table)
    if likelihood is not None:
        given = _likelihood(likelihood, before)
        before, after = (torch.tensordot(law, given, law.ndim) for law in (before, after))
    return torch.where(after > 0, before / after, 0.0)


def largest_ratios(table: Any) -> Tensor:
    r"""For each factor the least C_k of Assumption 1, (K,).

        C_k = max_v p(v) / (p(v_{-k}) p(v_k)),   over v where the denominator is above 0

    Returns: each at least 1 and at most 1 / min p(v_k).
    Raises: ValueError for a bad table.
    Source: anonymous 2020 (paper B), Assumption 1.
    """
    joint, apart = _law(table), products(table)
    return torch.where(apart > 0, joint / apart, 0.0).flatten(1).amax(1)


def weight_bound(table: Any) -> float:
    """What no weight exceeds, whatever the images: W(x) ≤ K min_k C_k.

    **Error**: an upper bound; with two factors the weights reach half of it at most.
    Raises: ValueError for a bad table.
    Source: anonymous 2020 (paper B), eq. 5 with eq. 4.
    """
    ratios = largest_ratios(table)
    return float(len(ratios) * ratios.min())


def best_critic(real: Any, intervened: Any, weights: Any) -> Tensor:
    """The critic that tells real from weighted intervened images best, for fixed weights.

        f(x) = p(x) / (p(x) + W(x) ṗ(x) / E_ṗ W)

    Args: as in `adversarial_loss`.
    Returns: the probability of being real, one an image; 1/2 where there are none.
    Source: Goodfellow et al. 2014, Proposition 1.
    """
    p, weighted = probabilities(real), _weighted(intervened, weights)
    if p.shape != weighted.shape:
        raise ValueError(
            f"real and intervened must have one shape, got {tuple(p.shape)} and "
            f"{tuple(weighted.shape)}: one number an image"
        )
    return torch.where(p + weighted > 0, p / (p + weighted), 0.5)


def adversarial_loss(real: Any, intervened: Any, weights: Any, critic: Any) -> float:
    """The adversarial loss of paper B, as it must read, on laws over finitely many images.

        E_p log f(x) + E_ṗ [W(x) / E_ṗ W] log(1 - f(x)),   0 log 0 = 0

    The critic maximises it, the weights minimise it.

    Args:
        real: p, the law of the images, counts or probabilities.
        intervened: ṗ, the law of the images after intervention, of the same shape.
        weights: W, non-negative, of the same shape; their scale does not matter.
        critic: f, from 0 to 1, of the same shape.

    Returns: nats, 0 or below; minus infinity for a critic that is sure and wrong.
    Raises: ValueError for a bad law, or weights that are negative or give all images 0.
    Source: anonymous 2020 (paper B), section 4, L_adv, which prints one image for two.
    """
    p, weighted = probabilities(real), _weighted(intervened, weights)
    f = floats(critic, "critic")
    if f.shape != p.shape or p.shape != weighted.shape or not bool(((f >= 0) & (f <= 1)).all()):
        raise ValueError(
            "real, intervened and critic must have one shape, the critic lies between 0 and 1, "
            f"got {tuple(p.shape)}, {tuple(weighted.shape)} and {tuple(f.shape)}, the critic from "
            f"{float(f.min()):.3g} to {float(f.max()):.3g}: pass probabilities, not logits"
        )
    return float((torch.xlogy(p, f) + torch.xlogy(weighted, 1 - f)).sum())


def _law(table: Any) -> Tensor:
    joint = probabilities(table)
    if joint.ndim == 0:
        raise ValueError("table is a single number: it needs one axis for each factor")
    return joint


def _alone(joint: Tensor, factor: int) -> Tensor:
    """p(v_k) along axis k, of size 1 on all others."""
    others = [axis for axis in range(joint.ndim) if axis != factor]
    return joint.sum(others, keepdim=True) if others else joint


def _likelihood(likelihood: Any, joint: Tensor) -> Tensor:
    given = floats(likelihood, "likelihood")
    if given.shape[:-1] != joint.shape:
        raise ValueError(
            f"likelihood has shape {tuple(given.shape)}: it needs the table's axes"
            f" {tuple(joint.shape)} and then one of images"
        )
    if not bool((given >= 0).all()) or not torch.allclose(given.sum(-1), torch.ones_like(joint)):
        raise ValueError("likelihood must be p(x | v): not negative, with sum 1 on its last axis")
    return given


def _weighted(intervened: Any, weights: Any) -> Tensor:
    """The law W ṗ / E_ṗ W."""
    law, w = probabilities(intervened), floats(weights, "weights")
    if w.shape != law.shape or not bool(((w >= 0) & torch.isfinite(w)).all()):
        raise ValueError(
            f"weights of shape {tuple(w.shape)} must be finite and not negative and must have the"
            f" shape of the law, {tuple(law.shape)}"
        )
    mean = (w * law).sum()
    if float(mean) == 0:
        raise ValueError("all images have weight 0: give a weight above 0 where the law has mass")
    return w * law / mean
