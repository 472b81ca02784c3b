"""What `python -m disentangled.sweeps` is asked for on the command line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from disentangled.experiments import EXPERIMENTS, PROFILES


def count(text: str) -> int:
    """A number of processes, of which there is one at least.

    Raises: ArgumentTypeError for what is none, which a parser turns into its usage.
    """
    if not (text.strip().isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options by name; ends the process with a message where they make no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m disentangled.sweeps",
        description="Train what is missing of an experiment. Interrupt at will: a second call "
        "goes on where the first one stopped.",
    )
    add = parser.add_argument
    add("experiment", choices=sorted(EXPERIMENTS))
    add("profile", choices=sorted(PROFILES))
    add("--workers", type=count, help="processes (default: one a core, or one GPU)")
    add("--worker", action="store_true", help="train in this process, no others")
    add("--scheduler", metavar="ADDRESS",
        help="train on the dask cluster whose scheduler listens there, tcp://host:8786, one task "
        "a stack")  # fmt: skip
    add("--minutes", type=float, metavar="M",
        help="stop within M minutes of the wall clock, at checkpoints, scoring counted; settings "
        "train in the order of their declaration")  # fmt: skip
    add("--until", type=float, metavar="SECONDS",
        help="with --worker: stop before this moment, in seconds since 1970 (--minutes gives it "
        "to the workers)")  # fmt: skip
    instead = parser.add_mutually_exclusive_group()
    add = instead.add_argument
    add("--rescore", action="store_true", help="take new scores of kept models, train nothing")
    add("--drop-models", action="store_true",
        help="delete the kept models, which later scores need")  # fmt: skip
    add(
        "--pack",
        type=Path,
        metavar="FILE",
        help="write rows that git does not track, with their pictures and models, into one "
        "archive (a tar; compressed if the name ends in gz); with --minutes or --scheduler, "
        "train first",
    )
    add("--unpack", type=Path, metavar="FILE",
        help="bring the files of such an archive to their places; digests are checked and "
        "nothing is overwritten")  # fmt: skip
    add("--dry-run", action="store_true", help="state the cost and stop")
    chosen = parser.parse_args(arguments)
    if chosen.minutes is not None and not 0 < chosen.minutes < math.inf:
        parser.error(f"--minutes takes a number above 0, got {chosen.minutes}")
    alone = chosen.rescore or chosen.drop_models or chosen.dry_run or chosen.unpack
    if chosen.minutes is not None and alone:
        parser.error("--minutes goes with training, alone or before --pack; leave it out")
    if chosen.scheduler and (alone or chosen.worker or chosen.workers or chosen.minutes):
        parser.error("--scheduler goes with training, alone or before --pack: the cluster has "
                     "its workers, which train to the end")  # fmt: skip
    if chosen.pack and chosen.worker:
        parser.error("--pack does not go with --worker; take --workers 1 with --minutes")
    if chosen.until is not None and not 0 < chosen.until < math.inf:
        parser.error(f"--until takes seconds since 1970, got {chosen.until}")
    if chosen.until is not None and not chosen.worker:
        parser.error("--until goes with --worker alone; --minutes sets a limit from here on")
    return chosen
