"""Checkpoints are taken up as they were written, for what they were written, or not at all."""

import json
import os

import pytest
import safetensors.torch
import tiny
import torch

from disentangled import checkpoints, models, provenance, store, workers
from disentangled.store import COLUMNS, NUMBER, RunFile, Scored
from disentangled.training import Checkpoint

RUN, SEEDS = tiny.run(), (0, 1)
CPU = torch.device("cpu")
BEGINNING = {seed: (Checkpoint(0, 0.0, {}), {}) for seed in SEEDS}
LINE = dict(zip(NUMBER, [50, "elbo", "data set", "sample", "", -17.1, "nats"], strict=True))
SCORES = {0: {"elbo": Scored(2, [LINE])}, 1: {}}


@pytest.fixture
def home(tiny_home):
    return tiny_home


def stood(step, seed):
    state = {"generator": torch.arange(8, dtype=torch.uint8), "encoder/w": torch.ones(2048) * seed}
    return Checkpoint(step, 1.5, state)


def save(step=50, seeds=SEEDS, run=RUN):
    saved = {seed: stood(step, seed) for seed in seeds}
    checkpoints.save(run, saved, {seed: SCORES.get(seed, {}) for seed in seeds}, CPU)
    return [
        models.row_path(run, seed).parent / "checkpoints" / f"{run.id(seed)}-{step}.safetensors"
        for seed in seeds
    ]


def test_checkpoints_come_back_as_they_were(home):
    save()
    found = checkpoints.resumed(RUN, SEEDS, CPU)
    assert list(found) == [0, 1]
    for seed, (checkpoint, scores) in found.items():
        expected = stood(50, seed)
        assert checkpoint[:2] == (50, 1.5)
        assert checkpoint.stopped is None
        assert checkpoint.state.keys() == expected.state.keys()
        assert all(torch.equal(checkpoint.state[k], v) for k, v in expected.state.items())
        assert scores == SCORES[seed]


def test_a_seed_that_stopped_comes_back_as_one_that_stopped(home):
    saved = {0: stood(100, 0), 1: Checkpoint(100, 1.5, {}, 50)}
    checkpoints.save(RUN, saved, SCORES, CPU)
    found = checkpoints.resumed(RUN, SEEDS, CPU)
    assert found[1][0] == Checkpoint(100, 1.5, {}, 50)
    assert found[0][0].stopped is None


def test_all_of_a_stack_go_on_from_one_step(home):
    first = save(50)
    kept = first[1].read_bytes()
    second = save(100)
    assert not first[0].exists()  # the previous ones go
    assert checkpoints.resumed(RUN, SEEDS, CPU)[0][0].step == 100
    # killed when seed 1 had no checkpoint of the second step yet, and seed 0 still had both
    second[1].unlink()
    first[1].write_bytes(kept)
    save_of_0 = second[0].read_bytes()
    save(50)
    second[0].write_bytes(save_of_0)
    assert [c.step for c, _ in checkpoints.resumed(RUN, SEEDS, CPU).values()] == [50, 50]
    # killed when seed 1 had no checkpoint at all
    first[1].unlink()
    assert checkpoints.resumed(RUN, SEEDS, CPU) == BEGINNING
    checkpoints.drop(RUN, SEEDS)
    assert checkpoints.resumed(RUN, SEEDS, CPU) == BEGINNING
    assert list((home / "checkpoints").iterdir()) == []


def zeros(path, other):
    """4 KB of them, in the middle of the tensors."""
    content = path.read_bytes()
    path.write_bytes(content[:3000] + bytes(4096) + content[7096:])


def one_bit(path, other):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def cut_off(path, other):
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path, other):
    path.write_bytes(b"")


def of_another_seed(path, other):
    path.write_bytes(other.read_bytes())


def of_another_run(path, other):
    (strange,) = save(run=tiny.run(batch=16), seeds=(1,))
    path.write_bytes(strange.read_bytes())


def of_another_step(path, other):
    tensors, about = store.read_tensors(path)
    store.write_tensors(path, tensors, **about | {"step": "0"})


def of_older_code(path, other):
    """As it was before there were digests."""
    tensors, _ = store.read_tensors(path)
    words = {"step": "50", "seconds": "1.5", "scores": "{}"}
    safetensors.torch.save_file(tensors, path, metadata=words)


def without_words(path, other):
    tensors, _ = store.read_tensors(path)
    safetensors.torch.save_file(tensors, path)


def odd_scores(path, other):
    tensors, about = store.read_tensors(path)
    store.write_tensors(path, tensors, **about | {"scores": "[1, 2]"})


def a_folder(path, other):
    path.unlink()
    path.mkdir()


def a_link_to_nothing(path, other):
    path.unlink()
    path.symlink_to("nowhere")


def a_pipe(path, other):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "damage",
    [zeros, one_bit, cut_off, emptied, of_another_seed, of_another_run, of_another_step,
     of_older_code, without_words, odd_scores, a_folder, a_link_to_nothing, a_pipe],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.* is a folder where a file belongs")
def test_a_damaged_checkpoint_begins_its_stack_anew(home, damage):
    other, path = save()
    damage(path, other)
    with pytest.warns(UserWarning, match=rf"{path.name} is .*; the run starts anew") as told:
        assert checkpoints.resumed(RUN, SEEDS, CPU) == BEGINNING
    assert len(told) == 1
    save()  # over what is there, whatever it is
    assert checkpoints.resumed(RUN, SEEDS, CPU)[1][0].step == 50


@pytest.mark.parametrize("word", ["commit", "code", "torch", "device"])
def test_a_checkpoint_of_other_code_begins_its_stack_anew(home, monkeypatch, word):
    save()
    here = provenance.here(CPU)
    monkeypatch.setattr(provenance, "here", lambda device: here | {word: "another"})
    message = f"is not taken up: expected {word} another, got .*; the run starts anew"
    with pytest.warns(UserWarning, match=message):
        assert checkpoints.resumed(RUN, SEEDS, CPU) == BEGINNING


def test_a_checkpoint_of_another_stack_begins_anew(home):
    """A seed computes something else beside others, by rounding."""
    save(seeds=(0, 1, 2))
    with pytest.warns(UserWarning, match=r"expected stack \[0, 1\], got \[0, 1, 2\]"):
        assert checkpoints.resumed(RUN, SEEDS, CPU) == BEGINNING


def test_other_names_in_the_folder_are_not_looked_at(home):
    save()
    for name in ("x", "007", "", "50.0"):
        (home / "checkpoints" / f"{RUN.id(0)}-{name}.safetensors").write_text("odd")
    assert checkpoints.resumed(RUN, SEEDS, CPU)[0][0].step == 50


def test_what_there_is_here_tells_code_torch_and_device():
    here = provenance.here(CPU)
    assert here["torch"] == torch.__version__
    assert here["device"] == "cpu"
    assert len(here["code"]) == 16


def row(seed):
    shared = dict.fromkeys(set(COLUMNS) - set(NUMBER), "x") | {"run_id": RUN.id(seed)}
    return RunFile({}, shared, {"elbo": Scored(2, [LINE])}, {})


def test_rows_of_a_stack_wait_until_all_are_there(home):
    save()
    waiting = [home / "checkpoints" / f"{RUN.id(seed)}.json" for seed in SEEDS]
    store.write_rows(waiting[0], row(0))
    assert not checkpoints.publish(RUN, SEEDS)
    assert list(home.glob("*.json")) == []
    checkpoints.finish(RUN, {0: row(0), 1: row(1)})
    assert {path.stem for path in home.glob("*.json")} == {RUN.id(seed) for seed in SEEDS}
    assert json.loads((home / f"{RUN.id(1)}.json").read_text())["common"]["run_id"] == RUN.id(1)
    assert list((home / "checkpoints").iterdir()) == []


def test_what_killed_processes_left_of_finished_runs_is_tidied_away(home):
    """And nothing of unfinished runs, or of those that another process has claimed."""
    setting, left = tiny.setting(RUN, SEEDS), save()
    half = home / "models" / f".{RUN.id(0)}-50.safetensors.12345"
    half.parent.mkdir()
    half.write_text("half")
    store.write_rows(models.row_path(RUN, 0), row(0))
    with store.claimed(models.row_path(RUN, 0)):
        workers.tidy([setting])
        assert half.exists()
    workers.tidy([setting])
    assert not half.exists()
    assert [path.exists() for path in left] == [False, True]
