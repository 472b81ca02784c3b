"""Processes that end with the one that started them, however that ends.

The starting process holds one end of a pipe and never writes. The system closes it when that
process ends, also by kill -9, and the other end then reads as finished. This works on every
system, and no number of a process that has ended can be mistaken for one that was given anew.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NAME = "DISENTANGLED_LIFELINE"
"""Environment variable that is set where standard input is such a pipe."""


@contextmanager
def held() -> Iterator[tuple[int, dict[str, str]]]:
    """Standard input and environment for processes that are to end with this one."""
    read, write = os.pipe()  # not inherited: no other process keeps the end that is written to
    try:
        yield read, os.environ | {NAME: "stdin"}
    finally:
        os.close(read)
        os.close(write)


def hold() -> None:
    """From here on this process ends with the one that started it, if that gave it `held`."""
    if os.environ.pop(NAME, None):
        threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    # by its number: a buffered reader would be locked when Python ends
    while os.read(0, 1):
        pass
    # at once, as kill -9 would: what is half written, the next sweep takes up or tidies away
    os._exit(1)
