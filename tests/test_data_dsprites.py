"""Real files are read whole and right, or refused with a message that helps."""

import io
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from disentangled import data
from disentangled.data import dsprites, files
from disentangled.data.dsprites import Grid, flat_index
from disentangled.data.rendered.dsprites_rerender import blocks

SMALL = Grid(
    shape=(0, 1, 2), scale=(1,), orientation=(0, 7), position_x=(0, 3, 9), position_y=(2, 30)
)
N_SMALL = 36
NPZ, HDF5 = f"{dsprites.OFFICIAL}.npz", f"{dsprites.OFFICIAL}.hdf5"


@pytest.fixture(autouse=True)
def small_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All files with 36 images instead of 737,280, 46,080 and 20,000."""
    monkeypatch.setattr(dsprites, "FULL", SMALL)
    monkeypatch.setattr(dsprites, "COARSE", SMALL)
    monkeypatch.setattr(dsprites, "FACTOR_SIZES", SMALL.sizes)
    monkeypatch.setattr(dsprites, "N_IMAGES", N_SMALL)
    monkeypatch.setattr(dsprites, "N_SUBSET", N_SMALL)
    monkeypatch.setattr(dsprites, "HDF5_BLOCK", 10)
    monkeypatch.setattr(files, "BLOCK", 7)
    monkeypatch.delenv("DISENTANGLED_DATA", raising=False)
    monkeypatch.setattr(files, "checkout", lambda: tmp_path / "checkout")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return torch.cat(list(blocks(SMALL)))[:, 0].to(torch.uint8).numpy()


def arrays(images: np.ndarray, *, colour: bool) -> dict[str, np.ndarray]:
    classes = SMALL.factors().numpy()
    if colour:
        classes = np.column_stack([np.zeros(len(classes), np.int64), classes])
    return {
        "imgs": images,
        "latents_classes": classes,
        "original_dataset_indices": flat_index(SMALL.factors()).numpy(),
        # what the real files have too: a pickled dictionary, never to be loaded
        "metadata": np.array({"author": "someone"}, dtype=object),
    }


def write(path: Path, content: dict[str, np.ndarray]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **content)
    return path


def write_hdf5(path: Path, content: dict[str, np.ndarray]) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("imgs", data=content["imgs"], compression="gzip")
        file.create_dataset("latents/classes", data=content["latents_classes"])
    return path


def named(loaded: data.FactorData) -> tuple[str, str]:
    """Name and source, of data that say that the shape is a nuisance and not ordered."""
    assert loaded.factor_names == ("shape", "scale", "orientation", "position_x", "position_y")
    assert loaded.nuisances == loaded.unordered == ("shape",)
    return loaded.name, loaded.source


@pytest.mark.parametrize("folder", ["", "dsprites_real"])
def test_grid_file_in_either_folder(tmp_path: Path, images: np.ndarray, folder: str) -> None:
    write(tmp_path / folder / dsprites.GRID_FILE, arrays(images, colour=False))
    for name in ("dsprites", "dsprites_grid"):
        loaded = data.load(name, root=tmp_path)
        assert named(loaded) == ("dsprites_grid", "real")
        assert loaded.images.dtype == torch.uint8
        assert np.array_equal(loaded.images[:, 0].numpy(), 255 * images)
        assert torch.equal(loaded.factors, SMALL.factors())
        assert loaded.factor_sizes == (3, 1, 2, 3, 2)


def test_subset_file(tmp_path: Path, images: np.ndarray) -> None:
    write(tmp_path / dsprites.SUBSET_FILE, arrays(images, colour=False))
    loaded = data.load("dsprites", root=str(tmp_path))
    assert named(loaded) == ("dsprites_subset", "real")
    assert np.array_equal(loaded.images[:, 0].numpy(), 255 * images)


def test_official_npz_is_packed_and_pools(tmp_path: Path, images: np.ndarray) -> None:
    write(tmp_path / NPZ, arrays(images, colour=True))
    loaded = data.load("dsprites", root=tmp_path)
    assert named(loaded) == ("dsprites", "real")
    assert isinstance(loaded.images, data.PackedImages)
    assert np.array_equal(loaded.images[:][:, 0].numpy(), 255 * images)
    small = data.load("dsprites", root=tmp_path, size=16)
    assert small.images.shape == (N_SMALL, 1, 16, 16)
    exact = images.reshape(N_SMALL, 16, 4, 16, 4).mean((2, 4)) * 255
    assert np.abs(small.images[:, 0].numpy() - exact).max() <= 0.5


def test_official_hdf5_is_preferred(tmp_path: Path, images: np.ndarray) -> None:
    write_hdf5(tmp_path / HDF5, arrays(images, colour=True))
    (tmp_path / NPZ).write_bytes(b"never looked at")
    (tmp_path / dsprites.GRID_FILE).write_bytes(b"nor this")
    loaded = data.load("dsprites", root=tmp_path)
    assert isinstance(loaded.images, data.PackedImages)
    assert np.array_equal(loaded.images[:][:, 0].numpy(), 255 * images)
    assert torch.equal(loaded.factors, SMALL.factors())


def test_roots_in_order(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = arrays(images, colour=False)
    write(tmp_path / "checkout" / "data" / dsprites.GRID_FILE, content)
    assert len(data.load("dsprites_grid")) == N_SMALL
    # the environment goes first, the checkout's data/ still counts
    monkeypatch.setenv("DISENTANGLED_DATA", str(tmp_path / "named"))
    assert len(data.load("dsprites_grid")) == N_SMALL
    write(tmp_path / "named" / dsprites.GRID_FILE, content | {"imgs": 1 - images})
    assert data.load("dsprites_grid").images[0].float().mean() > 128
    # an explicit root is the only one
    with pytest.raises(FileNotFoundError):
        data.load("dsprites_grid", root=tmp_path / "empty")


@pytest.mark.parametrize("name", ["dsprites", "dsprites_grid", "dsprites_subset"])
def test_missing_files_name_the_way_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        data.load(name, root=tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "dsprites_real") in message
    assert "dsprites_downsampled.npz" in message or "dsprites_subset.npz" in message
    assert "make data" in message
    assert "dsprites_rerender" in message


def refused(path: Path, *words: str) -> None:
    """Loading is a ValueError that names the file, what was expected and where to get it."""
    with pytest.raises(ValueError, match="expected") as caught:
        data.load("dsprites", root=path.parent)
    for word in (str(path), "make data", *words):
        assert word in str(caught.value)


def test_no_archive_at_all(tmp_path: Path) -> None:
    path = tmp_path / dsprites.GRID_FILE
    path.write_bytes(b"<html>a proxy's page</html>")
    refused(path, "zip archive")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_cut_off_npz(tmp_path: Path, images: np.ndarray, share: float) -> None:
    path = write(tmp_path / dsprites.GRID_FILE, arrays(images, colour=False))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(path, "cut-off")


def test_damaged_npz(tmp_path: Path, images: np.ndarray) -> None:
    path = write(tmp_path / dsprites.GRID_FILE, arrays(images, colour=False))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("imgs.npy").header_offset
    content[start + 300 : start + 340] = bytes(40)
    path.write_bytes(content)
    refused(path, "imgs")


def test_array_that_ends_early(tmp_path: Path, images: np.ndarray) -> None:
    """A whole archive whose member holds fewer bytes than its header promises."""
    path = write(tmp_path / dsprites.GRID_FILE, arrays(images, colour=False))
    member = io.BytesIO()
    np.save(member, images)
    with zipfile.ZipFile(path) as archive:
        others = {n: archive.read(n) for n in archive.namelist() if n != "imgs.npy"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in others.items():
            archive.writestr(name, content)
        archive.writestr("imgs.npy", member.getvalue()[: -10 * 64 * 64])
    refused(path, "imgs ends in row 26")


@pytest.mark.parametrize("key", ["imgs", "latents_classes"])
def test_missing_keys(tmp_path: Path, images: np.ndarray, key: str) -> None:
    content = arrays(images, colour=False)
    content[f"my_{key}"] = content.pop(key)
    refused(write(tmp_path / dsprites.GRID_FILE, content), f"'{key}'", f"'my_{key}'")


def test_wrong_shapes_and_kinds(tmp_path: Path, images: np.ndarray) -> None:
    content = arrays(images, colour=False)
    path = tmp_path / dsprites.GRID_FILE
    refused(write(path, content | {"imgs": images[:-1]}), "(36, 64, 64)", "(35, 64, 64)")
    refused(write(path, content | {"imgs": images[:, :32]}), "(36, 32, 64)")
    refused(write(path, content | {"imgs": images.astype(np.float32)}), "float32")
    refused(write(path, content | {"imgs": np.asfortranarray(images)}), "row-major")
    refused(write(path, content | {"imgs": images * 255}), "0 and 1", "255")
    refused(write(path, content | {"imgs": images + images.max() * 1}), "0 and 1", "2")
    classes = content["latents_classes"]
    refused(write(path, content | {"latents_classes": classes[:, :4]}), "(36, 4)")
    refused(write(path, content | {"latents_classes": classes[::-1]}), "position_y fastest")
    path.unlink()
    subset = write(
        tmp_path / dsprites.SUBSET_FILE, content | {"original_dataset_indices": np.arange(36) + 1}
    )
    refused(subset, "original_dataset_indices")


class Trap:
    """Unpickled, it raises: no file may get that far."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise RuntimeError('unpickled')",))


@pytest.mark.parametrize("key", ["imgs", "latents_classes"])
def test_pickled_content_is_never_loaded(tmp_path: Path, images: np.ndarray, key: str) -> None:
    trap = np.empty(N_SMALL, dtype=object)
    trap[:] = Trap()
    content = arrays(images, colour=False) | {key: trap}
    refused(write(tmp_path / dsprites.GRID_FILE, content), "pickled", key)
    # and a pickle in the place of an array
    path = tmp_path / dsprites.GRID_FILE
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("latents_classes.npy", pickle.dumps(Trap()))
    refused(path, "latents_classes")


def test_bad_hdf5_files(tmp_path: Path, images: np.ndarray) -> None:
    content = arrays(images, colour=True)
    path = tmp_path / HDF5
    whole = write_hdf5(path, content).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "cut-off")
    path.write_bytes(b"")
    refused(path, "HDF5")
    refused(write_hdf5(path, content | {"imgs": images[:-1]}), "(36, 64, 64)", "(35, 64, 64)")
    refused(write_hdf5(path, content | {"imgs": images / 2}), "float64")
    wrong = content["latents_classes"][::-1]
    refused(write_hdf5(path, content | {"latents_classes": wrong}), "position_y fastest")
    with h5py.File(path, "w") as file:
        file.create_dataset("pictures", data=images)
    refused(path, "'imgs'", "pictures")


def test_real_files_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    try:
        loaded = data.load("dsprites_subset")
    except FileNotFoundError as error:
        pytest.skip(f"no real images: {error}")
    assert len(loaded) == 20_000
    assert loaded.factor_sizes == (3, 6, 40, 32, 32)
    # areas by shape and scale, known from a square's side: 19.2 px at scale 1
    area = (loaded.images > 0).flatten(1).sum(1).double()
    square = (loaded.factors[:, :2] == torch.tensor([0, 5])).all(1)
    assert area[square].mean().item() == pytest.approx(19.2**2, abs=1)
