"""On how many axes each factor lives."""

from __future__ import annotations

import torch

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.metrics.disintegration import PERMUTATIONS
from disentangled.scoring.codes import SCORE_SEED, Encoded, Number, columns, number

N_CODES = 50_000
"""Codes that are counted, drawn with `SCORE_SEED`; all of most data sets."""


def disintegration(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """The number of axes that tell of a factor, of mean and of sampled codes, nuisances left out.

    "disintegration" is the mean over factors, "axes_of_factor" that of one. Means come without
    noise, so that an axis whose samples tell next to nothing counts by the little that its means
    tell; of samples it does not.
    """
    names = [name for name in data.factor_names if name not in data.nuisances]
    drawn = torch.randperm(len(data), generator=torch.Generator().manual_seed(SCORE_SEED))
    some = drawn[:N_CODES]
    estimator = f"20 bins, above {PERMUTATIONS} permutations"
    numbers = []
    for kind, z in (("mean", code.mean), ("sample", code.z)):
        found = metrics.disintegration(
            z[some],
            columns(data, names).cpu()[some],
            generator=torch.Generator().manual_seed(SCORE_SEED),
        )
        values = [
            ("disintegration", " ".join(names), found.value),
            *(("axes_of_factor", n, v) for n, v in zip(names, found.parts["perplexity"],
                                                      strict=True)),
        ]  # fmt: skip
        numbers += [
            number(model.step, quantity, value, estimator=estimator, code=kind, factors=factors,
                   unit="axes")
            for quantity, factors, value in values
        ]  # fmt: skip
    return numbers
