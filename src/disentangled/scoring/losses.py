"""What a model was trained on, in the last steps: the loss of every player."""

from __future__ import annotations

import math

from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.objectives import OBJECTIVES
from disentangled.runs import CHUNK
from disentangled.scoring.codes import Encoded, Number, number


def losses(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """The loss of every player of the phase, mean over the last `CHUNK` steps of training.

    It tells whether training had ended (see `learning.settled`). A model that was kept and loaded
    again no longer knows it: NaN.
    """
    recipe = OBJECTIVES[model.run.objective]
    rounds = recipe.after if model.step > model.run.steps else recipe.rounds
    return [
        number(
            model.step,
            f"loss_{player.name}",
            float(model.terms[player.name][0]) if player.name in model.terms else math.nan,
            estimator=f"last {CHUNK} steps",
            code="sample",
        )
        for players in rounds
        for player in players
    ]
