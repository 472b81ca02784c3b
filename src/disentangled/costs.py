"""What a run costs, by one dry step, and how many of its seeds fit in one stack.

A step is played once on the device "meta", which computes shapes and no values: torch counts its
operations and what it keeps for the backward pass. Nothing here knows one recipe from another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, UntypedStorage
from torch.autograd.graph import Node
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.runs import Run
from disentangled.stacks import Stack

COPIES_OF_PARAMETERS = 4  # value, gradient, and Adam's two moments
COPIES_OF_ACTIVATIONS = 2  # kept for the backward pass, and what it makes of them
FORWARD_AND_BACKWARD = 3  # a step costs about three times the multiplications of its forward pass

TRAINING_SHARE = 0.35
"""Share of the rate of large matrix products that stacks of seeds were seen to reach on a GPU."""

MOMENT = 0.3  # seconds of work after which a device runs at its sustained rate

IN_TURN_ON_CPU = 3e7
"""Multiply-adds of a step's forward pass above which a CPU trains seeds one after the other.

Stacked convolutions become grouped ones, slower on a CPU than plain ones one after the other, also
the four narrow ones at 32 x 32 (1.2e8 multiply-adds; README's table of speed, under "at once") and
the three of `conv_shallow` (4e7; 0.8 of the speed); stacked perceptrons (2e7) are faster.
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
    kept: dict[int, UntypedStorage] = {}  # held, lest another one takes its place and its key

    def noted(loss: Callable[..., Any]) -> Callable[..., Any]:
        def called(*inputs: Any) -> Any:
            total, *rest = loss(*inputs)
            kept.update({t.untyped_storage()._cdata: t.untyped_storage() for t in _saved(total)})
            return total, *rest

        return called

    stack.losses = {name: noted(loss) for name, loss in stack.losses.items()}
    draw = next(stack.draws())
    try:
        with _Counter() as counter:
            stack.play(draw)
    except RuntimeError as error:
        raise ValueError(
            f"a step of {run.title()} must play without values, on the device meta, and does not: "
            f"{error}; no value may decide in a loss or a net what is computed (instead of "
            ".item(), if or x[mask] use torch.where), and its constants must be where the inputs "
            "are: make them by torch.full_like or device=x.device, and register those of a net "
            "as buffers"
        ) from error
    nets = [*stack.params.values(), *stack.buffers.values()]
    state = [tensor for net in nets for tensor in net.values()]
    for tensor in state:
        kept.pop(tensor.untyped_storage()._cdata, None)
    parameters = sum(t.nbytes for t in state)
    activations = sum(storage.nbytes() for storage in kept.values())
    total = COPIES_OF_PARAMETERS * parameters + COPIES_OF_ACTIVATIONS * activations
    return Step(counter.flops, total)


class _Counter(TorchDispatchMode):
    """Counts the operations of matrix products and convolutions; refuses random numbers.

    Without torch's tracker of modules, whose hooks torch.func.grad does not bear.
    """

    flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise ValueError(
                f"a loss or a net draws random numbers by {func}, which come from no seed's "
                "stream: declare them as an Input of the recipe"
            )
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            count = flop_registry[func.overloadpacket]
            self.flops += int(count(*args, **(kwargs or {}), out_val=result))
        return result


def _saved(total: Tensor) -> Iterator[Tensor]:
    """What the graph of a loss keeps for the backward pass.

    Read from the graph: hooks on saved tensors forbid torch.func.grad within a loss.
    """
    reached, seen = [total.grad_fn], set[Node]()
    while reached:
        node = reached.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        reached += [before for before, _ in node.next_functions]
        held = [getattr(node, name) for name in dir(node) if name.startswith("_saved_")]
        held += getattr(node, "saved_tensors", ())  # of a function written in Python
        for value in held:
            several = value if isinstance(value, tuple | list) else [value]
            yield from (tensor for tensor in several if isinstance(tensor, Tensor))


def flops(run: Run, shape: Shape) -> float:
    """Floating-point operations of training one seed, both phases."""
    total = float(dry_step(run, shape).flops) * run.steps
    if run.steps_after:
        total += float(dry_step(run, shape, second_phase=True).flops) * run.steps_after
    return total


def bytes_of_one_step(run: Run, shape: Shape, hardware: Hardware) -> int:
    """Bytes that a seed takes on a GPU, as one real step of each phase allocates them."""
    device = hardware.device
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    stack = Stack(run, (0,), _blank(run.batch, shape, device), hardware)
    for first in (0, run.steps) if run.steps_after else (0,):
        stack.step = first
        stack.play(next(stack.draws()))
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def groups(run: Run, seeds: Sequence[int], shape: Shape, hardware: Hardware) -> list[list[int]]:
    """Split the seeds into stacks that fit the memory budget, as even as can be.

    A CPU trains large nets in turn (see `IN_TURN_ON_CPU`). On a GPU real steps are measured.
    """
    phases = (False, True) if run.steps_after else (False,)
    steps = [dry_step(run, shape, second_phase=second) for second in phases]
    on_gpu = hardware.device.type == "cuda" and torch.cuda.is_available()
    each = bytes_of_one_step(run, shape, hardware) if on_gpu else max(step.bytes for step in steps)
    most = max(1, hardware.budget() // max(1, each))
    forward = max(step.flops for step in steps) / (2 * FORWARD_AND_BACKWARD)
    if hardware.device.type == "cpu" and forward > IN_TURN_ON_CPU:
        most = 1
    n_groups = -(-len(seeds) // most)
    return [list(seeds[i::n_groups]) for i in range(n_groups)]


def training_rate(run: Run, shape: Shape, device: torch.device) -> float:
    """Floating-point operations a second that one process may sustain in training here: on a CPU
    by one thread, on a GPU with the seeds that fit.

    **Error**: processes side by side share caches and memory, and are slower by up to a half.
    """
    if device.type == "cpu":
        kind = (run.objective, *run.roles().items(), run.batch, run.n_axes, shape)
        if kind not in _RATES:
            _RATES[kind] = rate_of_steps(run, shape)
        return _RATES[kind]
    return TRAINING_SHARE * rate_of_products(device)


_RATES: dict[tuple[Any, ...], float] = {}  # settings that differ by a weight take the same time


def rate_of_steps(run: Run, shape: Shape) -> float:
    """Operations a second of real steps of one seed on one thread, played for a moment.

    Seconds are those in which the thread had a core: what other programs take at this moment says
    nothing about the hours to come.

    Small kernels are far from the rate of matrix products, and how far depends on net and machine:
    the three narrow convolutions of `conv_shallow` reach a tenth of it.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        cpu = torch.device("cpu")
        stack = Stack(run, (0,), _blank(run.batch, shape, cpu), Hardware(cpu))
        draws = list(stack.draws())
        stack.play(draws[0])  # the first one builds what the others use
        n_steps, begin = 0, time.thread_time()
        while time.thread_time() - begin < MOMENT:
            stack.play(draws[n_steps % len(draws)])
            n_steps += 1
        seconds = time.thread_time() - begin
    finally:
        torch.set_num_threads(threads)
    return dry_step(run, shape).flops * n_steps / seconds


def rate_of_products(device: torch.device) -> float:
    """Operations a second of a large matrix product, measured for a moment."""
    side = 4096
    a = torch.randn(side, side, device=device)
    best, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < MOMENT:
        tick = time.perf_counter()
        float((a @ a)[0, 0])  # reading a value waits for the device
        best = min(best, time.perf_counter() - tick)
    return 2 * side**3 / best
