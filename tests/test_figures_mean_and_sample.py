"""Figures of the chapter mean_and_sample, on codes whose total correlations are known."""

import math

import numpy as np
import pytest
import torch

from disentangled.figures import mean_and_sample as figures

TIED = torch.tensor([[1.0, 0.1], [0.1, 0.01]], dtype=torch.float64)
SD = torch.tensor([0.1, 1.0], dtype=torch.float64)


def test_noise_adds_its_variances():
    assert figures.sampled(TIED, SD).flatten().tolist() == pytest.approx([1.01, 0.1, 0.1, 1.01])
    assert figures.told(TIED, SD) == pytest.approx(0.5 * math.log(1.01))


def test_means_on_a_line_and_their_samples():
    drawn = figures.disparity(1.0, covariance=TIED, sd=SD, profile="laptop")
    left, middle, right = drawn.axes
    x, y = left.lines[0].get_data()
    assert len(x) == figures.N_POINTS
    np.testing.assert_allclose(y, 0.1 * x, atol=1e-9)
    assert left.get_title() == r"means: $TC(\mu)$ = ∞"
    # -log(1 - 0.1² / 1.01²) / 2
    assert middle.get_title() == "samples: $TC(z)$ = 0.0049"
    noise = np.array(middle.lines[0].get_data()) - np.array(left.lines[0].get_data())
    np.testing.assert_allclose(noise.std(1), [0.1, 1.0], rtol=0.1)
    labels = [text.get_text() for text in right.get_legend().get_texts()]
    assert labels == [r"$TC(\mu) = \infty$", "$I(z_2;\\mu)$", "$TC(z)$"]


def test_curves_along_the_scale_of_the_noise():
    covariance = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    drawn = figures.disparity(
        2.0, covariance=covariance, sd=torch.ones(2).double(), profile="laptop"
    )
    of_means, bound, of_samples, at = drawn.axes[2].lines
    assert of_means.get_ydata() == pytest.approx([-0.5 * math.log(0.36)] * 2)
    correlation = 0.8 / (1 + figures.SCALES**2)
    np.testing.assert_allclose(of_samples.get_ydata(), -0.5 * np.log1p(-(correlation**2)))
    np.testing.assert_allclose(bound.get_ydata(), 0.5 * np.log1p(figures.SCALES**-2))
    assert at.get_xdata() == [2.0, 2.0]


def test_a_position_of_the_slider_in_words():
    assert figures.disparity_in_words(1.0, covariance=TIED, sd=SD) == (
        "Noise of scale 1: the total correlation of the means is ∞, that of the samples 0.0049"
    )


def test_steps_have_three_lines_and_say_on_which_side_they_bound():
    steps = {
        "one": figures.Step([1, 2], [3, 4], [2, 2], [5, 5], below=False),
        "other": figures.Step([1, 2], [3, 4], [9, 9], [1, 1], below=True),
    }
    drawn = figures.proof_steps(steps, profile="smoke")
    titles = [axes.get_title() for axes in drawn.axes]
    assert titles == ["one\nat most", "other\nat least"]
    values = [list(line.get_ydata()) for line in drawn.axes[0].lines]
    assert values == [[2, 2], [5, 5], [3, 4]]


def test_bars_of_dependent_codes():
    code = torch.zeros(3, 2).double(), torch.zeros(3, 2).double()
    drawn = figures.dependent_codes(
        {"a": code, "b": code}, {"a": (0.5, 0.0), "b": (0.1, 0.4)}, profile="laptop"
    )
    first, _, below, other = drawn.axes
    assert first.get_title() == "a"
    assert [bar.get_width() for bar in below.patches] == [0.0, 0.5]
    assert [text.get_text() for text in other.texts] == ["0.40", "0.10"]
    shade = np.asarray(first.images[0].get_array())
    assert np.unravel_index(shade.argmax(), shade.shape) == (60, 60)  # densest at zero
