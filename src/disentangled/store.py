"""Rows, pictures and checkpoints on disk: one small file a run, written aside and renamed.

A row file is JSON: what is common to all numbers of a run, the versions of its scores, the
numbers score by score, and a digest over all. A damaged file (cut off, edited, not JSON) is
reported with a warning and counts as missing, so that the next sweep redoes it. Nothing is ever
unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from disentangled import disks, sealed
from disentangled.data.files import DAMAGE
from disentangled.locks import claimed as claimed

COLUMNS = [
    "experiment", "run_id", "dataset", "source", "objective", "weights", "encoder", "noise",
    "seed", "profile", "step", "quantity", "estimator", "code", "factors", "value", "unit",
    "seconds", "commit", "torch", "device",
]  # fmt: skip

NUMBER = ["step", "quantity", "estimator", "code", "factors", "value", "unit"]
"""The columns that differ between the numbers of one run."""

ROOT = "DISENTANGLED_RESULTS"
"""Environment variable that names another folder for results than book/results."""

SEAL = "digest"
"""The word of a file of tensors that holds the digest over the tensors and all other words."""

MOST_OF_PICTURES = 2**30
"""Bytes that the pictures of a run may have unpacked: a small file may declare any number."""

_ELSEWHERE: ContextVar[Path | None] = ContextVar("elsewhere", default=None)


class Scored(NamedTuple):
    """The numbers of one score, columns of `NUMBER`, and the version of it that took them."""

    version: int
    numbers: list[dict[str, Any]]


class RunFile(NamedTuple):
    """What a row file holds: the run's settings, the columns that its numbers share, the numbers
    by score, and the versions of the pictures beside them."""

    settings: dict[str, Any]
    common: dict[str, Any]
    scores: dict[str, Scored]
    pictures: dict[str, int]


class DamagedFile(ValueError):
    """A file that is there but does not hold what was written."""


def checkout() -> Path:
    """The folder that holds `book/`: the checkout, or the working directory outside of one."""
    here = Path(__file__).resolve().parents[2]
    return here if (here / "book").is_dir() else Path.cwd()


def results() -> Path:
    """Where rows live: $DISENTANGLED_RESULTS, else book/results in the checkout.

    Raises:
        FileNotFoundError: the variable names a folder that is not there, in which no rows would
            look like none trained.
        NotADirectoryError: it names a file.
    """
    if apart := _ELSEWHERE.get():
        return Path(apart)
    named = disks.named(ROOT)
    if named and not named.is_dir():
        raise FileNotFoundError(
            f"{ROOT} names the folder {named}, which is not there; mend its spelling, make it "
            f"(mkdir -p), or unset {ROOT} for book/results"
        )
    return named or checkout() / "book" / "results"


@contextmanager
def elsewhere(folder: Path) -> Iterator[None]:
    """Rows of this thread live below another folder."""
    before = _ELSEWHERE.set(folder)
    try:
        yield
    finally:
        _ELSEWHERE.reset(before)


def folder(experiment: str, profile: str) -> Path:
    """Where an experiment keeps its rows under a profile."""
    return results() / experiment / profile


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed to it on success, removed on failure.

    Raises:
        OSError: the disk is full or may not be written to; the message names the path.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with disks.writing(path, disks.AGAIN):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield aside
            move(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def move(path: Path, place: Path) -> None:
    """Rename a file to its place; a folder that is there keeps all it holds under another name."""
    if place.is_dir() and not place.is_symlink():
        moved = place.with_name(f"{place.name}.folder")
        warnings.warn(f"{place} is a folder where a file belongs; it is {moved} now", stacklevel=3)
        place.rename(moved)
    path.replace(place)


def asides(home: Path) -> list[Path]:
    """The files aside below a folder: of processes that write right now, or that were killed."""
    return [path for path in home.rglob(".*.*") if re.fullmatch(r"\..+\.\d+", path.name)]


def write_rows(path: Path, run: RunFile) -> None:
    """Write the row file of one run: `common` has the other columns, each number those of NUMBER.

    Raises:
        ValueError: columns missing or unknown.
    """
    shared = [c for c in COLUMNS if c not in NUMBER]
    if set(run.common) != set(shared):
        raise ValueError(f"a row file needs the columns {shared}, got {sorted(run.common)}")
    numbers = [(name, n) for name, scored in run.scores.items() for n in scored.numbers]
    for _, number in numbers:
        if set(number) != set(NUMBER):
            raise ValueError(f"a number needs the columns {NUMBER}, got {sorted(number)}")
    # One line a number: a diff shows which numbers moved.
    body = {
        "settings": run.settings,
        "common": run.common,
        "versions": {name: scored.version for name, scored in run.scores.items()},
        "pictures": run.pictures,
        "numbers": [[name, *(n[c] for c in NUMBER)] for name, n in numbers],
    }
    heads = [f'"{k}": {json.dumps(v, sort_keys=True)},' for k, v in body.items() if k != "numbers"]
    lines = ",\n".join(f"  {json.dumps(line)}" for line in body["numbers"])
    text = "\n".join(
        ["{", *heads, '"numbers": [', lines, "],", f'"digest": "{sealed.digest(body)}"', "}", ""]
    )
    with written_aside(path) as aside:
        aside.write_text(text)


def read_run(path: Path) -> RunFile:
    """What `write_rows` wrote.

    Raises:
        DamagedFile: what is there is not what was written.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("no file is there that can be read")
        content = json.loads(path.read_text())
        digest = content.pop("digest")
        if digest != sealed.digest(content):
            raise ValueError("its digest says that it was changed after it was written")
        if (run_id := content["common"]["run_id"]) != path.stem:
            raise ValueError(f"it holds the rows of run {run_id}, whose file has that name")
        scores = {name: Scored(version, []) for name, version in content["versions"].items()}
        for name, *values in content["numbers"]:
            scores[name].numbers.append(dict(zip(NUMBER, values, strict=True)))
        return RunFile(content["settings"], content["common"], scores, content["pictures"])
    except (KeyError, TypeError, AttributeError, ValueError, OSError, RecursionError) as error:
        raise DamagedFile(
            f"{path} is no whole row file ({error}); the next sweep will redo it"
        ) from None


def read_rows(path: Path, current: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
    """The rows of one file in long form, one number a row.

    current: versions of scores by name; numbers of other versions and scores are left out.

    Raises:
        DamagedFile: what is there is not what was written.
    """
    run = read_run(path)
    return [
        run.common | number
        for name, scored in run.scores.items()
        if current is None or current.get(name) == scored.version
        for number in scored.numbers
    ]


def rows(experiment: str, profile: str, current: Mapping[str, int] | None = None) -> pd.DataFrame:
    """All rows of an experiment under a profile; damaged files are reported and left out.

    current: as in `read_rows`.
    """
    records = []
    for path in sorted(folder(experiment, profile).glob("*.json")):
        try:
            records += read_rows(path, current)
        except DamagedFile as damage:
            warnings.warn(str(damage), stacklevel=2)
    return pd.DataFrame.from_records(records, columns=COLUMNS)


def intact(path: Path) -> bool:
    """Whether the row file is there and whole; a damaged one is reported."""
    if not os.path.lexists(path):
        return False
    try:
        read_rows(path)
    except DamagedFile as damage:
        warnings.warn(str(damage), stacklevel=2)
        return False
    return True


def write_tensors(path: Path, tensors: Mapping[str, Tensor], **about: str) -> None:
    """Write tensors and a few words about them (safetensors), with a digest over both."""
    with written_aside(path) as aside:
        whole = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
        words = about | {SEAL: _digest_of_tensors(whole, about)}
        safetensors.torch.save_file(whole, aside, metadata=words)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and the words about them. A file from before there were digests has none to fail.

    Raises:
        DamagedFile: the file cannot be read, is no safetensors file, or is not what was written.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("no file is there that can be read")
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
            about = file.metadata() or {}
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError, TypeError) as error:
        raise DamagedFile(f"{path} is damaged ({error})") from None
    seal = about.pop(SEAL, None)
    if seal is not None and seal != _digest_of_tensors(tensors, about):
        raise DamagedFile(f"{path} is damaged (its digest says that it was changed)")
    return tensors, about


def _digest_of_tensors(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> str:
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        total.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def write_pictures(path: Path, pictures: Mapping[str, np.ndarray]) -> None:
    """Write pictures by name, uint8 of any shape (compressed npz, nothing pickled)."""
    with written_aside(path) as aside, aside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **pictures)


def read_pictures(path: Path, *names: str) -> list[np.ndarray]:
    """The pictures of these names that `write_pictures` wrote.

    Raises:
        DamagedFile: the file is cut off or holds something else.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("no file is there that can be read")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            declared = sum(member.file_size for member in archive.zip.infolist())
            if declared > MOST_OF_PICTURES:
                raise ValueError(
                    f"its arrays declare {declared:,} bytes, allowed are {MOST_OF_PICTURES:,}"
                )
            found = [archive[name] for name in names]
            if not all(isinstance(array, np.ndarray) for array in found):
                raise ValueError("a member is no array")  # numpy gives it as bytes
            return found
    except (*DAMAGE, TypeError, AttributeError, MemoryError) as error:
        raise DamagedFile(
            f"{path} does not hold the pictures {', '.join(names)} ({error}); delete it and the "
            "run's row file, and the next sweep will redo both"
        ) from None
