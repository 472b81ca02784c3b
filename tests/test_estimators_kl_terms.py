import math

import exact
import numpy as np
import pytest

from disentangled import estimators, gaussian


def problem(n_data: int, n_axes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_data, n_axes)), 2 * np.log(rng.uniform(0.3, 0.6, (n_data, n_axes)))


@pytest.mark.parametrize(
    ("n_data", "n_axes", "sigma"),
    [(4, 1, 0.0), (7, 1, 0.0), (4, 2, 0.0), (4, 2, 0.9), (3, 2, -0.5)],
)
def test_parts_are_those_of_a_dense_grid(n_data, n_axes, sigma):
    mean, logvar = problem(n_data, n_axes)
    noise = gaussian.equicorrelated(n_axes, sigma if n_axes > 1 else 0.0) * 1.2
    ours = estimators.kl_terms(mean, logvar, noise)
    theirs = exact.kl_terms(mean, logvar, noise.numpy(), 601 if n_axes == 1 else 301)
    for name, value in theirs.items():
        assert getattr(ours, name) == pytest.approx(value, abs=1e-9), name
    assert ours.kl == pytest.approx(ours.mutual_info + ours.total_corr + ours.axis_kl, abs=1e-11)
    assert set(ours.standard_error.values()) == {0.0}


def test_one_posterior_is_a_correlated_gaussian():
    noise = gaussian.equicorrelated(2, 0.9)
    ours = estimators.kl_terms([[0.3, -1.0]], [[-1.0, 0.5]], noise)
    per_axis = 0.5 * (0.3**2 + math.exp(-1) - 1 + 1 + 1 + math.exp(0.5) - 1 - 0.5)
    assert ours.mutual_info == pytest.approx(0, abs=1e-11)
    assert ours.total_corr == pytest.approx(gaussian.total_correlation(noise), abs=1e-11)
    assert ours.axis_kl == pytest.approx(per_axis, abs=1e-11)


def test_collapsed_and_distinct_posteriors():
    collapsed = estimators.kl_terms(np.zeros((5, 2)), np.zeros((5, 2)))
    assert collapsed[:4] == pytest.approx((0, 0, 0, 0), abs=1e-11)
    diagonal = np.linspace(-2, 2, 5)[:, None].repeat(2, 1)
    distinct = estimators.kl_terms(diagonal, np.full((5, 2), 2 * math.log(1e-4)))
    assert distinct.mutual_info == pytest.approx(math.log(5), abs=1e-10)
    assert distinct.total_corr == pytest.approx(math.log(5), abs=1e-10)


def test_posteriors_of_very_different_width():
    mean, logvar = np.array([[0.0], [0.3]]), 2 * np.log(np.array([[1.0], [0.02]]))
    ours = estimators.kl_terms(mean, logvar)
    theirs = exact.kl_terms(mean, logvar, np.eye(1), 9001)
    assert ours.mutual_info == pytest.approx(theirs["mutual_info"], abs=1e-9)


def test_independent_axes_have_no_total_correlation_and_add_their_information():
    one = np.array([-1.0, 0.0, 0.7])
    sd = 0.4
    both = np.stack([axis.ravel() for axis in np.meshgrid(one, 2 * one)], 1)
    logvar = np.full(both.shape, 2 * math.log(sd))
    ours = estimators.kl_terms(both, logvar)
    alone = [estimators.kl_terms(scale * one[:, None], logvar[:3, :1]) for scale in (1, 2)]
    assert ours.total_corr == pytest.approx(0, abs=1e-11)
    assert ours.mutual_info == pytest.approx(sum(k.mutual_info for k in alone), abs=1e-10)


@pytest.mark.parametrize(
    ("mean", "logvar", "noise", "message"),
    [
        (np.zeros((4, 3)), np.zeros((4, 3)), None, "kl_terms_sampled"),
        (np.zeros((40_000, 1)), np.zeros((40_000, 1)), None, "kl_terms_sampled"),
        ([[0.0, math.nan]], [[0.0, 0.0]], None, "mean has 1 NaN"),
        ([[0.0, 0.0]], [[0.0, math.inf]], None, "logvar has 1 NaN"),
        ([[0.0, 0.0]], [[0.0]], None, "one shape"),
        ([0.0, 0.0], [0.0, 0.0], None, "2 axes"),
        ([[0.0, 0.0]], [[0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]], "singular"),
        ([[0.0, 0.0]], [[0.0, 0.0]], np.eye(3), r"\(2, 2\)"),
    ],
)
def test_bad_input_says_what_was_expected(mean, logvar, noise, message):
    with pytest.raises(ValueError, match=message):
        estimators.kl_terms(mean, logvar, noise)
