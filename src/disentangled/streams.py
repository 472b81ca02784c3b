"""Random streams: every seed draws its inputs from a generator of its own."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from disentangled.data import FactorData
from disentangled.objectives import OBJECTIVES, Source
from disentangled.objectives.inputs import drawn_from
from disentangled.runs import CHUNK, Run


class Stream:
    """The random inputs of one seed, from one CPU generator."""

    def __init__(self, run: Run, seed: int, data: FactorData) -> None:
        self.run, self.data, self.recipe = run, data, OBJECTIVES[run.objective]
        self.generator = torch.Generator().manual_seed(derived(seed, "stream"))
        noise = run.noise_covariance()
        self.root = None if noise is None else torch.linalg.cholesky(noise).float()

    def chunk(self, first: int = 0) -> dict[str, Tensor]:
        """What the recipe's inputs draw for `CHUNK` steps, each (CHUNK, ...), drawn in the order
        of their declaration; `first` steps were taken before."""
        run = self.run
        source = Source(
            self.data, CHUNK, first, run.batch, run.n_axes, self.root, run.axes_per_feature
        )
        return drawn_from(self.recipe.inputs, source, self.generator)


def derived(seed: int, purpose: str) -> int:
    """A 63-bit seed for one purpose; neighbouring seeds share nothing."""
    words = np.random.SeedSequence([seed, *purpose.encode()]).generate_state(2, np.uint32)
    return int(words[0]) << 31 | int(words[1]) >> 1
