"""Paper B's own score: how hard is it to redraw images after one feature of the code was changed?

It reads a decoder and codes, and no factors. The paper's loss is taken above its floor and in
units of how much the decoder's images differ, so that decoders can be compared; tasks that ask for
no skill are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from disentangled import gaussian
from disentangled.metrics import inputs
from disentangled.nets.bound import Bound
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.objectives.translation import Pairs, translation_loss, translation_pairs
from disentangled.types import Score

DARKEST = 1e-3
"""Pixels are taken as at least this and at most one less this, so that no loss is infinite."""

VOID = 0.01
"""Share of the spread. A task that a translator without skill solves up to that asks for none."""

FAINT = 1e-5
"""Nats per pixel. Images whose spread is smaller are one image."""

N_SPREAD = 1_000
"""Codes that are decoded for the spread of the images."""

Decode = Callable[[Tensor], Tensor]


def pixel_entropy(images: Tensor) -> Tensor:
    r"""The floor of the translation loss: the entropy of pixels read as probabilities.

        E[-v log v - (1 - v) log(1 - v)],   v the pixels of the images

    Shapes: images (B, ...) between 0 and 1; a scalar, nats per pixel. 0 for black and white.
    """
    return (torch.special.entr(images) + torch.special.entr(1 - images)).mean()


def translation_limit(pairs: Pairs) -> Tensor:
    r"""The least loss that any translator can have on these pairs, each equally likely.

        E[-v log m - (1 - v) log(1 - m)],   m = E[v | u]

    A translator sees u alone, so for each picture u its best answer is the mean of all v that
    belong to it. The limit is `pixel_entropy` of v exactly if no u has two different v.

    Shapes: pairs (B, ...) between 0 and 1; a scalar, nats per pixel, in float64.
    """
    before, after = (images.double().flatten(1) for images in pairs)
    seen, which = torch.unique(before, dim=0, return_inverse=True)
    total = torch.zeros(len(seen), after.shape[1], dtype=after.dtype).index_add(0, which, after)
    best = (total / which.bincount()[:, None])[which]
    return -(torch.xlogy(after, best) + torch.xlogy(1 - after, 1 - best)).mean()


def translation_difficulty(
    decode: Decode,
    codes: Any,
    *,
    translator: Callable[[], nn.Module],
    generator: torch.Generator,
    n_per_feature: int = 1,
    n_tasks: int = 2,
    batch: int = 64,
    steps: int = 100,
    rate: float = 3.0,
) -> Score:
    r"""What a small net loses on the translation task, in units of the spread of the images.

        difficulty = mean_t (L_t - H_t) / spread,   spread = E KL(x ‖ E x)

    A task t is a feature k and two codes of which it is taken. L_t is `translation_loss` of the
    task, H_t = `pixel_entropy` of its images v, x an image decoded of one of the codes; KL is that
    of pixels read as probabilities. 0 is perfect; 1 is what one loses who knows the mean image.

    The mean runs over the tasks that ask for skill: those on which both a copy of u and the mean
    of the v of training lose at least `VOID` of the spread above H_t. So the feature shows, and
    not it alone. NaN if there is none, as with a constant decoder, one feature that carries
    everything, or features that do nothing. parts["loss"] is the paper's score, over all tasks.

    Args:
        decode: codes (B, D) to pixels from 0 to 1, (B, C, H, W), float32.
        codes: (N, D), of which images and values are drawn with replacement.
        translator: makes the net M with its first weights, anew for each task.
        generator: a CPU generator; the score is a function of its state. It also seeds the nets.
        n_per_feature: axes of a feature, which follow each other.
        n_tasks: pairs of values for each feature.
        batch: images to train on, and as many to judge by.
        steps, rate: s and α of Algorithm 1.

    Returns: Score. parts: loss and floor, means over all tasks, and spread, in nats per pixel;
    asked, the share of tasks that ask for skill; feature, excesses, copied, averaged, (T,) by task,
    the last three in nats per pixel above the floor.

    **Error**: it falls with every step of training, towards 0 where u determines v, however the
    code mixes the factors; compare numbers of one net, s and α alone. Standard error: that of a
    mean over tasks, of which parts["excesses"] are the values.

    Raises: ValueError on NaN in codes, sizes below their least, a rate that is not above 0, or
    axes that n_per_feature does not divide.

    Source: Definition 1 and Algorithm 1 of paper B, which leave M, s, α, the number of tasks and
    the normalisation open.
    """
    batch, n_tasks = gaussian.whole(batch, "batch", 1), gaussian.whole(n_tasks, "n_tasks", 1)
    steps, per = (
        gaussian.whole(steps, "steps", 0),
        gaussian.whole(n_per_feature, "n_per_feature", 1),
    )
    if not 0 < rate < math.inf:
        raise ValueError(f"rate must be above 0 and finite, got {rate}")
    code = torch.as_tensor(inputs.codes(codes), dtype=torch.float32)
    if code.shape[1] % per:
        raise ValueError(
            f"n_per_feature must divide the {code.shape[1]} axes, got {per}; give the axes of "
            "one feature"
        )
    features = torch.arange(code.shape[1] // per).repeat_interleave(n_tasks)  # (T,)
    found = []
    for feature in features.tolist():
        drawn = torch.randint(len(code), (2 * batch + 2,), generator=generator)
        first, second, *z = code[drawn].split([1, 1, batch, batch])
        given = first[0], second[0]
        train, test = (_task(decode, some, feature, given, per) for some in z)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            net = translator()
        found.append(_judged(net, train, test, steps, rate))
    loss, floor, copied, averaged = torch.tensor(found, dtype=torch.float64).T
    spread = _spread(decode, code, generator)
    asks = torch.minimum(copied, averaged) >= VOID * max(spread, FAINT)
    value = float((loss - floor)[asks].mean()) / spread if asks.any() else math.nan
    parts = {
        "loss": float(loss.mean()),
        "floor": float(floor.mean()),
        "spread": spread,
        "asked": float(asks.double().mean()),
        "feature": features.numpy(),
        "excesses": (loss - floor).numpy(),
        "copied": copied.numpy(),
        "averaged": averaged.numpy(),
    }
    return Score(value, parts)


def _spread(decode: Decode, code: Tensor, generator: torch.Generator) -> float:
    """How much images differ, nats per pixel: the entropy of their mean less their own."""
    drawn = torch.randint(len(code), (N_SPREAD,), generator=generator)
    images = decode(code[drawn]).detach().clamp(DARKEST, 1 - DARKEST).double()
    return float(pixel_entropy(images.mean(0)) - pixel_entropy(images))


def _task(
    decode: Decode, z: Tensor, feature: int, given: tuple[Tensor, Tensor], per: int
) -> Pairs:
    pairs = translation_pairs(decode, z, feature, given, n_per_feature=per)
    return Pairs(*(images.detach().clamp(DARKEST, 1 - DARKEST) for images in pairs))


def _judged(
    net: nn.Module, train: Pairs, test: Pairs, steps: int, rate: float
) -> tuple[float, float, float, float]:
    """Loss of the trained net, floor, and what copying and averaging lose above it."""
    params = {name: value.detach() for name, value in net.named_parameters()}
    with torch.no_grad():
        floor = pixel_entropy(test.after)
        copied = _cost(test.after, test.before) - floor
        averaged = _cost(test.after, train.after.mean(0, keepdim=True)) - floor
        loss = translation_loss(Bound(net, params), train, test, steps=steps, rate=rate)
    return float(loss), float(floor), float(copied), float(averaged)


def _cost(after: Tensor, answer: Tensor) -> Tensor:
    """The cross-entropy of an answer, nats per pixel."""
    nats = bernoulli_distortion(after, torch.logit(answer).expand_as(after))
    return nats.mean() / after[0].numel()
