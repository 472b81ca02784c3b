"""How much the axes of a noisy code can share: a bound without integrals."""

from __future__ import annotations

from typing import Any

from disentangled.estimators.dataset import posterior


def total_corr_bound(mean: Any, logvar: Any) -> float:
    r"""An upper bound on the total correlation of a code with independent noise, in nats.

        TC(z) ≤ Σ_j h_j - max_j h_j,   h_j = log(Var μ_j + E s_j²) / 2 - E log s_j

    over the images. h_j bounds what axis j tells, I(z_j; n), for of all laws with the variance of
    z_j the normal law has the largest entropy. All axes but one share no more than they tell.

    Args: mean and logvar (N, D) of all images; s_j² = exp(logvar_j).
    Returns: nats, 0 or above; 0 for one axis.

    **Error**: high, never low; for normal means that are equal on two axes by at most log(2) / 2.
    Raises: ValueError on NaN, on shapes that differ, or where logvar is above 300 in size.
    Source: derived in the chapter mean_and_sample; under the limits of Cheng et al. 2020 (paper
    D), eq. 1, the bound is a constant of their Theorem 1.
    """
    mean, logvar, _ = posterior(mean, logvar)
    variance = mean.var(0, correction=0) + logvar.exp().mean(0)
    told = (0.5 * (variance.log() - logvar.mean(0))).clamp(min=0)  # (D,), below 0 by rounding
    return float(told.sum() - told.max())
