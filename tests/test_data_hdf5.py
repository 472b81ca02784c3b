"""Images that stay in a file: only what is asked for is read, by whoever asks."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from disentangled.data import FactorData
from disentangled.data.hdf5 import Hdf5Images

N, HEIGHT, WIDTH = 40, 2, 3
CHANNELS = 3
# in the file's order: image, row, column, channel
VALUES = np.random.default_rng(0).integers(0, 256, (N, HEIGHT, WIDTH, CHANNELS), np.uint8)
TENSOR = torch.from_numpy(VALUES).movedim(-1, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["images"] = VALUES
        file.create_dataset("chunked", data=VALUES, chunks=(8, 2, 2, 3), compression="gzip")
        file["first"] = VALUES.transpose(0, 3, 1, 2)
        file["grey"] = VALUES[..., 0]
        file["deep/images"] = VALUES
        file["floats"] = VALUES / 255
        file["empty"] = VALUES[:0]
    return tmp_path / "mine.h5"


@pytest.mark.parametrize(
    ("key", "axes"),
    [("images", "nhwc"), ("chunked", "nhwc"), ("first", "nchw"), ("deep/images", "nhwc")],
)
@pytest.mark.parametrize(
    "index",
    [slice(None), slice(3, 37, 5), torch.tensor([[39, 0, 7], [7, 7, -1]]), 5,
     torch.tensor([30, 2, 3, 4, 29, 31, 2]), torch.arange(N) % 3 == 0, torch.arange(N).flip(0)],
)  # fmt: skip
def test_values_whatever_the_order_of_axes(path: Path, key: str, axes, index) -> None:
    images = Hdf5Images(path, key, axes=axes)
    assert images.shape == (N, CHANNELS, HEIGHT, WIDTH)
    found = images[index]
    assert torch.equal(found, TENSOR[index])
    assert found.is_contiguous()


def test_without_channels_there_is_one(path: Path) -> None:
    images = Hdf5Images(path, "grey", axes="nhw")
    assert images.shape == (N, 1, HEIGHT, WIDTH)
    assert torch.equal(images[[3, 1]], TENSOR[[3, 1], :1])


class Spy:
    """An array in a file that notes which rows are read."""

    def __init__(self, array: h5py.Dataset) -> None:
        self.array, self.read = array, []

    def __getattr__(self, name: str):
        return getattr(self.array, name)

    def __getitem__(self, rows: slice):
        self.read.append((rows.start, rows.stop))
        return self.array[rows]

    def read_direct(self, into, rows: slice, where) -> None:
        self.read.append((rows.start, rows.stop))
        self.array.read_direct(into, rows, where)


@pytest.mark.parametrize(
    ("key", "index", "read"),
    [
        # a read for each run of neighbours, however often and in whatever order
        ("images", [9, 2, 9, 3, 30, 2], [(2, 4), (9, 10), (30, 31)]),
        ("images", [], []),
        # chunks of 8 are unpacked whole, so that a chunk is one read
        ("chunked", [9, 2, 9, 5, 30, 2, 15], [(2, 6), (9, 16), (30, 31)]),
        ("chunked", [7, 8], [(7, 9)]),
    ],
)
def test_only_what_is_asked_for_is_read(path: Path, key: str, index, read) -> None:
    images = Hdf5Images(path, key, axes="nhwc")
    spy = Spy(images._array())
    images._array = lambda: spy
    assert torch.equal(images[index], TENSOR[index])
    assert spy.read == read


def test_a_subset_counts_anew(path: Path) -> None:
    images = Hdf5Images(path, "images", axes="nhwc").index_select(0, torch.tensor([30, 4, 4]))
    assert len(images) == 3
    assert torch.equal(images[torch.tensor([-1, 0, 0])], TENSOR[[4, 30, 30]])
    with pytest.raises(IndexError, match="3 is out of bounds"):
        images[3]


def test_a_file_is_opened_again_after_it_was_closed(path: Path) -> None:
    images = Hdf5Images(path, "images", axes="nhwc")
    images.close()
    images.close()
    assert torch.equal(images[4], TENSOR[4])
    images._array().file.close()  # behind its back
    assert torch.equal(images[5], TENSOR[5])


def test_a_pickled_copy_opens_its_own(path: Path) -> None:
    images = Hdf5Images(path, "images", axes="nhwc").index_select(0, torch.tensor([6, 5]))
    assert torch.equal(images[0], TENSOR[6])
    copied = pickle.loads(pickle.dumps(images))
    assert copied._opened is None
    assert torch.equal(copied[:], TENSOR[[6, 5]])
    assert copied._array() is not images._array()
    path.unlink()
    copied.close()
    with pytest.raises(FileNotFoundError, match=r"expected the file .*mine.h5, found none"):
        copied[0]


FORKED = """
import os, sys, torch
from disentangled.data.hdf5 import Hdf5Images
images = Hdf5Images(sys.argv[1], "chunked", axes="nhwc")
whole = images[:]
child = os.fork()
right = all(torch.equal(images[i % 40], whole[i % 40]) for i in range(400))
apart = images._opened[0] == os.getpid()
if child == 0:
    os._exit(0 if right and apart else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), right, apart)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_opens_its_own(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(path)], capture_output=True, text=True, timeout=100
    )
    assert done.stdout == "0 True True\n", done.stderr


def test_data_of_it_train_like_any(path: Path) -> None:
    factors = torch.arange(N)[:, None]
    one, other = (
        FactorData("d", images, factors, ["number"], [N], source="made up")
        for images in (Hdf5Images(path, "images", axes="nhwc"), TENSOR)
    )
    draws = [data.draw(64, torch.Generator().manual_seed(0)) for data in (one, other)]
    assert torch.equal(draws[0].x, draws[1].x)
    assert repr(one) == repr(other)


@pytest.mark.parametrize(
    ("key", "axes", "message"),
    [
        ("imgs", "nhwc", r"an array 'imgs', got the keys \['chunked', 'deep'.*Run it again"),
        ("deep", "nhwc", "an array 'deep'"),
        ("floats", "nhwc", "floats as uint8 with the axes 'nhwc', got float64"),
        ("images", "nhw", "axes 'nhw', got uint8 of shape"),
        ("images", "hwcn", r"one of \('nchw', 'nhwc', 'nhw'\), got 'hwcn'"),
    ],
)
def test_arrays_that_are_not_images_are_errors(path: Path, key: str, axes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hdf5Images(path, key, axes=axes, mend="Run it again")


def test_an_array_of_no_images_is_one_of_length_0(path: Path) -> None:
    images = Hdf5Images(path, "empty", axes="nhwc")
    assert images[:].shape == (0, CHANNELS, HEIGHT, WIDTH)
    with pytest.raises(ValueError, match="at least one image"):
        FactorData("d", images, np.zeros((0, 1), int), ["a"], [1], source="made up")


def test_files_that_are_not_there_or_damaged_are_errors(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none.h5, found none. Put the whole file there"):
        Hdf5Images(path.with_name("none.h5"), "images")
    with pytest.raises(FileNotFoundError, match="found none"):
        Hdf5Images(path.parent, "images")
    content = path.read_bytes()
    for damaged in (b"", b"<html>", content[: len(content) // 2]):
        path.with_name("bad.h5").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"bad.h5: expected an HDF5 file, got a damaged"):
            Hdf5Images(path.with_name("bad.h5"), "images")


def test_a_read_inside_vmap_says_where_to_read(path: Path) -> None:
    images = Hdf5Images(path, "images", axes="nhwc")
    with pytest.raises(ValueError, match=r"inside vmap.*read the images before it"):
        torch.func.vmap(images.__getitem__)(torch.tensor([[1], [2]]))


def test_threads_read_one_file_side_by_side(path: Path) -> None:
    images = Hdf5Images(path, "chunked", axes="nhwc")

    def right(seed: int) -> bool:
        index = torch.randint(N, (50, 4), generator=torch.Generator().manual_seed(seed))
        return all(torch.equal(images[some], TENSOR[some]) for some in index)

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(right, range(8)))


def test_a_file_that_changed_its_shape_is_an_error(path: Path) -> None:
    images = Hdf5Images(path, "images", axes="nhwc")
    images.close()
    with h5py.File(path, "a") as file:
        del file["images"]
        file["images"] = VALUES[:30]
    with pytest.raises(ValueError, match=r"images of shape \(40, 2, 3, 3\) as before, got \(30,"):
        images[0]


def test_a_damaged_chunk_is_an_error(path: Path) -> None:
    with h5py.File(path) as file:
        chunk = file["chunked"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = b"\0" * chunk.size
    path.write_bytes(content)
    images = Hdf5Images(path, "chunked", axes="nhwc")
    with pytest.raises(ValueError, match=r"mine.h5: expected an HDF5 file, got a damaged"):
        images[0]
    assert torch.equal(images[39], TENSOR[39])
