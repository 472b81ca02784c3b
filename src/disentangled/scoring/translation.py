"""How hard it is to redraw a model's images after one feature was changed; needs no factors."""

from __future__ import annotations

import torch
from torch import Tensor

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.nets import builder
from disentangled.objectives import translator
from disentangled.scoring.codes import SCORE_SEED, Encoded, Number, number
from disentangled.stacks import image_shape

TRANSLATOR = "intervention_translator"
STEPS = 100
RATE = 3.0


def translation(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """The translation task on images that the model decodes of mean codes.

    "translation_difficulty" is in units of what no skill loses, NaN where no feature asks for
    any. "translation_loss", the paper's score, and "translation_floor", which no net can go
    below, are means over all features, in nats per image of the decoder's size.
    """

    def decode(z: Tensor) -> Tensor:
        return model.decode(z[None].to(data.device))[0].sigmoid().cpu()

    shape, n_axes = image_shape(data), code.mean.shape[1]
    found = metrics.translation_difficulty(
        decode,
        code.mean,
        learn=translator(
            lambda: builder("translator", TRANSLATOR)(shape, n_axes), steps=STEPS, rate=RATE
        ),
        generator=torch.Generator().manual_seed(SCORE_SEED),
        n_per_feature=model.run.axes_per_feature,
    )
    n_pixels = shape[0] * shape[1] * shape[2]
    values = {
        "translation_difficulty": (found.value, "1"),
        "translation_loss": (n_pixels * found.parts["loss"], "nats"),
        "translation_floor": (n_pixels * found.parts["floor"], "nats"),
    }
    return [
        number(model.step, quantity, value, estimator=f"{STEPS} steps of {RATE:g}", code="mean",
               unit=unit)
        for quantity, (value, unit) in values.items()
    ]  # fmt: skip
