"""Costs counted by hand, and groups that fit."""

import os

import pytest
import tiny
import torch

from disentangled import hardware as machines
from disentangled.hardware import Hardware

SHAPE = (1, 4, 4)
# Multiplications of mlp_64 on 16 pixels and 3 axes, an image: 16-64-64-6 and 3-64-64-16.
ENCODER = 16 * 64 + 64 * 64 + 64 * 6
DECODER = 3 * 64 + 64 * 64 + 64 * 16
CRITIC = 3 * 256 + 256 * 256 + 256 * 256 + 256 * 2


def test_flops_of_a_vae_by_hand():
    # two operations a multiplication; forward once, backward twice; a batch of 8
    expected = 2 * 3 * (ENCODER + DECODER) * 8
    assert machines.flops_per_step(tiny.run(), SHAPE) == expected


def test_flops_of_factor_vae_by_hand():
    # the autoencoder's pass through the critic, to the critic's input only, is one forward and
    # one backward; the critic's own is thrice its forward over 16 codes
    both = 2 * 8 * (3 * (ENCODER + DECODER) + 2 * CRITIC + 3 * 2 * CRITIC)
    assert machines.flops_per_step(tiny.run("factor_vae_dlib"), SHAPE) == both
    assert machines.flops_per_step(tiny.run("factor_vae"), SHAPE) == both + 2 * 8 * ENCODER


def test_flops_of_a_convolution_by_hand():
    run = tiny.run(net="conv_small", size=16)
    # channels 1-16-32-32-32, windows of 4 x 4, side by side 8, 4, 2 and 1; 32-128-6; mirrored
    convolutions = 16 * 16 * 64 + 16 * 32 * 16 * 16 + 32 * 32 * 16 * 4 + 32 * 32 * 16
    encoder = convolutions + 32 * 128 + 128 * 6
    decoder = 3 * 128 + 128 * 32 + convolutions
    assert machines.flops_per_step(run, (1, 16, 16)) == 2 * 3 * 8 * (encoder + decoder)


def test_bytes_of_a_seed_by_hand():
    biases = 64 + 64 + 6 + 64 + 64 + 16
    # outputs of Flatten, Linear, ReLU, ...: each kept, its gradient, and a temporary
    encoder = 16 + 64 + 64 + 64 + 64 + 6
    decoder = 64 + 64 + 64 + 64 + 16 + 16
    floats = 4 * (ENCODER + DECODER + biases) + 3 * (8 * (encoder + decoder) + 8 * 8 * 3)
    assert machines.bytes_per_seed(tiny.run(), SHAPE) == 4 * floats


@pytest.mark.parametrize("room", [0, 1, 2, 3, 7, 100])
def test_groups_fit_the_budget_and_are_even(room):
    run, seeds = tiny.run(), list(range(10, 17))
    each = machines.bytes_per_seed(run, SHAPE)
    hardware = Hardware(torch.device("cpu"), memory=room * each + each // 2)
    groups = machines.groups(run, seeds, SHAPE, hardware)
    sizes = [len(group) for group in groups]
    assert sorted(seed for group in groups for seed in group) == seeds
    assert max(sizes) <= max(1, room)
    assert max(sizes) - min(sizes) <= 1
    assert len(groups) == -(-7 // min(7, max(1, room)))


def test_a_cpu_trains_large_nets_in_turn_and_a_gpu_does_not():
    run = tiny.run(net="burgess_conv", size=64, batch=64)
    gpu = Hardware(torch.device("cuda"), memory=2**40)
    cpu = Hardware(torch.device("cpu"), memory=2**40)
    assert machines.groups(run, range(4), (1, 64, 64), cpu) == [[0], [1], [2], [3]]
    assert machines.groups(run, range(4), (1, 64, 64), gpu) == [[0, 1, 2, 3]]
    small = tiny.run(net="conv_small", size=32, batch=64)
    assert machines.groups(small, range(2), (1, 32, 32), cpu) == [[0], [1]]
    assert machines.groups(tiny.run(), range(4), SHAPE, cpu) == [[0, 1, 2, 3]]


def test_budgets():
    assert Hardware(torch.device("cpu")).budget() == machines.CPU_BUDGET
    assert Hardware(torch.device("cuda"), memory=123).budget() == 123


def test_autocast_is_for_bf16_alone():
    a = torch.ones(2, 2)
    for precision, dtype in [("fp32", torch.float32), ("bf16", torch.bfloat16)]:
        with tiny.CPU.autocast(precision):
            assert (a @ a).dtype == dtype


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert machines.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machines.cores() == 6
