"""A step may be captured: replaying what is recorded of one gives what playing it gives.

There is no GPU here. `make_fx` records the operations of a step on the tensors that it is given,
as a CUDA graph does: what a step does beside them (a counter in Python, a new tensor in the place
of an old one) is lost in the replay, and reading a value raises.
"""

import pytest
import tiny
import torch
from torch import nn
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from disentangled import graphs, objectives, stacks
from disentangled.hardware import Hardware
from disentangled.nets import PARTS, Part
from disentangled.nets.spectral import spectral_norm
from disentangled.objectives import OBJECTIVES, Recipe, one_player
from disentangled.side_by_side import SideBySide
from disentangled.stacks import CHUNK, Stack
from disentangled.training import trajectory
from disentangled.types import Loss

pytestmark = pytest.mark.usefixtures("one_thread")

DATA = tiny.images()
N_STEPS = 20


def played(stack, n_steps=N_STEPS):
    stack.begin_chunk()
    for _ in range(n_steps):
        stack.one_step()
    return stack.mutable()


def replayed(stack, n_steps=N_STEPS):
    """Two real steps, the second one recorded, and replays of the record."""
    stack.begin_chunk()
    stack.one_step()  # allocates
    state = [*stack.mutable().values(), *stack.drawn.values()]

    def step(*tensors):
        stack.one_step()
        return tensors[0]

    record = make_fx(step)(*state)
    for _ in range(n_steps - 2):
        record(*state)
    return stack.mutable()


def apart(run, seeds=(0, 1), data=DATA, step=0, n_steps=N_STEPS):
    """Names of what differs between playing and replaying, from a step on."""
    stacks_ = [Stack(run, seeds, data, tiny.CPU) for _ in range(2)]
    for stack in stacks_:
        stack.step = step
    plain, again = played(stacks_[0], n_steps), replayed(stacks_[1], n_steps)
    assert set(plain) == set(again)
    return [name for name, tensor in plain.items() if not torch.equal(tensor, again[name])]


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
@pytest.mark.parametrize("sigma", [0.0, 0.6])
@pytest.mark.parametrize("objective", tiny.PLAYABLE)
def test_a_replayed_step_equals_a_played_one(objective, sigma, seeds):
    assert apart(tiny.run(objective, noise_correlation=sigma), seeds) == []


@pytest.mark.parametrize("precision", ["bf16"])
def test_a_replayed_step_equals_a_played_one_in_bf16(precision):
    assert apart(tiny.run("beta_tcvae", precision=precision)) == []


class Normed(nn.Module):
    """An encoder whose buffers move at every step."""

    def __init__(self, shape, n_axes):
        super().__init__()
        self.first = spectral_norm(nn.Linear(16, 16))
        self.norm, self.head = nn.BatchNorm1d(16), nn.Linear(16, 2 * n_axes)

    def forward(self, x):
        return self.head(self.norm(self.first(x.flatten(1)))).chunk(2, -1)


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
def test_buffers_move_in_place(monkeypatch, seeds):
    monkeypatch.setitem(PARTS, "normed", Part(Normed))
    assert apart(tiny.run(nets={"encoder": "normed"}), seeds) == []


def detached(held):
    return {role: {k: v.detach() for k, v in tensors.items()} for role, tensors in held.items()}


# Faults that a graph would keep to itself.


def faulty(monkeypatch, objective):
    monkeypatch.setitem(OBJECTIVES, "faulty", Recipe(one_player(objective), {}))
    return tiny.run("faulty")


def test_a_counter_in_python_is_caught(monkeypatch):
    calls = []

    def counting(x, logits, code, **settings):
        calls.append(1)
        loss = objectives.vae(x, logits, code, **settings)
        return loss._replace(total=loss.total * (1 + 0.1 * len(calls)))

    run = faulty(monkeypatch, counting)
    stack = Stack(run, (0, 1), DATA, tiny.CPU)
    plain = {name: tensor.clone() for name, tensor in played(stack).items()}
    calls.clear()
    again = replayed(Stack(run, (0, 1), DATA, tiny.CPU))
    assert not torch.equal(plain["encoder/head.weight"], again["encoder/head.weight"])


def test_a_reassignment_is_caught(monkeypatch):
    monkeypatch.setitem(PARTS, "normed", Part(Normed))
    run = tiny.run(nets={"encoder": "normed"})
    play = Stack.play

    def reassigning(self, draw):
        spoken = play(self, draw)
        self.buffers = {role: {k: v.clone() for k, v in held.items()}
                        for role, held in self.buffers.items()}  # fmt: skip
        return spoken

    monkeypatch.setattr(Stack, "play", reassigning)
    assert any("norm" in name for name in apart(run))


def test_reading_a_value_is_caught(monkeypatch):
    def reading(x, logits, code, **settings):
        loss = objectives.vae(x, logits, code, **settings)
        return loss._replace(total=loss.total * (2.0 if float(code.mean.detach().sum()) else 1.0))

    run = faulty(monkeypatch, reading)
    with pytest.raises(RuntimeError, match=r"item|tracing|data-dependent"):
        replayed(Stack(run, (0,), DATA, tiny.CPU))


@pytest.mark.parametrize("objective", tiny.PLAYABLE)
def test_a_step_runs_without_values(objective):
    """`FakeTensorMode` has shapes and no values: it raises where a step branches on one."""
    stack = Stack(tiny.run(objective, noise_correlation=0.6), (0, 1), DATA, tiny.CPU)
    stack.ahead = stack._chunk()  # drawing is no part of the step
    with FakeTensorMode(allow_non_fake_inputs=True):
        stack._adopt(*(detached(held) for held in (stack.params, stack.buffers)))
        stack.begin_chunk()
        stack.one_step()
        assert {t.shape for t in stack.sums.values()} == {(2,)}


def test_fake_tensors_catch_a_branch_on_a_value(monkeypatch):
    def branching(x, logits, code, **settings):
        loss = objectives.vae(x, logits, code, **settings)
        kept = code.mean[code.mean > 0].sum()
        return Loss(loss.total + 0 * kept, loss.terms)

    run = faulty(monkeypatch, branching)
    stack = Stack(run, (0,), DATA, tiny.CPU)
    stack.ahead = stack._chunk()  # drawing is no part of the step
    with FakeTensorMode(allow_non_fake_inputs=True):
        stack._adopt(*(detached(held) for held in (stack.params, stack.buffers)))
        stack.begin_chunk()
        with pytest.raises(DynamicOutputShapeException):
            stack.one_step()


# What a capture leaves as it was.


def test_restoring_writes_in_place():
    kept, new = torch.arange(3.0), torch.ones(2)
    before = {"kept": kept.clone()}
    kept.add_(1)
    graphs.restore({"kept": kept, "new": new}, before)
    assert kept.tolist() == [0, 1, 2]
    assert new.tolist() == [0, 0]


def test_steps_before_a_capture_leave_no_trace():
    """What `captured` does around a capture, on a CPU: warm up, restore, go on."""
    run = tiny.run("factor_vae")
    plain = played(Stack(run, (0, 1), DATA, tiny.CPU))
    stack = Stack(run, (0, 1), DATA, tiny.CPU)
    stack.begin_chunk()
    before = {name: tensor.detach().clone() for name, tensor in stack.mutable().items()}
    for _ in range(graphs.WARM_UP):
        stack.one_step()
    graphs.restore(stack.mutable(), before)
    for _ in range(N_STEPS):
        stack.one_step()
    assert [n for n, t in stack.mutable().items() if not torch.equal(t, plain[n])] == []


def test_asking_for_what_a_step_writes_changes_nothing():
    stack = Stack(tiny.run("factor_vae"), (0, 1), DATA, tiny.CPU)
    named = set(stack.mutable())
    kept = stack.state(0)  # no optimiser has a state yet
    assert not any("exp_avg" in name for name in [*named, *kept])
    stack.advance()
    assert set(stack.state(0)) > set(kept)
    assert set(stack.mutable()) > named


def test_drawing_ahead_leaves_the_streams_of_a_checkpoint():
    run = tiny.run("factor_vae", steps=3 * CHUNK)
    stack = Stack(run, (0, 1), DATA, tiny.CPU)
    stack.advance()
    kept = [stack.state(i) for i in range(2)]
    stack.advance()
    again = Stack(run, (0, 1), DATA, tiny.CPU)
    again.step = CHUNK
    again.load(kept)
    again.advance()
    assert [n for n, t in stack.mutable().items() if not torch.equal(t, again.mutable()[n])] == []


# Models side by side.


def test_side_by_side_are_the_stacks_of_one():
    run = tiny.run("factor_vae", steps=2 * CHUNK)
    together = SideBySide(run, (4, 7, 9), DATA, tiny.CPU)
    terms = [together.advance() for _ in range(2)]
    for position, seed in enumerate((4, 7, 9)):
        alone = Stack(run, (seed,), DATA, tiny.CPU)
        for chunk in terms:
            for name, value in alone.advance().items():
                assert torch.equal(value[0], chunk[name][position])
        for role, tensors in alone.params.items():
            for name, tensor in tensors.items():
                assert torch.equal(tensor[0], together.params[role][name][position])
    assert together.finite(terms[1]) == [True] * 3


def test_side_by_side_goes_on_from_checkpoints_and_without_stopped_seeds():
    run = tiny.run("factor_vae", steps=3 * CHUNK)
    together = SideBySide(run, (4, 7, 9), DATA, tiny.CPU)
    together.advance()
    together.keep([0, 2])
    assert together.seeds == (4, 9)
    states = [together.state(i) for i in range(2)]
    together.advance()
    again = SideBySide(run, (4, 9), DATA, tiny.CPU)
    again.step = CHUNK
    again.load(states)
    again.advance()
    for role, tensors in together.params.items():
        assert all(torch.equal(t, again.params[role][name]) for name, t in tensors.items())
    together.keep([])
    assert together.seeds == ()


def test_the_faster_form_is_taken(monkeypatch):
    seconds = iter([3.0, 1.0])
    monkeypatch.setattr("disentangled.side_by_side.seconds_a_chunk", lambda form: next(seconds))
    monkeypatch.setattr("disentangled.side_by_side._FORMS", {})
    from disentangled import side_by_side

    gpu = Hardware(torch.device("cuda"), memory=1)
    made = []
    monkeypatch.setattr(side_by_side, "Stack", lambda *a: made.append("stack"))
    monkeypatch.setattr(side_by_side, "SideBySide", lambda *a: made.append("side by side"))
    side_by_side.form(tiny.run(), (0, 1), DATA, gpu)
    assert made == ["stack", "side by side", "side by side"]
    side_by_side.form(tiny.run(), (0, 1), DATA, gpu)  # measured once
    assert made[3:] == ["side by side"]
    made.clear()
    side_by_side.form(tiny.run(), (0, 1), DATA, tiny.CPU)
    side_by_side.form(tiny.run(), (0,), DATA, gpu)
    assert made == ["stack", "stack"]


@pytest.mark.parametrize("poisoned", [{0}, {0, 1}])
def test_seeds_that_are_not_finite_stop_side_by_side_too(monkeypatch, poisoned):
    build = stacks.build

    def broken(run, seed, shape):
        nets = build(run, seed, shape)
        if seed in poisoned:
            nets["encoder"].head.weight.data[0, 0] = float("nan")
        return nets

    monkeypatch.setattr(stacks, "build", broken)
    monkeypatch.setattr("disentangled.training.form", SideBySide)
    *_, last = trajectory(tiny.run(steps=2 * CHUNK), (0, 1), DATA, hardware=tiny.CPU)
    assert last.stopped == dict.fromkeys(poisoned, CHUNK)
    assert last.seeds == tuple({0, 1} - poisoned)
    assert next(iter(last.params["encoder"].values())).shape[0] == 2 - len(poisoned)


def test_training_is_the_same_in_either_form(monkeypatch):
    run = tiny.run("vae", steps=2 * CHUNK)
    (stacked,) = trajectory(run, (0, 1), DATA, hardware=tiny.CPU)
    monkeypatch.setattr("disentangled.training.form", SideBySide)
    (apart,) = trajectory(run, (0, 1), DATA, hardware=tiny.CPU)
    assert apart.seeds == stacked.seeds
    for one, other in zip(apart.encode(DATA), stacked.encode(DATA), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
