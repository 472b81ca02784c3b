"""FactorVAE: the total correlation by a critic's density ratio, by three sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from disentangled.arrays import of_arrays
from disentangled.estimators import density_ratio_total_corr
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.objectives.elbo import mean_kl
from disentangled.objectives.games import Draw, Heard, Nets, Player, Recipe, encode
from disentangled.objectives.inputs import IMAGES, NOISE, ORDER
from disentangled.types import Code, Loss

CLIP = 1e-6
"""disentanglement_lib clips the critic's probabilities to [CLIP, 1 - CLIP] in its loss."""


@of_arrays
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


@of_arrays
def factor_vae_leaking(
    x: Tensor,
    logits: Tensor,
    code: Code,
    critic_logits: Tensor,
    *,
    pixel_area: int = 1,
    gamma: float = 35.0,
    noise_covariance: Any = None,
) -> Loss:
    r"""`factor_vae` whose encoder also gets half of the critic's loss, as in the most used port.

        total = distortion + KL(q(z|x) ‖ p(z)) + γ TC(z) + leak,   leak = -½ mean log p_0(z)

    The port does not detach the codes that its critic sees as joint, and the encoder moves after
    the critic's gradients are there. It detaches the permuted ones. What leaks lowers the weight
    of TC, code by code: with l = l_0 - l_1 and p_0 = 1 / (1 + exp(-l)), whose logarithm has the
    slope 1 - p_0 = p_1 in l,

        ∇_z (γ l - ½ log p_0(z)) = (γ - ½ p_1(z)) ∇_z l

    p_1(z) is the critic's probability of "permuted": ½ where it cannot tell, so that the weight is
    γ - ¼ there, and below 1, so that the weight is never under γ - ½.

    Shapes: as in `factor_vae`.

    Source: disvae/models/losses.py of YannDubs/disentangling-vae, and its issue 77.
    """
    loss = factor_vae(
        x, logits, code, critic_logits, pixel_area=pixel_area, gamma=gamma,
        noise_covariance=noise_covariance,
    )  # fmt: skip
    leak = -0.5 * functional.log_softmax(critic_logits, dim=-1)[:, 0].mean()
    return Loss(loss.total + leak, {**loss.terms, "leak": leak})


@of_arrays
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


@of_arrays
def critic_dlib(joint_logits: Tensor, permuted_logits: Tensor) -> Loss:
    """`critic` with probabilities clipped at `CLIP`, hence no gradient beyond (dlib)."""
    real = -joint_logits.softmax(-1)[:, 0].clamp(CLIP, 1 - CLIP).log().mean()
    permuted = -permuted_logits.softmax(-1)[:, 1].clamp(CLIP, 1 - CLIP).log().mean()
    total = 0.5 * real + 0.5 * permuted
    return Loss(total, {"critic": total})


def permute_axes(z: Tensor, order: Tensor) -> Tensor:
    """Shuffle every axis on its own: z (B, D), order (B, D) with a permutation in each column."""
    return z.gather(0, order)


def _autoencoder(
    objective: Callable[..., Loss],
    reads: Sequence[str],
    nets: Nets,
    draw: Draw,
    heard: Heard,
    *,
    n_data: int,
    axes_per_feature: int = 1,
    **settings: Any,
) -> tuple[Loss, Heard]:
    code = encode(nets, draw["x"], draw["noise"])
    logits, critic_logits = nets["decoder"](code.z).float(), nets["critic"](code.z).float()
    more = (draw[name] for name in reads)
    loss = objective(draw["x"], logits, code, critic_logits, *more, **settings)
    return loss, {"z": code.z.detach()}


def _critic_logits(nets: Nets, joint: Tensor, permuted: Tensor) -> tuple[Tensor, Tensor]:
    """The critic's logits of both halves, in one pass."""
    of_joint, of_permuted = nets["critic"](torch.cat([joint, permuted])).chunk(2)
    return of_joint.float(), of_permuted.float()


def _critic_on_second_batch(
    nets: Nets, draw: Draw, heard: Heard, **settings: Any
) -> tuple[Loss, Heard]:
    """Kim & Mnih's critic: the codes it permutes come from a batch of their own."""
    with torch.no_grad():
        other = encode(nets, draw["x_other"], draw["noise_other"]).z
        permuted = permute_axes(other, draw["order"])
    return critic(*_critic_logits(nets, heard["z"], permuted)), {}


def _critic_on_same_batch(
    nets: Nets, draw: Draw, heard: Heard, **settings: Any
) -> tuple[Loss, Heard]:
    """disentanglement_lib's critic: it permutes the very codes that it sees as joint."""
    permuted = permute_axes(heard["z"], draw["order"])
    return critic_dlib(*_critic_logits(nets, heard["z"], permuted)), {}


def autoencoder(objective: Callable[..., Loss], *reads: str) -> Player:
    """The player who moves encoder and decoder by `objective(x, logits, code, critic_logits,
    *reads, **weights)`, and tells the critic its codes; reads: further inputs by name."""
    return Player("autoencoder", ("encoder", "decoder"), partial(_autoencoder, objective, reads))


_AUTOENCODER = autoencoder(factor_vae)
_BETAS = (0.5, 0.9)  # of the critic's Adam, in both sources
_NETS = ("encoder", "decoder", "critic")

CRITIC = Player("critic", ("critic",), _critic_on_second_batch, _BETAS)
"""Kim & Mnih's critic, who permutes the codes of a batch of its own."""

FACTOR_VAE = Recipe(
    (
        (_AUTOENCODER,),
        (CRITIC,),
    ),
    {"gamma": 35.0},
    _NETS,
    {"order": ORDER, "x": IMAGES, "noise": NOISE, "x_other": IMAGES, "noise_other": NOISE},
    swept="gamma",
    has_features=True,
)
"""Kim & Mnih's: the critic plays after the autoencoder has moved."""

FACTOR_VAE_LEAKING = FACTOR_VAE._replace(
    rounds=((autoencoder(factor_vae_leaking),), *FACTOR_VAE.rounds[1:])
)
"""Kim & Mnih's with one fault of a port and no other: half of the critic's loss trains the encoder
too. The critic, its turn and its second batch are theirs."""

FACTOR_VAE_DLIB = Recipe(
    ((_AUTOENCODER, Player("critic", ("critic",), _critic_on_same_batch, _BETAS)),),
    {"gamma": 35.0},
    _NETS,
    {"order": ORDER, "x": IMAGES, "noise": NOISE},
    swept="gamma",
)
"""disentanglement_lib's: both losses are taken at the same weights."""
