"""A setting of an experiment, and the names of the profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from disentangled import scoring
from disentangled.data import FactorData
from disentangled.runs import Run
from disentangled.training import Fitted

Scores = Callable[[Fitted, FactorData, scoring.Encoded], list[scoring.Number]]

PROFILES: dict[str, str] = {
    "smoke": "minutes for the whole book; shows that it runs, not what is true",
    "laptop": "published here: two cores, no downloads",
    "paper": "the paper's sizes on the real data, one GPU or many",
}


class Setting(NamedTuple):
    """A run and how it is judged.

    seeds: one model each.
    milestones: steps before the last at which `scoring.main_scores` are taken as well.
    also: what is scored at the end besides `scoring.further_scores`.
    """

    run: Run
    seeds: tuple[int, ...]
    milestones: tuple[int, ...]
    also: tuple[Scores, ...] = ()
