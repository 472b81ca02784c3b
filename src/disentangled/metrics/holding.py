"""Draw images that have a given value of a factor, from labels alone."""

from __future__ import annotations

import numpy as np
import torch

from disentangled.metrics.inputs import Factors, Labels


class Holding:
    """An index of the images of every value of every factor."""

    def __init__(self, factors: Factors) -> None:
        self._count = factors.counts
        self._order = [np.argsort(column, kind="stable") for column in factors.labels.T]

    def draw(self, factor: int, value: Labels, generator: torch.Generator) -> Labels:
        """An image for each entry of `value`, uniform over those that have v_factor = value."""
        count = self._count[factor]
        start = np.cumsum(count) - count
        random = torch.randint(2**62, value.shape, generator=generator).numpy()
        return self._order[factor][start[value] + random % count[value]]
