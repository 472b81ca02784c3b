"""The evidence lower bound and β-VAE's weighted one."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from disentangled import gaussian
from disentangled.arrays import of_arrays
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.types import Code, Loss


@of_arrays
def mean_kl(code: Code, noise_covariance: Any = None) -> Tensor:
    r"""Mean over a batch of KL(q(z|x) ‖ N(0, I)) in closed form, a scalar in nats.

        KL = Σ_j KL(q(z_j|x) ‖ N(0, 1)) + TC(noise),   noise of unit variances

    Code (B, D), noise_covariance (D, D), by default the identity. TC(noise) is a constant of the
    noise and moves no gradient: it is what disentanglement_lib's diagonal KL leaves out when the
    noise is correlated (paper A, eq. 11 and 13).
    """
    diagonal = gaussian.kl_standard(code.mean, code.logvar).sum(-1).mean()
    if noise_covariance is None:
        return diagonal
    noise = gaussian.prepared(noise_covariance, n_axes=code.mean.shape[-1])
    return diagonal + noise.total_corr


@of_arrays
def vae(
    x: Tensor,
    logits: Tensor,
    code: Code,
    *,
    n_data: int,
    pixel_area: int = 1,
    noise_covariance: Any = None,
) -> Loss:
    r"""Negative ELBO (Kingma & Welling 2014; Chen et al. 2018, eq. 1 at β = 1).

        total = distortion + KL(q(z|x) ‖ p(z)),   the KL in closed form

    Shapes: x and logits (B, C, H, W), code (B, D); every term a scalar, nats per example.
    """
    return beta_vae(
        x,
        logits,
        code,
        n_data=n_data,
        pixel_area=pixel_area,
        beta=1.0,
        noise_covariance=noise_covariance,
    )


@of_arrays
def beta_vae(
    x: Tensor,
    logits: Tensor,
    code: Code,
    *,
    n_data: int,
    pixel_area: int = 1,
    beta: float = 4.0,
    noise_covariance: Any = None,
) -> Loss:
    r"""Negative ELBO with a weight on its KL term (Higgins et al. 2017; Chen et al. 2018, eq. 1).

        total = distortion + β KL(q(z|x) ‖ p(z)),   the KL in closed form

    Shapes: x and logits (B, C, H, W), code (B, D); every term a scalar, nats per example.
    n_data does not enter; every objective takes it so that all are called alike.
    """
    distortion = bernoulli_distortion(x, logits, pixel_area=pixel_area).mean()
    kl = mean_kl(code, noise_covariance)
    total = distortion + beta * kl
    return Loss(total, {"distortion": distortion, "kl": kl})


@of_arrays
def sampled_vae(
    x: Tensor, logits: Tensor, code: Code, *, n_data: int, pixel_area: int = 1
) -> Loss:
    r"""Negative ELBO with the KL estimated at the sampled code.

        total = distortion + log q(z|x) - log p(z)

    Unbiased for `vae`, with a larger variance. It is what `beta_tcvae` is at α = β = γ = 1.
    """
    distortion = bernoulli_distortion(x, logits, pixel_area=pixel_area).mean()
    log_qz_given_x = gaussian.log_prob(code.z, code.mean, code.logvar).sum(-1)  # (B,)
    log_pz = gaussian.standard_log_prob(code.z).sum(-1)  # (B,)
    kl = (log_qz_given_x - log_pz).mean()
    total = distortion + kl
    return Loss(total, {"distortion": distortion, "kl": kl})
