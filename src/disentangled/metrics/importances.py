"""How much each axis matters to a learned predictor of a factor, for `dci`.

A learner takes codes (n, D) and the values (n,) of one factor, and returns how much every axis
mattered, (D,), which sums to one or is zero, with a function from codes to predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.model_selection import KFold

from disentangled.metrics.inputs import Floats

Learned = tuple[Floats, Callable[[Floats], Any]]

DEPTHS = range(2, 16)
"""Depths that cross-validation chooses from."""

FOLDS = 3

STAGE_DEPTH = 3

LEARNING_RATE = 0.1


def forest(code: Floats, label: Floats, *, depth: int, n_trees: int, seed: int) -> Learned:
    """Regression forest: importance is the fall of the squared error at the splits of an axis.

    The fall is a share of the whole fall in every tree, and the mean over trees is taken.
    """
    trees = RandomForestRegressor(n_trees, max_depth=depth, random_state=seed).fit(code, label)
    return trees.feature_importances_, trees.predict


def boosting(code: Floats, label: Any, *, n_stages: int, seed: int) -> Learned:
    """Gradient boosting of a classifier by histograms: importance is the gain of an axis' splits.

    The gain of a split is the fall of the loss to second order; all trees' gains are added. The
    settings are those that scikit-learn's `GradientBoostingClassifier` begins with: trees of depth
    3, rate 0.1, leaves of one row.
    """
    model = HistGradientBoostingClassifier(
        max_iter=n_stages, max_depth=STAGE_DEPTH, learning_rate=LEARNING_RATE, min_samples_leaf=1,
        early_stopping=False, random_state=seed,
    ).fit(code, label)  # fmt: skip
    gain = np.zeros(code.shape[1])
    for stage in model._predictors:  # no public attribute has the trees
        for tree in stage:
            split = tree.nodes[tree.nodes["is_leaf"] == 0]
            np.add.at(gain, split["feature_idx"], split["gain"])
    total = gain.sum()
    return gain / (total if total > 0 else 1.0), model.predict


def best_depth(code: Floats, label: Floats, *, n_trees: int, seed: int) -> int:
    """The depth in 2 .. 15 of largest R² of a forest, in the mean of three folds.

    A tree of depth 3 is the top of the deeper tree on the same rows, so one deep forest a fold
    predicts for all depths: what a search that grows each depth anew finds, 9 times sooner, but
    for splits that tie, between which chance decides.
    """
    r2 = np.zeros(len(DEPTHS))
    for seen, judged in KFold(FOLDS).split(code):
        deep = RandomForestRegressor(n_trees, max_depth=DEPTHS[-1], random_state=seed)
        predicted = by_depth(deep.fit(code[seen], label[seen]), code[judged])
        wrong = ((label[judged] - predicted) ** 2).sum(1)
        r2 -= wrong / ((label[judged] - label[judged].mean()) ** 2).sum() / FOLDS
    return DEPTHS[int(np.argmax(r2))]


def by_depth(trees: RandomForestRegressor, code: Floats) -> Floats:
    """Predictions (depths, n) of a forest cut off at each of `DEPTHS`."""
    total = np.zeros((len(DEPTHS), len(code)))
    for tree in trees.estimators_:
        # the nodes that each row passes; children have larger numbers than their parents
        path = tree.decision_path(code)
        path.sort_indices()
        last = path.indptr[1:] - 1
        for place, depth in enumerate(DEPTHS):
            node = path.indices[np.minimum(path.indptr[:-1] + depth, last)]
            total[place] += tree.tree_.value[node, 0, 0]
    return total / len(trees.estimators_)
