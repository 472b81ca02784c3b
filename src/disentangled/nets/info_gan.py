"""Nets of InfoGAN and InfoGAN-CR: a generator, a discriminator that reads codes, and a judge of
pairs of images (Lin et al. 2020, public code for dSprites).

Weights start normal with standard deviation `START`, biases at zero. Every layer of the nets that
judge images has spectral norm, but for the last one of `contrastive`.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn

from disentangled.nets.conv import side_after
from disentangled.nets.critic import LEAK
from disentangled.nets.kernels import Conv2d, ConvTranspose2d
from disentangled.nets.spectral import spectral_norm

N_NOISE = 5
"""Numbers that a generator gets beside the code, and which no net is asked to read back."""

START = 0.02
"""Standard deviation of the weights before training."""

Shape = tuple[int, int, int]
Layer = nn.Linear | Conv2d | ConvTranspose2d


class Widths(NamedTuple):
    """Channels of the four convolutions from the image on, and units of the dense layers."""

    maps: tuple[int, int, int, int]
    dense: int


PUBLISHED = Widths((32, 32, 64, 64), 128)
SMALL = Widths((16, 32, 32, 32), 128)


def _started(layer: Layer) -> Layer:
    nn.init.normal_(layer.weight, std=START)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _judging(layer: Layer) -> list[nn.Module]:
    """A layer of a net that judges: spectral norm, then leaky ReLU."""
    return [spectral_norm(_started(layer)), nn.LeakyReLU(LEAK)]


def _making(layer: Layer, *after: nn.Module) -> list[nn.Module]:
    """A layer of the generator: what follows it, then batch norm of what that gives."""
    norm = nn.BatchNorm1d if isinstance(layer, nn.Linear) else nn.BatchNorm2d
    size = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    return [_started(layer), *after, norm(size)]


def _trunk(channels: int, shape: Shape, widths: Widths) -> list[nn.Module]:
    """Four 4 x 4 convolutions that halve the picture, and a dense layer."""
    side = side_after(shape, 4)
    maps = [layer for pair in pairwise((channels, *widths.maps))
            for layer in _judging(Conv2d(*pair, 4, 2, 1))]  # fmt: skip
    features = widths.maps[-1] * side**2
    return [*maps, nn.Flatten(), *_judging(nn.Linear(features, widths.dense))]


def generator(shape: Shape, n_axes: int, widths: Widths = PUBLISHED) -> nn.Module:
    """Dense 128 1024, then 64 32 32 C transposed 4 x 4; batch norm (Lin et al. 2020).

    Code and noise (B, D + N_NOISE) to logits (B, C, H, W). Dense layers have a ReLU, the others a
    leaky one, and batch norm comes after it; the last layer has neither.
    """
    side = side_after(shape, 4)
    mirrored = widths.maps[::-1]
    folded = (mirrored[0], side, side)
    maps = [layer for pair in pairwise(mirrored)
            for layer in _making(ConvTranspose2d(*pair, 4, 2, 1), nn.LeakyReLU(LEAK))]  # fmt: skip
    return nn.Sequential(
        *_making(nn.Linear(n_axes + N_NOISE, widths.dense), nn.ReLU()),
        *_making(nn.Linear(widths.dense, math.prod(folded)), nn.ReLU()),
        nn.Unflatten(1, folded),
        *maps,
        _started(ConvTranspose2d(mirrored[-1], shape[0], 4, 2, 1)),
    )


class Discriminator(nn.Module):
    """Images (B, C, H, W) to a logit of "from the data" (B,) and the code that they show (B, D).

    Both heads read one trunk: that of "from the data" is linear, the other has a layer of its own.
    """

    def __init__(self, shape: Shape, n_axes: int, widths: Widths) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*_trunk(shape[0], shape, widths))
        self.realness = spectral_norm(_started(nn.Linear(widths.dense, 1)))
        self.code = nn.Sequential(
            *_judging(nn.Linear(widths.dense, widths.dense)),
            spectral_norm(_started(nn.Linear(widths.dense, n_axes))),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.trunk(x)
        return self.realness(seen).squeeze(-1), self.code(seen)


def discriminator(shape: Shape, n_axes: int, widths: Widths = PUBLISHED) -> nn.Module:
    """32 32 64 64 (4 x 4), dense 128, and heads of realness and code (Lin et al. 2020)."""
    return Discriminator(shape, n_axes, widths)


def contrastive(shape: Shape, n_axes: int, widths: Widths = PUBLISHED) -> nn.Module:
    """32 32 64 64 (4 x 4), dense 128, of pairs of images: which axis they share (Lin et al. 2020).

    Pairs (B, 2 C, H, W) to logits (B, D), one an axis. The trunk is built as the discriminator's
    and has weights of its own.
    """
    return nn.Sequential(
        *_trunk(2 * shape[0], shape, widths), _started(nn.Linear(widths.dense, n_axes))
    )


def small_generator(shape: Shape, n_axes: int) -> nn.Module:
    """Dense 128 and 32 small maps, then 32 32 16 C: for images of 32 x 32 pixels and a laptop."""
    return generator(shape, n_axes, SMALL)


def small_discriminator(shape: Shape, n_axes: int) -> nn.Module:
    """16 32 32 32 (4 x 4), dense 128, and heads of realness and code."""
    return discriminator(shape, n_axes, SMALL)


def small_contrastive(shape: Shape, n_axes: int) -> nn.Module:
    """16 32 32 32 (4 x 4), dense 128, of pairs of images: which axis they share."""
    return contrastive(shape, n_axes, SMALL)
