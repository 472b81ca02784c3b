"""Folders that variables name, and what is said where nothing can be written to one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says of a disk that takes no more."""

DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What it says where this user, or nobody, may write."""

AGAIN = " and start again: what was done before is kept"
"""What to do in a folder of results, behind how to mend it."""


def named(variable: str) -> Path | None:
    """The folder that an environment variable names, there or not; None where it is unset or
    empty. A relative one counts from the working directory, ~ is the home of the user.

    Raises:
        NotADirectoryError: it names a file.
    """
    text = os.environ.get(variable)
    if not text:
        return None
    folder = Path(text).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(
            f"{variable} names {folder}, which is a file; give the folder that it lies in, or "
            f"unset {variable}"
        )
    return folder


def refusal(error: Exception) -> int | None:
    """The number in `FULL` or `DENIED` that an error has, or that its words say: safetensors and
    HDF5 raise errors of their own. None for any other error."""
    number = getattr(error, "errno", None)
    if number is not None:
        return number if number in FULL + DENIED else None
    return next((n for n in FULL + DENIED if os.strerror(n) in str(error)), None)


@contextmanager
def writing(path: Path, mend: str) -> Iterator[None]:
    """Where a file cannot be written, the error names it and says what to do.

    Args:
        path: the file.
        mend: what to do besides making room or getting the right, the end of the message.

    Raises:
        OSError: the disk is full, or may not be written to.
    """
    try:
        yield
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        number, culprit = refusal(error), getattr(error, "filename", None)
        of_another = culprit is not None and not path.is_relative_to(Path(culprit).parent)
        if number is None or (of_another and number in DENIED):  # what is read, not written
            raise
        way = f"Make room in {path.parent}"
        if number in DENIED:
            way = f"Get the right to write to {path.parent} (ls -ld shows whose it is)"
        raise OSError(
            number,
            f"{os.strerror(number)}: {path} was not written, and nothing of it was kept. "
            f"{way}{mend}",
        ) from error
