"""The bound on a noisy code's total correlation: closed forms, and codes whose value is known."""

import math

import numpy as np
import pytest
import torch

from disentangled import estimators, gaussian


def test_equal_axes_have_half_a_log_ratio():
    """Var μ = 1 on both axes, s = 1/2: log((1 + 1/4) / (1/4)) / 2."""
    mean = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    bound = estimators.total_corr_bound(mean, torch.full((2, 2), math.log(0.25)))
    assert bound == pytest.approx(0.5 * math.log(5))


def test_the_axis_that_tells_most_is_left_out():
    mean = torch.tensor([[-1.0, -2.0, 0.0], [1.0, 2.0, 0.0]], dtype=torch.float64)
    logvar = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0]], dtype=torch.float64)
    told = [
        0.5 * math.log(2),
        0.5 * math.log(5),
        0.5 * (math.log((1 + math.exp(2)) / 2) - 1),  # it tells which image by its noise alone
    ]
    assert estimators.total_corr_bound(mean, logvar) == pytest.approx(told[0] + told[2])
    assert estimators.total_corr_bound(mean[:, :1], logvar[:, :1]) == 0


@pytest.mark.parametrize("seed", range(5))
def test_it_is_never_below_the_total_correlation(seed):
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(24, 1)) * [1, -2] + 0.3 * rng.normal(size=(24, 2))
    logvar = 2 * np.log(rng.uniform(0.3, 1.0, (24, 2)))
    exact = estimators.kl_terms(mean, logvar).total_corr
    assert exact <= estimators.total_corr_bound(mean, logvar)


def test_for_normal_means_it_is_high_by_at_most_half_a_log_two():
    quantiles = torch.special.ndtri((torch.arange(20_000).double() + 0.5) / 20_000)
    for sd in (0.01, 0.1, 1.0):
        bound = estimators.total_corr_bound(
            quantiles[:, None].expand(-1, 2), torch.full((20_000, 2), 2 * math.log(sd))
        )
        exact = gaussian.total_correlation([[1 + sd**2, 1], [1, 1 + sd**2]])
        assert -1e-3 < bound - exact < 0.5 * math.log(2)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="one shape"):
        estimators.total_corr_bound(torch.zeros(3, 2), torch.zeros(3, 1))
    for logvar in (-800, 800):  # exp would underflow and overflow
        with pytest.raises(ValueError, match="logvar must lie between -300 and 300"):
            estimators.total_corr_bound(torch.zeros(3, 2), torch.full((3, 2), float(logvar)))


def test_one_image_tells_nothing():
    assert estimators.total_corr_bound([[0.3, 0.7, 1.9]], [[0.31, -0.77, 2.03]]) == 0.0
