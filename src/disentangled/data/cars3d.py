"""The real Cars3D: 17,568 images of 183 cars, from the archive as published or unpacked.

`data/cars/` holds one MATLAB file a car, with the array `im`, uint8 (128, 128, 3, 24, 4): row,
column, colour, azimuth, elevation. The archive has other folders besides, and is read in memory:
nothing is unpacked to disk.

Object numbers follow the sorted names of the files. The reader that many papers used takes the
files in the order of the file system, so that its numbers mean other cars on other machines.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

import scipy.io
import torch
from numpy.typing import NDArray
from torch import Tensor

from disentangled.data.factor_data import FactorData
from disentangled.data.files import bad_file, find, unread
from disentangled.data.images import resized
from disentangled.data.layout import Layout, grid

LAYOUT = grid(unordered=("object",), elevation=4, azimuth=24, object=183)
ARCHIVE = "nips2015-analogy-data.tar.gz"
FOLDER = "data/cars"
NATIVE_SIZE = 128
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
        yield path, path.read_bytes()


def _in_archive(path: Path) -> Iterator[tuple[Path, bytes]]:
    """The cars' files in an archive, each as where it is and what it holds; names are not
    followed."""
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                place = PurePosixPath(member.name)
                ours = place.suffix == ".mat" and place.name[0] != "."
                if member.isfile() and ours and place.parts[-3:-1] == ("data", "cars"):
                    content = archive.extractfile(member)
                    if content is not None:
                        yield path / place.name, content.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise unread(path, "a gzipped tar archive", error, MEND) from error


def _images(path: Path, content: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array `im` of a MATLAB file, its shape and type looked at before it is read."""
    expected = f"a MATLAB file with im, uint8 of shape {shape}"
    image = None
    try:
        found = {name: (came, kind) for name, came, kind in scipy.io.whosmat(io.BytesIO(content))}
        if found.get("im") == (shape, "uint8"):
            image = scipy.io.loadmat(io.BytesIO(content), variable_names=["im"])["im"]
    except Exception as error:  # scipy raises whatever damage makes its reader stumble on
        raise bad_file(path, expected, f"damaged or other content ({error})", MEND) from error
    if image is None:
        raise bad_file(path, expected, f"the arrays {found}", MEND)
    return image
