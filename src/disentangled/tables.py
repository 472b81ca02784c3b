"""Rows as tables of runs, a line a run and step, and what tables are asked for."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

INTERVAL = 0.90
"""Chen et al. draw 90 % intervals; so do we: Student's interval of the mean over seeds."""

LEFT_OUT = ("mig_gap", "best_mutual_info", "decoded_r2", "mapped_mig", "probe_r2")

Floats = NDArray[np.float64]


def per_run(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a run and step: its setting, and its quantities as columns.

    weight is the β or the γ of the run, sigma the correlation of its noise; `last` marks its last
    step. Quantities that come by several codes or factors have them in their name:
    gaussian_tc_mean, gaussian_tc_sample, mig_with_shape; those of a single factor, and those of
    mapped codes, are left out.
    """
    weights = rows["weights"].map(json.loads)
    named = rows.assign(
        weight=weights.map(lambda w: w.get("beta", w.get("gamma", 1.0))),
        sigma=rows["noise"].map(correlation_of),
        column=[
            f"gaussian_tc_{code}"
            if quantity == "gaussian_tc"
            else "mig_with_shape"
            if quantity == "mig" and "shape" in factors.split()
            else quantity
            for quantity, code, factors in zip(
                rows["quantity"], rows["code"], rows["factors"], strict=True
            )
        ],
    )
    named = named[~named["quantity"].isin(LEFT_OUT)]
    setting = ["objective", "weight", "encoder", "sigma", "dataset", "source"]
    setting += ["seed", "run_id", "step"]
    table = named.pivot(index=setting, columns="column", values="value").reset_index()
    table.columns.name = None
    table["last"] = table["step"] == table.groupby("run_id")["step"].transform("max")
    return table


def correlation_of(noise: str) -> float:
    """σ of a row's column `noise`: "independent", or "equicorrelated σ"."""
    return 0.0 if noise == "independent" else float(noise.removeprefix("equicorrelated "))


def settled(runs: pd.DataFrame) -> pd.DataFrame:
    """The last step of every run that did not stop early."""
    done = runs[runs["last"]]
    return done[done["stopped"].isna()] if "stopped" in done else done


def seeds(runs: pd.DataFrame, objective: str, weight: float, *columns: str) -> Floats:
    """Values over the seeds of a setting: (S,), or (S, columns) where several are asked for.

    The plain VAE is the setting of weight 1 of both β-VAE and β-TCVAE.
    """
    chosen = _setting(runs, objective, weight)
    values = chosen.sort_values("seed")[list(columns)].to_numpy(dtype=np.float64)
    return values[:, 0] if len(columns) == 1 else values


def _setting(runs: pd.DataFrame, objective: str, weight: float) -> pd.DataFrame:
    if weight == 1.0 and objective in ("beta_vae", "beta_tcvae"):
        objective = "vae"
    return runs[(runs["objective"] == objective) & (runs["weight"] == weight)]


def weights_of(runs: pd.DataFrame, objective: str) -> list[float]:
    """The weights that the objective was trained with, in order; from 1 for β-VAE, β-TCVAE."""
    own = sorted(float(w) for w in runs.loc[runs["objective"] == objective, "weight"].unique())
    return [1.0, *own] if objective in ("beta_vae", "beta_tcvae") else own


def interval(values: Floats) -> float:
    """Half the width of Student's interval of the mean over seeds (S,); 0 for a single seed."""
    if len(values) < 2:
        return 0.0
    quantile = stats.t.ppf((1 + INTERVAL) / 2, len(values) - 1)
    return float(quantile * values.std(ddof=1) / np.sqrt(len(values)))


def height_at_equal_abscissa(one: Floats, other: Floats, *, points: int = 50) -> float:
    """Mean difference of two curves over the range of abscissae that both cover.

    Args:
        one, other: (P, 2), abscissa and ordinate of the points, joined by straight lines in
            the order of their abscissae.
        points: abscissae, evenly spaced, at which the curves are compared.

    Returns:
        mean of one - other; NaN where the ranges do not meet.
    """
    one, other = (curve[curve[:, 0].argsort()] for curve in (one, other))
    low, high = max(one[0, 0], other[0, 0]), min(one[-1, 0], other[-1, 0])
    if low > high:
        return float("nan")
    at = np.linspace(low, high, points)
    return float((np.interp(at, *one.T) - np.interp(at, *other.T)).mean())


def median_seed(runs: pd.DataFrame, objective: str, weight: float, column: str) -> pd.Series[Any]:
    """The run of a setting whose score is the median (the upper one of an even number)."""
    chosen = _setting(runs, objective, weight)
    return chosen.sort_values(column).iloc[len(chosen) // 2]


def source(runs: pd.DataFrame) -> str:
    """Data set and source as captions name them."""
    found = runs[["dataset", "source"]].drop_duplicates()
    return ", ".join(
        f"{name} ({origin})"
        for name, origin in zip(found["dataset"], found["source"], strict=True)
    )


def n_seeds(runs: pd.DataFrame) -> int:
    """The smallest number of seeds that a setting of the table has."""
    return int(runs.groupby(["objective", "weight", "dataset"])["seed"].nunique().min())
