"""SAP on codes of known score, and its machines against scikit-learn's."""

import codes
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from disentangled.metrics import sap
from disentangled.metrics.sap import support_vector_machines

FACTORS = codes.grid(4, 5, 6)


def r2(code, factors=FACTORS):
    return sap(code, factors, kind="r2")


@pytest.mark.parametrize("code", [codes.identity, codes.permuted])
def test_identity_explains_all_variance(code):
    found = r2(code(FACTORS))
    assert found.value == pytest.approx(1, abs=1e-12)
    assert np.sort(found.parts["scores"].ravel())[-4] < 1e-20


def test_squared_correlations_in_closed_form():
    """Rotated by 45 degrees each axis explains half; two factors on one axis share it."""
    factors = codes.grid(6, 6)
    np.testing.assert_allclose(r2(codes.rotated(factors), factors).parts["scores"], 0.5)
    assert r2(codes.rotated(factors), factors).value == pytest.approx(0, abs=1e-12)
    assert r2(codes.duplicated(FACTORS)).value == pytest.approx(0, abs=1e-12)
    assert r2(codes.constant(FACTORS)).value == 0
    # z = 8 a + b, a in 0 .. 5 and b in 0 .. 7: shares of the variance 64 Var(a) + Var(b)
    factors = codes.grid(6, 8)
    shares = np.array([64 * 35 / 12, 63 / 12])
    found = r2(codes.merged(factors), factors)
    np.testing.assert_allclose(found.parts["gap"], shares / shares.sum())


def test_a_continuous_factor_in_closed_form():
    """A factor plus noise, uncorrelated and s times its sd, has R² = 1 / (1 + s²)."""
    white = np.random.default_rng(0).normal(size=(500, 3))
    factor, other, noise = np.sqrt(500) * np.linalg.qr(white - white.mean(0))[0].T
    code = np.column_stack([3 * factor + 2, factor + 0.5 * noise, other])
    found = r2(code, factor[:, None])
    np.testing.assert_allclose(found.parts["scores"], [[1, 1 / 1.25, 0]], atol=1e-12)
    assert found.value == pytest.approx(1 - 1 / 1.25)
    # an integer factor beside it changes nothing for it
    label = np.arange(500) % 4
    both = r2(code, np.column_stack([factor, label]))
    np.testing.assert_allclose(both.parts["scores"][0], found.parts["scores"][0], atol=1e-12)
    with pytest.raises(ValueError, match=r"factor 0 is continuous.*sap\(kind='r2'\)"):
        sap(code, factor[:, None], kind="classifier")


def test_axes_of_no_variance_explain_nothing():
    code = codes.identity(FACTORS) * [1, 1e-7, 1e-5]
    np.testing.assert_allclose(r2(code).parts["gap"], [1, 0, 1], atol=1e-12)


def machines(n_values, n, noise, seed):
    """Codes and labels on one axis, every value present, unequally often."""
    rng = np.random.default_rng(seed)
    label = np.minimum(rng.integers(0, n_values, n), rng.integers(0, n_values, n))
    label[:n_values] = np.arange(n_values)
    return label / n_values + noise * rng.normal(size=n), label


@pytest.mark.parametrize("n_values", [2, 3, 7])
@pytest.mark.parametrize(("scale", "noise"), [(1.0, 0.3), (5.0, 0.01), (-3.0, 1.0), (0.0, 0.0)])
def test_machines_are_scikit_learns(n_values, scale, noise):
    x, label = machines(n_values, 400, noise, seed=n_values)
    x = scale * x + 0.3
    slope, bias = support_vector_machines(x, label)
    peer = LinearSVC(C=0.01, class_weight="balanced", dual=False, tol=1e-12, max_iter=100_000)
    peer.fit(x[:, None], label)
    known = peer.coef_[:, 0], peer.intercept_
    if n_values == 2:
        known = [np.append(-part, part) for part in known]
    np.testing.assert_allclose(slope, known[0], atol=1e-6)
    np.testing.assert_allclose(bias, known[1], atol=1e-6)
    grid = np.linspace(x.min() - 1, x.max() + 1, 501)[:, None]
    ranked = np.sort(grid * slope + bias, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 1e-9  # a constant code leaves balanced classes tied
    guess = (grid * slope + bias).argmax(1)
    np.testing.assert_array_equal(guess[clear], peer.predict(grid)[clear])
    assert clear.mean() > 0.99 or scale == 0


def test_machines_minimise_their_objective():
    """Whatever scikit-learn does: no step from the solution goes down."""
    x, label = machines(4, 300, 0.2, seed=0)
    slope, bias = support_vector_machines(x, label)
    weight = 0.01 * 300 / (4 * np.bincount(label))
    for v in range(4):
        sign = np.where(label == v, 1, -1)
        cost = np.where(label == v, weight[v], 0.01)

        def objective(w, b, sign=sign, cost=cost):
            hinge = np.maximum(0, 1 - sign * (w * x + b))
            return (w * w + b * b) / 2 + (cost * hinge**2).sum()

        best = objective(slope[v], bias[v])
        for turn in np.linspace(0, 2 * np.pi, 12):
            moved = objective(slope[v] + 1e-4 * np.cos(turn), bias[v] + 1e-4 * np.sin(turn))
            assert moved > best


def test_classifier_scores_are_held_out_accuracies():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, [2, 3], (600, 2))
    code = factors + 0.3 * rng.normal(size=(600, 2))
    found = sap(code, factors, kind="classifier", n_train=300, n_eval=200)
    rows = torch.randperm(600, generator=torch.Generator().manual_seed(0)).numpy()
    train, evaluation = rows[:300], rows[300:500]
    for k in range(2):
        for j in range(2):
            peer = LinearSVC(C=0.01, class_weight="balanced", dual=False, tol=1e-10)
            peer.fit(code[train, j : j + 1], factors[train, k])
            known = peer.score(code[evaluation, j : j + 1], factors[evaluation, k])
            assert found.parts["scores"][k, j] == known
    assert found.value == pytest.approx(np.abs(np.diff(found.parts["scores"], axis=1)).mean())


def test_classifier_on_codes_of_known_score():
    """Two values: the right axis is always right, another no better than the commoner value."""
    factors = np.tile(codes.grid(2, 2, 2), (100, 1))
    found = sap(10 * codes.identity(factors), factors, kind="classifier")
    np.testing.assert_array_equal(np.diag(found.parts["scores"]), 1)
    assert found.value == pytest.approx(0.5, abs=0.08)
    assert sap(codes.duplicated(factors), factors, kind="classifier").value == 0
    assert sap(codes.constant(factors), factors, kind="classifier").value == 0


@pytest.mark.parametrize(("n_values", "known"), [(2, 1), (3, 1), (6, 0.66), (10, 0.2)])
def test_classifier_cannot_tell_many_ordered_values(n_values, known):
    factors = np.tile(codes.grid(n_values, 2), (6000 // n_values, 1))
    centred = codes.identity(factors) - factors.mean(0)
    found = sap(centred, factors, kind="classifier").parts["scores"]
    assert found[0, 0] == pytest.approx(known, abs=0.02)
    assert found[0, 1] == pytest.approx(1 / n_values, abs=0.03)


def test_least_squares_on_features():
    """Turned by 45 degrees two axes tell all of both factors together; a third tells its own."""
    turned = np.column_stack([codes.rotated(FACTORS), FACTORS[:, 2], np.zeros(len(FACTORS))])
    found = sap(turned, FACTORS, kind="r2", features=[[0, 1], [3, 2]])
    np.testing.assert_allclose(found.parts["scores"], [[1, 0], [1, 0], [0, 1]], atol=1e-12)
    assert found.value == pytest.approx(1)
    # an axis twice in a feature, up to rounding, explains no more than once
    twice = np.column_stack([FACTORS[:, 0], FACTORS[:, 0] + 1e-9 * FACTORS[:, 1]])
    found = sap(twice, FACTORS, kind="r2", features=[[0, 1]])
    np.testing.assert_allclose(found.parts["scores"], [[1], [0], [0]], atol=1e-12)
    # of axes of noise by the normal equations
    rng = np.random.default_rng(4)
    code, factor = rng.normal(size=(50, 4)), rng.normal(size=(50, 1))
    scores = sap(code, factor, kind="r2", features=[[2, 0, 1], [3]]).parts["scores"]
    with_one = np.column_stack([np.ones(50), code[:, :3]])
    fitted = with_one @ np.linalg.solve(with_one.T @ with_one, with_one.T @ factor)
    assert scores[0, 0] == pytest.approx(fitted.var() / factor.var())
    assert scores[0, 1] == pytest.approx(np.corrcoef(code[:, 3], factor[:, 0])[0, 1] ** 2)


def test_logistic_regressions_are_held_out():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, [2, 5], (600, 2))
    code = factors[:, [0, 1, 1]] + 0.3 * rng.normal(size=(600, 3))
    settings = {"kind": "logistic", "n_train": 300, "n_eval": 200}
    found = sap(code, factors, features=[[0], [1, 2]], **settings).parts["scores"]
    rows = torch.randperm(600, generator=torch.Generator().manual_seed(0)).numpy()
    train, evaluation = rows[:300], rows[300:500]
    unit = (code - code[train].mean(0)) / code[train].std(0)
    for k in range(2):
        for j, axes in enumerate([[0], [1, 2]]):
            peer = LogisticRegression(max_iter=1_000).fit(unit[train][:, axes], factors[train, k])
            assert found[k, j] == peer.score(unit[evaluation][:, axes], factors[evaluation, k])
    # two looks at a factor tell more of it than one
    alone = sap(code, factors, **settings).parts["scores"]
    assert found[1, 1] > max(alone[1, 1], alone[1, 2])


def test_logistic_regression_tells_ordered_values_apart():
    """Ten values, which the linear machine does not tell; and codes of known score."""
    factors = np.tile(codes.grid(10, 2), (300, 1))
    found = sap(codes.identity(factors), factors, kind="logistic").parts["scores"]
    assert found[0, 0] > 0.95
    assert found[0, 1] < 0.25
    assert found[1, 1] == 1
    repeated = sap(codes.duplicated(factors), factors, kind="logistic")
    assert repeated.value == pytest.approx(0, abs=1e-9)
    nothing = sap(codes.constant(factors), factors, kind="logistic")
    assert nothing.value == 0
    # a circle of six hues takes both of its axes
    factors = np.tile(codes.grid(6, 2), (100, 1))
    angle = 2 * np.pi * factors[:, 0] / 6
    code = np.column_stack([np.cos(angle), np.sin(angle), factors[:, 1]])
    found = sap(code, factors, kind="logistic", features=[[0, 1], [2]]).parts["scores"]
    np.testing.assert_allclose(np.diag(found), 1)
    assert sap(code, factors, kind="logistic").parts["scores"][0].max() < 0.7


@pytest.mark.parametrize("kind", ["classifier", "logistic"])
def test_a_value_that_no_row_to_learn_from_has(kind):
    """Both then guess the only value they know, by any axis."""
    rare = np.zeros((60, 1), int)
    rare[torch.randperm(60, generator=torch.Generator().manual_seed(0))[-1]] = 1
    code = np.random.default_rng(0).normal(size=(60, 2))
    found = sap(code, rare, kind=kind)
    np.testing.assert_allclose(found.parts["scores"], 19 / 20)
    assert found.value == 0


def test_machines_read_single_axes():
    with pytest.raises(ValueError, match="reads single axes, got a feature of 2; use kind"):
        sap(codes.identity(FACTORS), FACTORS, kind="classifier", features=[[0, 1], [2]])


def test_rows_follow_the_generator():
    rng = np.random.default_rng(1)
    code = codes.identity(FACTORS) + rng.normal(size=FACTORS.shape)

    def score(seed):
        seeded = torch.Generator().manual_seed(seed)
        return sap(code, FACTORS, kind="classifier", generator=seeded).value

    assert score(0) == sap(code, FACTORS, kind="classifier").value
    assert score(0) != score(1)


def test_kinds():
    with pytest.raises(ValueError, match=r"one of \('r2', 'classifier', 'logistic'\), got 'svm'"):
        sap(codes.identity(FACTORS), FACTORS, kind="svm")


@pytest.mark.parametrize("unit", [1e-200, 1e-30, 1e70])
def test_the_unit_of_a_factor_does_not_matter(unit):
    code = codes.rotated(FACTORS)
    known = r2(code).parts["scores"]
    np.testing.assert_allclose(r2(code, FACTORS * unit).parts["scores"], known, atol=1e-12)


@pytest.mark.parametrize("unit", [1e-320, 1e-30])
def test_machines_learn_nothing_from_an_axis_next_to_nothing(unit):
    """C = 0.01 does not pay for the slope that it would take: one value is guessed for all."""
    code = codes.identity(FACTORS) * unit
    score = sap(code, FACTORS, kind="classifier").parts["scores"]
    np.testing.assert_allclose(score, score[:, :1].repeat(3, 1))
