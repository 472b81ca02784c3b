"""The files of a published tar archive, read in memory: no name is followed, nothing unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from disentangled.data.files import MiB, check_size, reading

LONG = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
"""Headers with a content of their own, which tarfile reads at once whatever its size."""


class _Bounded(tarfile.TarInfo):
    """A header whose own content is small."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if found.size < 0 or (found.type in LONG and found.size > MiB):
            raise ValueError(f"a header declares {found.size:,} bytes, allowed are {MiB:,}")
        return found


def members(
    path: Path, wanted: Callable[[PurePosixPath], bool], most: int, mend: str
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The plain files of a gzipped archive whose names are wanted, each with its content.

    Args:
        path: the archive.
        wanted: whether a name is.
        most: the bytes that one file may have.
        mend: the sentence of every error that says where a good archive is to be had.

    Raises:
        ValueError: an archive that is damaged, or a file in it that declares more bytes.
    """
    with (
        reading(path, "a gzipped tar archive", mend),
        tarfile.open(path, "r|gz", tarinfo=_Bounded) as archive,
    ):
        for member in archive:
            place = PurePosixPath(member.name)
            if member.isfile() and not member.issparse() and wanted(place):
                check_size(path / place.name, "a file", member.size, most, mend)
                content = archive.extractfile(member)
                if content is not None:
                    yield place, content.read()
