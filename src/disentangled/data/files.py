"""Where data files lie, and what to say when one is missing or not what it should be."""

from __future__ import annotations

import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from disentangled import disks, locks

ENVIRONMENT = "DISENTANGLED_DATA"
BLOCK = 4096
MiB = 2**20
MOST_OF_A_HEADER = MiB // 16

DAMAGE = (
    OSError, EOFError, ValueError, RuntimeError, KeyError, OverflowError, struct.error, zlib.error,
    lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
)  # fmt: skip
"""What readers raise of damaged files, according to where the damage is."""

ELSEWHERE = f", or set {ENVIRONMENT} to a folder of yours with room"
"""What to do where a file cannot be written, behind how to mend its folder."""


def download_folder() -> Path:
    """Where `make data` writes: DISENTANGLED_DATA, else data/ in the checkout."""
    return roots(None)[0]


def checkout() -> Path:
    """The checkout the package runs from; for one installed elsewhere, the working directory."""
    folder = Path(__file__).parents[3]
    return folder if (folder / "pyproject.toml").is_file() else Path.cwd()


def roots(root: str | os.PathLike[str] | None) -> list[Path]:
    """Folders to search: `root` alone if given, else DISENTANGLED_DATA (if set), then data/.

    Raises:
        NotADirectoryError: the variable names a file.
    """
    if root is not None:
        return [Path(root)]
    named = disks.named(ENVIRONMENT)
    return [*([named] if named else []), checkout() / "data"]


def find(
    names: list[str], root: str | os.PathLike[str] | None, *, subfolder: str, mend: str
) -> Path:
    """The first file or folder of the names, in order, in any root or its subfolder.

    Raises:
        FileNotFoundError: none is there; names the folders searched and `mend`, the way out.
    """
    folders = [folder for place in roots(root) for folder in (place, place / subfolder)]
    for name in names:
        for folder in folders:
            place = folder / name
            if place.is_file() or place.is_dir():  # a pipe would be waited for
                return place
    named = disks.named(ENVIRONMENT)
    gone = root is None and named and not named.is_dir()
    raise FileNotFoundError(
        f"expected {' or '.join(names)} in one of {', '.join(map(str, folders))}, "
        f"found none. {f'{ENVIRONMENT} names {named}, which is not there. ' if gone else ''}{mend}"
    )


def claim(paths: list[Path]) -> tuple[Path | None, AbstractContextManager[object]]:
    """The first of these files that can be written, and the lock that guards it until it ends.

    Where another process has the lock this one waits, and says so (see `locks.awaited`).
    """
    for path in paths:
        try:
            there = next(folder for folder in path.parents if folder.exists())
            if not there.stat().st_mode & 0o222:  # root could write, and should not
                continue
            held = ExitStack()
            held.enter_context(locks.awaited(path))
        except OSError:
            continue
        return path, held
    return None, nullcontext()


class BadFile(ValueError):
    """A data file that is there and is not what it should be; the message names it."""


def bad_file(path: Path, expected: str, came: str, mend: str) -> BadFile:
    """The error of a file that is there but not what it should be."""
    return BadFile(f"{path}: expected {expected}, got {came}. {mend}")


def unread(path: Path, expected: str, error: Exception, mend: str) -> Exception:
    """The error of a file that was not read: the system's own where it refused, else of damage."""
    number = getattr(error, "errno", None)
    if number is None:
        return bad_file(path, expected, f"a damaged or cut-off one ({error})", mend)
    said = os.strerror(number)
    return OSError(
        number,
        f"{said}: {path} is there and was not read ({error}). Look at its permissions (ls -l), "
        "and whether another process has it open for writing; the file itself may be whole",
    )


@contextmanager
def reading(path: Path, expected: str, mend: str) -> Iterator[None]:
    """Whatever damage makes a reader stumble on becomes an error that names the file.

    Raises:
        BadFile: a damaged file.
        OSError: one that the system does not let read.
    """
    try:
        yield
    except BadFile:
        raise
    except DAMAGE as error:
        raise unread(path, expected, error, mend) from error


def writing(path: Path) -> AbstractContextManager[None]:
    """Where there is no room for a file, the error names it and says what to do.

    Raises:
        OSError: the disk is full, or may not be written to.
    """
    return disks.writing(path, ELSEWHERE)


def check_size(path: Path, what: str, declared: int, allowed: int, mend: str) -> None:
    """Refuse what declares to be larger than it can rightly be, before any of it is read.

    Raises:
        BadFile: names the bytes that are declared and those that are allowed.
    """
    if declared > allowed:
        raise bad_file(
            path, f"{what} of at most {allowed:,} bytes", f"one that declares {declared:,}", mend
        )


class Npz:
    """Arrays of an npz file, read in blocks of rows and never unpickled.

    Args:
        path: the file.
        mend: the sentence of every error that says where a good file is to be had.

    Raises:
        ValueError: a file that is no zip archive or that is cut off.
    """

    def __init__(self, path: Path, mend: str) -> None:
        self.path, self.mend = path, mend
        with reading(path, "an npz file (a zip archive)", mend), zipfile.ZipFile(path) as archive:
            self.keys = [name.removesuffix(".npy") for name in archive.namelist()]

    def blocks(
        self, key: str, shape: tuple[int, ...], dtype: type[Any]
    ) -> Iterator[NDArray[np.generic]]:
        """An array in blocks of 4,096 rows, after its header has been checked.

        Args:
            key: name of the array.
            shape: the shape it must have.
            dtype: the type it must have, or the kind of its type, as np.uint8 or np.integer.

        Raises:
            BadFile: key missing, another shape or type (pickled objects included), cut off, a
                header that declares to be large, or a packing whose sizes are not known before.
        """
        if key not in self.keys:
            raise bad_file(self.path, f"an array {key!r}", f"the keys {self.keys}", self.mend)
        with (
            reading(self.path, f"{key} of shape {shape}", self.mend),
            zipfile.ZipFile(self.path) as archive,
        ):
            packing = archive.getinfo(f"{key}.npy").compress_type
            if packing not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                expected = f"{key} stored or deflated, as numpy writes it"
                raise bad_file(self.path, expected, f"packing number {packing}", self.mend)
            with archive.open(f"{key}.npy") as member:
                kind, rows, row_shape = self._header(member, key, shape, dtype)
                row_bytes = kind.itemsize * int(np.prod(row_shape))
                for start in range(0, rows, BLOCK):
                    count = min(BLOCK, rows - start)
                    content = member.read(count * row_bytes)
                    if len(content) < count * row_bytes:
                        raise EOFError(f"{key} ends in row {start + len(content) // row_bytes}")
                    yield np.frombuffer(content, kind).reshape(count, *row_shape)

    def _header(
        self, member: IO[bytes], key: str, shape: tuple[int, ...], dtype: type[Any]
    ) -> tuple[np.dtype, int, tuple[int, ...]]:
        try:
            start = member.read(npy.MAGIC_LEN)
            version = npy.read_magic(io.BytesIO(start))
            start += member.read(2 if version == (1, 0) else 4)
            size = int.from_bytes(start[npy.MAGIC_LEN :], "little")
            check_size(self.path, f"a header of {key}", size, MOST_OF_A_HEADER, self.mend)
            head = io.BytesIO(start + member.read(size))
            head.seek(npy.MAGIC_LEN)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            came, fortran, kind = read(head)
        except BadFile:
            raise
        except ValueError as error:
            raise bad_file(self.path, f"a numpy array {key!r}", str(error), self.mend) from error
        if kind.hasobject:
            raise bad_file(
                self.path,
                f"{key} as plain numbers",
                "pickled Python objects, which are never loaded because they can run code",
                self.mend,
            )
        if came != shape or not np.issubdtype(kind, dtype) or fortran:
            order = ", column-major" if fortran else ""
            raise bad_file(
                self.path,
                f"{key} of shape {shape} and type {dtype.__name__}, row-major",
                f"shape {came}, {kind}{order}",
                self.mend,
            )
        return kind, came[0], came[1:]

    def array(self, key: str, shape: tuple[int, ...], dtype: type[Any]) -> NDArray[np.generic]:
        """A whole array, checked like `blocks`."""
        return np.concatenate(list(self.blocks(key, shape, dtype)))
