"""DCI on codes of known score, and what it is made of by hand."""

import math

import codes
import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.model_selection import GridSearchCV

from disentangled.metrics import dci_boosting, dci_forest, importances
from disentangled.metrics.dci import completeness, disentanglement

FACTORS = np.tile(codes.grid(4, 4, 4), (6, 1))


def forest(code, factors=FACTORS, **settings):
    return dci_forest(code, factors, depths=[2] * factors.shape[1], **settings)


def boosting(code, factors=FACTORS, **settings):
    return dci_boosting(code, factors, n_stages=20, **settings)


both = pytest.mark.parametrize("dci", [forest, boosting])


def shares(row):
    """1 - H / H of equal shares, by plain loops; 0 of nothing."""
    if sum(row) == 0:
        return 0.0
    entropy = -sum(r / sum(row) * math.log(r / sum(row)) for r in row if r > 0)
    return 1 - entropy / math.log(len(row))


def test_formulas_by_plain_loops():
    table = np.random.default_rng(0).random((3, 5)) ** 3
    table[:, 2] = 0
    table[1] = 0
    by_axis = [shares([table[k, j] for k in range(3)]) for j in range(5)]
    np.testing.assert_allclose(disentanglement(table), by_axis, atol=1e-15)
    np.testing.assert_allclose(completeness(table), [shares(list(row)) for row in table])
    assert completeness(table)[1] == disentanglement(table)[2] == 0
    # shares of 1/2, 1/4, 1/4 of four have 3/2 of the 2 bits that four equal ones have
    np.testing.assert_allclose(completeness(np.array([[2.0, 1.0, 1.0, 0.0]])), 0.25)
    # a single axis is complete, and of a single factor every axis that tells is about it
    np.testing.assert_array_equal(completeness(np.array([[1.0], [0.0]])), [1, 0])
    np.testing.assert_array_equal(disentanglement(np.array([[0.3, 0.0, 0.7]])), [1, 0, 1])


@both
@pytest.mark.parametrize("code", [codes.identity, codes.permuted])
def test_one_axis_a_factor(dci, code):
    found = dci(code(FACTORS))
    assert found.value == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(found.parts["completeness"], 1, atol=1e-12)
    np.testing.assert_allclose(found.parts["informativeness"], 1, atol=1e-12)
    np.testing.assert_allclose(np.sort(found.parts["disentanglement"])[-3:], 1, atol=1e-12)


@both
def test_a_constant_code(dci):
    found = dci(codes.constant(FACTORS))
    assert found.value == 0
    for part in ("importance", "disentanglement", "completeness"):
        assert not found.parts[part].any()
    # the mean explains nothing, and one of four values is right in about a quarter of the rows
    known = 0 if dci is forest else 0.25
    np.testing.assert_allclose(found.parts["informativeness"], known, atol=0.1)


@both
def test_two_factors_on_the_same_axes(dci):
    factors = np.tile(codes.grid(6, 6), (40, 1))
    for code, complete in ((codes.rotated, 0), (codes.merged, 1)):
        found = dci(code(factors), factors)
        assert found.value == pytest.approx(0, abs=0.02)
        np.testing.assert_allclose(found.parts["completeness"], complete, atol=0.02)


def test_a_factor_on_two_axes():
    """Axes that repeat each other are about one factor each; trees choose between them by chance,
    boosted ones take the first."""
    found = forest(codes.duplicated(FACTORS), n_trees=300)
    assert found.value == pytest.approx(1, abs=1e-12)
    halved = 1 - math.log(2) / math.log(6)
    np.testing.assert_allclose(found.parts["completeness"], halved, atol=0.02)
    first = boosting(codes.duplicated(FACTORS)).parts["importance"]
    np.testing.assert_allclose(first, np.eye(3, 6), atol=1e-12)


@both
def test_features_of_several_axes(dci):
    """A feature has the importance of its axes: doubled axes, taken in pairs, are complete."""
    found = dci(codes.duplicated(FACTORS), features=[[0, 3], [4, 1], [2, 5]])
    np.testing.assert_allclose(found.parts["importance"], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(found.parts["completeness"], 1)
    turned = np.column_stack([codes.rotated(FACTORS), FACTORS[:, 2], np.zeros(len(FACTORS))])
    found = dci(turned, features=[[0, 1], [2, 3]])
    np.testing.assert_allclose(found.parts["importance"], [[1, 0], [1, 0], [0, 1]], atol=0.03)
    # of three factors the first feature has two, equally: 1 - log 2 / log 3 at weight 2/3
    assert found.value == pytest.approx(1 - 2 / 3 * math.log(2) / math.log(3), abs=0.03)
    apart, together = dci(turned), dci(turned, features=[[0, 1], [2], [3]])
    summed = np.add.reduceat(apart.parts["importance"], [0, 2, 3], axis=1)
    np.testing.assert_allclose(together.parts["importance"], summed)


def test_the_fall_of_squared_error_is_shared_by_variance():
    """v = 2a + b of fair bits: a explains 4 parts of the variance and b one."""
    bits = np.random.default_rng(0).integers(0, 2, (6000, 2)).astype(float)
    importance, predict = importances.forest(bits, bits @ [2, 1], depth=2, n_trees=20, seed=0)
    np.testing.assert_allclose(importance, [0.8, 0.2], atol=0.01)
    np.testing.assert_allclose(predict(codes.grid(2, 2)), [0, 1, 2, 3], atol=1e-12)


def test_gains_by_hand():
    """a and b of fair bits, one stage. At the start the probability is 1/4, the slope 1/4 - v and
    the curvature 3/16. The first split gains 2 (1/2)² / (3/8) = 4/3 a row of each cell, and the
    second, of the half that still mixes, (1/16 + 9/16) / (3/16) - (1/4) / (3/8) = 8/3."""
    bits = np.tile(codes.grid(2, 2), (50, 1))
    importance, predict = importances.boosting(
        bits.astype(float), bits[:, 0] & bits[:, 1], n_stages=1, seed=0
    )
    np.testing.assert_allclose(np.sort(importance), [1 / 3, 2 / 3], atol=1e-6)
    assert set(predict(bits.astype(float))) <= {0, 1}


def noisy(n=900):
    rng = np.random.default_rng(0)
    code = rng.normal(size=(n, 4))
    return code, (code[:, :3] > 0) @ [4.0, 2.0, 1.0] + rng.normal(size=n)


def test_cut_trees_are_shallow_trees():
    code, label = noisy()
    deep = RandomForestRegressor(5, max_depth=15, random_state=3).fit(code, label)
    predicted = importances.by_depth(deep, code)
    for place in (0, 1, 2):
        depth = importances.DEPTHS[place]
        shallow = RandomForestRegressor(5, max_depth=depth, random_state=3).fit(code, label)
        np.testing.assert_allclose(predicted[place], shallow.predict(code), atol=1e-12)
    np.testing.assert_allclose(predicted[-1], deep.predict(code), atol=1e-12)


def test_the_depth_is_the_one_that_a_search_finds():
    """Three axes, split once each, tell what there is to tell; deeper trees learn the noise."""
    code, label = noisy()
    search = GridSearchCV(
        RandomForestRegressor(10, random_state=0), {"max_depth": [*importances.DEPTHS]}, cv=3
    ).fit(code, label)
    assert search.best_params_["max_depth"] == 3
    assert importances.best_depth(code, label, n_trees=10, seed=0) == 3
    factors = np.column_stack([label, -2 * label])
    assert dci_forest(code, factors).parts["depths"].tolist() == [3, 3]


def test_depth_decides_as_the_docstring_says():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, [3, 6, 40, 32, 32], (15_000, 5))
    mixed = (
        (factors - factors.mean(0)) / factors.std(0) @ (np.eye(5) + 0.3 * rng.normal(size=(5, 5)))
    )
    code = np.hstack([mixed, np.zeros((15_000, 5))]) + 0.4 * rng.normal(size=(15_000, 10))
    found = [dci_forest(code, factors, depths=[depth] * 5).value for depth in (2, 8)]
    np.testing.assert_allclose(found, [0.93, 0.58], atol=0.02)


@both
def test_rows_and_trees_follow_the_generator(dci):
    rng = np.random.default_rng(1)
    code = codes.identity(FACTORS) + rng.normal(size=FACTORS.shape)

    def score(seed):
        return dci(code, generator=torch.Generator().manual_seed(seed)).value

    assert score(0) == dci(code).value
    assert score(0) != score(1)


@both
def test_rows_that_are_judged_are_not_learned_from(dci):
    """The importances and the quality of scikit-learn's own models on the same rows."""
    rng = np.random.default_rng(2)
    code = codes.identity(FACTORS) + rng.normal(size=FACTORS.shape)
    found = dci(code, n_train=200, n_eval=100)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randperm(len(code), generator=generator).numpy()
    seeds = torch.randint(2**31 - 1, (3,), generator=generator).tolist()
    seen, judged = drawn[:200], drawn[200:300]
    code = (code - code[seen].mean(0)) / code[seen].std(0)
    for k, seed in enumerate(seeds):
        label = FACTORS[:, k]
        if dci is forest:
            peer = RandomForestRegressor(10, max_depth=2, random_state=seed)
            importance = peer.fit(code[seen], label[seen]).feature_importances_
            np.testing.assert_allclose(found.parts["importance"][k], importance)
        else:
            peer = HistGradientBoostingClassifier(
                max_iter=20, max_depth=3, min_samples_leaf=1, early_stopping=False
            ).fit(code[seen], label[seen])
        # R² of a regression, accuracy of a classifier
        known = peer.score(code[judged], label[judged])
        assert found.parts["informativeness"][k] == pytest.approx(known, abs=1e-12)


def test_a_continuous_factor_is_regressed_on():
    factor = np.linspace(0, 1, 600)[:, None] ** 2
    found = dci_forest(np.column_stack([-factor, factor % 0.01]), factor, depths=[8])
    assert found.parts["importance"][0, 0] > 0.999
    assert found.parts["informativeness"][0] > 0.99


@both
def test_scale_and_offset_change_nothing(dci):
    code = codes.identity(FACTORS) + np.random.default_rng(3).normal(size=FACTORS.shape)
    moved = dci(code * [1e-4, 1.0, 1e4] + [100, 0, -1e5])
    assert moved.value == pytest.approx(dci(code).value, abs=1e-3)


def test_what_does_not_fit():
    code = codes.identity(FACTORS)
    with pytest.raises(
        ValueError, match=r"one positive number for each of 3 factors, got \[4, 2\]"
    ):
        dci_forest(code, FACTORS, depths=[4, 2])
    with pytest.raises(ValueError, match=r"whole number of at least 1, got 0"):
        dci_forest(code, FACTORS, depths=[4, 2, 0])
    rare = np.column_stack([FACTORS[:, 0], np.arange(len(FACTORS)) == 0])
    with pytest.raises(
        ValueError, match=r"factor 1 is constant among the 256 rows .* 128 to judge"
    ):
        forest(code, rare.astype(int))
    with pytest.raises(ValueError, match="n_eval must be a whole number of at least 1, got 0"):
        forest(code, n_eval=0)


@pytest.mark.parametrize("features", [[], [[0], []], [[0, 3]], [[-1]], [[0, 1], [1, 2]]])
def test_features_that_are_none(features):
    with pytest.raises(ValueError, match=r"numbers? from 0 to 2, (each in one feature|got -?\d)"):
        forest(codes.identity(FACTORS), features=features)
