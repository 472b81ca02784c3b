"""A trained model to the numbers of its row and to its pictures, by name and with a version.

A score is one file here and one line in `SCORES`; a picture one line in `PICTURES`. A setting of
an experiment names those that it takes. A version is raised by hand when a change moves what a
score says: rows keep it beside the numbers, and `sweeps.rescore` renews those of kept models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from disentangled.arrays import entry
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import (
    SCORE_SEED,
    Encoded,
    Number,
    encoded,
    number,
)
from disentangled.scoring.dci import dci_boosting, dci_forest
from disentangled.scoring.decoded import decoded
from disentangled.scoring.disintegration import disintegration
from disentangled.scoring.elbo import KL_SAMPLES, distortion, elbo
from disentangled.scoring.elsewhere import elsewhere
from disentangled.scoring.gaussian_tc import gaussian_tc
from disentangled.scoring.irs import irs
from disentangled.scoring.losses import losses
from disentangled.scoring.mapped import mapped
from disentangled.scoring.mig import mig, mig_active, mig_exact
from disentangled.scoring.neighbours import neighbours
from disentangled.scoring.pictures import (
    RECONSTRUCTED,
    TRAVERSAL,
    Pictures,
    reconstructions,
    samples,
    traversals,
)
from disentangled.scoring.sap import sap, sap_logistic, sap_mixed
from disentangled.scoring.supervised import supervised
from disentangled.scoring.tc_mean_sample import tc_mean_sample
from disentangled.scoring.translation import translation
from disentangled.store import Scored


class ModelScore(NamedTuple):
    """take(model, data, code) -> numbers, of a stack of one model and its code of all images;
    needs_factors: left out on data that have none; needs_decoder: of models whose decoder gives
    images a likelihood, which a game without a net called decoder has not; seconds: what it takes
    of one model on one core, about, as measured on the data of the smoke profile."""

    take: Callable[[Fitted, FactorData, Encoded], list[Number]]
    version: int = 1
    needs_factors: bool = True
    needs_decoder: bool = False
    seconds: float = 1.0


class ModelPictures(NamedTuple):
    """take(model, data, code) -> pictures by name, uint8 of any shape."""

    take: Callable[[Fitted, FactorData, Encoded], Pictures]
    version: int = 1


SCORES: dict[str, ModelScore] = {
    "elbo": ModelScore(elbo, needs_factors=False, needs_decoder=True, seconds=1.7),
    "distortion": ModelScore(distortion, needs_factors=False, needs_decoder=True, seconds=0.5),
    "mig_exact": ModelScore(mig_exact, seconds=0.3),
    "mig": ModelScore(mig, seconds=0.1),
    "mig_active": ModelScore(mig_active, seconds=0.1),
    "supervised": ModelScore(supervised, seconds=0.3),
    "decoded": ModelScore(decoded, seconds=0.1),
    "gaussian_tc": ModelScore(gaussian_tc, needs_factors=False, seconds=0.1),
    "mapped": ModelScore(mapped, seconds=1.2),
    "losses": ModelScore(losses, needs_factors=False, seconds=0.1),
    "tc_mean_sample": ModelScore(tc_mean_sample, needs_factors=False, seconds=1.6),
    "sap": ModelScore(sap, seconds=0.2),
    "sap_mixed": ModelScore(sap_mixed, seconds=0.1),
    "sap_logistic": ModelScore(sap_logistic, seconds=0.8),
    "dci_forest": ModelScore(dci_forest, seconds=0.8),
    "dci_boosting": ModelScore(dci_boosting, seconds=5.3),
    "irs": ModelScore(irs, seconds=0.2),
    "disintegration": ModelScore(disintegration, seconds=0.6),
    "translation": ModelScore(translation, needs_factors=False, seconds=40),
    "on_rerender": ModelScore(partial(elsewhere, dataset="dsprites_rerender_grid"), seconds=8),
}

PICTURES: dict[str, ModelPictures] = {
    "reconstructions": ModelPictures(reconstructions),
    "traversals": ModelPictures(traversals),
    "samples": ModelPictures(samples),
    "neighbours": ModelPictures(neighbours),
}


@entry
def taken(
    names: Iterable[str], model: Fitted, data: FactorData, code: Encoded
) -> dict[str, Scored]:
    """The scores of these names; those that need factors are left out on data without any.

    Raises:
        ValueError: a score that returns no numbers of the model's step: it would never be taken.
    """
    scores = {}
    for name in names:
        score = SCORES[name]
        if data.factor_names or not score.needs_factors:
            numbers = score.take(model, data, code)
            if not numbers or any(n.get("step") != model.step for n in numbers):
                raise ValueError(
                    f"the score {name} must return a list of numbers of step {model.step}, got "
                    f"{numbers!r}; give number(model.step, ...), NaN where there is none"
                )
            scores[name] = Scored(score.version, numbers)
    return scores


__all__ = [
    "KL_SAMPLES",
    "PICTURES",
    "RECONSTRUCTED",
    "SCORES",
    "SCORE_SEED",
    "TRAVERSAL",
    "Encoded",
    "ModelPictures",
    "ModelScore",
    "Number",
    "encoded",
    "number",
    "taken",
]
