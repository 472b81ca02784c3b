"""Costs counted by hand, and groups that fit."""

import itertools

import pytest
import tiny
import torch
from torch.autograd.graph import saved_tensors_hooks

from disentangled import costs
from disentangled.estimators import minibatch
from disentangled.hardware import Hardware
from disentangled.objectives import OBJECTIVES, Player
from disentangled.stacks import Stack
from disentangled.types import Loss

SHAPE = (1, 4, 4)
# Multiplications of mlp_64 on 16 pixels and 3 axes, an image: 16-64-64-6 and 3-64-64-16.
ENCODER = 16 * 64 + 64 * 64 + 64 * 6
DECODER = 3 * 64 + 64 * 64 + 64 * 16
CRITIC = 3 * 256 + 256 * 256 + 256 * 256 + 256 * 2


# The pixels need no gradient: the first layer's backward pass has one product instead of two.
FIRST = 16 * 64


def flops(run, shape):
    return costs.dry_step(run, shape).flops


def test_flops_of_a_vae_by_hand():
    # two operations a multiplication; forward once, backward twice; a batch of 8
    expected = 2 * 8 * (3 * (ENCODER + DECODER) - FIRST)
    assert flops(tiny.run(), SHAPE) == expected


def test_flops_of_factor_vae_by_hand():
    # the autoencoder's pass through the critic, to the critic's input only, is one forward and
    # one backward; the critic's own is thrice its forward over 16 codes, which need no gradient
    own = 2 * (3 * CRITIC - 3 * 256)
    both = 2 * 8 * (3 * (ENCODER + DECODER) - FIRST + 2 * CRITIC + own)
    assert flops(tiny.run("factor_vae_dlib"), SHAPE) == both
    assert flops(tiny.run("factor_vae"), SHAPE) == both + 2 * 8 * ENCODER


def test_flops_of_a_convolution_by_hand():
    run = tiny.run(net="conv_small", size=16)
    # channels 1-16-32-32-32, windows of 4 x 4, side by side 8, 4, 2 and 1; 32-128-6; mirrored
    first = 16 * 16 * 64
    convolutions = first + 16 * 32 * 16 * 16 + 32 * 32 * 16 * 4 + 32 * 32 * 16
    encoder = convolutions + 32 * 128 + 128 * 6
    decoder = 3 * 128 + 128 * 32 + convolutions
    assert flops(run, (1, 16, 16)) == 2 * 8 * (3 * (encoder + decoder) - first)


def test_a_run_costs_its_steps():
    run = tiny.run(steps=150)
    assert costs.flops(run, SHAPE) == 150 * costs.dry_step(run, SHAPE).flops


def test_bytes_grow_with_the_batch_and_hold_the_state():
    biases = 64 + 64 + 6 + 64 + 64 + 16
    state = 4 * 4 * (ENCODER + DECODER + biases)
    small, large = (costs.dry_step(tiny.run(batch=b), SHAPE).bytes for b in (8, 16))
    # what is kept for the backward pass grows in proportion to the batch
    assert large - state == pytest.approx(2 * (small - state), rel=0.01)
    # at least the outputs of the hidden layers, which the next layers' gradients need
    assert small - state >= 2 * 4 * 8 * (64 + 64 + 64 + 64)
    pairs = costs.dry_step(tiny.run("beta_tcvae", batch=64), SHAPE).bytes
    assert pairs - costs.dry_step(tiny.run(batch=64), SHAPE).bytes >= 4 * 64 * 64 * 3


def test_large_batches_keep_no_pairs():
    small, large = (
        costs.dry_step(tiny.run("beta_tcvae", n_axes=10, batch=b), SHAPE).bytes
        for b in (1024, 4096)
    )
    assert 3.8 * small < large < 4.1 * small  # B², as below, would be 16 times
    assert large < 4 * 4096 * 4096  # less than one number a pair


def kept(batch):
    """Bytes that a real step of two seeds keeps for its backward pass, tensor by tensor."""
    stack = Stack(tiny.run("beta_tcvae", batch=batch), (0, 1), tiny.images(), tiny.CPU)
    draw, sizes = next(stack.draws()), {}

    def keep(tensor):
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes(), tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        stack.play(draw)
    return sum(size for size, _ in sizes.values())


def test_a_real_step_in_blocks_keeps_no_pairs(monkeypatch):
    pairs = 2 * 4 * 64 * 64 * 3
    whole = kept(64)
    monkeypatch.setattr(minibatch, "BLOCK", 2**10)
    small, large = kept(32), kept(64)
    assert whole > large + pairs
    assert large < 2 * small


def test_bytes_are_the_same_each_time():
    """What was freed and taken again under the same address counts once for each."""
    counts = set()
    for _ in range(3):
        costs._PLAYED.clear()
        counts.add(costs.dry_step(tiny.run("factor_vae_dlib"), SHAPE))
    assert len(counts) == 1


@pytest.mark.parametrize("room", [0, 1, 2, 3, 7, 100])
def test_groups_fit_the_budget_and_are_even(room):
    run, seeds = tiny.run(), list(range(10, 17))
    each = costs.dry_step(run, SHAPE).bytes
    hardware = Hardware(torch.device("cpu"), memory=room * each + each // 2)
    groups = costs.groups(run, seeds, SHAPE, hardware)
    sizes = [len(group) for group in groups]
    assert sorted(seed for group in groups for seed in group) == seeds
    assert max(sizes) <= max(1, room)
    assert max(sizes) - min(sizes) <= 1
    assert len(groups) == -(-7 // min(7, max(1, room)))


def test_groups_fit_the_larger_phase(monkeypatch):
    def small(nets, draw, heard, **settings):
        loss = nets["encoder"](draw["x"])[0].square().mean() + nets["encoder"](draw["x"])[1].mean()
        return Loss(loss, {}), {}

    recipe = OBJECTIVES["factor_vae_dlib"]
    critic = tuple(tuple(p._replace(name=f"{p.name} 2") for p in r) for r in recipe.rounds)
    first = ((Player("small", ("encoder",), small),),)
    monkeypatch.setitem(OBJECTIVES, "late", recipe._replace(rounds=first, after=critic))
    run = tiny.run("late", steps_after=50)
    before, second = (costs.dry_step(run, SHAPE, second_phase=s).bytes for s in (False, True))
    assert 2 * second > 2 * before + 1  # room for two of the first phase, for one of the second
    hardware = Hardware(torch.device("cpu"), memory=2 * second - 1)
    assert len(costs.groups(run, range(4), SHAPE, hardware)) == 4


def test_a_cpu_trains_large_nets_in_turn_and_a_gpu_does_not():
    run = tiny.run(net="burgess_conv", size=64, batch=64)
    gpu = Hardware(torch.device("cuda"), memory=2**40)
    cpu = Hardware(torch.device("cpu"), memory=2**40)
    assert costs.groups(run, range(4), (1, 64, 64), cpu) == [[0], [1], [2], [3]]
    assert costs.groups(run, range(4), (1, 64, 64), gpu) == [[0, 1, 2, 3]]
    small = tiny.run(net="conv_small", size=32, batch=64)
    assert costs.groups(small, range(2), (1, 32, 32), cpu) == [[0], [1]]
    assert costs.groups(tiny.run(), range(4), SHAPE, cpu) == [[0, 1, 2, 3]]


def test_the_rate_is_of_steps_of_one_thread(monkeypatch):
    run = tiny.run(batch=64)
    step = costs.dry_step(run, SHAPE)
    threads, seen = torch.get_num_threads(), []
    ticks = itertools.count(1)
    monkeypatch.setattr(costs, "MOMENT", 3)
    monkeypatch.setattr(costs.time, "thread_time", lambda: next(ticks))
    play = Stack.play
    monkeypatch.setattr(
        Stack, "play", lambda *of: seen.append(torch.get_num_threads()) or play(*of)
    )
    # begun at 1, a step each at 2 and 3, at 4 the moment is over, and 5 is read as the end
    rate = costs.rate_of_steps(run, SHAPE)
    assert rate == step.flops * 2 / 4
    assert seen == [1, 1, 1]
    assert torch.get_num_threads() == threads


def test_settings_that_differ_by_a_weight_have_one_rate(monkeypatch):
    monkeypatch.setattr(costs, "_RATES", {})
    found = iter([5.0, 7.0])
    monkeypatch.setattr(costs, "rate_of_steps", lambda run, shape: next(found))
    cpu = torch.device("cpu")
    first, second = (tiny.run("beta_vae", weights={"beta": beta}) for beta in (2.0, 4.0))
    assert costs.training_rate(first, SHAPE, cpu) == costs.training_rate(second, SHAPE, cpu) == 5.0
    assert costs.training_rate(tiny.run("vae"), SHAPE, cpu) == 7.0
