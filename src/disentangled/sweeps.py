"""Rows of an experiment: read what there is, train what is missing.

Several processes may work on one sweep, here or on a cluster with a shared folder: each takes
stacks of runs that are free (see `workers.train`), and waits for those that others have taken.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from disentangled import cluster, lifeline, loading, medians, models, packing, rescoring, store
from disentangled import hardware as machines
from disentangled.arguments import parsed
from disentangled.arrays import whole
from disentangled.deadlines import Deadline, in_minutes
from disentangled.experiments import Setting, larger, settings
from disentangled.hardware import Hardware, one_thread
from disentangled.plans import flops, missing, n_processes, statement, untaken
from disentangled.progress import bar, print_anything, terminal
from disentangled.scoring import SCORES
from disentangled.workers import STOPPED, tidy, train, waits

if TYPE_CHECKING:
    from distributed import Client

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
    left_out: set[str] = set()
    with one_thread(hardware):
        for setting in declared:
            run = setting.run
            if lacking := loading.absent(setting):
                loading.warn_of(lacking, left_out, stacklevel=2)
                continue
            data = loading.judged(setting, loading.loaded(run)).to(hardware.device)
            left = rescoring.renew(setting, data)
            gone += [f"{run.id(u.seed)}, seed {u.seed}, step {u.step}: {u.name}" for u in left]
            progress.update()
    progress.close()
    if gone:
        lines = ["Not taken, since the model is gone or another process has the run:", *gone]
        print(*lines, sep="\n  ", file=terminal(), flush=True)
    found = rows(experiment, profile)
    medians.commit(found, settings(experiment, profile), hardware.device, trained=declared)
    return found


def complete(
    experiment: str,
    profile: str,
    *,
    workers: int | None = None,
    minutes: float | None = None,
    client: Client | None = None,
) -> pd.DataFrame:
    """Train what is missing, then return all rows.

    States the cost first and shows progress on the terminal, also from within a notebook. What
    was done before an interruption is kept: finished runs as rows, unfinished ones as checkpoints.

    Args:
        workers: processes; by default one a core on a CPU and one on a GPU, and never more than
            there are stacks to train. On a CPU each uses one core: a process a core was
            measured to be faster than threads, and no sum depends on the number of threads.
        minutes: of the wall clock, for all of this. Settings then train in the order of their
            declaration, what would not end in time is not begun, and what has begun is left at
            checkpoints, from which the next call goes on. How long a scoring takes is known
            from those before it, and guessed for the first.
        client: of a dask cluster, whose workers train one stack a task (see `cluster`).

    Raises:
        ValueError: an unknown experiment or profile, workers below 1, minutes that are not above
            0, or a client with workers or minutes.
        RuntimeError: a worker failed; its message stands on the terminal.
    """
    if client is not None and (workers is not None or minutes is not None):
        raise ValueError(
            f"expected a client alone, got workers={workers}, minutes={minutes}: its workers are "
            "those of the cluster, and train to the end"
        )
    workers = None if workers is None else whole(workers, "workers", 1)
    deadline = None if minutes is None else in_minutes(minutes)
    left = missing(experiment, profile)
    if left:
        print(statement(experiment, profile), file=terminal(), flush=True)
    if client is not None:
        cluster.work(experiment, profile, client)
    elif left:
        processes = n_processes(left, workers)
        if processes == 1:
            work(experiment, profile, None, deadline)
        else:
            _work_apart(experiment, profile, deadline, processes)
    found = rows(experiment, profile)
    declared, device = settings(experiment, profile), machines.default_device()
    tidy(declared)
    medians.commit(found, declared, device, deadline, left)
    return found


def _work_apart(experiment: str, profile: str, deadline: Deadline | None, processes: int) -> None:
    """`work` in processes of their own, which end with this one, and with its wait for them."""
    command = [sys.executable, "-m", "disentangled.sweeps", experiment, profile, "--worker"]
    if deadline:
        command += ["--until", repr(deadline.at)]
    # The package may be on this process' path alone, and numpy's threads are not torch's.
    path = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    # on a GPU the cores are there for scoring
    on_cpu = machines.default_device().type == "cpu"
    threads = 1 if on_cpu else max(1, machines.cores() // processes)
    known = {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": str(threads)}
    with lifeline.held() as (end, environment):
        started = [
            subprocess.Popen(
                command, env=environment | known, stdin=end, stdout=terminal(), stderr=terminal()
            )
            for _ in range(processes)
        ]
        try:
            codes = [process.wait() for process in started]  # wait for all, then judge
        finally:
            for process in started:
                process.terminate()  # does nothing but after an interruption
                process.wait()
    if any(codes):
        raise RuntimeError(f"a worker of {experiment}, {profile} failed; see the terminal")


def work(
    experiment: str,
    profile: str,
    hardware: Hardware | None = None,
    deadline: Deadline | None = None,
) -> None:
    """Train runs until none is missing; waits for those that another process has claimed.

    A setting whose data are not on disk is left out with a warning. On a CPU this process trains
    in one thread. With a deadline it looks at every setting once, in the order of their
    declaration, and waits for nobody.
    """
    hardware = hardware or Hardware()
    impossible: set[str] = set()
    tidy(settings(experiment, profile))
    with one_thread(hardware):
        if deadline:
            left = missing(experiment, profile, as_declared=True)
            _train_all(left, hardware, impossible, deadline)
            return
        waited = 0.0
        while left := loading.not_needing(impossible, missing(experiment, profile)):
            if _train_all(left, hardware, impossible):
                waited = 0.0
            else:
                waited = waits(left, waited, POLL)
                time.sleep(POLL)


def _train_all(
    left: Sequence[Setting],
    hardware: Hardware,
    impossible: set[str],
    deadline: Deadline | None = None,
) -> bool:
    """Train these settings but those of impossible data; False if others have claims on all."""
    found = False
    for setting in left:
        too_late = deadline and not loading.time_for(setting, deadline)
        if too_late or not loading.not_needing(impossible, [setting]):
            continue
        if lacking := loading.absent(setting):
            loading.warn_of(lacking, impossible, stacklevel=3)
            continue
        about = (setting, loading.loaded(setting.run).to(hardware.device), hardware)
        found |= train(*about, deadline) if deadline else train(*about)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m disentangled.sweeps EXPERIMENT PROFILE`: train what is missing."""
    print_anything()
    chosen = parsed(arguments)
    if chosen.dry_run:
        print(statement(chosen.experiment, chosen.profile))
    elif chosen.rescore:
        rescore(chosen.experiment, chosen.profile)
        print(statement(chosen.experiment, chosen.profile))
    elif chosen.drop_models:
        print(f"{models.drop(chosen.experiment, chosen.profile)} models deleted")
    elif chosen.unpack:
        came = packing.unpack(chosen.experiment, chosen.profile, chosen.unpack)
        print(f"{came.new} files unpacked, {came.same} were there")
        print(statement(chosen.experiment, chosen.profile))
    elif chosen.pack and chosen.minutes is None and chosen.scheduler is None:
        print(_packed(chosen))
    elif chosen.worker:
        lifeline.hold()
        deadline = Deadline(chosen.until) if chosen.until else None
        if chosen.minutes:
            deadline = in_minutes(chosen.minutes)
        work(chosen.experiment, chosen.profile, None, deadline)
    else:
        with cluster.connect(chosen.scheduler) if chosen.scheduler else nullcontext() as client:
            complete(chosen.experiment, chosen.profile, workers=chosen.workers,
                     minutes=chosen.minutes, client=client)  # fmt: skip
        print(statement(chosen.experiment, chosen.profile))
        if chosen.pack:
            print(_packed(chosen))


def _packed(chosen: Namespace) -> str:
    n_files = packing.pack(chosen.experiment, chosen.profile, chosen.pack)
    return f"{n_files} files packed into {chosen.pack}"


if __name__ == "__main__":
    main()
