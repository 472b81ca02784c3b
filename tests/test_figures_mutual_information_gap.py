"""Figures of the chapter mutual_information_gap: what is drawn is what was given or is known."""

import math

import numpy as np
import pytest
import torch

from disentangled.figures import mutual_information_gap as figures
from disentangled.figures import style
from disentangled.types import Score


@pytest.fixture(autouse=True)
def in_style():
    """Titles stand at the left in the book's style."""
    style.use_style()


def scored(value, first=1.0):
    """A score with a table (2, 3) whose first entry is given and whose others are 0."""
    table = np.zeros((2, 3))
    table[0, 0] = first
    return Score(value, {"mutual_information": table})


def edges(axes):
    """The lowest and the highest ordinate of every band of the axes."""
    paths = [band.get_paths()[0].vertices[:, 1] for band in axes.collections]
    return [(path.min(), path.max()) for path in paths]


def test_a_code_is_a_heat_map_under_its_gap():
    codes = {"one": scored(0.876), "other": scored(0.0, 2.0)}
    drawn = figures.informations(codes, profile="laptop")
    assert [a.get_title(loc="left") for a in drawn.axes] == [
        "one\nMIG = 0.88",
        "other\nMIG = 0.00",
    ]
    first = [axes.texts[0].get_text() for axes in drawn.axes]
    assert first == ["1.00", "2.00"]
    # the colours end at what eight equally likely values can tell
    assert drawn.axes[0].images[0].get_clim()[1] == pytest.approx(1.25 * math.log(8))
    assert drawn.get_supxlabel() == "profile laptop · closed-form codes, no sampling"


def test_the_largest_difference_is_over_all_codes_and_entries():
    scores = {"one": scored(0.5), "other": scored(0.5, 2.0)}
    exact = {
        name: torch.as_tensor(score.parts["mutual_information"]) for name, score in scores.items()
    }
    assert figures.largest_difference(scores, exact) == 0
    off = exact["other"].clone()
    off[1, 2], off[0, 0] = -0.25, 2.125
    assert figures.largest_difference(scores, exact | {"other": off}) == 0.25


def test_a_turned_code_is_marked_among_all_angles():
    code = torch.full((4, 3), 0.5).double()
    scores = {0: scored(0.9), 90: scored(0.8), 45: scored(0.0, 0.5)}  # in any order
    factors = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    drawn = figures.turned_code(45, code=code, scores=scores, factors=factors, profile="laptop")
    plane, table, curve = drawn.axes
    assert plane.get_title(loc="left") == "turned by 45°; colour: $v_1$"
    points = plane.collections[0]
    assert points.get_offsets().tolist() == [[0.5, 0.5]] * 4
    assert points.get_array().tolist() == [0, 0, 1, 1]
    assert table.texts[0].get_text() == "0.50"
    every, this = curve.lines
    assert np.transpose(every.get_data()).tolist() == [[0, 0.9], [45, 0.0], [90, 0.8]]
    assert np.transpose(this.get_data()).tolist() == [[45, 0.0]]
    said = figures.turned_code_in_words(90, scores[90])
    assert said == "Code turned by 90 degrees: mutual information gap 0.80"


def test_lines_are_means_over_draws_and_bands_their_range():
    gaps = {0: 1.0, 45: 0.0}
    both = {0: [[1.0, 0.5], [0.5, 0.25]], 45: [[0.75, 0.5], [0.25, 0.0]]}
    drawn = figures.scores_by_angle(gaps, both, profile="laptop")
    (axes,) = drawn.axes
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines == {"MIG": [1.0, 0.0], "Higgins": [0.75, 0.5], "Kim and Mnih": [0.375, 0.25]}
    assert edges(axes) == [(0.25, 1.0), (0.0, 0.5)]
    assert drawn.get_supxlabel() == (
        "profile laptop · closed-form codes · 2 seeds"
        " · lines: mean over draws, bands: their range (MIG: exact)"
    )


def test_binned_gaps_are_drawn_for_each_number_of_images_beside_the_exact_one():
    gaps = {1_000: [[0.25, 0.75], [0.5, 0.5]], 10_000: [[0.75, 0.75], [0.5, 1.0]]}
    drawn = figures.scores_by_bins(gaps, [4, 8], exact=0.875, profile="laptop")
    (axes,) = drawn.axes
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines == {
        "1,000 images": [0.5, 0.5],
        "10,000 images": [0.75, 0.75],
        "exact entropies": [0.875, 0.875],
    }
    assert list(axes.lines[0].get_xdata()) == [4, 8]
    assert edges(axes) == [(0.25, 0.75), (0.5, 1.0)]
