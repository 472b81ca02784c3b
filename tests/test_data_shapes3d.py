"""Shapes3D's file in its published layout, whole and damaged, with 96 images, not 480,000."""

import os
import shutil
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from disentangled import data
from disentangled.data import download, rearranged, shapes3d
from disentangled.data.hdf5 import Hdf5Images
from disentangled.data.layout import grid

LAYOUT = grid(floor_hue=2, wall_hue=2, object_hue=2, scale=2, shape=2, orientation=3)
N = LAYOUT.n_images
NAMES = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
VALUES = ((0.0, 0.5), (0.0, 0.5), (0.0, 0.5), (0.75, 1.25), (0.0, 1.0), (-30.0, 0.0, 30.0))
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 64, 64, 3), np.uint8)
TENSOR = torch.from_numpy(IMAGES).movedim(-1, 1)
load = partial(shapes3d.load, size=64, layout=LAYOUT)


def labels() -> np.ndarray:
    """Plain loops in the words of the publication: one factor at a time, orientation first."""
    rows = [(f, w, o, s, k, t)
            for f in VALUES[0] for w in VALUES[1] for o in VALUES[2]
            for s in VALUES[3] for k in VALUES[4] for t in VALUES[5]]  # fmt: skip
    return np.array(rows)


def publish(folder: Path, **changes: object) -> Path:
    """A file whose chunks hold a few pixels of many images, as in the published one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / shapes3d.FILE
    arrays = {"images": IMAGES, "labels": labels()} | changes
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            if values is not None:
                chunks = (40, 4, 4, 1) if values.shape[-1] == 3 else None
                packed = None if chunks is None else "gzip"
                file.create_dataset(key, data=values, chunks=chunks, compression=packed)
    return path


@pytest.mark.parametrize("place", ["", "shapes3d"])
def test_what_is_loaded(tmp_path: Path, place: str) -> None:
    publish(tmp_path / place)
    loaded = load(tmp_path)
    assert (loaded.name, loaded.source) == ("shapes3d", "real")
    assert loaded.factor_names == NAMES
    assert loaded.factor_sizes == (2, 2, 2, 2, 2, 3)
    assert loaded.factors[[0, 1, 3, 6, 12, 24, 48, 95]].tolist() == [
        [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 0], [0, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 2],
    ]  # fmt: skip
    assert isinstance(loaded.images, Hdf5Images)
    assert torch.equal(loaded.images[:], TENSOR)
    assert torch.equal(loaded.images[[7, 90]], TENSOR[[7, 90]])


@pytest.mark.parametrize("size", [32, 16, 1])
def test_smaller_images_are_averages_of_blocks(tmp_path: Path, size: int) -> None:
    publish(tmp_path)
    side = 64 // size
    means = IMAGES.reshape(N, size, side, size, side, 3).astype(float).mean((2, 4))
    expected = np.floor(means + 0.5).astype(np.uint8).transpose(0, 3, 1, 2)
    assert np.array_equal(load(tmp_path, size=size).images[:].numpy(), expected)


class Spy:
    """Notes how many rows are read of each array of images, in one call and in all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[int] = []
        read = Hdf5Images._read

        def noted(images: Hdf5Images, rows: np.ndarray) -> np.ndarray:
            self.rows.append(len(rows))
            return read(images, rows)

        monkeypatch.setattr(Hdf5Images, "_read", noted)


def test_images_are_never_in_memory_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    monkeypatch.setattr(rearranged, "BLOCK", 40)
    monkeypatch.setattr(rearranged, "AT_ONCE", 20)
    spy = Spy(monkeypatch)
    loaded = load(tmp_path)
    assert spy.rows == [40, 40, 16, 1]  # rearranged in blocks, and one looked at
    spy.rows.clear()
    again = load(tmp_path)
    again.draw(5, torch.Generator().manual_seed(0))
    assert spy.rows == [1, 5]  # and then what is drawn alone
    assert torch.equal(loaded.images[:], TENSOR)


def test_each_image_can_be_read_alone(tmp_path: Path) -> None:
    publish(tmp_path)
    with h5py.File(load(tmp_path).images.path) as file:
        assert file["images"].chunks == (1, 3, 64, 64)


def test_another_file_is_rearranged_anew(tmp_path: Path) -> None:
    path = publish(tmp_path)
    copy = load(tmp_path).images.path
    assert copy == tmp_path / "rearranged" / "3dshapes_64px.h5"
    before = copy.stat().st_mtime_ns
    assert load(tmp_path).images.path.stat().st_mtime_ns == before
    publish(tmp_path, images=255 - IMAGES)
    os.utime(path, ns=(1, 1))
    assert torch.equal(load(tmp_path).images[:], 255 - TENSOR)
    copy.write_bytes(copy.read_bytes()[:500])  # one that is cut off is no copy
    assert torch.equal(load(tmp_path).images[:], 255 - TENSOR)
    assert sorted(p.name for p in copy.parent.iterdir() if p.suffix != ".lock") == [copy.name]


def test_a_damaged_copy_says_how_to_mend_it(tmp_path: Path) -> None:
    publish(tmp_path)
    copy = load(tmp_path).images.path
    with h5py.File(copy) as file:
        chunk = file["images"].id.get_chunk_info(3)
    content = bytearray(copy.read_bytes())
    content[chunk.byte_offset + 100] ^= 1  # a single bit
    copy.write_bytes(content)
    images = load(tmp_path).images
    assert torch.equal(images[2], TENSOR[2])
    with pytest.raises(
        ValueError, match=r"expected an HDF5 file.*Delete it, and it is made again"
    ):
        images[3]


def test_nothing_is_left_of_a_copy_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)

    def broken(*_: object) -> torch.Tensor:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rearranged, "averaged", broken)
        with pytest.raises(KeyboardInterrupt):
            load(tmp_path)
    assert all(p.suffix == ".lock" for p in (tmp_path / "rearranged").iterdir())
    assert torch.equal(load(tmp_path).images[5], TENSOR[5])


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    publish(tmp_path)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match=r"can be written\. Set DISENTANGLED_DATA"):
            load(tmp_path)
    finally:
        tmp_path.chmod(0o755)


def test_missing_files_name_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        data.load("shapes3d", root=tmp_path)
    for words in (shapes3d.FILE, str(tmp_path), "make data NAME=shapes3d", "shapes3d_twin"):
        assert words in str(caught.value)
    assert data.on_disk("shapes3d", root=tmp_path) is None


def test_the_whole_set_is_what_the_registry_loads(tmp_path: Path) -> None:
    assert shapes3d.LAYOUT.n_images == 480_000
    assert shapes3d.LAYOUT.sizes == (10, 10, 10, 8, 4, 15)
    assert tuple(shapes3d.LAYOUT.used) == NAMES
    path = publish(tmp_path)
    with pytest.raises(
        ValueError, match=r"float64 of shape \(480000, 6\), got float64.*\(96, 6\)"
    ):
        data.load("shapes3d", root=tmp_path)
    assert data.on_disk("shapes3d", root=tmp_path) == path
    (file,) = download.FILES["shapes3d"]
    assert (file.name, file.n_bytes) == (shapes3d.FILE, 267_573_662)


SWAPPED = labels()[:, [0, 1, 2, 3, 5, 4]]
TOO_MANY = labels() + np.where(np.arange(N)[:, None] == 50, [0, 0, 0, 0.01, 0, 0], 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": None}, ("an array 'labels'", "['images']")),
        ({"labels": labels()[:-1]}, ("float64 of shape (96, 6)", "(95, 6)")),
        ({"labels": labels().astype(int)}, ("labels as float64", "int64")),
        ({"labels": labels()[::-1]}, ("values of floor_hue", "orientation fastest")),
        ({"labels": SWAPPED}, ("2 values of shape", "orientation fastest")),
        ({"labels": TOO_MANY}, ("2 values of scale", "3 values")),
        ({"labels": labels() * np.nan}, ("values of floor_hue",)),
        ({"images": None}, ("an array 'images'", "['labels']")),
        ({"images": IMAGES / 255}, ("images as uint8", "float64")),
        ({"images": IMAGES[:-1]}, ("images of shape (96, 64, 64, 3)", "(95, 64, 64, 3)")),
        ({"images": IMAGES.transpose(0, 3, 1, 2)}, ("(96, 64, 64, 3)", "(96, 3, 64, 64)")),
        ({"images": IMAGES[:, ::2, ::2]}, ("(96, 64, 64, 3)", "(96, 32, 32, 3)")),
    ],
)
def test_files_that_are_not_what_they_should_be(tmp_path: Path, changes, words) -> None:
    path = publish(tmp_path, **changes)
    with pytest.raises(ValueError, match="expected") as caught:
        load(tmp_path)
    for word in (str(path), "make data NAME=shapes3d", *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.98])
def test_cut_off_files(tmp_path: Path, share: float) -> None:
    path = publish(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"damaged or cut-off.*make data NAME=shapes3d"):
        load(tmp_path)


def test_a_damaged_chunk_is_an_error_and_leaves_no_copy(tmp_path: Path) -> None:
    path = publish(tmp_path)
    with h5py.File(path) as file:
        chunk = file["images"].id.get_chunk_info(7)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged or cut-off.*make data NAME=shapes3d"):
        load(tmp_path)
    assert all(p.suffix == ".lock" for p in (tmp_path / "rearranged").iterdir())


def damaged(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


@pytest.mark.parametrize("hurt", ["copy", "source"])
def test_a_byte_that_changed_is_found_or_does_not_matter(tmp_path: Path, hurt: str) -> None:
    """In the file as published, which has no checksums, it may matter; it is no other error."""
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    source = tmp_path / "rooms.h5"
    with h5py.File(source, "w") as file:
        file.create_dataset("images", data=images, chunks=(10, 4, 4, 3), compression="gzip")
    want = torch.from_numpy(images).movedim(-1, 1)
    rearranged.rearranged(source, "images", images.shape, 8, tmp_path, "mend").close()
    copy = tmp_path / "rearranged" / "rooms_8px.h5"
    content = (copy if hurt == "copy" else source).read_bytes()
    found = 0
    for place in range(0, len(content), len(content) // 97):
        folder = tmp_path / str(place)
        (folder / "rearranged").mkdir(parents=True)
        here = folder / source.name
        if hurt == "copy":
            shutil.copy2(source, here)
            (folder / "rearranged" / copy.name).write_bytes(damaged(content, place))
        else:
            here.write_bytes(damaged(content, place))
        try:
            read = rearranged.rearranged(here, "images", images.shape, 8, folder, "mend")[:]
        except ValueError:
            found += 1
        else:
            assert hurt == "source" or torch.equal(read, want)
        assert not list(folder.glob("rearranged/.*partial"))
    assert found > 20
