"""Where a run trains: device, precision, memory, and the settings of the process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

CPU_BUDGET = 4 * 2**30
"""Bytes that a stack may take on a CPU."""

GPU_SHARE = 0.8
"""Share of the GPU's free memory that a stack may take."""

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
