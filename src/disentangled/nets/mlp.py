"""Fully connected nets: Chen et al.'s for dSprites, and small ones for a laptop."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import nn

from disentangled.nets.heads import Posterior


def perceptron(widths: list[int], activation: type[nn.Module]) -> list[nn.Module]:
    """Linear layers between the widths, each followed by the activation."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return layers


def encoder(shape: tuple[int, int, int], n_axes: int, hidden: list[int]) -> nn.Module:
    """Flattened pixels through ReLU layers of the hidden widths to mean and log-variance."""
    trunk = [nn.Flatten(), *perceptron([math.prod(shape), *hidden], nn.ReLU)]
    return Posterior(nn.Sequential(*trunk), hidden[-1], n_axes)


def decoder(shape: tuple[int, int, int], n_axes: int, hidden: list[int]) -> nn.Module:
    """A code through tanh layers of the hidden widths to logits of the image."""
    layers = perceptron([n_axes, *hidden], nn.Tanh)
    return nn.Sequential(*layers, nn.Linear(hidden[-1], math.prod(shape)), nn.Unflatten(1, shape))


def chen_encoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """4096-1200-1200 with ReLU (Chen et al. 2018, public code)."""
    return encoder(shape, n_axes, [1200, 1200])


def chen_decoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """10-1200-1200-1200-4096 with tanh (Chen et al. 2018, public code)."""
    return decoder(shape, n_axes, [1200, 1200, 1200])


def small_encoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """Chen's encoder with 256 units."""
    return encoder(shape, n_axes, [256, 256])


def small_decoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """Chen's decoder with 256 units and two hidden layers."""
    return decoder(shape, n_axes, [256, 256])


def tiny_encoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """Chen's encoder with 64 units: the net of the smoke profile."""
    return encoder(shape, n_axes, [64, 64])


def tiny_decoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """Chen's decoder with 64 units and two hidden layers."""
    return decoder(shape, n_axes, [64, 64])
