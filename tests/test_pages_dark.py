"""Figures on dark pages: what turns round with the page, and what stays as it was drawn."""

import base64
import io
import re

import dark
import matplotlib.pyplot as plt
import numpy as np
import pytest
import run
from PIL import Image

HALF = np.full((4, 4), 0.5)


def svg(draw):
    """What matplotlib writes of one panel."""
    figure, axes = plt.subplots(figsize=(2, 2))
    draw(axes)
    axes.set_title("a title, which lies on no image")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    return buffer.getvalue()


def picture(axes):
    axes.imshow(HALF, cmap="gray", vmin=0, vmax=1, interpolation="none")


def smooth_picture(axes):
    axes.imshow(HALF, cmap="gray", vmin=0, vmax=1)


def heatmap(axes):
    picture(axes)
    axes.text(1.0, 1.0, "0.50")


def cloud(axes):
    axes.plot([0, 1], [0, 1], "o", rasterized=True)


@pytest.mark.parametrize(
    ("draw", "n_pictures"), [(picture, 1), (smooth_picture, 1), (heatmap, 0), (cloud, 0)]
)
def test_only_pictures_stay_as_they_are(draw, n_pictures):
    drawn = svg(draw)
    assert drawn.count("<image ") == 1
    found = dark.darkened(drawn)
    assert found.count('class="picture"') == n_pictures
    assert found.count(dark.STYLE) == 1
    rest = found.replace(' class="picture"', "").replace(f"\n {dark.STYLE}", "")
    png = re.compile('base64,([^"]+)"')
    assert png.sub("", rest) == png.sub("", drawn)
    assert pixels(png.search(found)[1]).tolist() == pixels(png.search(drawn)[1]).tolist()
    assert len(found) < len(drawn) + len(dark.STYLE) + 30


def pixels(written):
    """Those of a picture in base 64, with their transparency."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(written))).convert("RGBA"))


@pytest.mark.parametrize("n_colours", [2, 256, 300])
def test_pictures_lose_bytes_and_no_colours(n_colours):
    shades = np.arange(400) % n_colours
    colours = np.stack([shades % 256, shades // 3, 255 - shades % 256], axis=1).astype(np.uint8)
    picture = Image.fromarray(colours.reshape(20, 20, 3)).convert("RGBA")
    found = Image.open(io.BytesIO(dark.lighter(picture)))
    assert found.convert("RGBA").tobytes() == picture.tobytes()


def test_an_image_that_is_placed_otherwise_is_refused():
    with pytest.raises(ValueError, match="as matplotlib places it"):
        dark.box('x="1" y="2"')


def test_a_browser_shows_a_figure_dark_on_a_dark_page(browser, tmp_path):
    figure, axes = plt.subplots(figsize=(1, 1))
    axes.set_position([0, 0, 0.5, 1])  # the left half is the picture
    axes.set_axis_off()
    axes.imshow(HALF, cmap="gray", vmin=0, vmax=1, interpolation="none", aspect="auto")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    (tmp_path / "figure.svg").write_text(dark.darkened(buffer.getvalue()), "utf-8")
    shades = {}
    for scheme in ("light", "dark"):
        html = f'<html style="color-scheme: {scheme}"><img src="figure.svg" width="90">'
        (tmp_path / "page.html").write_text(f"<!doctype html>{html}", "utf-8")
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto((tmp_path / "page.html").as_uri())
        shot = Image.open(io.BytesIO(page.locator("img").screenshot())).convert("L")
        shades[scheme] = [shot.getpixel(place) for place in ((20, 45), (75, 45))]
        page.close()
    assert shades["light"] == pytest.approx([128, 255], abs=2)
    assert shades["dark"] == pytest.approx([128, 20], abs=12)


def test_frames_of_sliders_turn_dark_but_for_those_with_pictures(browser, tmp_path):
    Image.new("RGB", (40, 40), "white").save(tmp_path / "white.png")
    frame = '<div class="widget-html-content"><img src="white.png" style="display: block"></div>'
    css = (run.ROOT / "book" / "_static" / "pages.css").as_uri()
    shades = {}
    for theme in ("light", "dark"):
        html = (
            f'<!doctype html><html data-theme="{theme}"><link rel="stylesheet" href="{css}">'
            f'<body class="bd-content">{frame}<div class="holds-pictures">{frame}</div>'
        )
        (tmp_path / "page.html").write_text(html, "utf-8")
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto((tmp_path / "page.html").as_uri())
        shots = [Image.open(io.BytesIO(of.screenshot())) for of in page.locator("img").all()]
        shades[theme] = [shot.convert("L").getpixel((20, 20)) for shot in shots]
        page.close()
    assert shades["light"] == [255, 255]
    assert shades["dark"] == pytest.approx([20, 255], abs=12)
