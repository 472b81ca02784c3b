"""Rows, pictures and models of a sweep as one archive, to carry from one checkout to another.

Two people, or a machine without a network and the checkout, exchange what they trained: new files
are packed here and brought to their places there, where none is overwritten.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from disentangled import archives, disks, store
from disentangled.experiments import settings


class Unpacked(NamedTuple):
    """Files that are new, and files that were there already, the same."""

    new: int
    same: int


def pack(experiment: str, profile: str, file: Path) -> int:
    """Write what is new of a sweep into one archive: whole row files that git does not track as
    they are, their pictures and kept models, and committed decoders that are new.

    file: a tar; compressed if its name ends in gz. Outside of a checkout everything is new.

    Returns:
        the number of files in it.

    Raises:
        ValueError: an unknown experiment or profile.
    """
    settings(experiment, profile)  # known names
    home = store.folder(experiment, profile)
    tracked = _tracked(home)
    there = {name: path for path in home.rglob("*") if (name := _name(home, path))}
    changed = {n for n, path in there.items() if n not in tracked or tracked[n] != _blob(path)}
    runs = {n.removesuffix(".json") for n in changed if "/" not in n and store.intact(there[n])}
    chosen = sorted(
        name
        for name, path in there.items()
        if path.stem.split("-")[0] in runs or (path.parent.name == "decoders" and name in changed)
    )
    archives.write(file, experiment, profile, {name: there[name] for name in chosen})
    return len(chosen)


def _name(home: Path, path: Path) -> str:
    """A plain file's name below the folder if a pattern allows it; "" for all else."""
    name = path.relative_to(home).as_posix()
    plain = path.is_file() and not path.is_symlink()
    return name if plain and archives.order(name) is not None else ""


def _tracked(home: Path) -> dict[str, str]:
    """Names below the folder that git's index holds, and the ids of their contents."""
    if not home.is_dir():
        return {}
    command = ["git", "-C", str(home), "ls-files", "--stage", "-z"]
    try:
        told = subprocess.run(command, capture_output=True)
    except FileNotFoundError:  # no git
        return {}
    lines = told.stdout.decode().split("\0") if told.returncode == 0 else []
    return {line.split("\t", 1)[1]: line.split()[1] for line in lines if line}


def _blob(path: Path) -> str:
    """The id under which git keeps the content of a file."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def unpack(experiment: str, profile: str, file: Path) -> Unpacked:
    """Bring the files of an archive that `pack` wrote to their places; overwrites none.

    Raises:
        ValueError: an unknown experiment or profile; an archive that is damaged, of another
            sweep, or holds what none should; a file that is there with another content, or a
            run that trains right now. Nothing was written then.
        FileNotFoundError: no such archive.
    """
    settings(experiment, profile)  # known names
    home = store.folder(experiment, profile)
    results = store.results()
    with ExitStack() as held:
        with disks.writing(home, disks.AGAIN):
            results.mkdir(parents=True, exist_ok=True)
            aside = held.enter_context(tempfile.TemporaryDirectory(prefix=".unpack-", dir=results))
        try:
            manifest = archives.read(file, Path(aside), experiment, profile)
        except (*archives.DAMAGE, ValueError) as error:
            raise ValueError(f"{file} is refused, nothing was unpacked: {error}") from None
        _new(home, manifest, file)  # before claims, which leave locks
        with ExitStack() as claims:
            for name in manifest:
                if "/" not in name and not claims.enter_context(store.claimed(home / name)):
                    raise ValueError(
                        f"{home / name} is being trained, nothing was unpacked: wait for its end"
                    )
            new = _new(home, manifest, file)
            for name in new:
                with store.written_aside(home / name) as place:  # links may lead to other disks
                    shutil.move(Path(aside) / name, place)
    return Unpacked(len(new), len(manifest) - len(new))


def _new(home: Path, manifest: dict[str, archives.Entry], file: Path) -> list[str]:
    """The names that are not there yet, rows last."""
    new = []
    for name, entry in manifest.items():
        path = home / name
        if not path.exists() and not path.is_symlink():
            new.append(name)
        elif not path.is_file() or archives.sha256(path) != entry.sha256:
            raise ValueError(
                f"{path} is there with another content than {file} has, nothing was unpacked: "
                "move it away, or keep it and leave the archive"
            )
    return sorted(new, key=lambda name: (archives.order(name), name))
