"""What the package promises on bad files and a full disk, kind by kind (see CONTRIBUTING.md)."""

import errno
import gzip
import io
import os
import runpy
import tarfile
import threading
import warnings
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import h5py
import numpy as np
import pytest
import scipy.io
import tiny
import torch
from filelock import FileLock

from disentangled import (
    data,
    experiments,
    gaussian,
    loading,
    metrics,
    models,
    objectives,
    records,
    sealed,
    store,
    sweeps,
    training,
)
from disentangled.data import (
    FactorData,
    cars3d,
    cmnist,
    download,
    dsprites,
    files,
    flowers102,
    hdf5,
)
from disentangled.data import rearranged as rearranging
from disentangled.data.hdf5 import Hdf5Images
from disentangled.data.rendered import kept as keeping
from disentangled.data.tars import members
from disentangled.experiments import Setting
from disentangled.figures import correlated_noise, interventions, kl_in_three_parts
from disentangled.figures import correlated_noise_numbers as figure_numbers
from disentangled.types import Code

GIB = 2**30
IMAGES = (2, 64, 64)


# two downloads at once


def test_two_downloads_and_a_stranger_leave_each_other_alone(tmp_path):
    stranger = tmp_path / ".partial"
    other, killed, unknown = (tmp_path / f"{download.PARTIAL}{n}" for n in ("a", "b", "c"))
    for folder in (stranger, other, killed, unknown):
        folder.mkdir()
        (folder / "half").write_bytes(b"...")
    for folder in (other, killed):
        (folder / download.LOCK).touch()
    with FileLock(other / download.LOCK), download._own_folder(tmp_path) as own:
        assert own.parent == tmp_path
        assert not killed.exists()
        with download._own_folder(tmp_path) as second:
            assert own.exists()
            assert second != own
        assert own.exists()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".partial", other.name, unknown.name}
    assert all((folder / "half").read_bytes() == b"..." for folder in (stranger, other, unknown))


# downloads


class Endless(BaseHTTPRequestHandler):
    """Says how much comes, or not, and sends until the other side has enough."""

    sent = 0

    def do_GET(self):
        self.send_response(200)
        if self.path == "/declared":
            self.send_header("Content-Length", str(4 * GIB))
        self.end_headers()
        try:
            while Endless.sent < 64 * files.MiB:
                self.wfile.write(bytes(files.MiB))
                Endless.sent += files.MiB
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("declared", [True, False])
def test_a_download_stops_at_the_known_size(tmp_path, monkeypatch, declared):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Endless.sent = 0
    with HTTPServer(("127.0.0.1", 0), Endless) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/{'declared' if declared else ''}"
        file = download.RemoteFile("file", url, "md5:" + "0" * 32, n_bytes=100_000)
        with pytest.raises(ValueError, match=r"expected at most 100,000 bytes, got") as caught:
            download.fetch(file, tmp_path, progress=False)
        server.shutdown()
        thread.join()
    assert ("4,294,967,296" in str(caught.value)) == declared
    assert Endless.sent < 64 * files.MiB
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_known_size_has_a_limit_as_well():
    remote = [file for of in download.FILES.values() for file in of]
    assert all(file.most == (file.n_bytes or 512 * files.MiB) for file in remote)


# sizes that a file only declares


def npz(path, key, header, packing=zipfile.ZIP_DEFLATED, content=b""):
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr(f"{key}.npy", header + content)
    return path


def test_a_header_of_4_gb_is_not_read(tmp_path):
    head = b"\x93NUMPY\x02\x00" + (4 * GIB - 1).to_bytes(4, "little") + b" " * 1000
    reader = files.Npz(npz(tmp_path / "a.npz", "imgs", head), "Get it.")
    with pytest.raises(files.BadFile, match=r"a\.npz.*65,536 bytes.*declares 4,294,967,295"):
        reader.array("imgs", IMAGES, np.uint8)


def test_a_packing_that_tells_no_size_is_refused(tmp_path):
    content = io.BytesIO()
    np.save(content, np.zeros(IMAGES, np.uint8))
    for packing in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = npz(tmp_path / "a.npz", "imgs", content.getvalue(), packing)
        with pytest.raises(files.BadFile, match=r"a\.npz.*stored or deflated.*packing number"):
            files.Npz(path, "Get it.").array("imgs", IMAGES, np.uint8)
    path = npz(tmp_path / "a.npz", "imgs", content.getvalue())
    assert not files.Npz(path, "").array("imgs", IMAGES, np.uint8).any()


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_member_of_4_gb_is_not_read(tmp_path, kind):
    member = tarfile.TarInfo("data/cars/car.mat")
    member.type, member.size = kind, 4 * GIB
    path = tmp_path / "cars.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
    with pytest.raises(files.BadFile, match=r"cars\.tar\.gz.*4,294,967,296") as caught:
        list(members(path, lambda _: True, 10 * files.MiB, "Get it."))
    allowed = 10 * files.MiB if kind == tarfile.REGTYPE else files.MiB
    assert f"{allowed:,}" in str(caught.value)


def test_an_array_of_chunks_of_4_gb_is_not_read(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("shared", (2**20, 64, 64, 1), np.uint8, chunks=(2**20, 1, 1, 1))
        file.create_dataset("long", (2**40, 1, 1, 1), np.uint8, chunks=(1, 1, 1, 1))
        file.create_dataset("good", (4, 2, 2, 1), np.uint8, chunks=(4, 1, 1, 1))
    for key, declared in (("shared", 2**32), ("long", 2**43)):
        with pytest.raises(files.BadFile, match=rf"a\.h5.*1,073,741,824.*{declared:,}"):
            Hdf5Images(path, key, axes="nhwc")
    assert not Hdf5Images(path, "good", axes="nhwc")[:].any()


def packed_car(n_bytes):
    """A MATLAB file with a packed element that becomes as large."""
    file = io.BytesIO()
    scipy.io.savemat(file, {"im": np.zeros((8, n_bytes // 8), np.uint8)}, do_compression=True)
    return file.getvalue()


def test_a_packed_element_is_unpacked_as_far_as_a_car_may_be_large(tmp_path, monkeypatch):
    monkeypatch.setattr(cars3d, "MOST_OF_A_CAR", files.MiB)
    with pytest.raises(files.BadFile, match=r"car\.mat.*at most 1,048,576 bytes"):
        cars3d._images(tmp_path / "car.mat", packed_car(2 * files.MiB), (8, 8))
    with pytest.raises(files.BadFile, match=r"car\.mat.*the arrays"):
        cars3d._images(tmp_path / "car.mat", packed_car(files.MiB // 2), (8, 8))


def test_a_photograph_of_very_many_pixels_is_not_unpacked(tmp_path, monkeypatch):
    file = io.BytesIO()
    flowers102.Image.new("RGB", (40, 20)).save(file, "JPEG")
    monkeypatch.setattr(flowers102, "MOST_PIXELS", 3 * 799)
    with pytest.raises(files.BadFile, match=r"1\.jpg.*at most 2,397 bytes.*declares 2,400"):
        flowers102._square(tmp_path, "1.jpg", file.getvalue())


def test_pictures_that_declare_much_are_damage(tmp_path, monkeypatch):
    """A packed megabyte of zeros is a thousand bytes of file."""
    path = tmp_path / "abc.npz"
    store.write_pictures(path, {"one": np.zeros((16, 256, 256), np.uint8)})
    assert path.stat().st_size < 2_000
    assert not store.read_pictures(path, "one")[0].any()
    monkeypatch.setattr(store, "MOST_OF_PICTURES", files.MiB)
    with pytest.raises(store.DamagedFile, match=r"abc\.npz.*allowed are 1,048,576"):
        store.read_pictures(path, "one")


def test_pictures_of_any_damage_are_damage(tmp_path):
    path = tmp_path / "abc.npz"
    head = np.lib.format.header_data_from_array_1_0(np.zeros(1, np.uint8)) | {"shape": (2**62,)}
    large, pickled = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(large, head)
    np.save(pickled, np.array([{}]), allow_pickle=True)
    for content in (large.getvalue(), pickled.getvalue(), b"", b"none"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr("one.npy", content)
        with pytest.raises(store.DamagedFile, match=r"abc\.npz does not hold the pictures one"):
            store.read_pictures(path, "one")
    for content in (b"", b"PK", bytes(4096)):
        path.write_bytes(content)
        with pytest.raises(store.DamagedFile, match=r"abc\.npz does not hold the pictures one"):
            store.read_pictures(path, "one")


# what is followed, and what would be waited for


def linked(path, kind):
    """A file whose array lies in another one."""
    other = path.with_name("other.h5")
    with h5py.File(other, "w") as file:
        file["secret"] = np.full((3, 1, 2, 2), 200, np.uint8)
    raw = path.with_name("raw")
    raw.write_bytes(bytes([200] * 12))
    with h5py.File(path, "w") as file:
        if kind == "external link":
            file["images"] = h5py.ExternalLink(other, "secret")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3, 1, 2, 2), np.uint8)
            layout[:] = h5py.VirtualSource(other, "secret", (3, 1, 2, 2))
            file.create_virtual_dataset("images", layout)
        else:
            outside = [(str(raw), 0, 12)]
            file.create_dataset("images", (3, 1, 2, 2), np.uint8, external=outside)


@pytest.mark.parametrize("kind", ["external link", "virtual", "raw file"])
def test_an_array_of_another_file_is_not_read(tmp_path, kind):
    path = tmp_path / "a.h5"
    linked(path, kind)
    message = r"a\.h5: expected /?\w+ in the file itself, got a link to another file"
    with pytest.raises(files.BadFile, match=message):
        Hdf5Images(path, "images")
    with h5py.File(path) as file, pytest.raises(files.BadFile, match=message):
        hdf5.dataset(path, file, "images", (3, 1, 2, 2), np.uint8, "Get it.")


@pytest.mark.parametrize("target", ["images", "nothing"])
def test_links_that_lead_nowhere_are_damage(tmp_path, target):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["images"] = h5py.SoftLink(f"/{target}")  # the first is a loop
    with pytest.raises(files.BadFile, match=r"a\.h5"):
        Hdf5Images(path, "images")


def test_a_pipe_is_no_file(tmp_path):
    """Opening one would wait for ever."""
    pipe = tmp_path / "abc.npz"
    os.mkfifo(pipe)
    with pytest.raises(FileNotFoundError, match=r"expected abc\.npz in one of"):
        files.find(["abc.npz"], tmp_path, subfolder="x", mend="Get it.")
    with pytest.raises(store.DamagedFile, match=r"abc\.npz does not hold"):
        store.read_pictures(pipe, "one")
    with pytest.raises(FileNotFoundError):
        Hdf5Images(pipe, "images")
    assert not rearranging._is_of(pipe, tmp_path)
    with pytest.raises(ValueError, match=r"abc\.npz is no file"):
        sealed.read(pipe, "run it again")


# pixels of another type


@pytest.mark.parametrize("dtype", [np.float64, np.uint16, np.int8, np.int64])
def test_a_car_of_another_type_than_it_declares_is_named(tmp_path, dtype, monkeypatch):
    """MATLAB's class says uint8 and the numbers are kept as others: scipy gives the others."""
    shape = (4, 4, 3, 2, 2)
    im = np.full(shape, 3, dtype)
    if dtype == np.float64:
        im[0] = np.nan
    monkeypatch.setattr(cars3d.scipy.io, "whosmat", lambda _: [("im", shape, "uint8")])
    file = io.BytesIO()
    scipy.io.savemat(file, {"im": im})
    with pytest.raises(files.BadFile, match=rf"car\.mat.*uint8 of shape.*{np.dtype(dtype)}"):
        cars3d._images(tmp_path / "car.mat", file.getvalue(), shape)


@pytest.mark.parametrize(("dtype", "value"), [(np.int8, -1), (np.float32, 1), (np.uint16, 257)])
def test_sprites_of_another_type_are_named(tmp_path, monkeypatch, dtype, value):
    monkeypatch.setattr(dsprites, "N_IMAGES", 2)
    path = tmp_path / f"{dsprites.OFFICIAL}.hdf5"
    with h5py.File(path, "w") as file:
        file["imgs"] = np.full(IMAGES, value, dtype)
        file["latents/classes"] = np.zeros((2, 6), np.int64)
    name = np.dtype(dtype).name
    with pytest.raises(files.BadFile, match=rf"{dsprites.OFFICIAL}.*imgs as uint8.*got {name}"):
        next(dsprites._official_hdf5(path))
    reader = tmp_path / "a.npz"
    np.savez(reader, imgs=np.full(IMAGES, value, dtype))
    with pytest.raises(files.BadFile, match=rf"a\.npz.*type uint8.*{name}"):
        files.Npz(reader, "Get it.").array("imgs", IMAGES, np.uint8)


@pytest.mark.parametrize(
    ("images", "said"),
    [(np.uint16(257), "uint16"), (np.uint8(1), "0 to 1"), (np.int8(-1), "int8")],
)
def test_digits_of_another_type_or_range_are_named(tmp_path, monkeypatch, images, said):
    monkeypatch.setattr(cmnist, "N_IMAGES", {"train": 3})
    shape = (3, cmnist.NATIVE_SIZE, cmnist.NATIVE_SIZE)
    path = tmp_path / cmnist.FILE
    np.savez(path, x_train=np.full(shape, images), y_train=np.arange(3))
    with pytest.raises(files.BadFile, match=rf"mnist\.npz.*x_train.*{said}"):
        cmnist.mnist(tmp_path, "train")


# one damaged data file


def damaged_set(monkeypatch, tmp_path, said):
    def load(root, size):
        raise said

    good = data.DATA_SETS["cmnist_digits"]
    monkeypatch.setitem(
        data.DATA_SETS, "bad", good._replace(load=load, find=lambda _: tmp_path / "bad.npz")
    )
    monkeypatch.setattr(loading, "_LOADED", {})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (files.bad_file(files.Path("bad.npz"), "this", "that", "Get it."), "bad.npz: expected"),
        (PermissionError(errno.EACCES, "Permission denied: bad.npz"), "bad.npz"),
        (FileNotFoundError("expected bad.npz"), "bad.npz"),
        (ValueError("toy: expected factors from 0"), "bad.npz: toy: expected factors from 0"),
    ],
)
def test_a_damaged_file_is_left_out_as_an_absent_one(tmp_path, monkeypatch, error, words):
    damaged_set(monkeypatch, tmp_path, error)
    settings = [
        Setting(tiny.run(dataset=name, size=8), seeds=(0,)) for name in ("bad", "cmnist_digits")
    ]
    absent = [loading.absent(setting) for setting in settings]
    assert list(absent[0]) == ["bad"]
    assert words in absent[0]["bad"]
    assert absent[1] == {}
    assert loading.not_needing({"bad"}, settings) == settings[1:]
    with pytest.warns(UserWarning, match="bad is left out: .*bad.npz"):
        loading.warn_of(absent[0], set(), stacklevel=1)


@pytest.mark.parametrize(
    "error",
    [EOFError("end"), zipfile.BadZipFile("no"), RuntimeError("encrypted"), KeyError("x"),
     NotImplementedError("method 99"), tarfile.ReadError("no"), OverflowError("large"),
     UnicodeDecodeError("utf-8", b"", 0, 1, "bad")],
)  # fmt: skip
def test_whatever_damage_raises_the_file_and_the_way_out_are_named(tmp_path, error):
    with (
        pytest.raises(files.BadFile, match=r"a\.zip: expected a zip.*damaged.*Get it\."),
        files.reading(tmp_path / "a.zip", "a zip", "Get it."),
    ):
        raise error


# disk full


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_twin_that_cannot_be_kept_is_returned_with_a_warning(tmp_path, monkeypatch):
    images = torch.arange(32, dtype=torch.uint8).view(2, 1, 4, 4)
    monkeypatch.setattr(keeping, "_write", full)
    with pytest.warns(UserWarning, match=r"No space left.*toy_4px_v1.*Make room in") as caught:
        kept = keeping.kept("toy", (2, 1, 4, 4), 1, tmp_path, lambda: images)
    assert torch.equal(kept, images)
    assert "DISENTANGLED_DATA" in str(caught[0].message)
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(keeping.kept("toy", (2, 1, 4, 4), 1, tmp_path, lambda: images), images)


def test_a_full_disk_is_named_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_download", full)
    file = download.RemoteFile("file", "http://localhost", "md5:" + "0" * 32)
    with pytest.raises(
        OSError, match=r"No space left.*/file was not written.*Make room"
    ) as caught:
        download.fetch(file, tmp_path)
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []

    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as source:
        source["images"] = np.zeros((2, 4, 4, 1), np.uint8)
    monkeypatch.setattr(rearranging, "averaged", full)
    with pytest.raises(OSError, match=r"No space left.*a_4px\.h5 was not written.*Make room"):
        rearranging.rearranged(path, "images", (2, 4, 4, 1), 4, tmp_path, "Get it.")
    assert not (tmp_path / "rearranged" / "a_4px.h5").exists()


# folders that variables name, and those that may not be written to


@pytest.mark.parametrize("variable", [store.ROOT, files.ENVIRONMENT])
def test_an_empty_variable_names_nothing(monkeypatch, variable):
    for name in (store.ROOT, files.ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)
    before = store.results(), files.roots(None), records.folder("smoke")
    monkeypatch.setenv(variable, "")
    assert (store.results(), files.roots(None), records.folder("smoke")) == before
    assert store.results() == store.checkout() / "book" / "results"
    assert files.roots(None) == [files.checkout() / "data"]
    assert records.folder("smoke") == store.checkout() / "build" / "smoke" / "claims"


@pytest.mark.parametrize(
    ("variable", "calls"),
    [
        (store.ROOT, [store.results, lambda: sweeps.rows("beta_tcvae", "smoke"),
                      lambda: records.folder("smoke"), lambda: records.folder("laptop")]),
        (files.ENVIRONMENT, [files.download_folder, lambda: data.load("dsprites")]),
    ],
)  # fmt: skip
def test_a_variable_that_names_a_file_is_refused(tmp_path, monkeypatch, variable, calls):
    file = tmp_path / "rows.json"
    file.write_text("mine")
    monkeypatch.setenv(variable, str(file))
    for call in calls:
        with pytest.raises(
            NotADirectoryError, match=rf"{variable} names .*rows\.json, which is a"
        ):
            call()
    assert file.read_text() == "mine"


def test_a_folder_may_be_relative_or_at_home(tmp_path, monkeypatch):
    """A relative one counts from the working directory; errors name all of its path."""
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a", "~/a"):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv(store.ROOT, name)
        monkeypatch.setenv(files.ENVIRONMENT, name)
        assert store.results() == files.download_folder() == tmp_path / "a"
    monkeypatch.setenv(store.ROOT, "a")
    monkeypatch.setenv(files.ENVIRONMENT, "a")
    monkeypatch.chdir(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match=rf"names the folder {tmp_path}/a/a, which is not"):
        store.results()
    with pytest.raises(FileNotFoundError, match=rf"names {tmp_path}/a/a, which is not there"):
        data.load("dsprites")


PLACES = {
    "spaces": "my results, 2nd try",
    "letters": "Ergebnisse_für_Ωμέγα_解",
    "long": "/".join(["x" * 200] * 4),
    "pattern": "[a-z]*?{1}#%20",
}


@pytest.mark.parametrize("place", PLACES)
def test_folders_of_any_name_hold_a_sweep(tmp_path, monkeypatch, one_thread, place):
    """Also below links: the folder of results, and that of an experiment in it."""
    tiny.register(monkeypatch.setitem)
    one = [tiny.setting(tiny.run(steps=50), (0, 1), kept_by="elbo", pictures=("traversals",))]
    monkeypatch.setitem(experiments.EXPERIMENTS, "tiny", lambda profile: one)
    there = tmp_path / "there" / PLACES[place]
    (there / "elsewhere").mkdir(parents=True)
    home = tmp_path / PLACES[place].replace("/", "+")[:200]
    home.symlink_to(there, target_is_directory=True)
    (home / "tiny").symlink_to(there / "elsewhere", target_is_directory=True)
    monkeypatch.setenv(store.ROOT, str(home))
    found = sweeps.complete("tiny", "smoke", workers=1)
    assert len(found["run_id"].unique()) == 2
    left = {p.name for p in (there / "elsewhere" / "smoke").rglob("*") if p.is_file()}
    run, stems = one[0].run, [one[0].run.id(seed) for seed in (0, 1)]
    median = models.median_seed(one[0], found)
    expected = {f"{run.id(median)}.safetensors"}
    for stem in stems:
        expected |= {f".{stem}.lock", f"{stem}.json", f"{stem}.npz", f"{stem}-50.safetensors"}
    assert left == expected
    archive = there / "packed.tar.gz"
    assert sweeps.packing.pack("tiny", "smoke", archive) == 7
    other = tmp_path / "other"
    (other / "far").mkdir(parents=True)
    (other / "tiny").symlink_to(other / "far", target_is_directory=True)
    monkeypatch.setenv(store.ROOT, str(other))
    assert sweeps.packing.unpack("tiny", "smoke", archive).new == 7
    assert sweeps.rows("tiny", "smoke").equals(found)


def test_what_is_unpacked_may_lie_on_another_disk(tmp_path, monkeypatch):
    """A link may lead there, and nothing is renamed from one disk to another."""
    tiny.register(monkeypatch.setitem)
    monkeypatch.setenv(store.ROOT, str(tmp_path / "one"))
    run, rename = tiny.run("factor_vae", steps=200), os.rename
    (tmp_path / "one").mkdir()
    path = models.row_path(run, 0)
    common = dict.fromkeys([c for c in store.COLUMNS if c not in store.NUMBER], "")
    common |= {"run_id": run.id(0), "experiment": "tiny", "profile": "smoke", "seed": 0}
    store.write_rows(path, store.RunFile(run.declared() | {"seed": 0}, common, {}, {}))
    sweeps.packing.pack("tiny", "smoke", tmp_path / "a.tar")
    content = path.read_bytes()
    (tmp_path / "two").mkdir()
    monkeypatch.setenv(store.ROOT, str(tmp_path / "two"))

    def apart(source, target, **_):
        if ".unpack-" in str(source):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(source, target)

    monkeypatch.setattr(os, "rename", apart)
    assert sweeps.packing.unpack("tiny", "smoke", tmp_path / "a.tar").new == 1
    assert models.row_path(run, 0).read_bytes() == content


# torch's defaults, and generators


def some_data(factors):
    shades = (np.arange(768) % 256).astype(np.uint8).reshape(12, 1, 8, 8)
    return FactorData("toy", shades, factors, ("a", "b"), (3, 4), source="made up")


def under_defaults():
    factors = np.array([[i, j] for i in range(3) for j in range(4)] * 5)
    code = factors + 0.1 * np.random.default_rng(0).normal(size=factors.shape)
    generator = torch.Generator().manual_seed(0)
    toy = some_data(factors[:12])
    drawn = np.random.default_rng(1).normal(size=(5, 4, 3, 1, 1)).astype(np.float32)
    x, logits, z, mean, logvar = torch.from_numpy(drawn)
    posterior = Code(*(numbers.flatten(1) for numbers in (z, mean, logvar)))
    images = {"n_data": 12, "pixel_area": 1}
    annealed = objectives.annealed_vae(x.sigmoid(), logits, posterior, step=3, **images)
    game = objectives.info_gan_cr(
        logits[:, 0, 0, 0], *posterior, torch.from_numpy(np.array([0, 1, 2, 0])),
        step=3, information=0.1, contrast=2.0, contrast_from=2.0,
    )  # fmt: skip
    half = torch.from_numpy(np.full(2, 0.5))
    cloud = correlated_noise.parity_cloud("smoke")
    return [
        annealed.total.tolist(),
        game.total.tolist(),
        [mean.tolist() for mean, _ in kl_in_three_parts.codes_of_equal_kl(2.0).values()],
        cloud.tolist(),
        figure_numbers.shared_kl([half.diag()], half),
        interventions.LEVELS.tolist(),
        runpy.run_path(dsprites.__file__)["SCALES"].tolist(),  # imported under the defaults
        metrics.mig(code, factors).value,
        metrics.mig_exact(code, np.full(code.shape, -4.0), factors).value,
        metrics.disintegration(code, factors, generator=generator).value,
        metrics.tree_tc(code, generator=generator).value,
        gaussian.kl_to_prior(np.zeros((2, 2)), np.full((2, 2), 0.5)).tolist(),
        gaussian.equicorrelated(3, 0.5).tolist(),
        toy.draw(5, generator).x.tolist(),
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_values_do_not_depend_on_torchs_defaults(dtype, device):
    expected = under_defaults()
    torch.set_default_dtype(dtype)
    torch.set_default_device(device)
    try:
        assert under_defaults() == expected
        assert torch.get_default_dtype() == dtype
        assert torch.get_default_device().type == device
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)


@pytest.mark.parametrize("generator", [0, np.random.default_rng(0), "seed", torch.Generator])
def test_what_is_no_generator_is_refused(generator):
    factors = np.array([[i, j] for i in range(3) for j in range(4)])
    toy = some_data(factors[:12])
    for call in (
        lambda: toy.draw(3, generator),
        lambda: toy.split(0.5, generator=generator),
        lambda: metrics.tree_tc(factors * 1.0, generator=generator),
        lambda: metrics.disintegration(factors * 1.0, factors, generator=generator),
    ):
        with pytest.raises(ValueError, match=r"must be a torch\.Generator, got .*manual_seed"):
            call()


def test_training_does_not_depend_on_torchs_defaults(one_thread):
    images = tiny.images()

    def means():
        fitted = training.fit(tiny.run(), [0], images, hardware=tiny.CPU)
        mean, _ = fitted.encode(images)
        return mean, fitted.decode(mean[:, :4])

    expected = means()
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        found = means()
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))
