"""The regression on nearest neighbours: codes that tell all, nothing, and a rotated all."""

import numpy as np
import pytest
import torch

from disentangled.metrics import linear_r2, neighbour_r2


def factors():
    grid = np.stack(np.meshgrid(*[np.arange(8)] * 2, indexing="ij"), -1).reshape(-1, 2)
    return np.repeat(grid, 20, axis=0)  # 1,280 images


def score(codes):
    generator = torch.Generator().manual_seed(0)
    return neighbour_r2(codes, factors(), generator=generator, n_train=1_000, n_eval=280)


def test_a_code_that_holds_the_factors_explains_them_rotated_or_not():
    noise = 0.01 * np.random.default_rng(0).standard_normal((1_280, 2))
    code = factors() + noise
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)
    np.testing.assert_allclose(score(code).parts["r2"], [1.0, 1.0], atol=1e-3)
    np.testing.assert_allclose(score(code @ turn).parts["r2"], [1.0, 1.0], atol=1e-3)


def test_a_code_without_the_factors_explains_nothing():
    code = np.random.default_rng(0).standard_normal((1_280, 3))
    # ten random neighbours add a tenth of the variance to the error
    np.testing.assert_allclose(score(code).parts["r2"], [-0.1, -0.1], atol=0.08)


def test_a_code_of_one_factor_explains_that_one():
    code = factors()[:, :1] + 0.01 * np.random.default_rng(0).standard_normal((1_280, 1))
    first, second = score(code).parts["r2"]
    assert first > 0.999
    assert second < 0.1


def test_a_continuous_factor_bent_on_its_axis_is_explained():
    """A cube of a uniform factor holds all of it; a line through it explains 21 / 25."""
    factor = np.random.default_rng(0).uniform(-1, 1, (6_000, 1))
    sizes = {"n_train": 5_000, "n_eval": 1_000}
    near = neighbour_r2(factor**3, factor, generator=torch.Generator().manual_seed(0), **sizes)
    line = linear_r2(factor**3, factor, generator=torch.Generator().manual_seed(0), **sizes)
    assert near.value == pytest.approx(1, abs=1e-3)
    # (E v⁴)² / (E v² E v⁶)
    assert line.value == pytest.approx((1 / 5) ** 2 / (1 / 3 * 1 / 7), abs=0.02)


def test_too_few_images_are_an_error():
    with pytest.raises(ValueError, match="ask for fewer"):
        neighbour_r2(factors()[::30], factors()[::30], generator=torch.Generator())
