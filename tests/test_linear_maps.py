"""Maps that are known: what a mixture hides, each of them must find again."""

import math

import codes
import numpy as np
import pytest
import torch

from disentangled import gaussian, metrics
from disentangled.metrics import linear_maps

FACTORS = codes.grid(8, 8, 8, 4)
CODE = codes.identity(FACTORS) - codes.identity(FACTORS).mean(0)
MIXTURE = np.random.default_rng(0).normal(size=(4, 4))


def mig(code):
    return metrics.mig(code, FACTORS).value


def test_unit_noise_divides_by_the_mean_standard_deviation():
    logvar = 2 * np.log([[1.0, 0.5], [3.0, 0.1]])
    np.testing.assert_allclose(linear_maps.unit_noise(logvar), np.diag([1 / 2, 1 / 0.3]))


def test_independent_noise_undoes_correlation_and_scale():
    sd = np.array([0.5, 2.0, 1.0])
    covariance = gaussian.equicorrelated(3, 0.9).numpy()
    of_code = np.diag(sd) @ covariance @ np.diag(sd)
    matrix = linear_maps.independent_noise(np.tile(2 * np.log(sd), (7, 1)), covariance)
    np.testing.assert_allclose(matrix.T @ of_code @ matrix, np.eye(3), atol=1e-12)
    alone = linear_maps.independent_noise(np.tile(2 * np.log(sd), (7, 1)), np.eye(3))
    np.testing.assert_allclose(alone, np.diag(1 / sd), atol=1e-12)


def test_a_code_that_only_the_noises_root_has_mixed_comes_back():
    covariance = gaussian.equicorrelated(4, 0.9).numpy()
    values, vectors = np.linalg.eigh(covariance)
    mixed = CODE @ (vectors * np.sqrt(values)) @ vectors.T
    assert mig(mixed) < 0.2
    matrix = linear_maps.independent_noise(np.zeros((5, 4)), covariance)
    np.testing.assert_allclose(mixed @ matrix, CODE, atol=1e-9)
    assert mig(mixed @ matrix) == pytest.approx(1)


def test_whitening():
    code = np.insert(CODE @ MIXTURE, 2, 7.0, axis=1)  # a dead axis
    white = code @ linear_maps.whitening(code)
    np.testing.assert_allclose(np.cov(white.T), np.eye(4), atol=1e-9)


def test_ica_finds_independent_factors_without_labels():
    mixed = CODE @ MIXTURE
    assert mig(mixed) < 0.4
    assert mig(mixed @ linear_maps.independent_components(mixed, seed=0)) > 0.98


def test_the_best_rotation_finds_linear_factors_and_orders_its_axes_by_them():
    mixed = CODE @ MIXTURE
    found = mixed @ linear_maps.best_rotation(mixed, FACTORS)
    correlations = np.corrcoef(found.T, FACTORS.T)[:4, 4:]
    np.testing.assert_allclose(correlations, np.eye(4), atol=1e-9)
    assert mig(found) == pytest.approx(1)


def test_no_rotation_does_better_by_its_criterion():
    generator = np.random.default_rng(1)
    code = CODE @ generator.normal(size=(4, 6)) + 0.8 * generator.normal(size=(len(CODE), 6))

    def total(matrix):
        return np.trace(np.corrcoef((code @ matrix)[:, :4].T, FACTORS.T)[:4, 4:])

    best = linear_maps.best_rotation(code, FACTORS)
    white = linear_maps.whitening(code)
    others = [np.linalg.qr(generator.normal(size=(6, 6)))[0] for _ in range(200)]
    assert total(best) > max(total(white @ other) for other in others)
    small = [np.linalg.qr(np.eye(6) + 1e-2 * generator.normal(size=(6, 6)))[0] for _ in range(50)]
    near = [turn * np.sign(np.diag(turn)) for turn in small]
    assert total(best) >= max(total(best @ turn) for turn in near)


def test_what_has_too_few_directions_is_an_error():
    with pytest.raises(ValueError, match="at least 4 directions, one a factor, got 2"):
        linear_maps.best_rotation(CODE[:, :2], FACTORS)
    with pytest.raises(ValueError, match="one and the same"):
        linear_maps.whitening(np.ones((5, 3)))


def drawn():
    return {"generator": torch.Generator().manual_seed(0), "n_train": 1_000, "n_eval": 1_000}


def test_linear_r2_of_known_codes():
    assert metrics.linear_r2(CODE @ MIXTURE, FACTORS, **drawn()).value == pytest.approx(1)
    blind = metrics.linear_r2(codes.constant(FACTORS), FACTORS, **drawn())
    np.testing.assert_allclose(blind.parts["r2"], 0, atol=0.02)
    # of x + n with independent n of equal variance, the regression explains half
    noise = np.random.default_rng(0).normal(size=CODE.shape) * CODE.std(0)
    half = metrics.linear_r2(CODE + noise, FACTORS, **drawn()).parts["r2"]
    np.testing.assert_allclose(half, 0.5, atol=0.06)


def test_linear_r2_does_not_see_what_is_not_linear():
    """The square of a symmetric factor tells it up to its sign, and nothing linear."""
    square = metrics.linear_r2(CODE[:, :1] ** 2, FACTORS[:, :1], **drawn()).value
    assert square == pytest.approx(0, abs=0.02)
    assert math.isclose(
        metrics.linear_r2(CODE[:, :1], FACTORS[:, :1], **drawn()).value, 1, abs_tol=1e-9
    )


def test_linear_r2_of_continuous_factors():
    """1 for a linear code; with noise the share of the factor's variance in the code's."""
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(40_000, 2))
    sizes = {"n_train": 20_000, "n_eval": 20_000}
    turned = metrics.linear_r2(factors @ [[1, 2], [3, -1]] + 5, factors, **(drawn() | sizes))
    np.testing.assert_allclose(turned.parts["r2"], 1, atol=1e-12)
    noisy = factors + [1.0, 0.5] * rng.normal(size=factors.shape)
    found = metrics.linear_r2(noisy, factors, **(drawn() | sizes)).parts["r2"]
    np.testing.assert_allclose(found, [1 / 2, 1 / 1.25], atol=0.02)


def test_floats_count_by_value_and_integers_by_rank():
    """Values 0, 1 and 10, alike often: the squared correlation with their ranks is 75 / 91."""
    value = np.repeat([[0], [1], [10]], 2_000, axis=0)
    sizes = {"n_train": 3_000, "n_eval": 3_000}
    by_value = metrics.linear_r2(value, value.astype(float), **(drawn() | sizes))
    by_rank = metrics.linear_r2(value, value, **(drawn() | sizes))
    assert by_value.value == pytest.approx(1)
    assert by_rank.value == pytest.approx(75 / 91, abs=0.02)


def test_the_best_rotation_of_continuous_factors():
    factors = np.random.default_rng(2).normal(size=(4_000, 3))
    mixed = factors @ np.random.default_rng(3).normal(size=(3, 3))
    turned = mixed @ linear_maps.best_rotation(mixed, factors)
    matched = np.corrcoef(turned.T, factors.T)[:3, 3:]
    assert np.diag(matched).min() > 0.99


def test_linear_r2_says_how_many_images_it_needs():
    with pytest.raises(ValueError, match="n_train \\+ n_eval = 6000 images are needed, got 2048"):
        metrics.linear_r2(CODE, FACTORS, generator=torch.Generator())
