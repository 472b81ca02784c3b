"""Objectives: pure functions of a batch, its logits and its code, in nats per example."""

from disentangled.objectives.annealed_vae import annealed_vae
from disentangled.objectives.beta_tcvae import beta_tcvae, beta_tcvae_dlib
from disentangled.objectives.beta_tcvae_flow import beta_tcvae_flow
from disentangled.objectives.dip_vae import dip_penalty, dip_vae_i, dip_vae_ii
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
from disentangled.objectives.info_gan import (
    held_axis,
    holding,
    info_bound,
    info_gan,
    info_gan_cr,
    info_gan_discriminator,
    info_gan_encoder,
)
from disentangled.objectives.inputs import (
    FACTORS,
    IMAGES,
    NOISE,
    ORDER,
    STEP,
    Input,
    Source,
    as_drawn,
)
from disentangled.objectives.intervention import adversarial, intervention, intervention_first
from disentangled.objectives.recipes import OBJECTIVES
from disentangled.objectives.rtc_vae import (
    axes_of_factors,
    rtc_penalty,
    rtc_vae,
    rtc_vae_supervised,
)
from disentangled.objectives.translation import (
    Pairs,
    translation_loss,
    translation_pairs,
    translator,
    with_feature,
)

__all__ = [
    "FACTORS",
    "IMAGES",
    "NOISE",
    "OBJECTIVES",
    "ORDER",
    "STEP",
    "Draw",
    "Heard",
    "Input",
    "Nets",
    "Pairs",
    "Player",
    "Recipe",
    "Source",
    "adversarial",
    "annealed_vae",
    "as_drawn",
    "axes_of_factors",
    "bernoulli_distortion",
    "beta_tcvae",
    "beta_tcvae_dlib",
    "beta_tcvae_flow",
    "beta_vae",
    "critic",
    "critic_dlib",
    "dip_penalty",
    "dip_vae_i",
    "dip_vae_ii",
    "encode",
    "factor_vae",
    "factor_vae_leaking",
    "held_axis",
    "holding",
    "info_bound",
    "info_gan",
    "info_gan_cr",
    "info_gan_discriminator",
    "info_gan_encoder",
    "intervention",
    "intervention_first",
    "one_player",
    "permute_axes",
    "rtc_penalty",
    "rtc_vae",
    "rtc_vae_supervised",
    "sampled_vae",
    "translation_loss",
    "translation_pairs",
    "translator",
    "unrolled",
    "vae",
    "with_feature",
]
