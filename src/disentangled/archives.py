"""Archives of a sweep's files: a tar with a manifest, written and read with care.

A plain tar file, compressed or not, whose first member, `manifest.json`, says of which experiment
and profile it is and gives the size and the sha256 of every other. It may come from anywhere:
nothing in it is unpickled or extracted by its own word. It is read block by block, plain files
alone, under names that the patterns below allow.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Literal, NamedTuple

from disentangled import store

MANIFEST = "manifest.json"
FORMAT = 1

MiB = 2**20
DAMAGE = (EOFError, RecursionError, zlib.error, gzip.BadGzipFile, tarfile.HeaderError)
"""What reading may raise of an archive that is cut off or none."""

MOST_OF_A_MANIFEST = 64 * MiB

RUN = "[0-9a-f]{10}"
ALLOWED: dict[str, int] = {
    rf"pictures/{RUN}\.npz": 256 * MiB,
    rf"models/{RUN}-[0-9]{{1,9}}\.safetensors": 4096 * MiB,
    rf"decoders/{RUN}\.safetensors": 4096 * MiB,
    rf"{RUN}\.json": 64 * MiB,
}
"""Patterns of names below the folder of a profile, and the most bytes that each may have; in the
order in which files reach their places: a row is there when all that belongs to it is."""

Stream = IO[bytes] | gzip.GzipFile


class Entry(NamedTuple):
    """What a manifest says of a file."""

    sha256: str
    bytes: int


def order(name: str) -> int | None:
    """The place of the pattern that allows a name; None where none does."""
    patterns = enumerate(ALLOWED)
    return next((i for i, p in patterns if re.fullmatch(p, name)), None)


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(file: Path, experiment: str, profile: str, paths: Mapping[str, Path]) -> None:
    """Write files of a sweep by their names into an archive, compressed if `file` ends in gz."""
    files = {n: Entry(sha256(path), path.stat().st_size)._asdict() for n, path in paths.items()}
    about = {"format": FORMAT, "experiment": experiment, "profile": profile, "files": files}
    manifest = json.dumps(about, indent=1).encode()
    mode: Literal["w", "w:gz"] = "w:gz" if file.name.endswith("gz") else "w"
    with (
        store.written_aside(file) as aside,
        tarfile.open(aside, mode, format=tarfile.USTAR_FORMAT) as tar,
    ):
        _add(tar, MANIFEST, len(manifest), io.BytesIO(manifest))
        for name, path in paths.items():
            with path.open("rb") as content:
                _add(tar, name, path.stat().st_size, content)


def _add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    tar.addfile(member, content)


def read(file: Path, aside: Path, experiment: str, profile: str) -> dict[str, Entry]:
    """Write the archive's files below `aside`, checked, and return its manifest.

    Raises:
        ValueError, or one of `DAMAGE`: what is no archive of this sweep, is damaged, or holds what
            none should.
    """
    with ExitStack() as opened:
        stream: Stream = opened.enter_context(file.open("rb"))
        zipped = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if zipped:
            stream = opened.enter_context(gzip.GzipFile(fileobj=stream))
        first = _member(stream)
        if first is None or first.name != MANIFEST or first.size > MOST_OF_A_MANIFEST:
            raise ValueError(
                f"expected {MANIFEST} first, got {first.name if first else 'no file'}"
            )
        content = b"".join(_blocks(stream, first.size))
        manifest = _checked(content, experiment, profile)
        if sum(e.bytes for e in manifest.values()) > shutil.disk_usage(aside).free:
            raise ValueError("its files do not fit on the disk")
        left = dict(manifest)
        while member := _member(stream):
            entry = left.pop(member.name, None)
            if entry is None:
                raise ValueError(
                    f"it holds {member.name!r} twice, or without a line in {MANIFEST}"
                )
            if member.size != entry.bytes:
                raise ValueError(f"{member.name} has {member.size} bytes instead of {entry.bytes}")
            digest = hashlib.sha256()
            path = aside / member.name
            path.parent.mkdir(exist_ok=True)
            with path.open("xb") as out:
                for block in _blocks(stream, member.size):
                    digest.update(block)
                    out.write(block)
            if digest.hexdigest() != entry.sha256:
                raise ValueError(f"{member.name} is not what was packed, by its sha256")
            if "/" not in member.name:
                _check_row(path, experiment, profile)
    if left:
        raise ValueError(f"{', '.join(sorted(left))} is named in {MANIFEST} and not there")
    return manifest


def _member(stream: Stream) -> tarfile.TarInfo | None:
    """The next header, of a plain file; None at the archive's end."""
    block = _exactly(stream, tarfile.BLOCKSIZE)
    if not block.strip(b"\0"):
        return None
    member = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    # Links, devices, folders, and the headers by which a tar gives names that do not fit.
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.size < 0:
        raise ValueError(f"{member.name!r} is no plain file under a short name")
    return member


def _blocks(stream: Stream, size: int) -> Iterator[bytes]:
    """The content of a member, and the padding behind it left out."""
    for begin in range(0, size, MiB):
        yield _exactly(stream, min(MiB, size - begin))
    _exactly(stream, -size % tarfile.BLOCKSIZE)


def _exactly(stream: Stream, size: int) -> bytes:
    block = stream.read(size)
    if len(block) < size:
        raise EOFError("it is cut off")
    return block


def _checked(content: bytes, experiment: str, profile: str) -> dict[str, Entry]:
    """The manifest, if it is one of this sweep and all that it names is allowed."""
    about = json.loads(content)
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError(f"expected a {MANIFEST} of format {FORMAT}")
    sweep = (about.get("experiment"), about.get("profile"))
    if sweep != (experiment, profile):
        raise ValueError(f"expected {experiment}, {profile}, got {sweep[0]}, {sweep[1]}")
    files = about.get("files")
    if not isinstance(files, dict):
        raise ValueError(f"expected files by name in {MANIFEST}")
    manifest = {}
    for name, entry in files.items():
        place = order(name)
        if place is None:
            raise ValueError(f"no file may be called {name[:80]!r}")
        match entry:
            case {"sha256": str(digest), "bytes": int(size)}:
                manifest[name] = Entry(digest, size)
            case _:
                raise ValueError(f"expected sha256 and bytes of {name} in {MANIFEST}")
        if not 0 <= size <= (most := list(ALLOWED.values())[place]):
            raise ValueError(f"{name} may have {most} bytes at most, got {size}")
    return manifest


def _check_row(path: Path, experiment: str, profile: str) -> None:
    try:
        common = store.read_run(path).common
    except store.DamagedFile:
        raise ValueError(f"{path.name} is no whole row file") from None
    expected = {"experiment": experiment, "profile": profile, "run_id": path.stem}
    if not isinstance(common, dict) or any(common.get(k) != v for k, v in expected.items()):
        raise ValueError(f"{path.name} is not a row file of {experiment}, {profile}")
