"""What is packed in one folder of results is unpacked in another, whole or not at all."""

import io
import json
import subprocess
import tarfile
from hashlib import sha256

import pytest
import tiny

from disentangled import archives, arguments, experiments, models, packing, store, sweeps

RUN = "0123456789"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of results: two runs, with milestones, pictures, models and a committed decoder."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        tiny.register(patch.setitem)
        chosen = tiny.setting(tiny.run(steps=100), (0, 1), (50,), kept_by="elbo")
        patch.setitem(experiments.EXPERIMENTS, "tiny", lambda profile: [chosen])
        patch.setenv(store.ROOT, str(folder))
        sweeps.complete("tiny", "smoke", workers=1)
    return folder, chosen


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """Other results folders, by name, with the same experiment declared."""
    tiny.register(monkeypatch.setitem)
    monkeypatch.setitem(experiments.EXPERIMENTS, "tiny", lambda profile: [trained[1]])
    monkeypatch.setitem(experiments.EXPERIMENTS, "other", lambda profile: [trained[1]])
    monkeypatch.setattr(arguments, "EXPERIMENTS", {"tiny": None})

    def move(folder):
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(store.ROOT, str(folder))
        return folder / "tiny" / "smoke"

    return move


def files(folder):
    """Names and contents below a folder, without the locks of claims."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("name", ["tiny.tar", "tiny.tar.gz"])
def test_what_is_packed_here_is_unpacked_there(trained, here, tmp_path, name):
    home = here(trained[0])
    rows = sweeps.rows("tiny", "smoke")
    archive = tmp_path / name
    # 2 rows, 2 pictures, 2 models at 2 steps each, 1 decoder
    assert packing.pack("tiny", "smoke", archive) == 9
    assert archive.read_bytes()[:2] == (b"\x1f\x8b" if name.endswith("gz") else b"ma")
    there = here(tmp_path / "there")
    assert packing.unpack("tiny", "smoke", archive) == (9, 0)
    assert files(there) == files(home)
    assert sweeps.rows("tiny", "smoke").equals(rows)
    assert sweeps.missing("tiny", "smoke") == []
    (tmp_path / "there" / "tiny" / "smoke" / f"{trained[1].run.id(0)}.json").unlink()
    assert packing.unpack("tiny", "smoke", archive) == (1, 8)
    assert files(there) == files(home)
    assert not list((tmp_path / "there").glob(".unpack-*"))


def test_what_is_there_with_another_content_is_named_and_nothing_touched(trained, here, tmp_path):
    here(trained[0])
    packing.pack("tiny", "smoke", tmp_path / "tiny.tar")
    there = here(tmp_path / "there")
    mine = models.model_path(trained[1].run, 1, 50)
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(ValueError, match=rf"{mine} is there with another content"):
        packing.unpack("tiny", "smoke", tmp_path / "tiny.tar")
    assert files(there) == {str(mine.relative_to(there)): b"mine"}
    assert [p.name for p in there.iterdir()] == ["models"]


def test_a_run_that_trains_is_left_alone(trained, here, tmp_path):
    here(trained[0])
    packing.pack("tiny", "smoke", tmp_path / "tiny.tar")
    there = here(tmp_path / "there")
    row = models.row_path(trained[1].run, 1)
    with store.claimed(row) as got:
        assert got
        with pytest.raises(ValueError, match=rf"{row.name} is being trained"):
            packing.unpack("tiny", "smoke", tmp_path / "tiny.tar")
    assert files(there) == {}


def test_only_what_git_does_not_track_is_packed(trained, here, tmp_path):
    """Seed 0's row is tracked as it is, seed 1's was tracked before it was written anew."""
    home, run = here(tmp_path / "tracked"), trained[1].run
    for name, content in files(trained[0] / "tiny" / "smoke").items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    (new,) = {path.stem for path in (home / "decoders").iterdir()}
    row = home / f"{run.id(1)}.json"
    content = row.read_bytes()
    row.write_bytes(b"as it was")
    subprocess.run(["git", "init", "-q", str(tmp_path / "tracked")], check=True)
    add = ["git", "-C", str(home), "add", f"{run.id(0)}.json", row.name]
    subprocess.run(add, check=True)
    row.write_bytes(content)
    archive = tmp_path / "tiny.tar"
    assert packing.pack("tiny", "smoke", archive) == 5  # the decoder of either seed is new
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert names[0] == "manifest.json"
    assert set(names[1:]) == {
        f"{run.id(1)}.json", f"pictures/{run.id(1)}.npz", f"decoders/{new}.safetensors",
        f"models/{run.id(1)}-50.safetensors", f"models/{run.id(1)}-100.safetensors",
    }  # fmt: skip


def entry(content, **changes):
    return {"sha256": sha256(content).hexdigest(), "bytes": len(content)} | changes


def archive(path, members, manifest=None, **about):
    """A tar of these members, (name, content, type) or (name, content), with its manifest."""
    listed = {name: entry(content) for name, content, *_ in members}
    head = {"format": 1, "experiment": "tiny", "profile": "smoke",
            "files": listed if manifest is None else manifest} | about  # fmt: skip
    first = ("manifest.json", json.dumps(head).encode())
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content, *kind in [first, *members]:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = (*kind, *(tarfile.REGTYPE, "")[len(kind) :])
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


PICTURE = f"pictures/{RUN}.npz"


@pytest.mark.parametrize(
    ("members", "manifest", "about", "told"),
    [
        ([(f"../{RUN}.json", b"x")], None, {}, r"no file may be called '../0123456789.json'"),
        ([(f"/{RUN}.json", b"x")], None, {}, "no file may be called '/0123456789.json'"),
        ([(f"pictures/../{RUN}.json", b"x")], None, {}, "no file may be called 'pictures/"),
        ([(f"{RUN}.json\n", b"x")], None, {}, "no file may be called"),
        ([("run.py", b"x")], None, {}, "no file may be called 'run.py'"),
        ([(f"{RUN}.json" * 20, b"x")], None, {}, "no file may be called"),
        ([(f"../{RUN}.json", b"x")], {}, {}, "twice, or without a line in manifest.json"),
        ([(f"{RUN}.json" * 20, b"x")], {}, {}, "no plain file under a short name"),
        ([(PICTURE, b"", tarfile.SYMTYPE, "/etc/passwd")], None, {}, "is no plain file"),
        ([(PICTURE, b"", tarfile.LNKTYPE, "x")], None, {}, "is no plain file"),
        ([(PICTURE, b"", tarfile.CHRTYPE)], None, {}, "is no plain file"),
        ([(PICTURE, b"", tarfile.DIRTYPE)], None, {}, "is no plain file"),
        ([(PICTURE, b"x"), (PICTURE, b"x")], None, {}, "twice"),
        ([(PICTURE, b"x")], {PICTURE: entry(b"y")}, {}, "is not what was packed, by its sha256"),
        ([(PICTURE, b"x")], {PICTURE: entry(b"x", bytes=2)}, {}, "has 1 bytes instead of 2"),
        ([(PICTURE, b"x")], {PICTURE: entry(b"x", bytes=2**40)}, {}, "bytes at most, got 10995"),
        ([(PICTURE, b"x")], {PICTURE: entry(b"x", bytes="1")}, {}, "expected sha256 and bytes"),
        ([(PICTURE, b"x")], {PICTURE: 7}, {}, "expected sha256 and bytes"),
        ([(PICTURE, b"x")], [PICTURE], {}, "expected files by name"),
        ([], {PICTURE: entry(b"x")}, {}, "is named in manifest.json and not there"),
        ([(f"{RUN}.json", b"{}")], None, {}, "0123456789.json is no whole row file"),
        ([], None, {"experiment": "other"}, "expected tiny, smoke, got other, smoke"),
        ([], None, {"profile": "laptop"}, "expected tiny, smoke, got tiny, laptop"),
        ([], None, {"format": 2}, "expected a manifest.json of format 1"),
    ],
)
def test_an_archive_that_nobody_packed_is_refused(here, tmp_path, members, manifest, about, told):
    here(tmp_path / "there")
    path = archive(tmp_path / "bad.tar", members, manifest, **about)
    with pytest.raises(ValueError, match=rf"bad\.tar is refused, nothing was unpacked: .*{told}"):
        packing.unpack("tiny", "smoke", path)
    assert list((tmp_path / "there").iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.tar", "there"]


def test_a_row_of_another_run_is_refused(trained, here, tmp_path):
    home = here(trained[0])
    row = (home / f"{trained[1].run.id(0)}.json").read_bytes()
    here(tmp_path / "there")
    path = archive(tmp_path / "bad.tar", [(f"{RUN}.json", row)])
    with pytest.raises(ValueError, match=f"{RUN}.json is no whole row file"):
        packing.unpack("tiny", "smoke", path)
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("name", ["tiny.tar", "tiny.tar.gz"])
def test_a_tampered_or_truncated_archive_is_refused(trained, here, tmp_path, name):
    here(trained[0])
    path = tmp_path / name
    packing.pack("tiny", "smoke", path)
    whole = path.read_bytes()
    here(tmp_path / "there")
    at = len(whole) // 2 if name.endswith("gz") else whole.index(b'"digest"')
    flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    ends = [len(whole) // 2, 512, 100, 1, 0]
    for content in [flipped, *(whole[:end] for end in ends), b"no archive" * 100]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is refused, nothing was unpacked"):
            packing.unpack("tiny", "smoke", path)
        assert list((tmp_path / "there").iterdir()) == []


def test_an_archive_without_its_manifest_first_is_refused(here, tmp_path):
    here(tmp_path / "there")
    path = tmp_path / "bad.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo(PICTURE))
    with pytest.raises(ValueError, match=r"expected manifest.json first, got pictures/"):
        packing.unpack("tiny", "smoke", path)
    with pytest.raises(FileNotFoundError, match=r"absent\.tar"):
        packing.unpack("tiny", "smoke", tmp_path / "absent.tar")
    with pytest.raises(ValueError, match="unknown experiment 'x'"):
        packing.unpack("x", "smoke", path)


def test_the_command_trains_packs_and_unpacks(here, trained, tmp_path, monkeypatch, capsys):
    here(trained[0])
    heard = []
    monkeypatch.setattr(sweeps, "complete", lambda *about, **more: heard.append(more["minutes"]))
    path = tmp_path / "tiny.tar"
    sweeps.main(["tiny", "smoke", "--pack", str(path)])
    assert capsys.readouterr().out == f"9 files packed into {path}\n"
    assert heard == []
    sweeps.main(["tiny", "smoke", "--minutes=2", "--pack", str(path)])
    assert capsys.readouterr().out.splitlines()[-1] == f"9 files packed into {path}"
    assert heard == [2.0]
    here(tmp_path / "there")
    sweeps.main(["tiny", "smoke", "--unpack", str(path)])
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "9 files unpacked, 0 were there"
    assert told[1].startswith("tiny, smoke: nothing is missing")


def test_names_that_are_allowed():
    assert [archives.order(name) for name in (
        PICTURE, f"models/{RUN}-100.safetensors", f"decoders/{RUN}.safetensors", f"{RUN}.json",
        f"checkpoints/{RUN}-100.safetensors", f"{RUN}.json.exe", f"models/{RUN}.safetensors",
        f".{RUN}.lock", "first_design.json", f"{RUN.upper()}A.json", f"{RUN[:-1]}٣.json",
    )] == [0, 1, 2, 3, *[None] * 7]  # fmt: skip
