"""Scores of kept models, taken anew: what a setting names and its row files do not hold yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from disentangled import models, scoring, store
from disentangled.data import FactorData
from disentangled.experiments import Setting
from disentangled.fitted import Fitted
from disentangled.store import RunFile
from disentangled.workers import STOPPED, draw_pictures, joined


class Untaken(NamedTuple):
    """A score that a row lacks, or has in another version, at a step; pictures likewise."""

    seed: int
    step: int
    name: str


def untaken(setting: Setting, data_have_factors: bool = True) -> list[Untaken]:
    """What the setting names and its whole row files do not hold in today's version.

    Runs without a row file are missing altogether: that is a sweep's business. Pictures are
    named with a leading "pictures: ".
    """
    lacking = []
    for seed in setting.seeds:
        path = models.row_path(setting.run, seed)
        if store.intact(path):
            lacking += list(_lacking(setting, seed, store.read_run(path), data_have_factors))
    return lacking


def _lacking(setting: Setting, seed: int, row: RunFile, factors: bool) -> Iterator[Untaken]:
    last = setting.run.all_steps()
    for step in sorted({*setting.milestones, last}):
        if STOPPED in row.scores and step >= row.scores[STOPPED].numbers[0]["step"]:
            return
        for name in setting.scores_at(step):
            score = scoring.SCORES[name]
            found = row.scores.get(name)
            if score.needs_factors and not factors:
                continue
            if (
                found is None
                or found.version != score.version
                or all(number["step"] != step for number in found.numbers)
            ):
                yield Untaken(seed, step, name)
    for name in setting.pictures:
        if row.pictures.get(name) != scoring.PICTURES[name].version:
            yield Untaken(seed, last, f"pictures: {name}")


def renew(setting: Setting, data: FactorData) -> list[Untaken]:
    """Take what is untaken of the setting's kept models; returns what cannot be taken.

    The numbers are those that training would have written. Nothing else of a row file changes:
    commit, torch, device and seconds are those of its training.
    """
    run, gone = setting.run, []
    wanted = untaken(setting, bool(data.factor_names))
    for seed in dict.fromkeys(u.seed for u in wanted):
        path = models.row_path(run, seed)
        with store.claimed(path) as got:
            if not got:  # a sweep is writing it
                gone += [u for u in wanted if u.seed == seed]
                continue
            row = store.read_run(path)
            for step in sorted({u.step for u in wanted if u.seed == seed}):
                lacking = [u for u in wanted if (u.seed, u.step) == (seed, step)]
                model = models.usable(run, seed, step, data)
                if model is None:
                    gone += lacking
                    continue
                row = _taken(setting, row, model, data, lacking)
            store.write_rows(path, row)
    return gone


def _taken(
    setting: Setting,
    row: RunFile,
    model: Fitted,
    data: FactorData,
    lacking: list[Untaken],
) -> RunFile:
    """The row with what it lacked at the model's step."""
    code = scoring.encoded(model, data)
    names = [u.name for u in lacking if u.name in scoring.SCORES]
    drawn = row.pictures
    if len(names) < len(lacking):
        drawn = draw_pictures(setting, model, data, code)
    scores = joined(row.scores, scoring.taken(names, model, data, code))
    return row._replace(scores=scores, pictures=drawn)
