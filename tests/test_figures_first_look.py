"""Codes as nets, and how much of a score is the seed's."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from disentangled.data import FactorData
from disentangled.figures import first_look


def spots(sizes=(2, 3), order=None):
    """Images of one pixel, all pairs of two factors."""
    factors = torch.tensor(np.indices(sizes).reshape(len(sizes), -1).T.copy())
    factors = factors if order is None else factors[order]
    images = torch.zeros(len(factors), 1, 1, 1, dtype=torch.uint8)
    names = ("column", "row", "shade")[: len(sizes)]
    return FactorData("spots", images, factors, names, sizes, source="made up")


def runs(of):
    """Runs by setting: {(objective, weight): values of a score}."""
    lines = [(*setting, value) for setting, values in of.items() for value in values]
    return pd.DataFrame(lines, columns=["objective", "weight", "score"])


def test_the_share_of_a_setting_is_that_of_an_analysis_of_variance():
    found = first_look.spread(runs({("a", 1): [0.0, 2.0], ("b", 1): [4.0, 6.0]}), "score")
    # squares around the means 1 and 5: 4 of 2 degrees of freedom; around 3: 20 of 3
    assert found.share == pytest.approx(1 - 2 / (20 / 3))
    assert found.deviation == pytest.approx(2**0.5)
    assert (found.gap, found.n_runs, found.n_settings) == (4.0, 4, 2)
    alike = first_look.spread(runs({("a", 1): [0.0, 1.0], ("a", 2): [1.0, 0.0]}), "score")
    assert alike.share == pytest.approx(1 - (1 / 2) / (1 / 3))
    for too_few in ({("a", 1): [0.0, 1.0]}, {("a", 1): [0.0], ("b", 1): [1.0]}):
        with pytest.raises(ValueError, match="two settings or more, and several of a setting"):
            first_look.spread(runs(too_few), "score")


def test_runs_of_the_grid_are_on_one_data_set_and_ended(monkeypatch):
    lines = pd.DataFrame({
        "run_id": ["a", "b", "c", "d", "e"], "profile": "laptop", "last": [True] * 4 + [False],
        "dataset": ["drawn", "drawn", "real", "drawn", "drawn"],
    })  # fmt: skip
    named = {"d": "beside the grid"}
    monkeypatch.setattr(first_look.tables, "variants", lambda experiment, profile: named)
    assert first_look.of_the_grid(lines, "any")["run_id"].tolist() == ["a", "b"]
    assert first_look.of_the_grid(lines[:0], "any").empty


def test_a_net_joins_images_that_differ_by_one_step():
    data = spots()
    code = data.factors.double()  # axis 0 is the column, axis 1 the row
    figure = first_look.nets(torch.stack([code, -code]), data, [0.5, 0.25], profile="laptop")
    first, second, *others = figure.axes
    assert [axes.get_title(loc="left") or axes.get_title() for axes in (first, second)] == [
        "seed 0: MIG 0.50", "seed 1: MIG 0.25",
    ]  # fmt: skip
    assert not any(axes.axison for axes in others)
    threads = [np.stack(line.get_data(), 1).tolist() for line in first.lines]
    columns = [[[0, row], [1, row]] for row in range(3)]
    rows = [[[column, row] for row in range(3)] for column in range(2)]
    assert threads == columns + rows
    colours = [line.get_color() for line in first.lines]
    assert colours == [first_look.LOOKS[0]] * 3 + [first_look.LOOKS[1]] * 2


def test_a_net_needs_two_axes_and_the_whole_grid_in_order():
    code = torch.zeros(1, 6, 2)
    with pytest.raises(ValueError, match=r"expected codes \(models, 6, 2\) of two axes"):
        first_look.nets(torch.zeros(1, 6, 3), spots(), [0.0], profile="laptop")
    with pytest.raises(ValueError, match="all pairs of two factors"):
        first_look.nets(code, spots(order=[1, 0, 2, 3, 4, 5]), [0.0], profile="laptop")
    with pytest.raises(ValueError, match="all pairs of two factors"):
        first_look.nets(code, spots((6,)), [0.0], profile="laptop")


def test_settings_stand_in_the_order_of_their_means():
    lines = runs({("beta_vae", 4.0): [0.5, 0.7], ("vae", 1.0): [0.1, 0.3]})
    lines = lines.assign(seed=[0, 1, 0, 1], dataset="d", source="s")
    figure = first_look.by_setting(lines, "score", "MIG", profile="laptop")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["VAE", "β-VAE (4)"]
    points = [line.get_xdata().tolist() for line in axes.lines[::2]]
    assert points == [[0.1, 0.3], [0.5, 0.7]]
    assert [line.get_xdata()[0] for line in axes.lines[1::2]] == pytest.approx([0.2, 0.6])
    plt.close(figure)
