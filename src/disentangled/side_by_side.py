"""Models side by side: stacks of one whose steps are one program, instead of one stack of all.

A stack runs S models through kernels with a leading axis; on a GPU a stack of convolutions runs
grouped convolutions, which can be slower than as many plain ones on streams of their own.
Which form is faster is measured where it matters: once a setting, on the GPU at hand.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from disentangled import graphs
from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.runs import CHUNK, Run
from disentangled.stacks import Params, Stack


class SideBySide:
    """The interface of `Stack` over stacks of one."""

    def __init__(self, run: Run, seeds: Sequence[int], data: FactorData, hardware: Hardware):
        self.run, self.hardware = run, hardware
        self.stacks = [Stack(run, (seed,), data, hardware) for seed in seeds]
        self.templates: dict[str, nn.Module] = self.stacks[0].templates
        self.last = self.stacks[0]  # what stood last, once all seeds have stopped

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(stack.seeds[0] for stack in self.stacks)

    @property
    def step(self) -> int:
        return (self.stacks or [self.last])[0].step

    @step.setter
    def step(self, step: int) -> None:
        for stack in self.stacks:
            stack.step = step

    @property
    def params(self) -> Params:
        return self._joined([stack.params for stack in self.stacks], self.last.params)

    @property
    def buffers(self) -> Params:
        return self._joined([stack.buffers for stack in self.stacks], self.last.buffers)

    def _joined(self, parts: list[Params], empty: Params) -> Params:
        if not parts:
            return {r: {k: v.detach()[:0] for k, v in held.items()} for r, held in empty.items()}
        return {
            role: {k: torch.cat([p[role][k].detach() for p in parts]) for k in held}
            for role, held in parts[0].items()
        }

    def advance(self) -> dict[str, Tensor]:
        """`CHUNK` steps of all; returns the mean of every term over them, each (S,)."""
        for stack in self.stacks:
            stack.begin_chunk()
        if any(stack.replay is None for stack in self.stacks):
            steps = [stack.one_step for stack in self.stacks]
            replay = graphs.program(steps, self.mutable, self.hardware)
            for stack in self.stacks:
                stack.replay = replay
        together = self.stacks[0].replay
        assert together is not None
        for _ in range(CHUNK):
            together()
        means = [stack.end_chunk() for stack in self.stacks]
        return {name: torch.cat([m[name] for m in means]) for name in means[0]}

    def mutable(self) -> dict[str, Tensor]:
        """All tensors that the steps write on, by name."""
        return {
            f"{stack.seeds[0]}/{name}": tensor
            for stack in self.stacks
            for name, tensor in stack.mutable().items()
        }

    def keep(self, positions: list[int]) -> None:
        """Go on with the seeds at these positions only; what runs them is made anew."""
        self.last = self.stacks[0]
        self.stacks = [self.stacks[i] for i in positions]
        for stack in self.stacks:
            stack.replay = None

    def finite(self, terms: dict[str, Tensor]) -> list[bool]:
        """Of every seed, whether its losses over the last chunk and its parameters are finite."""
        return [
            stack.finite({name: value[i : i + 1] for name, value in terms.items()})[0]
            for i, stack in enumerate(self.stacks)
        ]

    def state(self, position: int) -> dict[str, Tensor]:
        """Copies of all that the seed at this position needs to go on, as `Stack.state`."""
        return self.stacks[position].state(0)

    def load(self, states: list[dict[str, Tensor]]) -> None:
        """Take up the states of all seeds, all saved at `self.step`."""
        for stack, state in zip(self.stacks, states, strict=True):
            stack.load([state])


def seconds_a_chunk(models: Stack | SideBySide) -> float:
    """Seconds of a chunk of steps, after one that warms up and captures."""
    device = models.hardware.device
    models.advance()
    torch.cuda.synchronize(device)
    tick = time.perf_counter()
    models.advance()
    torch.cuda.synchronize(device)
    return time.perf_counter() - tick


_FORMS: dict[tuple[str, int], str] = {}  # by setting and number of seeds: measured once


def form(
    run: Run, seeds: Sequence[int], data: FactorData, hardware: Hardware
) -> Stack | SideBySide:
    """The models of these seeds in the form that is faster here.

    On a CPU a stack, as `costs.groups` has it; on a GPU both are measured, once a setting.
    """
    if hardware.device.type != "cuda" or len(seeds) < 2:
        return Stack(run, seeds, data, hardware)
    key = (run.setting_id(), len(seeds))
    if key not in _FORMS:
        stacked = seconds_a_chunk(Stack(run, seeds, data, hardware))
        apart = seconds_a_chunk(SideBySide(run, seeds, data, hardware))
        _FORMS[key] = "stacked" if stacked <= apart else "side by side"
    made = Stack if _FORMS[key] == "stacked" else SideBySide
    return made(run, seeds, data, hardware)
