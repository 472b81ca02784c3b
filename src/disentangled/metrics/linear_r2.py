"""How well a linear regression on the code tells the factors, whatever its axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from disentangled.metrics import inputs
from disentangled.types import Score


def linear_r2(
    codes: Any,
    factors: Any,
    *,
    generator: torch.Generator,
    n_train: int = 5_000,
    n_eval: int = 1_000,
) -> Score:
    r"""Share of a factor's variance that least squares on the code explains, held out.

        R²_k = 1 - Σ (v_k - v̂_k)² / Σ (v_k - mean v_k)²,   over `n_eval` images held out

    The linear counterpart of `neighbour_r2`, with the same arguments. It does not change under
    invertible linear maps of the code.

    **Error**: low by about D / n_train of the unexplained share; the standard error over draws is
    near 0.01 at 1,000 held-out images.

    Raises: ValueError on bad codes or factors, or fewer images than asked for.
    """
    code = inputs.codes(codes)
    label = inputs.factors(factors, len(code)).labels
    if len(code) < n_train + n_eval:
        raise ValueError(
            f"linear_r2 needs n_train + n_eval = {n_train + n_eval} images, got {len(code)}; "
            "ask for fewer"
        )
    drawn = torch.randperm(len(code), generator=generator)[: n_train + n_eval].numpy()
    design = np.hstack([code[drawn], np.ones((len(drawn), 1))])
    wanted = label[drawn].astype(np.float64)
    solution = np.linalg.lstsq(design[:n_train], wanted[:n_train], rcond=None)[0]
    held_out = wanted[n_train:]
    wrong = ((held_out - design[n_train:] @ solution) ** 2).sum(0)
    r2 = 1 - wrong / ((held_out - held_out.mean(0)) ** 2).sum(0)
    return Score(float(r2.mean()), {"r2": r2})
