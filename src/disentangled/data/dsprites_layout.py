"""What is known about dSprites before any image is seen: factors, their values, the order."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

FACTOR_NAMES = ("shape", "scale", "orientation", "position_x", "position_y")
FACTOR_SIZES = (3, 6, 40, 32, 32)
N_IMAGES = math.prod(FACTOR_SIZES)
NATIVE_SIZE = 64

SHAPES = ("square", "ellipse", "heart")
SCALES = torch.arange(5, 11, dtype=torch.float64) / 10
# linspace with both ends: index 39 is index 0 once around, and is made the same number here, so
# that the two images agree to the last pixel
ORIENTATIONS = 2 * math.pi * (torch.arange(40, dtype=torch.float64) % 39) / 39
POSITIONS = torch.arange(32, dtype=torch.float64) / 31


class Grid(NamedTuple):
    """A part of the dSprites grid: the indices used of each factor; position_y varies fastest."""

    shape: tuple[int, ...] = tuple(range(3))
    scale: tuple[int, ...] = tuple(range(6))
    orientation: tuple[int, ...] = tuple(range(40))
    position_x: tuple[int, ...] = tuple(range(32))
    position_y: tuple[int, ...] = tuple(range(32))

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(values) for values in self)

    def factors(self) -> Tensor:
        """Factor values numbered from 0 within the grid, one row an image: (N, 5) int64."""
        return torch.cartesian_prod(*(torch.arange(size) for size in self.sizes))

    def official_index(self) -> Tensor:
        """Where each image stands among the 737,280 of dSprites: (N,) int64."""
        values = torch.cartesian_prod(*(torch.tensor(used) for used in self))
        return flat_index(values)


FULL = Grid()
COARSE = Grid(
    orientation=tuple(range(0, 40, 4)),
    position_x=tuple(range(0, 32, 2)),
    position_y=tuple(range(0, 32, 2)),
)


def flat_index(factors: Tensor) -> Tensor:
    """Index among the 737,280 images of factor values (..., 5) of the full grid: (...)."""
    strides = [math.prod(FACTOR_SIZES[k + 1 :]) for k in range(len(FACTOR_SIZES))]
    return (factors * torch.tensor(strides, device=factors.device)).sum(-1)


def check_size(size: int | None) -> int:
    """The side of the images in px: a divisor of 64, and 64 for None.

    Raises:
        ValueError: any other size.
    """
    sizes = [side for side in range(1, NATIVE_SIZE + 1) if NATIVE_SIZE % side == 0]
    if size is None:
        return NATIVE_SIZE
    if size not in sizes:
        raise ValueError(f"expected size to be one of {sizes} (divisors of 64), got {size!r}")
    return size
