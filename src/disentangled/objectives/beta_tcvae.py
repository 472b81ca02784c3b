"""β-TCVAE: a weight on each part of the KL term, by two sources."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from disentangled import gaussian
from disentangled.arrays import of_arrays
from disentangled.estimators import Scheme, log_aggregate_posterior
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.objectives.elbo import mean_kl
from disentangled.types import Code, Loss


@of_arrays
def beta_tcvae(
    x: Tensor,
    logits: Tensor,
    code: Code,
    *,
    n_data: int,
    pixel_area: int = 1,
    alpha: float = 1.0,
    beta: float = 6.0,
    gamma: float = 1.0,
    scheme: Scheme = "mws",
    noise_covariance: Any = None,
) -> Loss:
    r"""Negative ELBO with a weight on each part of its KL term (Chen et al. 2018, eq. 4).

        total = distortion + α I(z; n) + β TC(z) + γ Σ_j KL(q(z_j) ‖ p(z_j))

    Shapes: x and logits (B, C, H, W), code (B, D); every term a scalar, nats per example.
    At α = β = γ = 1 the estimates of q(z) cancel: what is left is the VAE loss with its KL
    sampled, exactly. The terms carry the error of the scheme (see `log_batch_weights`).
    """
    log_qz, log_qz_axis = log_aggregate_posterior(
        code, n_data=n_data, scheme=scheme, noise_covariance=noise_covariance
    )
    log_qz_given_x = gaussian.joint_log_prob(*code, noise_covariance)  # (B,)
    log_pz_axis = gaussian.standard_log_prob(code.z)  # (B, D)

    distortion = bernoulli_distortion(x, logits, pixel_area=pixel_area).mean()
    mutual_info = (log_qz_given_x - log_qz).mean()
    total_corr = (log_qz - log_qz_axis.sum(-1)).mean()
    axis_kl = (log_qz_axis - log_pz_axis).sum(-1).mean()

    total = distortion + alpha * mutual_info + beta * total_corr + gamma * axis_kl
    terms = {
        "distortion": distortion,
        "mutual_info": mutual_info,
        "total_corr": total_corr,
        "axis_kl": axis_kl,
    }
    return Loss(total, terms)


@of_arrays
def beta_tcvae_dlib(
    x: Tensor,
    logits: Tensor,
    code: Code,
    *,
    n_data: int,
    pixel_area: int = 1,
    beta: float = 6.0,
    scheme: Scheme = "naive",
    noise_covariance: Any = None,
) -> Loss:
    r"""β-TCVAE as disentanglement_lib trains it: closed-form KL and β - 1 times TC on top.

        total = distortion + KL(q(z|x) ‖ p(z)) + (β - 1) TC(z)

    The library drops the constants of the weights, which moves TC by a constant and no gradient;
    here they are those of the scheme. Equal to `beta_tcvae` in expectation over the codes' noise
    as far as the estimate of TC allows; the variance is smaller.

    Shapes: x and logits (B, C, H, W), code (B, D); every term a scalar, nats per example.
    """
    log_qz, log_qz_axis = log_aggregate_posterior(
        code, n_data=n_data, scheme=scheme, noise_covariance=noise_covariance
    )

    distortion = bernoulli_distortion(x, logits, pixel_area=pixel_area).mean()
    kl = mean_kl(code, noise_covariance)
    total_corr = (log_qz - log_qz_axis.sum(-1)).mean()

    total = distortion + kl + (beta - 1) * total_corr
    return Loss(total, {"distortion": distortion, "kl": kl, "total_corr": total_corr})
