"""The real Cars3D: 17,568 images of 183 cars, from the archive as published or unpacked.

`data/cars/` holds one MATLAB file a car, with the array `im`, uint8 (128, 128, 3, 24, 4): row,
column, colour, azimuth, elevation. The archive has other folders besides, and is read in memory:
nothing is unpacked to disk.

Object numbers follow the sorted names of the files. The reader that many papers used takes the
files in the order of the file system, so that its numbers mean other cars on other machines.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import scipy.io
import torch
from numpy.typing import NDArray
from torch import Tensor

from disentangled.data.factor_data import FactorData
from disentangled.data.files import BadFile, MiB, bad_file, check_size, find, reading
from disentangled.data.images import resized
from disentangled.data.layout import Layout, grid
from disentangled.data.tars import members

LAYOUT = grid(unordered=("object",), elevation=4, azimuth=24, object=183)
ARCHIVE = "nips2015-analogy-data.tar.gz"
FOLDER = "data/cars"
NATIVE_SIZE = 128
MOST_OF_A_CAR = 64 * MiB
"""Bytes of a car's file, unpacked; those of the archive have 7 MB."""
PACKED = 15
"""The number of a packed element in a MATLAB file."""
MEND = (
    "`make data NAME=cars3d` (python -m disentangled.data download cars3d) downloads the official "
    "archive with its checksum; without it use data.load('cars3d_twin')"
)


def find_cars(root: str | PathLike[str] | None) -> Path:
    """The unpacked folder `data/cars`, else the archive.

    Raises:
        FileNotFoundError: neither is there.
    """
    return find([FOLDER, ARCHIVE], root, subfolder="cars3d", mend=MEND)


def load(root: str | PathLike[str] | None, size: int, *, layout: Layout = LAYOUT) -> FactorData:
    """All images in the order elevation, azimuth, object, the last fastest.

    Resized from 128 px by Pillow's Lanczos filter, what overshoots clipped to 0..255.

    Args:
        root: folder of the data files.
        size: side of the images in px.
        layout: the combinations that the files must hold.

    Raises:
        FileNotFoundError: neither the folder nor the archive is there.
        ValueError: content that is not what it should be.
    """
    path = find_cars(root)
    n_elevations, n_azimuths, n_cars = layout.sizes
    shape = (NATIVE_SIZE, NATIVE_SIZE, 3, n_azimuths, n_elevations)
    cars: dict[str, Tensor] = {}
    for place, content in _in_folder(path) if path.is_dir() else _in_archive(path):
        images = _images(place, content, shape)  # (row, column, colour, azimuth, elevation)
        flat = images.transpose(4, 3, 2, 0, 1).reshape(-1, 3, NATIVE_SIZE, NATIVE_SIZE)
        cars[place.name] = resized(flat, size)
    if len(cars) != n_cars:
        raise bad_file(path, f"{n_cars} files {FOLDER}/*.mat", f"{len(cars)}", MEND)
    whole = torch.stack([cars[name] for name in sorted(cars)], dim=1).flatten(0, 1)
    return layout.data("cars3d", whole, "real")


def _in_folder(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.glob("[!.]*.mat")):
        check_size(path, "a car", path.stat().st_size, MOST_OF_A_CAR, MEND)
        with reading(path, "a car", MEND):
            content = path.read_bytes()
        yield path, content


def _in_archive(path: Path) -> Iterator[tuple[Path, bytes]]:
    """The cars' files in an archive, each as where it is and what it holds."""

    def ours(place: PurePosixPath) -> bool:
        is_car = place.suffix == ".mat" and place.name[0] != "."
        return is_car and place.parts[-3:-1] == ("data", "cars")

    for place, content in members(path, ours, MOST_OF_A_CAR, MEND):
        yield path / place.name, content


def _images(path: Path, content: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array `im` of a MATLAB file, its shape and type looked at before it is read, and what
    was read once more: a file may keep numbers of another type than it declares."""
    expected = f"a MATLAB file with im, uint8 of shape {shape}"
    image = None
    try:
        content = _unpacked(path, content)
        found = {name: (came, kind) for name, came, kind in scipy.io.whosmat(io.BytesIO(content))}
        if found.get("im") == (shape, "uint8"):
            image = scipy.io.loadmat(io.BytesIO(content), variable_names=["im"])["im"]
    except BadFile:
        raise
    except Exception as error:  # scipy raises whatever damage makes its reader stumble on
        raise bad_file(path, expected, f"damaged or other content ({error})", MEND) from error
    if image is None:
        raise bad_file(path, expected, f"the arrays {found}", MEND)
    if image.dtype != np.uint8 or image.shape != shape:
        raise bad_file(path, expected, f"{image.dtype} of shape {image.shape}", MEND)
    if image.max() <= 1:
        raise bad_file(path, "im with pixels up to 255", f"0 to {image.max()}", MEND)
    return image


def _unpacked(path: Path, content: bytes) -> bytes:
    """A MATLAB file with its packed elements unpacked, as far as `MOST_OF_A_CAR` allows: they do
    not say how large they become. One of another version stays as it is."""
    if content[124:128] not in (b"\x00\x01IM", b"\x01\x00MI"):
        return content
    order: Literal["little", "big"] = "little" if content[126:128] == b"IM" else "big"
    parts, at = [content[:128]], 128
    while at < len(content):
        kind, size = (int.from_bytes(content[at + i : at + i + 4], order) for i in (0, 4))
        end = at + 8 + size
        if kind != PACKED:
            parts.append(content[at:end])
        else:
            unzip = zlib.decompressobj()
            left = MOST_OF_A_CAR - sum(map(len, parts))
            parts.append(unzip.decompress(content[at + 8 : end], max(left, 1)))
            if not unzip.eof:
                more = unzip.unconsumed_tail
                check_size(path, "a car", MOST_OF_A_CAR + len(more), MOST_OF_A_CAR, MEND)
                raise EOFError("a packed element is cut off")
        at = end
    return b"".join(parts)
