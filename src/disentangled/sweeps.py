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

import pandas as pd
import torch

from disentangled import data as datasets
from disentangled import hardware as machines
from disentangled import models, rescoring, store
from disentangled.data import FactorData
from disentangled.experiments import EXPERIMENTS, PROFILES, Setting, larger, settings
from disentangled.hardware import Hardware
from disentangled.plans import flops, missing, n_stacks, statement, untaken
from disentangled.progress import bar, terminal
from disentangled.scoring import SCORES
from disentangled.workers import STOPPED, train

__all__ = [
    "complete", "flops", "missing", "rescore", "rows", "rows_and_larger", "statement", "untaken",
    "work",
]  # fmt: skip

POLL = 2.0  # seconds between looks at runs that another process has claimed


def rows(experiment: str, profile: str) -> pd.DataFrame:
    """The rows that exist (see `store.COLUMNS`); reads only.

    Numbers of a score whose version has been raised since are left out until `rescore` renews
    them; `untaken` lists them. So are those of a score that is called so no more.

    Raises:
        ValueError: an unknown experiment or profile.
    """
    declared = [s.run.id(seed) for s in settings(experiment, profile) for seed in s.seeds]
    current = {name: score.version for name, score in SCORES.items()} | {STOPPED: 1}
    found = store.rows(experiment, profile, current)
    return found[found["run_id"].isin(declared)].reset_index(drop=True)


def rows_and_larger(experiment: str, profile: str) -> pd.DataFrame:
    """The rows under a profile, and those of all larger ones that have any; reads only.

    The column profile tells them apart.

    Raises:
        ValueError: an unknown experiment or profile.
    """
    found = [rows(experiment, name) for name in (profile, *larger(profile))]
    some = [table for table in found if len(table)]
    return pd.concat(some, ignore_index=True) if some else found[0]


def rescore(experiment: str, profile: str, *, hardware: Hardware | None = None) -> pd.DataFrame:
    """Take new and renewed scores of kept models, train nothing, then return all rows.

    The numbers are equal to those that training would have written on the same machine. What
    cannot be taken since its model is gone is listed on the terminal as not taken; its run stays.

    Raises:
        ValueError: an unknown experiment or profile.
    """
    hardware = hardware or Hardware()
    declared = [s for s in settings(experiment, profile) if rescoring.untaken(s)]
    progress = bar(f"{experiment}, {profile}, scores", len(declared), unit="setting")
    gone: list[str] = []
    with _one_thread(hardware):
        for setting in declared:
            run = setting.run
            try:
                data = _load(run.dataset, run.size).to(hardware.device)
            except FileNotFoundError as error:
                warnings.warn(f"{run.dataset} is left out: {error}", stacklevel=2)
                continue
            left = rescoring.renew(setting, data)
            gone += [f"{run.id(u.seed)}, seed {u.seed}, step {u.step}: {u.name}" for u in left]
            progress.update()
    progress.close()
    if gone:
        lines = ["Not taken, since the model is gone or another process has the run:", *gone]
        print(*lines, sep="\n  ", file=terminal(), flush=True)
    _commit_medians(experiment, profile, hardware.device)
    return rows(experiment, profile)


def _commit_medians(experiment: str, profile: str, device: torch.device) -> None:
    """Write the models that settings commit, where all runs are there and the model is kept."""
    found = rows(experiment, profile)
    for setting in settings(experiment, profile):
        whole = all(store.intact(models.row_path(setting.run, s)) for s in setting.seeds)
        if whole and setting.kept_by and _any_model(setting):
            try:
                data = _load(setting.run.dataset, setting.run.size)
            except FileNotFoundError:  # `work` and `rescore` have said so
                continue
            models.commit_median(setting, found, data.to(device))


def _any_model(setting: Setting) -> bool:
    last = setting.run.all_steps()
    return any(models.model_path(setting.run, s, last).exists() for s in setting.seeds)


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
        n_processes = min(n_processes, sum(map(n_stacks, left)))
        if n_processes == 1:
            work(experiment, profile)
        else:
            _work_apart(experiment, profile, n_processes)
        _commit_medians(experiment, profile, machines.default_device())
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
    parser.add_argument("--rescore", action="store_true",
                        help="take new scores of kept models, train nothing")  # fmt: skip
    parser.add_argument("--drop-models", action="store_true",
                        help="delete the kept models, which later scores need")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="state the cost and stop")
    chosen = parser.parse_args(arguments)
    if chosen.dry_run:
        print(statement(chosen.experiment, chosen.profile))
    elif chosen.rescore:
        rescore(chosen.experiment, chosen.profile)
        print(statement(chosen.experiment, chosen.profile))
    elif chosen.drop_models:
        print(f"{models.drop(chosen.experiment, chosen.profile)} models deleted")
    elif chosen.worker:
        work(chosen.experiment, chosen.profile)
    else:
        complete(chosen.experiment, chosen.profile, workers=chosen.workers)
        print(statement(chosen.experiment, chosen.profile))


if __name__ == "__main__":
    main()
