"""Draw images that have a given value of a factor, from labels alone."""

from __future__ import annotations

import numpy as np
import torch

from disentangled.metrics.inputs import Labels


class Holding:
    """Index of the images of every value of every factor."""

    def __init__(self, label: Labels, sizes: Labels) -> None:
        self._order = [np.argsort(column, kind="stable") for column in label.T]
        self._count = [np.bincount(column, minlength=size)
                       for column, size in zip(label.T, sizes, strict=True)]

    def draw(self, factor: int, value: Labels, generator: torch.Generator) -> Labels:
        """One image for each entry of `value`, uniform over those with v_factor = value."""
        count = self._count[factor]
        start = np.cumsum(count) - count
        uniform = torch.rand(value.shape, generator=generator, dtype=torch.float64).numpy()
        drawn: Labels = self._order[factor][start[value] + (uniform * count[value]).astype(int)]
        return drawn
