"""Names at the ends of curves: places known by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from disentangled.figures import labels


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([0.1, 0.9], [0.1, 0.9]),  # far apart: nothing moves
        ([0.5, 0.5], [0.6, 0.4]),  # the first above, as in a legend
        ([0.5, 0.6, 0.4], [0.5, 0.7, 0.3]),
        ([0.0, 0.0, 0.9], [0.1, -0.1, 0.9]),
        ([], []),
    ],
)
def test_labels_move_apart_by_as_little_as_can_be(places, expected):
    np.testing.assert_allclose(labels.apart(places, 0.2), expected, atol=1e-12)


def contrast(colour):
    """To white, by WCAG 2.1."""
    levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels
    )
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def test_light_colours_are_darkened_as_far_as_text_must_be():
    assert labels.ink("#0072b2") == "#0072b2"  # blue is dark enough
    assert labels.ink("k") == "#000000"
    for light in ("#56b4e9", "#E69F00", "#ffffff"):
        assert contrast(labels.ink(light)) == pytest.approx(4.5, abs=0.05)


def test_curves_are_named_where_they_end_and_nowhere_else():
    figure, axes = plt.subplots()
    axes.set(xlim=(0, 10), ylim=(0, 100))
    _ = axes.plot([0, 10], [0, 20], color="#000000", label="low")
    _ = axes.errorbar([0, 5, 10], [70, 75, 80], 1, color="#0072b2", label="high")
    _ = axes.axhline(21, label="level", color="#000000")
    _ = axes.plot([0, 5], [0, 200], label="steep")  # leaves the panel at half of x = 5
    _ = axes.plot([0, 10], [50, 50])  # has no label
    labels.name_ends(axes)
    drawn = {text.get_text(): text for text in axes.texts}
    assert set(drawn) == {"low", "high", "level", "steep"}
    ends = {name: text.xy for name, text in drawn.items()}
    assert ends["low"] == pytest.approx((1, 0.2))
    assert ends["high"] == pytest.approx((1, 0.8))
    assert ends["level"] == pytest.approx((1, 0.21))
    assert ends["steep"] == pytest.approx((0.25, 1), abs=0.01)
    heights = {name: text.get_position()[1] for name, text in drawn.items()}
    points = 72 * axes.get_window_extent().height / figure.dpi
    gap = labels.LINE * 8 / points
    assert heights["high"] == pytest.approx(0.8)
    assert heights["level"] == pytest.approx(0.205 + gap / 2)
    assert heights["low"] == pytest.approx(0.205 - gap / 2)
    assert drawn["low"].get_position()[0] > 1
    assert 0.25 < drawn["steep"].get_position()[0] < 0.4
    assert drawn["high"].get_color() == "#0072b2"
