"""What scores that learn share: some images are seen, others are predicted and judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from disentangled.arrays import whole
from disentangled.metrics import inputs
from disentangled.metrics.inputs import Floats, Labels
from disentangled.types import Score

Regression = Callable[[Floats, Floats, Floats], Floats]
"""From codes (n, D) and factors (n, K) that are seen, and codes (m, D): factors (m, K)."""


def rows(n: int, n_train: int, n_eval: int, generator: torch.Generator) -> tuple[Labels, Labels]:
    """Rows of n to learn from, at most two thirds, and others to judge, at most the rest."""
    drawn = torch.randperm(n, generator=generator).numpy()
    n_train = min(n_train, 2 * n // 3)
    return drawn[:n_train], drawn[n_train : n_train + n_eval]


def held_out_r2(
    regression: Regression,
    codes: Any,
    factors: Any,
    *,
    generator: torch.Generator,
    n_train: int,
    n_eval: int,
) -> Score:
    """R² of a regression on `n_eval` images that it has not seen; see `neighbour_r2`."""
    code = inputs.codes(codes)
    label = inputs.ordered(factors, len(code))
    n_train = whole(n_train, "n_train", 1)
    n_eval = whole(n_eval, "n_eval", 2)
    if len(code) < n_train + n_eval:
        raise ValueError(
            f"n_train + n_eval = {n_train + n_eval} images are needed, got {len(code)}; "
            "ask for fewer"
        )
    drawn = torch.randperm(len(code), generator=generator)[: n_train + n_eval].numpy()
    seen, judged = drawn[:n_train], drawn[n_train:]
    wrong = label[judged] - regression(code[seen], label[seen], code[judged])
    spread = label[judged] - label[judged].mean(0)
    if not (spread**2).sum(0).all():
        raise ValueError(
            f"factor {int(np.argmin((spread**2).sum(0)))} has one value among the {n_eval} images "
            "that are judged, so that it has no R²; raise n_eval, or draw others"
        )
    r2 = 1 - (wrong**2).sum(0) / (spread**2).sum(0)
    return Score(float(r2.mean()), {"r2": r2})
