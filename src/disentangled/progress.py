"""Progress lines: on the terminal, and never in a notebook's page."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Any, TextIO

from tqdm import tqdm


def terminal() -> TextIO | None:
    """The terminal's error stream.

    A notebook's kernel catches what is written to sys.stderr and to descriptor 2, and shows it in
    the page; the file number that its sys.stderr names is the terminal's.
    """
    try:
        return open(sys.stderr.fileno(), "w", closefd=False, errors="backslashreplace")
    except (AttributeError, OSError, ValueError):  # no stream, or one without a file
        return sys.__stderr__


def print_anything() -> None:
    """From here on what an encoding lacks, as cp1252 a β, is printed as its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def bar(title: str, total: int, *, unit: str, done: int = 0) -> tqdm[Any]:
    """A progress line with rate and time left; a log gets one each half minute."""
    file = terminal()
    often = 0.5 if file is not None and file.isatty() else 30.0
    return tqdm(total=total, initial=done, desc=title, unit=unit, file=file, mininterval=often)
