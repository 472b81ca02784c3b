"""The real Shapes3D: 480,000 images of solids in a room, read from the HDF5 file as published.

| array | values | what |
|---|---|---|
| `images` | uint8 (480000, 64, 64, 3) | pictures in colour |
| `labels` | float64 (480000, 6) | hues of floor, wall and object, scale, shape, orientation |

The orientation varies fastest. Labels are values, not numbers: hues 0, 0.1 .. 0.9, scales 0.75 to
1.25, shapes 0 to 3, orientations -30 to 30 degrees. That all images stand where their labels say
is checked.

In the published file 15,000 images share a piece of 4 x 4 pixels that is packed as one, so that a
single image costs the unpacking of 184 MB. The file is therefore copied once, a block of images
after the other, to one in which each image can be read alone (`rearranged`).
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from disentangled.data.factor_data import FactorData
from disentangled.data.files import bad_file, find, reading
from disentangled.data.hdf5 import dataset
from disentangled.data.layout import Layout, grid
from disentangled.data.rearranged import rearranged
from disentangled.data.resampled import SHAPES3D, loaders

LAYOUT = grid(
    unordered=("shape",),
    floor_hue=10,
    wall_hue=10,
    object_hue=10,
    scale=8,
    shape=4,
    orientation=15,
)
FILE = "3dshapes.h5"
NATIVE_SIZE = 64
MEND = (
    "`make data NAME=shapes3d` (python -m disentangled.data download shapes3d) downloads the "
    "official file with its checksum; without it use data.load('shapes3d_twin')"
)


def find_file(root: str | PathLike[str] | None) -> Path:
    """The published file.

    Raises:
        FileNotFoundError: it is not there.
    """
    return find([FILE], root, subfolder="shapes3d", mend=MEND)


def load(root: str | PathLike[str] | None, size: int, *, layout: Layout = LAYOUT) -> FactorData:
    """All images, each read from disk when it is asked for.

    The first time at a size takes some minutes, in which the file is rearranged. Smaller
    images are averages over square blocks. `data.images[:]` is all of them in memory, 5.9 GB at
    64 px.

    Args:
        root: folder of the data files.
        size: side of the images in px.
        layout: the combinations that the file must hold.

    Raises:
        FileNotFoundError: no file.
        ValueError: a file that is not what it should be.
        PermissionError: no folder in which the rearranged images can be put.
    """
    path = find_file(root)
    _check_labels(path, layout)
    shape = (layout.n_images, NATIVE_SIZE, NATIVE_SIZE, 3)
    return layout.data("shapes3d", rearranged(path, "images", shape, size, root, MEND), "real")


def _check_labels(path: Path, layout: Layout) -> None:
    """The labels must rise with the numbers of the factors, in the order of the layout."""
    labels = _labels(path, (layout.n_images, len(layout.used)))
    for name, column, numbers in zip(layout.used, labels.T, layout.factors().T, strict=True):
        values, found = np.unique(column, return_inverse=True)
        if not np.array_equal(found, numbers.numpy()):
            raise bad_file(
                path,
                f"{len(layout.used[name])} values of {name}, image by image in the order of the "
                f"whole grid, {list(layout.used)[-1]} fastest",
                f"{len(values)} values in another order or number",
                MEND,
            )


def _labels(path: Path, shape: tuple[int, int]) -> NDArray[Any]:
    with reading(path, "an HDF5 file", MEND), h5py.File(path, "r") as file:
        return dataset(path, file, "labels", shape, np.float64, MEND)[:]


load_correlated, load_independent, load_held_out = loaders(load, SHAPES3D)
