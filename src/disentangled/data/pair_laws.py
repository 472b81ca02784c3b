"""Joint laws of pairs of factors, as papers on correlated factors made their data.

Each is a table for `FactorData.weighted`, float64, one axis a factor. What a paper calls the
strength is not comparable from table to table: print `correlated.dependence` beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from disentangled import information
from disentangled.data.correlated import scaled, two

Pair = tuple[str, str]

BENCHMARK: dict[str, dict[str, list[Pair]]] = {
    "dsprites": {
        "shape_scale": [("shape", "scale")],
        "x_y": [("position_x", "position_y")],
        "shape_y": [("shape", "position_y")],
        "shape_scale_and_x_y": [("shape", "scale"), ("position_x", "position_y")],
        "shape_x_and_scale_y": [("shape", "position_x"), ("scale", "position_y")],
    },
    "shapes3d": {
        "floor_wall": [("floor_hue", "wall_hue")],
        "shape_scale": [("shape", "scale")],
        "shape_wall": [("shape", "wall_hue")],
        "scale_floor_and_shape_wall": [("scale", "floor_hue"), ("shape", "wall_hue")],
        "scale_shape_and_floor_wall": [("scale", "shape"), ("floor_hue", "wall_hue")],
    },
    "cars3d": {
        "elevation_azimuth": [("elevation", "azimuth")],
        "elevation_object": [("elevation", "object")],
        "azimuth_object": [("azimuth", "object")],
    },
}
"""Single and doubled pairs of the benchmark of Roth et al. 2023, under our names of factors."""


def pairwise(sizes: Sequence[int], spread: float) -> Tensor:
    """Two factors that follow each other.

        p(a, b) ∝ exp(-(a - b)² / (2 spread²)),   a and b scaled to [0, 1]

    The marginals are not even: on 10 x 10 values at spread 0.1 the ends come up 0.77 times as
    often as even ones would, and on 6 x 3 values the rarest of the six 0.25 times. For factors
    that run against each other turn the table, `pairwise(...).flip(1)`.

    Raises: ValueError for other than two sizes of at least 2, or a spread that is not positive.
    Source: Roth et al. 2023, whose benchmark calls the spread σ.
    """
    rows, columns = two(sizes)
    apart = scaled(rows)[:, None] - scaled(columns)
    return information.probabilities(torch.exp(-((apart / _positive("spread", spread)) ** 2) / 2))


def joint_of_pairs(sizes: Mapping[str, int], pairs: Sequence[Pair], spread: float) -> Tensor:
    """Factors that follow each other in several pairs: the product of `pairwise`, normalised.

        p(v) ∝ Π over pairs (k, l) of exp(-(v_k - v_l)² / (2 spread²))

    Two pairs without a common factor make a doubled law, `confounded` pairs one cause of many.

    Args:
        sizes: by name the number of values of each factor of the table, in the order of its axes.
        pairs: names of factors.
        spread: as in `pairwise`.

    Raises: ValueError for a pair of factors that are not in `sizes`, or not distinct.
    Source: Roth et al. 2023.
    """
    names = list(sizes)
    weight = torch.ones(tuple(sizes.values()), dtype=torch.float64)
    for pair in pairs:
        if len(set(pair)) != 2 or not set(pair) <= set(names):
            raise ValueError(f"expected pairs of distinct factors of {names}, got {pair}")
        first, second = sorted(names.index(name) for name in pair)
        shape = [1] * len(names)
        shape[first], shape[second] = weight.shape[first], weight.shape[second]
        weight = weight * pairwise((shape[first], shape[second]), spread).reshape(shape)
    return information.probabilities(weight)


def confounded(names: Sequence[str], factor: str) -> list[Pair]:
    """The pairs of a factor with all others, for `joint_of_pairs`."""
    if factor not in names:
        raise ValueError(f"expected a factor of {list(names)}, got {factor!r}")
    return [(factor, other) for other in names if other != factor]


def line(sizes: Sequence[int], width: float) -> Tensor:
    """A blurred straight line from corner to corner of the table of two factors.

    Cells within half of ceil(width · fewest values) cells of the line have weight 1, the others
    0; then a Gaussian filter, of the kernel of about a quarter of the fewest values, blurs it.
    The authors draw the same line as pixels of a picture and round its greys to 8 bits, so that
    single cells at its edges differ.

    Args:
        sizes: how many values each of the two factors has, at least 2.
        width: in parts of the fewest values; 0.2, 0.4 and 0.7 there, and 10, which is even.

    Raises: ValueError for other than two sizes of at least 2, or a width that is not positive.
    Source: the released code of Träuble et al. 2020.
    """
    rows, columns = two(sizes)
    thick = math.ceil(_positive("width", width) * min(rows, columns))
    row, column = torch.arange(rows)[:, None], torch.arange(columns)
    length = math.hypot(rows - 1, columns - 1)
    away = (row * (columns - 1) - column * (rows - 1)).abs() / length  # from the line, in cells
    drawn = (away <= thick / 2).double()
    kernel = min(rows, columns) // 4 // 2 * 2 + 1  # odd
    if kernel == 1:
        return information.probabilities(drawn)
    # what image libraries take for the deviation of a kernel of this many pixels
    deviation = 0.3 * ((kernel - 1) / 2 - 1) + 0.8
    blurred = gaussian_filter(drawn.numpy(), deviation, radius=kernel // 2, mode="mirror")
    return information.probabilities(blurred)


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise ValueError(f"expected {name} above 0, got {value}")
    return value
