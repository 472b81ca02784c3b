"""The first line of every chapter: its name, its profile, its look.

What takes seconds to import is imported after the parameters were looked at, so that a wrong one
is refused at once.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from disentangled.claims import Chapter

PROFILES = ("smoke", "laptop", "gpu", "paper")

_OF_THE_SHELL = re.compile(
    r"In|Out|exit|quit|open|_chapter_started|_+|_+i+|_i?\d+|_ih|_oh|_dh|_exit_code|__\w+"
)
"""What IPython puts beside a notebook's own names, and `start`."""

_VALUES = (str, int, float, bool, list, tuple, dict, type(None))
_STARTED = "_chapter_started"


class Refused(ValueError):
    """A chapter was begun in a way that it does not take; a notebook shows the words alone."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in the place of a traceback, which leads to no fault of the code."""
        return [f"{type(self).__name__}: {line}" for line in str(self).splitlines()]


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
    if not (isinstance(name, str) and name.isidentifier()):
        raise Refused(f"a chapter is called by the stem of its file, got {name!r}")
    if not isinstance(namespace, MutableMapping):
        raise Refused(f"expected the notebook's globals(), got {type(namespace).__name__}")
    if _STARTED not in namespace:  # later runs of the cell see the reader's own variables
        unknown = _plain(namespace) - set(parameters)
        if unknown:
            raise Refused(
                f"unknown parameter {', '.join(sorted(unknown))}; chapter {name} takes "
                f"{', '.join(parameters)}"
            )
    missing = [parameter for parameter in parameters if parameter not in namespace]
    if missing:
        raise Refused(
            f"chapter {name} needs {', '.join(missing)}; run the cell tagged parameters first"
        )
    profile = namespace["profile"]
    if not isinstance(profile, str) or profile not in PROFILES:
        raise Refused(f"unknown profile {profile!r}; choose one of {', '.join(PROFILES)}")
    import pandas as pd

    from disentangled.claims import Chapter
    from disentangled.figures import style

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
    import matplotlib.pyplot as plt
    from myst_nb import glue as keep

    plt.close(figure)  # else it would be shown a second time
    keep("opening", figure)


def _plain(namespace: Mapping[str, Any]) -> set[str]:
    held = {
        name
        for name, value in namespace.items()
        if not _OF_THE_SHELL.fullmatch(name) and isinstance(value, _VALUES)
    }
    return held | _set_before(namespace.get("In", ()))


def _set_before(cells: Sequence[str]) -> set[str]:
    """Names that cells before the last one set to plain values, as papermill does: an import may
    have taken one of them since."""
    found = set()
    for cell in cells[:-1]:
        with suppress(SyntaxError):
            for node in ast.parse(cell).body:
                if isinstance(node, ast.Assign) and _is_plain(node.value):
                    found |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    return found


def _is_plain(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True
