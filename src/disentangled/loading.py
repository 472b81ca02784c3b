"""The images of runs, loaded once a process."""

from __future__ import annotations

from disentangled import data as datasets
from disentangled.data import FactorData
from disentangled.deadlines import Deadline
from disentangled.experiments import Setting
from disentangled.runs import Run

SECONDS = 30.0
"""First guess of how long it takes; a twin that is rendered first takes two minutes."""

_LOADED: dict[tuple[str, int], FactorData] = {}  # by name and size


def loaded(run: Run) -> FactorData:
    """The images that a run names, on the CPU.

    Raises:
        FileNotFoundError: they are not on disk; the message says how to get them.
    """
    return _once(run.dataset, run.size)


def judged(setting: Setting, data: FactorData) -> FactorData:
    """The images that the setting's models are judged on, where `data` are: those are the images
    of its run.

    Raises:
        FileNotFoundError: they are not on disk.
    """
    if not setting.scored_on:
        return data
    return _once(setting.scored_on, setting.run.size).to(data.device)


def _once(name: str, size: int) -> FactorData:
    key = (name, size)
    if key not in _LOADED:
        _LOADED[key] = datasets.load(name, size=size)
    return _LOADED[key]


def time_for(run: Run, deadline: Deadline) -> bool:
    """Whether the run's images are loaded, or there is time for that."""
    here = (run.dataset, run.size) in _LOADED
    return here or deadline.allows(deadline.expected("loading", SECONDS))
