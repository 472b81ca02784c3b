"""SmallNORB's six files as published, whole and damaged, with 48 images instead of 48,600."""

import gzip
import math
import pickle
import struct
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from disentangled import data
from disentangled.data import smallnorb
from disentangled.data.images import resized

LAYOUT = smallnorb.LAYOUT.part(
    category=range(2), instance=range(2), elevation=range(2), azimuth=range(3), lighting=range(2)
)
STEMS = (smallnorb.TRAINING, smallnorb.TESTING)
MAGICS = {"uint8": 507333717, "int32": 507333716, "float32": 507333713}
LANCZOS = Image.Resampling.LANCZOS
load = partial(smallnorb.load, size=64, layout=LAYOUT)


def matrix(array: np.ndarray) -> bytes:
    """The published format: magic, number of dimensions, three sizes at least, values."""
    sizes = [*array.shape, 1, 1][: max(3, array.ndim)]
    head = struct.pack(f"<{2 + len(sizes)}i", MAGICS[str(array.dtype)], array.ndim, *sizes)
    return head + array.tobytes()


@pytest.fixture
def contents() -> dict[str, np.ndarray]:
    """The arrays of the six files; each left image is grey 5 times its place in the layout."""
    values = np.stack(np.unravel_index(np.arange(48), LAYOUT.sizes), axis=1).astype(np.int32)
    order = np.random.default_rng(0).permutation(48)
    found = {}
    for stem, instance in zip(STEMS, (1, 0), strict=True):
        place = order[values[order, 1] == instance]
        rows = values[place]
        dat = np.full((24, 2, 96, 96), 255, np.uint8)
        dat[:, 0] = (5 * place[:, None, None]).astype(np.uint8)
        found[f"{stem}-dat.mat"] = dat
        found[f"{stem}-cat.mat"] = rows[:, 0].copy()
        found[f"{stem}-info.mat"] = rows[:, 1:] * np.array([1, 1, 2, 1], np.int32)
    return found


def write(folder: Path, contents: dict[str, np.ndarray], *, zipped: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in contents.items():
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(matrix(array), 1))
        else:
            (folder / name).write_bytes(matrix(array))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("folder", ["", "smallnorb"])
def test_both_splits_in_the_order_of_the_layout(
    tmp_path: Path, contents, zipped: bool, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smallnorb, "BLOCK", 7)
    write(tmp_path / folder, contents, zipped=zipped)
    loaded = load(tmp_path)
    assert (loaded.name, loaded.source) == ("smallnorb", "real")
    assert loaded.images.shape == (48, 1, 64, 64)
    assert loaded.factor_names == ("category", "elevation", "azimuth", "lighting")
    assert loaded.factor_sizes == (2, 2, 3, 2)
    grey = torch.arange(48, dtype=torch.uint8) * 5
    assert torch.equal(loaded.images, grey.view(48, 1, 1, 1).expand(48, 1, 64, 64))
    assert torch.equal(loaded.factors, LAYOUT.factors())
    assert loaded.factors[[12, 24]].tolist() == [[0, 0, 0, 0], [1, 0, 0, 0]]
    assert load(tmp_path, size=16).images.shape == (48, 1, 16, 16)


def test_names_do_not_say_what_is_gzipped(tmp_path: Path, contents) -> None:
    """Browsers unpack some downloads and leave the name."""
    write(tmp_path, contents)
    for path in tmp_path.iterdir():
        path.rename(path.with_name(f"{path.name}.gz"))
    assert len(load(tmp_path)) == 48


def test_the_whole_set_is_what_the_registry_loads(tmp_path: Path, contents) -> None:
    """48,600 images are expected there, and 48 refused."""
    assert smallnorb.LAYOUT.n_images == 48_600
    write(tmp_path, contents)
    refused(tmp_path, "cat", "(24300,)", "(24,)", read=partial(data.load, "smallnorb"))
    assert data.on_disk("smallnorb", root=tmp_path) == tmp_path / f"{STEMS[0]}-dat.mat"


@pytest.mark.parametrize("size", [64, 32])
def test_resizing_is_lanczos_clipped_to_eight_bits(size: int) -> None:
    """On stripes, where nothing is clipped between the passes along rows and columns."""
    stripes = np.random.default_rng(1).choice(np.array([0, 5, 250], np.uint8), size=(3, 2, 1, 24))
    images = stripes.repeat(4, -1).repeat(96, -2)
    wide = [
        np.asarray(Image.fromarray(plane.astype(np.int32), "I").resize((size, size), LANCZOS))
        for plane in images.reshape(-1, 96, 96)
    ]
    exact = np.stack(wide).reshape(3, 2, size, size)
    assert exact.min() < -10  # what the filter makes of edges in 32 bits
    assert exact.max() > 260
    found = resized(images, size)
    assert found.dtype == torch.uint8
    assert np.abs(found.numpy() - exact.clip(0, 255)).max() <= 1


@pytest.mark.parametrize("missing", [f"{STEMS[0]}-dat.mat", f"{STEMS[1]}-info.mat"])
def test_a_missing_file_is_named_with_the_way_out(tmp_path: Path, contents, missing: str) -> None:
    write(tmp_path, contents)
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotFoundError, match=missing) as caught:
        load(tmp_path)
    for words in (str(tmp_path / "smallnorb"), "make data NAME=smallnorb", "smallnorb_twin"):
        assert words in str(caught.value)
    assert data.on_disk("smallnorb", root=tmp_path) is None


def refused(folder: Path, kind: str, *words: str, read=load) -> None:
    """Reading is a ValueError that names a file of the kind and says where to get a good one."""
    with pytest.raises(ValueError, match=f"-{kind}.mat.*expected") as caught:
        read(root=folder)
    for word in (str(folder), "make data NAME=smallnorb", "smallnorb_twin", *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("kind", ["dat", "cat", "info"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.002, 0.05, 0.6, 0.999])
def test_cut_off_files(tmp_path: Path, contents, kind: str, zipped: bool, share: float) -> None:
    write(tmp_path, contents, zipped=zipped)
    path = tmp_path / f"{STEMS[1]}-{kind}.mat{'.gz' if zipped else ''}"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(tmp_path, kind, "cut-off")


def test_data_after_the_end_and_damage_inside(tmp_path: Path, contents) -> None:
    write(tmp_path, contents)
    path = tmp_path / f"{STEMS[0]}-cat.mat"
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0")
    refused(tmp_path, "cat", "after row 23")
    damaged = bytearray(gzip.compress(whole))
    damaged[-6] ^= 1  # the checksum at the end
    path.write_bytes(damaged)
    refused(tmp_path, "cat", "damaged")


def test_wrong_magics_shapes_and_types(tmp_path: Path, contents) -> None:
    write(tmp_path, contents)
    name = f"{STEMS[0]}-dat.mat"
    path, dat = tmp_path / name, contents[name]
    path.write_bytes(matrix(dat.astype(np.float32)))
    refused(tmp_path, "dat", "507333717", "float32")
    path.write_bytes(struct.pack(">i", 507333717) + matrix(dat)[4:])  # the other byte order
    refused(tmp_path, "dat", "507333717")
    path.write_bytes(matrix(dat[:23]))
    refused(tmp_path, "dat", "(24, 2, 96, 96)", "(23, 2, 96, 96)")
    path.write_bytes(matrix(dat[:, 0]))
    refused(tmp_path, "dat", "3 dimensions")
    path.write_bytes(struct.pack("<2i", 507333717, -1) + bytes(100))
    refused(tmp_path, "dat", "-1 dimensions")
    path.write_bytes(struct.pack("<6i", 507333717, 4, 24, 2, 96, -96) + bytes(100))
    refused(tmp_path, "dat", "-96")


class Trap:
    """Unpickled, it raises: no file may get that far."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise RuntimeError('unpickled')",))


@pytest.mark.parametrize("content", [pickle.dumps(Trap()), b"<html>a proxy's page</html>"])
def test_other_content_is_never_executed(tmp_path: Path, contents, content: bytes) -> None:
    write(tmp_path, contents)
    (tmp_path / f"{STEMS[0]}-info.mat").write_bytes(content)
    refused(tmp_path, "info", "507333716")


@pytest.mark.parametrize(
    ("kind", "column", "value", "words"),
    [
        ("cat", None, 2, "category from 0 to 1"),
        ("info", 0, 7, "instance from 0 to 1"),
        ("info", 1, -1, "elevation from 0 to 1"),
        ("info", 2, 6, "azimuth from 0 to 2"),
        ("info", 2, 3, "odd"),
        ("info", 3, 2, "lighting from 0 to 1"),
    ],
)
def test_values_outside_the_layout(
    tmp_path: Path, contents, kind: str, column: int | None, value: int, words: str
) -> None:
    array = contents[f"{STEMS[0]}-{kind}.mat"]
    array[(3,) if column is None else (3, column)] = value
    write(tmp_path, contents)
    refused(tmp_path, kind, words)


def test_a_combination_that_comes_twice(tmp_path: Path, contents) -> None:
    for kind in ("cat", "info"):
        array = contents[f"{STEMS[1]}-{kind}.mat"]
        array[3] = array[4]
    write(tmp_path, contents)
    refused(tmp_path, "info", "every combination", "1 of them again")


def test_the_test_writes_what_was_published() -> None:
    """The head of the real training images: magic, four dimensions, 24,300 pairs of 96 x 96."""
    head = matrix(np.zeros((2, 2, 96, 96), np.uint8))[:24]
    assert struct.unpack("<6i", head) == (0x1E3D4C55, 4, 2, 2, 96, 96)
    assert struct.unpack("<5i", matrix(np.zeros(7, np.int32))[:20]) == (0x1E3D4C54, 1, 7, 1, 1)
    assert math.prod(smallnorb.LAYOUT.sizes) == 2 * 24_300
