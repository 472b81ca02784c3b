"""Rows of an experiment: read what there is, train what is missing.

A run is one setting with one seed. Its row file is its only trace: a run whose file is there and
whole is done. Several processes may work on one sweep; each claims runs by a lock.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import NamedTuple

import joblib
import pandas as pd
import torch
from tqdm import tqdm

from disentangled import data as datasets
from disentangled import hardware as machines
from disentangled import scoring, store
from disentangled.data import FactorData
from disentangled.experiments import EXPERIMENTS, PROFILES, Setting, settings
from disentangled.hardware import Hardware
from disentangled.runs import Run
from disentangled.training import Checkpoint, Fitted, Progress, trajectory

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


def _flops(setting: Setting) -> float:
    run = setting.run
    shape = (1, run.size, run.size)  # dSprites' one channel; three add little
    return float(machines.flops_per_step(run, shape)) * run.steps * len(setting.seeds)


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
    rate = machines.training_rate(device)
    hours = total.flops / rate / 3600
    duration = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
    return (
        f"{experiment}, {profile}: {total.runs} runs of {total.settings} settings are missing, "
        f"{total.flops:.1e} floating-point operations; about {duration} on this {device.type} "
        f"at a sustained {rate / 1e9:.0f} GFLOP/s"
    )


def complete(experiment: str, profile: str, *, workers: int | None = None) -> pd.DataFrame:
    """Train what is missing, then return all rows.

    States the cost first and shows progress on the terminal. What was done before an
    interruption is kept: finished runs as rows, unfinished ones as checkpoints.

    Args:
        workers: processes; by default one a core on a CPU and one on a GPU.

    Raises:
        ValueError: an unknown experiment or profile.
        RuntimeError: a worker failed; its message stands on the terminal.
    """
    if missing(experiment, profile):
        print(statement(experiment, profile), file=sys.__stderr__, flush=True)
        on_cpu = machines.default_device().type == "cpu"
        workers = workers or (joblib.cpu_count() if on_cpu else 1)
        if workers == 1:
            work(experiment, profile)
        else:
            command = [sys.executable, "-m", "disentangled.sweeps", experiment, profile]
            processes = [subprocess.Popen([*command, "--worker"]) for _ in range(workers)]
            codes = [process.wait() for process in processes]  # wait for all, then judge
            if any(codes):
                raise RuntimeError(f"a worker of {experiment}, {profile} failed; see the terminal")
    return rows(experiment, profile)


def work(experiment: str, profile: str, hardware: Hardware | None = None) -> None:
    """Train runs until none is missing; waits for those that another process has claimed."""
    hardware = hardware or Hardware()
    impossible: set[str] = set()
    while True:
        left = [s for s in missing(experiment, profile) if s.run.dataset not in impossible]
        if not left:
            return
        found = False
        for setting in left:
            try:
                found |= _train_claimed(setting, hardware)
            except FileNotFoundError as error:
                warnings.warn(f"{setting.run.title()} is left out: {error}", stacklevel=2)
                impossible.add(setting.run.dataset)
        if not found:
            time.sleep(POLL)


def _train_claimed(setting: Setting, hardware: Hardware) -> bool:
    """Claim the setting's missing runs and train those that were free; False if none was."""
    run = setting.run
    home = store.folder(run.experiment, run.profile)
    with ExitStack() as claims:
        seeds = [
            seed
            for seed in setting.seeds
            if claims.enter_context(store.claimed(home / f"{run.id(seed)}.json"))
            and not store.intact(home / f"{run.id(seed)}.json")
        ]
        if not seeds:
            return False
        data = _load(run.dataset, run.size).to(hardware.device)
        shape = (data.images.shape[1], data.images.shape[2], data.images.shape[3])
        resumed = {seed: _checkpoint(run, seed) for seed in seeds}
        for step in sorted({c.step for c, _ in resumed.values()}):
            together = [seed for seed in seeds if resumed[seed][0].step == step]
            for group in machines.groups(run, together, shape, hardware):
                starts = [resumed[seed][0] for seed in group] if step else []
                numbers = {seed: resumed[seed][1] for seed in group}
                _train(setting._replace(seeds=tuple(group)), data, hardware, starts, numbers)
        return True


@cache
def _load(name: str, size: int) -> FactorData:
    return datasets.load(name, size=size)


def _checkpoint_path(run: Run, seed: int) -> Path:
    home = store.folder(run.experiment, run.profile)
    return home / "checkpoints" / f"{run.id(seed)}.safetensors"


def _checkpoint(run: Run, seed: int) -> tuple[Checkpoint, list[scoring.Number]]:
    """Where the seed stood, with the numbers scored until then; at step 0 if there is none."""
    path = _checkpoint_path(run, seed)
    if path.exists():
        try:
            state, about = store.read_tensors(path)
            kept = Checkpoint(int(about["step"]), float(about["seconds"]), state)
            return kept, json.loads(about["numbers"])
        except store.DamagedFile as damage:
            warnings.warn(f"{damage}; the run starts anew", stacklevel=2)
    return Checkpoint(0, 0.0, {}), []


def _train(
    setting: Setting,
    data: FactorData,
    hardware: Hardware,
    start: list[Checkpoint],
    numbers: dict[int, list[scoring.Number]],
) -> None:
    """Train a group of seeds, score them at the milestones, write their rows and frames."""
    run = setting.run
    home = store.folder(run.experiment, run.profile)
    bar = _bar(f"{run.title()} x {len(setting.seeds)}", run.steps, start[0].step if start else 0)

    def save(seed: int, kept: Checkpoint) -> None:
        about = {
            "step": str(kept.step),
            "seconds": repr(kept.seconds),
            "numbers": json.dumps(numbers[seed]),
        }
        store.write_tensors(_checkpoint_path(run, seed), kept.state, **about)

    def report(progress: Progress) -> None:
        bar.update(progress.step - bar.n)

    for fitted in trajectory(
        run,
        setting.seeds,
        data,
        milestones=setting.milestones,
        hardware=hardware,
        start=start,
        save=save,
        report=report,
    ):
        last = fitted.step == run.steps
        for position, seed in enumerate(fitted.seeds):
            model = fitted.alone(position)
            code = scoring.encoded(model, data)
            numbers[seed] += scoring.main_scores(model, data, code)
            if last:
                numbers[seed] += scoring.further_scores(model, data, code)
                path = home / "frames" / f"{run.id(seed)}.npz"
                store.write_frames(path, scoring.frames(model, data, code))
                _write(run, seed, data, fitted, numbers[seed])
        for seed, step in fitted.stopped.items():
            if not (home / f"{run.id(seed)}.json").exists():
                halt = scoring.number(step, "stopped", step, estimator="not finite", unit="step")
                _write(run, seed, data, fitted, [*numbers[seed], halt])
    bar.close()
    for seed in setting.seeds:
        _checkpoint_path(run, seed).unlink(missing_ok=True)


def _write(
    run: Run, seed: int, data: FactorData, fitted: Fitted, numbers: list[scoring.Number]
) -> None:
    common = {
        "experiment": run.experiment,
        "run_id": run.id(seed),
        "dataset": data.name,
        "source": data.source,
        "objective": run.objective,
        "weights": json.dumps(run.weights, sort_keys=True),
        "encoder": run.net,
        "noise": "independent",
        "seed": seed,
        "profile": run.profile,
        "seconds": round(fitted.seconds, 1),
        "commit": _commit(),
        "torch": torch.__version__,
        "device": str(next(iter(fitted.params["encoder"].values())).device.type),
    }
    path = store.folder(run.experiment, run.profile) / f"{run.id(seed)}.json"
    store.write_rows(path, run.declared() | {"seed": seed}, common, numbers)


@cache
def _commit() -> str:
    """The checkout's commit, with a + where tracked files of the package differ; "" elsewhere."""
    git = ["git", "-C", str(store.checkout())]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True)
        state = subprocess.run([*git, "status", "--porcelain", "src"], capture_output=True)
    except FileNotFoundError:
        return ""
    return head.stdout.decode().strip() + ("+" if state.stdout.strip() else "")


def _bar(title: str, steps: int, step: int) -> tqdm:
    """A progress line with rate and time left, on the terminal and never in a notebook."""
    terminal = sys.__stderr__
    often = 0.5 if terminal is not None and terminal.isatty() else 30.0
    return tqdm(
        total=steps, initial=step, desc=title, unit="step", file=terminal, mininterval=often
    )


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
    parser.add_argument("--worker", action="store_true", help="be one single-threaded worker")
    parser.add_argument("--dry-run", action="store_true", help="state the cost and stop")
    chosen = parser.parse_args(arguments)
    if chosen.dry_run:
        print(statement(chosen.experiment, chosen.profile))
    elif chosen.worker:
        torch.set_num_threads(1)
        work(chosen.experiment, chosen.profile)
    else:
        complete(chosen.experiment, chosen.profile, workers=chosen.workers)
        print(statement(chosen.experiment, chosen.profile))


if __name__ == "__main__":
    main()
