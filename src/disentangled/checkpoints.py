"""A stack in training on disk: where its seeds stood, with the scores taken until then.

The seeds of a stack train side by side, and what one of them computes depends on the others by
rounding. So they stand, go on and end together: they are resumed from one step or from none, and
their rows wait beside the checkpoints until all are there. A sweep that is killed at any moment
then ends with the rows of one that is not.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from disentangled import provenance, store
from disentangled.models import row_path
from disentangled.runs import Run
from disentangled.store import RunFile, Scored
from disentangled.training import Checkpoint

Scores = dict[str, Scored]

DIGITS = 10  # of a run's id, with which all names of its files begin


def _home(run: Run) -> Path:
    return store.folder(run.experiment, run.profile)


def _waiting(run: Run, seed: int) -> Path:
    """Where a row waits until all of its stack are there."""
    return _home(run) / "checkpoints" / f"{run.id(seed)}.json"


def _path(run: Run, seed: int, step: int) -> Path:
    return _home(run) / "checkpoints" / f"{run.id(seed)}-{step}.safetensors"


def steps(run: Run, seed: int) -> set[int]:
    """The steps of which the seed has a checkpoint on disk."""
    stem = run.id(seed)
    words = [p.stem.removeprefix(f"{stem}-") for p in _path(run, seed, 0).parent.glob(f"{stem}-*")]
    found = {int(word) for word in words if word.isdecimal()}
    return {step for step in found if os.path.lexists(_path(run, seed, step))}


def resumed(
    run: Run, seeds: Sequence[int], device: torch.device
) -> dict[int, tuple[Checkpoint, Scores]]:
    """Where every seed of a stack stood, with the scores taken until then.

    All go on from the last step that all of them have; without a checkpoint a seed has step 0.
    What was written by other code, for another stack, or damaged since is reported with a
    warning, and the stack begins anew.
    """
    beginning: dict[int, tuple[Checkpoint, Scores]] = {
        seed: (Checkpoint(0, 0.0, {}), {}) for seed in seeds
    }
    there = {seed: steps(run, seed) for seed in seeds}
    common = max(set.intersection(*({0} | some for some in there.values())), default=0)
    try:
        return beginning | {
            seed: _read(run, seed, common, _words(run, seed, seeds, device))
            for seed in seeds
            if common in there[seed]
        }
    except store.DamagedFile as damage:
        warnings.warn(f"{damage}; the run starts anew", stacklevel=2)
        return beginning


def _words(run: Run, seed: int, stack: Sequence[int], device: torch.device) -> dict[str, str]:
    """What a checkpoint says of itself, and must say to be taken up."""
    who = {"run_id": run.id(seed), "seed": str(seed), "stack": json.dumps(sorted(stack))}
    return who | provenance.here(device)


def _read(run: Run, seed: int, step: int, expected: dict[str, str]) -> tuple[Checkpoint, Scores]:
    """
    Raises:
        store.DamagedFile: the checkpoint is not what was written, or was not written for this.
    """
    path = _path(run, seed, step)
    state, about = store.read_tensors(path)
    for word, value in (expected | {"step": str(step)}).items():
        if (found := about.get(word)) != value:
            raise store.DamagedFile(
                f"{path} is not taken up: expected {word} {value}, got {found}"
            )
    try:
        scores = {name: Scored(*scored) for name, scored in json.loads(about["scores"]).items()}
        stopped = json.loads(about["stopped"])
        return Checkpoint(step, float(about["seconds"]), state, stopped), scores
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise store.DamagedFile(f"{path} is damaged ({error!r})") from None


def save(
    run: Run,
    checkpoints: Mapping[int, Checkpoint],
    scores: Mapping[int, Scores],
    device: torch.device,
) -> None:
    """Write the checkpoints of a stack; the previous ones go when all of these are there."""
    for seed, kept in checkpoints.items():
        about = {
            "step": str(kept.step),
            "seconds": repr(kept.seconds),
            "stopped": json.dumps(kept.stopped),
            "scores": json.dumps(scores[seed]),
        }
        words = _words(run, seed, list(checkpoints), device)
        store.write_tensors(_path(run, seed, kept.step), kept.state, **about, **words)
    for seed, kept in checkpoints.items():
        for step in steps(run, seed) - {kept.step}:
            _path(run, seed, step).unlink(missing_ok=True)


def finish(run: Run, rows: Mapping[int, RunFile]) -> None:
    """Write the rows of a whole stack: each aside, and when all are there, all to their places."""
    for seed, row in rows.items():
        store.write_rows(_waiting(run, seed), row)
    publish(run, list(rows))


def receive(run: Run, rows: Mapping[int, bytes]) -> None:
    """As `finish`, of row files that were written elsewhere."""
    for seed, content in rows.items():
        with store.written_aside(_waiting(run, seed)) as aside:
            aside.write_bytes(content)
    publish(run, list(rows))


def publish(run: Run, seeds: Sequence[int]) -> bool:
    """Bring the rows of these seeds to their places if all wait; False if they do not."""
    if not all(store.intact(_waiting(run, seed)) for seed in seeds):
        return False
    for seed in seeds:
        store.move(_waiting(run, seed), row_path(run, seed))
    drop(run, seeds)
    return True


def left(run: Run) -> dict[str, list[Path]]:
    """What unfinished and killed processes of the run's sweep have on disk, by run id."""
    kept = (_home(run) / "checkpoints").glob("[!.]*")
    return _by_run([*(path for path in kept if not path.is_dir()), *store.asides(_home(run))])


def _by_run(paths: Sequence[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(path.name.removeprefix(".")[:DIGITS], []).append(path)
    return found


def drop(run: Run, seeds: Sequence[int]) -> None:
    """Delete all that training left of runs whose rows are there; needs the claims on them."""
    _delete(run, seeds, left(run))


def drop_asides(run: Run, seeds: Sequence[int]) -> None:
    """Delete what processes that were killed wrote half; needs the claims on the runs."""
    _delete(run, seeds, _by_run(store.asides(_home(run))))


def _delete(run: Run, seeds: Sequence[int], there: Mapping[str, list[Path]]) -> None:
    for seed in seeds:
        for path in there.get(run.id(seed), []):
            path.unlink(missing_ok=True)
