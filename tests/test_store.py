"""Files on disk: whole or reported, never half."""

import errno
import json
import os

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

from disentangled import store
from disentangled.store import COLUMNS, NUMBER, DamagedFile, RunFile, Scored

SHARED = [name for name in COLUMNS if name not in NUMBER]


def common(**changes):
    columns = dict.fromkeys(SHARED, "x") | {"seed": 3, "seconds": 1.5, "weights": '{"beta": 4.0}'}
    return columns | {"run_id": "abc"} | changes


def number(value, **changes):
    line = {"step": 100, "quantity": "elbo", "estimator": "data set", "code": "sample",
            "factors": "", "value": value, "unit": "nats"}  # fmt: skip
    return line | changes


NUMBERS = [number(-17.123456789012345), number(float("nan"), step=50, quantity="β")]


def row_file(common, numbers, settings=None):
    """A row file of one score."""
    return RunFile(settings or {}, common, {"elbo": Scored(2, numbers)}, {"traversals": 1})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "results" / "tiny" / "smoke" / "abc.json"
    settings = {"steps": 100, "weights": {"beta": 4.0}}
    store.write_rows(path, row_file(common(), NUMBERS, settings))
    return path


def test_columns_are_those_of_the_documentation():
    assert " ".join(COLUMNS) == (
        "experiment run_id dataset source objective weights encoder noise seed profile step "
        "quantity estimator code factors value unit seconds commit torch device"
    )


def test_rows_come_back_as_they_were(path):
    rows = store.read_rows(path)
    assert [set(row) for row in rows] == [set(COLUMNS)] * 2
    assert rows[0] == common() | NUMBERS[0]
    assert np.isnan(rows[1].pop("value"))
    assert rows[1] == common() | {k: v for k, v in NUMBERS[1].items() if k != "value"}


def test_a_file_is_a_line_a_number_with_its_settings(path):
    lines = path.read_text().splitlines()
    assert sum(line.startswith('  ["elbo", ') for line in lines) == len(NUMBERS)
    assert json.loads(path.read_text())["settings"] == {"steps": 100, "weights": {"beta": 4.0}}


def test_a_file_comes_back_score_by_score(path):
    row = store.read_run(path)
    assert row.settings["steps"] == 100
    assert row.pictures == {"traversals": 1}
    assert list(row.scores) == ["elbo"]
    assert row.scores["elbo"].version == 2
    assert row.scores["elbo"].numbers[0] == NUMBERS[0]


def test_numbers_of_another_version_are_left_out(path):
    assert len(store.read_rows(path, {"elbo": 2, "mig": 7})) == 2
    assert store.read_rows(path, {"elbo": 3}) == []
    assert store.read_rows(path, {"mig": 2}) == []  # nor those of a score that is gone


def test_rows_of_a_folder(path, monkeypatch):
    monkeypatch.setenv(store.ROOT, str(path.parents[2]))
    other = common(seed=4, run_id="def")
    store.write_rows(path.with_name("def.json"), row_file(other, NUMBERS[:1]))
    frame = store.rows("tiny", "smoke")
    assert list(frame.columns) == COLUMNS
    assert frame["seed"].tolist() == [3, 3, 4]
    assert frame["value"].tolist()[::2] == [-17.123456789012345] * 2
    empty = store.rows("tiny", "paper")
    assert (list(empty.columns), len(empty)) == (COLUMNS, 0)


@pytest.mark.parametrize(
    ("shared", "numbers", "message"),
    [
        (common(speed=1), NUMBERS, "a row file needs the columns"),
        ({k: v for k, v in common().items() if k != "seed"}, NUMBERS, "got .*'commit'"),
        (common(), [number(1.0, error=0.1)], "a number needs the columns .*'error'"),
        (common(), [{"value": 1.0}], r"a number needs the columns .*got \['value'\]"),
    ],
)
def test_other_columns_are_errors(tmp_path, shared, numbers, message):
    with pytest.raises(ValueError, match=message):
        store.write_rows(tmp_path / "x.json", row_file(shared, numbers))
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(TypeError, match="JSON"):
        store.write_rows(path, row_file(common(seed=object()), NUMBERS))

    def half_written():
        with store.written_aside(path) as aside:
            aside.write_text("half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_written()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), OSError(errno.EDQUOT, "quota"),
     OSError(errno.EFBIG, "large"),
     safetensors.SafetensorError("I/O error: No space left on device (os error 28)"),
     RuntimeError("Unable to flush file's cached information (error message = 'No space left on "
                  "device')")],
)  # fmt: skip
def test_a_full_disk_is_told_with_the_path_and_leaves_the_old_file(path, error):
    before = path.read_bytes()

    def write():
        with store.written_aside(path) as aside:
            aside.write_text("half of it")
            raise error

    message = r"abc\.json was not written.*Make room in .*start again: what was done"
    with pytest.raises(OSError, match=message) as caught:
        write()
    assert caught.value.errno == getattr(error, "errno", errno.ENOSPC)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EROFS, "read-only"), PermissionError(errno.EPERM, "not permitted"),
     safetensors.SafetensorError('I/O error: Permission denied (os error 13) at path "/.tmpU8q"')],
)  # fmt: skip
def test_a_folder_that_may_not_be_written_to_is_told_with_the_way_out(path, error):
    message = r"abc\.json was not written.*Get the right to write to .*start again: what was done"
    with pytest.raises(OSError, match=message) as caught, store.written_aside(path):
        raise error
    assert caught.value.errno == getattr(error, "errno", errno.EACCES)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_other_errors_of_writing_are_what_they_are(path):
    elsewhere = PermissionError(errno.EACCES, "no", "/another/folder/that/is/read")
    for error in (elsewhere, RuntimeError("of another kind"), ValueError("x")):
        with pytest.raises(type(error)) as caught, store.written_aside(path):
            raise error
        assert caught.value is error


DAMAGES = {
    "cut off": lambda text: text[: len(text) // 2],
    "emptied": lambda text: "",
    "edited": lambda text: text.replace("-17.12", "-7.12"),
    "a number less": lambda text: text.replace(text.splitlines()[6] + "\n", ""),
    "not JSON": lambda text: "elbo = -17",
    "another JSON": lambda text: "[1, 2]",
    "no digest": lambda text: '{"common": {}, "numbers": []}',
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_reported_and_counts_as_missing(path, monkeypatch, damage):
    monkeypatch.setenv(store.ROOT, str(path.parents[2]))
    assert store.intact(path)
    damaged = DAMAGES[damage](path.read_text())
    assert damaged != path.read_text()
    path.write_text(damaged)
    with pytest.raises(DamagedFile, match=r"abc\.json is no whole row file .* sweep will redo"):
        store.read_rows(path)
    with pytest.warns(UserWarning, match="abc.json"):
        assert not store.intact(path)
    with pytest.warns(UserWarning, match="abc.json"):
        assert len(store.rows("tiny", "smoke")) == 0


def a_folder(path):
    path.mkdir()


def a_link_to_nothing(path):
    path.symlink_to(path.parent / "nowhere")


def a_link_to_itself(path):
    path.symlink_to(path)


def a_pipe(path):
    os.mkfifo(path)  # reading it would wait for ever


def nested(path):
    path.write_text("[" * 100_000)


@pytest.mark.parametrize("odd", [a_folder, a_link_to_nothing, a_link_to_itself, a_pipe, nested])
def test_what_cannot_be_read_is_damage_and_the_others_are_read(path, monkeypatch, odd):
    monkeypatch.setenv(store.ROOT, str(path.parents[2]))
    strange = path.with_name("0123456789.json")
    odd(strange)
    with pytest.raises(DamagedFile, match=r"0123456789\.json is no whole row file"):
        store.read_run(strange)
    with pytest.warns(UserWarning, match=r"0123456789\.json is no whole row file") as told:
        assert store.rows("tiny", "smoke")["run_id"].tolist() == ["abc", "abc"]
    assert len(told) == 1
    with pytest.warns(UserWarning, match=r"0123456789\.json"):
        assert not store.intact(strange)


def test_a_copy_under_another_name_is_damage(path, monkeypatch):
    """Its numbers would count twice, and the run of that name would not be missed."""
    monkeypatch.setenv(store.ROOT, str(path.parents[2]))
    copy = path.with_name("def.json")
    copy.write_bytes(path.read_bytes())
    with pytest.warns(UserWarning, match=r"def\.json is no whole row file .*rows of run abc"):
        assert len(store.rows("tiny", "smoke")) == len(NUMBERS)
    with pytest.warns(UserWarning, match=r"def\.json"):
        assert not store.intact(copy)
    assert store.intact(path)


def test_a_folder_where_a_file_belongs_is_moved_and_kept(path):
    place = path.with_name("def.json")
    place.mkdir()
    (place / "a stranger's").write_text("kept")
    with pytest.warns(UserWarning, match=r"def.json is a folder .* it is .*def.json.folder now"):
        store.write_rows(place, row_file(common(run_id="def"), NUMBERS))
    assert store.intact(place)
    assert (path.parent / "def.json.folder" / "a stranger's").read_text() == "kept"


def test_bytes_that_are_no_text_are_damage(path):
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DamagedFile):
        store.read_rows(path)


def test_nothing_there_is_no_damage(tmp_path):
    assert not store.intact(tmp_path / "none.json")


def test_tensors_come_back_as_they_were(tmp_path):
    stacked = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    tensors = {"a": stacked[1], "b": stacked.T, "state": torch.arange(5, dtype=torch.uint8)}
    store.write_tensors(tmp_path / "deep" / "x.safetensors", tensors, step="50", word="β")
    read, about = store.read_tensors(tmp_path / "deep" / "x.safetensors")
    assert about == {"step": "50", "word": "β"}
    assert set(read) == set(tensors)
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("left", [0, 4, 100, -1])
def test_tensors_cut_off_are_damage(tmp_path, left):
    path = tmp_path / "x.safetensors"
    store.write_tensors(path, {"a": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(DamagedFile, match=r"x\.safetensors is damaged"):
        store.read_tensors(path)


def test_tensors_that_changed_are_damage_wherever_they_did(tmp_path):
    """A byte of every part of the file: its sizes, its words, its tensors."""
    path = tmp_path / "x.safetensors"
    store.write_tensors(path, {"a": torch.arange(8.0), "b": torch.tensor(3)}, step="50")
    whole = path.read_bytes()
    for at in range(0, len(whole), 5):
        changed = bytearray(whole)
        changed[at] ^= 0b100
        path.write_bytes(changed)
        try:
            tensors, about = store.read_tensors(path)
        except DamagedFile:
            continue
        # the one word that may change unseen is the digest's own name
        assert set(about) != {"step"}
        assert torch.equal(tensors["a"], torch.arange(8.0))


def test_tensors_that_swapped_their_names_are_damage(tmp_path):
    path, zeros = tmp_path / "x.safetensors", torch.zeros(4)
    store.write_tensors(path, {"a": zeros, "b": zeros + 1})
    path.write_bytes(path.read_bytes().replace(b'"a"', b'"c"').replace(b'"b"', b'"a"'))
    with pytest.raises(DamagedFile, match="its digest says that it was changed"):
        store.read_tensors(path)


def test_tensors_from_before_there_were_digests_are_read(tmp_path):
    path = tmp_path / "x.safetensors"
    safetensors.torch.save_file({"a": torch.ones(2)}, path, metadata={"seed": "3"})
    tensors, about = store.read_tensors(path)
    assert (tensors["a"].tolist(), about) == ([1, 1], {"seed": "3"})


def test_pictures_come_back_and_damage_is_told(tmp_path):
    path = tmp_path / "pictures" / "x.npz"
    one = np.arange(24, dtype=np.uint8).reshape(2, 3, 1, 2, 2)
    store.write_pictures(path, {"one": one, "other": 2 * one})
    other, again = store.read_pictures(path, "other", "one")
    assert np.array_equal(again, one)
    assert np.array_equal(other, 2 * one)
    with pytest.raises(DamagedFile, match="does not hold the pictures third"):
        store.read_pictures(path, "third")
    whole = path.read_bytes()
    for damaged in (b"", whole[:40], whole[: len(whole) // 2], b"no archive"):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFile, match="does not hold the pictures one"):
            store.read_pictures(path, "one")
    np.savez(path, one=np.array([None, {}], dtype=object))  # would have to be unpickled
    with pytest.raises(DamagedFile, match="allow_pickle"):
        store.read_pictures(path, "one")


def test_results_lie_in_the_checkout_unless_told(monkeypatch, tmp_path):
    monkeypatch.delenv(store.ROOT, raising=False)
    assert store.folder("a", "smoke") == store.checkout() / "book" / "results" / "a" / "smoke"
    assert (store.checkout() / "src" / "disentangled" / "store.py").is_file()
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    assert store.folder("a", "smoke") == tmp_path / "a" / "smoke"
