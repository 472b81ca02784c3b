"""Sweeps that are cut by the clock, again and again, end with the rows of one that is not."""

import json
import sys

import pytest
import tiny
from tiny import numbers

from disentangled import (
    arguments,
    costs,
    deadlines,
    experiments,
    models,
    scoring,
    stacks,
    store,
    sweeps,
)
from disentangled.deadlines import Deadline, Pace, in_minutes

CHUNK, SCORING, LOADING = 2.0, 4.0, 3.0  # seconds that things take by the clock of these tests


class Clock:
    """Stands still but for what the tests let take time."""

    now = 1000.0

    def __call__(self):
        return self.now

    def slow(self, seconds, function):
        def slowed(*inputs, **options):
            self.now += seconds
            return function(*inputs, **options)

        return slowed


@pytest.fixture
def home(tiny_home, monkeypatch):
    monkeypatch.setattr(costs, "training_rate", lambda *of: 1e15)
    monkeypatch.setattr(deadlines, "RESERVE", 5.0)
    return tiny_home


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stacks.Stack, "advance", clock.slow(CHUNK, stacks.Stack.advance))
    monkeypatch.setattr(scoring, "taken", clock.slow(SCORING, scoring.taken))
    return clock


@pytest.fixture
def quiet(quiet_home):
    """The numbers of a sweep that nothing disturbed: run id -> numbers."""
    return numbers(quiet_home)


def declare(monkeypatch, *chosen):
    monkeypatch.setitem(experiments.EXPERIMENTS, "tiny", lambda profile: list(chosen))


def steps(home):
    """Of every checkpoint, its step and the steps at which it has scores."""
    found = []
    for path in sorted((home / "checkpoints").glob("*.safetensors")):
        _, about = store.read_tensors(path)
        scored = {n["step"] for _, taken in json.loads(about["scores"]).values() for n in taken}
        found.append((int(about["step"]), sorted(scored)))
    return sorted(found)


@pytest.mark.parametrize("seconds", [22.0, 33.0, 60.0])
def test_a_sweep_cut_again_and_again_has_the_rows_of_an_uncut_one(home, clock, quiet, seconds):
    calls = 0
    while sweeps.missing("tiny", "smoke"):
        deadline = Deadline(clock.now + seconds, clock)
        sweeps.work("tiny", "smoke", tiny.CPU, deadline)
        assert clock.now <= deadline.at
        assert all(store.intact(path) for path in home.glob("*.json"))
        calls += 1
        assert calls < 30
    assert calls > 1
    assert numbers(home) == quiet
    assert list((home / "checkpoints").iterdir()) == []


def test_a_goal_that_does_not_fit_is_left_a_chunk_before_it(home, clock, monkeypatch):
    """Two chunks, and two of three models at the milestone; the third waits for the next call."""
    chosen = tiny.setting(tiny.run(steps=150), (0, 1, 2), (100,))
    declare(monkeypatch, chosen)
    scored = []
    taken = scoring.taken
    monkeypatch.setattr(
        scoring, "taken", lambda *about: scored.append(about[1].seeds) or taken(*about)
    )
    reserve = deadlines.RESERVE
    spent = 2 * CHUNK + 2 * SCORING
    left = deadlines.SLACK * SCORING - 0.5  # a third scoring is expected to take a little more
    sweeps.work("tiny", "smoke", tiny.CPU, Deadline(clock.now + spent + left + reserve, clock))
    assert steps(home) == [(50, []), (50, [100]), (50, [100])]
    assert scored == [(0,), (1,)]
    assert numbers(home) == {}
    sweeps.work("tiny", "smoke", tiny.CPU, Deadline(clock.now + 100, clock))
    assert scored == [(0,), (1,), (2,), (0,), (1,), (2,)]  # none twice at a step
    assert len(numbers(home)) == 3


def test_no_row_before_all_models_of_a_stack_are_scored(home, clock, monkeypatch):
    """Else the others would go on in a smaller stack, which rounds differently."""
    chosen = tiny.setting(tiny.run(steps=50), (0, 1, 2))
    declare(monkeypatch, chosen)
    left = CHUNK + 2 * SCORING + 2.0 + deadlines.RESERVE
    sweeps.work("tiny", "smoke", tiny.CPU, Deadline(clock.now + left, clock))
    assert numbers(home) == {}
    assert steps(home) == [(0, []), (0, [50]), (0, [50])]


def test_settings_train_in_the_order_of_their_declaration(home, clock, monkeypatch):
    small, large = tiny.setting(tiny.run(steps=50), (0,)), tiny.setting(tiny.run(steps=200), (0,))
    declare(monkeypatch, small, large)
    assert [s.run.steps for s in sweeps.missing("tiny", "smoke")] == [200, 50]
    assert [s.run.steps for s in sweeps.missing("tiny", "smoke", as_declared=True)] == [50, 200]
    sweeps.work("tiny", "smoke", tiny.CPU, Deadline(clock.now + 23, clock))
    assert set(numbers(home)) == {small.run.id(0)}
    assert [step for step, _ in steps(home)] == [150]


def test_nothing_begins_that_will_not_fit(home, clock, monkeypatch):
    declare(monkeypatch, tiny.setting(tiny.run(steps=100), (0,)))
    monkeypatch.setattr(stacks, "Stack", None)
    sweeps.work("tiny", "smoke", tiny.CPU, Deadline(clock.now + deadlines.RESERVE, clock))
    assert not list(home.rglob("*.*"))


def test_what_is_expected_is_the_slowest_of_the_last_few():
    clock = Clock()
    deadline = Deadline(clock.now + 40.0 + deadlines.RESERVE, clock)
    assert deadline.left() == 40.0
    assert deadline.expected("chunk", 6.0) == 6.0
    assert deadline.expected("chunk", 1e9) == 10.0  # a guess is a quarter of the time at most
    for seconds in (9.0, 1.0, 3.0, 2.0):
        deadline.note("chunk", seconds)
    assert deadline.expected("chunk", 6.0) == 3.0
    assert deadline.expected("scoring", 6.0) == 6.0
    assert deadline.allows(31.9)
    assert not deadline.allows(32.0)
    clock.now += 40.0
    assert not deadline.allows(0.1)


def test_a_first_scoring_is_guessed_by_its_operations_and_the_number_of_scores(monkeypatch):
    monkeypatch.setattr(costs, "training_rate", lambda *of: 1e5)
    clock, data = Clock(), tiny.images()
    setting = tiny.setting(tiny.run(batch=8), (0, 1), (50,), at_end=("mig",))
    pace = Pace(Deadline(clock.now + 1e6, clock), setting, data, tiny.CPU)
    each = deadlines.costs.dry_step(setting.run, (1, 4, 4)).flops / (3 * 8)  # one image forward
    images = 2 * 64 * each / 1e5
    half = sum(scoring.SCORES[name].seconds for name in setting.scores)
    mig = scoring.SCORES["mig"].seconds
    assert pace.scoring(50) == pytest.approx(images + half)
    assert pace.scoring(100) == pytest.approx(images + half + mig)


@pytest.mark.parametrize("minutes", [0, -1.0, float("nan"), float("inf")])
def test_minutes_that_are_no_limit_are_refused(home, minutes, capsys, monkeypatch):
    with pytest.raises(ValueError, match=r"minutes must be a (finite )?number( above 0)?, got"):
        sweeps.complete("tiny", "smoke", minutes=minutes)
    monkeypatch.setattr(arguments, "EXPERIMENTS", {"tiny": None})
    with pytest.raises(SystemExit):
        sweeps.main(["tiny", "smoke", f"--minutes={minutes}"])
    assert "--minutes takes a number above 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--minutes=1", "--dry-run"], "--minutes goes with training, alone or before"),
        (["--minutes=1", "--unpack=x"], "--minutes goes with training, alone or before"),
        (["--pack=x", "--unpack=x"], "not allowed with"),
        (["--until=1"], "--until goes with --worker alone"),
        (["--rescore", "--dry-run"], "not allowed with"),
    ],
)
def test_options_that_make_no_sense_together(options, told, capsys):
    with pytest.raises(SystemExit):
        sweeps.main(["beta_tcvae", "smoke", *options])
    assert told in capsys.readouterr().err


def test_every_worker_gets_the_same_deadline(home, clock, monkeypatch):
    started = []

    class Ended:
        def __init__(self, command, **options):
            started.append(command)

        def wait(self):
            return 0

        def terminate(self):
            pass

    monkeypatch.setattr(sweeps.subprocess, "Popen", Ended)
    monkeypatch.setattr(sweeps, "in_minutes", lambda minutes: in_minutes(minutes, clock))
    sweeps.complete("tiny", "smoke", workers=2, minutes=1.5)
    command = [sys.executable, "-m", "disentangled.sweeps", "tiny", "smoke", "--worker"]
    assert started == [[*command, "--until", "1090.0"]] * 2
    heard = []
    monkeypatch.setattr(arguments, "EXPERIMENTS", {"tiny": None})
    monkeypatch.setattr(sweeps, "work", lambda *about: heard.append(about[-1].at))
    sweeps.main([*started[0][3:]])
    sweeps.main(["tiny", "smoke", "--worker", "--minutes=1.5"])
    assert heard == [1090.0, 1090.0]


def test_a_median_model_that_did_not_fit_is_committed_by_the_next_call(home, clock, monkeypatch):
    chosen = tiny.setting(tiny.run(steps=50), (0,), kept_by="elbo")
    declare(monkeypatch, chosen)
    monkeypatch.setattr(sweeps, "in_minutes", lambda minutes: in_minutes(minutes, clock))
    work = sweeps.work
    limit = 1.0

    def late(*about):
        work(*about)
        clock.now = 1000.0 + 60 * limit

    monkeypatch.setattr(sweeps, "work", late)
    sweeps.complete("tiny", "smoke", workers=1, minutes=limit)
    assert len(numbers(home)) == 1
    assert models.committed(chosen) is None
    sweeps.complete("tiny", "smoke", workers=1, minutes=limit)
    assert models.committed_path(chosen.run, 0).exists()
