"""RTC-VAE: FactorVAE whose noise is penalised too; and with factors that it is told."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from disentangled import gaussian
from disentangled.arrays import of_arrays
from disentangled.objectives.factor_vae import CRITIC, FACTOR_VAE, autoencoder, factor_vae
from disentangled.objectives.inputs import FACTORS
from disentangled.types import Code, Loss


@of_arrays
def rtc_penalty(logvar: Tensor) -> Tensor:
    r"""Trace of the mean covariance of the encoder's noise, a scalar, in units of z².

        tr E[Cov[z|x]] = Σ_j E[s_j²(x)],   logvar (B, D) of log s²

    η is not applied. An axis that the decoder ignores takes s² = 1 / (1 + 2η) under it.

    Source: Cheng et al. 2020 (paper D), eq. 4.
    """
    return logvar.exp().sum(-1).mean()


@of_arrays
def rtc_vae(
    x: Tensor,
    logits: Tensor,
    code: Code,
    critic_logits: Tensor,
    *,
    pixel_area: int = 1,
    gamma: float = 10.0,
    eta: float = 10.0,
    noise_covariance: Any = None,
) -> Loss:
    r"""FactorVAE's loss plus a penalty on the encoder's variances (Cheng et al. 2020, eq. 4).

        total = distortion + KL(q(z|x) ‖ p(z)) + γ TC(z) + η Σ_j E[s_j²(x)],   TC ≈ mean(l_0 - l_1)

    γ is the paper's β, which it adds to the ELBO: the weight of the total correlation in the sense
    of Chen et al.'s eq. 4 is 1 + γ. At η = 0 this is `factor_vae`, which paper D compares it with
    at the same γ. The paper takes η = max(10, γ); here η is a weight of its own.

    Shapes: x and logits (B, C, H, W), code (B, D), critic_logits (B, 2) of code.z. Terms as in
    `factor_vae`, nats per example, and `noise_variance`, in units of z².
    """
    base = factor_vae(
        x, logits, code, critic_logits, pixel_area=pixel_area, gamma=gamma,
        noise_covariance=noise_covariance,
    )  # fmt: skip
    noise_variance = rtc_penalty(code.logvar)
    total = base.total + eta * noise_variance
    return Loss(total, base.terms | {"noise_variance": noise_variance})


@of_arrays
def axes_of_factors(mean: Tensor, logvar: Tensor, factors: Tensor) -> Tensor:
    r"""Effective number of axes that carry a factor, in the mean over factors: a scalar, 1 to D.

        1/K Σ_k ((Σ_j r_jk)² + B⁻²) / (Σ_j r_jk² + B⁻²)
        r_jk = Cov[μ_j, v_k]² / ((Var[μ_j] + E[s_j²]) Var[v_k])

    r is the squared correlation of axis j of the code and factor k over the batch, the noise
    integrated out. Where m axes have one r and the others none, the ratio is m. Two numbers that
    have nothing to do with each other have an r of about 1 / B: links below count little, so that
    a code which tells nothing counts 1 and is left alone.

    Shapes: mean and logvar (B, D), factors (B, K), of ordered values. A factor that has one value
    in the batch counts 1 and moves nothing.

    **Error**: high by the links of chance: a factor that one of ten axes holds alone reads 1.31 at
    B = 64 and 1.04 at B = 500. r sees linear links only: a hue that two axes carry as sine and
    cosine is seen, one that an axis carries evenly about its middle is not.

    Source: ours, after the proposal of Cheng et al. 2020 (paper D), section 6.3, to penalise the
    number of axes with a high link to a factor; the link is that of the paper's SAP scores. The
    number is the inverse of Simpson's index of the shares of r, the perplexity of order 2.
    """
    n = len(mean)
    factors = factors if factors.is_floating_point() else factors.to(mean.dtype)
    centred, moved = mean - mean.mean(0), factors - factors.mean(0)
    variance = centred.square().mean(0) + logvar.exp().mean(0)  # (D,)
    spread = moved.square().mean(0)  # (K,)
    shared = gaussian.times(moved.mT, centred) / n  # (K, D)
    constant = spread == 0
    link = shared.square() / (variance * torch.where(constant, 1.0, spread)[:, None])
    return ((link.sum(1).square() + n**-2) / (link.square().sum(1) + n**-2)).mean()


@of_arrays
def rtc_vae_supervised(
    x: Tensor,
    logits: Tensor,
    code: Code,
    critic_logits: Tensor,
    factors: Tensor,
    *,
    pixel_area: int = 1,
    gamma: float = 10.0,
    eta: float = 10.0,
    supervision: float = 10.0,
    noise_covariance: Any = None,
) -> Loss:
    r"""RTC-VAE plus a penalty on the number of axes that carry a factor (paper D, section 6.3).

        total = distortion + KL(q(z|x) ‖ p(z)) + γ TC(z) + η Σ_j E[s_j²(x)] + supervision · axes

    axes is that of `axes_of_factors`. Where every factor has one axis it is 1, its least value.

    Shapes: as in `rtc_vae`, factors (B, K) of the images x. The paper only proposes a penalty of
    this kind and gives no formula: the link and the count are ours.
    """
    base = rtc_vae(
        x, logits, code, critic_logits, pixel_area=pixel_area, gamma=gamma, eta=eta,
        noise_covariance=noise_covariance,
    )  # fmt: skip
    axes = axes_of_factors(code.mean, code.logvar, factors)
    total = base.total + supervision * axes
    return Loss(total, base.terms | {"axes_of_factors": axes})


RTC_VAE = FACTOR_VAE._replace(
    rounds=((autoencoder(rtc_vae),), (CRITIC,)),
    weights={"gamma": 10.0, "eta": 10.0},
)
"""The critic is Kim & Mnih's, and plays after the autoencoder has moved."""

RTC_VAE_SUPERVISED = FACTOR_VAE._replace(
    rounds=((autoencoder(rtc_vae_supervised, "factors"),), (CRITIC,)),
    weights={"gamma": 10.0, "eta": 10.0, "supervision": 10.0},
    inputs={**FACTOR_VAE.inputs, "factors": FACTORS},
    swept="supervision",
)
"""The same with the ordered factors of the images that the autoencoder sees."""
