"""The real dSprites images: the official files, or one of two smaller selections.

| file | images | what |
|---|---|---|
| `dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5` or `.npz` | 737,280 | the official set |
| `dsprites_downsampled.npz` | 46,080 | every 4th orientation, every 2nd position |
| `dsprites_subset.npz` | 20,000 | at random from the official set |

They are looked for in the data folder and in its subfolder `dsprites_real/`. The arrays that an
npz pickles (its `metadata`) are never read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from disentangled.data.factor_data import FactorData
from disentangled.data.files import Npz, bad_file, find, reading
from disentangled.data.hdf5 import dataset
from disentangled.data.images import gather
from disentangled.data.resampled import DSPRITES, loaders

FACTOR_NAMES = ("shape", "scale", "orientation", "position_x", "position_y")
FACTOR_SIZES = (3, 6, 40, 32, 32)
N_IMAGES = math.prod(FACTOR_SIZES)
NATIVE_SIZE = 64

NUISANCES = ("shape",)
"""Left out of MIG by Chen et al., who treat it as noise."""
UNORDERED = ("shape",)
"""An ellipse is not between a square and a heart."""

SHAPES = ("square", "ellipse", "heart")
# on the CPU, whatever torch's default device is when this is imported
SCALES = torch.arange(5, 11, dtype=torch.float64, device="cpu") / 10
# linspace with both ends: index 39 is index 0 once around, and is made the same number here, so
# that the two images agree to the last pixel
ORIENTATIONS = 2 * math.pi * (torch.arange(40, dtype=torch.float64, device="cpu") % 39) / 39
POSITIONS = torch.arange(32, dtype=torch.float64, device="cpu") / 31

OFFICIAL = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64"
GRID_FILE = "dsprites_downsampled.npz"
SUBSET_FILE = "dsprites_subset.npz"
FILES = (f"{OFFICIAL}.hdf5", f"{OFFICIAL}.npz", GRID_FILE, SUBSET_FILE)
"""All of them, the largest first."""
N_SUBSET = 20_000
MEND = (
    "`make data` (python -m disentangled.data) downloads the official file with its checksum; "
    "without real images use data.load('dsprites_rerender') or 'dsprites_rerender_grid'"
)
# a multiple of the official file's chunks, so that no chunk is decompressed twice
HDF5_BLOCK = 23_040


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


def labelled(
    name: str, images: Any, factors: Tensor, sizes: Sequence[int], source: str
) -> FactorData:
    """Images of dSprites' scenes (N, C, H, W) with the factors (N, 5) of each."""
    return FactorData(
        name,
        images,
        factors,
        FACTOR_NAMES,
        sizes,
        source=source,
        nuisances=NUISANCES,
        unordered=UNORDERED,
    )


def find_file(root: str | PathLike[str] | None, *names: str) -> Path:
    """The first of the files that is there, of all of them if none is named."""
    return find(list(names or FILES), root, subfolder="dsprites_real", mend=MEND)


def find_grid(root: str | PathLike[str] | None) -> Path:
    """The file of 46,080 images."""
    return find_file(root, GRID_FILE)


def find_subset(root: str | PathLike[str] | None) -> Path:
    """The file of 20,000 images."""
    return find_file(root, SUBSET_FILE)


def load_largest(root: str | PathLike[str] | None, size: int) -> FactorData:
    """The largest real set that is there; its `name` says which one it was."""
    path = find_file(root)
    if path.name == GRID_FILE:
        return _grid(path, size)
    if path.name == SUBSET_FILE:
        return _subset(path, size)
    read = _official_hdf5 if path.suffix == ".hdf5" else _official_npz
    images = gather(_binary(path, read(path)), size, packed=True)
    return labelled("dsprites", images, FULL.factors(), FACTOR_SIZES, "real")


def load_grid(root: str | PathLike[str] | None, size: int) -> FactorData:
    """The 46,080 real images of every 4th orientation and every 2nd position."""
    return _grid(find_grid(root), size)


def load_subset(root: str | PathLike[str] | None, size: int) -> FactorData:
    """The 20,000 real images chosen at random, factors numbered as in the full set."""
    return _subset(find_subset(root), size)


def _grid(path: Path, size: int) -> FactorData:
    factors = COARSE.factors()
    npz = Npz(path, MEND)
    _check_factors(path, npz.array("latents_classes", tuple(factors.shape), np.integer), factors)
    blocks = npz.blocks("imgs", (len(factors), NATIVE_SIZE, NATIVE_SIZE), np.uint8)
    images = gather(_binary(path, blocks), size, packed=False)
    return labelled("dsprites_grid", images, factors, COARSE.sizes, "real")


def _subset(path: Path, size: int) -> FactorData:
    npz = Npz(path, MEND)
    classes = npz.array("latents_classes", (N_SUBSET, len(FACTOR_NAMES)), np.integer)
    if classes.min() < 0 or (classes.max(0) >= FACTOR_SIZES).any():
        expected = f"latents_classes from 0 to below {FACTOR_SIZES}"
        raise bad_file(path, expected, f"{classes.min(0)} to {classes.max(0)}", MEND)
    factors = torch.from_numpy(classes.astype(np.int64))
    index = npz.array("original_dataset_indices", (N_SUBSET,), np.integer)
    if not np.array_equal(flat_index(factors).numpy(), index):
        raise bad_file(
            path,
            "original_dataset_indices that follow from latents_classes (position_y fastest)",
            "indices of other images",
            MEND,
        )
    blocks = npz.blocks("imgs", (N_SUBSET, NATIVE_SIZE, NATIVE_SIZE), np.uint8)
    images = gather(_binary(path, blocks), size, packed=False)
    return labelled("dsprites_subset", images, factors, FACTOR_SIZES, "real")


def _official_npz(path: Path) -> Iterator[NDArray[np.generic]]:
    npz = Npz(path, MEND)
    # column 0 is the colour, always white
    classes = npz.array("latents_classes", (N_IMAGES, 1 + len(FACTOR_NAMES)), np.integer)
    _check_factors(path, classes[:, 1:], FULL.factors())
    yield from npz.blocks("imgs", (N_IMAGES, NATIVE_SIZE, NATIVE_SIZE), np.uint8)


def _official_hdf5(path: Path) -> Iterator[NDArray[np.generic]]:
    with reading(path, "an HDF5 file", MEND), h5py.File(path, "r") as file:
        images = dataset(path, file, "imgs", (N_IMAGES, NATIVE_SIZE, NATIVE_SIZE), np.uint8, MEND)
        shape = (N_IMAGES, 1 + len(FACTOR_NAMES))
        classes = dataset(path, file, "latents/classes", shape, np.integer, MEND)
        _check_factors(path, classes[:, 1:], FULL.factors())
        for start in range(0, N_IMAGES, HDF5_BLOCK):
            yield images[start : start + HDF5_BLOCK]


def _check_factors(path: Path, classes: NDArray[np.generic], expected: Tensor) -> None:
    if not np.array_equal(classes, expected.numpy()):
        raise bad_file(
            path,
            "factors in the order of the whole grid, position_y fastest",
            "another order or other values",
            MEND,
        )


def _binary(path: Path, blocks: Iterator[NDArray[np.generic]]) -> Iterator[Tensor]:
    """Blocks of images (n, 64, 64) as (n, 1, 64, 64), checked to be 0 or 1."""
    for block in blocks:
        if block.max() > 1:
            raise bad_file(path, "images of 0 and 1", f"values up to {block.max()}", MEND)
        yield torch.from_numpy(np.array(block, np.uint8)).unsqueeze(1)


load_largest_correlated, load_largest_independent, load_largest_held_out = loaders(
    load_largest, DSPRITES
)
