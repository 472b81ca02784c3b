"""How our rendering was fitted to the real dSprites images, and how well it agrees with them.

The heart's outline is fitted on the coarse grid alone, so that the real images off that grid are
a fair test. The square's side and the ellipse's axes are three numbers and fit nothing by chance.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from disentangled import sealed
from disentangled.data import dsprites
from disentangled.data.dsprites import (
    COARSE,
    N_IMAGES,
    NATIVE_SIZE,
    ORIENTATIONS,
    POSITIONS,
    SCALES,
    SHAPES,
    flat_index,
)
from disentangled.data.factor_data import FactorData
from disentangled.data.files import checkout
from disentangled.data.rendered import dsprites_rerender
from disentangled.data.rendered.dsprites_rerender import heart_polar, turned_back

N_ANGLES = 1200
OUTLINE_HEAD = """\
# The outline of the dSprites heart: radii of its right half in px at scale 1, from the centre.
# Row i is at the angle ((i + 1/2) / 1200 - 1/2) pi, from straight up to straight down.
# Made by `python -m disentangled.data outline` from 15,360 real images of dSprites
# (Apache-2.0, https://github.com/deepmind/dsprites-dataset).
radius_px
"""
HEART = SHAPES.index("heart")


class Agreement(TypedDict):
    """Agreement with the real images of one shape, on the coarse grid or off it."""

    shape: str
    on_coarse_grid: bool
    n_images: int
    exact_share: float
    mean_wrong_pixels: float
    max_wrong_pixels: int


def official_index(data: FactorData) -> Tensor:
    """Where the images of a real set stand among the 737,280: (N,) int64."""
    coarse = data.factor_sizes == COARSE.sizes
    return COARSE.official_index() if coarse else flat_index(data.factors)


def count_wrong_pixels(real: FactorData, rendered: FactorData) -> Tensor:
    """Pixels of each real image that our rendering of all 737,280 scenes gets wrong: (N,)."""
    index = official_index(real)
    wrong = [
        (real.images[rows] != rendered.images[index[rows]]).flatten(1).sum(1)
        for rows in torch.arange(len(real)).split(4096)
    ]
    return torch.cat(wrong)


def agreement(real_sets: Iterable[FactorData], rendered: FactorData) -> list[Agreement]:
    """Agreement by shape, apart for images on the coarse grid (fitted) and off it (held out)."""
    on_grid = torch.zeros(N_IMAGES, dtype=torch.bool)
    on_grid[COARSE.official_index()] = True
    wrong = torch.full((N_IMAGES,), -1, dtype=torch.int64)  # -1: no real image of the scene
    for real in real_sets:
        wrong[official_index(real)] = count_wrong_pixels(real, rendered)
    shape = rendered.factors[:, 0]
    rows: list[Agreement] = []
    for fitted in (True, False):
        for number, name in enumerate(SHAPES):
            counts = wrong[(wrong >= 0) & (on_grid == fitted) & (shape == number)]
            if len(counts) == 0:
                continue
            rows.append(
                {
                    "shape": name,
                    "on_coarse_grid": fitted,
                    "n_images": len(counts),
                    "exact_share": (counts == 0).double().mean().item(),
                    "mean_wrong_pixels": counts.double().mean().item(),
                    "max_wrong_pixels": int(counts.max()),
                }
            )
    return rows


def measure_agreement(root: str | PathLike[str] | None = None) -> list[Agreement]:
    """Agreement with every real image found: the official set, else the grid and the subset.

    Raises:
        FileNotFoundError: no real images.
    """
    largest = dsprites.load_largest(root, NATIVE_SIZE)
    real_sets = [largest]
    if largest.name == "dsprites_grid":
        with contextlib.suppress(FileNotFoundError):
            real_sets.append(dsprites.load_subset(root, NATIVE_SIZE))
    return agreement(real_sets, dsprites_rerender.load_full(None, NATIVE_SIZE))


def agreement_file() -> Path:
    """Where the measured agreement is kept, for readers without the real images."""
    return checkout() / "book" / "results" / "data_sets" / "agreement.json"


def stated_agreement() -> list[Agreement]:
    """The agreement as measured with `python -m disentangled.data agreement`.

    Raises:
        ValueError: a file that was edited.
    """
    again = "`python -m disentangled.data agreement` measures it anew, on the real images"
    return sealed.read(agreement_file(), again)["shapes"]


def fit_heart_outline(root: str | PathLike[str] | None = None) -> Tensor:
    """Radii of the heart's outline, fitted on the real hearts of the coarse grid.

    In each of 1,200 bins of angle, the radius that puts the fewest pixel centres on the wrong
    side; of several, the middle. Then a binomial smoothing over three bins (1, 2, 1), which on
    other real images makes fewer errors than none.

    Returns:
        (1200,) float64, px at scale 1, in the order of `dsprites_rerender.heart_outline`.
    """
    radius, angle, inside = _heart_pixels(dsprites.load_grid(root, NATIVE_SIZE))
    bins = (angle * N_ANGLES).astype(np.int64).clip(0, N_ANGLES - 1)
    order = np.lexsort((radius, bins))
    radius, inside = radius[order], inside[order]
    ends = np.searchsorted(bins[order], np.arange(N_ANGLES + 1))
    raw = [
        _threshold(radius[start:end], inside[start:end]) for start, end in itertools.pairwise(ends)
    ]
    padded = np.pad(raw, 1, mode="reflect")
    return torch.from_numpy((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4)


def outline_table(outline: Tensor) -> str:
    """The text of heart_outline.csv."""
    return OUTLINE_HEAD + "".join(f"{radius:.4f}\n" for radius in outline.tolist())


def _threshold(radius: np.ndarray, inside: np.ndarray) -> float:
    """The middle of the radii that separate inside from outside with the fewest errors."""
    inner = np.concatenate([[0], np.cumsum(inside)])
    errors = inside.sum() - inner + (np.arange(len(inner)) - inner)  # (n + 1,) cuts
    best = np.flatnonzero(errors == errors.min())
    return float(radius[max(best[0] - 1, 0)] + radius[min(best[-1], len(radius) - 1)]) / 2


def _heart_pixels(grid: FactorData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Radius, angle and value of the pixels near the outline of every heart on the grid."""
    shape, *sizes = grid.factor_sizes
    assert isinstance(grid.images, Tensor)
    hearts = grid.images.view(shape, *sizes, NATIVE_SIZE, NATIVE_SIZE)[HEART] != 0
    centre = torch.arange(NATIVE_SIZE, dtype=torch.float64) + 0.5
    offset_x = centre - 16 - 32 * POSITIONS[list(COARSE.position_x), None]  # (X, columns)
    offset_y = centre - 16 - 32 * POSITIONS[list(COARSE.position_y), None]  # (Y, rows)
    parts = []
    for scale in range(sizes[0]):
        for turn, orientation in enumerate(COARSE.orientation):
            right = offset_x[:, None, None, :] / SCALES[scale]
            down = offset_y[None, :, :, None] / SCALES[scale]
            radius, angle = heart_polar(
                *turned_back(right, down, float(ORIENTATIONS[orientation]))
            )
            near = (radius > 3) & (radius < 12)  # the outline runs from 4.8 to 11.3 px
            parts.append((radius[near], angle[near], hearts[scale, turn][near]))
    radii, angles, inside = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
    return radii, angles, inside
