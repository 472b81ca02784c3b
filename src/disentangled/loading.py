"""The images of runs, loaded once a process."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from disentangled import data as datasets
from disentangled.data import FactorData
from disentangled.data.files import BadFile
from disentangled.deadlines import Deadline
from disentangled.experiments import Setting
from disentangled.runs import Run

SECONDS = 30.0
"""First guess of how long it takes; a twin that is rendered first takes two minutes."""

UNUSABLE = (OSError, BadFile)
"""What loading raises of files that are not there, not readable, or damaged."""

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
        ValueError: they have other channels or factors than those of the run.
    """
    if not setting.scored_on:
        return data
    seen = _once(setting.scored_on, setting.run.size)
    kinds = [(tuple(d.images.shape[1:]), tuple(d.factor_names)) for d in (data, seen)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"expected scored_on of {setting.run.title()} to name images like those of "
            f"{setting.run.dataset}, of shape and factors {kinds[0]}, got {setting.scored_on} "
            f"with {kinds[1]}; choose another data set, or leave it out"
        )
    return seen.to(data.device)


def absent(setting: Setting) -> dict[str, str]:
    """The data sets that the setting trains on or is judged on and that cannot be loaded, as they
    are not on disk, damaged, or kept from us by the system; and of each the message that says how
    to mend it. Loads those that can."""
    found = {}
    for name in _names(setting):
        try:
            _once(name, setting.run.size)
        except UNUSABLE as error:
            found[name] = str(error)
    return found


def not_needing(absent: set[str], settings: Sequence[Setting]) -> list[Setting]:
    """The settings that neither train on one of these data sets nor are judged on one."""
    return [setting for setting in settings if absent.isdisjoint(_names(setting))]


def warn_of(absent: Mapping[str, str], known: set[str], *, stacklevel: int) -> None:
    """Warn that data sets are left out and why, each once: those that are known say nothing."""
    for name in absent.keys() - known:
        warnings.warn(f"{name} is left out: {absent[name]}", stacklevel=stacklevel + 1)
    known.update(absent)


def _names(setting: Setting) -> list[str]:
    return list(dict.fromkeys(filter(None, (setting.run.dataset, setting.scored_on))))


def _once(name: str, size: int) -> FactorData:
    key = (name, size)
    if key not in _LOADED:
        _LOADED[key] = datasets.load(name, size=size)
    return _LOADED[key]


def time_for(setting: Setting, deadline: Deadline) -> bool:
    """Whether the images of the setting are loaded, or there is time for that."""
    here = all((name, setting.run.size) in _LOADED for name in _names(setting))
    return here or deadline.allows(deadline.expected("loading", SECONDS))
