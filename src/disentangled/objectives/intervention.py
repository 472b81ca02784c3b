r"""The intervention model of paper B: one feature of a code is set by hand, and set back.

The encoder is deterministic. A code z has features of some axes each, one after the other. The
model exchanges one feature of an image's code for that of another image, and asks for three
things: that the change can be undone, that the changed images, weighed, look like the others, and
that a net can learn quickly what the change does.

Where the paper prints the reconstruction in the place of other images, the losses here are as they
must read (statements B-17 and B-18); what it leaves open (how the translation starts, its steps
and its rate) is chosen here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from disentangled.arrays import of_arrays
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.objectives.games import Draw, Heard, Nets, Player, Recipe
from disentangled.objectives.inputs import IMAGES, Input, Source, as_drawn
from disentangled.objectives.translation import (
    Pairs,
    translation_loss,
    translation_pairs,
    with_feature,
)
from disentangled.types import Loss

NO_VARIANCE = -1e4
"""The log-variance of a code without noise: finite, also in half precision, and its exponential is
0 in every precision."""

TRANSLATED = 0.25
"""Share of a batch that learns a translation, and that of other images that judge it. Paper B says
"two sampled mini-batches"; whole ones would cost as much as all other losses together."""


@of_arrays
def adversarial(judged: Tensor, judged_intervened: Tensor, log_weights: Tensor) -> Tensor:
    r"""What a discriminator gains that tells reconstructions from weighed intervened images.

        mean log f(x̂) + mean (W(x̃) / N) log (1 - f(x̃)),   N = mean W(x̃)

    x̂ are reconstructions, x̃ intervened images, and both means are over the batch. -2 log 2 where f
    is ½ everywhere, which is its optimum where the weighed images have the law of the others.

    Shapes: logits of f of both kinds of images (B,), logarithms of W (B,); a scalar in nats.

    **Error**: N is the mean of a batch, so that the second term has a bias of the order of
    Var(W) / (B N²).

    Source: paper B, section 4, with the images as they must be (statements B-18, B-19).
    """
    return -functional.softplus(-judged).mean() + _weighed(judged_intervened, log_weights)


def _weighed(judged_intervened: Tensor, log_weights: Tensor) -> Tensor:
    """The second term of `adversarial`, the only one that the weights are in."""
    share = log_weights.softmax(-1)  # W / (B N)
    return -(share * functional.softplus(judged_intervened)).sum(-1)


@of_arrays
def intervention_first(
    x: Tensor,
    logits: Tensor,
    back_logits: Tensor,
    judged: Tensor,
    judged_intervened: Tensor,
    log_weights: Tensor,
    *,
    pixel_area: int = 1,
    lambda_in: float = 0.25,
    lambda_adv: float = 10.0,
) -> Loss:
    r"""What encoder and decoder minimise in the first stage, in which L_diff only judges models.

        total = L_rec + λ_1 L_in + λ_2 L_adv

    L_rec is the cross-entropy of x and its reconstruction, L_in that of x and the image whose
    feature was changed, read, set back and decoded again, L_adv the gain of the discriminator.

    Shapes: x, logits and back_logits (B, C, H, W); the rest as in `adversarial`; every term a
    scalar, nats per example.

    Source: paper B, eq. 3 at λ_3 = 0, L_in as it must read (statement B-17).
    """
    distortion = bernoulli_distortion(x, logits, pixel_area=pixel_area).mean()
    inverse = bernoulli_distortion(x, back_logits, pixel_area=pixel_area).mean()
    gain = adversarial(judged, judged_intervened, log_weights)
    total = distortion + lambda_in * inverse + lambda_adv * gain
    return Loss(total, {"distortion": distortion, "inverse": inverse, "adversarial": gain})


def intervention(first: Loss, difficulty: Tensor, *, lambda_diff: float = 1.0) -> Loss:
    r"""What encoder and decoder minimise in the second stage.

        total = L_rec + λ_1 L_in + λ_2 L_adv + λ_3 L_diff

    first: `intervention_first`, the first three terms; difficulty: L_diff, `translation_loss`
    summed over pixels, a scalar in nats per example.

    Source: paper B, eq. 3.
    """
    total = first.total + lambda_diff * difficulty
    return Loss(total, {**first.terms, "translation": difficulty})


def _first(
    nets: Nets, x: Tensor, feature: Tensor, *, axes_per_feature: int, **weights: Any
) -> tuple[Loss, Heard, Tensor]:
    """The loss of the first stage, what it says, and the codes (B, D).

    The image whose feature is taken is the next one of the batch. Images are drawn with
    replacement, so that each is independent of the next: what the loss expects is that of
    independent pairs, and half of the encoding is saved.
    """
    code = nets["encoder"](x).float()
    intervened = with_feature(code, code.roll(-1, 0), feature, axes_per_feature)
    logits, other_logits = nets["decoder"](torch.cat([code, intervened])).float().chunk(2)
    x_hat, x_other = logits.sigmoid(), other_logits.sigmoid()
    read = nets["encoder"](x_other).float()
    back = with_feature(read, code, feature, axes_per_feature)
    back_logits = nets["decoder"](back).float()
    judged, judged_other = nets["discriminator"](torch.cat([x_hat, x_other])).float().chunk(2)
    log_weights = nets["weighting"](x_other).float()
    loss = intervention_first(x, logits, back_logits, judged, judged_other, log_weights, **weights)
    said = {
        "reconstructed": x_hat,
        "intervened": x_other,
        "judged_intervened": judged_other,
        "log_weights": log_weights,
    }
    return loss, {name: value.detach() for name, value in said.items()}, code


def _difficulty(
    nets: Nets,
    code: Tensor,
    feature: Tensor,
    *,
    axes_per_feature: int,
    steps: int,
    rate: float,
    pixel_area: int,
) -> Tensor:
    """L_diff of codes (B, D), in nats per example.

    The first two codes give the values that the feature is changed from and to. Of the next ones
    a share learns the translation, and as many others judge it, `TRANSLATED` of the batch each.
    """
    if len(code) < 4:
        raise ValueError(
            f"the translation needs a batch of 4 or more, got {len(code)}: two images give the "
            "values, and others are translated"
        )
    n = max(1, int(TRANSLATED * len(code)))
    pairs = translation_pairs(
        lambda z: nets["decoder"](z).float().sigmoid(),
        code[2 : 2 + 2 * n],
        feature,
        (code[0], code[1]),
        n_per_feature=axes_per_feature,
    )
    train, test = (Pairs(*halves) for halves in zip(*(p.chunk(2) for p in pairs), strict=True))
    per_pixel = translation_loss(nets["translator"], train, test, steps=steps, rate=rate)
    return per_pixel * (pixel_area * pairs.after[0].numel())


def _check(settings: dict[str, Any]) -> None:
    if "noise_covariance" in settings:
        raise ValueError(
            "the intervention model adds no noise to a code, so that none can be correlated; "
            "leave out noise_correlation"
        )


def _autoencoder_first(
    nets: Nets,
    draw: Draw,
    heard: Heard,
    *,
    n_data: int,
    axes_per_feature: int = 1,
    **settings: Any,
) -> tuple[Loss, Heard]:
    _check(settings)
    loss, said, _ = _first(
        nets, draw["x"], draw["feature"], axes_per_feature=axes_per_feature, **settings
    )
    return loss, said


def _autoencoder(
    nets: Nets,
    draw: Draw,
    heard: Heard,
    *,
    n_data: int,
    lambda_diff: float,
    translation_steps: float,
    translation_rate: float,
    pixel_area: int = 1,
    axes_per_feature: int = 1,
    **settings: Any,
) -> tuple[Loss, Heard]:
    _check(settings)
    shared = {"pixel_area": pixel_area, "axes_per_feature": axes_per_feature}
    first, said, code = _first(nets, draw["x"], draw["feature"], **shared, **settings)
    difficulty = _difficulty(
        nets, code, draw["translated"], **shared, steps=int(translation_steps),
        rate=translation_rate,
    )  # fmt: skip
    return intervention(first, difficulty, lambda_diff=lambda_diff), said


def _discriminator(nets: Nets, draw: Draw, heard: Heard, **settings: Any) -> tuple[Loss, Heard]:
    images = torch.cat([heard["reconstructed"], heard["intervened"]])
    judged, judged_intervened = nets["discriminator"](images).float().chunk(2)
    return Loss(-adversarial(judged, judged_intervened, heard["log_weights"]), {}), {}


def _weighting(nets: Nets, draw: Draw, heard: Heard, **settings: Any) -> tuple[Loss, Heard]:
    log_weights = nets["weighting"](heard["intervened"]).float()
    return Loss(_weighed(heard["judged_intervened"], log_weights), {}), {}


def _features(source: Source, generator: Generator) -> Tensor:
    return torch.randint(source.n_features, (source.steps, source.batch), generator=generator)


def _feature(source: Source, generator: Generator) -> Tensor:
    return torch.randint(source.n_features, (source.steps,), generator=generator)


def _encode(nets: Nets, x: Tensor) -> tuple[Tensor, Tensor]:
    """The code itself, with a variance of 0."""
    code = nets["encoder"](x)
    return code, torch.full_like(code, NO_VARIANCE)


_DISCRIMINATOR = Player("discriminator", ("discriminator",), _discriminator)
_WEIGHTING = Player("weighting", ("weighting",), _weighting, rate_share=0.1)

INTERVENTION_FIRST = Recipe(
    (
        (
            Player("autoencoder", ("encoder", "decoder"), _autoencoder_first),
            _DISCRIMINATOR,
            _WEIGHTING,
        ),
    ),
    {"lambda_in": 0.25, "lambda_adv": 10.0},
    ("encoder", "decoder", "discriminator", "weighting"),
    {"x": IMAGES, "feature": Input(_features, as_drawn)},
    encode=_encode,
    swept="lambda_adv",
    has_features=True,
)
"""Paper B's first stage, λ as printed for dSprites and 3D Shapes. All players move at once, by
Adam as it comes; the weights' rate is a tenth of the others' (printed: 0.00001 and 0.0001)."""

INTERVENTION = INTERVENTION_FIRST._replace(
    rounds=(
        (
            Player("autoencoder", ("encoder", "decoder", "translator"), _autoencoder),
            _DISCRIMINATOR,
            _WEIGHTING,
        ),
    ),
    weights={
        **INTERVENTION_FIRST.weights,
        "lambda_diff": 1.0,
        "translation_steps": 3.0,
        "translation_rate": 1.0,
    },
    nets=(*INTERVENTION_FIRST.nets, "translator"),
    inputs={**INTERVENTION_FIRST.inputs, "translated": Input(_feature, as_drawn)},
)
"""Paper B's second stage. The paper does not say where the translation starts, how long it learns
and at which rate. Here its start is learned too, with encoder and decoder: from a random one a few
steps reach little more than the mean image. The numbers of steps and the rate are ours."""
