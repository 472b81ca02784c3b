"""Linear maps of a code: is what an axis should tell lost, or only turned among the axes?

Each function gives a matrix M (D, D') for codes of D axes; the mapped codes are `codes @ M`. No
score here sees a shift, so there is none. Fit on one part of the images and judge on another.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

from disentangled import gaussian
from disentangled.arrays import whole
from disentangled.metrics import inputs

RANK = 1e-10
"""Directions whose variance is below this share of the largest are no directions of a code."""

ICA_ITERATIONS = 500


def unit_noise(logvar: Any) -> inputs.Floats:
    """Every axis in units of its noise: M = diag(1 / mean over images of sd_j), (D, D).

    Args: logvar (N, D), log-variances of the posteriors.
    """
    sd = np.exp(0.5 * inputs.log_variances(logvar))
    scale: inputs.Floats = np.diag(1 / sd.mean(0))
    return scale


def independent_noise(logvar: Any, noise_covariance: Any) -> inputs.Floats:
    """The linear map that undoes the noise's correlation: M = `unit_noise` R^(-1/2), (D, D).

    The mapped noise is exactly independent where the posteriors' standard deviations do not
    depend on the image. R^(-1/2) is the symmetric root, which turns the axes least.

    Args: logvar (N, D); noise_covariance R (D, D), positive definite.
    Raises: ValueError when R is no covariance of D axes.
    """
    scale = unit_noise(logvar)
    noise = gaussian.prepared(noise_covariance, n_axes=len(scale)).covariance.numpy()
    values, vectors = np.linalg.eigh(noise)
    root: inputs.Floats = scale @ (vectors / np.sqrt(values)) @ vectors.T
    return root


def whitening(codes: Any) -> inputs.Floats:
    """M (D, rank) after which the codes have uncorrelated axes of variance 1, largest first.

    Raises: ValueError when all codes are one.
    """
    code = inputs.codes(codes)
    values, vectors = np.linalg.eigh(np.cov(code.T).reshape(2 * (code.shape[1],)))
    kept = values > RANK * values[-1]
    if values[-1] <= 0:
        raise ValueError("all codes are one and the same: there is nothing to whiten")
    white: inputs.Floats = (vectors[:, kept] / np.sqrt(values[kept]))[:, ::-1]
    return white


def independent_components(codes: Any, *, seed: int) -> inputs.Floats:
    """M (D, rank) of FastICA (Hyvärinen & Oja 2000, log cosh), found without labels.

    Where `ICA_ITERATIONS` do not settle it, as with Gaussian codes, the last one counts.

    Args: codes (N, D); seed of the start.
    """
    white = whitening(codes)
    ica = FastICA(whiten=False, random_state=whole(seed, "seed", 0), max_iter=ICA_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        code = inputs.codes(codes)
        ica.fit((code - code.mean(0)) @ white)
    components: inputs.Floats = white @ ica.components_.T
    return components


def best_rotation(codes: Any, factors: Any) -> inputs.Floats:
    r"""M (D, rank): `whitening`, then the rotation whose first K axes correlate most with factors.

        maximise Σ_k corr(axis k, factor k) over all rotations of the white codes

    The maximum is known: of the correlations of white axes with factors, B = U S Vᵀ (rank, K),
    it is U Vᵀ (orthogonal Procrustes); the other axes complete the basis. Found with labels, so
    a bound on what turning can win by this criterion, and not a method.

    Args: codes (N, D); factors (N, K) that count as ordered numbers: integers
    by rank, floats, which may be continuous, by value.
    Raises: ValueError on bad codes or factors, or on more factors than the code has directions.
    """
    code = inputs.codes(codes)
    label = inputs.ordered(factors, len(code))
    white = whitening(code)
    n_factors = label.shape[1]
    if white.shape[1] < n_factors:
        raise ValueError(
            f"expected a code with at least {n_factors} directions, one a factor, "
            f"got {white.shape[1]}"
        )
    axes = (code - code.mean(0)) @ white
    standard = (label - label.mean(0)) / label.std(0)
    left, _, right = np.linalg.svd(axes.T @ standard / len(code))
    rotation = np.hstack([left[:, :n_factors] @ right, left[:, n_factors:]])
    turned: inputs.Floats = white @ rotation
    return turned
