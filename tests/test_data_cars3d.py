"""Cars3D's archive and unpacked folder, whole and damaged, with 18 images instead of 17,568."""

import io
import pickle
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from disentangled import data
from disentangled.data import cars3d
from disentangled.data.layout import grid

LAYOUT = grid(elevation=2, azimuth=3, object=3)
SHAPE = (128, 128, 3, 3, 2)
NAMES = ("car_010_mesh.mat", "car_002_mesh.mat", "car_001_mesh.mat")  # the first sorts last
load = partial(cars3d.load, size=64, layout=LAYOUT)


def mat(**arrays: object) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, arrays, do_compression=True)
    return file.getvalue()


@pytest.fixture(scope="module")
def cars() -> dict[str, bytes]:
    """Files in which the red of an image is 60 times elevation, 20 times azimuth, and 3 times the
    object's rank by name; green is 100, blue 200."""
    found = {}
    for name in NAMES:
        im = np.zeros(SHAPE, np.uint8)
        im[:, :, 1], im[:, :, 2] = 100, 200
        azimuth, elevation = np.ogrid[:3, :2]
        im[:, :, 0] = (60 * elevation + 20 * azimuth + 3 * sorted(NAMES).index(name)) + 0 * im[
            0, 0, 0
        ]
        found[name] = mat(im=im)
    return found


def unpacked(root: Path, cars: dict[str, bytes]) -> Path:
    folder = root / "data" / "cars"
    folder.mkdir(parents=True)
    for name, content in cars.items():
        (folder / name).write_bytes(content)
    return root


def archive(root: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(root / cars3d.ARCHIVE, "w:gz", compresslevel=1) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return root / cars3d.ARCHIVE


def in_archive(cars: dict[str, bytes], prefix: str = "data/cars/") -> dict[str, bytes]:
    return {f"{prefix}{name}": content for name, content in cars.items()}


def check(loaded: data.FactorData) -> None:
    assert (loaded.name, loaded.source) == ("cars3d", "real")
    assert loaded.factor_names == ("elevation", "azimuth", "object")
    assert loaded.factor_sizes == (2, 3, 3)
    assert torch.equal(loaded.factors, LAYOUT.factors())
    red = loaded.factors @ torch.tensor([60, 20, 3])
    assert loaded.images.shape == (18, 3, 64, 64)
    assert torch.equal(loaded.images[:, 0], red.to(torch.uint8)[:, None, None].expand(18, 64, 64))
    assert (loaded.images[:, 1] == 100).all()
    assert (loaded.images[:, 2] == 200).all()


@pytest.mark.parametrize("place", ["", "cars3d"])
def test_unpacked_folder_in_sorted_order(tmp_path: Path, cars, place: str) -> None:
    unpacked(tmp_path / place, cars | {"list.txt": b"not a car", "._car_001.mat": b"nor this"})
    check(load(tmp_path))


@pytest.mark.parametrize("prefix", ["data/cars/", "./data/cars/", "nips2015/data/cars/"])
def test_archive_in_sorted_order(tmp_path: Path, cars, prefix: str) -> None:
    others = {"data/sprites/sprites_1.mat": mat(im=np.zeros(3)), "data/cars/list.txt": b"cars"}
    archive(tmp_path, others | in_archive(cars, prefix) | {"README": b"..."})
    check(load(tmp_path))
    small = load(tmp_path, size=16)
    assert small.images.shape == (18, 3, 16, 16)
    assert [path.name for path in tmp_path.iterdir()] == [cars3d.ARCHIVE]


def test_rows_and_columns_stay_upright(tmp_path: Path, cars) -> None:
    im = np.zeros(SHAPE, np.uint8)
    im[:64, :, 0] = 255  # the upper half red
    unpacked(tmp_path, cars | {NAMES[0]: mat(im=im)})
    last = load(tmp_path).images[2].float()
    assert last[0, :30].mean() > 254
    assert last[0, 34:].mean() < 1
    assert last[1:].max() == 0


def test_members_are_never_followed_outside(tmp_path: Path, cars) -> None:
    """Names that climb, absolute ones and links are read in memory or passed over."""
    root = tmp_path / "inner"
    root.mkdir()
    outside = tmp_path / "data" / "cars" / "evil.mat"
    path = archive(root, in_archive(cars))
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name in ("../evil.mat", "../../evil/cars/evil.mat"):
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("data/cars/link.mat")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        tar.addfile(link)
        for name, content in in_archive(cars, f"../{tmp_path.name}/data/cars/").items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    check(load(root))
    assert [found.name for found in tmp_path.iterdir()] == ["inner"]
    assert list(root.iterdir()) == [path]


def test_the_whole_set_is_what_the_registry_loads(tmp_path: Path, cars) -> None:
    assert cars3d.LAYOUT.n_images == 17_568
    unpacked(tmp_path, cars)
    with pytest.raises(ValueError, match=r"\(128, 128, 3, 24, 4\)"):
        data.load("cars3d", root=tmp_path)
    assert data.on_disk("cars3d", root=tmp_path) == tmp_path / "data" / "cars"


def test_missing_files_name_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        data.load("cars3d", root=tmp_path)
    for words in (cars3d.ARCHIVE, str(tmp_path), "make data NAME=cars3d", "cars3d_twin"):
        assert words in str(caught.value)
    assert data.on_disk("cars3d", root=tmp_path) is None


def refused(root: Path, *words: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        load(root)
    for word in (str(root), "make data NAME=cars3d", "cars3d_twin", *words):
        assert word in str(caught.value)


class Trap:
    """Unpickled, it raises: no file may get that far."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise RuntimeError('unpickled')",))


BAD = {
    "no MATLAB file": b"<html>a proxy's page</html>" * 20,
    "empty": b"",
    "pickled": pickle.dumps(Trap()) + bytes(200),
    "cut off": mat(im=np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8))[:-5000],
    "another name": mat(image=np.zeros(SHAPE, np.uint8)),
    "another type": mat(im=np.zeros(SHAPE, np.float32)),
    "another shape": mat(im=np.zeros((128, 128, 3, 2, 3), np.uint8)),
    "cells": mat(im=np.array([{"a": 1}], dtype=object)),
    "MATLAB 7.3": b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" * 20,
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("packed", [False, True])
def test_bad_car_files(tmp_path: Path, cars, kind: str, packed: bool) -> None:
    bad = cars | {NAMES[1]: BAD[kind]}
    if packed:
        archive(tmp_path, in_archive(bad))
    else:
        unpacked(tmp_path, bad)
    refused(tmp_path, NAMES[1], "uint8 of shape (128, 128, 3, 3, 2)")


def test_too_few_and_too_many_cars(tmp_path: Path, cars) -> None:
    for n, names in ((2, NAMES[:2]), (4, (*NAMES, "car_011.mat")), (0, ())):
        archive(tmp_path, in_archive({name: cars.get(name, cars[NAMES[0]]) for name in names}))
        refused(tmp_path, "3 files data/cars/*.mat", f"got {n}")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.98])
def test_cut_off_archives(tmp_path: Path, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
    path = archive(tmp_path, in_archive(dict.fromkeys(NAMES, mat(im=noise))))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(tmp_path, "damaged or cut-off")


def test_no_archive_at_all(tmp_path: Path) -> None:
    (tmp_path / cars3d.ARCHIVE).write_bytes(b"<html>a proxy's page</html>")
    refused(tmp_path, "gzipped tar")
