"""Figures of the chapter your_own: rows in which one factor moves, and what the prose says."""

import matplotlib.pyplot as plt
import pytest
import torch

from disentangled import data
from disentangled.figures import your_own as figures


@pytest.fixture
def numbered():
    """Pictures of one pixel, whose grey value is 100 a + 10 b + c of their three factors."""
    factors = torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(4))
    grey = (factors @ torch.tensor([100, 10, 1])).to(torch.uint8)
    images = grey[:, None, None, None].expand(-1, 1, 2, 2)
    names, sizes = ("first", "second", "third"), (2, 3, 4)
    return data.FactorData("numbers", images, factors, names, sizes, source="made up")


def test_a_row_moves_its_factor_and_keeps_the_others(numbered):
    drawn = figures.one_factor_a_row(numbered, (1, 2, 3), profile="laptop")
    names = [axes.get_ylabel() for axes in drawn.axes if axes.get_ylabel()]
    assert names == ["first", "second", "third"]
    shown = [[round(255 * float(axes.images[0].get_array()[0, 0])) for axes in row if axes.images]
             for row in (drawn.axes[:4], drawn.axes[4:8], drawn.axes[8:])]  # fmt: skip
    assert shown == [[23, 123], [103, 113, 123], [120, 121, 122, 123]]
    assert drawn.get_supxlabel() == "profile laptop · numbers (made up)"
    plt.close(drawn)


def test_what_the_prose_says_of_the_score_is_held_to_its_values():
    said = {"the factors": 1.0, "two of three turned": 2 / 3}
    figures.assert_straightness({"the factors": 1.0, "two of three turned": 0.6666667}, said)
    with pytest.raises(
        AssertionError, match=r"two of three turned is 0\.667\d+, but .* 0\.666667"
    ):
        figures.assert_straightness({"the factors": 1.0, "two of three turned": 0.6675}, said)
    with pytest.raises(AssertionError, match=r"scored were \['the factors'\]"):
        figures.assert_straightness({"the factors": 1.0}, said)
