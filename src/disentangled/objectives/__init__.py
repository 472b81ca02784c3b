"""Objectives: pure functions of a batch, its logits and its code, in nats per example."""

from disentangled.objectives.beta_tcvae import beta_tcvae, beta_tcvae_dlib
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.objectives.elbo import beta_vae, sampled_vae, vae
from disentangled.objectives.factor_vae import critic, critic_dlib, factor_vae, permute_axes
from disentangled.objectives.recipes import OBJECTIVES, Draw, Player, Recipe, one_player

__all__ = [
    "OBJECTIVES",
    "Draw",
    "Player",
    "Recipe",
    "bernoulli_distortion",
    "beta_tcvae",
    "beta_tcvae_dlib",
    "beta_vae",
    "critic",
    "critic_dlib",
    "factor_vae",
    "one_player",
    "permute_axes",
    "sampled_vae",
    "vae",
]
