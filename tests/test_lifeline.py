"""Workers end with the process that started them, whatever ends that one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from disentangled import lifeline, sweeps

PARENT = """
import signal, subprocess, sys
from disentangled import lifeline
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests under nohup have it ignored
with lifeline.held() as (end, environment):
    subprocess.run([sys.executable, "-c", sys.argv[1]], stdin=end, env=environment)
"""

WORKER = """
import os, time
from disentangled import lifeline
lifeline.hold()
print(os.getpid(), flush=True)
time.sleep(600)
"""

SOURCE = str(Path(lifeline.__file__).parents[1])


def is_there(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def environment():
    path = [SOURCE, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)}


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_worker_ends_with_its_parent(name):
    """The test reads the output of parent and worker, which ends when both have ended."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, WORKER], env=environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        worker = int(parent.stdout.readline())
        assert worker != parent.pid
        assert is_there(worker)
        parent.send_signal(getattr(signal, name))
        assert parent.communicate(timeout=120) == ("", None)
    while is_there(worker):  # until the system has counted its end
        time.sleep(0.01)


def test_a_worker_of_ones_own_needs_no_parent(monkeypatch):
    """Started by hand, its standard input may be closed, as that of a batch system is."""
    monkeypatch.delenv(lifeline.NAME, raising=False)
    script = "from disentangled import lifeline; lifeline.hold(); import time; time.sleep(0.5)"
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment(), stdin=subprocess.DEVNULL
    )
    assert ended.returncode == 0


def test_the_workers_of_a_sweep_hold_on(monkeypatch):
    held = []
    monkeypatch.setattr(lifeline, "hold", lambda: held.append("held"))
    monkeypatch.setattr(sweeps, "work", lambda *about: held.append("works"))
    sweeps.main(["beta_tcvae", "smoke", "--worker"])
    assert held == ["held", "works"]
