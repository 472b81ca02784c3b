"""Paper B's image translation task: a net learns to redraw images after one feature was changed.

A feature is changed from one value to another in every code of a batch; before and after, the
codes are decoded. A small net, the translator, is trained on these pairs of images for a few
steps, and its loss on pairs that it has not seen is how difficult the task is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disentangled.arrays import of_arrays, tensor
from disentangled.nets.bound import Bound
from disentangled.objectives.distortion import bernoulli_distortion
from disentangled.objectives.games import unrolled


class Pairs(NamedTuple):
    """Images before and after one feature was changed, each (B, C, H, W), pixels from 0 to 1."""

    before: Tensor
    after: Tensor


@of_arrays
def with_feature(
    z: Tensor, given: Tensor, feature: Tensor | int, n_per_feature: int = 1
) -> Tensor:
    """The codes with one feature set to what it is in `given`; all other axes stay.

    Shapes: z (B, D); given (D,), one code for all, or (B, D); feature an integer for all, or one
    a code (B,). Axes k n to (k + 1) n - 1 are feature k of n_per_feature = n axes. Result (B, D).
    """
    of_axis = torch.arange(z.shape[-1], device=z.device) // n_per_feature
    chosen = tensor(feature, "feature").to(z.device).unsqueeze(-1)
    return torch.where(of_axis == chosen, given, z)


def translation_pairs(
    decode: Callable[[Tensor], Tensor],
    z: Tensor,
    feature: Tensor | int,
    given: tuple[Tensor, Tensor],
    *,
    n_per_feature: int = 1,
) -> Pairs:
    """What is decoded of codes whose feature is set to one value, and to another one.

    Args:
        decode: codes (B, D) to pixels from 0 to 1, (B, C, H, W).
        z: (B, D), the codes of a batch.
        feature: k, an integer.
        given: two codes (D,), of which feature k is taken.

    Source: Definition 1 of paper B.
    """
    first, second = (decode(with_feature(z, code, feature, n_per_feature)) for code in given)
    return Pairs(first, second)


def cross_entropy(translator: Callable[[Tensor], Tensor], pairs: Pairs) -> Tensor:
    r"""The translator's loss on pairs, a mean over pixels: nats per pixel, a scalar.

        -E[v log σ(M(u)) + (1 - v) log(1 - σ(M(u)))],   u before, v after, M(u) logits

    **Error**: its floor is not 0. With v known it is least at σ(M(u)) = v, and is then the entropy
    of v read as a probability, which is 0 for pixels of 0 and 1 alone (see `pixel_entropy`).

    Source: eq. 2 of paper B, which does not say whether pixels are summed.
    """
    n_pixels = math.prod(pairs.after.shape[1:])
    return bernoulli_distortion(pairs.after, translator(pairs.before)).mean() / n_pixels


def translation_loss(
    translator: Bound, train: Pairs, test: Pairs, *, steps: int, rate: float
) -> Tensor:
    r"""`cross_entropy` on unseen pairs after steps of gradient descent on others.

    Gradients flow through the steps into the images of both kinds, and so into what decoded them.

    Args:
        translator: the net M at the parameters it begins with.
        train, test: pairs of the same feature and the same two values.
        steps, rate: s and α, in units of a loss per pixel.

    Returns: a scalar, nats per pixel.

    Raises: ValueError on a number of steps below 0.

    Source: Algorithm 1 of paper B, which gives neither M, nor its first parameters, nor s, nor α.
    """
    trained = unrolled(lambda net: cross_entropy(net, train), translator, steps=steps, rate=rate)
    return cross_entropy(trained, test)


def translator(
    build: Callable[[], nn.Module], *, steps: int, rate: float
) -> Callable[[tuple[Tensor, Tensor], tuple[Tensor, Tensor], int], float]:
    """A function (train, test, seed) -> `translation_loss` of a new net, as a number.

    Args:
        build: makes the net M; its first weights follow from the seed.
        steps, rate: s and α.

    Raises: ValueError on a number of steps below 0, or a rate that is not above 0.
    """
    if not 0 < rate < math.inf or steps < 0:
        raise ValueError(
            f"rate must be above 0 and finite, and steps 0 or more, got {rate} and {steps}"
        )

    def learn(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], seed: int) -> float:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = build()
        start = Bound(net, {name: value.detach() for name, value in net.named_parameters()})
        with torch.no_grad():
            pairs = Pairs(*train), Pairs(*test)
            return float(translation_loss(start, *pairs, steps=steps, rate=rate))

    return learn
