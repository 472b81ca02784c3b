"""The number of axes that tell of a factor, on codes where it is known."""

import codes
import numpy as np
import pytest

from disentangled.metrics import disintegration

FACTORS = codes.grid(4, 5, 6, 10)


@pytest.mark.parametrize("code", [codes.identity, codes.permuted])
def test_identity_has_an_axis_for_every_factor(code):
    found = disintegration(code(FACTORS), FACTORS)
    assert found.value == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(found.parts["perplexity"], 1)
    assert found.parts["mutual_information"].shape == found.parts["floor"].shape
    own = np.sort(found.parts["mutual_information"], axis=1)[:, -1]
    np.testing.assert_allclose(own, np.log([4, 5, 6, 10]))


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_a_factor_on_m_axes_counts_m(m):
    code = np.hstack([FACTORS[:, :1]] * m + [FACTORS[:, 1:]]).astype(float)
    found = disintegration(code, FACTORS)
    assert found.parts["perplexity"] == pytest.approx([m, 1, 1, 1], abs=1e-12)
    assert found.value == pytest.approx((m + 3) / 4)


def test_a_factor_whose_values_two_axes_share_among_them():
    """As Cheng et al.'s Figure 5 has the hue: each axis tells half of the values apart.

    Of ten values an axis tells five and calls the rest one: log 10 - (5 / 10) log 5 nats each.
    """
    hue = FACTORS[:, 3]
    halves = [np.where(hue < 5, hue + 1, 0), np.where(hue < 5, 0, hue + 1)]
    found = disintegration(np.column_stack([*halves, FACTORS[:, 1]]), FACTORS[:, [3, 1]])
    known = np.log(10) - 0.5 * np.log(5)
    np.testing.assert_allclose(found.parts["mutual_information"][0, :2], known)
    assert found.parts["perplexity"] == pytest.approx([2, 1], abs=1e-4)


def test_unequal_shares_in_closed_form():
    """One axis tells all four values, another one only whether it is below 2."""
    code = np.column_stack([FACTORS[:, 0], FACTORS[:, 0] < 2])
    found = disintegration(code, FACTORS[:, :1])
    excess = np.array([np.log(4), np.log(2)]) - found.parts["floor"][0]
    assert (found.parts["floor"] > 0).all()
    assert (found.parts["floor"] < 0.02).all()
    share = excess / excess.sum()
    assert found.value == pytest.approx(np.exp(-(share * np.log(share)).sum()))


def test_factors_that_no_axis_tells_of_are_not_in_the_mean():
    nothing = disintegration(codes.constant(FACTORS), FACTORS)
    assert nothing.value == 0
    assert (nothing.parts["perplexity"] == 0).all()
    half = disintegration(FACTORS[:, :2].astype(float), FACTORS)
    assert half.parts["perplexity"].tolist() == pytest.approx([1, 1, 0, 0])
    assert half.value == pytest.approx(1)


def test_noise_stays_below_its_floor():
    """Nine axes of mere noise beside the factor's own, 10,000 codes: at most 0.02 more than 1."""
    g = np.random.default_rng(0)
    raised = []
    for _ in range(5):
        factor = g.integers(0, 10, (10_000, 1))
        code = np.column_stack([factor, g.normal(size=(10_000, 9))])
        found = disintegration(code, factor)
        raised.append(found.value - 1)
        low, high = found.parts["floor"][0, 1:].min(), found.parts["floor"][0, 1:].max()
        # chance: (20 - 1)(10 - 1) / 2N = 0.0086 on average where all bins are filled
        assert 0.004 < low < high < 0.014
    assert 0 <= min(raised) <= max(raised) < 0.02


def test_bins():
    with pytest.raises(ValueError, match="n_bins must be a whole number of at least 2, got 1"):
        disintegration(FACTORS, FACTORS, n_bins=1)
