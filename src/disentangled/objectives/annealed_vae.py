"""AnnealedVAE: the KL term is held at a capacity that grows in training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from disentangled.arrays import of_arrays
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.objectives.elbo import mean_kl
from disentangled.types import Code, Loss


@of_arrays
def annealed_vae(
    x: Tensor,
    logits: Tensor,
    code: Code,
    *,
    step: Tensor,
    n_data: int,
    pixel_area: int = 1,
    gamma: float = 1000.0,
    capacity: float = 25.0,
    capacity_steps: float = 100_000.0,
    noise_covariance: Any = None,
) -> Loss:
    r"""Distortion, and the distance of the KL term from a growing capacity (Burgess et al. 2018).

        total = distortion + γ abs(KL(q(z|x) ‖ p(z)) - capacity min(1, step / capacity_steps))

    KL is the closed form in the mean over the batch, so that the capacity binds on average and
    not image by image. The default constants are those of disentanglement_lib; a shorter training
    needs a smaller capacity_steps.

    Shapes: x and logits (B, C, H, W), code (B, D), step a scalar, the steps taken before this one;
    every term a scalar, nats per example: `distortion`, `kl`, and `capacity`, that of this step.

    Source: Burgess et al. 2018, eq. 8; Locatello et al. 2019.
    """
    distortion = bernoulli_distortion(x, logits, pixel_area=pixel_area).mean()
    kl = mean_kl(code, noise_covariance)
    taken = torch.as_tensor(step, dtype=kl.dtype, device=kl.device)
    allowed = capacity * (taken / capacity_steps).clamp(max=1.0)
    total = distortion + gamma * (kl - allowed).abs()
    return Loss(total, {"distortion": distortion, "kl": kl, "capacity": allowed})
