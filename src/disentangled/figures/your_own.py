"""Figures of the chapter your_own: made-up pictures, a factor a row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from disentangled.arrays import entry
from disentangled.data import FactorData
from disentangled.figures.style import finish, image_grid


@entry
def one_factor_a_row(data: FactorData, middle: Sequence[int], *, profile: str) -> Figure:
    """The pictures of a data set in which one factor moves, a row a factor.

    Args:
        data: images with K factors, on a full grid of their values.
        middle: (K,) value that a factor keeps while another moves.
        profile: of the chapter.
    """
    rows = {name: data.images[_moving(data.factors, middle, k)]
            for k, name in enumerate(data.factor_names)}  # fmt: skip
    return finish(image_grid(rows), profile, f"{data.name} ({data.source})")


def _moving(factors: Tensor, middle: Sequence[int], factor: int) -> Tensor:
    """Which of the images (N, K) leave the middle in no factor but this one, (N,)."""
    others = [k for k in range(factors.shape[1]) if k != factor]
    return (factors[:, others] == torch.tensor(middle)[others]).all(1)


def assert_straightness(found: Mapping[str, float], said: Mapping[str, float]) -> None:
    """Hold what the prose says of the score on codes whose answer is known.

    Args:
        found: name of the code -> value of the score.
        said: name -> value that the prose says it has.

    Raises:
        AssertionError: a code's value is not the one said, or one of the two lacks a code.
    """
    if set(found) != set(said):
        raise AssertionError(f"the prose speaks of {sorted(said)}, scored were {sorted(found)}")
    for name, value in found.items():
        if not math.isclose(value, said[name], rel_tol=1e-5):
            raise AssertionError(
                f"straightness of {name} is {value:.6f}, but the prose says {said[name]:.6f}"
            )
