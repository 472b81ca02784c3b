"""One style and one caption line for every figure."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from disentangled.figures import style

DRAWING = """
import matplotlib.pyplot as plt
import numpy as np

from disentangled.figures import style

style.use_style()
figure, (axes, other) = plt.subplots(1, 2, figsize=(3, 2))
axes.set(xlim=(0.2, 1))
_ = axes.plot([0, 1], [0, 1], "o-"), other.imshow(np.eye(3), interpolation="none")
_ = style.finish(figure, "smoke", "closed form")
"""


@pytest.fixture
def figure():
    with plt.rc_context():
        style.use_style()
        figure, axes = plt.subplots(figsize=(3, 2))
        _ = axes.plot([0, 1], [0, 1])
        yield figure
        plt.close(figure)


def test_the_caption_says_profile_source_seeds_and_bars():
    line = style.caption("laptop", "re-render", seeds=8, bars="90 % intervals")
    assert line == "profile laptop · re-render · 8 seeds · 90 % intervals"
    assert style.caption("paper", "closed form") == "profile paper · closed form"


def test_seeds_without_a_word_on_the_bars_are_refused():
    with pytest.raises(ValueError, match="what the bars"):
        style.caption("laptop", "re-render", seeds=8)


@pytest.mark.parametrize(("profile", "marked"), [("smoke", True), ("laptop", False)])
def test_only_smoke_figures_carry_a_watermark(figure, profile, marked):
    style.finish(figure, profile, "closed form")
    assert ("smoke" in [text.get_text() for text in figure.texts]) is marked


def test_a_long_caption_line_breaks_before_the_edge(figure):
    style.finish(figure, "laptop", "a source of many words", bars="bars that say what they are")
    lines = figure.get_supxlabel().split("\n")
    assert len(lines) > 1
    assert max(map(len, lines)) <= 3 * 72 / (0.6 * style.SMALLEST)


def test_a_figure_wider_than_the_page_is_refused(figure):
    figure.set_figwidth(7.5)
    with pytest.raises(ValueError, match=r"7 inches wide, the figure 7\.5"):
        style.finish(figure, "laptop", "closed form")


def test_small_text_is_refused(figure):
    figure.axes[0].set_title("tiny", fontsize=7)
    with pytest.raises(ValueError, match="at least 8 points, 'tiny' has 7"):
        style.finish(figure, "laptop", "closed form")


def test_a_notebook_shows_the_same_svg_in_every_run():
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(DRAWING)]
    shown = []
    for _ in range(2):
        client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {}})
        (output,) = client.execute().cells[0].outputs
        shown.append(output["data"])
    assert set(shown[0]) == {"image/svg+xml", "text/plain"}
    one, other = (data["image/svg+xml"] for data in shown)
    assert one == other
    assert "<dc:date>" not in one
    assert 'width="216pt" height="144pt"' in one
    assert "image/png;base64" in one  # the heat map stays a raster


def test_a_packed_picture_is_opaque_white_and_of_few_colours(figure):
    picture = Image.open(io.BytesIO(style.png(figure)))
    assert picture.format == "PNG"
    assert picture.size == (300, 200)
    assert len(picture.getcolors()) <= 64
    assert "transparency" not in picture.info
    assert picture.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
    assert not plt.fignum_exists(figure.number)


def test_a_heatmap_writes_its_numbers(figure):
    axes = figure.axes[0]
    style.heatmap(axes, np.eye(2), ["a", "b"], ["c", "d"], top=1.0)
    assert [text.get_text() for text in axes.texts] == ["1.00", "0.00", "0.00", "1.00"]


def test_a_grid_of_images_names_its_rows_and_leaves_gaps_blank():
    grey = np.array([0, 51, 255], np.uint8).reshape(3, 1, 1, 1).repeat(4, 2).repeat(4, 3)
    drawn = style.image_grid(
        {"grey": grey, "colour": np.full((2, 3, 2, 2), 0.5)}, columns=["a", "b", "c"]
    )
    panels = np.array(drawn.axes).reshape(2, 3)
    assert [axes.get_ylabel() for axes in panels[:, 0]] == ["grey", "colour"]
    assert [axes.get_title() for axes in panels[0]] == ["a", "b", "c"]
    assert [axes.images[0].get_array().max() for axes in panels[0]] == [0, 0.2, 1]
    assert panels[1, 0].images[0].get_array().shape == (2, 2, 3)
    assert [len(axes.images) for axes in panels[1]] == [1, 1, 0]
    plt.close(drawn)
