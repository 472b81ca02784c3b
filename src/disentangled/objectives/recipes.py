"""OBJECTIVES, the registry of recipes: a line an objective."""

from __future__ import annotations

from disentangled.objectives.annealed_vae import annealed_vae
from disentangled.objectives.beta_tcvae import beta_tcvae, beta_tcvae_dlib
from disentangled.objectives.beta_tcvae_flow import BETA_TCVAE_FLOW
from disentangled.objectives.dip_vae import dip_vae_i, dip_vae_ii
from disentangled.objectives.elbo import beta_vae, vae
from disentangled.objectives.factor_vae import FACTOR_VAE, FACTOR_VAE_DLIB, FACTOR_VAE_LEAKING
from disentangled.objectives.games import Player, Recipe, one_player
from disentangled.objectives.info_gan import INFO_GAN, INFO_GAN_CR
from disentangled.objectives.inputs import IMAGES, NOISE, STEP
from disentangled.objectives.intervention import INTERVENTION, INTERVENTION_FIRST
from disentangled.objectives.rtc_vae import RTC_VAE, RTC_VAE_SUPERVISED

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
    "factor_vae": FACTOR_VAE,
    "factor_vae_dlib": FACTOR_VAE_DLIB,
    "dip_vae_i": Recipe(
        one_player(dip_vae_i), {"lambda_od": 10.0, "lambda_d": 100.0}, swept="lambda_od"
    ),
    "dip_vae_ii": Recipe(
        one_player(dip_vae_ii), {"lambda_od": 10.0, "lambda_d": 10.0}, swept="lambda_od"
    ),
    "rtc_vae": RTC_VAE,
    "rtc_vae_supervised": RTC_VAE_SUPERVISED,
    "annealed_vae": Recipe(
        one_player(annealed_vae, "step"),
        {"gamma": 1000.0, "capacity": 25.0, "capacity_steps": 100_000.0},
        inputs={"x": IMAGES, "noise": NOISE, "step": STEP},
        swept="capacity",
        positive=("capacity_steps",),
    ),
    "factor_vae_leaking": FACTOR_VAE_LEAKING,
    "beta_tcvae_flow": BETA_TCVAE_FLOW,
    "info_gan": INFO_GAN,
    "info_gan_cr": INFO_GAN_CR,
    "intervention_first": INTERVENTION_FIRST,
    "intervention": INTERVENTION,
}

__all__ = ["OBJECTIVES", "Player", "Recipe", "one_player"]
