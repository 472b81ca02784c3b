"""Estimates of log q(z) and log q(z_j) from a minibatch, the ones that training can afford.

Every scheme estimates the aggregate posterior q(z) = Σ_n q(z | x_n) / N by a weighted sum over
the batch's own posteriors, q̂(z_i) = Σ_k W_ik q(z_i | x_k); the scheme is the matrix W. The data
point that z_i was drawn from is always in the batch: the schemes differ in what they make of that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from disentangled import gaussian
from disentangled.types import Code, LogQ

Scheme = Literal["naive", "mws", "mss", "mss_released", "uniform"]


def naive(log_weights: Tensor, n_data: int) -> None:
    """W = 1 / B."""
    log_weights.fill_(-math.log(len(log_weights)))


def mws(log_weights: Tensor, n_data: int) -> None:
    """W = 1 / (N B)."""
    log_weights.fill_(-math.log(n_data * len(log_weights)))


def mss(log_weights: Tensor, n_data: int) -> None:
    """Own 1 / N, the next one (N - M) / (N M), the others 1 / M, with M = B - 1."""
    n_others = len(log_weights) - 1
    stratum = math.log((n_data - n_others) / (n_data * n_others))
    log_weights.fill_(-math.log(n_others))
    log_weights.diagonal().fill_(-math.log(n_data))
    log_weights.diagonal(1).fill_(stratum)
    log_weights[-1, 0] = stratum


def mss_released(log_weights: Tensor, n_data: int) -> None:
    """As `mss`, with the two special weights in columns 0 and 1 of every row."""
    n_others = len(log_weights) - 1
    stratum = math.log((n_data - n_others) / (n_data * n_others))
    log_weights.fill_(-math.log(n_others))
    log_weights[:, 0] = -math.log(n_data)
    log_weights[:, 1] = stratum
    log_weights[n_others - 1, 0] = stratum


def uniform(log_weights: Tensor, n_data: int) -> None:
    """Own 1 / N, each of the other B - 1 (N - 1) / (N (B - 1))."""
    n_others = len(log_weights) - 1
    log_weights.fill_(math.log((n_data - 1) / (n_data * n_others)))
    log_weights.diagonal().fill_(-math.log(n_data))


SCHEMES: dict[str, Callable[[Tensor, int], None]] = {
    "naive": naive, "mws": mws, "mss": mss, "mss_released": mss_released, "uniform": uniform}


def log_batch_weights(scheme: Scheme, batch: int, n_data: int, *,
                      dtype: torch.dtype = torch.float64,
                      device: torch.device | str | None = None) -> Tensor:
    """Log-weights log W (batch, batch) of a scheme: row i weighs the posteriors for sample z_i.

    Args: batch, the minibatch size B; n_data, the size N of the whole data set.
    Raises: ValueError for an unknown scheme, n_data < batch, or a batch of one.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme!r}: choose one of {', '.join(SCHEMES)}")
    if batch < 2:
        raise ValueError(f"a batch of {batch} holds no other sample: use at least 2")
    if n_data < batch:
        raise ValueError(f"n_data={n_data} is smaller than the batch of {batch}: "
                         "pass the size of the whole data set")
    log_weights = torch.empty(batch, batch, dtype=dtype, device=device)
    SCHEMES[scheme](log_weights, n_data)
    return log_weights


def log_aggregate_posterior(code: Code, *, n_data: int, scheme: Scheme,
                            noise_covariance: Any = None) -> LogQ:
    """Log-densities of the aggregate posterior at the codes of a batch, estimated from the batch.

        joint_i = log Σ_k W_ik q(z_i | x_k),    per_axis_ij = log Σ_k W_ik q(z_ij | x_k)

    Shapes: code (B, D) each; noise_covariance (D, D). Returns LogQ(joint (B,), per_axis (B, D)) in
    nats and in the code's dtype; differentiable, passes through vmap.
    """
    z, mean, logvar = code
    z = z[:, None]                                                            # (B, 1, D)
    log_weights = log_batch_weights(scheme, len(z), n_data, dtype=z.dtype, device=z.device)
    if noise_covariance is None:
        log_q_given = gaussian.log_prob(z, mean, logvar)                      # (B, B, D)
        log_q_joint = log_q_given.sum(-1)                                     # (B, B)
    else:
        noise = gaussian.noise_matrix(noise_covariance, z.shape[-1])
        log_noise = noise.diagonal().log().to(z.device, z.dtype)
        log_q_given = gaussian.log_prob(z, mean, logvar + log_noise)
        log_q_joint = gaussian.joint_log_prob(z, mean, logvar, noise)
    return LogQ(torch.logsumexp(log_weights + log_q_joint, 1),
                torch.logsumexp(log_weights[..., None] + log_q_given, 1))
