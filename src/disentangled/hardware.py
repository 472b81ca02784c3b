"""Where a run trains: device, precision, memory, and the settings of the process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from disentangled.arrays import place, single_precision, whole

CPU_BUDGET = 4 * 2**30
"""Bytes that a stack may take on a CPU."""

GPU_SHARE = 0.8
"""Share of the GPU's free memory that a stack may take."""

AMPERE = (8, 0)
"""Compute capability of the first NVIDIA GPUs that have tf32; older ones take float32 silently."""

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
    """device to train on; compile the step by `torch.compile`; bytes a stack may take; graph: on
    a GPU, capture the step as a CUDA graph (see `graphs`)."""

    device: torch.device = field(default_factory=default_device)
    compile: bool = False
    memory: int | None = None
    graph: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", place(self.device))
        if self.memory is not None:
            object.__setattr__(self, "memory", whole(self.memory, "memory", 1))

    def autocast(self, precision: str) -> contextlib.AbstractContextManager[None]:
        """bf16 autocast, or nothing for other precisions and where there are no values."""
        if precision != "bf16" or self.device.type == "meta":
            return contextlib.nullcontext()
        # a graph must not find weights that were cast outside of it
        cached = self.device.type != "cuda"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, cache_enabled=cached)

    @contextlib.contextmanager
    def products(self, precision: str) -> Iterator[None]:
        """For a time, float32 products and convolutions are what the precision says, backward
        passes included. On CUDA alone: elsewhere they are, and torch's switches stay. Numbers
        without a dtype are float32 as well, whatever torch's default is.

        By default torch multiplies matrices in float32 and convolves in tf32, so that a run that
        is declared fp32 would not be: both are set, and both are as they were afterwards.

        Raises:
            ValueError: tf32 on a device that has none: its numbers would be of another precision.
        """
        kind = self.device.type
        if precision == "tf32" and kind != "meta" and not self._has_tf32():
            raise ValueError(
                f"precision 'tf32' needs an NVIDIA GPU of Ampere or later, and this is a {kind} "
                "without it: train there, or declare the run with precision='fp32'"
            )
        switched = _tf32(precision == "tf32") if kind == "cuda" else contextlib.nullcontext()
        with switched, single_precision():
            yield

    @contextlib.contextmanager
    def without_subnormals(self) -> Iterator[None]:
        """For a time, on a CPU, numbers nearer to 0 than the smallest normal one (1.2e-38 in
        float32) are 0, in the calling thread.

        Adam's mean of the gradients of a unit that died shrinks at every step, and a processor
        takes many times as long for such numbers. No parameter changes by it: its own last digit
        is far larger than what Adam would have added.
        """
        before = _subnormals_are_zero()
        torch.set_flush_denormal(before or self.device.type == "cpu")
        try:
            yield
        finally:
            torch.set_flush_denormal(before)

    def _has_tf32(self) -> bool:
        return self.device.type == "cuda" and (
            torch.cuda.get_device_capability(self.device) >= AMPERE
        )

    def budget(self) -> int:
        """Bytes that a stack may take."""
        if self.memory is not None:
            return self.memory
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            return int(GPU_SHARE * free)
        return CPU_BUDGET


def _subnormals_are_zero() -> bool:
    """What `torch.set_flush_denormal` stands at, which torch does not tell."""
    smallest = torch.tensor(torch.finfo(torch.float32).tiny, dtype=torch.float32, device="cpu")
    return float(smallest / 2) == 0


@contextlib.contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    """Set torch's switches for tf32 on NVIDIA GPUs, and set them back, also on an exception.

    Newer releases of torch spell them a second time, and refuse to read the older spelling while
    the two disagree; then the older one had its defaults.
    """
    cudnn, cuda, mkldnn = (getattr(torch.backends, name) for name in ("cudnn", "cuda", "mkldnn"))
    spelled_anew = []
    if hasattr(cudnn, "conv"):
        parts = (cuda.matmul, cudnn.conv, cudnn.rnn, mkldnn.matmul)
        spelled_anew = [(part, part.fp32_precision) for part in parts]
    matmul, convolution = "highest", True
    with contextlib.suppress(RuntimeError):
        matmul = torch.get_float32_matmul_precision()
    with contextlib.suppress(RuntimeError):
        convolution = cudnn.allow_tf32
    try:
        torch.set_float32_matmul_precision("high" if allowed else "highest")
        cudnn.allow_tf32 = allowed
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        cudnn.allow_tf32 = convolution
        for part, precision in spelled_anew:
            part.fp32_precision = precision


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


@contextlib.contextmanager
def one_thread(hardware: Hardware) -> Iterator[None]:
    """One thread on a CPU: more of them wait for each other in spinning loops."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if hardware.device.type == "cpu" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
