"""Claims on files: locks of the operating system, which a killed process cannot leave behind."""

from __future__ import annotations

import errno
import os
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from disentangled import disks
from disentangled.progress import terminal

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What a file system without locks answers."""

PATIENCE = 5.0  # seconds of waiting in silence for what another process has claimed
POLL = 0.2  # seconds between looks at whether it still has


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.stem}.lock")


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Claim a file for this process: True if it got it, False if another process works on it.

    path: of a run's row file, or any other, beside which the lock lies; it says who holds it.

    Raises:
        OSError: locks do not work in this folder, or it may not be written to.
    """
    lock = filelock.FileLock(_lock(path))
    with disks.writing(_lock(path), disks.AGAIN):
        path.parent.mkdir(parents=True, exist_ok=True)
        got = _acquired(lock, path.parent)
    try:
        if got:
            with suppress(OSError):  # where a locked file cannot be written, nobody learns whose
                _lock(path).write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield got
    finally:
        if got:
            lock.release()


@contextmanager
def awaited(path: Path) -> Iterator[None]:
    """Claim a file as soon as no other process has a claim on it.

    After `PATIENCE` of waiting the terminal is told for what this process waits, and for whom.

    Raises:
        OSError: locks do not work in this folder.
    """
    told, begun = False, time.monotonic()
    while True:
        with claimed(path) as got:
            if got:
                yield
                return
        if not told and time.monotonic() - begun > PATIENCE:
            print(f"waits for {path}, which {holder(path)} makes", file=terminal(), flush=True)
            told = True
        time.sleep(POLL)


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
    """Who has the claim on a file, in words, as the lock beside it says."""
    try:
        return _lock(path).read_text() or "another process"
    except OSError:
        return "another process"
