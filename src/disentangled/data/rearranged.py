"""HDF5 images that are slow to read one by one, copied once to where each can be read alone.

HDF5 packs an array in chunks, and to read a number means to unpack its chunk. Where a chunk holds
a few pixels of thousands of images, a batch drawn at random costs as much as all of them. In the
copy each image is a chunk, with a checksum of its own; the newest format has them for the rest.
"""

from __future__ import annotations

import contextlib
import itertools
from os import PathLike
from pathlib import Path

import h5py
import numpy as np

from disentangled import progress
from disentangled.data.files import bad_file, claim, roots, writing
from disentangled.data.hdf5 import DAMAGE, Hdf5Images
from disentangled.data.images import averaged

FOLDER = "rearranged"
BLOCK = 15_000
"""Images that are read together: those of a chunk of the published Shapes3D."""
AT_ONCE = 500
"""Images that are averaged and written together."""


def rearranged(
    path: Path,
    key: str,
    shape: tuple[int, int, int, int],
    size: int,
    root: str | PathLike[str] | None,
    mend: str,
) -> Hdf5Images:
    """Images (N, 3, size, size) of a file, read from a copy that is made if there is none.

    A copy is looked for below the folders of the data files, and put below the first of these that
    can be written to. It knows the size and the time of the file that it was made from; from
    another file it is made anew. No more than a block of images is in memory.

    Args:
        path: the file.
        key: name of the array in it.
        shape: what the array must be: (N, side, side, C), uint8.
        size: the side of the copied images, averaged over square blocks.
        root: folder of the data files, or None for the usual ones.
        mend: the sentence of errors that says where a good file is to be had.

    Raises:
        ValueError: a file that is not what it should be.
        PermissionError: no folder in which a copy can be put.
    """
    name = Path(FOLDER) / f"{path.stem}_{size}px.h5"
    copies = [place / name for place in roots(root)]
    there = next((copy for copy in copies if _is_of(copy, path)), None)
    if there is None:
        place, held = claim(copies)
        if place is None:
            raise PermissionError(
                f"expected a folder to put the rearranged images of {path} in, but none of "
                f"{', '.join(str(copy.parent) for copy in copies)} can be written. Set "
                "DISENTANGLED_DATA to a folder of yours that has the file"
            )
        with held:
            if not _is_of(place, path):  # another process may have been first
                _copy(path, key, shape, size, place, mend)
        there = place
    again = f"Delete it, and it is made again from {path}"
    return Hdf5Images(there, "images", axes="nchw", mend=again)


def _stamp(path: Path) -> list[int]:
    """What tells a file from another of the same name: its size and when it was changed."""
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def _is_of(copy: Path, path: Path) -> bool:
    """Whether a file is there and a copy of another; one that cannot be read is none."""
    if not copy.is_file():  # a pipe would be waited for
        return False
    try:
        with h5py.File(copy, "r") as file:
            return "images" in file and list(file.attrs.get("source", ())) == _stamp(path)
    except (*DAMAGE, TypeError):
        return False


def _copy(
    path: Path, key: str, shape: tuple[int, int, int, int], size: int, place: Path, mend: str
) -> None:
    """Write aside and rename; the lock is held, so that what lies aside is nobody's."""
    source = Hdf5Images(path, key, axes="nhwc", mend=mend)
    n_images, height, width, n_channels = shape
    if source.shape != (n_images, n_channels, height, width):
        n, c, h, w = source.shape
        raise bad_file(path, f"{key} of shape {shape}", f"{(n, h, w, c)}", mend)
    aside = place.with_name(f".{place.stem}.partial")
    about = f"{path.name}, {n_images:,} images of {size} px, once"
    try:
        with (
            writing(place),
            contextlib.closing(source),
            h5py.File(aside, "w", libver="latest") as file,
        ):
            images = file.create_dataset(
                "images",
                (n_images, n_channels, size, size),
                np.uint8,
                chunks=(1, n_channels, size, size),
                compression="lzf",
                fletcher32=True,
            )
            with progress.bar(about, n_images, unit="image") as bar:
                for first in range(0, n_images, BLOCK):
                    parts = source[first : first + BLOCK].split(AT_ONCE)
                    for start, part in zip(itertools.count(first, AT_ONCE), parts, strict=False):
                        images[start : start + len(part)] = averaged(part, size).numpy()
                        bar.update(len(part))
            file.attrs["source"] = _stamp(path)
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)
