"""What is said where a disk takes no more: the file, and the way out."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What the system says of a disk that takes no more."""


def full(error: Exception) -> int | None:
    """The number in `FULL` that an error has, or that its words say: safetensors and HDF5 raise
    errors of their own. None for any other error."""
    number = getattr(error, "errno", None)
    if number is not None:
        return number if number in FULL else None
    return next((number for number in FULL if os.strerror(number) in str(error)), None)


@contextmanager
def writing(path: Path, mend: str) -> Iterator[None]:
    """Where there is no room for a file, the error names it and says what to do.

    Args:
        path: the file.
        mend: what to do but to make room, the end of the message.

    Raises:
        OSError: the disk is full, or may not be written to.
    """
    try:
        yield
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        if (number := full(error)) is None:
            raise
        raise OSError(
            number,
            f"{os.strerror(number)}: {path} was not written, and nothing of it was kept. "
            f"Make room in {path.parent}{mend}",
        ) from error
