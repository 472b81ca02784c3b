"""Trained models on disk: all of a sweep's beside its rows, and what is committed of a few.

Every scored model is kept, ignored by git, until it is dropped, so that a later score can be
taken without training. Of settings that ask for it (`Setting.kept_by`) the median seed's decoder
and its code of all images are committed, in half precision, for pages to decode.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from disentangled import store
from disentangled.data import FactorData
from disentangled.experiments import Setting
from disentangled.fitted import Fitted, flattened, restored
from disentangled.runs import Run

CODES = "codes"
"""Name of the code table, mean and log-variance (2, N, D), in a committed file."""


class Kept(NamedTuple):
    """A committed model: its decoder's tensors by name, in float32, mean and log-variance of all
    images, each (N, D), and its seed."""

    decoder: dict[str, Tensor]
    mean: Tensor
    logvar: Tensor
    seed: int


def _home(run: Run) -> Path:
    return store.folder(run.experiment, run.profile)


def row_path(run: Run, seed: int) -> Path:
    """Where the row file of a run lies."""
    return _home(run) / f"{run.id(seed)}.json"


def model_path(run: Run, seed: int, step: int) -> Path:
    """Where a run's model of a step is kept."""
    return _home(run) / "models" / f"{run.id(seed)}-{step}.safetensors"


def keep(model: Fitted) -> None:
    """Write a stack of one to its place."""
    (seed,) = model.seeds
    path = model_path(model.run, seed, model.step)
    store.write_tensors(path, flattened(model), seed=str(seed), step=str(model.step))


def kept(run: Run, seed: int, step: int, data: FactorData) -> Fitted | None:
    """The model of a step as a stack of one; None where it is not on disk.

    Raises:
        store.DamagedFile: the file is cut off.
        ValueError: it holds another net.
    """
    path = model_path(run, seed, step)
    if not path.exists():
        return None
    tensors, _ = store.read_tensors(path)
    return restored(run, seed, step, tensors, data)


def usable(run: Run, seed: int, step: int, data: FactorData) -> Fitted | None:
    """As `kept`; None with a warning where the file is damaged or holds another net."""
    try:
        return kept(run, seed, step, data)
    except ValueError as damage:
        warnings.warn(str(damage), stacklevel=2)
        return None


def n_bytes(experiment: str, profile: str) -> int:
    """What the kept models of a sweep take on disk."""
    return sum(path.stat().st_size for path in _all(experiment, profile))


def drop(experiment: str, profile: str) -> int:
    """Delete the kept models of a sweep, not the committed ones; returns how many."""
    paths = _all(experiment, profile)
    for path in paths:
        path.unlink()
    return len(paths)


def _all(experiment: str, profile: str) -> list[Path]:
    return sorted((store.folder(experiment, profile) / "models").glob("*.safetensors"))


def median_seed(setting: Setting, rows: pd.DataFrame) -> int | None:
    """The seed whose last step's `kept_by` is the median (the upper one of an even number).

    Runs that stopped have none, nor have those where it is not finite; None where none is left.
    """
    run = setting.run
    last = rows[
        (rows["quantity"] == setting.kept_by)
        & (rows["step"] == run.all_steps())
        & np.isfinite(rows["value"].astype(float))  # of no rows, objects
        & rows["run_id"].isin([run.id(seed) for seed in setting.seeds])
    ]
    # one number a run, where a score gives several (with a nuisance and without): the first
    ranked = last.drop_duplicates("run_id").sort_values(["value", "seed"])
    return int(ranked["seed"].iloc[len(ranked) // 2]) if setting.kept_by and len(ranked) else None


def commit_median(setting: Setting, rows: pd.DataFrame, data: FactorData) -> Path | None:
    """Write the median seed's decoder and code table, of a setting whose runs are all there.

    Tensors that half precision cannot hold stay in single precision. Another seed's file, from
    before, is removed.

    Returns:
        the file; None where the setting asks for none, or no usable model is kept any more.
    """
    run, seed = setting.run, median_seed(setting, rows)
    model = None if seed is None else usable(run, seed, run.all_steps(), data)
    if seed is None or model is None:
        return None
    mean, logvar = model.encode(data)
    tensors = {k: v for k, v in flattened(model).items() if k.startswith("decoder/")}
    tensors[CODES] = torch.stack([mean[0], logvar[0]])
    path = committed_path(run, seed)
    halves = {k: v.half() for k, v in tensors.items()}
    whole = {k: h if torch.isfinite(h).all() else tensors[k] for k, h in halves.items()}
    with store.claimed(row_path(run, seed)) as got:
        if not got:  # another process trains the run again
            return None
        store.write_tensors(path, whole, seed=str(seed))
        for other in (committed_path(run, s) for s in setting.seeds if s != seed):
            other.unlink(missing_ok=True)
    return path


def committed_seeds(setting: Setting) -> list[int]:
    """The seeds of a setting whose models are committed: one, but after an interruption."""
    return [seed for seed in setting.seeds if committed_path(setting.run, seed).exists()]


def committed_path(run: Run, seed: int) -> Path:
    """Where the committed model of a setting lies, if this seed is its median."""
    return _home(run) / "decoders" / f"{run.id(seed)}.safetensors"


def committed(setting: Setting) -> Kept | None:
    """The committed model of a setting; None where there is none."""
    for seed in setting.seeds:
        path = committed_path(setting.run, seed)
        if path.exists():
            tensors, _ = store.read_tensors(path)
            mean, logvar = tensors.pop(CODES).float()
            decoder = {k.removeprefix("decoder/"): v.float() for k, v in tensors.items()}
            return Kept(decoder, mean, logvar, seed)
    return None
