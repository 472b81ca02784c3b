"""Figures of information_identities: drawn and glued numbers of codes whose numbers are known."""

import math

import matplotlib.pyplot as plt
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
