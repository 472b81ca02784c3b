"""Rows of experiments as tables of runs, and figures of what they say over all seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from disentangled.plotting import COLOURS, finish

INTERVAL = 0.90
"""Chen et al. draw 90 % intervals; so do we: Student's interval of the mean over seeds."""

BARS = "bars: 90 % interval of the mean (Student)"

METHODS = {
    "vae": ("VAE", COLOURS["grey"]),
    "beta_vae": ("β-VAE", COLOURS["blue"]),
    "beta_tcvae": ("β-TCVAE", COLOURS["vermilion"]),
    "factor_vae": ("FactorVAE", COLOURS["green"]),
    "beta_tcvae_dlib": ("β-TCVAE as in disentanglement_lib", COLOURS["orange"]),
    "factor_vae_dlib": ("FactorVAE as in disentanglement_lib", COLOURS["sky"]),
}
"""Label and colour of each objective, the same in every figure."""

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


def curves(runs: pd.DataFrame, x: str, y: str, labels: tuple[str, str], *, profile: str) -> Figure:
    """Averages over seeds of x and y along β, with intervals both ways (Figures 2 and 4)."""
    figure, axes = plt.subplots(figsize=(6.6, 3.9))
    for objective in ("beta_vae", "beta_tcvae"):
        label, colour = METHODS[objective]
        betas = weights_of(runs, objective)
        points = [seeds(runs, objective, beta, x, y) for beta in betas]
        middle = np.array([p.mean(0) for p in points])
        half = np.array([[interval(p[:, 0]), interval(p[:, 1])] for p in points])
        sizes = [25 + 12 * beta for beta in betas]
        x_middle, y_middle = middle.T
        axes.errorbar(
            x_middle, y_middle, xerr=half[:, 0], yerr=half[:, 1], color=colour, lw=1, alpha=0.45
        )
        axes.plot(x_middle, y_middle, color=colour, lw=1.5)
        axes.scatter(x_middle, y_middle, s=sizes, color=colour, label=label, zorder=3)
        for beta, place in zip(betas, middle, strict=True):
            axes.annotate(
                f"{beta:g}", place, xytext=(5, 5), textcoords="offset points", fontsize=8,
                color=colour,
            )  # fmt: skip
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.legend(title="number: β")
    return finish(figure, profile, source(runs), seeds=n_seeds(runs), bars=BARS)


def boxes(
    groups: Mapping[str, tuple[Floats, str]], label: str, runs: pd.DataFrame, *, profile: str
) -> Figure:
    """Quartiles over seeds with every seed as a point: name -> values (S,), colour (Figure 3)."""
    figure, axes = plt.subplots(figsize=(7.6, 0.42 * len(groups) + 1.2))
    names = list(groups)[::-1]
    values = [groups[name][0] for name in names]
    drawn = axes.boxplot(
        values, orientation="horizontal", widths=0.6, showfliers=False, patch_artist=True,
        medianprops={"color": COLOURS["black"]},
    )  # fmt: skip
    for box, name in zip(drawn["boxes"], names, strict=True):
        box.set(facecolor=groups[name][1], alpha=0.35, edgecolor=COLOURS["grey"])
    for height, (name, points) in enumerate(zip(names, values, strict=True), start=1):
        axes.plot(points, np.full(len(points), height), "o", ms=4, color=groups[name][1])
    axes.set_yticks(range(1, len(names) + 1), names)
    axes.set_xlabel(label)
    axes.set_xlim(left=0)
    return finish(
        figure, profile, source(runs), seeds=n_seeds(runs), bars="boxes: quartiles, points: seeds"
    )


def violins(groups: Mapping[str, tuple[Floats, str]], label: str, axes: Axes) -> None:
    """Violins as in Yang et al. 2020: density, median, quartiles (thick), adjacent values (thin).

    groups: name -> values (S,), colour. The density has Gaussian kernels of Scott's width and ends
    at the extremes; adjacent values are the last within 1.5 interquartile ranges of the
    quartiles. Every seed is drawn beside the middle.
    """
    for place, (values, colour) in enumerate(groups.values(), start=1):
        if np.ptp(values) > 0:  # kernels need a spread
            density = stats.gaussian_kde(values)
            height = np.linspace(values.min(), values.max(), 100)
            half = 0.4 * density(height) / density(height).max()
            axes.fill_betweenx(height, place - half, place + half, color=colour, alpha=0.35, lw=0)
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        reach = 1.5 * (high - low)
        near = values[(values >= low - reach) & (values <= high + reach)]
        axes.vlines(place, near.min(), near.max(), color=COLOURS["black"], lw=1)
        axes.vlines(place, low, high, color=COLOURS["black"], lw=5)
        axes.plot(np.full(len(values), place + 0.2), values, "o", ms=4, color=colour, alpha=0.7)
        axes.plot(place, middle, "o", ms=4.5, color="white", mec=COLOURS["black"], mew=0.5)
    axes.set_xticks(range(1, len(groups) + 1), list(groups))
    axes.set_ylabel(label)


def convergence(runs: pd.DataFrame, column: str, label: str, *, profile: str) -> Figure:
    """A score at the milestone against the same run's score at its end, seed by seed."""
    finished = runs[runs.groupby("run_id")["step"].transform("nunique") > 1]
    early = finished[~finished["last"]].set_index("run_id")[column]
    late = finished[finished["last"]].set_index("run_id").loc[early.index]
    labels = (f"{label} at half the steps", f"{label} at the end")
    return _run_by_run(late, early, column, labels, profile)


def redrawn(
    runs: pd.DataFrame, before: Mapping[str, float], column: str, label: str, *, profile: str
) -> Figure:
    """A score of runs against what an earlier draw of the same runs had.

    runs: as of `settled`; those that the earlier draw lacks are left out.
    before: the score of the earlier draw by run_id.
    """
    again = runs[runs["run_id"].isin(before)].set_index("run_id")
    labels = (f"{label} in the earlier draw", f"{label} now")
    return _run_by_run(again, again.index.map(before), column, labels, profile)


def _run_by_run(
    runs: pd.DataFrame, x: ArrayLike, column: str, labels: tuple[str, str], profile: str
) -> Figure:
    """A point a run, its column against x, with the diagonal."""
    figure, axes = plt.subplots(figsize=(4.6, 4.2))
    x = np.asarray(x, dtype=np.float64)
    for objective, (name, colour) in METHODS.items():
        of_it = (runs["objective"] == objective).to_numpy()
        if of_it.any():
            axes.scatter(x[of_it], runs[column][of_it], s=14, color=colour, label=name)
    ends = [
        min(axes.get_xlim()[0], axes.get_ylim()[0]),
        max(axes.get_xlim()[1], axes.get_ylim()[1]),
    ]
    axes.plot(ends, ends, color=COLOURS["grey"], lw=0.8, zorder=0)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.legend(fontsize=8)
    return finish(
        figure, profile, source(runs), seeds=n_seeds(runs), bars="a point is a run, no bars"
    )


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
