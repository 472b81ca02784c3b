"""Random inputs of a game: what is drawn ahead on the CPU, and what is read of it at each step.

Drawing uses the seed's own generator and fills a chunk of steps at once; reading runs on the
device that trains, for all seeds of a stack together. A recipe declares its inputs by name, and
the order of declaration is the order of drawing: it is part of what a seed means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from disentangled.data import FactorData


class Source(NamedTuple):
    """What an input may draw from, for a chunk of steps of one seed.

    data: the images and factors; drawing indices stays on the CPU.
    steps: T, the steps to draw for; first: the steps that were taken before them.
    batch, n_axes: B and D.
    root: (D, D), Cholesky factor of the noise's covariance; None where the noise is white.
    """

    data: FactorData
    steps: int
    first: int
    batch: int
    n_axes: int
    root: Tensor | None


class Input(NamedTuple):
    """A random input: draw(source, generator) -> (T, ...) on the CPU, for one seed;
    read(data, drawn) -> what a loss gets, from the drawn values (S, ...) of one step, on the
    device. `drawn` never changes from one step to the next but in its values."""

    draw: Callable[[Source, Generator], Tensor]
    read: Callable[[FactorData, Tensor], Tensor]


def _indices(source: Source, generator: Generator) -> Tensor:
    drawn = source.data.draw_index(source.steps * source.batch, generator)
    return drawn.view(source.steps, source.batch)


def _noise(source: Source, generator: Generator) -> Tensor:
    white = torch.randn(source.steps, source.batch, source.n_axes, generator=generator)
    return white if source.root is None else white @ source.root.T


def _keys(source: Source, generator: Generator) -> Tensor:
    return torch.rand(source.steps, source.batch, source.n_axes, generator=generator)


def _pixels(data: FactorData, index: Tensor) -> Tensor:
    return data.pixels(index)


def _ranks(data: FactorData, keys: Tensor) -> Tensor:
    return keys.argsort(dim=-2, stable=True)  # equal keys in one order on every device


def _steps(source: Source, generator: Generator) -> Tensor:
    return torch.arange(source.first, source.first + source.steps)


def as_drawn(data: FactorData, drawn: Tensor) -> Tensor:
    """What was drawn, unchanged."""
    return drawn


def as_drawn_for(name: str, given: Input, source: Source, generator: Generator) -> Tensor:
    """What the input of this name draws for one seed, held against what it must.

    Raises:
        ValueError: it has not a value for each step, or comes from another generator.
    """
    before = torch.random.get_rng_state()
    drawn = given.draw(source, generator)
    if not torch.equal(before, torch.random.get_rng_state()):
        raise ValueError(
            f"the input {name} must draw from the generator that it is given, and draws from "
            "torch's own; pass generator=generator"
        )
    got = tuple(drawn.shape) if isinstance(drawn, Tensor) else type(drawn).__name__
    if not isinstance(drawn, Tensor) or drawn.shape[:1] != (source.steps,):
        raise ValueError(
            f"the input {name} must draw a tensor ({source.steps}, ...), a value for each of "
            f"source.steps, got {got}"
        )
    return drawn


def as_read(name: str, value: Tensor, n_models: int) -> Tensor:
    """What the input of this name reads of one step, held against what it must.

    Raises:
        ValueError: it has not a value for each seed.
    """
    got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    if not isinstance(value, Tensor) or value.shape[:1] != (n_models,):
        raise ValueError(
            f"the input {name} must read a tensor ({n_models}, ...), a value for each seed of the "
            f"stack, got {got}; keep the first axis of what was drawn"
        )
    return value


IMAGES = Input(_indices, _pixels)
"""A batch of images with replacement, x (B, C, H, W)."""

NOISE = Input(_noise, as_drawn)
"""Noise of the code (B, D) with the run's covariance."""

ORDER = Input(_keys, _ranks)
"""A permutation of the batch for every axis (B, D), one in each column."""

STEP = Input(_steps, as_drawn)
"""The number of steps taken before this one, an integer scalar: for weights that change in
training (a capacity that grows, a term that is switched on late). Nothing is drawn for it."""
