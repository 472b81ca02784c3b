"""Where a run trains: device, precision, memory, and how many seeds stand in one stack."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from disentangled import nets
from disentangled.objectives import OBJECTIVES
from disentangled.runs import Run

BYTES = 4  # float32
COPIES_OF_PARAMETERS = 4  # value, gradient, and Adam's two moments
COPIES_OF_ACTIVATIONS = 3  # kept for the backward pass, its gradient, and one temporary
BACKWARD = 2  # a backward pass costs twice the multiplications of its forward pass

CPU_BUDGET = 4 * 2**30
"""Bytes that a stack may take on a CPU."""

GPU_SHARE = 0.8
"""Share of the GPU's free memory that a stack may take."""

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

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h

KEPT = 2**30
"""Bytes of freed memory, and of the largest block, that `prepare` has glibc keep for reuse."""

KEPT_BY_OLD_GLIBC = 2**25
"""The largest block that older releases of glibc let one ask for."""


def default_device() -> torch.device:
    """The first GPU, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Hardware:
    """device to train on; compile the step by `torch.compile`; bytes a stack may take."""

    device: torch.device = field(default_factory=default_device)
    compile: bool = False
    memory: int | None = None

    def autocast(self, precision: str) -> contextlib.AbstractContextManager[None]:
        """bf16 autocast, or nothing for fp32."""
        if precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def budget(self) -> int:
        """Bytes that a stack may take."""
        if self.memory is not None:
            return self.memory
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            return int(GPU_SHARE * free)
        return CPU_BUDGET


def _nets(run: Run, shape: tuple[int, int, int]) -> dict[str, nn.Module]:
    """The run's nets without values, to be counted."""
    with torch.device("meta"):
        return nets.build(run.net, run.critic, shape, run.n_axes)


def _inputs(run: Run, shape: tuple[int, int, int]) -> dict[str, tuple[int, ...]]:
    code = (run.batch, run.n_axes)
    return {"encoder": (run.batch, *shape), "decoder": code, "critic": code}


def flops_per_step(run: Run, shape: tuple[int, int, int]) -> int:
    """Floating-point operations of one training step of one seed, counted by torch on the nets.

    Matrix products and convolutions only, forward and backward; (B, B, D) estimates, pixels and
    the optimiser come on top. FactorVAE: the autoencoder's pass through the critic, the
    critic's own over joint and permuted codes, and the encoder's over the second batch.
    """
    forward = {}
    for name, net in _nets(run, shape).items():
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.empty(_inputs(run, shape)[name], device="meta"))
        forward[name] = counter.get_total_flops()
    total = (1 + BACKWARD) * (forward["encoder"] + forward["decoder"])
    if run.critic:
        total += 2 * forward["critic"] + (1 + BACKWARD) * 2 * forward["critic"]
        total += forward["encoder"] if OBJECTIVES[run.objective].second_batch else 0
    return int(total)


def bytes_per_seed(run: Run, shape: tuple[int, int, int]) -> int:
    """Estimate of the memory that one seed of a stack takes in training."""
    parameters = activations = 0
    for name, net in _nets(run, shape).items():
        parameters += sum(p.numel() for p in net.parameters())
        sizes: list[int] = []
        for layer in net.modules():
            if not list(layer.children()):
                layer.register_forward_hook(lambda _m, _i, out, s=sizes: s.append(out.numel()))
        net(torch.empty(_inputs(run, shape)[name], device="meta"))
        activations += sum(sizes)
    pairs = run.batch**2 * run.n_axes  # the (B, B, D) tensor of the minibatch estimates
    return BYTES * (
        COPIES_OF_PARAMETERS * parameters + COPIES_OF_ACTIVATIONS * (activations + pairs)
    )


def groups(
    run: Run, seeds: Sequence[int], shape: tuple[int, int, int], hardware: Hardware
) -> list[list[int]]:
    """Split the seeds into stacks that fit the memory budget, as even as can be.

    A CPU trains large nets in turn (see `IN_TURN_ON_CPU`).
    """
    most = max(1, hardware.budget() // bytes_per_seed(run, shape))
    if hardware.device.type == "cpu":
        forward = flops_per_step(run, shape) / (2 * (1 + BACKWARD))
        if forward > IN_TURN_ON_CPU:
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


def prepare(hardware: Hardware) -> None:
    """Settings of the process that speed training up on this hardware.

    On a CPU under Linux with glibc: memory that was freed stays with the process. By default
    glibc maps every large block anew and unmaps it when freed, and a training step does that with
    each of its activations, so that it spends its time on untouched pages (`make bench` counts
    them). Elsewhere, nothing.
    """
    if hardware.device.type != "cpu" or platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    if not mallopt(M_MMAP_THRESHOLD, KEPT):
        mallopt(M_MMAP_THRESHOLD, KEPT_BY_OLD_GLIBC)
    mallopt(M_TRIM_THRESHOLD, KEPT)
