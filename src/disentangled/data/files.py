"""Where data files lie, and what to say when one is missing or not what it should be."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO

import numpy as np
from filelock import FileLock
from numpy.lib import format as npy
from numpy.typing import NDArray

ENVIRONMENT = "DISENTANGLED_DATA"
BLOCK = 4096


def download_folder() -> Path:
    """Where `make data` writes: DISENTANGLED_DATA, else data/ in the checkout."""
    return roots(None)[0]


def checkout() -> Path:
    """The checkout the package runs from; for one installed elsewhere, the working directory."""
    folder = Path(__file__).parents[3]
    return folder if (folder / "pyproject.toml").is_file() else Path.cwd()


def roots(root: str | os.PathLike[str] | None) -> list[Path]:
    """Folders to search: `root` alone if given, else DISENTANGLED_DATA (if set), then data/."""
    if root is not None:
        return [Path(root)]
    named = os.environ.get(ENVIRONMENT)
    return [*([Path(named)] if named else []), checkout() / "data"]


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
            if (folder / name).exists():
                return folder / name
    named = os.environ.get(ENVIRONMENT)
    gone = root is None and named and not Path(named).is_dir()
    raise FileNotFoundError(
        f"expected {' or '.join(names)} in one of {', '.join(map(str, folders))}, "
        f"found none. {f'{ENVIRONMENT} names {named}, which is not there. ' if gone else ''}{mend}"
    )


def claim(paths: list[Path]) -> tuple[Path | None, AbstractContextManager[object]]:
    """The first of these files that can be written, and the lock that guards it until it ends.

    The lock is one of the operating system, which a killed process cannot leave behind.
    """
    for path in paths:
        try:
            there = next(folder for folder in path.parents if folder.exists())
            if not there.stat().st_mode & 0o222:  # root could write, and should not
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path.with_name(f".{path.stem}.lock"))
            lock.acquire()
        except OSError:
            continue
        return path, lock
    return None, nullcontext()


def bad_file(path: Path, expected: str, came: str, mend: str) -> ValueError:
    """The error of a file that is there but not what it should be."""
    return ValueError(f"{path}: expected {expected}, got {came}. {mend}")


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
        try:
            with zipfile.ZipFile(path) as archive:
                self.keys = [name.removesuffix(".npy") for name in archive.namelist()]
        except zipfile.BadZipFile as error:
            raise bad_file(
                path, "an npz file (a zip archive)", f"a damaged or cut-off one ({error})", mend
            ) from error

    def blocks(
        self, key: str, shape: tuple[int, ...], dtype: str
    ) -> Iterator[NDArray[np.generic]]:
        """An array in blocks of 4,096 rows, after its header has been checked.

        Args:
            key: name of the array.
            shape: the shape it must have.
            dtype: the kinds it may have, letters of numpy.dtype.kind, as "u" or "iu".

        Raises:
            ValueError: key missing, another shape or kind (pickled objects included), cut off.
        """
        if key not in self.keys:
            raise bad_file(self.path, f"an array {key!r}", f"the keys {self.keys}", self.mend)
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{key}.npy") as member:
                kind, rows, row_shape = self._header(member, key, shape, dtype)
                row_bytes = kind.itemsize * int(np.prod(row_shape))
                for start in range(0, rows, BLOCK):
                    count = min(BLOCK, rows - start)
                    content = member.read(count * row_bytes)
                    if len(content) < count * row_bytes:
                        raise EOFError(f"{key} ends in row {start + len(content) // row_bytes}")
                    yield np.frombuffer(content, kind).reshape(count, *row_shape)
        except (EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise bad_file(
                self.path,
                f"{key} of shape {shape}",
                f"damaged or cut-off data ({error})",
                self.mend,
            ) from error

    def _header(
        self, member: IO[bytes], key: str, shape: tuple[int, ...], dtype: str
    ) -> tuple[np.dtype, int, tuple[int, ...]]:
        try:
            version = npy.read_magic(member)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            came, fortran, kind = read(member)
        except ValueError as error:
            raise bad_file(self.path, f"a numpy array {key!r}", str(error), self.mend) from error
        if kind.hasobject:
            raise bad_file(
                self.path,
                f"{key} as plain numbers",
                "pickled Python objects, which are never loaded because they can run code",
                self.mend,
            )
        if came != shape or kind.kind not in dtype or fortran:
            order = ", column-major" if fortran else ""
            raise bad_file(
                self.path,
                f"{key} of shape {shape} and kind {dtype!r}, row-major",
                f"shape {came}, {kind}{order}",
                self.mend,
            )
        return kind, came[0], came[1:]

    def array(self, key: str, shape: tuple[int, ...], dtype: str) -> NDArray[np.generic]:
        """A whole array, checked like `blocks`."""
        return np.concatenate(list(self.blocks(key, shape, dtype)))
