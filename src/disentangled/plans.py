"""What is left to do of a sweep, and what it costs: missing runs, scores that are not taken."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from disentangled import costs, models, rescoring, store
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


def _flops(setting: Setting) -> float:
    return costs.flops(setting.run, _shape(setting.run)) * len(setting.seeds)


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
    """One line on what is missing and what it costs on the machine at hand."""
    total = cost(experiment, profile)
    if not total.runs:
        return f"{experiment}, {profile}: nothing is missing{_models(experiment, profile)}"
    device = machines.default_device()
    rate = costs.training_rate(device)
    hours = total.flops / rate / 3600
    duration = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
    return (
        f"{experiment}, {profile}: {total.runs} runs of {total.settings} settings are missing, "
        f"{total.flops:.1e} floating-point operations; about {duration} on this {device.type} "
        f"at a sustained {rate / 1e9:.0f} GFLOP/s{_models(experiment, profile)}"
    )


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
