"""Figures of information_identities: drawn and glued numbers of codes whose numbers are known."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from disentangled import gaussian
from disentangled.estimators import KLTerms
from disentangled.figures import information_identities as figures

BIT = math.log(2)
XOR = (BIT, 0.0, BIT, 0.0)
NOISE = (0.0, 0.0, BIT, BIT)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def line_mixture(weight, axes):
    """Numbers whose excess is 2 w - 1 on three axes and w - 1 on two."""
    together = 2 * weight if len(axes) == 3 else weight
    return together, 1.0, together, 1.0


def lengths(axes):
    """Where each bar begins and how long it is, rounded."""
    return [(round(bar.get_x(), 9), round(bar.get_width(), 9)) for bar in axes.patches]


def test_properties_are_those_of_known_codes():
    assert figures.properties((2 * BIT, 2 * BIT, 0.0, 0.0)) == (True, True, True)
    assert figures.properties(XOR) == (True, False, False)
    assert figures.properties(NOISE) == (False, False, True)


def test_the_bars_of_the_balance_end_where_their_parts_add_up():
    bars, marks = figures.balance({"xor": XOR, "noise": NOISE}, profile="laptop").axes
    bit = round(BIT, 9)
    assert lengths(bars)[:4] == [(0.0, bit), (bit, 0.0), (0.0, 0.0), (0.0, bit)]
    assert lengths(bars)[4:] == [(0.0, 0.0), (0.0, bit), (0.0, 0.0), (0.0, bit)]
    assert [text.get_text() for text in bars.texts] == ["0.69"] * 4
    assert [label.get_text() for label in bars.get_yticklabels()] == ["xor", "noise"]
    assert [text.get_text() for text in marks.texts] == ["yes", "no", "no", "no", "no", "yes"]


def test_short_parts_carry_no_number():
    bars, _ = figures.balance({"faint": (0.1, 0.1, 0.0, 0.0)}, profile="laptop").axes
    assert not bars.texts


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


def test_both_sides_for_a_trained_encoder_agree_in_so_many_digits():
    noise = gaussian.equicorrelated(2, 0.6)
    conditional_tc = -0.5 * math.log(1 - 0.6**2)

    def parts(mutual_info, total_corr=0.0):
        return KLTerms(0.0, mutual_info, total_corr, 0.0, {})

    each = [parts(0.5), parts(0.25)]
    exact = figures.trained_balance(parts(0.75 + conditional_tc - 0.1, 0.1), each, noise)
    assert exact["trained_left"] == pytest.approx(conditional_tc - 0.1)
    assert exact["trained_right"] == pytest.approx(conditional_tc - 0.1)
    assert exact["trained_digits"] == 9
    off = figures.trained_balance(parts(0.75 + conditional_tc - 0.1 + 2e-5, 0.1), each, noise)
    assert off["trained_digits"] == 4


def test_the_surplus_and_what_shrinks_it():
    means = pd.DataFrame(
        {
            "mutual_info": [5.0, 6.0, 7.0],
            "axis_info": [8.0, 8.5, 8.0],
            "conditional_tc": [0.0, 1.0, 3.0],
            "total_corr": [3.0, 3.5, 4.0],
        },
        index=pd.Index([0.0, 0.5, 0.9], name="sigma"),
    )
    numbers = figures.surplus(means)
    assert numbers == {"surplus_0": 3.0, "surplus_9": 1.0, "noise_9": 3.0, "own_9": 4.0}
    figures.correlated_noise_shrinks_the_surplus(numbers)
    with pytest.raises(AssertionError, match="does not shrink"):
        figures.correlated_noise_shrinks_the_surplus(numbers | {"surplus_9": 3.0})
