"""The book as a PDF: which pages, what links lead to, and what sliders show on paper."""

import pdf
import pytest
import run

PAGES = ["book/index", "book/chapters/one"]


def test_pages_stand_in_the_order_of_the_book():
    names = pdf.pages(run.ROOT)
    assert names[:2] == ["book/index", "book/chapters/first_look"]
    chapters = [name for name in names if "/chapters/" in name]
    assert len(chapters) == len(run.chapters(run.ROOT))
    assert not set(names) & set(pdf.LEFT_OUT)


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("https://arxiv.org/abs/1802.04942", "https://arxiv.org/abs/1802.04942"),
        ("../index.html", "#book/index"),
        ("../index.html#map", "#book/index:map"),
        ("#here", "#book/chapters/one:here"),
        ("two.html", None),
        ("../../_modules/disentangled/gaussian.html", None),
    ],
)
def test_links_stay_inside_or_are_plain_text(target, place):
    assert pdf.leads_to(target, "book/chapters/one", PAGES) == place


STATE = {
    "all": {
        "model_name": "VBoxModel",
        "state": {"children": ["IPY_MODEL_handle", "IPY_MODEL_stack"]},
    },
    "handle": {"model_name": "IntSliderModel", "state": {}},
    "stack": {
        "model_name": "StackModel",
        "state": {"children": ["IPY_MODEL_a", "IPY_MODEL_b"], "selected_index": 1},
    },
    "a": {"model_name": "HTMLModel", "state": {"value": "first"}},
    "b": {"model_name": "HTMLModel", "state": {"value": "second"}},
}


def test_a_slider_shows_the_frame_that_it_begins_with():
    assert pdf.frame(STATE, "all") == "second"


def test_pages_are_joined_with_addresses_that_hold(tmp_path):
    chapters = tmp_path / "book" / "chapters"
    chapters.mkdir(parents=True)
    head = '<html><head><link rel="stylesheet" href="../_static/pages.css"></head>'
    body = '<article class="bd-article"><h1 id="top">A</h1><a href="chapters/one.html#p">on</a>'
    (tmp_path / "book" / "index.html").write_text(f"{head}{body}</article></html>")
    body = '<article class="bd-article"><p id="p">B</p><img src="../../_images/b.svg"></article>'
    (chapters / "one.html").write_text(f"<html>{body}<nav>not printed</nav></html>")
    text = pdf.joined(tmp_path, PAGES)
    assert 'href="_static/pages.css"' in text
    assert 'id="book/index:top"' in text
    assert '<a href="#book/chapters/one:p">on</a>' in text
    assert 'id="book/chapters/one:p"' in text
    assert 'src="_images/b.svg"' in text
    assert "not printed" not in text
