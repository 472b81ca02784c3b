"""What a run costs, by one dry step, and how many of its seeds fit in one stack.

A step is played once on the device "meta", which computes shapes and no values: torch counts its
operations and what it keeps for the backward pass. Nothing here knows one recipe from another.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.runs import Run
from disentangled.stacks import Stack

COPIES_OF_PARAMETERS = 4  # value, gradient, and Adam's two moments
COPIES_OF_ACTIVATIONS = 2  # kept for the backward pass, and what it makes of them
FORWARD_AND_BACKWARD = 3  # a step costs about three times the multiplications of its forward pass

TRAINING_SHARE = 0.35
"""Share of the rate of large matrix products that training was seen to reach: from 0.2 for stacked
perceptrons to 0.5 for convolutions in turn (README's table of speed)."""

WARM_UP = 0.3  # seconds of matrix products after which a device runs at its sustained rate

IN_TURN_ON_CPU = 5e7
"""Multiply-adds of a step's forward pass above which a CPU trains seeds one after the other.

Stacked convolutions become grouped ones, slower on a CPU than plain ones one after the other, also
the four narrow ones at 32 x 32 (1.2e8 multiply-adds); stacked perceptrons (2e7) are faster. The
ratios stand in the README's table of speed, under "at once".
"""

Shape = tuple[int, int, int]


class Step(NamedTuple):
    """One training step of one seed: floating-point operations of its matrix products and
    convolutions, and bytes that it takes with the state that it works on."""

    flops: int
    bytes: int


def _blank(n_data: int, shape: Shape, device: torch.device) -> FactorData:
    """Images without content, to play a step on."""
    images = torch.zeros(n_data, *shape, dtype=torch.uint8, device=device)
    factors = torch.zeros(n_data, 1, dtype=torch.int64, device=device)
    return FactorData("blank", images, factors, ("none",), (1,), source="made up")


_PLAYED: dict[tuple[str, Shape, bool], Step] = {}  # a step of a setting costs what it cost


def dry_step(run: Run, shape: Shape, *, second_phase: bool = False) -> Step:
    """Play one step of one seed without values and count it.

    shape: (C, H, W) of the images. Operations of (B, B, D) estimates, of pixels and of the
    optimiser are not counted; what they keep in memory is. What is dropped at once, such as a
    block of those estimates (see `estimators.minibatch.BLOCK`), is not.
    """
    key = (run.setting_id(), shape, second_phase)
    if key not in _PLAYED:
        _PLAYED[key] = _play(run, shape, second_phase)
    return _PLAYED[key]


def _play(run: Run, shape: Shape, second_phase: bool) -> Step:
    meta = torch.device("meta")
    stack = Stack(run, (0,), _blank(run.batch, shape, meta), Hardware(meta))
    stack.step = run.steps if second_phase else 0
    draw = next(stack.draws())
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    with FlopCounterMode(display=False) as counter, saved_tensors_hooks(keep, lambda t: t):
        stack.play(draw)
    nets = [*stack.params.values(), *stack.buffers.values()]
    state = [tensor for net in nets for tensor in net.values()]
    for tensor in state:
        kept.pop(tensor.untyped_storage()._cdata, None)
    parameters = sum(t.nbytes for t in state)
    total = COPIES_OF_PARAMETERS * parameters + COPIES_OF_ACTIVATIONS * sum(kept.values())
    return Step(int(counter.get_total_flops()), total)


def flops(run: Run, shape: Shape) -> float:
    """Floating-point operations of training one seed, both phases."""
    total = float(dry_step(run, shape).flops) * run.steps
    if run.steps_after:
        total += float(dry_step(run, shape, second_phase=True).flops) * run.steps_after
    return total


def bytes_of_one_step(run: Run, shape: Shape, hardware: Hardware) -> int:
    """Bytes that a seed takes on a GPU, as one real step of it allocates them."""
    device = hardware.device
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    stack = Stack(run, (0,), _blank(run.batch, shape, device), hardware)
    stack.play(next(stack.draws()))
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def groups(run: Run, seeds: Sequence[int], shape: Shape, hardware: Hardware) -> list[list[int]]:
    """Split the seeds into stacks that fit the memory budget, as even as can be.

    A CPU trains large nets in turn (see `IN_TURN_ON_CPU`). On a GPU one real step is measured.
    """
    step = dry_step(run, shape)
    on_gpu = hardware.device.type == "cuda" and torch.cuda.is_available()
    each = bytes_of_one_step(run, shape, hardware) if on_gpu else step.bytes
    most = max(1, hardware.budget() // max(1, each))
    if hardware.device.type == "cpu" and step.flops > 2 * FORWARD_AND_BACKWARD * IN_TURN_ON_CPU:
        most = 1
    n_groups = -(-len(seeds) // most)
    return [list(seeds[i::n_groups]) for i in range(n_groups)]


def training_rate(device: torch.device) -> float:
    """Floating-point operations a second that training may sustain here.

    `TRAINING_SHARE` of the rate of a matrix product, measured for a moment on the device.
    """
    side = 4096 if device.type == "cuda" else 1024
    a = torch.randn(side, side, device=device)
    best, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < WARM_UP:
        tick = time.perf_counter()
        float((a @ a)[0, 0])  # reading a value waits for the device
        best = min(best, time.perf_counter() - tick)
    return TRAINING_SHARE * 2 * side**3 / best
