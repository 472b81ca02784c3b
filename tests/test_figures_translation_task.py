"""Figures of the chapter translation_task: what is drawn is what was given or is known."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from disentangled.experiments import intervention as experiment
from disentangled.figures import style
from disentangled.figures import translation_task as figures
from disentangled.types import Score


@pytest.fixture(autouse=True)
def in_style():
    """Titles stand at the left in the book's style."""
    style.use_style()


def scored(value, loss=0.5, floor=0.4):
    """A score of two tasks whose floors are 0.2 apart, and whose excesses are the same."""
    floors, excesses = np.array([floor - 0.1, floor + 0.1]), np.full(2, loss - floor)
    parts = {"floors": floors, "excesses": excesses, "spread": 2.0}
    return Score(value, {"loss": loss, "floor": floor, **parts})


SCORES = {"one": {0: scored(0.1), 45: scored(0.2, 0.6)}, "two": {0: scored(0.3), 45: scored(0.25)}}


def heights(bars):
    """Of the points of curves with bars: their middles, and the lengths of the bars."""
    middles = [list(one.lines[0].get_ydata()) for one in bars]
    ends = [np.array(one.lines[2][0].get_segments())[:, :, 1] for one in bars]
    return middles, [list(np.ptp(end, axis=1)) for end in ends]


def test_losses_floors_and_difficulties():
    left, right = figures.losses_by_angle(SCORES, profile="laptop").axes
    middles, bars = heights(left.containers)
    assert middles == [[0.5, 0.6], [0.5, 0.5]]
    np.testing.assert_allclose(bars, 0.2)  # two tasks 0.2 apart: an error of 0.1 on each side
    floors = [line for line in left.lines if line.get_linestyle() == ":"]
    assert [list(line.get_ydata()) for line in floors] == [[0.4, 0.4], [0.4, 0.4]]
    middles, bars = heights(right.containers)
    assert middles == [[0.1, 0.2], [0.3, 0.25]]
    np.testing.assert_allclose(bars, 0, atol=1e-12)
    assert [text.get_text() for text in right.texts] == ["one", "two"]
    assert figures.standard_error([1, 2, 3, 4]) == pytest.approx((5 / 3) ** 0.5 / 2)


def test_images_along_the_first_feature():
    decodes = {
        name: lambda angle: lambda z: (z[:, :1] + angle).sigmoid().view(-1, 1, 1, 1)
        for name in SCORES
    }
    drawn = figures.mixed(45, decodes=decodes, scores=SCORES, profile="laptop")
    shown = torch.tensor(drawn.axes[0].images[0].get_array())
    known = torch.sigmoid(torch.linspace(-1.5, 1.5, 7) + 45)
    torch.testing.assert_close(shown[0, ::2].float(), known)
    assert drawn.axes[0].get_title(loc="left") == (
        "one, mixed by 45°: loss 0.6000, floor 0.4000, difficulty 0.200"
    )


def test_scores_in_words():
    assert figures.in_words(0, scores=SCORES) == (
        "mixed by 0°: one: loss 0.5000, floor 0.4000, difficulty 0.100; "
        "two: loss 0.5000, floor 0.4000, difficulty 0.300"
    )


def test_ratios_against_steps():
    ratios = {"one": {"a": [1, 2], "b": [3, 4], "c": [5, 6]}}
    (axes,) = figures.sensitivity(ratios, [10, 100], profile="laptop").axes
    assert [list(line.get_ydata()) for line in axes.lines[:3]] == [[1, 2], [3, 4], [5, 6]]


RUNS = pd.DataFrame(
    {
        "translation_difficulty": [0.4, 0.3, 0.2, 0.1, math.nan],
        "translation_loss": [1.0, 2.0, 3.0, 4.0, 5.0],
        "dci_forest": [0.1, 0.2, 0.3, 0.4, 0.5],
        "mig": [0.2, 0.1, 0.4, 0.3, 0.0],
    }
)


def test_ranks_turned_so_that_more_is_better():
    """A model without a difficulty is left out; 1 - 6 Σ d² / (n³ - n) = 1 - 24 / 60 of MIG."""
    found = figures.rank_correlations(RUNS)
    assert list(found) == ["difficulty", "loss", "DCI", "MIG"]
    assert found.loc["difficulty", "DCI"] == pytest.approx(1)
    assert found.loc["loss", "DCI"] == pytest.approx(-1)
    assert found.loc["difficulty", "MIG"] == pytest.approx(0.6)


def test_a_pool_that_has_not_run():
    drawn = figures.agreement({"one": RUNS, "two": pd.DataFrame()}, profile="laptop")
    one, two = drawn.axes
    assert one.get_title(loc="left") == "one, 5 models"
    assert one.texts[1].get_text() == "-1.00"
    assert [text.get_text() for text in two.texts] == ["not run yet"]
    assert figures.rank_correlations(RUNS[:3]).empty
    assert figures.rank_correlations(RUNS[["mig"]]).empty


def test_models_of_the_pool_by_data_set():
    """Of each data set its FactorVAEs on both laws; MIG of all factors."""
    of_pool = [(s.run, seed) for s in experiment.pool("smoke") for seed in s.seeds]
    strange = experiment.cells("smoke")["dsprites", "correlated", "β-TCVAE"]
    ids = [run.id(seed) for run, seed in of_pool] + [strange.id(0)]
    names = [run.dataset for run, _ in of_pool] + [strange.dataset]
    runs = pd.DataFrame({"run_id": ids, "dataset": names, "mig": 0.0, "mig_with_shape": 1.0})
    found = figures.pools(runs, "smoke")
    assert {name: len(of) for name, of in found.items()} == {
        "dsprites_rerender_grid": len(of_pool) // 2,
        "shapes3d_twin_grid": len(of_pool) // 2,
    }
    assert (found["dsprites_rerender_grid"]["mig"] == 1).all()
    assert set(found["shapes3d_twin_grid"]["dataset"]) == {
        "shapes3d_twin_grid_correlated",
        "shapes3d_twin_grid_independent",
    }
    none = figures.pools(runs[:0], "smoke")
    assert all(of.empty for of in none.values())
