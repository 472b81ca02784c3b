"""A training step as a program: run as it is, or captured once as a CUDA graph and replayed.

On a GPU a step of small nets is bound by the launches of its many kernels. A graph launches them
all at once. It reads and writes the very memory that it was captured with, so that a step may
neither assign new tensors, nor read a value, nor touch a tensor on the CPU; the tests prove
that of every recipe without a GPU, by replaying what `make_fx` records of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from disentangled.hardware import Hardware

WARM_UP = 3
"""Real steps before a capture: they make the optimisers' state and the libraries' plans."""

Step = Callable[[], None]


def program(
    steps: Sequence[Step], mutable: Callable[[], Mapping[str, Tensor]], hardware: Hardware
) -> Step:
    """What runs all the steps once: captured side by side where the hardware captures graphs.

    Args:
        steps: of models that share nothing which any of them writes.
        mutable: all tensors that the steps write on, by name; more may come with the first step.
    """
    if hardware.device.type == "cuda" and hardware.graph:
        return captured(steps, mutable, hardware.device)

    def in_turn() -> None:
        for step in steps:
            step()

    return in_turn


def captured(
    steps: Sequence[Step], mutable: Callable[[], Mapping[str, Tensor]], device: torch.device
) -> Step:
    """The steps as one CUDA graph, each on a stream of its own; what they wrote on while it was
    made is as before."""
    before = {name: tensor.detach().clone() for name, tensor in mutable().items()}
    current = torch.cuda.current_stream(device)
    streams = [torch.cuda.Stream(device) for _ in steps]
    for stream, step in zip(streams, steps, strict=True):
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                step()
        current.wait_stream(stream)
    torch.cuda.synchronize(device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        origin = torch.cuda.current_stream(device)
        for stream, step in zip(streams, steps, strict=True):
            stream.wait_stream(origin)
            with torch.cuda.stream(stream):
                step()
        for stream in streams:
            origin.wait_stream(stream)
    restore(mutable(), before)
    torch.cuda.synchronize(device)
    return graph.replay


def restore(tensors: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> None:
    """Write the values of before into the tensors, in place; zero where there was nothing yet."""
    with torch.no_grad():
        for name, tensor in tensors.items():
            if name in before:
                tensor.copy_(before[name])
            else:
                tensor.zero_()
