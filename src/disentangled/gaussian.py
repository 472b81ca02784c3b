"""Gaussian densities, divergences and total correlations in closed form.

The three densities that training calls (`log_prob`, `standard_log_prob`, `kl_standard`) keep the
dtype of their input, check nothing and pass through `torch.func.vmap`. All the rest is theory: it
accepts all that `arrays` does, works in float64 and refuses bad input. Noise is
z = mean + sd * noise with noise ~ N(0, noise_covariance), so that the covariance of q(z|x) is
diag(sd) @ noise_covariance @ diag(sd).
"""

from __future__ import annotations

import contextlib
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from disentangled.arrays import EPS, entry, floats, of_arrays, real, rounding, whole

LOG_TWO_PI = math.log(2 * math.pi)

# Below this eigenvalue of a correlation matrix float64 cannot tell a determinant from zero.
SINGULAR = 1e-13

LARGEST = 1e75  # products of four numbers up to it are no infinity in float64
TINY = torch.finfo(torch.float64).tiny

# Of the largest entry: what a covariance that was computed in float32 is off by.
TOLERANCE = 1e-5


@of_arrays
def reparametrise(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """A sample of N(mean, diag(exp(logvar))) as a function of noise of unit variances.

        z = mean + exp(logvar / 2) noise

    All of one shape (..., D), or of shapes that broadcast. Noise that is correlated over the
    axes gives a posterior whose correlations are the noise's.
    """
    return mean + torch.exp(0.5 * logvar) * noise


@of_arrays
def log_prob(z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """Log-density of N(mean, exp(logvar)) at z, axis by axis.

        log q(z_j | x) = -((z_j - mean_j)^2 / exp(logvar_j) + logvar_j + log 2π) / 2

    Shapes: any that broadcast; nats. `logvar` is the log-VARIANCE.
    """
    # Dividing before squaring keeps float32 finite for standard deviations down to 1e-19; the two
    # halves apart leave one addition over pairs when z is (B, 1, D) against (B, D): 25 % faster.
    standard: Tensor = (z - mean) * torch.exp(-0.5 * logvar)
    return -0.5 * (standard * standard) - 0.5 * (logvar + LOG_TWO_PI)


@of_arrays
def standard_log_prob(z: Tensor) -> Tensor:
    """Log-density of N(0, 1) at z, axis by axis: -(z_j^2 + log 2π) / 2, in nats, shape of z."""
    return -0.5 * (z * z + LOG_TWO_PI)


@of_arrays
def kl_standard(mean: Tensor, logvar: Tensor) -> Tensor:
    """Exact KL(N(mean, exp(logvar)) ‖ N(0, 1)) axis by axis, in nats, shape of the arguments.

        KL_j = (mean_j^2 + exp(logvar_j) - 1 - logvar_j) / 2

    Source: Kingma & Welling 2014, appendix B. For correlated noise see `kl_to_prior`.
    """
    # expm1 keeps a nearly collapsed axis (logvar near 0) from cancelling to a negative KL.
    return 0.5 * (mean * mean + torch.expm1(logvar) - logvar)


class Noise(NamedTuple):
    """A noise of correlated axes with what losses need of it, computed once.

    covariance (D, D); whiten (D, D), the inverse of its Cholesky factor; log_variance (D,): in
    float64 on the device. half_log_det and total_corr in nats.
    """

    covariance: Tensor
    whiten: Tensor
    log_variance: Tensor
    half_log_det: float
    total_corr: float


@entry
def prepared(noise_covariance: Any, device: torch.device | str = "cpu", *, n_axes: int) -> Noise:
    """The noise with this covariance (D, D), ready for losses on a device; a `Noise` as it is.

    Raises: ValueError when it is no covariance, has another number of axes than n_axes, or is
    singular: such a law has no density.
    """
    if isinstance(noise_covariance, Noise):
        return noise_covariance
    noise = noise_matrix(noise_covariance, n_axes)
    half_log_det = 0.5 * _log_det(noise, rounding(noise_covariance))
    if math.isinf(half_log_det):
        raise ValueError(
            "noise_covariance is singular, q(z|x) has no density: lower the correlation"
        )
    identity = torch.eye(len(noise), dtype=torch.float64)
    whiten = torch.linalg.solve_triangular(torch.linalg.cholesky(noise), identity, upper=False)
    log_variance = noise.diagonal().log()
    return Noise(
        noise.to(device),
        whiten.to(device),
        log_variance.to(device),
        half_log_det,
        total_correlation(noise),
    )


@of_arrays
def joint_log_prob(
    z: Tensor, mean: Tensor, logvar: Tensor, noise_covariance: Any = None
) -> Tensor:
    """Log-density of q(z|x) over all axes, correlated noise included.

        log q(z|x) = log N(u; 0, R) - Σ_j logvar_j / 2,  u = (z - mean) / sd,  R = noise_covariance

    Shapes: z, mean, logvar (..., D) that broadcast, noise_covariance (D, D), by default the
    identity. Returns (...,) in nats and in the dtype of z; passes through vmap.
    Raises: ValueError when the noise is singular: such a law has no density.
    """
    if noise_covariance is None:
        return log_prob(z, mean, logvar).sum(-1)
    noise = prepared(noise_covariance, z.device, n_axes=z.shape[-1])
    white = times((z - mean) * torch.exp(-0.5 * logvar), noise.whiten.T)
    return -0.5 * (white * white + logvar + LOG_TWO_PI).sum(-1) - noise.half_log_det


def times(x: Tensor, matrix: Tensor) -> Tensor:
    """x @ matrix in the dtype of x (..., D), also under autocast, which would round it to bf16."""
    kind, full = x.device.type, contextlib.nullcontext()
    can_round = torch.amp.is_autocast_available(kind)
    with torch.autocast(kind, enabled=False) if can_round else full:
        return x @ matrix.to(x.device, x.dtype)


def finite(value: Any, name: str, n_axes: int | None = None) -> Tensor:
    """`value` as a detached float64 CPU tensor of `n_axes` axes, not empty, all entries finite.

    Raises: ValueError that names the argument when it is no array of real numbers, the number of
    axes differs, an axis is empty, or an entry is NaN or infinite.
    """
    tensor = floats(value, name)
    if tensor.numel() == 0 or (n_axes is not None and tensor.ndim != n_axes):
        axes = "" if n_axes is None else f" of {n_axes} axes"
        raise ValueError(
            f"{name} must be a non-empty array{axes}, got shape {tuple(tensor.shape)}"
        )
    n_bad = int((~torch.isfinite(tensor)).sum())
    if n_bad:
        raise ValueError(
            f"{name} has {n_bad} NaN or infinite entries of {tensor.numel()}: "
            "look for a diverged run, and drop or mend these entries first"
        )
    return tensor


def covariance_matrix(value: Any, name: str = "covariance") -> Tensor:
    """`value` as a float64 covariance matrix (D, D); it may be singular.

    Raises: ValueError when it is not square, or when it is not symmetric, or has a negative
    eigenvalue, beyond the rounding of float32 (1e-5 of its largest entry) and of its own dtype.
    """
    matrix = finite(value, name, 2)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} must be square, got shape {tuple(matrix.shape)}")
    tolerance = max(TOLERANCE, len(matrix) * rounding(value)) * float(matrix.abs().max())
    if float((matrix - matrix.T).abs().max()) > tolerance:
        raise ValueError(f"{name} is not symmetric: pass (C + C.T) / 2 if that is what you mean")
    matrix = 0.5 * (matrix + matrix.T)
    smallest = float(torch.linalg.eigvalsh(matrix)[0])
    if smallest < -tolerance:
        raise ValueError(f"{name} has the negative eigenvalue {smallest:.3g}: no covariance does")
    return matrix


def log_det(covariance: Any) -> float:
    """Log-determinant of a covariance matrix (D, D); -inf when it is singular.

    Singular means a zero variance, or a correlation matrix with an eigenvalue below 1e-13, or
    below D times the rounding of a narrower dtype than float64: the scale of the axes plays no
    part in it.
    """
    return _log_det(covariance_matrix(covariance), rounding(covariance))


def _log_det(matrix: Tensor, eps: float) -> float:
    """`log_det` of a checked float64 matrix whose entries were rounded to eps."""
    variances = matrix.diagonal()
    if bool((variances <= 0).any()):
        return -math.inf
    sd = variances.sqrt()
    eigenvalues = torch.linalg.eigvalsh(matrix / torch.outer(sd, sd))
    lowest = len(matrix) * eps if eps > EPS else 0.0
    if float(eigenvalues[0]) < max(SINGULAR, lowest):
        return -math.inf
    return float(variances.log().sum() + eigenvalues.log().sum())


@entry
def equicorrelated(n_axes: int, sigma: float) -> Tensor:
    """Covariance (1 - sigma) I + sigma 11ᵀ, shape (n_axes, n_axes): unit variances, equal
    correlations sigma.

    Raises: ValueError when sigma lies outside [-1 / (n_axes - 1), 1], where this is no covariance.
    The paper takes sigma in [0, 1); at both ends of the interval the matrix is singular.
    Source: Yang et al. 2020 (paper A), eq. 13.
    """
    n_axes, sigma = whole(n_axes, "n_axes", 1), real(sigma, "sigma")
    lowest = -1 / (n_axes - 1) if n_axes > 1 else -1.0
    if not lowest <= sigma <= 1:
        raise ValueError(
            f"sigma must lie in [{lowest:.4g}, 1] for {n_axes} axes, got {sigma}: "
            "outside it the matrix has a negative eigenvalue"
        )
    identity = torch.eye(n_axes, dtype=torch.float64)
    return (1 - sigma) * identity + sigma * torch.ones_like(identity)


def total_correlation(covariance: Any) -> float:
    """Total correlation of a Gaussian with this covariance (D, D), in nats; +inf when singular.

        TC = (Σ_j log C_jj - log det C) / 2 = -log det(correlation matrix) / 2

    An axis of zero variance is a constant, independent of the others: it is left out. Singular
    among the rest gives +inf (see `log_det`).

    **Error**: rounding only, about 1e-16 over the smallest eigenvalue of the correlation matrix.
    Source: Cheng et al. 2020 (paper D), Proposition 1.
    """
    matrix = covariance_matrix(covariance)
    active = matrix.diagonal() > 0
    matrix = matrix[active][:, active]
    if matrix.shape[0] < 2:
        return 0.0
    log_volume = _log_det(matrix, rounding(covariance))
    return 0.5 * (float(matrix.diagonal().log().sum()) - log_volume)


def total_correlation_of_samples(samples: Any) -> float:
    """Total correlation of the Gaussian fitted to samples (n, D), in nats; +inf when singular.

        TC = -log det(sample correlation matrix) / 2

    Constant axes are left out; linearly dependent axes, or n <= D samples, give +inf.

    **Error**: of the fit, low wherever the samples are not Gaussian (it sees linear dependence
    only); of the sample, high by about D (D - 1) / (4 n) nats for independent axes (0.0045 at
    D = 10, n = 5,000).
    Raises: ValueError for fewer than two samples, or NaN.
    Source: Cheng et al. 2020 (paper D), section 6, TC of mean and of sampled representations.
    """
    samples = finite(samples, "samples", 2)
    if samples.shape[0] < 2:
        raise ValueError(f"samples must have at least 2 rows, got {samples.shape[0]}")
    # A constant such as 0.1 leaves rounding when centred: compare its extremes instead.
    samples = samples[:, samples.amax(0) > samples.amin(0)]
    if samples.shape[1] < 2:
        return 0.0
    size = samples.abs().amax(0)
    if bool((size > LARGEST).any() or (size < 1 / LARGEST).any()):  # their squares are no numbers
        samples = samples / size
    centred = samples - samples.mean(0)
    centred = centred / centred.norm(dim=0)
    return total_correlation(centred.T @ centred)


def kl(mean0: Any, covariance0: Any, mean1: Any, covariance1: Any) -> float:
    """KL(N(mean0, covariance0) ‖ N(mean1, covariance1)) in nats; +inf when only the first is
    singular.

        KL = (tr(C1⁻¹ C0) + (m0 - m1)ᵀ C1⁻¹ (m0 - m1) - D + log det C1 - log det C0) / 2

    Shapes: means (D,), covariances (D, D).
    Raises: ValueError when the shapes do not fit or covariance1 is singular (the KL to a law on a
    flat subspace is infinite or undefined, according to where the first law lies).
    """
    first, second = finite(mean0, "mean0", 1), finite(mean1, "mean1", 1)
    spread0 = covariance_matrix(covariance0, "covariance0")
    spread1 = covariance_matrix(covariance1, "covariance1")
    shapes = [tuple(array.shape) for array in (first, spread0, second, spread1)]
    n_axes = shapes[0][0]
    if shapes != [(n_axes,), (n_axes, n_axes)] * 2:
        raise ValueError(f"means (D,) and covariances (D, D) must share D, got shapes {shapes}")
    log_det0, log_det1 = log_det(covariance0), log_det(covariance1)
    if math.isinf(log_det1):
        raise ValueError("covariance1 is singular: give the second law a positive definite one")
    if math.isinf(log_det0):
        return math.inf
    root = torch.linalg.cholesky(spread1)
    trace = torch.cholesky_solve(spread0, root).diagonal().sum()
    distance = torch.linalg.solve_triangular(root, (first - second)[:, None], upper=False)
    return 0.5 * float(trace + distance.square().sum() - n_axes + log_det1 - log_det0)


@entry
def kl_to_prior(mean: Any, scale: Any, noise_covariance: Any = None) -> Tensor:
    """KL(q(z|x) ‖ N(0, I)) in nats, of z = mean + scale * noise, noise ~ N(0, noise_covariance).

        KL = (Σ_j (mean_j^2 + scale_j^2 R_jj - 1 - log scale_j^2) - log det R) / 2

    with R = noise_covariance, by default the identity. Exact.

    Args: mean and scale (..., D), scale in standard deviations; noise_covariance (D, D).
    Returns: (...,) in float64; +inf where a scale is 0 or the noise is singular.
    Raises: ValueError when shapes differ, a scale is negative, or an entry is NaN.
    Source: Yang et al. 2020 (paper A), eq. 11 and 13.
    """
    mean, scale = finite(mean, "mean"), finite(scale, "scale")
    if mean.shape != scale.shape or mean.ndim == 0:
        raise ValueError(
            "mean and scale must have one shape (..., D), got "
            f"{tuple(mean.shape)} and {tuple(scale.shape)}"
        )
    if bool((scale < 0).any()):
        raise ValueError(
            "scale must be standard deviations, got a negative entry: pass "
            "exp(logvar / 2), not the log-variance"
        )
    noise = noise_matrix(noise_covariance, mean.shape[-1])
    variance = scale.square()
    log_variance = torch.where(variance > TINY, variance.log(), 2 * scale.log())
    per_axis = mean.square() + variance * noise.diagonal() - 1 - log_variance
    divergence: Tensor = 0.5 * (per_axis.sum(-1) - _log_det(noise, rounding(noise_covariance)))
    return divergence


def noise_matrix(noise_covariance: Any, n_axes: int) -> Tensor:
    """The noise's covariance (n_axes, n_axes) in float64; the identity when None is given.

    Raises: ValueError when it is no covariance or has another number of axes.
    """
    if noise_covariance is None:
        return torch.eye(n_axes, dtype=torch.float64)
    noise = covariance_matrix(noise_covariance, "noise_covariance")
    if noise.shape[0] != n_axes:
        raise ValueError(
            f"noise_covariance must be ({n_axes}, {n_axes}) for codes of {n_axes} axes, "
            f"got {tuple(noise.shape)}"
        )
    return noise
