"""Scores of a model on another data set's images."""

from __future__ import annotations

import torch

from disentangled import data as datasets
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import Encoded, Number, encoded
from disentangled.scoring.elbo import elbo
from disentangled.scoring.mig import mig_exact


def elsewhere(model: Fitted, data: FactorData, _: Encoded, *, dataset: str) -> list[Number]:
    """ELBO, total correlation and Chen's MIG of the model on another data set's images.

    Both data sets list the same factors in the same order, and the noise keeps its seed, so that
    the difference from the scores on `data` is due to the images alone. The quantities carry
    "_elsewhere", the estimators the data set's name.

    Raises:
        ValueError: the data sets differ in their factors.
    """
    other = datasets.load(dataset, size=model.run.size).to(data.device)
    if not torch.equal(other.factors, data.factors):
        raise ValueError(
            f"{other.name} must list the factors of {data.name} image by image, and does not; "
            "score on a data set made from the same grid"
        )
    code = encoded(model, other)
    return [
        score
        | {
            "quantity": f"{score['quantity']}_elsewhere",
            "estimator": f"{score['estimator']}, on {other.name}",
        }
        for score in [*elbo(model, other, code), *mig_exact(model, other, code)]
        if score["quantity"] in ("elbo", "total_corr", "mig_exact")
    ]
