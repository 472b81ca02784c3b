"""Paper B's own score: how hard is it to redraw images after one feature of the code was changed?

It reads codes and no factors, and is given two functions: one that decodes, and one that learns to
redraw. The paper's loss is taken above its floor and in units of how much the decoder's images
differ, so that decoders can be compared; tasks that ask for no skill are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from disentangled.arrays import entry, of_arrays, whole
from disentangled.metrics import inputs
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
Pair = tuple[Tensor, Tensor]
Learn = Callable[[Pair, Pair, int], float]


@of_arrays
@entry
def pixel_entropy(images: Tensor) -> Tensor:
    r"""The floor of the translation loss: the entropy of pixels read as probabilities.

        E[-v log v - (1 - v) log(1 - v)],   v the pixels of the images

    Shapes: images (B, ...) between 0 and 1; a scalar, nats per pixel. 0 for black and white.
    """
    return (torch.special.entr(images) + torch.special.entr(1 - images)).mean()


@of_arrays
@entry
def translation_limit(before: Tensor, after: Tensor) -> Tensor:
    r"""The least loss that any translator can have on these pairs, each equally likely.

        E[-v log m - (1 - v) log(1 - m)],   m = E[v | u],   u before, v after

    A translator sees u alone, so for each picture u its best answer is the mean of all v that
    belong to it. The limit is `pixel_entropy` of v exactly if no u has two different v.

    Shapes: images (B, ...) between 0 and 1; a scalar, nats per pixel, in float64.
    """
    u, v = before.double().flatten(1), after.double().flatten(1)
    seen, which = torch.unique(u, dim=0, return_inverse=True)
    total = torch.zeros(len(seen), v.shape[1], dtype=v.dtype).index_add(0, which, v)
    return cross_entropy(v, (total / which.bincount()[:, None])[which])


def cross_entropy(images: Tensor, answer: Tensor) -> Tensor:
    """What an answer loses, pixels of both between 0 and 1: a scalar, nats per pixel."""
    return -(torch.xlogy(images, answer) + torch.xlogy(1 - images, 1 - answer)).mean()


@entry
def translation_difficulty(
    decode: Decode,
    codes: Any,
    *,
    learn: Learn,
    generator: torch.Generator,
    n_per_feature: int = 1,
    n_tasks: int = 2,
    batch: int = 64,
) -> Score:
    r"""What a small net loses on the translation task, in units of the spread of the images.

        difficulty = mean_t (L_t - H_t) / spread,   spread = E KL(x ‖ E x)

    A task t is a feature k and two codes of which it is taken. L_t is the loss of the
    translator, H_t = `pixel_entropy` of the task's images v, x an image decoded of one of the
    codes; KL is that of pixels read as probabilities. 0 is perfect; 1 is what one loses who knows
    the mean image.

    The mean runs over the tasks that ask for skill: those on which both a copy of u and the mean
    of the v of training lose at least `VOID` of the spread above H_t. So the feature shows, and
    not it alone. NaN if there is none, as with a constant decoder, one feature that carries
    everything, or features that do nothing. parts["loss"] is the paper's score, over all tasks.

    Args:
        decode: codes (B, D) to pixels from 0 to 1, (B, C, H, W), float32.
        codes: (N, D), of which images and values are drawn with replacement.
        learn: (train, test, seed) -> a new translator's loss on the test pairs, nats per pixel,
            after it learned on the others; pairs are u and v, each (B, C, H, W). Such as
            `objectives.translator`.
        generator: a CPU generator; the score is a function of its state.
        n_per_feature: axes of a feature, which follow each other.
        n_tasks: pairs of values for each feature.
        batch: images to train on, and as many to judge by.

    Returns: Score. parts: loss and floor, means over all tasks, and spread, in nats per pixel;
    asked, the share of tasks that ask for skill; feature, floors, excesses, copied, averaged,
    (T,) by task, the last three in nats per pixel above the floor.

    **Error**: it falls with every step of training, towards 0 where u determines v, however the
    code mixes the factors; compare numbers of one translator alone. Standard error: that of a
    mean over tasks, of which parts["excesses"] are the values. That of the loss is much larger,
    since floors differ from task to task.

    Raises: ValueError on NaN in codes, sizes below their least, or axes that n_per_feature does
    not divide.

    Source: Definition 1 and Algorithm 1 of paper B, which leave M, s, α, the number of tasks and
    the normalisation open.
    """
    batch, n_tasks = whole(batch, "batch", 1), whole(n_tasks, "n_tasks", 1)
    per = whole(n_per_feature, "n_per_feature", 1)
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
        axes = slice(feature * per, (feature + 1) * per)
        train, test = (_task(decode, some, axes, (first, second)) for some in z)
        seed = int(torch.randint(2**31, (), generator=generator))
        found.append((learn(train, test, seed), *_without_skill(train, test)))
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
        "floors": floor.numpy(),
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


def _task(decode: Decode, z: Tensor, axes: slice, values: Pair) -> Pair:
    """What is decoded with these axes at the first value (1, D), and at the second."""
    found = []
    for value in values:
        changed = z.clone()
        changed[:, axes] = value[:, axes]
        found.append(decode(changed).detach().clamp(DARKEST, 1 - DARKEST))
    return found[0], found[1]


def _without_skill(train: Pair, test: Pair) -> tuple[float, float, float]:
    """The floor, and what copying and averaging lose above it."""
    (_, seen), (before, after) = train, test
    floor = pixel_entropy(after)
    copied = cross_entropy(after, before) - floor
    averaged = cross_entropy(after, seen.mean(0, keepdim=True).expand_as(after)) - floor
    return float(floor), float(copied), float(averaged)
