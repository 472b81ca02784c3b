"""The flowers twin: drawn flowers whose factors are known, in the place of Oxford Flowers 102.

A flower has a number of petals n, an exponent a that says how full they are, and a size. Its edge
is, at the angle θ from where a petal points,

    edge(θ) = size (0.3 + 0.7 |cos(n θ / 2)|^a)

so that a small a gives full petals and a large one narrow petals. On the middle, 0.28 of the size
across the radius, is a yellow disc; petals are 0.55 bright at their foot and fully lit at their
tips. The background has one of six colours and is a little darker below.

Factors are the petals' hue, their exponent (petal_shape), their number (petal_count), and the
background, whose values are names. How large a flower is and how it is turned vary unlabelled. The
photographs have all of that and more, and no labels of it: what holds of this twin need not hold
of them.
"""

from __future__ import annotations

import colorsys
from os import PathLike

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from disentangled.data.factor_data import FactorData
from disentangled.data.layout import grid
from disentangled.data.palette import PaletteImages, pooled_light, whole_light

NATIVE_SIZE = 64
FINER = 4
"""Points that are looked at in a pixel, along each side."""
EXPONENTS = (0.35, 0.8, 1.8, 4.0)
COUNTS = (3, 4, 5, 6, 8)
SIZES = (0.66, 0.76, 0.86, 0.96)
"""Of the half side of the image."""
TURNS = (0.0, 0.25, 0.5, 0.75)
"""Of the angle between two petals."""
N_HUES = 10
BACKGROUNDS = {
    "leaves": (30, 70, 30),
    "grass": (96, 140, 60),
    "earth": (96, 72, 52),
    "sky": (120, 160, 205),
    "night": (14, 16, 26),
    "wall": (190, 188, 180),
}
YELLOW = (240, 200, 50)
LAYOUT = grid(
    unlabelled=("size", "turn"),
    unordered=("background",),
    petal_hue=N_HUES,
    background=len(BACKGROUNDS),
    petal_shape=len(EXPONENTS),
    petal_count=len(COUNTS),
    size=len(SIZES),
    turn=len(TURNS),
)


def light(exponent: float, count: int, size: float, turn: float) -> NDArray[np.float64]:
    """How much of each pixel is petals, middle and background, and how bright.

    Args:
        exponent: a.
        count: n, the number of petals.
        size: of the half side of the image.
        turn: of the angle between two petals.

    Returns:
        (3, 64, 64), 0 to 255; over regions a pixel sums to 255 at most.
    """
    n = NATIVE_SIZE * FINER
    place = (np.arange(n) + 0.5) * 2 / n - 1
    x, y = place[None, :], -place[:, None]  # y points up
    radius = np.hypot(x, y) / size
    angle = np.arctan2(x, y) - turn * 2 * np.pi / count  # the first petal points up
    edge = 0.3 + 0.7 * np.abs(np.cos(count * angle / 2)) ** exponent
    middle = radius < 0.28
    petals = ~middle & (radius < edge)
    shade = (0.55 + 0.45 * radius / edge, 1, 0.9 + 0.1 * y)
    seen = np.stack([petals, middle, ~(middle | petals)]) * np.stack(np.broadcast_arrays(*shade))
    fine = seen.reshape(3, NATIVE_SIZE, FINER, NATIVE_SIZE, FINER)
    return 255 * fine.mean((2, 4)).clip(0, 1)


def geometries() -> Tensor:
    """The lights of all 320 flowers, shape first and turn fastest: uint8 (320, 3, 64, 64)."""
    flowers = [
        light(exponent, count, size, turn)
        for exponent in EXPONENTS
        for count in COUNTS
        for size in SIZES
        for turn in TURNS
    ]
    return whole_light(torch.from_numpy(np.stack(flowers)))


def palette() -> Tensor:
    """The ten hues of petals, the colours of the backgrounds, and the yellow: uint8 (17, 3)."""
    hues = [colorsys.hsv_to_rgb(k / N_HUES, 0.75, 1) for k in range(N_HUES)]
    petals = torch.tensor(hues).mul(255).round().to(torch.uint8)
    others = torch.tensor([*BACKGROUNDS.values(), YELLOW], dtype=torch.uint8)
    return torch.cat([petals, others])


def load_full(root: str | PathLike[str] | None, size: int) -> FactorData:
    """All 19,200 images, put together when they are read; a few seconds to draw."""
    lights = pooled_light(geometries(), size)
    hue, background = torch.cartesian_prod(
        torch.arange(N_HUES), torch.arange(N_HUES, N_HUES + len(BACKGROUNDS))
    ).T
    yellow = torch.full_like(hue, N_HUES + len(BACKGROUNDS))
    paint = torch.stack([hue, yellow, background], dim=1).repeat_interleave(len(lights), 0)
    geometry = torch.arange(len(lights)).repeat(len(hue))
    images = PaletteImages(lights, geometry, palette(), paint)
    return LAYOUT.data("flowers_twin", images, "twin")
