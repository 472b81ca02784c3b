"""Total correlation from a critic, by the density-ratio trick."""

from __future__ import annotations

from torch import Tensor

from disentangled.arrays import of_arrays


@of_arrays
def density_ratio_total_corr(logits: Tensor) -> Tensor:
    r"""Estimate of TC from the critic's logits at codes drawn from q(z) (Kim & Mnih 2018, eq. 3).

        TC(z) ≈ mean_b(l_b0 - l_b1),   the mean log-odds that code b is joint, not permuted

    Args:
        logits: (B, 2) of the critic at B codes, first column "joint"; or log-odds (B,).

    Returns:
        a scalar, nats.

    **Error**: TC exactly if the critic is the Bayes-optimal one; otherwise of either sign and
    without a bound. A critic that cannot tell gives 0, so a lagging critic reads low.

    Raises: ValueError on another shape.

    Source: Kim & Mnih 2018, eq. 3; printed without its log in Cheng et al. 2020 (paper D), eq. 6.
    """
    if logits.dim() not in (1, 2) or (logits.dim() == 2 and logits.shape[1] != 2):
        raise ValueError(f"logits must be (B, 2), or log-odds (B,), got {tuple(logits.shape)}")
    log_odds = logits if logits.dim() == 1 else logits[:, 0] - logits[:, 1]
    return log_odds.mean()
