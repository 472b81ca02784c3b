"""Rows of a sweep on a cluster are those of one without, also when a worker is killed."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
from distributed import Client, LocalCluster
from distributed.diagnostics.plugin import WorkerPlugin
from tiny import numbers

from disentangled import arguments, cluster, experiments, models, store, sweeps, workers
from disentangled import data as datasets


class Tiny(WorkerPlugin):
    """Makes the tiny data set known to a worker; the first that trains kills itself."""

    def __init__(self, killed):
        self.killed = killed

    def setup(self, worker):
        tiny.register()
        train = workers.train

        def trained(*about):
            if not self.killed.exists():
                self.killed.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return train(*about)

        workers.train = trained


def local(**options):
    """A cluster of two on this machine, on ports that are free, without a log."""
    return LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", worker_dashboard_address=":0",
        host="127.0.0.1", silence_logs=logging.CRITICAL, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def client():
    """Of two workers that are threads of this process."""
    with local(processes=False, protocol="tcp://") as threads, Client(threads) as client:
        yield client


@pytest.fixture
def home(tiny_home, monkeypatch):
    monkeypatch.setattr(cluster, "POLL", 0.01)
    return tiny_home


@pytest.fixture
def quiet(quiet_home):
    """The files of a sweep without a cluster, and its numbers: run id -> numbers."""
    return names(quiet_home), numbers(quiet_home)


def names(home):
    return {str(p.relative_to(home)) for p in home.rglob("*.*") if not p.name.startswith(".")}


def declare(monkeypatch, *chosen):
    monkeypatch.setitem(experiments.EXPERIMENTS, "tiny", lambda profile: list(chosen))


def test_rows_through_a_cluster_of_two_are_those_without(home, quiet, client):
    found = sweeps.complete("tiny", "smoke", client=client)
    assert (names(home), numbers(home)) == quiet
    assert found["run_id"].nunique() == 9
    assert sweeps.missing("tiny", "smoke") == []


def test_the_stacks_of_a_killed_worker_run_again(home, quiet, tmp_path):
    killed = tmp_path / "killed"
    with local(processes=True) as processes, Client(processes) as client:
        client.register_plugin(Tiny(killed))
        sweeps.complete("tiny", "smoke", client=client)
        assert int(killed.read_text()) not in {os.getpid(), *client.run(os.getpid).values()}
    assert numbers(home) == quiet[1]


def test_checkpoints_from_before_go_and_a_claimed_stack_is_waited_for(home, client, monkeypatch):
    claimed, free = (tiny.setting(tiny.run(steps=s), (0,)) for s in (50, 100))
    declare(monkeypatch, claimed, free)
    before = home / "checkpoints" / f"{free.run.id(0)}-50.safetensors"
    before.parent.mkdir(parents=True)
    before.write_bytes(b"from before")
    with store.claimed(models.row_path(claimed.run, 0)) as got:
        assert got
        waits = []

        def wait(seconds):
            waits.append(set(numbers(home)))
            raise KeyboardInterrupt

        monkeypatch.setattr(cluster, "time", SimpleNamespace(sleep=wait))
        with pytest.raises(KeyboardInterrupt):
            sweeps.complete("tiny", "smoke", client=client)
    assert waits == [{free.run.id(0)}]
    assert not before.exists()


def test_a_stack_that_fails_is_told_when_all_others_have_ended(home, client, monkeypatch):
    bad, good = tiny.setting(tiny.run(steps=100), (0,)), tiny.setting(tiny.run(steps=50), (0,))
    declare(monkeypatch, bad, good)
    train = workers.train

    def failing(stack, *about):
        if stack.run.steps == 100:
            raise ArithmeticError("out of numbers")
        return train(stack, *about)

    monkeypatch.setattr(workers, "train", failing)
    with pytest.raises(RuntimeError, match=r"1 stacks failed on the cluster; the first, vae: Ari"):
        sweeps.complete("tiny", "smoke", client=client)
    assert set(numbers(home)) == {good.run.id(0)}


def test_a_worker_of_another_version_is_told(home, client, monkeypatch):
    declare(monkeypatch, tiny.setting(tiny.run(steps=50), (0,)))
    monkeypatch.setattr(workers, "train", lambda *_: True)  # no rows
    with pytest.raises(RuntimeError, match="came back from the cluster without its rows"):
        sweeps.complete("tiny", "smoke", client=client)


def test_data_that_no_worker_finds_leave_their_setting_out(home, client, monkeypatch):
    def absent(root, size):
        raise FileNotFoundError("expected absent.npz, found none. `make data` fetches it")

    monkeypatch.setitem(datasets.DATA_SETS, "absent", datasets.DataSet(absent, "not here"))
    here = tiny.setting(tiny.run(steps=50), (0,))
    judged_there = tiny.setting(tiny.run(), (0,), scored_on="absent")
    declare(monkeypatch, tiny.setting(tiny.run(dataset="absent"), (0, 1)), here, judged_there)
    with pytest.warns(UserWarning, match="absent is left out: expected absent.npz") as told:
        sweeps.complete("tiny", "smoke", client=client)
    assert len(told) == 1
    assert set(numbers(home)) == {here.run.id(0)}


def test_a_client_goes_without_workers_and_minutes(home, client):
    for more in ({"workers": 2}, {"minutes": 1.0}):
        with pytest.raises(ValueError, match="expected a client alone, got workers="):
            sweeps.complete("tiny", "smoke", client=client, **more)


def test_the_command_trains_at_a_schedulers_address(home, client, monkeypatch, capsys, tmp_path):
    declare(monkeypatch, tiny.setting(tiny.run(steps=50), (0,)))
    monkeypatch.setattr(arguments, "EXPERIMENTS", {"tiny": None})
    address = client.scheduler.address
    pack = str(tmp_path / "runs.tar")
    sweeps.main(["tiny", "smoke", "--scheduler", address, "--pack", pack])
    assert len(numbers(home)) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"3 files packed into {pack}"
    with pytest.raises(SystemExit):
        sweeps.main(["tiny", "smoke", "--scheduler", address, "--minutes=1"])
    assert "--scheduler goes with training" in capsys.readouterr().err


def test_without_dask_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"dask.distributed, which is not installed; .*cluster"):
        cluster.connect("tcp://login:8786")


def test_an_address_that_is_none_is_told():
    with pytest.raises(ValueError, match="expected a scheduler at nonsense://x, for instance tcp"):
        cluster.connect("nonsense://x")


def test_importing_the_package_does_not_import_dask():
    code = "import sys, disentangled.__main__; print({'distributed', 'dask'} & set(sys.modules))"
    source = str(Path(store.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": source},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout == "set()\n"
