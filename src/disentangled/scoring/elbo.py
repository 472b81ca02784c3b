"""ELBO, its two terms, and the parts of the KL term."""

from __future__ import annotations

import torch
from torch import Tensor

from disentangled import estimators, gaussian
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.objectives import bernoulli_distortion
from disentangled.scoring.codes import SCORE_SEED, Encoded, Number, number

KL_SAMPLES = 4096
"""Codes drawn to estimate the parts of the KL term over the whole data set."""

DISTORTION_BLOCK = 4096  # images decoded at once


def mean_distortion(model: Fitted, data: FactorData, z: Tensor) -> float:
    """Mean of -log p(x|z) over the data set, at one code an image; nats per example."""
    total = 0.0
    for index in torch.arange(len(data)).split(DISTORTION_BLOCK):
        logits = model.decode(z[index][None].to(data.device))[0]
        nats = bernoulli_distortion(data.pixels(index), logits, pixel_area=model.run.pixel_area)
        total += float(nats.double().sum())
    return total / len(data)


def distortion(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """The distortion alone, over the whole data set: for models whose prior is not the normal one,
    of which `elbo` would not be true; needs no factors."""
    value = mean_distortion(model, data, code.z)
    return [number(model.step, "distortion", value, estimator="data set", code="sample")]


def elbo(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """ELBO, distortion, KL and its parts, over the whole data set; needs no factors."""
    step = model.step
    (of_images,) = distortion(model, data, code)
    covariance = model.run.noise_covariance()
    of_noise = 0.0 if covariance is None else gaussian.total_correlation(covariance)
    diagonal = float(gaussian.kl_standard(code.mean.double(), code.logvar.double()).sum(-1).mean())
    kl = diagonal + of_noise
    parts = estimators.kl_terms_sampled(
        code.mean,
        code.logvar,
        n_samples=KL_SAMPLES,
        generator=torch.Generator().manual_seed(SCORE_SEED),
        noise_covariance=covariance,
    )
    sampled = {"estimator": f"data set, {KL_SAMPLES} codes", "code": "sample"}
    return [
        number(step, "elbo", -of_images["value"] - kl, estimator="data set, closed-form KL"),
        of_images,
        number(step, "kl", kl, estimator="closed form"),
        number(step, "mutual_info", parts.mutual_info, **sampled),
        number(step, "total_corr", parts.total_corr, **sampled),
        number(step, "axis_kl", parts.axis_kl, **sampled),
        # Σ_j I(z_j; n), which differs from I(z; n) by TC(z) less the noise's own (paper A, eq. 8)
        number(step, "axis_info", diagonal - parts.axis_kl, estimator="mixture on a grid"),
        number(step, "conditional_tc", of_noise, estimator="closed form"),
    ]
