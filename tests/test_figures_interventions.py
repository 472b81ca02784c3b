"""Figures of the chapter interventions, on laws whose correlations and weights are known."""

import math

import numpy as np
import pytest
import torch

from disentangled.figures import interventions as figures


def test_two_factors_have_the_law_of_the_normal_density():
    law = figures.two_factors(0.5)
    assert law.shape == (13, 13)
    assert float(law.sum()) == pytest.approx(1)
    # log p(3, 3) - log p(0, 0) = -(9 - 9 + 9) / 1.5
    assert float(torch.log(law[12, 12] / law[6, 6])) == pytest.approx(-6)
    assert figures.correlation(law) == pytest.approx(0.5, abs=0.02)  # cut at three deviations
    assert figures.correlation(figures.two_factors(0.0)) == pytest.approx(0)
    # the same value on both factors, evenly: correlation one
    assert figures.correlation(torch.eye(13).double() / 13) == pytest.approx(1)


def test_the_correlation_is_gone_and_the_weights_are_the_ratio():
    drawn = figures.undone(0.5, profile="laptop")
    before, after, weights, _ = drawn.axes
    assert after.get_title() == "intervened: $\\dot p(v)$\ncorrelation 0.00"
    law = np.asarray(before.images[0].get_array())
    np.testing.assert_allclose(law, figures.two_factors(0.5))
    apart = np.outer(law.sum(1), law.sum(0))
    np.testing.assert_allclose(after.images[0].get_array(), apart)
    shown = np.asarray(weights.images[0].get_array())
    np.testing.assert_allclose(shown, np.clip(law / apart, 1e-3, None))
    assert weights.get_title().endswith(f"largest {(law / apart).max():.3g}")


def test_independent_factors_in_words():
    assert figures.undone_in_words(0.0) == (
        "Correlation of the factors 0.00: after an intervention 0.00, weights up to 1"
    )


def test_one_arrow_is_cut():
    whole, cut = figures.graphs(profile="laptop").axes
    arrows = [[t for t in axes.texts if not t.get_text()] for axes in (whole, cut)]
    assert [len(of) for of in arrows] == [6, 5]
    ends = {(t.xyann, t.xy) for t in arrows[0]} - {(t.xyann, t.xy) for t in arrows[1]}
    assert ends == {((1, 2), (1, 1))}  # from the common cause to the second factor


def test_losses_along_the_path():
    drawn = figures.game(
        [0, 1], {"one": [-1.0, -1.3], "other": [-1.2, -1.1]}, least=-math.log(4), profile="smoke"
    )
    one, other, least = drawn.axes[0].lines
    assert list(one.get_ydata()) == [-1.0, -1.3]
    assert list(other.get_ydata()) == [-1.2, -1.1]
    assert least.get_ydata()[0] == pytest.approx(-1.3862943611)
