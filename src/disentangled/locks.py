"""Claims on runs: locks of the operating system, which a killed process cannot leave behind."""

from __future__ import annotations

import errno
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What a file system without locks answers."""


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.stem}.lock")


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Claim a run for this process: True if it got it, False if another process works on it.

    path: of the run's row file, beside which the lock lies; it says who holds it.

    Raises:
        OSError: locks do not work in this folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(_lock(path))
    got = _acquired(lock, path.parent)
    try:
        if got:
            with suppress(OSError):  # where a locked file cannot be written, nobody learns whose
                _lock(path).write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield got
    finally:
        if got:
            lock.release()


def _acquired(lock: filelock.BaseFileLock, folder: Path) -> bool:
    """Whether the lock was free, by the system alone: where that has no locks, filelock would go
    on with marks that a killed process leaves behind, and all others would wait for ever."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "flock not supported", UserWarning)
            lock.acquire(blocking=False)
        got = True
    except filelock.Timeout:
        got = False
    except NotImplementedError as error:  # of older filelocks
        raise _none_here(folder, error) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise _none_here(folder, error) from None
    if isinstance(lock, filelock.SoftFileLock):
        if got:
            lock.release()
        raise _none_here(folder, "the file system has none")
    return got


def _none_here(folder: Path, why: object) -> OSError:
    return OSError(
        f"expected locks to work in {folder}, got: {why}. Two processes would train the same "
        "run; let DISENTANGLED_RESULTS name a folder on a local disk, and bring the rows over "
        "with --pack and --unpack"
    )


def holder(path: Path) -> str:
    """Who has the claim on a run, in words, as the lock beside its row file says."""
    try:
        return _lock(path).read_text() or "another process"
    except OSError:
        return "another process"
