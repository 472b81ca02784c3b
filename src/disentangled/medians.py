"""The few models that are committed: the median seed's, of settings that ask for it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pandas as pd
import torch

from disentangled import loading, models, store
from disentangled.deadlines import Deadline, Pace
from disentangled.experiments import Setting
from disentangled.hardware import Hardware


def commit(
    rows: pd.DataFrame,
    declared: Sequence[Setting],
    device: torch.device,
    deadline: Deadline | None = None,
    trained: Sequence[Setting] = (),
) -> None:
    """Write the models that settings commit, where all runs are there and the model is kept.

    Of settings that trained just now, or have not the median's; before a deadline as far as they
    fit.
    """
    renewed = {setting.run.setting_id() for setting in trained}
    for setting in declared:
        run = setting.run
        whole = all(store.intact(models.row_path(run, seed)) for seed in setting.seeds)
        if not (whole and setting.kept_by and _any_model(setting)):
            continue
        there = models.committed_seeds(setting) == [models.median_seed(setting, rows)]
        if there and run.setting_id() not in renewed:
            continue
        if deadline and not loading.time_for(setting, deadline):
            continue
        try:
            data = loading.judged(setting, loading.loaded(run)).to(device)
        except loading.UNUSABLE as error:  # a cluster's workers may have it
            warnings.warn(f"no model of {run.title()} is committed: {error}", stacklevel=3)
            continue
        if deadline is None or Pace(deadline, setting, data, Hardware(device)).allows_pass():
            models.commit_median(setting, rows, data)


def _any_model(setting: Setting) -> bool:
    last = setting.run.all_steps()
    return any(models.model_path(setting.run, s, last).exists() for s in setting.seeds)
