"""Separated attribute predictability: how much better is the best axis than the second best?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from disentangled.arrays import entry, whole
from disentangled.metrics import inputs
from disentangled.metrics.held_out import rows
from disentangled.metrics.inputs import DEAD_VARIANCE, Floats, Labels
from disentangled.metrics.mig import gaps
from disentangled.types import Score

Kind = Literal["r2", "classifier", "logistic"]

PENALTY = 0.01
"""C of the support vector machine."""


@entry
def sap(
    codes: Any,
    factors: Any,
    *,
    kind: Kind,
    n_train: int = 10_000,
    n_eval: int = 5_000,
    generator: torch.Generator | None = None,
    features: Sequence[Sequence[int]] | None = None,
) -> Score:
    r"""Mean over factors of the best axis' predictability minus that of the second best.

        SAP = 1/K Σ_k (S_ak - S_bk),   a, b: the two axes of largest S_jk

    kind "r2": S_jk is the squared correlation of axis j and the values of factor k, over all
    rows, and 0 where the axis' variance is at most 1e-12; for ordered factors. kind
    "classifier": S_jk is the accuracy, on rows not trained on, of a linear support vector machine
    on axis j alone (squared hinge, C = 0.01, balanced classes, one against the rest). kind
    "logistic": the same accuracy of a logistic regression, on the axis in units of its standard
    deviation, with the penalty that scikit-learn begins with. The kinds live on different scales
    (for dSprites "r2" is about 0.5 and "classifier" 0.1) and must not be compared.

    A feature of several axes counts as one: "r2" then is that of least squares on its axes, and
    "logistic" regresses on them together; "classifier" reads single axes alone.

    Args:
        codes: (N, D).
        factors: (N, K); for "r2" the values count, and may be continuous; for classifiers only
            which are equal, so that they must be discrete.
        n_train, n_eval: rows of the classifiers, apart; at most two thirds of N, and the rest.
        generator: draws those rows, on the CPU; by default one of seed 0.
        features: for each feature its axes; by default every axis is one.

    Returns: Score in [0, 1]; parts: scores (K, features), gap (K,).

    **Error**: an accuracy is sampled, standard error at most 0.007 at 5,000 rows. An
    axis that knows nothing scores about 1 / V_k, and a linear machine seldom singles out the
    middle of ordered values: even the identity, centred, scores 1 on 3 values, 0.66 on 6, 0.2 on
    10 and 0.05 on 40. The bias is penalised too, so a shift of the codes moves the score. A
    logistic regression does tell ordered values apart. "r2" is high by 1/N an axis where axes and
    factor are independent.

    Raises: ValueError on another kind, on NaN, on a constant factor, on lengths that differ, on
    bad features; of classifiers on a continuous factor, and on n_train or n_eval below 1; of kind
    "classifier" on a feature of several axes.

    Source: Kumar et al. 2018, section 3; "classifier" as Locatello et al. 2019 set it, "logistic"
    as appendix D of paper B has it for discrete factors.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {get_args(Kind)}, got {kind!r}")
    n_train, n_eval = whole(n_train, "n_train", 1), whole(n_eval, "n_eval", 1)
    code, first = inputs.by_feature(inputs.codes(codes), features)
    blocks = np.split(code, first[1:], axis=1)
    if kind == "r2":
        scores = _explained(blocks, inputs.measured(factors, len(code)))
    else:
        labels = inputs.factors(factors, len(code)).labels
        generator = generator or torch.Generator().manual_seed(0)
        train, evaluation = rows(len(code), n_train, n_eval, generator)
        guesses = _by_machines if kind == "classifier" else _by_logistic_regression
        scores = np.empty((labels.shape[1], len(blocks)))
        for k, label in enumerate(labels.T):
            values, trained = np.unique(label[train], return_inverse=True)
            for j, block in enumerate(blocks):
                guess = guesses(block[train], trained, block[evaluation])
                scores[k, j] = (values[guess] == label[evaluation]).mean()
    gap = gaps(scores)
    return Score(float(gap.mean()), {"scores": scores, "gap": gap})


def _explained(blocks: list[Floats], factors: Floats) -> Floats:
    """Share of each factor's variance that least squares on each block explains, (K, blocks)."""
    factors = factors - factors.mean(0)
    factors /= np.abs(factors).max(0)  # squares of tiny ones would be 0
    factors /= np.sqrt((factors**2).sum(0))
    scores = np.empty((factors.shape[1], len(blocks)))
    for j, block in enumerate(blocks):
        basis, size, _ = np.linalg.svd(block - block.mean(0), full_matrices=False)
        basis = basis[:, size**2 > DEAD_VARIANCE * len(block)]
        scores[:, j] = ((factors.T @ basis) ** 2).sum(1)
    return scores


def _by_machines(seen: Floats, label: Labels, new: Floats) -> Labels:
    if seen.shape[1] > 1:
        raise ValueError(
            f"kind 'classifier' reads single axes, got a feature of {seen.shape[1]}; "
            "use kind 'logistic'"
        )
    slope, bias = support_vector_machines(seen[:, 0], label)
    guess: Labels = (new * slope + bias).argmax(1)
    return guess


def _by_logistic_regression(seen: Floats, label: Labels, new: Floats) -> Labels:
    if not label.any():  # one value alone was drawn
        return np.zeros(len(new), np.int64)
    variance = seen.var(0)
    unit = np.where(variance > DEAD_VARIANCE, np.sqrt(variance), np.inf)
    model = LogisticRegression(max_iter=1_000).fit((seen - seen.mean(0)) / unit, label)
    guess: Labels = model.predict((new - seen.mean(0)) / unit)
    return guess


def support_vector_machines(x: Floats, label: Labels) -> tuple[Floats, Floats]:
    r"""The linear machine of every value against the rest on one axis: slopes, biases (V,).

        min over (w, b) of (w² + b²) / 2 + Σ_i C_i max(0, 1 - y_i (w x_i + b))²

    with C_i = C N / (V N_v) for the rows of value v itself and C for the rest (for two values
    both are so balanced, and the second machine is the negative of the first).

    The objective is piecewise quadratic, and rows inside the margin lie on one side of a
    threshold on x. So with the rows sorted once and running sums of 1, x and x², a Newton step
    of all V machines costs two binary searches; it ends at the exact minimum.

    Args: x (N,) finite; label (N,), each of 0 .. V-1 at least once.
    """
    order = np.argsort(x)
    x, label = x[order], label[order]
    n, count = len(x), np.bincount(label)
    target = np.arange(len(count)) if len(count) != 2 else np.array([1])
    weight = PENALTY * n / (len(count) * count)
    own_weight = weight[target]
    rest_weight = weight[1 - target] if len(count) == 2 else np.full(len(count), PENALTY)

    by_value = np.argsort(label.astype(np.min_scalar_type(len(count))), kind="stable")
    key = label[by_value] * (n + 1) + by_value  # increasing: value first, then place in x
    sums, own_sums = _running_sums(x), _running_sums(x[by_value])
    first = np.cumsum(count)[target] - count[target]
    own_total = own_sums[first + count[target]] - own_sums[first]

    def inside(slope: Floats, bias: Floats) -> tuple[Floats, Floats]:
        """Sums over the rows of the value, and over the rest, that lie inside the margin."""
        # a slope of -0 becomes 0; at 0, or next to it, the edges lie beyond all rows
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            edges = np.nan_to_num(np.stack([1 - bias, -1 - bias]) / (slope + 0.0))
        rank = np.searchsorted(x, edges)
        below = own_sums[np.searchsorted(key, target * (n + 1) + rank)] - own_sums[first]
        rising = (slope >= 0)[:, None]
        own = np.where(rising, below[0], own_total - below[0])
        rest_below = sums[rank[1]] - below[1]
        return own, np.where(rising, sums[n] - own_total - rest_below, rest_below)

    def expand(w: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
        """Objective (V,), gradient (V, 2) and Hessian (V, 2, 2)."""
        value, gradient = 0.5 * (w * w + b * b), np.stack([w, b], 1)
        hessian = np.tile(np.eye(2), (len(w), 1, 1))
        for s, c, side in zip(
            inside(w, b), (own_weight, rest_weight), (b - 1, b + 1), strict=True
        ):
            one, linear, square = s.T
            value = value + c * (w * w * square + 2 * w * side * linear + side * side * one)
            slope_force = w * square + side * linear
            bias_force = w * linear + side * one
            gradient += 2 * c[:, None] * np.stack([slope_force, bias_force], 1)
            curvature = np.stack([square, linear, linear, one], 1).reshape(-1, 2, 2)
            hessian += 2 * c[:, None, None] * curvature
        return value, gradient, hessian

    point = np.zeros((len(target), 2))
    value, gradient, hessian = expand(*point.T)
    for _ in range(100):
        step = -np.linalg.solve(hessian, gradient[..., None])[..., 0]
        fall = -(step * gradient).sum(1)
        if (fall <= 1e-15 * value).all():
            break
        length = np.ones(len(target))
        while True:
            trial = point + length[:, None] * step
            new, gradient, hessian = expand(*trial.T)
            stuck = (new > value - 1e-4 * length * fall) & (fall > 1e-15 * value)
            if not stuck.any():
                break
            length[stuck] /= 2
        point, value = trial, new
    slope, bias = point.T
    if len(count) == 2:
        slope, bias = np.append(-slope, slope), np.append(-bias, bias)
    return slope, bias


def _running_sums(x: Floats) -> Floats:
    """Sums of 1, x and x² over the first 0 .. N entries, (N + 1, 3)."""
    return np.pad(np.cumsum(np.stack([np.ones_like(x), x, x * x], 1), axis=0), ((1, 0), (0, 0)))
