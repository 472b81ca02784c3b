"""Rows of an experiment: read what there is, train what is missing.

Several processes may work on one sweep, here or on a cluster with a shared folder: each takes
stacks of runs that are free (see `workers.train`), and waits for those that others have taken.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch

from disentangled import costs, store
from disentangled import data as datasets
from disentangled import hardware as machines
from disentangled.data import FactorData
from disentangled.experiments import EXPERIMENTS, PROFILES, Setting, settings
from disentangled.hardware import Hardware
from disentangled.progress import terminal
from disentangled.runs import Run
from disentangled.workers import train

POLL = 2.0  # seconds between looks at runs that another process has claimed


class Cost(NamedTuple):
    """What is missing of a sweep: settings, runs, and floating-point operations of training."""

    settings: int
    runs: int
    flops: float


def rows(experiment: str, profile: str) -> pd.DataFrame:
    """The rows that exist (see `store.COLUMNS`); reads only.

    Raises:
        ValueError: an unknown experiment or profile.
    """
    declared = [s.run.id(seed) for s in settings(experiment, profile) for seed in s.seeds]
    found = store.rows(experiment, profile)
    return found[found["run_id"].isin(declared)].reset_index(drop=True)


def missing(experiment: str, profile: str) -> list[Setting]:
    """What is declared and has no whole row file, the costliest settings first."""
    home = store.folder(experiment, profile)
    left = []
    for setting in settings(experiment, profile):
        seeds = [s for s in setting.seeds if not store.intact(home / f"{setting.run.id(s)}.json")]
        if seeds:
            left.append(setting._replace(seeds=tuple(seeds)))
    return sorted(left, key=lambda s: -_flops(s))


def _shape(run: Run) -> tuple[int, int, int]:
    """Of one image, without loading any: dSprites' one channel; three add little."""
    return 1, run.size, run.size


def _flops(setting: Setting) -> float:
    return costs.flops(setting.run, _shape(setting.run)) * len(setting.seeds)


def _n_stacks(setting: Setting) -> int:
    """Into how many stacks the setting's runs fall here: what processes can take apart."""
    return len(costs.groups(setting.run, setting.seeds, _shape(setting.run), Hardware()))


def flops(experiment: str, profile: str) -> float:
    """Floating-point operations of training everything that is declared."""
    return sum(_flops(setting) for setting in settings(experiment, profile))


def cost(experiment: str, profile: str) -> Cost:
    """What `complete` would have to train."""
    left = missing(experiment, profile)
    return Cost(len(left), sum(len(s.seeds) for s in left), sum(_flops(s) for s in left))


def statement(experiment: str, profile: str) -> str:
    """One line on what is missing and what it costs on the machine at hand."""
    total = cost(experiment, profile)
    if not total.runs:
        return f"{experiment}, {profile}: nothing is missing"
    device = machines.default_device()
    rate = costs.training_rate(device)
    hours = total.flops / rate / 3600
    duration = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
    return (
        f"{experiment}, {profile}: {total.runs} runs of {total.settings} settings are missing, "
        f"{total.flops:.1e} floating-point operations; about {duration} on this {device.type} "
        f"at a sustained {rate / 1e9:.0f} GFLOP/s"
    )


def complete(experiment: str, profile: str, *, workers: int | None = None) -> pd.DataFrame:
    """Train what is missing, then return all rows.

    States the cost first and shows progress on the terminal, also from within a notebook. What
    was done before an interruption is kept: finished runs as rows, unfinished ones as checkpoints.

    Args:
        workers: processes; by default one a core on a CPU and one on a GPU, and never more than
            there are stacks to train. On a CPU each uses one core: a process a core was
            measured to be faster than threads, and no sum depends on the number of threads.

    Raises:
        ValueError: an unknown experiment or profile.
        RuntimeError: a worker failed; its message stands on the terminal.
    """
    left = missing(experiment, profile)
    if left:
        print(statement(experiment, profile), file=terminal(), flush=True)
        on_cpu = machines.default_device().type == "cpu"
        n_processes = workers or (machines.cores() if on_cpu else 1)
        n_processes = min(n_processes, sum(map(_n_stacks, left)))
        if n_processes == 1:
            work(experiment, profile)
        else:
            _work_apart(experiment, profile, n_processes)
    return rows(experiment, profile)


def _work_apart(experiment: str, profile: str, n_processes: int) -> None:
    """`work` in processes of their own, which end with this one's wait for them."""
    command = [sys.executable, "-m", "disentangled.sweeps", experiment, profile, "--worker"]
    # The package may be on this process' path alone, and numpy's threads are not torch's.
    path = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(command, env=environment, stdout=terminal(), stderr=terminal())
        for _ in range(n_processes)
    ]
    try:
        codes = [process.wait() for process in processes]  # wait for all, then judge
    finally:
        for process in processes:
            process.terminate()  # does nothing but after an interruption
            process.wait()
    if any(codes):
        raise RuntimeError(f"a worker of {experiment}, {profile} failed; see the terminal")


def work(experiment: str, profile: str, hardware: Hardware | None = None) -> None:
    """Train runs until none is missing; waits for those that another process has claimed.

    A setting whose data are not on disk is left out with a warning. On a CPU this process trains
    in one thread.
    """
    hardware = hardware or Hardware()
    impossible: set[str] = set()
    with _one_thread(hardware):
        while left := [s for s in missing(experiment, profile) if s.run.dataset not in impossible]:
            found = False
            for setting in left:
                run = setting.run
                if run.dataset in impossible:
                    continue
                try:
                    data = _load(run.dataset, run.size)
                except FileNotFoundError as error:
                    warnings.warn(f"{run.dataset} is left out: {error}", stacklevel=2)
                    impossible.add(run.dataset)
                else:
                    found |= train(setting, data.to(hardware.device), hardware)
            if not found:
                time.sleep(POLL)


@contextmanager
def _one_thread(hardware: Hardware) -> Iterator[None]:
    """One thread on a CPU: more of them wait for each other in spinning loops."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if hardware.device.type == "cpu" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _load(name: str, size: int) -> FactorData:
    return datasets.load(name, size=size)


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m disentangled.sweeps EXPERIMENT PROFILE`: train what is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m disentangled.sweeps",
        description="Train what is missing of an experiment. Interrupt at will: a second call "
        "goes on where the first one stopped.",
    )
    parser.add_argument("experiment", choices=sorted(EXPERIMENTS))
    parser.add_argument("profile", choices=sorted(PROFILES))
    parser.add_argument("--workers", type=int, help="processes (default: one a core, or one GPU)")
    parser.add_argument("--worker", action="store_true", help="train in this process, no others")
    parser.add_argument("--dry-run", action="store_true", help="state the cost and stop")
    chosen = parser.parse_args(arguments)
    if chosen.dry_run:
        print(statement(chosen.experiment, chosen.profile))
    elif chosen.worker:
        work(chosen.experiment, chosen.profile)
    else:
        complete(chosen.experiment, chosen.profile, workers=chosen.workers)
        print(statement(chosen.experiment, chosen.profile))


if __name__ == "__main__":
    main()
