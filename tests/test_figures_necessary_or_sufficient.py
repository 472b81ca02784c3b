"""Figures of necessary_or_sufficient: drawn numbers of codes whose numbers are known."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest

from disentangled.figures import necessary_or_sufficient as figures

BIT = math.log(2)
NOISE = (0.0, 0.0, BIT, BIT)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def line_mixture(weight, axes):
    """Numbers whose excess is 2 w - 1 on three axes and w - 1 on two."""
    together = 2 * weight if len(axes) == 3 else weight
    return together, 1.0, together, 1.0


def test_what_axes_follow_is_written_with_the_properties():
    codes = {
        "tied": ([[0.5, 0.0], [0.0, 0.25]], 0.1, -0.1),
        "turned": ([[0.5, 0.25], [0.25, 0.5]], 1e-12, 0.0),
    }
    tied, turned, of_tied, of_turned = figures.what_axes_follow(codes, profile="laptop").axes
    assert [axes.get_title() for axes in (tied, turned)] == ["tied", "turned"]
    numbers = [[text.get_text() for text in axes.texts] for axes in (tied, turned)]
    assert numbers == [["0.50", "0.00", "0.00", "0.25"], ["0.50", "0.25", "0.25", "0.50"]]
    words = [[text.get_text() for text in axes.texts] for axes in (of_tied, of_turned)]
    assert words[0] == ["disentangled: yes", "independent: no", "adds up: no"]
    assert words[1] == ["disentangled: no", "independent: yes", "adds up: yes"]


def test_a_mixture_is_drawn_on_the_curve_of_its_excess():
    weights, excesses = by_weight = figures.excess_by_weight(line_mixture, 5)
    assert excesses[1, 2, 3] == pytest.approx([-1, -0.5, 0, 0.5, 1])
    assert excesses[1, 2] == pytest.approx(weights - 1)
    drawn = figures.mixed(0.75, mixture=line_mixture, by_weight=by_weight, profile="laptop")
    bars, curve = drawn.axes
    assert bars.get_title() == "$w$ = 0.75"
    level, *lines = [line.get_xydata().tolist() for line in curve.lines]
    assert [y for _, y in level] == [0, 0]
    assert lines[0] == [[w, 2 * w - 1] for w in weights]
    assert lines[1] == [[0.75, 0.5]]
    assert lines[3] == [[0.75, -0.25]]


def test_a_mixture_in_words_has_the_signs_of_its_excess():
    words = figures.mixed_in_words(0.75, mixture=line_mixture)
    assert words.startswith("Weight 0.75 on parity")
    assert "+0.50 nats more than one by one, two axes -0.25 nats" in words


def test_bisection_finds_where_three_axes_add_up():
    found = figures.crossing(line_mixture)
    assert found == pytest.approx({"crossing": 0.5, "pair_there": -0.5})
    with pytest.raises(ValueError, match="must rise through 0"):
        figures.crossing(lambda weight, axes: NOISE)


def test_the_area_under_the_bars_is_that_under_the_mean():
    weights, at_values = [0.25, 0.75], np.array([0.4, 0.2])
    mean = float(weights @ at_values)
    left, right = figures.values_of_other_axes(
        weights, at_values, mean, [0.3, 0.1], [-0.2, 0.1], [(0, 0), (0, 1)], profile="laptop"
    ).axes
    assert sum(bar.get_width() * bar.get_height() for bar in left.patches) == pytest.approx(mean)
    assert [bar.get_x() for bar in left.patches] == [0, 0.25]
    assert left.lines[0].get_ydata()[0] == mean
    assert [bar.get_height() for bar in right.patches] == [0.3, 0.1, -0.2, 0.1]
    assert [label.get_text() for label in right.get_xticklabels()] == ["0, 0", "0, 1"]
