"""FactorVAE: the total correlation by a critic's density ratio, by two sources."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from disentangled.estimators import density_ratio_total_corr
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.objectives.elbo import mean_kl
from disentangled.types import Code, Loss

CLIP = 1e-6
"""disentanglement_lib clips the critic's probabilities to [CLIP, 1 - CLIP] in its loss."""


def factor_vae(
    x: Tensor,
    logits: Tensor,
    code: Code,
    critic_logits: Tensor,
    *,
    pixel_area: int = 1,
    gamma: float = 35.0,
    noise_covariance: Any = None,
) -> Loss:
    r"""Negative ELBO plus γ times the critic's estimate of TC (Kim & Mnih 2018, eq. 2).

        total = distortion + KL(q(z|x) ‖ p(z)) + γ TC(z),   TC ≈ mean(l_0 - l_1)

    The weight on TC in the sense of Chen et al.'s eq. 4 is β = 1 + γ.

    Shapes: x and logits (B, C, H, W), code (B, D), critic_logits (B, 2) of code.z; every term a
    scalar, nats per example.
    """
    distortion = bernoulli_distortion(x, logits, pixel_area=pixel_area).mean()
    kl = mean_kl(code, noise_covariance)
    total_corr = density_ratio_total_corr(critic_logits)
    total = distortion + kl + gamma * total_corr
    return Loss(total, {"distortion": distortion, "kl": kl, "total_corr": total_corr})


def critic(joint_logits: Tensor, permuted_logits: Tensor) -> Loss:
    r"""The critic's cross-entropy (Kim & Mnih 2018, Algorithm 2).

        total = -½ mean log p_0(z) - ½ mean log p_1(z_permuted)

    Shapes: logits (B, 2) of codes drawn from q(z), and of codes whose axes were permuted apart.
    log 2 where the critic cannot tell them apart.
    """
    real = -functional.log_softmax(joint_logits, dim=-1)[:, 0].mean()
    permuted = -functional.log_softmax(permuted_logits, dim=-1)[:, 1].mean()
    total = 0.5 * real + 0.5 * permuted
    return Loss(total, {"critic": total})


def critic_dlib(joint_logits: Tensor, permuted_logits: Tensor) -> Loss:
    """`critic` with probabilities clipped at `CLIP`, hence no gradient beyond (dlib)."""
    real = -joint_logits.softmax(-1)[:, 0].clamp(CLIP, 1 - CLIP).log().mean()
    permuted = -permuted_logits.softmax(-1)[:, 1].clamp(CLIP, 1 - CLIP).log().mean()
    total = 0.5 * real + 0.5 * permuted
    return Loss(total, {"critic": total})


def permute_axes(z: Tensor, order: Tensor) -> Tensor:
    """Shuffle every axis on its own: z (B, D), order (B, D) with a permutation in each column."""
    return z.gather(0, order)
