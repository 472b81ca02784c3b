"""The real SmallNORB: 48,600 images of 50 toys, six files as published, gzipped or not.

Each file is a matrix: its type as a magic number, how many dimensions it has, at least three sizes
(all of these int32, little-endian), then the values, the last index fastest.

| file | values | what |
|---|---|---|
| `...-dat.mat` | uint8 (24300, 2, 96, 96) | pairs of images: the left and the right camera |
| `...-cat.mat` | int32 (24300,) | category: animal, human, plane, truck, car |
| `...-info.mat` | int32 (24300, 4) | instance, elevation, azimuth (0, 2 .. 34), lighting |

There are 24,300 pairs in the training files and as many in the testing files; both are read, the
left image of each pair alone. The instance varies unlabelled: it is no factor, and the images
stand in the order category, instance, elevation, azimuth, lighting, the last fastest.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray

from disentangled.data.factor_data import FactorData
from disentangled.data.files import bad_file, find, reading
from disentangled.data.images import resized
from disentangled.data.layout import Layout, grid

LAYOUT = grid(
    unlabelled=("instance",),
    unordered=("category",),
    category=5,
    instance=10,
    elevation=9,
    azimuth=18,
    lighting=6,
)
TRAINING = "smallnorb-5x46789x9x18x6x2x96x96-training"
TESTING = "smallnorb-5x01235x9x18x6x2x96x96-testing"
NATIVE_SIZE = 96
MEND = (
    "`make data NAME=smallnorb` (python -m disentangled.data download smallnorb) downloads the "
    "six official files with their checksums; without them use data.load('smallnorb_twin')"
)
TYPES = {507333717: "uint8", 507333716: "int32", 507333713: "float32", 507333715: "float64"}
"""What the magic numbers mean; the others are of no use here."""
GZIP = b"\x1f\x8b"
BLOCK = 1024


class Split(NamedTuple):
    """The paths of one half of the set."""

    dat: Path
    cat: Path
    info: Path


def find_splits(root: str | PathLike[str] | None) -> list[Split]:
    """The six files, each gzipped or not.

    Raises:
        FileNotFoundError: one of them is missing; the message names it.
    """
    return [
        Split(
            *(
                find(
                    [f"{stem}-{kind}.mat", f"{stem}-{kind}.mat.gz"],
                    root,
                    subfolder="smallnorb",
                    mend=MEND,
                )
                for kind in Split._fields
            )
        )
        for stem in (TRAINING, TESTING)
    ]


def find_images(root: str | PathLike[str] | None) -> Path:
    """The training images, where all six files are there."""
    return find_splits(root)[0].dat


def load(root: str | PathLike[str] | None, size: int, *, layout: Layout = LAYOUT) -> FactorData:
    """All images, resized from 96 px by Pillow's Lanczos filter in 8 bits.

    What overshoots at edges is clipped to 0..255. The reader that many papers used filters in
    Pillow's 32-bit mode, which clips nothing: an image of the values 0, 5 and 250 came out with
    -34 to 272. Distortions on its images are on another scale.

    Args:
        root: folder of the data files.
        size: side of the images in px.
        layout: the combinations that the files must hold, half of the instances in each split.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file that is not what it should be.
    """
    splits = find_splits(root)
    n = layout.n_images // len(splits)
    place = np.concatenate([_places(split, layout, n) for split in splits])
    n_double = len(place) - len(np.unique(place))
    if n_double:
        raise bad_file(
            splits[-1].info,
            f"with {splits[0].info.name} every combination of {', '.join(layout.used)} once",
            f"{n_double} of them again",
            MEND,
        )
    images = torch.empty(layout.n_images, 1, size, size, dtype=torch.uint8)
    done = 0
    for split in splits:
        brightest = 0
        for pairs in blocks(split.dat, "uint8", (n, 2, NATIVE_SIZE, NATIVE_SIZE)):
            images[torch.from_numpy(place[done : done + len(pairs)])] = resized(pairs[:, :1], size)
            done += len(pairs)
            brightest = max(brightest, int(pairs.max()))
        if brightest <= 1:
            came = f"0 to {brightest}"
            raise bad_file(split.dat, "grey images with pixels up to 255", came, MEND)
    return layout.data("smallnorb", images, "real")


def _places(split: Split, layout: Layout, n: int) -> NDArray[np.int64]:
    """Where the images of a split stand in the order of the layout: (n,)."""
    category = np.concatenate(list(blocks(split.cat, "int32", (n,))))
    info = np.concatenate(list(blocks(split.info, "int32", (n, 4))))
    values = np.column_stack([category, info]).astype(np.int64)  # (n, 5) in the layout's order
    # azimuths are counted in steps of 10 degrees and taken every 20
    values[:, 3], odd = np.divmod(values[:, 3], 2)
    if odd.any():
        raise bad_file(split.info, "azimuths 0, 2 .. 34", "an odd one", MEND)
    for name, column, size in zip(layout.used, values.T, layout.sizes, strict=True):
        if column.min() < 0 or column.max() >= size:
            path = split.cat if name == "category" else split.info
            came = f"{column.min()} to {column.max()}"
            raise bad_file(path, f"{name} from 0 to {size - 1}", came, MEND)
    strides = [math.prod(layout.sizes[k + 1 :]) for k in range(len(layout.sizes))]
    return values @ np.array(strides)


def blocks(path: Path, dtype: str, shape: tuple[int, ...]) -> Iterator[NDArray[np.generic]]:
    """A matrix file in blocks of rows, its header checked first and its end last.

    Raises:
        ValueError: another type or shape than expected, or data cut off, too long or damaged.
    """
    row_bytes = np.dtype(dtype).itemsize * math.prod(shape[1:])
    with reading(path, f"{dtype} of shape {shape}", MEND), _opened(path) as file:
        _check_header(path, file, dtype, shape)
        for first in range(0, shape[0], BLOCK):
            count = min(BLOCK, shape[0] - first)
            content = file.read(count * row_bytes)
            if len(content) < count * row_bytes:
                raise EOFError(f"the data end in row {first + len(content) // row_bytes}")
            yield np.frombuffer(content, dtype).reshape(count, *shape[1:])
        if file.read(1):
            raise EOFError(f"there are data after row {shape[0] - 1}")


def _opened(path: Path) -> IO[bytes]:
    """The file, unzipped if its first bytes say that it is gzipped, whatever its name."""
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP
    return cast("IO[bytes]", gzip.open(path)) if zipped else path.open("rb")


def _check_header(path: Path, file: IO[bytes], dtype: str, shape: tuple[int, ...]) -> None:
    magic, n_axes = _integers(file, 2)
    if TYPES.get(magic) != dtype:
        (wanted,) = (number for number, name in TYPES.items() if name == dtype)
        came = f"{magic} ({TYPES[magic]})" if magic in TYPES else f"{magic}, no such file"
        raise bad_file(path, f"the magic number {wanted} ({dtype})", came, MEND)
    if n_axes != len(shape):
        raise bad_file(path, f"{dtype} of shape {shape}", f"{n_axes} dimensions", MEND)
    came_shape = _integers(file, max(3, n_axes))[:n_axes]
    if came_shape != shape:
        raise bad_file(path, f"{dtype} of shape {shape}", f"shape {came_shape}", MEND)


def _integers(file: IO[bytes], n: int) -> tuple[int, ...]:
    content = file.read(4 * n)
    if len(content) < 4 * n:
        raise EOFError("the header is cut off")
    return tuple(np.frombuffer(content, "<i4").tolist())
