"""Nets of paper B, as its Tables 4 to 9 print them: encoder, decoder, judges of images.

The encoder gives the code itself, (B, D), without a variance: the paper's model is no VAE. A
judge maps images (B, C, H, W) to one number each (B,). The discriminator and the weight network
differ by the last function alone, which the losses apply: the number is the logit of "from the
data" (Sigmoid), or the logarithm of a weight (Exp).

Convolutions of 4 x 4 halve the picture, as they do with padding 1, which the tables leave out. A
dense layer after which the tables print no activation has none here. A code of several features
has n_features * n_per_feature axes, feature by feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from disentangled.nets.conv import dense, kim_mnih_decoder, side_after, up
from disentangled.nets.critic import LEAK
from disentangled.nets.heads import Posterior
from disentangled.nets.kernels import Conv2d, ConvTranspose2d

Shape = tuple[int, int, int]

PUBLISHED = (32, 32, 64, 64)
SHALLOW = (8, 16, 32)
FLOWERS_CODE = (128, 128, 256, 256)
FLOWERS_JUDGE = (64, 64, 128, 128)


def _activation(leak: float) -> nn.Module:
    return nn.LeakyReLU(leak) if leak else nn.ReLU()


def _seen(shape: Shape, maps: Sequence[int], leak: float = 0.0) -> tuple[list[nn.Module], int]:
    """Convolutions of 4 x 4 that halve the picture, flattened, and how many numbers they give."""
    side = side_after(shape, len(maps))
    layers: list[nn.Module] = []
    for before, after in pairwise((shape[0], *maps)):
        layers += [Conv2d(before, after, 4, 2, 1), _activation(leak)]
    return [*layers, nn.Flatten()], maps[-1] * side**2


def _linear(widths: Sequence[int]) -> list[nn.Module]:
    """Dense layers without activations, as the tables print them."""
    return [nn.Linear(*pair) for pair in pairwise(widths)]


def encoder(shape: Shape, n_axes: int) -> nn.Module:
    """32 32 64 64 (4 x 4), dense 128 (Table 4)."""
    layers, n_features = _seen(shape, PUBLISHED)
    return nn.Sequential(*layers, *_linear([n_features, 128, n_axes]))


decoder = kim_mnih_decoder
"""Dense 128 1024, then 64 32 32 C transposed 4 x 4 (Table 4): Kim and Mnih's."""


def judge(shape: Shape, n_axes: int) -> nn.Module:
    """32 32 64 64 (4 x 4), dense 128, one number (Table 5)."""
    layers, n_features = _seen(shape, PUBLISHED)
    return nn.Sequential(*layers, *_linear([n_features, 128, 1]), nn.Flatten(0))


def shallow_encoder(shape: Shape, n_axes: int) -> nn.Module:
    """8 16 32 (4 x 4), dense 128: for images of 32 x 32 pixels and a laptop, as `conv_shallow`."""
    layers, n_features = _seen(shape, SHALLOW)
    return nn.Sequential(*layers, *_linear([n_features, 128, n_axes]))


def shallow_judge(shape: Shape, n_axes: int) -> nn.Module:
    """8 16 32 (4 x 4), dense 128, one number."""
    layers, n_features = _seen(shape, SHALLOW)
    return nn.Sequential(*layers, *_linear([n_features, 128, 1]), nn.Flatten(0))


def _digits_seen(shape: Shape) -> tuple[list[nn.Module], int]:
    """64 128 (4 x 4, halving), then 128 (3 x 3), flattened (Tables 6 and 7)."""
    layers, n_features = _seen(shape, (64, 128))
    return [*layers[:-1], Conv2d(128, 128, 3, 1, 1), nn.ReLU(), layers[-1]], n_features


def digits_encoder(shape: Shape, n_axes: int) -> nn.Module:
    """64 128 (4 x 4), 128 (3 x 3), one dense layer (Table 6)."""
    layers, n_features = _digits_seen(shape)
    return nn.Sequential(*layers, nn.Linear(n_features, n_axes))


def digits_posterior(shape: Shape, n_axes: int) -> nn.Module:
    """The same with a mean and a log-variance: for FactorVAE on digits."""
    layers, n_features = _digits_seen(shape)
    return Posterior(nn.Sequential(*layers), n_features, n_axes)


def digits_decoder(shape: Shape, n_axes: int) -> nn.Module:
    """One dense layer, then 64 C transposed 4 x 4 (Table 6), mended.

    The table begins with maps of 4 x 4 points, from which two doublings reach 16 x 16 pixels and
    never the 28 x 28 of the digits. Here the first maps have a quarter of the picture's side, 7.
    """
    side = side_after(shape, 2)
    return nn.Sequential(
        *dense(n_axes, 64 * side**2),
        nn.Unflatten(1, (64, side, side)),
        *up(64, 64),
        ConvTranspose2d(64, shape[0], 4, 2, 1),
    )


def digits_judge(shape: Shape, n_axes: int) -> nn.Module:
    """64 128 (4 x 4), 128 (3 x 3), dense 128, one number (Table 7)."""
    layers, n_features = _digits_seen(shape)
    return nn.Sequential(*layers, *_linear([n_features, 128, 1]), nn.Flatten(0))


def flowers_encoder(shape: Shape, n_axes: int) -> nn.Module:
    """128 128 256 256 (4 x 4), dense 512 (Table 8)."""
    layers, n_features = _seen(shape, FLOWERS_CODE)
    return nn.Sequential(*layers, *_linear([n_features, 512, n_axes]))


def flowers_decoder(shape: Shape, n_axes: int) -> nn.Module:
    """Dense 512 4096, then 256 128 128 C transposed 4 x 4 (Table 8)."""
    side = side_after(shape, 4)
    return nn.Sequential(
        *dense(n_axes, 512),
        *dense(512, 256 * side**2),
        nn.Unflatten(1, (256, side, side)),
        *up(256, 256),
        *up(256, 128),
        *up(128, 128),
        ConvTranspose2d(128, shape[0], 4, 2, 1),
    )


def flowers_judge(shape: Shape, n_axes: int) -> nn.Module:
    """64 64 128 128 (4 x 4) with leaky ReLUs, dense 256 twice, one number (Table 9).

    The table leaves out the slope below zero: `LEAK`, as in FactorVAE's critic.
    """
    layers, n_features = _seen(shape, FLOWERS_JUDGE, LEAK)
    return nn.Sequential(*layers, *_linear([n_features, 256, 256, 1]), nn.Flatten(0))


def translator(shape: Shape, n_axes: int) -> nn.Module:
    """16 32 (4 x 4), then 16 C transposed 4 x 4: images to logits of images (B, C, H, W).

    The net M of paper B's translation task, of which the paper says nothing: our choice.
    """
    side_after(shape, 2)
    return nn.Sequential(
        Conv2d(shape[0], 16, 4, 2, 1),
        nn.ReLU(),
        Conv2d(16, 32, 4, 2, 1),
        nn.ReLU(),
        *up(32, 16),
        ConvTranspose2d(16, shape[0], 4, 2, 1),
    )
