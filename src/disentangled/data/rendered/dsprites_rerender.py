"""Our own renderer of the dSprites scenes: any size, any part of the grid, CPU or GPU.

The scene was measured on the real images. The canvas is 64 px wide with y pointing down; a sprite
is centred at (16 + 32 x, 16 + 32 y) for positions x, y in [0, 1], scaled linearly by 0.5 to 1,
and turned counter-clockwise on the screen by its orientation. A pixel is on when its centre
(column + 1/2, row + 1/2) lies inside the shape: there is no anti-aliasing. At scale 1

    square   |u|, |v| <= 9.6 px, its corners rounded to 1/256 px
    ellipse  (u / 12.762)^2 + (v / 7.216)^2 <= 1
    heart    |(u, v)| <= r(angle), mirror-symmetric, an outline of 1,200 radii (heart_outline.csv)

What comes out is called "re-render", never dSprites: a few boundary pixels differ (the command
`python -m disentangled.data agreement` counts them).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from importlib import resources
from os import PathLike

import numpy as np
import torch
from torch import Tensor

from disentangled.data.dsprites import (
    COARSE,
    FULL,
    NATIVE_SIZE,
    ORIENTATIONS,
    POSITIONS,
    SCALES,
    SHAPES,
    Grid,
    labelled,
)
from disentangled.data.factor_data import FactorData
from disentangled.data.images import gather
from disentangled.data.resampled import DSPRITES, loaders

HALF_SIDE = 9.6
SEMI_AXES = (12.762, 7.216)
CORNER_STEP = 1 / 256
REACH = {"square": HALF_SIDE * math.sqrt(2) + CORNER_STEP, "ellipse": SEMI_AXES[0], "heart": 11.3}


@cache
def heart_outline() -> Tensor:
    """Radii of the heart's right half in px at scale 1: (1200,) float64.

    Entry i is the radius at the angle ((i + 1/2) / 1200 - 1/2) pi, seen from the sprite's
    centre, -pi/2 pointing up and pi/2 down; between entries it is linear. Fitted on the real
    images of the coarse grid (`calibration.fit_heart_outline`).
    """
    file = resources.files("disentangled.data.rendered") / "heart_outline.csv"
    text = file.read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return torch.from_numpy(np.array(lines[1:], dtype=np.float64))


def render(
    shape: str,
    scale: float,
    orientation: float,
    position_x: Tensor,
    position_y: Tensor,
    *,
    size: int = NATIVE_SIZE,
    device: torch.device | str = "cpu",
) -> Tensor:
    """One sprite at every position of a grid, each point test inside its bounding box only.

    Args:
        shape: "square", "ellipse" or "heart".
        scale: size of the sprite; 1 is the largest of dSprites.
        orientation: radians, counter-clockwise on the screen.
        position_x: (X,) in [0, 1], from left to right.
        position_y: (Y,) in [0, 1], from top to bottom.
        size: side of the images in px; the scene is the same at every size.
        device: where to render.

    Returns:
        bool (X, Y, size, size); the axes of an image are row and column.
    """
    unit = size / NATIVE_SIZE
    # Apple's GPUs have no float64; a few boundary pixels may then differ
    dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64
    centre_x, centre_y = (
        (16 + 32 * torch.as_tensor(position, dtype=dtype, device=device)) * unit
        for position in (position_x, position_y)
    )
    reach = REACH[shape] * scale * unit
    width = min(math.floor(2 * reach) + 1, size)
    left = (centre_x - reach - 0.5).ceil().long().clamp(0, size - width)  # (X,)
    top = (centre_y - reach - 0.5).ceil().long().clamp(0, size - width)  # (Y,)
    box = torch.arange(width, device=device)
    column, row = left[:, None] + box, top[:, None] + box  # (X, w), (Y, w)
    cos, sin = math.cos(orientation), math.sin(orientation)
    stretch = scale * unit

    if shape == "square":
        inside = _inside_square(column + 0.5, row + 0.5, centre_x, centre_y, cos, sin, stretch)
    else:
        right = (column + 0.5 - centre_x[:, None]) / stretch
        down = (row + 0.5 - centre_y[:, None]) / stretch
        u, v = turned_back(right[:, None, None, :], down[None, :, :, None], orientation)
        inside = _inside_ellipse(u, v) if shape == "ellipse" else _inside_heart(u, v)

    images = torch.zeros(len(centre_x), len(centre_y), size, size, dtype=torch.bool, device=device)
    image = torch.arange(len(centre_x) * len(centre_y), device=device)
    place = (
        image.view(len(centre_x), len(centre_y), 1, 1) * size * size
        + row[None, :, :, None] * size
        + column[:, None, None, :]
    )
    images.view(-1)[place.view(-1)] = inside.reshape(-1)
    return images


def _inside_square(
    column: Tensor,
    row: Tensor,
    centre_x: Tensor,
    centre_y: Tensor,
    cos: float,
    sin: float,
    stretch: float,
) -> Tensor:
    """Four half-planes between corners rounded to 1/256 px: (X, Y, w, w).

    A pixel centre exactly on an edge belongs to the square if the edge is a left one or the
    bottom one, the rule of the original's rasteriser (whose y points up).
    """
    half = HALF_SIDE * stretch
    corners = [
        (
            _rounded(centre_x + half * (u * cos + v * sin)),
            _rounded(centre_y + half * (v * cos - u * sin)),
        )
        for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    directions = ((cos, -sin), (sin, cos), (-cos, sin), (-sin, -cos))  # clockwise on the screen
    sides = []
    for k, (right, down) in enumerate(directions):
        (x0, y0), (x1, y1) = corners[k], corners[(k + 1) % 4]
        along_y = (row - y0[:, None])[None, :, :, None] * (x1 - x0)[:, None, None, None]
        along_x = (column - x0[:, None])[:, None, None, :] * (y1 - y0)[None, :, None, None]
        left_or_bottom = down < -1e-9 or (abs(down) <= 1e-9 and right < 0)
        sides.append(along_y >= along_x if left_or_bottom else along_y > along_x)
    return sides[0] & sides[1] & sides[2] & sides[3]


def _rounded(coordinate: Tensor) -> Tensor:
    return (coordinate / CORNER_STEP).round() * CORNER_STEP


def turned_back(right: Tensor, down: Tensor, orientation: float) -> tuple[Tensor, Tensor]:
    """Screen offsets from the sprite's centre in the sprite's own frame: (u, v), v down."""
    cos, sin = math.cos(orientation), math.sin(orientation)
    return right * cos - down * sin, right * sin + down * cos


def heart_polar(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Radius, and angle from straight up (0) to straight down (1); left and right coincide."""
    return torch.hypot(u, v), torch.atan2(v, u.abs()) / math.pi + 0.5


def _inside_ellipse(u: Tensor, v: Tensor) -> Tensor:
    return (u / SEMI_AXES[0]) ** 2 + (v / SEMI_AXES[1]) ** 2 <= 1


def _inside_heart(u: Tensor, v: Tensor) -> Tensor:
    outline = heart_outline().to(u)
    radius, angle = heart_polar(u, v)
    entry = (angle * len(outline) - 0.5).clamp(0, len(outline) - 1)
    before = entry.long().clamp(max=len(outline) - 2)
    return radius <= torch.lerp(outline[before], outline[before + 1], entry - before)


def blocks(
    grid: Grid, *, size: int = NATIVE_SIZE, device: torch.device | str = "cpu"
) -> Iterator[Tensor]:
    """The images of a grid in its order, one sprite at all positions a block.

    Yields:
        bool (X * Y, 1, size, size), for every shape, scale and orientation; y is fastest.
    """
    position_x, position_y = POSITIONS[list(grid.position_x)], POSITIONS[list(grid.position_y)]
    for shape in grid.shape:
        for scale in grid.scale:
            for orientation in grid.orientation:
                images = render(
                    SHAPES[shape],
                    float(SCALES[scale]),
                    float(ORIENTATIONS[orientation]),
                    position_x,
                    position_y,
                    size=size,
                    device=device,
                )
                yield images.flatten(0, 1).unsqueeze(1)


def load_full(root: str | PathLike[str] | None, size: int) -> FactorData:
    """All 737,280 scenes: 377 MB at 64 px, one bit a pixel; half a minute on one core."""
    images = gather(blocks(FULL), size, packed=True)
    return labelled("dsprites_rerender", images, FULL.factors(), FULL.sizes, "re-render")


def load_grid(root: str | PathLike[str] | None, size: int) -> FactorData:
    """The 46,080 scenes of every 4th orientation and every 2nd position, in two seconds."""
    images = gather(blocks(COARSE), size, packed=False)
    return labelled("dsprites_rerender_grid", images, COARSE.factors(), COARSE.sizes, "re-render")


load_full_correlated, load_full_independent, load_full_held_out = loaders(load_full, DSPRITES)
load_grid_correlated, load_grid_independent, load_grid_held_out = loaders(
    load_grid, DSPRITES.part(0.1)
)
