"""The first line of every chapter: its name, its profile, its look."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from disentangled.claims import Chapter
from disentangled.figures import style

PROFILES = ("smoke", "laptop", "gpu", "paper")

_SHELL = {"In", "Out", "exit", "quit", "open"}
_VALUES = (str, int, float, bool, list, tuple, dict, type(None))
_STARTED = "_chapter_started"


def start(
    name: str, namespace: MutableMapping[str, Any], *, parameters: Sequence[str] = ("profile",)
) -> Chapter:
    """Begin a chapter: check the parameters that papermill set, and set how things look.

    Args:
        name: the stem of the chapter's file.
        namespace: the notebook's `globals()`.
        parameters: the names that the cell tagged `parameters` sets.

    Raises:
        ValueError: an unknown parameter or profile; the valid ones are listed.
    """
    if _STARTED not in namespace:  # later runs of the cell see the reader's own variables
        unknown = _plain(namespace) - set(parameters)
        if unknown:
            raise ValueError(
                f"unknown parameter {', '.join(sorted(unknown))}; chapter {name} takes "
                f"{', '.join(parameters)}"
            )
    missing = [parameter for parameter in parameters if parameter not in namespace]
    if missing:
        raise ValueError(
            f"chapter {name} needs {', '.join(missing)}; run the cell tagged parameters first"
        )
    profile = namespace["profile"]
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}; choose one of {', '.join(PROFILES)}")
    namespace[_STARTED] = True
    style.use_style()
    pd.set_option("display.max_colwidth", None)  # evidence is a sentence
    return Chapter(name, profile)


def glue(**values: Any) -> None:
    """Keep numbers under their names for the prose of the pages to quote; shows nothing."""
    from myst_nb import glue as keep

    for name, value in values.items():
        keep(name, value if isinstance(value, str | int) else float(value), display=False)


def opens_with(figure: Figure) -> None:
    """Keep the figure with which a chapter's page opens, and show it.

    The page pastes it below its question, as `{glue:figure} opening`; the cell that draws it comes
    further down, where its code is read, and is tagged `remove-output`.
    """
    from myst_nb import glue as keep

    plt.close(figure)  # else it would be shown a second time
    keep("opening", figure)


def _plain(namespace: Mapping[str, Any]) -> set[str]:
    return {
        name
        for name, value in namespace.items()
        if not name.startswith("_") and name not in _SHELL and isinstance(value, _VALUES)
    }
