"""Figures of correlated_noise: they show the closed forms that they are given."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from matplotlib.patches import Ellipse

from disentangled import gaussian
from disentangled.figures import correlated_noise


class Terms(NamedTuple):
    together: float
    apart: float
    conditional: float
    total_corr: float


class Linear(NamedTuple):
    means: torch.Tensor
    sd: torch.Tensor


def terms(n_axes, sigma):
    """Made up, a line each."""
    return Terms(n_axes + sigma, n_axes, 2 * sigma, sigma)


def curves_of(axes):
    """The lines that have labels, by label."""
    return {
        line.get_label(): line.get_xydata()
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def test_posteriors_are_ellipses_of_the_noise_inside_those_of_the_code():
    sd = torch.full((2,), math.sqrt(0.5), dtype=torch.float64)
    noise = gaussian.equicorrelated(2, 0.6)
    codes = {"a": (0.5 * torch.eye(2, dtype=torch.float64), noise)}
    codes["flat"] = (torch.zeros(2, 2, dtype=torch.float64), noise)
    parts = dict.fromkeys(codes, Terms(1.0, 0.7, 0.4, 0.1))
    drawn = correlated_noise.four_codes(codes, sd, parts, profile="laptop")
    shapes = [patch for patch in drawn.axes[0].patches if isinstance(patch, Ellipse)]
    assert len(shapes) == 2 + 12
    # eigenvalues of the code: 0.5 + 0.5 (1 ± 0.6) = 1.3 and 0.7; two sd each way is 4 wide
    assert shapes[0].width == pytest.approx(4 * math.sqrt(1.3))
    assert shapes[1].height == pytest.approx(2 * math.sqrt(0.7))
    # of a posterior: 0.8 and 0.2, the long one along (1, 1)
    assert shapes[2].width == pytest.approx(2 * math.sqrt(0.8))
    assert shapes[2].height == pytest.approx(2 * math.sqrt(0.2))
    assert shapes[2].angle % 180 == pytest.approx(45)
    at_middle = [patch.center for patch in drawn.axes[1].patches]
    np.testing.assert_allclose(at_middle, np.zeros((14, 2)), atol=1e-12)


def test_both_sides_of_the_theorem_are_bars_of_one_length():
    sd = torch.ones(2, dtype=torch.float64)
    codes = {"a": (torch.eye(2, dtype=torch.float64),) * 2}
    parts = {"a": Terms(1.0, 0.7, 0.4, 0.1)}
    bars = correlated_noise.four_codes(codes, sd, parts, profile="laptop").axes[1]
    spans = [(bar.get_x(), bar.get_width()) for bar in bars.patches]
    np.testing.assert_allclose(spans, [(0, 0.7), (0.7, 0.4), (0, 1.0), (1.0, 0.1)])
    assert [text.get_text() for text in bars.texts] == ["0.70", "0.40", "1.00"]  # 0.1 has no room


def test_the_third_sign_is_the_product_of_the_others():
    cloud = correlated_noise.parity_cloud("smoke")
    assert cloud.shape == (300, 3)
    assert (cloud.sign().prod(1) == 1).all()
    assert len(correlated_noise.parity_cloud("laptop")) == 1500
    drawn = correlated_noise.parity_of_signs(cloud, profile="laptop")
    shown = [axes.collections[0] for axes in drawn.axes]
    np.testing.assert_allclose(shown[1].get_offsets(), cloud[:, [0, 2]])
    above, below = (points.get_offsets() for points in drawn.axes[2].collections)
    np.testing.assert_allclose(above, cloud[cloud[:, 2] > 0][:, :2])
    np.testing.assert_allclose(below, cloud[cloud[:, 2] < 0][:, :2])
    assert "300 draws" in drawn.get_supxlabel()


def test_terms_run_over_the_whole_interval_of_the_correlation():
    drawn = correlated_noise.isotropic(terms, profile="laptop")
    for axes, n_axes in zip(drawn.axes, (3, 10), strict=True):
        curves = curves_of(axes)
        sigmas = curves["$I(z;x)$"][:, 0]
        low = -1 / (n_axes - 1)
        assert (sigmas[0], sigmas[-1]) == pytest.approx((low + 1e-4, 1 - 1e-4))
        np.testing.assert_allclose(curves["$I(z;x)$"][:, 1], n_axes + sigmas)
        np.testing.assert_allclose(curves[r"$\sum_j I(z_j;x)$"][:, 1], n_axes)
        np.testing.assert_allclose(curves[r"$c = TC(\epsilon)$"][:, 1], 2 * sigmas)
        np.testing.assert_allclose(curves["$TC(z)$"][:, 1], sigmas)
        ends = [line.get_xdata()[0] for line in axes.lines[4:]]
        assert ends == pytest.approx([low, 1])


def test_a_slider_marks_the_correlation_and_shows_its_covariance():
    drawn = correlated_noise.at_sigma(0.3, terms, profile="laptop")
    noise, matrix, curves = drawn.axes
    shown = matrix.images[0].get_array()
    np.testing.assert_allclose(shown, gaussian.equicorrelated(10, 0.3))
    draws = noise.lines[0].get_xydata()
    assert np.corrcoef(draws.T)[0, 1] == pytest.approx(0.3, abs=0.1)
    assert list(curves.lines[-1].get_xdata()) == [0.3, 0.3]


def test_a_slider_says_what_it_shows():
    assert correlated_noise.at_sigma_in_words(0.9, terms) == (
        "σ = 0.90: the whole code knows 10.90 nats, the axes apart 10.00; c is 1.80, the total"
        " correlation 0.90"
    )


def test_linear_codes_are_drawn_where_they_send_images():
    code = Linear(2 * torch.eye(2).double(), torch.ones(2).double())
    told = {0.0: torch.eye(2), 0.9: torch.full((2, 2), 0.5)}
    curves = {0.0: [terms(2, 0.0)] * 80, 0.9: [terms(2, 0.9)] * 80}
    drawn = correlated_noise.at_beta(
        4.0, dict.fromkeys(told, code), told, curves, profile="laptop"
    )
    plane, matrix, curve = drawn.axes[:3]
    assert len(plane.lines) == 8  # four lines of images for each component
    np.testing.assert_allclose(plane.lines[0].get_xydata(), [[x, -3] for x in (-3, -1, 1, 3)])
    np.testing.assert_allclose(plane.lines[4].get_xydata(), [[-3, y] for y in (-3, -1, 1, 3)])
    widths = [drawn.axes[i].patches[0] for i in (0, 3)]
    assert [round(ellipse.width, 6) for ellipse in widths] == [2.0, round(2 * math.sqrt(1.9), 6)]
    assert [text.get_text() for text in matrix.texts] == ["1.00", "0.00", "0.00", "1.00"]
    np.testing.assert_allclose(curves_of(curve)["$I(z;x)$"][:, 0], correlated_noise.BETAS)
    np.testing.assert_allclose(curves_of(drawn.axes[5])["$I(z;x)$"][:, 1], 2.9)
    assert list(curve.lines[-1].get_xdata()) == [4.0, 4.0]
    assert correlated_noise.at_beta_in_words(4.0, told) == (
        "β = 4.00: at σ = 0 axis 1 tells 1.00 nats of component 1 and 0.00 of component 2, axis 2"
        " 0.00 and 1.00; at σ = 0.9 axis 1 tells 0.50 nats of component 1 and 0.50 of component"
        " 2, axis 2 0.50 and 0.50"
    )
