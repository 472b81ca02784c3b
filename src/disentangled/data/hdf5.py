"""Images that stay in an HDF5 file: each read takes from the disk what it asks for."""

from __future__ import annotations

import copy
import itertools
import math
import os
from pathlib import Path
from typing import Any, Literal, get_args

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from disentangled.data.files import MiB, bad_file, check_size, unread
from disentangled.data.images import image_index, only_images

DAMAGE = (OSError, RuntimeError, KeyError)
"""What h5py raises of damaged files, according to where the damage is."""
Axes = Literal["nchw", "nhwc", "nhw"]
"""The order of the axes in the file: images, channels, height, width."""
GET = "Put the whole file there"
MOST = 1024 * MiB
"""Bytes that a read may have to unpack besides what it is asked for, and that row numbers take."""


def dataset(
    path: Path,
    file: h5py.File,
    key: str,
    shape: tuple[int, ...],
    dtype: type[Any],
    mend: str,
) -> h5py.Dataset:
    """An array of an open file, its shape, type and chunks looked at; nothing of it is read.

    Args:
        dtype: the type it must have, or the kind of its type, as np.uint8 or np.integer.

    Raises:
        BadFile: no such array, another shape or type, or chunks that cost too much memory.
    """
    array = file.get(key)
    if not isinstance(array, h5py.Dataset):
        raise bad_file(path, f"an array {key!r}", f"the keys {list(file)}", mend)
    check_own(path, file, array, mend)
    if array.shape != shape or not np.issubdtype(array.dtype, dtype):
        expected = f"{key} as {dtype.__name__} of shape {shape}"
        raise bad_file(path, expected, f"{array.dtype} of shape {array.shape}", mend)
    check_chunks(path, array, mend)
    return array


def check_own(path: Path, file: h5py.File, array: h5py.Dataset, mend: str) -> None:
    """The numbers of an array must lie in the file itself: no other is opened by its word.

    Raises:
        BadFile: a link to an array of another file, or one whose numbers are kept in others.
    """
    elsewhere = array.file.filename != file.filename
    if elsewhere or array.is_virtual or array.external:
        raise bad_file(path, f"{array.name} in the file itself", "a link to another file", mend)


def check_chunks(path: Path, array: h5py.Dataset, mend: str) -> None:
    """A number is read by unpacking its chunk, and images with those between them in a chunk.

    Raises:
        BadFile: a chunk, or the images that share one, are larger than `MOST`.
    """
    if array.chunks:
        item = array.dtype.itemsize
        together = min(array.chunks[0], array.shape[0]) * math.prod(array.shape[1:]) * item
        size = max(math.prod(array.chunks) * item, together)
        check_size(path, f"chunks of {array.name}", size, MOST, mend)
    check_size(path, f"row numbers of {array.name}", 8 * array.shape[0], MOST, mend)


class Hdf5Images:
    """Images uint8 of an array in an HDF5 file, read when indexed like a tensor.

    Nothing but the numbers of the images (8 bytes each) is held in memory. The file is opened at
    the first read, once in every process: copies that were forked or pickled open their own.

    Args:
        path: the file.
        key: name of the array, uint8, 0 to 255.
        axes: the order of its axes; without channels ("nhw") there is one.
        mend: the sentence of every error that says where a good file is to be had.

    **Cost**: an image read costs a call and, of a compressed file, the unpacking of its whole
    chunk; images of one chunk, and neighbours, come in one call. A read waits for a GPU whose
    index it is given, and does not pass through vmap.

    Raises:
        FileNotFoundError: no file.
        ValueError: a file without the array, or an array of another type or number of axes.
    """

    dtype = torch.uint8

    def __init__(
        self, path: str | os.PathLike[str], key: str, *, axes: Axes = "nchw", mend: str = GET
    ) -> None:
        if axes not in get_args(Axes):
            raise ValueError(f"expected axes, one of {get_args(Axes)}, got {axes!r}")
        self.path, self.key, self.axes, self.mend = Path(path).absolute(), key, axes, mend
        self.device = torch.device("cpu")
        self._opened: tuple[int, Any] | None = None  # process, array
        self._file_shape: tuple[int, ...] | None = None
        self._file_shape = self._array().shape
        self._rows = torch.arange(self._file_shape[0])  # where each image stands in the file

    @property
    def shape(self) -> torch.Size:
        sizes = dict(zip(self.axes, self._file_shape or (), strict=True))
        return torch.Size((len(self._rows), sizes.get("c", 1), sizes["h"], sizes["w"]))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Tensor:
        """Read the images at index (an integer, slice, mask or integers)."""
        rows = self._rows_at(index)
        shape = (*rows.shape, *self.shape[1:])
        if "meta" in (rows.device.type, self.device.type):
            return torch.empty(shape, dtype=torch.uint8, device="meta")
        try:
            numbers = rows.reshape(-1).numpy()
        except RuntimeError as error:
            raise ValueError(
                f"expected an index whose numbers can be looked at, got one inside vmap or a "
                f"compiled function ({error}); read the images before it"
            ) from error
        images = torch.from_numpy(self._read(numbers))
        if self.axes == "nhwc":
            images = images.movedim(-1, 1)
        return images.reshape(shape).contiguous().to(self.device)

    def to(self, device: torch.device | str) -> Hdf5Images:
        """The same images; what is read goes to another device."""
        moved = copy.copy(self)
        moved.device = torch.empty(0, device=device).device  # "cuda" becomes "cuda:0"
        if self._rows.device.type == "meta":
            moved._rows = self._rows.to(device)  # an error as for tensors: nothing is known
        return moved

    def index_select(self, dim: int, index: Tensor) -> Hdf5Images:
        """The images at index (n,), still in the file; dim is 0."""
        only_images(dim)
        subset = copy.copy(self)
        subset._rows = self._rows_at(index)
        return subset

    def close(self) -> None:
        """Close the file in this process; the next read opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None and opened[1]:
            opened[1].file.close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}

    def _rows_at(self, index: Any) -> Tensor:
        index = image_index(index)
        if not isinstance(index, Tensor):
            return self._rows[index]
        if index.device.type == "meta":
            return self._rows.to("meta")[index]
        return self._rows[index.cpu()]

    def _read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Rows of the file's array (n, ...), in any order, some perhaps twice."""
        array = self._array()
        wanted, place = np.unique(rows, return_inverse=True)
        read = np.empty((len(wanted), *array.shape[1:]), np.uint8)
        chunk = wanted // (array.chunks[0] if array.chunks else 1)
        apart = (np.diff(wanted) > 1) & (np.diff(chunk) > 0)
        ends = [0, *(np.flatnonzero(apart) + 1).tolist(), len(wanted)] if len(wanted) else []
        try:
            for first, end in itertools.pairwise(ends):
                start = wanted[first]
                block = np.s_[start : wanted[end - 1] + 1]
                if block.stop - start == end - first:
                    array.read_direct(read, block, np.s_[first:end])
                else:
                    read[first:end] = array[block][wanted[first:end] - start]
        except DAMAGE as error:
            raise self._damaged(error) from error
        return read if np.array_equal(wanted, rows) else read[place.reshape(-1)]

    def _array(self) -> Any:
        """The file's array, opened by this very process."""
        process = os.getpid()
        if self._opened is None or self._opened[0] != process or not self._opened[1]:
            self.close()  # what was inherited from another process
            self._opened = process, self._open()
        return self._opened[1]

    def _open(self) -> Any:
        if not self.path.is_file():
            raise FileNotFoundError(f"expected the file {self.path}, found none. {self.mend}")
        try:
            file = h5py.File(self.path, "r")
            array, keys = file.get(self.key), list(file)
        except DAMAGE as error:
            raise self._damaged(error) from error
        if not isinstance(array, h5py.Dataset):
            came, expected = f"the keys {keys}", f"an array {self.key!r}"
        elif array.dtype != np.uint8 or array.ndim != len(self.axes):
            came = f"{array.dtype} of shape {array.shape}"
            expected = f"{self.key} as uint8 with the axes {self.axes!r}"
        elif self._file_shape not in (None, array.shape):
            came, expected = f"{array.shape}", f"{self.key} of shape {self._file_shape} as before"
        else:
            check_own(self.path, file, array, self.mend)
            check_chunks(self.path, array, self.mend)
            return array
        file.close()
        raise bad_file(self.path, expected, came, self.mend)

    def _damaged(self, error: Exception) -> Exception:
        return unread(self.path, "an HDF5 file", error, self.mend)
