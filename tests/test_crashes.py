"""A sweep that is killed at any operation on files ends, resumed, as one that is not killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import crash
import pytest

from disentangled import store

pytestmark = pytest.mark.usefixtures("one_thread")


def content(results):
    """All that a sweep left: of rows all but how long they took, of others what they hold."""
    found = {}
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results).as_posix()
        if path.suffix == ".json":
            row = json.loads(path.read_text())
            kept = ("settings", "versions", "pictures", "numbers")
            found[name] = repr([row[part] for part in kept])
        elif path.suffix == ".safetensors":
            tensors, words = store.read_tensors(path)
            found[name] = repr(sorted(words.items())) + repr(
                sorted((key, tensor.flatten().tolist()) for key, tensor in tensors.items())
            )
        elif path.suffix == ".npz":
            (pictures,) = store.read_pictures(path, "traversals")
            found[name] = pictures.tobytes()
        else:  # folders, and locks, which name who had them
            found[name] = ""
    return found


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """What a sweep leaves that nothing disturbs, and its operations on files."""
    results = tmp_path_factory.mktemp("quiet")
    operations, done = crash.sweep(results)
    assert done
    return content(results), operations


def test_the_quiet_sweep_does_what_can_be_killed(quiet):
    left, operations = quiet
    kinds = {name.split()[0] for name in operations}
    assert kinds == {"mkdir", "open", "write", "replace", "unlink"}
    rows = [name for name in left if name.endswith(".json")]
    stopped = [name for name in rows if '"stopped"' in left[name] or "'stopped'" in left[name]]
    assert (len(rows), len(stopped)) == (5, 1)
    assert sum(name.count("decoders/") for name in left) == 1
    assert not [name for name in left if "/checkpoints/" in name]


def test_a_sweep_killed_at_any_operation_ends_as_a_quiet_one(quiet, tmp_path):
    whole, operations = quiet
    other = {}
    for fatal, name in enumerate(operations):
        results = tmp_path / str(fatal)
        results.mkdir()
        _, done = crash.sweep(results, fatal)
        _, resumed = crash.sweep(results)
        assert (done, resumed) == (False, True)
        if (left := content(results)) != whole:
            other[f"{fatal}: {name}"] = sorted(
                file for file in {*left, *whole} if left.get(file) != whole.get(file)
            )
    assert other == {}


def test_a_sweep_killed_again_and_again_ends_as_a_quiet_one(quiet, tmp_path):
    calls, done = 0, False
    while not done:
        _, done = crash.sweep(tmp_path, 23 + calls)
        calls += 1
        assert calls < 30
    assert calls > 2
    assert content(tmp_path) == quiet[0]


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_sweep_killed_by_the_system_ends_as_a_quiet_one(quiet, tmp_path, share):
    """By kill -9, in a process of its own, in the middle of a write."""
    whole, operations = quiet
    writes = [at for at, name in enumerate(operations) if name.startswith("write ")]
    fatal = writes[int(share * len(writes))]
    script = Path(crash.__file__)
    path = os.pathsep.join([str(script.parent), str(Path(store.__file__).parents[1])])
    known = {"PYTHONPATH": path, store.ROOT: str(tmp_path), "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(fatal)],
        env=os.environ | known, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert killed.returncode == -9
    assert crash.sweep(tmp_path)[1]
    assert content(tmp_path) == whole
