"""Rows of an experiment: read what there is, train what is missing.

A run is one setting with one seed. Its row file is its only trace: a run whose file is there and
whole is done. Several processes may work on one sweep: each claims all missing runs of a setting,
because they train as one stack, and those of other settings stay free. A killed process leaves
no claim behind.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple, TextIO

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

    States the cost first and shows progress on the terminal, also from within a notebook. What
    was done before an interruption is kept: finished runs as rows, unfinished ones as checkpoints.

    Args:
        workers: processes; by default one a core on a CPU and one on a GPU, and never more than
            there are settings to train. On a CPU each uses one core: a process a core was
            measured to be faster than threads, and no sum depends on the number of threads.

    Raises:
        ValueError: an unknown experiment or profile.
        RuntimeError: a worker failed; its message stands on the terminal.
    """
    left = missing(experiment, profile)
    if left:
        print(statement(experiment, profile), file=_terminal(), flush=True)
        on_cpu = machines.default_device().type == "cpu"
        workers = min(workers or (machines.cores() if on_cpu else 1), len(left))
        if workers == 1:
            work(experiment, profile)
        else:
            _work_apart(experiment, profile, workers)
    return rows(experiment, profile)


def _work_apart(experiment: str, profile: str, workers: int) -> None:
    """`work` in processes of their own, which end with this one's wait for them."""
    command = [sys.executable, "-m", "disentangled.sweeps", experiment, profile, "--worker"]
    # The package may be on this process' path alone, and numpy's threads are not torch's.
    path = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(command, env=environment, stdout=_terminal(), stderr=_terminal())
        for _ in range(workers)
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
                    found |= _train_claimed(setting, data.to(hardware.device), hardware)
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


def _train_claimed(setting: Setting, data: FactorData, hardware: Hardware) -> bool:
    """Claim the setting's missing runs and train them; False if another process has one."""
    run = setting.run
    home = store.folder(run.experiment, run.profile)
    paths = {seed: home / f"{run.id(seed)}.json" for seed in setting.seeds}
    with ExitStack() as claims:
        if not all(claims.enter_context(store.claimed(path)) for path in paths.values()):
            return False
        # Another process may have finished some since they were found missing.
        seeds = [seed for seed, path in paths.items() if not store.intact(path)]
        shape = (data.images.shape[1], data.images.shape[2], data.images.shape[3])
        resumed = _resumed(run, seeds)
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


def _checkpoints(run: Run, seed: int) -> dict[int, Path]:
    """The seed's checkpoints on disk by their step."""
    home = store.folder(run.experiment, run.profile) / "checkpoints"
    paths = home.glob(f"{run.id(seed)}-*.safetensors")
    return {int(path.stem.split("-")[1]): path for path in paths}


def _resumed(run: Run, seeds: Sequence[int]) -> dict[int, tuple[Checkpoint, list[scoring.Number]]]:
    """Where every seed stood, with the numbers scored until then; step 0 if it has not begun.

    Seeds go on together from the last step that all of them have, as they would have gone on
    without the interruption, which may have come between the checkpoints of one step.
    """
    kept = {seed: _checkpoints(run, seed) for seed in seeds}
    common = set.intersection(*(set(steps) for steps in kept.values())) if kept else set()
    resumed: dict[int, tuple[Checkpoint, list[scoring.Number]]] = {}
    for seed, steps in kept.items():
        resumed[seed] = Checkpoint(0, 0.0, {}), []
        if steps:
            path = steps[max(common or steps)]
            try:
                state, about = store.read_tensors(path)
                checkpoint = Checkpoint(int(about["step"]), float(about["seconds"]), state)
                resumed[seed] = checkpoint, json.loads(about["numbers"])
            except store.DamagedFile as damage:
                warnings.warn(f"{damage}; the run starts anew", stacklevel=2)
    return resumed


def _save(
    run: Run, checkpoints: dict[int, Checkpoint], numbers: dict[int, list[scoring.Number]]
) -> None:
    """Write the checkpoints of a group; the previous ones go when all of these are there."""
    home = store.folder(run.experiment, run.profile) / "checkpoints"
    before = [path for seed in checkpoints for path in _checkpoints(run, seed).values()]
    for seed, kept in checkpoints.items():
        about = {
            "step": str(kept.step),
            "seconds": repr(kept.seconds),
            "numbers": json.dumps(numbers[seed]),
        }
        path = home / f"{run.id(seed)}-{kept.step}.safetensors"
        store.write_tensors(path, kept.state, **about)
    for path in before:
        path.unlink(missing_ok=True)


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
    halted: set[int] = set()
    bar = _bar(f"{run.title()} x {len(setting.seeds)}", run.steps, start[0].step if start else 0)

    def save(checkpoints: dict[int, Checkpoint]) -> None:
        _save(run, checkpoints, numbers)

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
        stopped = dict(fitted.stopped)
        for position, seed in enumerate(fitted.seeds):
            model = fitted.alone(position)
            code = scoring.encoded(model, data)
            if not torch.isfinite(code.z).all():  # on images that no loss has seen of late
                stopped |= {seed: fitted.step} if last else {}
                continue
            numbers[seed] += scoring.main_scores(model, data, code)
            if last:
                numbers[seed] += scoring.further_scores(model, data, code)
                path = home / "frames" / f"{run.id(seed)}.npz"
                store.write_frames(path, scoring.frames(model, data, code))
                _write(run, seed, data, fitted, numbers[seed])
        for seed in stopped.keys() - halted:
            step = stopped[seed]
            halt = scoring.number(step, "stopped", step, estimator="not finite", unit="step")
            _write(run, seed, data, fitted, [*numbers[seed], halt])
            halted.add(seed)
    bar.close()
    for seed in setting.seeds:
        for path in _checkpoints(run, seed).values():
            path.unlink(missing_ok=True)


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


def _terminal() -> TextIO | None:
    """The terminal's error stream.

    A notebook's kernel catches what is written to sys.stderr and to descriptor 2, and shows it in
    the page; the file number that its sys.stderr names is the terminal's.
    """
    try:
        return open(sys.stderr.fileno(), "w", closefd=False)
    except (AttributeError, OSError, ValueError):  # no stream, or one without a file
        return sys.__stderr__


def _bar(title: str, steps: int, step: int) -> tqdm:
    """A progress line with rate and time left, on the terminal and never in a notebook."""
    terminal = _terminal()
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
