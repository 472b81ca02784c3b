"""Objectives: pure functions of a batch, its logits and its code, in nats per example."""

from disentangled.objectives.beta_tcvae import beta_tcvae, beta_tcvae_dlib
from disentangled.objectives.beta_tcvae_flow import beta_tcvae_flow
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.objectives.elbo import beta_vae, sampled_vae, vae
from disentangled.objectives.factor_vae import (
    critic,
    critic_dlib,
    factor_vae,
    factor_vae_leaking,
    permute_axes,
)
from disentangled.objectives.games import (
    Draw,
    Heard,
    Nets,
    Player,
    Recipe,
    encode,
    one_player,
    unrolled,
)
from disentangled.objectives.inputs import IMAGES, NOISE, ORDER, STEP, Input, Source, as_drawn
from disentangled.objectives.recipes import OBJECTIVES

__all__ = [
    "IMAGES",
    "NOISE",
    "OBJECTIVES",
    "ORDER",
    "STEP",
    "Draw",
    "Heard",
    "Input",
    "Nets",
    "Player",
    "Recipe",
    "Source",
    "as_drawn",
    "bernoulli_distortion",
    "beta_tcvae",
    "beta_tcvae_dlib",
    "beta_tcvae_flow",
    "beta_vae",
    "critic",
    "critic_dlib",
    "encode",
    "factor_vae",
    "factor_vae_leaking",
    "one_player",
    "permute_axes",
    "sampled_vae",
    "unrolled",
    "vae",
]
