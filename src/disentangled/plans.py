"""What is left to do of a sweep, and what it costs: missing runs, scores that are not taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch

from disentangled import costs, deadlines, models, rescoring, store
from disentangled import hardware as machines
from disentangled.experiments import Setting, settings
from disentangled.hardware import Hardware
from disentangled.runs import Run


class Cost(NamedTuple):
    """What is missing of a sweep: settings, runs, and floating-point operations of training."""

    settings: int
    runs: int
    flops: float


def missing(experiment: str, profile: str, *, as_declared: bool = False) -> list[Setting]:
    """What is declared and has no whole row file.

    On a GPU, and where as_declared asks for it, in the order of the declaration, which begins with
    what is wanted most. Else the costliest first, so that processes end at about the same time.
    """
    left = []
    for setting in settings(experiment, profile):
        seeds = [s for s in setting.seeds if not store.intact(models.row_path(setting.run, s))]
        if seeds:
            left.append(setting._replace(seeds=tuple(seeds)))
    in_turn = as_declared or machines.default_device().type == "cuda"
    return left if in_turn else sorted(left, key=lambda s: -_flops(s))


def _shape(run: Run) -> tuple[int, int, int]:
    """Of one image, without loading any: dSprites' one channel; three add little."""
    return 1, run.size, run.size


def of_one_seed(setting: Setting) -> float:
    """Floating-point operations of training one seed of a setting."""
    return costs.flops(setting.run, _shape(setting.run))


def _flops(setting: Setting) -> float:
    return of_one_seed(setting) * len(setting.seeds)


def stacks(setting: Setting) -> list[list[int]]:
    """The seeds of each stack into which the setting's runs fall here."""
    return costs.groups(setting.run, setting.seeds, _shape(setting.run), Hardware())


def n_stacks(setting: Setting) -> int:
    """Into how many stacks the setting's runs fall here: what processes can take apart."""
    return len(stacks(setting))


def flops(experiment: str, profile: str) -> float:
    """Floating-point operations of training everything that is declared."""
    return sum(_flops(setting) for setting in settings(experiment, profile))


def cost(experiment: str, profile: str) -> Cost:
    """What `complete` would have to train."""
    left = missing(experiment, profile)
    return Cost(len(left), sum(len(s.seeds) for s in left), sum(_flops(s) for s in left))


def beside(setting: Setting) -> float:
    """Seconds of one process for what is not in the operations of the setting's steps: to build
    its stacks, and to score their models.

    Encoding all images is left out: how many there are is known when they are loaded.
    """
    goals = {*setting.milestones, setting.run.all_steps()}
    scoring = sum(deadlines.guessed_scoring(setting, step) for step in goals)
    return deadlines.WARM_UP * n_stacks(setting) + scoring * len(setting.seeds)


def n_processes(left: Sequence[Setting], asked: int | None = None) -> int:
    """How many processes train what is left: those asked for, else one a core on a CPU and one on
    a GPU; no more than there are stacks."""
    on_cpu = machines.default_device().type == "cpu"
    return min(asked or (machines.cores() if on_cpu else 1), sum(map(n_stacks, left)))


def untaken(experiment: str, profile: str) -> pd.DataFrame:
    """Scores and pictures that rows lack in today's version: columns run_id, seed, step, score,
    and whether the model that they could be taken of is kept.

    A run that lacks one is not missing, and is not trained again for it.
    """
    lines = [
        (
            setting.run.id(lack.seed),
            lack.seed,
            lack.step,
            lack.name,
            models.model_path(setting.run, lack.seed, lack.step).exists(),
        )
        for setting in settings(experiment, profile)
        for lack in rescoring.untaken(setting)
    ]
    return pd.DataFrame(lines, columns=["run_id", "seed", "step", "score", "model_kept"])


def statement(experiment: str, profile: str) -> str:
    """One line on what is missing and what it costs on the machine at hand, within a factor of 2
    where it scores on small data: start, training and the guesses that `deadlines` begins with."""
    total = cost(experiment, profile)
    if not total.runs:
        return f"{experiment}, {profile}: nothing is missing{_models(experiment, profile)}"
    device = machines.default_device()
    left = missing(experiment, profile)
    alone = sum(_seconds(setting, device) + beside(setting) for setting in left)
    duration = _in_words(deadlines.RESERVE + alone / n_processes(left))
    return (
        f"{experiment}, {profile}: {total.runs} runs of {total.settings} settings are missing, "
        f"{total.flops:.1e} floating-point operations; about {duration} on this {device.type}, "
        f"start and scoring counted{_models(experiment, profile)}"
    )


def _seconds(setting: Setting, device: torch.device) -> float:
    """What one process takes to train the setting's runs."""
    rate = costs.training_rate(setting.run, _shape(setting.run), device)
    return _flops(setting) / rate


def _in_words(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"


def _models(experiment: str, profile: str) -> str:
    """What the kept models take, and what rows lack, in words that end a statement."""
    parts = []
    if size := models.n_bytes(experiment, profile):
        parts.append(f"kept models take {size / 1e6:.1f} MB (--drop-models deletes them)")
    lacking = untaken(experiment, profile)
    if len(lacking):
        parts.append(
            f"{len(lacking)} scores are not taken, {int(lacking['model_kept'].sum())} of them of "
            "kept models (--rescore takes those)"
        )
    return "".join(f"; {part}" for part in parts)
