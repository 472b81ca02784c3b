"""The joint histogram: what is drawn is what was counted, and the title says what follows."""

import numpy as np
import torch

from disentangled.data import FactorData
from disentangled.figures.joint_counts import joint_counts


def data(name: str, cells: list[tuple[int, int]]) -> FactorData:
    images = torch.zeros(len(cells), 1, 1, 1, dtype=torch.uint8)
    return FactorData(name, images, cells, ("far_left", "turn"), (2, 3), source="made up")


def test_counts_are_drawn_and_their_dependence_is_said() -> None:
    tied = data("tied", [(0, 0), (0, 0), (1, 2), (1, 2)])
    free = data("free", [(a, b) for a in range(2) for b in range(3)] + [(0, 0), (1, 0)])
    figure = joint_counts([tied, free], ["Tied", "Free"], ("far_left", "turn"), profile="laptop")
    first, second = figure.axes
    # to the right the first factor, upwards the second
    np.testing.assert_allclose(first.images[0].get_array(), [[1, 0], [0, 0], [0, 1]])
    np.testing.assert_allclose(second.images[0].get_array(), [[1, 1], [0.5, 0.5], [0.5, 0.5]])
    assert first.images[0].origin == "lower"
    assert first.images[0].get_clim() == (0, 1)
    assert first.get_title() == "Tied\ncorrelation 1.00\n0.693 nats"
    assert second.get_title() == "Free\ncorrelation 0.00\n0.000 nats"
    assert (first.get_xlabel(), first.get_ylabel()) == ("far left", "turn")
    assert "tied (made up); free (made up)" in figure.get_supxlabel()
