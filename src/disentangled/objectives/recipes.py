"""Who plays in an objective: the losses, the nets each of them moves, and in which order.

A VAE is a game of one player, who moves the encoder and the decoder. FactorVAE has a second
one, the critic. Each player hears what the players before it said in this step (detached), so
that nothing is computed twice. All randomness is drawn outside and comes in as `Draw`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from disentangled.objectives.beta_tcvae import beta_tcvae, beta_tcvae_dlib
from disentangled.objectives.elbo import beta_vae, vae
from disentangled.objectives.factor_vae import critic, critic_dlib, factor_vae, permute_axes
from disentangled.types import Code, Loss

Nets = Mapping[str, Callable[..., Any]]
Heard = dict[str, Tensor]


class Draw(NamedTuple):
    """The random inputs of one step: images (B, C, H, W) and noise (B, D) of a first batch, and
    of a second one where the recipe asks for it (else of length 0); order (B, D) holds one
    permutation of the batch per axis (length 0 where no player permutes)."""

    x: Tensor
    noise: Tensor
    x_other: Tensor
    noise_other: Tensor
    order: Tensor


class Player(NamedTuple):
    """One loss and the nets it moves; betas are its Adam's."""

    name: str
    nets: tuple[str, ...]
    # (nets, draw, heard, *, n_data, pixel_area, **weights)
    loss: Callable[..., tuple[Loss, Heard]]
    betas: tuple[float, float] = (0.9, 0.999)


class Recipe(NamedTuple):
    """An objective as a game.

    second_batch: a fresh batch is drawn for the permuted codes.
    joint: all gradients are taken before any net moves; else players move in turn.
    weights: names and default values of the weights.
    method_version: raised by hand when a change moves numbers; part of a run's id.
    swept: the weight that experiments vary, the column `weight` of `tables.per_run`; one that is
        called beta leaves the plain VAE at 1. Without one that column is 1.
    """

    players: tuple[Player, ...]
    weights: dict[str, float | str]
    second_batch: bool = False
    permutes: bool = False
    joint: bool = True
    method_version: int = 1
    swept: str = ""


def encode(nets: Nets, x: Tensor, noise: Tensor) -> Code:
    """A code by the reparametrisation z = mean + exp(logvar / 2) noise."""
    mean, logvar = nets["encoder"](x)
    mean, logvar = mean.float(), logvar.float()  # densities in float32 also under autocast
    return Code(mean + torch.exp(0.5 * logvar) * noise, mean, logvar)


def _autoencoder(
    objective: Callable[..., Loss], nets: Nets, draw: Draw, heard: Heard, **settings: Any
) -> tuple[Loss, Heard]:
    code = encode(nets, draw.x, draw.noise)
    logits = nets["decoder"](code.z).float()
    return objective(draw.x, logits, code, **settings), {}


def _factor_vae(
    nets: Nets, draw: Draw, heard: Heard, *, n_data: int, **settings: Any
) -> tuple[Loss, Heard]:
    code = encode(nets, draw.x, draw.noise)
    logits = nets["decoder"](code.z).float()
    critic_logits = nets["critic"](code.z).float()
    loss = factor_vae(draw.x, logits, code, critic_logits, **settings)
    return loss, {"z": code.z.detach()}


def _critic_on_second_batch(
    nets: Nets, draw: Draw, heard: Heard, **settings: Any
) -> tuple[Loss, Heard]:
    """Kim & Mnih's critic: the codes it permutes come from a batch of their own."""
    with torch.no_grad():
        other = encode(nets, draw.x_other, draw.noise_other).z
        permuted = permute_axes(other, draw.order)
    joint_logits, permuted_logits = nets["critic"](torch.cat([heard["z"], permuted])).chunk(2)
    return critic(joint_logits.float(), permuted_logits.float()), {}


def _critic_on_same_batch(
    nets: Nets, draw: Draw, heard: Heard, **settings: Any
) -> tuple[Loss, Heard]:
    """disentanglement_lib's critic: it permutes the very codes that it sees as joint."""
    permuted = permute_axes(heard["z"], draw.order)
    joint_logits, permuted_logits = nets["critic"](torch.cat([heard["z"], permuted])).chunk(2)
    return critic_dlib(joint_logits.float(), permuted_logits.float()), {}


def one_player(objective: Callable[..., Loss]) -> tuple[Player, ...]:
    """The game of an objective `(x, logits, code, *, n_data, pixel_area, weights...) -> Loss`: one
    player, who moves the encoder and the decoder."""
    return (Player("autoencoder", ("encoder", "decoder"), partial(_autoencoder, objective)),)


def _with_critic(loss: Callable[..., tuple[Loss, Heard]]) -> tuple[Player, ...]:
    """Both sources give the critic Adam with betas 0.5 and 0.9."""
    autoencoder = Player("autoencoder", ("encoder", "decoder"), _factor_vae)
    return autoencoder, Player("critic", ("critic",), loss, betas=(0.5, 0.9))


OBJECTIVES: dict[str, Recipe] = {
    "vae": Recipe(one_player(vae), {}),
    "beta_vae": Recipe(one_player(beta_vae), {"beta": 4.0}, swept="beta"),
    "beta_tcvae": Recipe(
        one_player(beta_tcvae),
        {"alpha": 1.0, "beta": 6.0, "gamma": 1.0, "scheme": "mws"},
        swept="beta",
    ),
    "beta_tcvae_dlib": Recipe(
        one_player(beta_tcvae_dlib), {"beta": 6.0, "scheme": "naive"}, swept="beta"
    ),
    "factor_vae": Recipe(
        _with_critic(_critic_on_second_batch),
        {"gamma": 35.0},
        second_batch=True,
        permutes=True,
        joint=False,
        swept="gamma",
    ),
    "factor_vae_dlib": Recipe(
        _with_critic(_critic_on_same_batch), {"gamma": 35.0}, permutes=True, swept="gamma"
    ),
}
