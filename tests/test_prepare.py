"""Preparing the process: memory that was freed is used again and not mapped anew."""

import platform
import subprocess
import sys

import pytest

PAGES = 8 * 2**24 // 4096  # of eight blocks of 16 MiB

SCRIPT = """
import resource, torch
from disentangled import hardware
hardware.prepare(hardware.Hardware(torch.device("cpu")))
def faults():
    blocks = [torch.ones(2**22) for _ in range(8)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
faults(), faults()
before = faults()
print(faults() - before)
"""


def faults():
    """Pages that the process touches for the first time when it takes the same memory again."""
    command = [sys.executable, "-c", SCRIPT]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked to keep memory")
def test_freed_memory_is_used_again():
    # unprepared, glibc gives back all, some or none of it, by its version and by chance
    assert faults() < PAGES / 100
