"""Sliders show the picture of their value, with no kernel, within the limits of a page."""

from __future__ import annotations

import base64
import html
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from ipywidgets import Widget

from disentangled.claims import Chapter
from disentangled.figures import sliders


@pytest.fixture
def page():
    return Chapter("x", "laptop")


def dot(*place):
    """A small figure with a dot at a place."""
    figure, axes = plt.subplots(figsize=(1, 1))
    _ = axes.plot(*np.resize(place, 2), "o")
    return figure


def dot_of_second(_, place):
    return dot(place)


def said(*values):
    return f"dot at {values} < 9"


def linked(source, target, trait="value"):
    """Whether the page itself, without a kernel, copies source's value to target's index."""
    wanted = {
        "source": [f"IPY_MODEL_{source.model_id}", trait],
        "target": [f"IPY_MODEL_{target.model_id}", "selected_index"],
    }
    models = Widget.get_manager_state()["state"].values()
    states = [model["state"] for model in models if model["model_name"] == "LinkModel"]
    return any(wanted.items() <= state.items() for state in states)


def test_a_slider_is_linked_to_a_stack_of_pictures(page):
    box = sliders.slider(page, "s", [1, 2, 3], dot, label=r"\(\beta\)", alt=said, start=1)
    handle, stack = box.children
    assert (handle.value, handle.min, handle.max) == (1, 0, 2)
    assert stack.selected_index == 1
    assert linked(handle, stack)


def test_a_frame_is_a_png_with_its_value_in_words(page):
    box = sliders.slider(page, "s", [1, 2], dot, label="s", alt=said)
    tag = box.children[1].children[0].value
    assert html.unescape(re.search('alt="([^"]*)"', tag)[1]) == "dot at (1,) < 9"
    data = base64.b64decode(re.search('base64,([^"]*)"', tag)[1])
    assert data.startswith(b"\x89PNG")


def test_two_sliders_choose_row_and_column(page):
    box = sliders.two_sliders(
        page, "s", [0, 1, 2], [3, 4, 5], dot, labels=("a", "b"), alt=said, start=(1, 2)
    )
    upper, lower, outer = box.children
    assert [upper.max, lower.max] == [2, 2]
    assert outer.selected_index == 1
    assert linked(upper, outer)
    assert [stack.selected_index for stack in outer.children] == [2, 2, 2]
    assert "dot at (1, 5)" in html.unescape(outer.children[1].children[2].value)
    for stack in outer.children:
        assert linked(lower, stack)
    assert page.sliders["s"][0] == 9


def test_a_choice_of_two_is_a_menu(page):
    box = sliders.two_sliders(
        page, "s", ["u", "v"], [3, 4, 5], dot_of_second, labels=("a", "b"), alt=said, start=(1, 2)
    )
    upper, _, outer = box.children
    assert (upper.options, upper.index, upper.description) == (("u", "v"), 1, "a")
    assert linked(upper, outer, "index")
    assert not linked(upper, outer)
    handle, stack = sliders.slider(page, "t", [1, 2], dot, label="s", alt=said).children
    assert (handle.options, handle.index) == (("1", "2"), 0)
    assert linked(handle, stack, "index")


def test_too_many_frames_are_refused_before_any_is_drawn(page):
    with pytest.raises(ValueError, match=r"brings chapter x to 65 frames .* 64 frames and 1 MB"):
        sliders.slider(page, "s", range(65), lambda v: pytest.fail("drawn"), label="", alt=str)


def test_the_limits_are_those_of_the_whole_page(page):
    for _ in range(2):  # running a cell again counts once
        _ = sliders.slider(page, "one", [1, 2], dot, label="", alt=said)
    with pytest.raises(ValueError, match="'two' brings chapter x to 65 frames"):
        sliders.slider(page, "two", range(63), dot, label="", alt=said)


def test_too_many_bytes_are_refused(page, monkeypatch):
    monkeypatch.setattr(sliders, "MAX_BYTES", 1_000)
    with pytest.raises(ValueError, match="smaller pictures"):
        sliders.slider(page, "s", [1, 2], dot, label="", alt=said)


def test_a_live_slider_draws_the_value_it_is_moved_to():
    drawn = []

    def draw(value):
        drawn.append(value)
        return dot(value)

    box = sliders.live(draw, 1.0, 20.0, label="b", alt=said, start=2.0)
    handle, picture = box.children
    before = picture.value
    handle.value = 7.5
    assert drawn == [2.0, 7.5]
    assert picture.value != before
    assert "dot at (7.5,)" in html.unescape(picture.value)


def test_a_live_slider_starts_within_its_range():
    with pytest.raises(ValueError, match=r"start must be from 1.0 to 2.0, got 3.0"):
        sliders.live(dot, 1.0, 2.0, label="b", alt=said, start=3.0)


def test_what_scripts_read_does_not_count_as_pictures(page):
    page.sliders["walk"] = (0, sliders.MAX_BYTES)
    shown = sliders.slider(page, "s", [1, 2, 3], dot, label="x", alt=said)
    assert page.sliders["s"][0] == len(shown.children[1].children) == 3
