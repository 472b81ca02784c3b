"""What every metric asks of its arrays: finite codes (N, D), factors (N, K).

Scores that count values ask for `factors`, which are discrete. Those that regress take `ordered`
or `measured` ones, which may be continuous.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from disentangled.arrays import EPS, array, numbers, several, whole
from disentangled.estimators.dataset import LARGEST, LARGEST_LOGVAR

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

CONTINUOUS = 0.5
"""A factor with more distinct values than this share of its rows is continuous."""

NEAR, NEAR_ZERO = 1e-6, 1e-7
"""Floats that are no further apart, relative to the larger one, may be one number, rounded in two
ways; and next to 0, relative to the largest of all."""

DEAD_VARIANCE = 1e-12
"""An axis, or a direction in a feature, of no larger variance is taken as constant."""


def codes(values: Any, name: str = "codes") -> Floats:
    """Finite float64 array (N, D), N >= 2, from all that `arrays.array` takes.

    Raises: ValueError on missing values, on another shape, or naming the first axis that holds NaN
    or infinity, or numbers beyond `LARGEST`, whose squares would become infinite.
    """
    code: Floats = np.asarray(numbers(values, name), np.float64)
    if code.ndim != 2 or code.shape[0] < 2 or code.shape[1] < 1:
        raise ValueError(f"{name} must be (N, D) with N >= 2 and D >= 1, got shape {code.shape}")
    finite = np.isfinite(code)
    if not finite.all():
        axis = int(np.argmin(finite.all(axis=0)))
        bad = int((~finite[:, axis]).sum())
        raise ValueError(
            f"{name} must be finite, but axis {axis} holds {bad} NaN or infinite "
            f"values of {len(code)}: the model diverged, or logvar overflowed"
        )
    most = np.abs(code).max(axis=0)
    if (most > LARGEST).any():
        axis = int(np.argmax(most > LARGEST))
        raise ValueError(
            f"{name} must lie between {-LARGEST:g} and {LARGEST:g}, but axis {axis} holds numbers "
            f"as large as {most[axis]:.3g}: the model diverged"
        )
    return code


def log_variances(values: Any) -> Floats:
    """Log-variances (N, D) of codes, as `codes`, whose exponentials are no infinity and not 0.

    Raises: ValueError as `codes`, and beyond `LARGEST_LOGVAR`.
    """
    logvar = codes(values, "logvar")
    most = float(np.abs(logvar).max())
    if most > LARGEST_LOGVAR:
        raise ValueError(
            f"logvar must lie between {-LARGEST_LOGVAR:g} and {LARGEST_LOGVAR:g}, got entries as "
            f"large as {most:.3g}: pass logarithms of variances; if they are, the model diverged"
        )
    return logvar


class Factors(NamedTuple):
    """Discrete factors: labels (N, K), each 0 .. V_k - 1, and how often each value occurs."""

    labels: Labels
    counts: list[Labels]  # K arrays (V_k,)

    def entropies(self) -> Floats:
        """Empirical entropy of every factor, (K,), nats."""
        shares = [count / count.sum() for count in self.counts]
        return np.array([-(p * np.log(p)).sum() for p in shares])


def factors(values: Any, n: int, names: Sequence[str] | None = None) -> Factors:
    """Factors (n, K): the distinct values of a column, numbers or names, are its classes.

    Raises: ValueError when the shape is not (n, K); when values are missing or not finite; when a
    column is constant (its entropy is 0, so no score is defined); when it has more than n / 2
    values (continuous: bin it first, or use a score that regresses); when floats are so near each
    other that they may be one value.
    """
    table = _table(values, n, names)
    labels = np.empty(table.shape, np.int64)
    counts = []
    for k, column in enumerate(table.T):
        _check_column(column, _called(k, names))
        found, labels[:, k], count = np.unique(column, return_inverse=True, return_counts=True)
        if len(count) > CONTINUOUS * n:
            raise ValueError(
                f"{_called(k, names)} is continuous ({len(count)} values in {n} rows), and this "
                f"score is defined for discrete factors alone: bin it first (np.digitize), or "
                f"use linear_r2, neighbour_r2 or sap(kind='r2'), which take it as it is"
            )
        _check_apart(found, _called(k, names))
        counts.append(count.astype(np.int64))
    return Factors(labels, counts)


def measured(values: Any, n: int, names: Sequence[str] | None = None) -> Floats:
    """Factors (n, K), discrete or continuous, as the numbers that they are: float64.

    Raises: ValueError as `factors`, but for continuous columns.
    """
    table = _table(numbers(values, "factors"), n, names)
    for k, column in enumerate(table.T):
        _check_column(column, _called(k, names))
    measures: Floats = np.asarray(table, np.float64)
    return measures


def ordered(values: Any, n: int, names: Sequence[str] | None = None) -> Floats:
    """Factors (n, K) in their order: integers number values, floats measure something.

    Of integers the ranks 0 .. V_k - 1 of their values, however far apart; floats, discrete or
    continuous, as they are. Both as float64.

    Raises: ValueError as `measured`.
    """
    if np.issubdtype(numbers(values, "factors").dtype, np.floating):
        return measured(values, n, names)
    measured(values, n, names)  # refuses what is none
    columns = numbers(values, "factors").T
    ranks = [np.unique(column, return_inverse=True)[1] for column in columns]
    return np.column_stack(ranks).astype(np.float64)


def by_feature(code: Floats, features: Sequence[Sequence[int]] | None) -> tuple[Floats, Labels]:
    """The axes of a code, feature by feature, and the place where each feature begins.

    `np.add.reduceat(..., first, axis=1)` then adds over a feature's axes. By default every axis is
    a feature. Axes in no feature are left out.

    Raises: ValueError on an empty feature, an axis that is none, or one that is in two features.
    """
    if features is None:
        return code, np.arange(code.shape[1])
    listed = [several(f, "a feature of features") for f in several(features, "features")]
    axes = [whole(axis, "an axis of features", 0, code.shape[1] - 1)
            for feature in listed for axis in feature]  # fmt: skip
    sizes = [len(feature) for feature in listed]
    if not axes or 0 in sizes or len(set(axes)) < len(axes):
        raise ValueError(
            f"features must list for each feature its axes, numbers from 0 to "
            f"{code.shape[1] - 1}, each in one feature at most, got {features!r}"
        )
    return code[:, axes], np.cumsum([0, *sizes[:-1]])


def _table(values: Any, n: int, names: Sequence[str] | None) -> NDArray[Any]:
    table = array(values, "factors")
    if table.ndim != 2 or table.shape[1] < 1:
        raise ValueError(f"factors must be (N, K) with K >= 1, got shape {table.shape}")
    if len(table) != n:
        raise ValueError(f"codes and factors must have as many rows, got {n} and {len(table)}")
    if names is not None and len(names := several(names, "factor_names")) != table.shape[1]:
        raise ValueError(
            f"factor_names must have one name a column of factors, got "
            f"{len(names)} names for {table.shape[1]} columns"
        )
    return table


def _called(k: int, names: Sequence[str] | None) -> str:
    return f"factor {k}" if names is None else f"factor {names[k]!r} (column {k})"


def _check_column(column: NDArray[Any], called: str) -> None:
    if np.issubdtype(column.dtype, np.floating) and not np.isfinite(column).all():
        raise ValueError(f"{called} holds NaN or infinite values")
    if np.issubdtype(column.dtype, np.floating) and float(np.abs(column).max()) > LARGEST:
        raise ValueError(
            f"{called} holds numbers as large as {np.abs(column).max():.3g}, and must lie between "
            f"{-LARGEST:g} and {LARGEST:g}: measure it in a larger unit"
        )
    if (column == column[0]).all():
        raise ValueError(
            f"{called} is constant: its entropy is 0 and no score is defined; "
            f"leave this column out"
        )


def _check_apart(found: NDArray[Any], called: str) -> None:
    """Distinct floats (V,), which rise, must be more than rounding apart; whole numbers are."""
    if not np.issubdtype(found.dtype, np.floating) or (found == np.rint(found)).all():
        return
    found = found.astype(np.float64)
    low, high = found[:-1], found[1:]
    size, largest = np.maximum(np.abs(low), np.abs(high)), np.abs(found).max()
    limit = np.where(low * high > 0, NEAR * size, NEAR_ZERO * largest)
    near = np.flatnonzero(high - low <= np.maximum(limit, 8 * EPS * largest))
    if len(near):
        raise ValueError(
            f"{called} has the values {float(low[near[0]])!r} and {float(high[near[0]])!r}, which "
            "may be one that was rounded in two ways: round them first (np.round(factors, 6)), or "
            "number them (np.unique(..., return_inverse=True)[1])"
        )
