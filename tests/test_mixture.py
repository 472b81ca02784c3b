"""One-dimensional Gaussian mixtures on a grid, against closed forms and direct sums."""

import numpy as np
import pytest

from disentangled.estimators import mixture
from disentangled.estimators.mixture import Mixture

GAUSSIAN = 0.5 * np.log(2 * np.pi * np.e)


def log_density(x, mean, scale):
    """Log-density at x, summed component by component."""
    each = -0.5 * ((x[:, None] - mean) / scale) ** 2 - np.log(scale)
    return np.logaddexp.reduce(each, axis=1) - np.log(len(mean) * np.sqrt(2 * np.pi))


def entropy(mean, scale, n_points=8000):
    """By quadrature on a grid that must resolve the smallest scale."""
    low, high = (mean - 9 * scale).min(), (mean + 9 * scale).max()
    x, step = np.linspace(low, high, n_points, retstep=True)
    assert step < scale.min() / 2
    log_q = log_density(x, mean, scale)
    return -(np.exp(log_q) * log_q).sum() * step


@pytest.mark.parametrize("scale", [1e-6, 0.3, 40.0])
def test_one_gaussian(scale):
    assert Mixture([1.7], [scale]).entropies()[0] == pytest.approx(GAUSSIAN + np.log(scale))


def test_noise_that_is_next_to_none():
    mean = np.random.default_rng(0).normal(size=200)
    known = np.log(200) + GAUSSIAN + np.log(1e-13)
    assert Mixture(mean, np.full(200, 1e-13)).entropies()[0] == pytest.approx(known, abs=1e-6)
    with pytest.raises(ValueError, match="1e-14 of the spread of means or more, got 1e-16"):
        Mixture(mean, np.full(200, 1e-16))


def test_components_that_coincide_are_one_gaussian():
    found = Mixture(np.full(1000, 0.3), np.full(1000, 2.0)).entropies()[0]
    assert found == pytest.approx(GAUSSIAN + np.log(2), abs=1e-7)


@pytest.mark.parametrize("ratio", [1.0, 1.3, 3.0, 20.0])
@pytest.mark.parametrize(("n", "error"), [(2, 6e-5), (5, 6e-5), (20, 4e-5), (100, 2e-5)])
def test_entropy_against_quadrature(n, error, ratio):
    rng = np.random.default_rng(n)
    for _ in range(4):
        mean = rng.normal(size=n) * rng.choice([0.1, 0.5, 2.0])
        scale = 0.2 * ratio ** rng.uniform(size=n)
        found = Mixture(mean, scale).entropies()[0]
        assert found == pytest.approx(entropy(mean, scale), abs=error)


def test_well_separated_components_of_many_scales():
    """H = log N + mean of the components' entropies, from a scale of 1 to one of 1e-10."""
    scale = 10.0 ** -np.arange(0, 12, 2)
    found = Mixture(20.0 * np.arange(6), scale).entropies()[0]
    assert found == pytest.approx(np.log(6) + GAUSSIAN + np.log(scale).mean(), abs=1e-5)


def test_labels_are_mixtures_of_their_own():
    rng = np.random.default_rng(0)
    mean, scale = rng.normal(size=500), rng.uniform(0.05, 0.5, 500)
    labels = rng.integers(0, 7, 500)
    found = Mixture(mean, scale).entropies(labels)
    alone = [Mixture(mean[labels == v], scale[labels == v]).entropies()[0] for v in range(7)]
    np.testing.assert_allclose(found, alone, atol=2e-5)


def test_order_shift_and_unit_of_the_components():
    rng = np.random.default_rng(1)
    mean, scale = rng.normal(size=300), rng.uniform(0.01, 0.5, 300)
    labels = rng.integers(0, 3, 300)
    found = Mixture(mean, scale).entropies(labels)
    order = rng.permutation(300)
    np.testing.assert_allclose(Mixture(mean[order], scale[order]).entropies(labels[order]), found)
    moved = Mixture(8 * mean - 5, 8 * scale).entropies(labels)
    np.testing.assert_allclose(moved, found + np.log(8), atol=1e-9)


def test_wide_and_narrow_on_lines_of_their_own(monkeypatch):
    rng = np.random.default_rng(2)
    mean, scale = rng.normal(size=400), 10 ** rng.uniform(-2.5, 0, 400)
    labels, x = rng.integers(0, 4, 400), rng.normal(size=50)
    whole = Mixture(mean, scale)
    monkeypatch.setattr(mixture, "LONGEST", 300)
    split = Mixture(mean, scale)
    np.testing.assert_allclose(split.entropies(labels), whole.entropies(labels), atol=1e-5)
    np.testing.assert_allclose(split.log_density(x), whole.log_density(x), atol=1e-3)
    known = entropy(mean, scale, 20_000)
    assert split.entropies()[0] == pytest.approx(known, abs=1e-5)


def test_a_spike_on_a_wide_background():
    """H = log 2 + mean entropy when half the mass is N(0, 1) and half is N(0, 1e-8²)."""
    scale = np.array([1.0, 1e-8])
    found = Mixture([0.0, 0.0], scale).entropies()[0]
    assert found == pytest.approx(np.log(2) + GAUSSIAN + np.log(scale).mean(), abs=1e-6)


def test_many_isolated_narrow_components():
    rng = np.random.default_rng(3)
    n, scale = 2000, 1e-9
    found = Mixture(rng.permutation(n) / n, np.full(n, scale)).entropies(np.arange(n) % 4)
    np.testing.assert_allclose(found, np.log(n / 4) + GAUSSIAN + np.log(scale), atol=1e-5)


@pytest.mark.parametrize("narrowest", [0.5, 0.05, 0.005])
def test_log_density_at_draws(narrowest):
    rng = np.random.default_rng(4)
    mean, scale = rng.normal(size=2000), narrowest ** rng.uniform(size=2000)
    drawn = rng.integers(0, 2000, 500)
    x = mean[drawn] + scale[drawn] * rng.normal(size=500)
    error = Mixture(mean, scale).log_density(x) - log_density(x, mean, scale)
    assert np.abs(error).max() < 5e-4
    assert abs(error.mean()) < 1e-5


def test_log_density_in_far_tails_is_the_direct_sum():
    mean, scale = np.array([-1.0, 0.0, 4.0]), np.array([0.1, 0.5, 0.2])
    x = np.array([-80.0, -9.0, 2.8, 11.0, 300.0])
    found = Mixture(mean, scale).log_density(x)
    np.testing.assert_allclose(found, log_density(x, mean, scale), atol=1e-2)
    np.testing.assert_allclose(found[[0, 1, 3, 4]], log_density(x, mean, scale)[[0, 1, 3, 4]])


@pytest.mark.parametrize(
    ("mean", "scale", "message"),
    [
        ([0.0, 1.0], [1.0, 0.0], "scale above 0, the smallest scale is 0.0"),
        ([0.0, 1.0], [1.0, -2.0], "the smallest scale is -2.0"),
        ([0.0, np.nan], [1.0, 1.0], "must be finite"),
        ([0.0, 1.0], [np.inf, 1.0], "must be finite"),
        ([0.0], [1.0, 1.0], r"got shapes \(1,\) and \(2,\)"),
        ([], [], r"got shapes \(0,\)"),
    ],
)
def test_what_is_not_a_mixture(mean, scale, message):
    with pytest.raises(ValueError, match=message):
        Mixture(mean, scale)


def test_information_falls_from_the_labels_entropy_as_noise_grows():
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(8), 64)
    information = []
    for scale in (1e-3, 0.3, 1.0, 3.0):
        prepared = Mixture(labels + 0.01 * rng.normal(size=512), np.full(512, scale))
        information.append(prepared.entropies()[0] - prepared.entropies(labels).mean())
    assert information[0] == pytest.approx(np.log(8), abs=1e-6)
    assert (np.diff(information) < -1e-3).all()
    assert information[-1] > 0
