"""Total correlation of means and of samples, without the assumption that codes are Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import SCORE_SEED, Encoded, Number, number
from disentangled.scoring.mig import ACTIVE

N_CODES = 10_000
"""Codes whose neighbours are sought, drawn with `SCORE_SEED`."""


def tc_mean_sample(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """Total correlation of mean and of sampled codes by nearest neighbours; needs no factors.

    "neighbour_tc" is that of all axes at once, "tree_tc" the part that pairs of axes along a tree
    show, a lower bound. Beside them the same of the means of active axes, and the Gaussian one,
    "gaussian_tc_active": means come without noise, and an axis that tells next to nothing may
    follow another one exactly, which makes their total correlation infinite. That of a Gaussian
    with all axes is the score `gaussian_tc`, that of samples by their density `elbo`'s.
    """
    drawn = torch.randperm(len(data), generator=torch.Generator().manual_seed(SCORE_SEED))
    some = drawn[:N_CODES]
    active = telling(code)
    of_active = f"axes of {ACTIVE:g} nats and more"
    numbers = [
        number(model.step, "gaussian_tc_active", metrics.gaussian_tc(active).value,
               estimator=f"correlation matrix, {of_active}", code="mean")
    ]  # fmt: skip
    for kind, z, suffix, axes in (
        ("mean", code.mean, "", ""),
        ("sample", code.z, "", ""),
        ("mean", active, "_active", f", {of_active}"),
    ):
        for metric, by in ((metrics.neighbour_tc, "all axes"), (metrics.tree_tc, "pairs")):
            numbers.append(
                number(
                    model.step,
                    metric.__name__ + suffix,
                    metric(z[some]).value,
                    estimator=f"nearest neighbours, {by}, {len(some)} codes{axes}",
                    code=kind,
                )
            )
    return numbers


def telling(code: Encoded) -> Tensor:
    """The means, 0 on axes that tell less than `ACTIVE` nats of the image.

        1/2 log(1 + Var[μ_j] / E[s_j²]) >= 0.1,   what a Gaussian channel tells

    Not by the KL to the prior: RTC-VAE keeps the noise of an axis that tells nothing small, which
    costs a nat of KL and more.
    """
    variance, noise = code.mean.double().var(0, correction=0), code.logvar.double().exp().mean(0)
    told = 0.5 * torch.log1p(variance / noise)
    return torch.where(told >= ACTIVE, code.mean, 0.0)
