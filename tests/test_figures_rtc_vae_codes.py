"""Codes of single models: links, pair plots and axes of made-up codes that are known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from disentangled import data as datasets
from disentangled import models, store
from disentangled.data import FactorData
from disentangled.experiments import rtc_vae
from disentangled.figures import rtc_vae_codes as figures

SIZES = (5, 5, 5, 4, 4, 8)
NAMES = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")


@pytest.fixture
def data():
    """The grid of factors of the Shapes3D twin's part, with pictures of a pixel."""
    factors = torch.cartesian_prod(*map(torch.arange, SIZES))
    pictures = torch.zeros(len(factors), 3, 1, 1, dtype=torch.uint8)
    yield FactorData("tiny", pictures, factors, NAMES, SIZES, source="twin", unordered=("shape",))
    plt.close("all")


@pytest.fixture
def model(data):
    """Axis 0 is the orientation, axes 1 and 2 the cosine and the sine of the object's hue, twice
    as wide; axis 3 tells nothing."""
    angle = 2 * torch.pi * data.factors[:, 2] / 5
    axes = [data.factors[:, 5] / 8, 2 * angle.cos(), 2 * angle.sin(), torch.zeros(len(angle))]
    line = pd.Series({"run_id": "abc", "dataset": "tiny", "source": "twin", "seed": 3})
    code = torch.stack(axes, 1).double().numpy()
    return figures.Model("RTC-VAE (20)", line, code, data, "smoke")


def test_axes_that_vary_most_come_first(model):
    assert figures.active(model.code) in ([1, 2, 0], [2, 1, 0])


def test_links_of_a_code_that_is_known(model):
    found = figures.links(model)
    orientation = [1.0, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(found.r2[5], orientation, atol=1e-9)
    np.testing.assert_allclose(found.information[5], orientation, atol=1e-9)
    # cos of 5 angles has 3 values, sin 5: (log 5 - 4/5 log 2) / log 5 and 1
    share = 1 - 0.8 * np.log(2) / np.log(5)
    np.testing.assert_allclose(found.information[2], [0.0, share, 1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(found.axes[[0, 5]], [0.0, 1.0], atol=0.02)
    p = np.array([share, 1.0]) / (1 + share)
    assert found.axes[2] == pytest.approx(np.exp(-(p * np.log(p)).sum()), abs=0.01)


def test_matrices_have_a_row_an_axis_and_count_the_axes(model):
    left, right = figures.matrices(model, profile="smoke").axes
    assert left.images[0].get_array().shape == right.images[0].get_array().shape == (4, 6)
    assert right.images[0].get_array()[0, 5] == pytest.approx(1.0)
    columns = [label.get_text() for label in right.get_xticklabels()]
    assert columns[5] == "orientation\n1.0"
    assert columns[2] == "object\nhue\n2.0"
    assert left.get_xticklabels()[2].get_text() == "object\nhue"


def test_pair_plots_show_independent_axes_as_a_lattice(model):
    figure = figures.pair_plot(model, profile="smoke")
    (axes,) = figure.axes
    assert axes.get_title() == "RTC-VAE (20): means of 2,000 images"
    sheet = axes.images[0].get_array()
    cell, step = figures.CELL, figures.CELL + figures.EDGE
    assert sheet.shape == (3 * step - figures.EDGE,) * 2
    below = sheet[2 * step :, :cell] > 0.1  # the orientation against one half of the hue
    rows, columns = np.flatnonzero(below.any(1)), np.flatnonzero(below.any(0))
    assert len(rows) == 8
    assert below[np.ix_(rows, columns)].all()
    ring = sheet[step : step + cell, :cell] > 0.1  # cosine and sine: five of 3 x 5 places
    assert ring.sum() == 5
    assert not (sheet[:cell, step:] > 0).any()
    assert "tiny (twin), seed 3" in figure.get_supxlabel()


def test_only_so_many_axes_as_can_be_read(model):
    wide = model._replace(code=np.random.default_rng(0).normal(size=(len(model.code), 10)))
    (axes,) = figures.pair_plot(wide, profile="smoke").axes
    assert len(axes.get_xticklabels()) == figures.MOST_AXES
    assert axes.get_title().endswith("images, the 8 that vary most of 10 that tell something")


def pictures(folder):
    """Pictures of the run abc, whose axis 2 is grey."""
    moving = np.zeros((4, 9, 3, 2, 2), np.uint8)
    moving[2] = 100
    store.write_pictures(folder / "abc.npz", {"traversals": moving})


def test_the_factor_on_two_axes_is_the_one_that_a_circle_holds(model, tmp_path, monkeypatch):
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    pictures(tmp_path / "rtc_vae" / "smoke" / "pictures")
    figure = figures.on_two_axes(model, profile="smoke")
    spread, held, walks = figure.axes
    assert spread.get_title() == "object_hue, shared: 1.00 and 0.66 told"
    assert (spread.get_xlabel(), spread.get_ylabel()) == ("axis 2", "axis 1")
    assert len(np.unique(spread.collections[0].get_offsets().round(6), axis=0)) == 5
    assert held.get_title() == "orientation, apart: 1.00 and 0.00 told"
    assert [label.get_text() for label in walks.get_yticklabels()] == ["axis 2", "axis 1"]
    sheet = walks.images[0].get_array()
    assert (sheet[1:3, 1:3] == 100).all()
    assert (sheet[5:7, 1:3] == 0).all()


def test_figure_7_stands_beside_ours(model):
    table = figures.beside_figure_7(model)
    assert table["object_hue", "printed"].tolist() == [0.23, 0.17, 0.06, 0.017]
    np.testing.assert_allclose(table["orientation", "ours"], [1.0, 0.0, 1.0, 0.0], atol=1e-9)
    of_hue = table["object_hue", "ours"]
    assert of_hue["gap"] == pytest.approx(of_hue["best axis"] - of_hue["second best"])
    assert of_hue["correlation of the two"] == pytest.approx(0, abs=1e-7)  # a circle
    assert figures.beside_figure_7(None)["object_hue", "ours"].isna().all()


def test_without_a_model_there_is_a_line():
    for draw in (figures.pair_plot, figures.matrices, figures.on_two_axes):
        (axes,) = draw(None, profile="smoke").axes
        assert axes.texts[0].get_text().startswith("not run")
    plt.close("all")


def test_committed_models_are_read_and_what_tells_nothing_is_left_at_0(
    data, model, tmp_path, monkeypatch
):
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    setting = rtc_vae.setting("smoke", "shapes3d", "rtc_vae", 20.0)
    monkeypatch.setitem(
        datasets.DATA_SETS, setting.run.dataset,
        datasets.DataSet(lambda *_: data, "the made-up grid"),
    )  # fmt: skip
    mean = torch.as_tensor(model.code).float()
    mean[:, 3] = 0.01 * torch.randn(len(mean), generator=torch.Generator().manual_seed(0))
    codes = torch.stack([mean, torch.full_like(mean, np.log(0.05))])
    assert figures.committed("smoke") == {}
    store.write_tensors(models.committed_path(setting.run, 0), {models.CODES: codes}, seed="0")
    (found,) = figures.committed("smoke").items()
    assert found[0] == "rtc_vae"
    assert found[1].title == "RTC-VAE (20)"
    assert found[1].line["run_id"] == setting.run.id(0)
    np.testing.assert_allclose(found[1].code, model.code, atol=1e-6)
