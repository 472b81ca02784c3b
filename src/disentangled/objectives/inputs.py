"""Random inputs of a game: what is drawn ahead on the CPU, and what is read of it at each step.

Drawing uses the seed's own generator and fills a chunk of steps at once; reading runs on the
device that trains, for all seeds of a stack together. A recipe declares its inputs by name, and
the order of declaration is the order of drawing: it is part of what a seed means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    axes_per_feature: how many axes each feature of the code has.
    """

    data: FactorData
    steps: int
    first: int
    batch: int
    n_axes: int
    root: Tensor | None
    axes_per_feature: int = 1

    @property
    def n_features(self) -> int:
        return self.n_axes // self.axes_per_feature


class Input(NamedTuple):
    """A random input: draw(source, generator) -> (T, ...) on the CPU, for one seed;
    read(data, drawn) -> what a loss gets, from the drawn values (S, ...) of one step, on the
    device. `drawn` never changes from one step to the next but in its values.

    A name in the place of draw is that of an input which draws: its values are read here once
    more, so that, for instance, the factors are those of the images (see `FACTORS`)."""

    draw: Callable[[Source, Generator], Tensor] | str
    read: Callable[[FactorData, Tensor], Tensor]


def _indices(source: Source, generator: Generator) -> Tensor:
    drawn = source.data.draw_index(source.steps * source.batch, generator)
    return drawn.view(source.steps, source.batch)


def _noise(source: Source, generator: Generator) -> Tensor:
    white = torch.randn(source.steps, source.batch, source.n_axes, generator=generator)
    return white if source.root is None else white @ source.root.T


def _keys(source: Source, generator: Generator) -> Tensor:
    keys = torch.rand(source.steps, source.batch, source.n_features, generator=generator)
    return keys.repeat_interleave(source.axes_per_feature, -1)  # a feature's axes stay together


def _pixels(data: FactorData, index: Tensor) -> Tensor:
    return data.pixels(index)


def _ranks(data: FactorData, keys: Tensor) -> Tensor:
    return keys.argsort(dim=-2, stable=True)  # equal keys in one order on every device


def _steps(source: Source, generator: Generator) -> Tensor:
    return torch.arange(source.first, source.first + source.steps)


def _ordered_factors(data: FactorData, index: Tensor) -> Tensor:
    names = [name for name in data.factor_names if name not in data.unordered]
    if not names:
        raise ValueError(
            f"the loss asks for ordered factors of its images, and {data.name} has none; train "
            "on data that have some"
        )
    rows = data.factors[index]  # (..., K)
    return torch.stack([rows[..., data.factor_index(name)] for name in names], -1).float()


def as_drawn(data: FactorData, drawn: Tensor) -> Tensor:
    """What was drawn, unchanged."""
    return drawn


def drawn_from(
    inputs: Mapping[str, Input], source: Source, generator: Generator
) -> dict[str, Tensor]:
    """What the inputs that draw give one seed, by name, in the order of their declaration."""
    return {
        name: _drawn(name, given.draw, source, generator)
        for name, given in inputs.items()
        if not isinstance(given.draw, str)
    }


def read_from(
    inputs: Mapping[str, Input], data: FactorData, drawn: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """What a loss gets of the drawn values of one step, by name."""
    return {
        name: given.read(data, drawn[given.draw if isinstance(given.draw, str) else name])
        for name, given in inputs.items()
    }


def check_inputs(inputs: Mapping[str, Input]) -> None:
    """Hold inputs that read what another one draws against that there is such a one.

    Raises:
        ValueError: the name of no input, or of one that does not draw either.
    """
    drawing = [name for name, given in inputs.items() if not isinstance(given.draw, str)]
    for name, given in inputs.items():
        if isinstance(given.draw, str) and given.draw not in drawing:
            raise ValueError(
                f"the input {name} reads what {given.draw!r} draws, which draws nothing here; "
                f"name one of {', '.join(drawing)}"
            )


def _drawn(
    name: str, draw: Callable[[Source, Generator], Tensor], source: Source, generator: Generator
) -> Tensor:
    """What the input of this name draws for one seed, held against what it must.

    Raises:
        ValueError: it has not a value for each step, or comes from another generator.
    """
    before = torch.random.get_rng_state()
    drawn = draw(source, generator)
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
"""A permutation of the batch for every axis (B, D), one in each column; the axes of a feature
have the same one."""

STEP = Input(_steps, as_drawn)
"""The number of steps taken before this one, an integer scalar: for weights that change in
training (a capacity that grows, a term that is switched on late). Nothing is drawn for it."""

FACTORS = Input("x", _ordered_factors)
"""The ordered factors of the images x, (B, K) in float32, in the order of the data's names: what
a loss is told that is supervised. Factors whose values are mere names are left out."""
