"""One setting of a sweep: claim its runs, train them, score them, write their rows.

A run is one setting with one seed. A run whose row file is there and whole is done; beside it lie
its pictures and, as long as nobody drops them, its models. A process claims the runs that train
as one stack; all others stay free, so that processes end at about the same time. A killed process
leaves no claim behind.
"""

from __future__ import annotations

import json
import subprocess
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from disentangled import costs, models, scoring, store
from disentangled import progress as lines
from disentangled.data import FactorData
from disentangled.experiments import Setting
from disentangled.fitted import Fitted
from disentangled.hardware import Hardware
from disentangled.models import row_path
from disentangled.runs import Run
from disentangled.stacks import image_shape
from disentangled.store import RunFile, Scored
from disentangled.training import Checkpoint, Progress, trajectory

STOPPED = "stopped"
"""Stands for a score in the row file of a run that stopped: one number, the step."""

Scores = dict[str, Scored]


def train(setting: Setting, data: FactorData, hardware: Hardware) -> bool:
    """Train the setting's missing runs, stack by stack; False if others have claims on all.

    data: the images of the setting, on the hardware's device.
    """
    found = False
    for group in costs.groups(setting.run, setting.seeds, image_shape(data), hardware):
        found |= _train_claimed(setting._replace(seeds=tuple(group)), data, hardware)
    return found


def _train_claimed(setting: Setting, data: FactorData, hardware: Hardware) -> bool:
    """Claim all runs of a group and train the missing ones; False if another has a claim."""
    run = setting.run
    paths = {seed: row_path(run, seed) for seed in setting.seeds}
    with ExitStack() as claims:
        if not all(claims.enter_context(store.claimed(path)) for path in paths.values()):
            return False
        # Another process may have finished some since they were found missing.
        seeds = [seed for seed, path in paths.items() if not store.intact(path)]
        resumed = _resumed(run, seeds)
        for step in sorted({c.step for c, _ in resumed.values()}):
            together = tuple(seed for seed in seeds if resumed[seed][0].step == step)
            starts = [resumed[seed][0] for seed in together] if step else []
            scores = {seed: resumed[seed][1] for seed in together}
            _train_group(setting._replace(seeds=together), data, hardware, starts, scores)
        return True


def _checkpoints(run: Run, seed: int) -> dict[int, Path]:
    """The seed's checkpoints on disk by their step."""
    home = store.folder(run.experiment, run.profile) / "checkpoints"
    paths = home.glob(f"{run.id(seed)}-*.safetensors")
    return {int(path.stem.split("-")[1]): path for path in paths}


def _resumed(run: Run, seeds: Sequence[int]) -> dict[int, tuple[Checkpoint, Scores]]:
    """Where every seed stood, with the scores taken until then; step 0 if it has not begun.

    Seeds go on together from the last step that all of them have, as they would have gone on
    without the interruption, which may have come between the checkpoints of one step.
    """
    kept = {seed: _checkpoints(run, seed) for seed in seeds}
    common = set.intersection(*(set(steps) for steps in kept.values())) if kept else set()
    resumed: dict[int, tuple[Checkpoint, Scores]] = {}
    for seed, steps in kept.items():
        resumed[seed] = Checkpoint(0, 0.0, {}), {}
        if steps:
            path = steps[max(common or steps)]
            try:
                state, about = store.read_tensors(path)
                checkpoint = Checkpoint(int(about["step"]), float(about["seconds"]), state)
                scores = {k: Scored(*v) for k, v in json.loads(about["scores"]).items()}
                resumed[seed] = checkpoint, scores
            except store.DamagedFile as damage:
                warnings.warn(f"{damage}; the run starts anew", stacklevel=2)
    return resumed


def _save(run: Run, checkpoints: dict[int, Checkpoint], scores: dict[int, Scores]) -> None:
    """Write the checkpoints of a group; the previous ones go when all of these are there."""
    home = store.folder(run.experiment, run.profile) / "checkpoints"
    before = [path for seed in checkpoints for path in _checkpoints(run, seed).values()]
    for seed, kept in checkpoints.items():
        about = {
            "step": str(kept.step),
            "seconds": repr(kept.seconds),
            "scores": json.dumps(scores[seed]),
        }
        path = home / f"{run.id(seed)}-{kept.step}.safetensors"
        store.write_tensors(path, kept.state, **about)
    for path in before:
        path.unlink(missing_ok=True)


def _train_group(
    setting: Setting,
    data: FactorData,
    hardware: Hardware,
    start: list[Checkpoint],
    scores: dict[int, Scores],
) -> None:
    """Train a group of seeds, score them at the milestones, write their rows and pictures."""
    run = setting.run
    halted: set[int] = set()
    title, done = f"{run.title()} x {len(setting.seeds)}", start[0].step if start else 0
    bar = lines.bar(title, run.all_steps(), unit="step", done=done)

    def save(checkpoints: dict[int, Checkpoint]) -> None:
        _save(run, checkpoints, scores)

    def report(progress: Progress) -> None:
        bar.update(progress.step - bar.n)

    for fitted in trajectory(
        run,
        setting.seeds,
        data,
        milestones=setting.milestones,
        hardware=hardware,
        start=start,
        save=save,
        report=report,
    ):
        last = fitted.step == run.all_steps()
        stopped = dict(fitted.stopped)
        for position, seed in enumerate(fitted.seeds):
            model = fitted.alone(position)
            code = scoring.encoded(model, data)
            if not torch.isfinite(code.z).all():  # on images that no loss has seen of late
                stopped |= {seed: fitted.step} if last else {}
                continue
            taken = scoring.taken(setting.scores_at(fitted.step), model, data, code)
            scores[seed] = joined(scores[seed], taken)
            models.keep(model)
            if last:
                drawn = draw_pictures(setting, model, data, code)
                row = RunFile(
                    _settings(run, seed), _common(fitted, seed, data), scores[seed], drawn
                )
                store.write_rows(row_path(run, seed), row)
        for seed in stopped.keys() - halted:
            halt = scoring.number(
                stopped[seed], "stopped", stopped[seed], estimator="not finite", unit="step"
            )
            row = RunFile(
                _settings(run, seed),
                _common(fitted, seed, data),
                scores[seed] | {STOPPED: Scored(1, [halt])},
                {},
            )
            store.write_rows(row_path(run, seed), row)
            halted.add(seed)
    bar.close()
    for seed in setting.seeds:
        for path in _checkpoints(run, seed).values():
            path.unlink(missing_ok=True)


def joined(before: Scores, taken: Scores) -> Scores:
    """Scores of several steps together; numbers that another version took before are dropped."""
    merged = dict(before)
    for name, (version, numbers) in taken.items():
        of_old = before.get(name, Scored(version, []))
        kept = of_old.numbers if of_old.version == version else []
        steps = {n["step"] for n in numbers}
        merged[name] = Scored(version, [*(n for n in kept if n["step"] not in steps), *numbers])
    return merged


def draw_pictures(
    setting: Setting, model: Fitted, data: FactorData, code: scoring.Encoded
) -> dict[str, int]:
    """Write the pictures that the setting names; returns their versions."""
    drawn: dict[str, np.ndarray] = {}
    for name in setting.pictures:
        drawn |= scoring.PICTURES[name].take(model, data, code)
    run, (seed,) = setting.run, model.seeds
    if drawn:
        home = store.folder(run.experiment, run.profile)
        store.write_pictures(home / "pictures" / f"{run.id(seed)}.npz", drawn)
    return {name: scoring.PICTURES[name].version for name in setting.pictures}


def _settings(run: Run, seed: int) -> dict[str, Any]:
    return run.declared() | {"seed": seed}


def _common(fitted: Fitted, seed: int, data: FactorData) -> dict[str, Any]:
    """The columns that all numbers of a run share."""
    run = fitted.run
    return {
        "experiment": run.experiment,
        "run_id": run.id(seed),
        "dataset": data.name,
        "source": data.source,
        "objective": run.objective,
        "weights": json.dumps(run.weights, sort_keys=True),
        "encoder": run.net or " ".join(run.roles().values()),
        "noise": f"equicorrelated {run.noise_correlation:g}"
        if run.noise_correlation
        else "independent",
        "seed": seed,
        "profile": run.profile,
        "seconds": round(fitted.seconds, 1),
        "commit": _commit(),
        "torch": torch.__version__,
        "device": fitted.device.type,
    }


@cache
def _commit() -> str:
    """The checkout's commit, with a + where tracked files of the package differ; "" elsewhere."""
    git = ["git", "-C", str(store.checkout())]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True)
        state = subprocess.run([*git, "status", "--porcelain", "src"], capture_output=True)
    except FileNotFoundError:
        return ""
    return head.stdout.decode().strip() + ("+" if state.stdout.strip() else "")
