"""Sweeps that are killed, shared, damaged and fed with NaN end with the rows of a quiet one."""

import contextlib
import io
import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import tiny
import torch
from tiny import numbers

from disentangled import (
    arguments,
    costs,
    deadlines,
    experiments,
    models,
    plans,
    progress,
    scoring,
    stacks,
    store,
    sweeps,
    workers,
)
from disentangled import data as datasets
from disentangled.data import FactorData
from disentangled.deadlines import in_minutes

SCRIPT = Path(tiny.__file__)
N_RUNS = 9
N_NUMBERS = 13  # of "elbo" and "mig_exact", two factors counting for the gap


@pytest.fixture
def home(tiny_home, monkeypatch):
    """A folder of results, the tiny experiment, and no scores that take a second a run."""
    monkeypatch.setattr(sweeps, "POLL", 0.01)
    return tiny_home


@pytest.fixture
def quiet(quiet_home):
    """The numbers of a sweep that nothing disturbed: run id -> numbers."""
    return numbers(quiet_home)


def only(monkeypatch, *chosen):
    """Declare these settings alone."""
    monkeypatch.setitem(experiments.EXPERIMENTS, "tiny", lambda profile: list(chosen))


def one(steps=50, seeds=(0,), **changes):
    return tiny.setting(tiny.run(steps=steps, **changes), seeds)


def test_a_sweep_writes_a_row_file_a_run(home, quiet):
    declared = {s.run.id(seed): s for s in tiny.settings("smoke") for seed in s.seeds}
    assert set(quiet) == set(declared)
    assert len(quiet) == N_RUNS
    for run_id, table in quiet.items():
        setting = declared[run_id]
        steps = {*setting.milestones, setting.run.steps}
        assert Counter(line[1] for line in table) == dict.fromkeys(steps, N_NUMBERS)
        assert all(math.isfinite(line[6]) for line in table)


def test_rows_of_a_kill_are_those_of_a_quiet_sweep(home, quiet):
    """Killed with -9 between the checkpoints of two seeds that train as one stack."""
    killed = script(home, "kill", "150")
    assert killed.communicate()[0] == ""
    assert killed.returncode == -9
    kept = sorted(path.name.split("-")[1] for path in (home / "checkpoints").iterdir())
    assert kept == ["100.safetensors"] * 3 + ["150.safetensors"]
    assert numbers(home) == {}
    sweeps.work("tiny", "smoke", tiny.CPU)
    assert numbers(home) == quiet
    assert list((home / "checkpoints").iterdir()) == []


def script(home, *arguments, **environment):
    """The tiny sweep in a process of its own."""
    source = os.pathsep.join([str(SCRIPT.parent), str(Path(store.__file__).parents[1])])
    known = {"PYTHONPATH": source, store.ROOT: str(home.parents[1]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(SCRIPT), *arguments],
        env=os.environ | known | environment, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_two_processes_share_a_sweep(home, quiet, tmp_path, monkeypatch):
    """This one trains a setting when the other begins, and ends it when the other has a row."""
    mine, write_rows, trajectory = [], store.write_rows, workers.trajectory
    ready = tmp_path / "ready"
    ready.mkdir()
    other = script(home, READY=str(ready))

    def until(condition):
        while not condition():
            assert other.poll() is None
            time.sleep(0.01)

    def begun(*arguments, **options):
        (ready / "this").touch()
        return trajectory(*arguments, **options)

    def written(path, *columns):
        until(lambda: {row.stem for row in home.glob("*.json")} - set(mine))
        write_rows(path, *columns)
        mine.append(path.stem)

    monkeypatch.setattr(workers, "trajectory", begun)
    monkeypatch.setattr(store, "write_rows", written)
    until(lambda: list(ready.iterdir()))
    sweeps.work("tiny", "smoke", tiny.CPU)
    theirs = other.communicate()[0].split()
    assert other.returncode == 0
    assert sorted(mine + theirs) == sorted(quiet)  # each run once
    assert numbers(home) == quiet
    assert mine
    assert theirs


def test_what_is_there_is_not_done_again(home, monkeypatch):
    only(monkeypatch, one(seeds=(0, 1)))
    first = sweeps.complete("tiny", "smoke", workers=1)
    written = {path: path.stat().st_mtime_ns for path in home.glob("*.json")}
    monkeypatch.setattr(workers, "_train_group", None)
    again = sweeps.complete("tiny", "smoke", workers=1)
    assert list(again.columns) == store.COLUMNS
    assert again.equals(first)
    assert written == {path: path.stat().st_mtime_ns for path in home.glob("*.json")}
    row = first.iloc[0]
    assert (row["experiment"], row["profile"], row["objective"]) == ("tiny", "smoke", "vae")
    assert (row["dataset"], row["source"], row["encoder"]) == ("tiny", "made up", "mlp_64")
    assert (row["device"], row["torch"], row["weights"]) == ("cpu", torch.__version__, "{}")
    assert sorted(first["seed"].unique()) == [0, 1]
    assert sorted(path.name for path in (home / "pictures").iterdir()) == sorted(
        f"{path.stem}.npz" for path in written
    )


def test_only_missing_seeds_train(home, monkeypatch):
    setting = one(seeds=(0, 1, 2))
    only(monkeypatch, setting)
    sweeps.work("tiny", "smoke", tiny.CPU)
    whole = numbers(home)
    lost = setting.run.id(1)
    (home / f"{lost}.json").unlink()
    (left,) = sweeps.missing("tiny", "smoke")
    assert left.seeds == (1,)
    sweeps.work("tiny", "smoke", tiny.CPU)
    assert len(whole[lost]) == N_NUMBERS
    for before, after in zip(whole[lost], numbers(home)[lost], strict=True):
        assert after[:5] == before[:5]
        assert after[5] == pytest.approx(before[5], abs=2e-3)  # alone, not in a stack of three


@pytest.mark.parametrize(
    "damage", [lambda text: text[:200], lambda text: text.replace("0.", "1.")]
)
def test_a_damaged_row_is_reported_and_done_again(home, monkeypatch, damage):
    only(monkeypatch, one())
    sweeps.work("tiny", "smoke", tiny.CPU)
    whole = numbers(home)
    (path,) = home.glob("*.json")
    path.write_text(damage(path.read_text()))
    with pytest.warns(UserWarning, match=path.name):
        assert len(sweeps.rows("tiny", "smoke")) == 0
    with pytest.warns(UserWarning, match="the next sweep will redo it"):
        sweeps.work("tiny", "smoke", tiny.CPU)
    assert numbers(home) == whole


def test_a_damaged_checkpoint_starts_its_run_anew(home, monkeypatch):
    setting = one(steps=100, seeds=(0, 1))
    only(monkeypatch, setting)
    sweeps.work("tiny", "smoke", tiny.CPU)
    whole = numbers(home)
    for path in home.glob("*.json"):
        path.unlink()
    for seed in setting.seeds:
        place = home / "checkpoints" / f"{setting.run.id(seed)}-50.safetensors"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"not what was written")
    with pytest.warns(UserWarning, match="the run starts anew"):
        sweeps.work("tiny", "smoke", tiny.CPU)
    assert numbers(home) == whole


def poison(monkeypatch, seed):
    build = stacks.build

    def poisoned(run, number, shape):
        nets = build(run, number, shape)
        if number == seed:
            nets["decoder"][0].weight.data[0, 0] = math.nan
        return nets

    monkeypatch.setattr(stacks, "build", poisoned)


def test_nan_stops_a_seed_with_a_row_that_says_so(home, monkeypatch):
    setting = tiny.setting(tiny.run(steps=100), (0, 1, 2), (50,))
    only(monkeypatch, setting)
    sweeps.work("tiny", "smoke", tiny.CPU)
    sound = sweeps.rows("tiny", "smoke")
    for path in home.glob("*.json"):
        path.unlink()
    poison(monkeypatch, 1)
    sweeps.work("tiny", "smoke", tiny.CPU)
    found = sweeps.rows("tiny", "smoke")
    (stopped,) = found[found["seed"] == 1].to_dict("records")
    assert (stopped["quantity"], stopped["step"], stopped["value"]) == ("stopped", 50, 50.0)
    assert stopped["unit"] == "step"
    before, after = (frame[frame["seed"] != 1].reset_index() for frame in (sound, found))
    assert before["quantity"].equals(after["quantity"])
    assert (before["value"] - after["value"]).abs().max() < 2e-3  # rounding: a smaller stack
    assert sweeps.missing("tiny", "smoke") == []


def test_a_stopped_seeds_row_is_written_again_when_damaged(home, monkeypatch):
    only(monkeypatch, one(seeds=(1,)))
    poison(monkeypatch, 1)
    sweeps.work("tiny", "smoke", tiny.CPU)
    (path,) = home.glob("*.json")
    whole = numbers(home)
    path.write_text("")
    with pytest.warns(UserWarning, match="redo"):
        sweeps.work("tiny", "smoke", tiny.CPU)
    assert numbers(home) == whole


def test_codes_that_overflow_stop_a_seed_too(home, monkeypatch):
    only(monkeypatch, tiny.setting(tiny.run(steps=100), (0, 1), (50,)))
    encoded = scoring.encoded

    def overflowing(model, data):
        code = encoded(model, data)
        return code._replace(z=code.z / 0) if model.seeds == (1,) else code

    monkeypatch.setattr(scoring, "encoded", overflowing)
    sweeps.work("tiny", "smoke", tiny.CPU)
    found = sweeps.rows("tiny", "smoke")
    assert found[found["seed"] == 1][["quantity", "step"]].values.tolist() == [["stopped", 100]]
    assert sorted(found[found["seed"] == 0]["step"].unique()) == [50, 100]


def test_data_that_are_not_on_disk_leave_their_setting_out(home, monkeypatch):
    def absent(root, size):
        raise FileNotFoundError("expected absent.npz, found none. `make data` fetches it")

    monkeypatch.setitem(datasets.DATA_SETS, "absent", datasets.DataSet(absent, "not here"))
    only(monkeypatch, one(dataset="absent"), one(), one(dataset="absent", seeds=(1,)))
    with pytest.warns(UserWarning, match="absent is left out: expected absent.npz") as told:
        sweeps.work("tiny", "smoke", tiny.CPU)
    assert len(told) == 1
    assert sweeps.rows("tiny", "smoke")["dataset"].unique().tolist() == ["tiny"]
    assert plans.cost("tiny", "smoke").runs == 2
    # data that models are judged on are as needed as those that they train on
    judged_elsewhere = one(seeds=(2,))._replace(scored_on="absent")
    only(monkeypatch, judged_elsewhere, one(), one(seeds=(3,)))
    for minutes in (None, 10):
        with pytest.warns(UserWarning, match="absent is left out: expected absent.npz"):
            sweeps.work("tiny", "smoke", tiny.CPU, minutes and in_minutes(minutes))
        assert plans.missing("tiny", "smoke") == [judged_elsewhere]


def test_models_are_judged_on_images_of_their_shape_and_factors(home, monkeypatch):
    data = tiny.images()
    colour = FactorData("rgb", data.images.repeat(1, 3, 1, 1), data.factors, data.factor_names,
                        data.factor_sizes, source="made up")  # fmt: skip
    monkeypatch.setitem(datasets.DATA_SETS, "rgb", datasets.DataSet(lambda *_: colour, "colour"))
    chosen = one()._replace(scored_on="rgb")
    only(monkeypatch, chosen)
    message = r"images like those of tiny, .*\(1, 4, 4\).*, got rgb with \(\(3, 4, 4\)"
    with pytest.raises(ValueError, match=message):
        sweeps.work("tiny", "smoke", tiny.CPU)
    assert plans.missing("tiny", "smoke") == [chosen]


def test_an_error_in_training_is_not_taken_for_missing_data(home, monkeypatch):
    def broken(*arguments):
        raise FileNotFoundError("a folder went away")

    only(monkeypatch, one())
    monkeypatch.setattr(workers, "_train_group", broken)
    with pytest.raises(FileNotFoundError, match="went away"):
        sweeps.work("tiny", "smoke", tiny.CPU)


def test_a_stack_is_claimed_as_a_whole(home, monkeypatch):
    setting = one(seeds=(0, 1, 2))
    only(monkeypatch, setting)
    data = tiny.images()
    with store.claimed(home / f"{setting.run.id(1)}.json") as got:
        assert got
        assert not workers.train(setting, data, tiny.CPU)
    assert numbers(home) == {}
    assert workers.train(setting, data, tiny.CPU)
    assert set(numbers(home)) == {setting.run.id(seed) for seed in (0, 1, 2)}


def test_seeds_that_train_in_turn_are_claimed_one_by_one(home, monkeypatch):
    setting = one(seeds=(0, 1, 2))
    only(monkeypatch, setting)
    monkeypatch.setattr(costs, "IN_TURN_ON_CPU", 0)
    with store.claimed(home / f"{setting.run.id(1)}.json") as got:
        assert got
        assert workers.train(setting, tiny.images(), tiny.CPU)
    assert set(numbers(home)) == {setting.run.id(seed) for seed in (0, 2)}


def test_cost_and_its_statement(home, monkeypatch):
    only(monkeypatch, one(seeds=(0, 1)), one(steps=150, learning_rate=1e-2))
    each = costs.dry_step(tiny.run(), (1, 4, 4)).flops
    assert plans.cost("tiny", "smoke") == (2, 3, each * (2 * 50 + 150))
    assert plans.flops("tiny", "smoke") == each * 250
    # the costliest first: what is left for the end is small
    assert [s.run.steps for s in sweeps.missing("tiny", "smoke")] == [150, 50]
    with monkeypatch.context() as on_gpu:  # one process: the most wanted first
        on_gpu.setattr(plans.machines, "default_device", lambda: torch.device("cuda"))
        assert [s.run.steps for s in sweeps.missing("tiny", "smoke")] == [50, 150]
    monkeypatch.setattr(plans.machines, "cores", lambda: 2)
    monkeypatch.setattr(costs, "training_rate", lambda *of: each * 250 / 14400)
    assert "3 runs of 2 settings are missing" in sweeps.statement("tiny", "smoke")
    assert "about 2.0 hours on this" in sweeps.statement("tiny", "smoke")
    monkeypatch.setattr(costs, "training_rate", lambda *of: each * 250 / 600)
    assert "about 5 minutes on this" in sweeps.statement("tiny", "smoke")
    # where training takes no time: the start, two stacks, and two scores of three models, shared
    # out to two processes
    monkeypatch.setattr(costs, "training_rate", lambda *of: 1e30)
    for name in ("elbo", "mig_exact"):
        slow = scoring.SCORES[name]._replace(seconds=200.0)
        monkeypatch.setitem(scoring.SCORES, name, slow)
    seconds = deadlines.RESERVE + (2 * deadlines.WARM_UP + 3 * 2 * 200.0) / 2
    assert f"about {seconds / 60:.0f} minutes on this" in sweeps.statement("tiny", "smoke")
    assert 10 < seconds / 60 < 10.5
    sweeps.work("tiny", "smoke", tiny.CPU)
    size = models.n_bytes("tiny", "smoke")
    assert sweeps.statement("tiny", "smoke") == (
        "tiny, smoke: nothing is missing; "
        f"kept models take {size / 1e6:.1f} MB (--drop-models deletes them)"
    )


def test_one_thread_while_it_trains_on_a_cpu(home, monkeypatch):
    only(monkeypatch, one())
    seen = []

    def train(*_):
        seen.append(torch.get_num_threads())
        return True

    monkeypatch.setattr(sweeps, "train", train)
    monkeypatch.setattr(sweeps, "missing", lambda *_: [] if seen else [one()])
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        sweeps.work("tiny", "smoke", tiny.CPU)
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)


def test_seeds_of_one_setting_that_train_in_turn_occupy_two_processes(home, monkeypatch):
    only(monkeypatch, one(seeds=(0, 1, 2)))
    asked = []
    monkeypatch.setattr(sweeps, "_work_apart", lambda *about: asked.append(about[-1]))
    monkeypatch.setattr(sweeps, "work", lambda *about: asked.append(1))
    sweeps.complete("tiny", "smoke", workers=2)
    monkeypatch.setattr(costs, "IN_TURN_ON_CPU", 0)
    sweeps.complete("tiny", "smoke", workers=2)
    sweeps.complete("tiny", "smoke", workers=9)
    assert asked == [1, 2, 3]


WORKER = """#!{python}
import json, os, sys
kept = [os.environ.get(name) for name in ("PYTHONPATH", "OMP_NUM_THREADS")]
with open({log!r} + str(os.getpid()), "w") as file:
    json.dump([sys.argv[1:], *kept], file)
sys.exit({code})
"""


@pytest.mark.parametrize(("code", "asked", "started"), [(0, 9, 2), (0, 2, 2), (3, 2, 2)])
def test_workers_find_the_package_and_report_failure(
    home, monkeypatch, tmp_path, code, asked, started
):
    only(monkeypatch, one(), one(batch=16))
    log, python = str(tmp_path / "log"), tmp_path / "python"
    python.write_text(WORKER.format(python=sys.executable, log=log, code=code))
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    outcome = pytest.raises(RuntimeError, match="a worker of tiny, smoke failed")
    with outcome if code else contextlib.nullcontext():
        sweeps.complete("tiny", "smoke", workers=asked)
    heard = [json.loads(path.read_text()) for path in tmp_path.glob("log*")]
    assert len(heard) == started  # no more than there are stacks
    source = str(Path(store.__file__).parents[1])
    for asked_for, path, threads in heard:
        assert asked_for == ["-m", "disentangled.sweeps", "tiny", "smoke", "--worker"]
        assert (path.split(os.pathsep), threads) == ([source, "elsewhere"], "1")


def test_progress_goes_to_the_terminal_behind_a_notebook(monkeypatch, tmp_path):
    """A kernel replaces sys.stderr and descriptor 2; the file it names is the terminal."""
    terminal = tmp_path / "terminal"
    with terminal.open("w") as file:
        page = io.StringIO()
        page.fileno = file.fileno
        monkeypatch.setattr(sys, "stderr", page)
        bar = progress.bar("tiny x 3", 100, unit="step", done=50)
        bar.update(50)
        bar.close()
        bar.fp.close()  # before the file it writes to
    assert page.getvalue() == ""
    last = terminal.read_text().replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith("tiny x 3: 100%")
    assert "100/100" in last
    assert "step/s" in last


def test_progress_without_a_file_goes_to_the_first_stream(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert progress.terminal() is sys.__stderr__


def test_the_command_states_the_cost_or_trains(home, monkeypatch, capsys):
    only(monkeypatch, one())
    monkeypatch.setattr(arguments, "EXPERIMENTS", {"tiny": None})
    sweeps.main(["tiny", "smoke", "--dry-run"])
    assert capsys.readouterr().out.startswith("tiny, smoke: 1 runs of 1 settings are missing")
    assert numbers(home) == {}
    sweeps.main(["tiny", "smoke", "--worker"])
    assert len(numbers(home)) == 1
    sweeps.main(["tiny", "smoke"])
    assert capsys.readouterr().out.startswith("tiny, smoke: nothing is missing; kept models")
    sweeps.main(["tiny", "smoke", "--drop-models"])
    assert capsys.readouterr().out == "1 models deleted\n"
    sweeps.main(["tiny", "smoke"])
    assert capsys.readouterr().out == "tiny, smoke: nothing is missing\n"


def test_unknown_names_list_the_valid_ones(capsys):
    for ask in (sweeps.rows, sweeps.complete, plans.cost, plans.flops):
        with pytest.raises(ValueError, match="unknown experiment 'x'; choose one of beta_tcvae"):
            ask("x", "smoke")
        with pytest.raises(ValueError, match="unknown profile 'x'; choose one of gpu, laptop, pa"):
            ask("beta_tcvae", "x")
    with pytest.raises(SystemExit):
        sweeps.main(["x", "smoke"])
    assert "choose from" in (told := capsys.readouterr().err)
    assert "beta_tcvae" in told
