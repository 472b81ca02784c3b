"""Runs one chapter at a profile of the reader's choice; what is published stays as it is.

python book/trial.py NAME PROFILE     what `make chapter` does; the notebook goes into build/

A wrong name or profile is refused at once, before anything that takes time is imported.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROFILES = ("smoke", "laptop", "gpu", "paper")
"""Those of `disentangled.chapter`, which takes seconds to import; a test holds them equal."""


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for: a chapter and a profile.

    Raises: SystemExit on anything else, with the names that there are on the standard error.
    """
    names = sorted(md.stem for md in (ROOT / "book" / "chapters").glob("*.md"))
    parser = argparse.ArgumentParser(
        prog="make chapter",
        usage="make chapter NAME=beta_tcvae PROFILE=smoke",
        description="Run one chapter.",
    )
    parser.add_argument("name", choices=names, metavar="NAME")
    parser.add_argument("profile", choices=PROFILES, metavar="PROFILE")
    return parser.parse_args(given)


def trial(name: str, profile: str) -> Path:
    """Run a chapter into a notebook of its own, and return where that lies.

    Raises: papermill's PapermillExecutionError where a cell fails.
    """
    import pairs
    import papermill

    md = ROOT / "book" / "chapters" / f"{name}.md"
    out = ROOT / "build" / f"{name}_{profile}.ipynb"
    out.parent.mkdir(exist_ok=True)
    papermill.execute_notebook(
        pairs.read_source(md),
        out,
        parameters={"profile": profile},
        kernel_name="python3",
        progress_bar=False,
        stderr_file=sys.stderr,
        cwd=md.parent,
    )
    return out


def main() -> int:
    """The command line; returns the exit status."""
    asked = arguments()
    from papermill import PapermillExecutionError

    try:
        print(f"Open {trial(asked.name, asked.profile)}")
    except PapermillExecutionError as error:
        print(error, file=sys.stderr)  # the cell's own traceback, without papermill's
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
