"""DIP-VAE I and II: the covariance of the code is pulled towards the identity."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor

from disentangled import gaussian
from disentangled.arrays import of_arrays
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.objectives.elbo import mean_kl
from disentangled.types import Code, Loss

Kind = Literal["i", "ii"]


def covariance_of_means(mean: Tensor) -> Tensor:
    """Covariance (D, D) of the means (B, D) over the batch, normalised by 1 / B."""
    centred = mean - mean.mean(0)
    return gaussian.times(centred.mT, centred) / len(mean)


def covariance_of_codes(mean: Tensor, logvar: Tensor, noise_covariance: Any = None) -> Tensor:
    r"""Covariance (D, D) of the codes of a batch, their noise included.

        Cov[z] = E[Cov[z|x]] + Cov[μ(x)],   Cov[z|x] = diag(s) R diag(s)

    This is the law of total covariance. R is noise_covariance (D, D), by default the identity:
    then the first term is diagonal.
    """
    if noise_covariance is None:
        of_noise = torch.diag_embed(torch.exp(logvar).mean(0))
    else:
        noise = gaussian.prepared(noise_covariance, mean.device, n_axes=mean.shape[-1])
        sd = torch.exp(0.5 * logvar)
        of_noise = gaussian.times(sd.mT, sd) / len(sd) * noise.covariance.to(sd.dtype)
    return of_noise + covariance_of_means(mean)


def distances(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Σ_{i≠j} C_ij², over (i, j) and (j, i), and Σ_i (C_ii - 1)² of a covariance C (D, D)."""
    variance = covariance.diagonal(dim1=-2, dim2=-1)
    shared = covariance - torch.diag_embed(variance)
    return shared.square().sum(), (variance - 1).square().sum()


@of_arrays
def dip_penalty(
    mean: Tensor,
    logvar: Tensor,
    *,
    kind: Kind,
    lambda_od: float,
    lambda_d: float,
    noise_covariance: Any = None,
) -> Tensor:
    r"""What DIP-VAE adds to the negative ELBO, a scalar (Kumar et al. 2018, eq. 6 and 7).

        λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii - 1)²

    kind "i": C is the covariance of the means. kind "ii": C is that of the sampled code,
    E[Cov[z|x]] + Cov[μ(x)]. Both are taken over the batch, and each pair of axes counts twice.

    Args: mean and logvar (B, D); noise_covariance (D, D), which matters for "ii" only.

    **Error**: C is normalised by 1 / B, as in disentanglement_lib, so that it is low by Cov / B on
    average; the squares are high, by about D (D - 1) / B where the axes are independent with
    variance 1: 1.4 at B = 64 and D = 10.

    Raises: ValueError on another kind.

    Source: Kumar et al. 2018, section 2; Cheng et al. 2020 (paper D), Table 1.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {get_args(Kind)}, got {kind!r}")
    off_diagonal, diagonal = distances(
        covariance_of_means(mean)
        if kind == "i"
        else covariance_of_codes(mean, logvar, noise_covariance)
    )
    return lambda_od * off_diagonal + lambda_d * diagonal


@of_arrays
def dip_vae_i(
    x: Tensor,
    logits: Tensor,
    code: Code,
    *,
    n_data: int,
    pixel_area: int = 1,
    lambda_od: float = 10.0,
    lambda_d: float = 100.0,
    noise_covariance: Any = None,
) -> Loss:
    r"""Negative ELBO plus a penalty on the covariance of the means (Kumar et al. 2018, eq. 6).

        total = distortion + KL(q(z|x) ‖ p(z)) + λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii - 1)²

    C = Cov[μ(x)] over the batch (see `dip_penalty`).

    Shapes: x and logits (B, C, H, W), code (B, D). Distortion and KL are in nats per example; the
    two sums of squares, `off_diagonal` and `diagonal`, are in units of z⁴, and the weights turn
    them into nats. Paper D takes λ_d = 10 λ_od.
    """
    return _dip_vae(
        x, logits, code, covariance_of_means(code.mean), pixel_area=pixel_area,
        lambda_od=lambda_od, lambda_d=lambda_d, noise_covariance=noise_covariance,
    )  # fmt: skip


@of_arrays
def dip_vae_ii(
    x: Tensor,
    logits: Tensor,
    code: Code,
    *,
    n_data: int,
    pixel_area: int = 1,
    lambda_od: float = 10.0,
    lambda_d: float = 10.0,
    noise_covariance: Any = None,
) -> Loss:
    r"""Negative ELBO plus a penalty on the covariance of the code (Kumar et al. 2018, eq. 7).

        total = distortion + KL(q(z|x) ‖ p(z)) + λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii - 1)²

    C = E[Cov[z|x]] + Cov[μ(x)] over the batch (see `dip_penalty`). Shapes and units as in
    `dip_vae_i`. Paper D takes λ_d = λ_od.
    """
    return _dip_vae(
        x, logits, code, covariance_of_codes(code.mean, code.logvar, noise_covariance),
        pixel_area=pixel_area, lambda_od=lambda_od, lambda_d=lambda_d,
        noise_covariance=noise_covariance,
    )  # fmt: skip


def _dip_vae(
    x: Tensor,
    logits: Tensor,
    code: Code,
    covariance: Tensor,
    *,
    pixel_area: int,
    lambda_od: float,
    lambda_d: float,
    noise_covariance: Any,
) -> Loss:
    distortion = bernoulli_distortion(x, logits, pixel_area=pixel_area).mean()
    kl = mean_kl(code, noise_covariance)
    off_diagonal, diagonal = distances(covariance)
    total = distortion + kl + lambda_od * off_diagonal + lambda_d * diagonal
    terms = {
        "distortion": distortion,
        "kl": kl,
        "off_diagonal": off_diagonal,
        "diagonal": diagonal,
    }
    return Loss(total, terms)
