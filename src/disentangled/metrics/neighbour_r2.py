"""How well a code tells the factors, whatever its axes: regression on nearest neighbours."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.neighbors import KNeighborsRegressor

from disentangled.arrays import entry
from disentangled.metrics.held_out import held_out_r2
from disentangled.metrics.inputs import Floats
from disentangled.types import Score

NEIGHBOURS = 10


@entry
def neighbour_r2(
    codes: Any,
    factors: Any,
    *,
    generator: torch.Generator,
    n_train: int = 5_000,
    n_eval: int = 1_000,
) -> Score:
    r"""Share of a factor's variance that a 10-nearest-neighbour regression on the code explains.

        R²_k = 1 - Σ (v_k - v̂_k)² / Σ (v_k - mean v_k)²,   over `n_eval` images held out

    It says what the whole code knows and nothing about its axes: a score of information, not of
    disentanglement. Factors count as ordered numbers, integers by rank and floats by value, so a
    categorical or a circular one (shape, orientation) reads low.

    Args:
        codes: (N, D), N >= n_train + n_eval.
        factors: (N, K), discrete or continuous.
        generator: draws the images, without replacement.
        n_train, n_eval: images that are neighbours, and images that are judged.

    Returns: Score, the mean over factors; parts: r2 (K,).

    **Error**: low by what the neighbours' distance costs, which shrinks as n_train grows; the
    standard error of R² over draws is near 0.01 at 1,000 held-out images.

    Raises: ValueError on bad codes or factors, or fewer images than asked for.
    """
    return held_out_r2(
        _neighbours, codes, factors, generator=generator, n_train=n_train, n_eval=n_eval
    )


def _neighbours(code: Floats, label: Floats, new: Floats) -> Floats:
    prediction: Floats = KNeighborsRegressor(NEIGHBOURS).fit(code, label).predict(new)
    return prediction
