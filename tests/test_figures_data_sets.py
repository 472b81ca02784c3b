"""The chapter on data sets: what its figures show and what its prose quotes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from disentangled.figures import data_sets


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def panels_of(figure, n_rows):
    """The panels of a grid of pictures, by row."""
    return np.array(figure.axes).reshape(n_rows, -1)


def test_pictures_are_named_by_row_and_column_over_their_source():
    rows = {"a": torch.zeros(2, 1, 4, 4), "b": torch.ones(1, 1, 4, 4)}
    drawn = data_sets.pictures(rows, "a twin", profile="laptop", columns=["0°", "45°"], width=4)
    panels = panels_of(drawn, 2)
    assert [axes.get_ylabel() for axes in panels[:, 0]] == ["a", "b"]
    assert [axes.get_title() for axes in panels[0]] == ["0°", "45°"]
    assert drawn.get_supxlabel() == "profile laptop · a twin"
    assert drawn.get_size_inches()[0] == 4


def scenes(*lit):
    """Pictures of 64 px in which these pixels, one a picture, are lit."""
    images = torch.zeros(len(lit), 1, 64, 64, dtype=torch.uint8)
    for image, place in zip(images, lit, strict=True):
        image[(0, *place)] = 255
    return images


def test_sources_are_compared_pixel_by_pixel_and_pooled():
    found = {
        "re-render": scenes((0, 0), (5, 5)),
        "grid, real": scenes((0, 0), (5, 6)),
        "subset, real": scenes((0, 0), (5, 5)),
    }
    drawn = data_sets.scenes_by_source(found, [1, 2345], profile="laptop")
    panels = panels_of(drawn, 6)
    names = [axes.get_ylabel() for axes in panels[:, 0]]
    assert names == [*found, "difference", "re-render, 32 px", "re-render, 16 px"]
    assert [axes.get_title() for axes in panels[0]] == ["1", "2,345"]
    different = [np.argwhere(axes.images[0].get_array()).tolist() for axes in panels[3]]
    assert different == [[], [[5, 5], [5, 6]]]
    # one lit pixel of a block of 4, and of 16, rounded to a whole grey
    assert panels[4, 0].images[0].get_array()[0, 0] == pytest.approx(64 / 255)
    assert panels[5, 0].images[0].get_array()[0, 0] == pytest.approx(16 / 255)
    assert drawn.get_supxlabel() == "profile laptop · re-render; grid, real; subset, real"


def test_a_single_source_has_no_difference():
    drawn = data_sets.scenes_by_source({"re-render": scenes((0, 0))}, [7], profile="laptop")
    names = [axes.get_ylabel() for axes in panels_of(drawn, 3)[:, 0]]
    assert names == ["re-render", "re-render, 32 px", "re-render, 16 px"]


def test_the_prose_quotes_the_agreement_off_the_grid():
    def measured(shape, on_grid, n_images, exact, wrong, worst):
        return {
            "shape": shape,
            "on_coarse_grid": on_grid,
            "n_images": n_images,
            "exact_share": exact,
            "mean_wrong_pixels": wrong,
            "max_wrong_pixels": worst,
        }

    rows = [
        measured("square", True, 1000, 0.1, 9.0, 7),
        measured("heart", True, 1000, 0.1, 9.0, 2),
        measured("square", False, 500, 1.0, 0.0, 0),
        measured("ellipse", False, 600, 0.987654, 0.0123, 1),
        measured("heart", False, 700, 0.5, 0.6, 4),
    ]
    assert data_sets.agreement_numbers(rows) == {
        "exact_square": "100.00 %",
        "exact_ellipse": "98.77 %",
        "exact_heart": "50.00 %",
        "n_held_out": "1,800",
        "n_compared": "3,800",
        "worst": 7,
        "wrong_ellipse": "0.012",
        "wrong_heart": "0.600",
    }


def test_turns_draw_the_counts_of_every_shape():
    changed = {"square": torch.tensor([0, 3, 1]), "heart": torch.tensor([0, 5, 4])}
    drawn = data_sets.turns(changed, profile="laptop")
    lines = {line.get_label(): list(line.get_ydata()) for line in drawn.axes[0].lines}
    assert lines == {"square": [0, 3, 1], "heart": [0, 5, 4]}
    assert drawn.axes[0].get_ylim()[0] == 0
