"""A setting of an experiment, and the names of the profiles."""

from __future__ import annotations

from typing import NamedTuple

from disentangled.runs import Run

PROFILES: dict[str, str] = {
    "smoke": "minutes for the whole book; shows that it runs, not what is true",
    "laptop": "published here: two cores, no downloads",
    "paper": "the paper's sizes on the real data, one GPU or many",
}


class Setting(NamedTuple):
    """A run, its seeds, and the steps before the last at which it is scored as well."""

    run: Run
    seeds: tuple[int, ...]
    milestones: tuple[int, ...]
