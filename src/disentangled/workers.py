"""One setting of a sweep: claim its runs, train them, score them, write their rows.

A run is one setting with one seed. A run whose row file is there and whole is done; beside it lie
its pictures and, as long as nobody drops them, its models. A process claims the runs that train
as one stack; all others stay free, so that processes end at about the same time. A killed process
leaves no claim behind, and what else it leaves the next one takes up or tidies away.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from typing import Any

import numpy as np
import torch

from disentangled import checkpoints, costs, loading, locks, models, provenance, scoring, store
from disentangled import progress as lines
from disentangled.checkpoints import Scores
from disentangled.data import FactorData
from disentangled.deadlines import Deadline, Pace
from disentangled.experiments import Setting
from disentangled.fitted import Fitted
from disentangled.hardware import Hardware
from disentangled.models import row_path
from disentangled.stacks import image_shape
from disentangled.store import RunFile, Scored
from disentangled.training import Checkpoint, Progress, trajectory

STOPPED = "stopped"
"""Stands for a score in the row file of a run that stopped: one number, the step."""


def train(
    setting: Setting, data: FactorData, hardware: Hardware, deadline: Deadline | None = None
) -> bool:
    """Train the setting's missing runs, stack by stack; False if others have claims on all.

    data: the images of the setting, on the hardware's device.
    deadline: what will not end before it is not begun; what has begun is left at a checkpoint.
    """
    found = False
    for group in costs.groups(setting.run, setting.seeds, image_shape(data), hardware):
        stack = setting._replace(seeds=tuple(group))
        if deadline is None or Pace(deadline, stack, data, hardware).allows_chunk():
            found |= _train_claimed(stack, data, hardware, deadline)
    return found


def _train_claimed(
    setting: Setting, data: FactorData, hardware: Hardware, deadline: Deadline | None
) -> bool:
    """Claim all runs of a group and train the missing ones; False if another has a claim."""
    run = setting.run
    paths = {seed: row_path(run, seed) for seed in setting.seeds}
    with ExitStack() as claims:
        if not all(claims.enter_context(store.claimed(path)) for path in paths.values()):
            return False
        # Another process may have finished some since they were found missing.
        seeds = [seed for seed, path in paths.items() if not store.intact(path)]
        if not seeds or checkpoints.publish(run, seeds):
            return True
        stood = checkpoints.resumed(run, seeds, hardware.device)
        checkpoints.drop_asides(run, seeds)
        starts = [checkpoint for checkpoint, _ in stood.values() if checkpoint.step]
        scores = {seed: taken for seed, (_, taken) in stood.items()}
        group = setting._replace(seeds=tuple(seeds))
        pace = Pace(deadline, group, data, hardware) if deadline else None
        _train_group(group, data, hardware, starts, scores, pace)
        return True


def tidy(settings: Sequence[Setting]) -> None:
    """Delete what killed processes left of finished runs: checkpoints and files aside."""
    for setting in settings:
        run, there = setting.run, checkpoints.left(setting.run)
        for seed in setting.seeds:
            path = row_path(run, seed)
            if run.id(seed) in there and store.intact(path):
                with store.claimed(path) as got:
                    if got:
                        checkpoints.drop(run, [seed])


def waits(left: Sequence[Setting], waited: float, seconds: float) -> float:
    """What is said before waiting on while others have claims on all that is left: for what and
    for whom, on the terminal, after `locks.PATIENCE`. Returns the seconds waited by then."""
    if waited <= locks.PATIENCE < waited + seconds:
        held: dict[str, list[str]] = {}
        for setting in left:
            for seed in setting.seeds:
                who = locks.holder(row_path(setting.run, seed))
                held.setdefault(who, []).append(f"{setting.run.title()} seed {seed}")
        whom = "; ".join(f"{who}: {', '.join(runs)}" for who, runs in held.items())
        print(f"waits for runs that others train. {whom}", file=lines.terminal(), flush=True)
    return waited + seconds


def _train_group(
    setting: Setting,
    data: FactorData,
    hardware: Hardware,
    start: list[Checkpoint],
    scores: dict[int, Scores],
    pace: Pace | None = None,
) -> None:
    """Train a group of seeds, score them at the milestones, write their rows and pictures.

    A row is there when those of the whole stack are: a killed sweep goes on with all of its seeds.
    With a pace it may end earlier. A goal whose models are not all scored by then is left at the
    chunk before it, with the scores that were taken: the group plays that chunk again, as a whole,
    so that its numbers are those of a group that was not cut.
    """
    run, seen = setting.run, loading.judged(setting, data)
    rows: dict[int, RunFile] = {}
    before: dict[int, Checkpoint] = {}
    title, done = f"{run.title()} x {len(setting.seeds)}", start[0].step if start else 0
    bar = lines.bar(title, run.all_steps(), unit="step", done=done)

    def save(reached: dict[int, Checkpoint]) -> None:
        if pace:
            before.clear()
            before.update(reached)
        checkpoints.save(run, reached, scores, hardware.device)

    def report(progress: Progress) -> None:
        bar.update(progress.step - bar.n)
        if pace:
            pace.chunk_done()

    for fitted in trajectory(
        run,
        setting.seeds,
        data,
        milestones=setting.milestones,
        hardware=hardware,
        start=start,
        save=save,
        report=report,
        pause=(lambda end: not pace.begin_chunk(end)) if pace else None,
    ):
        last = fitted.step == run.all_steps()
        stopped = dict(fitted.stopped)
        for position, seed in enumerate(fitted.seeds):
            names = setting.scores_at(fitted.step)
            known = pace is not None and _known(scores[seed], names, fitted.step, seen)
            if pace and not known and not pace.allows_scoring(fitted.step):
                checkpoints.save(run, before, scores, hardware.device)
                bar.close()
                return
            with pace.scoring_watched(fitted.step, known) if pace else nullcontext():
                model = fitted.alone(position)
                code = scoring.encoded(model, seen)
                if not torch.isfinite(code.z).all():  # on images that no loss has seen of late
                    stopped |= {seed: fitted.step} if last else {}
                    continue
                if not known:
                    taken = scoring.taken(names, model, seen, code)
                    scores[seed] = joined(scores[seed], taken)
                models.keep(model)
                if last:
                    drawn = draw_pictures(setting, model, seen, code)
                    rows[seed] = RunFile(
                        _settings(setting, seed), _common(fitted, seed, data), scores[seed], drawn
                    )
        for seed in stopped.keys() - rows.keys():
            halt = scoring.number(
                stopped[seed], "stopped", stopped[seed], estimator="not finite", unit="step"
            )
            rows[seed] = RunFile(
                _settings(setting, seed),
                _common(fitted, seed, data),
                scores[seed] | {STOPPED: Scored(1, [halt])},
                {},
            )
    bar.close()
    if rows.keys() == set(setting.seeds):  # else training paused
        checkpoints.finish(run, rows)


def _known(scores: Scores, names: Sequence[str], step: int, data: FactorData) -> bool:
    """Whether a call that was cut has taken all of these scores at the step."""
    wanted = {name: scoring.SCORES[name] for name in names}
    return all(
        name in scores
        and scores[name].version == score.version
        and any(number["step"] == step for number in scores[name].numbers)
        for name, score in wanted.items()
        if data.factor_names or not score.needs_factors
    )


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


def _settings(setting: Setting, seed: int) -> dict[str, Any]:
    """What the row file says of its run; and of the images that the model was judged on, where
    they are not those that it was trained on."""
    judged = {"scored_on": setting.scored_on} if setting.scored_on else {}
    return setting.run.declared() | {"seed": seed} | judged


def _common(fitted: Fitted, seed: int, data: FactorData) -> dict[str, Any]:
    """The columns that all numbers of a run share."""
    run, here = fitted.run, provenance.here(fitted.device)
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
        **{name: here[name] for name in ("commit", "torch", "device")},
    }
