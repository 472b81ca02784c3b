"""Rows as tables of runs, a line a run and step, and what tables are asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from disentangled.experiments import PROFILES, variants
from disentangled.objectives import OBJECTIVES
from disentangled.runs import known

INTERVAL = 0.90
"""Chen et al. draw 90 % intervals; so do we: Student's interval of the mean over seeds."""

LEFT_OUT = ("mapped_mig",)
"""Quantities that need a pick: their estimator names the map that a code went through."""

OF_BOTH_CODES = ("gaussian_tc", "neighbour_tc", "tree_tc", "disintegration")
"""Quantities of means and of samples, whose columns carry the code."""

AT_ONE = {"beta": "vae"}
"""The objective that a swept weight of this name leaves at 1, whichever objective it is of."""

SETTING = [
    "objective", "weight", "encoder", "sigma", "dataset", "source", "seed", "run_id", "step",
    "profile",
]  # fmt: skip

KIND = ["quantity", "estimator", "code", "factors"]
"""What tells the numbers of a run and step apart."""

Floats = NDArray[np.float64]
Pick = Mapping[str, str | tuple[str, ...]]


def per_run(rows: pd.DataFrame, *, pick: Pick | None = None) -> pd.DataFrame:
    """One line a run and step: its setting, and its quantities as columns.

    weight is that of the objective's recipe that experiments vary (`Recipe.swept`), 1 where there
    is none; sigma the correlation of its noise; `last` marks its last step. Without a pick a
    column has its quantity's name, but mig_with_shape and, for example, gaussian_tc_mean and
    gaussian_tc_sample (see `OF_BOTH_CODES`); quantities that come factor by factor and those of
    `LEFT_OUT` are left out.

    Args:
        pick: columns by name, each a quantity, or (quantity, estimator, code, factors) from the
            left as far as is needed, "" for any: {"total_corr": ("total_corr", "data set, 4096
            codes"), "tc_naive": ("total_corr", "naive")}. Of a quantity that is picked the table
            has these columns alone.

    Raises:
        ValueError: two numbers of a run and step in one column, a pick that is no row, an unknown
            objective, or a row without its swept weight.
    """
    _check(rows, [*KIND, "value", "objective", "weights", "noise", "run_id", "step"])
    pairs = list(zip(rows["objective"], rows["weights"], strict=True))
    weights = {pair: swept_weight(*pair) for pair in set(pairs)}
    named = rows.assign(
        weight=[weights[pair] for pair in pairs],
        sigma=rows["noise"].map(correlation_of),
        column=[
            f"{quantity}_{code}"
            if quantity in OF_BOTH_CODES
            else f"{quantity}_with_shape"
            if quantity in ("mig", "mig_active") and "shape" in factors.split()
            else quantity
            for quantity, code, factors in zip(
                rows["quantity"], rows["code"], rows["factors"], strict=True
            )
        ],
    )
    if not isinstance(pick := pick or {}, Mapping):
        raise ValueError(f"pick must be a dict, columns by name, got {pick!r}")
    wanted = {name: (k,) if isinstance(k, str) else tuple(k or ()) for name, k in pick.items()}
    kinds = {part for kind in wanted.values() for part in kind[:1]}
    elsewhere = {*_factor_by_factor(rows), *LEFT_OUT, *kinds}
    picked = [_picked(named, name, kind) for name, kind in wanted.items()]
    named = pd.concat([named[~named["quantity"].isin(elsewhere)], *picked])
    _refuse_two_numbers_in_one_place(named)
    table = named.pivot(index=SETTING, columns="column", values="value").reset_index()
    table.columns.name = None
    is_last = table["step"] == table.groupby("run_id")["step"].transform("max")
    table["last"] = is_last.astype(bool)  # also without any rows
    return table


def _check(table: Any, columns: Sequence[str]) -> None:
    """A table must have these columns.

    Raises:
        ValueError: no table, or columns that are missing.
    """
    if not isinstance(table, pd.DataFrame) or not set(columns) <= set(table.columns):
        came = list(table.columns) if isinstance(table, pd.DataFrame) else type(table).__name__
        raise ValueError(
            f"expected a table with the columns {', '.join(columns)}, as `sweeps.rows` and "
            f"`per_run` give it, got {came}"
        )


def _factor_by_factor(rows: pd.DataFrame) -> set[str]:
    """Quantities that a run has several times, each time for one factor."""
    single = rows[rows["factors"].str.fullmatch(r"\S+")]
    n_factors = single.groupby(["run_id", "step", *KIND[:3]])["factors"].nunique()
    return set(n_factors[n_factors > 1].index.get_level_values("quantity"))


def _picked(rows: pd.DataFrame, name: str, kind: tuple[str, ...]) -> pd.DataFrame:
    """The rows that a pick means, under its name."""
    if not 1 <= len(kind) <= len(KIND) or name in [*SETTING, "last"]:
        raise ValueError(
            f"a pick gives ({', '.join(KIND)}), from the left as far as is needed, under a name"
            f" that no column of the setting has; got {name!r}: {kind}"
        )
    chosen = rows
    for part, value in zip(KIND, kind, strict=False):
        chosen = chosen[(chosen[part] == value) | (value == "")]
    if chosen.empty:
        there = _kinds(rows[rows["quantity"] == kind[0]]) or sorted(rows["quantity"].unique())
        raise ValueError(f"no row is {kind}, picked as {name!r}; choose one of {there}")
    return chosen.assign(column=name)


def _kinds(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    return list(rows[KIND].drop_duplicates().itertuples(index=False, name=None))


def _refuse_two_numbers_in_one_place(named: pd.DataFrame) -> None:
    place = ["run_id", "step", "column"]
    twice = named[named.duplicated(place, keep=False)]
    if twice.empty:
        return
    run_id, step, column = twice[place].iloc[0]
    kinds = _kinds(twice[(twice[place] == twice[place].iloc[0]).all(axis=1)])
    if len(kinds) == 1:
        raise ValueError(f"run {run_id} has {kinds[0]} of step {step} twice; give each row once")
    example = {f"{column}_{n}" if n else column: kind for n, kind in enumerate(kinds)}
    raise ValueError(
        f"{column} of run {run_id}, step {step}, is {len(kinds)} numbers; say which columns the"
        f" table should have, and as what: per_run(rows, pick={example})"
    )


def swept_weight(objective: str, weights: str) -> float:
    """The weight that experiments vary, of a row's `objective` and `weights`; 1 without one.

    Raises:
        ValueError: an unknown objective, or a swept weight that its recipe or the row lacks.
    """
    known("objective", objective, OBJECTIVES)
    recipe, found = OBJECTIVES[objective], json.loads(weights)
    if not recipe.swept:
        return 1.0
    for where, names in (("its recipe", recipe.weights), ("a row", found)):
        if recipe.swept not in names:
            raise ValueError(
                f"{objective} sweeps {recipe.swept!r}, and {where} has the weights"
                f" {sorted(names)}; name one of them as `swept` in the recipe, or mend the row"
            )
    return float(found[recipe.swept])


def rank(objective: str) -> int:
    """The objective's place in the registry, whose order tables, legends and colours follow."""
    known("objective", objective, OBJECTIVES)
    return list(OBJECTIVES).index(objective)


def correlation_of(noise: str) -> float:
    """σ of a row's column `noise`: "independent", or "equicorrelated σ"."""
    return 0.0 if noise == "independent" else float(noise.removeprefix("equicorrelated "))


def settled(runs: pd.DataFrame) -> pd.DataFrame:
    """The last step of every run that did not stop early."""
    done = runs[runs["last"]]
    return done[done["stopped"].isna()] if "stopped" in done else done


def grid(runs: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """The runs of an experiment but for its variants (see `Setting.variant`).

    Objective and weight do not tell a variant from the setting that it varies: whoever asks for
    them asks the table of the grid.
    """
    _check(runs, ["run_id", "profile"])
    return runs[~runs["run_id"].isin(list(_variants(runs, experiment)))]


def variant(runs: pd.DataFrame, experiment: str, name: str) -> pd.DataFrame:
    """The runs of an experiment that are the variant of this name; none where there are none.

    Raises:
        ValueError: a name that no profile of the table declares; the message lists the names.
    """
    _check(runs, ["run_id", "profile"])
    named = _variants(runs, experiment)
    if named:
        known(f"variant of {experiment}", name, dict.fromkeys(named.values()))
    return runs[runs["run_id"].isin([run_id for run_id, of in named.items() if of == name])]


def _variants(runs: pd.DataFrame, experiment: str) -> dict[str, str]:
    """run_id -> name, of all variants that the profiles of the table declare."""
    found = [variants(experiment, profile) for profile in runs["profile"].unique()]
    return {run_id: name for of_profile in found for run_id, name in of_profile.items()}


def seeds(runs: pd.DataFrame, objective: str, weight: float, *columns: str) -> Floats:
    """Values over the seeds of a setting: (S,), or (S, columns) where several are asked for.

    The plain VAE is the setting of weight 1 of every objective that sweeps β (`AT_ONE`).
    """
    chosen = _setting(runs, objective, weight)
    values = chosen.sort_values("seed")[list(columns)].to_numpy(dtype=np.float64)
    return values[:, 0] if len(columns) == 1 else values


def _setting(runs: pd.DataFrame, objective: str, weight: float) -> pd.DataFrame:
    if weight == 1.0:
        objective = _at_one(objective) or objective
    return runs[(runs["objective"] == objective) & (runs["weight"] == weight)]


def _at_one(objective: str) -> str:
    """The objective that this one becomes where its swept weight is 1, or nothing."""
    known("objective", objective, OBJECTIVES)
    return AT_ONE.get(OBJECTIVES[objective].swept, "")


def weights_of(runs: pd.DataFrame, objective: str) -> list[float]:
    """The weights that the objective was trained with, in order.

    From 1 on where the table has the plain VAE, and that is the objective of weight 1.
    """
    own = {float(w) for w in runs.loc[runs["objective"] == objective, "weight"].unique()}
    at_one = (runs["objective"] == _at_one(objective)).any()
    return sorted({1.0, *own} if at_one else own)


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


def by_profile(runs: pd.DataFrame, profile: str) -> dict[str, pd.DataFrame]:
    """The runs of each profile, those of the page's first; all of them if there is no other."""
    names = [n for n in dict.fromkeys(runs["profile"]) if n] if "profile" in runs else []
    if len(names) < 2:
        return {profile: runs}
    names.sort(key=lambda name: (name != profile, list(PROFILES).index(name)))
    return {name: runs[runs["profile"] == name] for name in names}


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
