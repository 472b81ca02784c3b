"""Claims on runs are exclusive, end with their process, and say who has them."""

import errno
import os
import subprocess
import sys
from contextlib import ExitStack

import filelock
import pytest
import tiny

from disentangled import locks, store, sweeps, workers
from disentangled.data import files


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "tiny" / "smoke" / "abc.json"


def test_a_claim_is_exclusive_and_ends(path):
    with store.claimed(path) as first:
        assert first
        with store.claimed(path) as second, store.claimed(path.with_name("def.json")) as other:
            assert (second, other) == (False, True)
    with store.claimed(path) as again:
        assert again


HOLDER = """
import sys, time, filelock
lock = filelock.FileLock(sys.argv[1])
lock.acquire(blocking=False)
print("claimed", flush=True)
time.sleep(60)
"""


def test_a_killed_process_leaves_no_claim(path):
    lock = path.with_name(f".{path.stem}.lock")
    command = [sys.executable, "-c", HOLDER, str(lock)]
    path.parent.mkdir(parents=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "claimed\n"
        with store.claimed(path) as got:
            assert not got
        process.kill()
        process.wait()
        with store.claimed(path) as got:
            assert got


def test_a_claim_says_whose_it_is(path):
    assert locks.holder(path) == "another process"
    with store.claimed(path):
        assert locks.holder(path).startswith(f"process {os.getpid()} on ")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_locks_do_not_work_a_claim_says_so(path, monkeypatch, number):
    """And takes no mark for one, which a killed process would leave for all others to wait for."""
    fcntl = pytest.importorskip("fcntl")

    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    for _ in range(2):
        message = f"expected locks to work in {path.parent}.*DISENTANGLED_RESULTS"
        with pytest.raises(OSError, match=message), store.claimed(path):
            pass


@pytest.mark.parametrize(
    ("number", "way"),
    [(errno.ENOSPC, "Make room in"), (errno.EACCES, "Get the right to write to"),
     (errno.EIO, "Input/output error")],
)  # fmt: skip
def test_a_lock_that_cannot_be_written_is_told_with_the_way_out(path, monkeypatch, number, way):
    def refused(*_, **__):
        raise OSError(number, os.strerror(number), str(path.with_name(".abc.lock")))

    monkeypatch.setattr(filelock.FileLock, "acquire", refused)
    with pytest.raises(OSError, match=rf"{way}.*smoke") as caught, store.claimed(path):
        pass
    assert caught.value.errno == number


def test_who_waits_says_after_seconds_for_what_and_whom(tiny_home, monkeypatch, tmp_path):
    """Once, and no more when it goes on."""
    told = tmp_path / "told"
    run = tiny.run()
    left = [tiny.setting(run, (0, 1))]
    with told.open("w") as file, store.claimed(tiny_home / f"{run.id(1)}.json"):
        monkeypatch.setattr(workers.lines, "terminal", lambda: file)
        waited = 0.0
        for _ in range(10):
            waited = workers.waits(left, waited, 2.0)
            file.flush()
            assert bool(told.read_text()) == (waited > locks.PATIENCE)
    assert waited == 20.0
    (line,) = told.read_text().splitlines()
    assert line.startswith("waits for runs that others train. ")
    assert "another process: vae seed 0" in line
    assert f"process {os.getpid()} on " in line
    assert line.endswith(": vae seed 1")


def test_who_waits_for_a_data_file_says_for_which_and_for_whom(monkeypatch, tmp_path):
    """Once, after seconds; and then the lock is its own."""
    path, told, first, looks = tmp_path / "images.h5", tmp_path / "told", ExitStack(), []
    first.enter_context(locks.claimed(path))

    def sleep(_):
        looks.append(told.read_text())
        if len(looks) == 6:
            first.close()

    monkeypatch.setattr(locks.time, "monotonic", lambda: 2.0 * len(looks))
    monkeypatch.setattr(locks.time, "sleep", sleep)
    with told.open("w") as file:
        monkeypatch.setattr(locks, "terminal", lambda: file)
        place, held = files.claim([path])
    with held:
        assert place == path
        with locks.claimed(path) as got:
            assert not got
    with locks.claimed(path) as got:
        assert got
    line = f"waits for {path}, which process {os.getpid()} on "
    assert [look.startswith(line) for look in looks] == [False] * 3 + [True] * 3
    assert len(told.read_text().splitlines()) == 1


def test_a_sweep_counts_how_long_it_waits(tiny_home, monkeypatch):
    """From the beginning again when it found something to do."""
    found, waits = iter([False, False, True, False]), []
    monkeypatch.setattr(sweeps.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(sweeps, "missing", lambda *_: [None] if len(waits) < 3 else [])
    monkeypatch.setattr(sweeps.loading, "not_needing", lambda absent, left: left)
    monkeypatch.setattr(sweeps, "_train_all", lambda *_: next(found))
    monkeypatch.setattr(
        sweeps, "waits", lambda left, waited, poll: waits.append(waited) or waited + poll
    )
    sweeps.work("tiny", "smoke", tiny.CPU)
    assert waits == [0.0, sweeps.POLL, 0.0]
