"""Checkpoints on disk: where the seeds of a run stood, with the scores taken until then."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

from disentangled import store
from disentangled.runs import Run
from disentangled.store import Scored
from disentangled.training import Checkpoint

Scores = dict[str, Scored]


def _home(run: Run) -> Path:
    return store.folder(run.experiment, run.profile) / "checkpoints"


def on_disk(run: Run, seed: int) -> dict[int, Path]:
    """The seed's checkpoints on disk by their step."""
    paths = _home(run).glob(f"{run.id(seed)}-*.safetensors")
    return {int(path.stem.split("-")[1]): path for path in paths}


def resumed(run: Run, seeds: Sequence[int]) -> dict[int, tuple[Checkpoint, Scores]]:
    """Where every seed stood, with the scores taken until then; step 0 if it has not begun.

    Seeds go on together from the last step that all of them have, as they would have gone on
    without the interruption, which may have come between the checkpoints of one step.
    """
    kept = {seed: on_disk(run, seed) for seed in seeds}
    common = set.intersection(*(set(steps) for steps in kept.values())) if kept else set()
    found: dict[int, tuple[Checkpoint, Scores]] = {}
    for seed, steps in kept.items():
        found[seed] = Checkpoint(0, 0.0, {}), {}
        if steps:
            path = steps[max(common or steps)]
            try:
                state, about = store.read_tensors(path)
                checkpoint = Checkpoint(int(about["step"]), float(about["seconds"]), state)
                scores = {k: Scored(*v) for k, v in json.loads(about["scores"]).items()}
                found[seed] = checkpoint, scores
            except store.DamagedFile as damage:
                warnings.warn(f"{damage}; the run starts anew", stacklevel=2)
    return found


def save(run: Run, checkpoints: dict[int, Checkpoint], scores: dict[int, Scores]) -> None:
    """Write the checkpoints of a group; the previous ones go when all of these are there."""
    before = {path for seed in checkpoints for path in on_disk(run, seed).values()}
    written = set()
    for seed, kept in checkpoints.items():
        about = {
            "step": str(kept.step),
            "seconds": repr(kept.seconds),
            "scores": json.dumps(scores[seed]),
        }
        path = _home(run) / f"{run.id(seed)}-{kept.step}.safetensors"
        store.write_tensors(path, kept.state, **about)
        written.add(path)
    for path in before - written:
        path.unlink(missing_ok=True)


def drop(run: Run, seed: int) -> None:
    """Delete the seed's checkpoints: its row is there."""
    for path in on_disk(run, seed).values():
        path.unlink(missing_ok=True)
