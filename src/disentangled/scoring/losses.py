"""What a model was trained on, in the last steps: the loss of every player, and what it beats."""

from __future__ import annotations

import math

from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.learning import distortion_of_one_picture, mean_picture
from disentangled.objectives import OBJECTIVES
from disentangled.runs import CHUNK
from disentangled.scoring.codes import Encoded, Number, number


def losses(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """The loss of every player of the phase, mean over the last `CHUNK` steps of training.

    It tells whether training had ended (see `learning.settled`). A model that was kept and loaded
    again no longer knows it: NaN. Beside it stands the distortion of the best constant picture,
    which tells whether the model learned anything (see `learning.learned`).
    """
    recipe = OBJECTIVES[model.run.objective]
    rounds = recipe.after if model.step > model.run.steps else recipe.rounds
    of_picture = distortion_of_one_picture(mean_picture(data.images)) * model.run.pixel_area
    blind = "distortion_of_one_picture"
    return [
        number(model.step, blind, of_picture, estimator="data set"),
        *(
            number(
                model.step,
                f"loss_{player.name}",
                float(model.terms[player.name][0]) if player.name in model.terms else math.nan,
                estimator=f"last {CHUNK} steps",
                code="sample",
            )
            for players in rounds
            for player in players
        ),
    ]
