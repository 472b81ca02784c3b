"""Both mutual information gaps on codes whose gap is known in closed form."""

import codes
import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from disentangled.estimators.mixture import Mixture
from disentangled.metrics import mig, mig_exact

FACTORS = codes.grid(3, 5, 7)
SHARP = -16.0  # logvar: a standard deviation of 3e-4 against steps of 0.7 and more


def binned(code, factors):
    return mig(code, factors, n_bins=64)


def sharp(code, factors):
    return mig_exact(code, np.full(code.shape, SHARP), factors)


both = pytest.mark.parametrize("gap", [binned, sharp])


@both
def test_identity_is_one(gap):
    score = gap(codes.identity(FACTORS), FACTORS)
    assert score.value == pytest.approx(1, abs=1e-6)
    sizes = np.log([3, 5, 7])
    np.testing.assert_allclose(score.parts["mutual_information"], np.diag(sizes), atol=1e-6)
    np.testing.assert_allclose(score.parts["factor_entropy"], sizes, atol=1e-12)


@both
def test_order_sign_scale_and_dead_axes_do_not_matter(gap):
    score = gap(codes.permuted(FACTORS), FACTORS)
    assert score.value == pytest.approx(1, abs=1e-6)
    assert score.parts["mutual_information"].argmax(1).tolist() == [3, 2, 0]
    assert score.parts["mutual_information"][:, 1] == pytest.approx([0, 0, 0], abs=1e-9)


@both
def test_constant_code_is_zero(gap):
    score = gap(codes.constant(FACTORS), FACTORS)
    assert score.value == pytest.approx(0, abs=1e-9)
    assert np.abs(score.parts["mutual_information"]).max() < 1e-9


@both
def test_duplicated_axes_leave_no_gap(gap):
    score = gap(codes.duplicated(FACTORS), FACTORS)
    np.testing.assert_allclose(score.parts["gap"], 0, atol=1e-9)
    assert score.parts["mutual_information"][2, 5] == pytest.approx(np.log(7), abs=1e-6)


@both
def test_rotation_by_45_degrees_leaves_no_gap(gap):
    factors = codes.grid(6, 6)
    score = gap(codes.rotated(factors), factors)
    np.testing.assert_allclose(score.parts["gap"], 0, atol=1e-6)
    # I(a; a + b) = H(a + b) - H(b)
    triangle = [1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]
    known = codes.entropy(triangle) - np.log(6)
    np.testing.assert_allclose(score.parts["mutual_information"], known, atol=1e-6)


@both
def test_one_axis_that_holds_two_factors_goes_unpunished(gap):
    factors = codes.grid(6, 8)
    score = gap(codes.merged(factors), factors)
    assert score.value == pytest.approx(1, abs=1e-6)


@both
def test_second_best_of_a_single_axis_is_zero(gap):
    score = gap(codes.identity(FACTORS)[:, :1], FACTORS[:, :2])
    np.testing.assert_allclose(score.parts["gap"], [1, 0], atol=1e-6)


@both
def test_unequal_frequencies(gap):
    factors = np.repeat([[0], [1], [2]], [60, 30, 10], axis=0)
    score = gap(factors.astype(float), factors)
    assert score.value == pytest.approx(1, abs=1e-6)
    assert score.parts["mutual_information"][0, 0] == pytest.approx(codes.entropy([6, 3, 1]))


@pytest.mark.parametrize(
    ("n_values", "in_a_bin"), [(40, [2] * 20), (32, [1] * 8 + [2] * 12), (20, [1] * 20)]
)
def test_twenty_bins_merge_values(n_values, in_a_bin):
    factors = codes.grid(n_values, 2)
    score = mig(codes.identity(factors), factors)
    assert score.parts["gap"][0] == pytest.approx(codes.entropy(in_a_bin) / np.log(n_values))
    assert sharp(codes.identity(factors), factors).value == pytest.approx(1, abs=1e-6)


def test_binned_information_is_the_definition():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, [3, 40], (2000, 2))
    code = rng.normal(size=(2000, 4)) + factors[:, [0, 1, 0, 1]] * [0, 0.1, 1, 0.01]
    code[:, 3] = 7.0
    found = mig(code, factors).parts["mutual_information"]
    for k in range(2):
        for j in range(4):
            edges = np.histogram(code[:, j], 20)[1][:-1]
            bins = np.digitize(code[:, j], edges)
            assert found[k, j] == pytest.approx(mutual_info_score(factors[:, k], bins), abs=1e-13)


def test_bias_of_binned_information_is_as_stated():
    rng = np.random.default_rng(1)
    n = 10_000
    factors = rng.integers(0, 40, (n, 1))
    found = mig(rng.uniform(size=(n, 30)), factors).parts["mutual_information"]
    assert found.mean() == pytest.approx(19 * 39 / (2 * n), rel=0.05)


@pytest.fixture
def soft():
    """Posteriors that overlap: mean, logvar, factors, with a nuisance column first."""
    rng = np.random.default_rng(2)
    factors = codes.grid(4, 3, 5, 6)
    mean = factors[:, [1, 2, 3, 2]] * [0.5, 0.3, 0.2, 0.1] + 0.1 * rng.normal(size=(360, 4))
    mean[:, 3] = 0
    logvar = 2 * np.log(rng.uniform([0.05, 0.1, 0.2, 1.0], [0.1, 0.3, 0.4, 1.0], (360, 4)))
    return mean, logvar, factors


def log_mixture(x, mean, scale):
    """Log-density of the mixture at x, summed component by component."""
    each = -0.5 * ((x[:, None] - mean) / scale) ** 2 - np.log(scale)
    return np.logaddexp.reduce(each, axis=1) - np.log(len(mean) * np.sqrt(2 * np.pi))


def quadrature_entropy(mean, scale):
    x, step = np.linspace((mean - 9 * scale).min(), (mean + 9 * scale).max(), 6000, retstep=True)
    log_q = log_mixture(x, mean, scale)
    return -(np.exp(log_q) * log_q).sum() * step


def test_exact_information_against_quadrature(soft):
    mean, logvar, factors = soft
    score = mig_exact(mean, logvar, factors)
    scale = np.exp(0.5 * logvar)
    for j in range(4):
        entropy = quadrature_entropy(mean[:, j], scale[:, j])
        assert score.parts["entropy"][j] == pytest.approx(entropy, abs=1e-5)
        for k, column in enumerate(factors.T):
            given = [
                quadrature_entropy(mean[column == v, j], scale[column == v, j])
                for v in range(column.max() + 1)
            ]
            assert score.parts["mutual_information"][k, j] == pytest.approx(
                entropy - np.mean(given), abs=2e-5
            )


def test_exact_information_against_monte_carlo(soft):
    mean, logvar, factors = soft
    scale = np.exp(0.5 * logvar)
    found = mig_exact(mean, logvar, factors).parts["mutual_information"]
    rng = np.random.default_rng(3)
    drawn = rng.integers(0, len(mean), 10_000)
    z = mean[drawn] + scale[drawn] * rng.normal(size=(10_000, 4))
    for j in range(3):
        log_q = log_mixture(z[:, j], mean[:, j], scale[:, j])
        for k, column in enumerate(factors.T):
            given = np.empty(10_000)
            for v in range(column.max() + 1):
                own = column == v
                here = own[drawn]
                given[here] = log_mixture(z[here, j], mean[own, j], scale[own, j])
            gain = given - log_q
            error = gain.std() / 100
            assert found[k, j] == pytest.approx(gain.mean(), abs=4 * error)


def test_one_factor_and_two_well_separated_values():
    """I = H(v), and H(z) = H(v) + H of one Gaussian."""
    factors = np.repeat([[0], [1]], [300, 100], axis=0)
    mean, logvar = 30.0 * factors, np.full((400, 1), 2 * np.log(0.5))
    parts = mig_exact(mean, logvar, factors).parts
    known = codes.entropy([3, 1])
    assert parts["mutual_information"][0, 0] == pytest.approx(known, abs=1e-7)
    gaussian = 0.5 * np.log(2 * np.pi * np.e * 0.25)
    assert parts["entropy"][0] == pytest.approx(known + gaussian, abs=1e-6)


def test_collapsed_posterior_knows_nothing():
    zero = np.zeros((len(FACTORS), 3))
    score = mig_exact(zero, zero, FACTORS)
    assert score.value == pytest.approx(0, abs=1e-12)
    assert score.parts["entropy"] == pytest.approx([0.5 * np.log(2 * np.pi * np.e)] * 3)


@pytest.mark.parametrize("logvar", [-20.0, -30.0, -40.0])
def test_very_small_scales(logvar):
    """Scales of 5e-5, 3e-7 and 2e-9: the information of the means themselves."""
    mean = codes.identity(FACTORS) / 7 + 1.0
    score = mig_exact(mean, np.full(mean.shape, logvar), FACTORS)
    assert score.value == pytest.approx(1, abs=1e-6)
    gaussian = 0.5 * (np.log(2 * np.pi * np.e) + logvar)
    np.testing.assert_allclose(score.parts["entropy"], np.log([3, 5, 7]) + gaussian, atol=1e-5)


def test_subset_by_name_and_by_index(soft):
    mean, logvar, factors = soft
    names = ("shape", "a", "b", "c")
    whole = mig_exact(mean, logvar, factors)
    for subset in (("b", "a"), (2, 1)):
        part = mig_exact(mean, logvar, factors, factor_names=names, subset=subset)
        np.testing.assert_array_equal(part.parts["gap"], whole.parts["gap"][[2, 1]])
        assert part.value == pytest.approx(whole.parts["gap"][[2, 1]].mean())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"subset": ["d"]}, r"factor 'd', factor_names are None"),
        (
            {"subset": ["d"], "factor_names": list("abc")},
            r"'d', factor_names are \['a', 'b', 'c'\]",
        ),
        ({"subset": [3]}, r"column of subset must be a whole number from 0 to 2, got 3"),
        ({"subset": []}, r"subset names no factor"),
        ({"factor_names": ["a"]}, r"got 1 names for 3 columns"),
    ],
)
def test_wrong_subset(given, message):
    zero = np.zeros((len(FACTORS), 2))
    with pytest.raises(ValueError, match=message):
        mig_exact(zero, zero, FACTORS, **given)


def test_an_image_set_is_not_mixed_with_the_wrong_shape_of_logvar():
    with pytest.raises(ValueError, match=r"one shape, got \(105, 3\) and \(105, 2\)"):
        mig_exact(np.zeros((105, 3)), np.zeros((105, 2)), FACTORS)
    with pytest.raises(ValueError, match="axis 1 holds 105 NaN or infinite"):
        mig_exact(np.zeros((105, 2)), np.tile([0, -np.inf], (105, 1)), FACTORS)


def test_entropy_is_that_of_the_mixture(soft):
    mean, logvar, factors = soft
    direct = Mixture(mean[:, 1], np.exp(0.5 * logvar[:, 1])).entropies()[0]
    assert mig_exact(mean, logvar, factors).parts["entropy"][1] == direct
