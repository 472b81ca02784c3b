"""The forest of claims draws every tested claim at its effect over Δ; published effects lie in
or out of an interval."""

from statistics import NormalDist

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from disentangled.figures import forest
from disentangled.figures.forest import LOOKS
from disentangled.records import Record


def facts(effect, low, high, family="figure 1", matters=0.05, **more):
    return {"how": "rows", "quantity": "MIG of one less that of the other", "unit": "score",
            "on": "made up (twin)", "asks": "more", "effect": effect, "low": low, "high": high,
            "matters": matters, "n_seeds": 8, "family": family, "p_effect": 1.0, "p_small": 1.0,
            "n_family": 1, "role": "primary", "settled": "yes", "rows": "here"} | more  # fmt: skip


PUBLISHED = {"published": 0.2, "by": "somebody 2020"}
LARGER = {"gpu": {"whole": True, "verdict": "reproduced", **facts(0.25, 0.15, 0.3)}}
DECIDED = [
    Record("C-one", "reproduced", facts(0.1, 0.05, 0.15, **PUBLISHED)),
    Record("C-two", "inconclusive", facts(2.0, -1.0, 5.0, "figure 2", 0.1, **PUBLISHED)),
    Record("C-three", "not run", {"how": "rows", "rows": "here", "there": "1 of 2 runs"}),
    Record("C-four", "inconclusive", facts(0.0, -0.1, 0.1, larger=LARGER)),
    Record("C-five", "described", {"how": "rows", "effect": 2.0, "unit": "pictures"}),
]


@pytest.fixture
def axes():
    figure = forest.forest(DECIDED, profile="laptop")
    yield figure.axes[0]
    plt.close(figure)


def test_claims_stand_by_family_with_the_profile_that_leads(axes):
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["C-one, 8 seeds", "C-four, 8 seeds, gpu", "C-two, 8 seeds"]
    assert axes.get_yticks().tolist() == [1, 2, 4]
    assert [text.get_text() for text in axes.texts] == ["figure 1", "figure 2"]


def test_effects_and_intervals_are_in_units_of_what_matters(axes):
    bars = [list(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2][3:]
    assert bars == [pytest.approx(pair) for pair in ([1, 3], [3, 6], [-10, forest.WIDEST])]
    points = [
        (line.get_xdata()[0], line.get_marker(), to_hex(line.get_color()))
        for line in axes.lines
        if line.get_marker() in "osv" and line.get_xdata()[0]
    ]
    green = to_hex(LOOKS["reproduced"][1])
    assert points == [(pytest.approx(2), "o", green), (pytest.approx(5), "o", green)]
    # the effect of the second, 20 Δ, lies outside, and its interval goes on in an arrow
    assert [line.get_xdata()[0] for line in axes.lines if line.get_marker() == ">"] == [12.0]
    published = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
    assert published == [pytest.approx(4), pytest.approx(2)]


def test_without_rows_there_is_no_figure():
    assert forest.forest(DECIDED[2:3], profile="laptop") is None


def test_published_effects_lie_inside_or_not():
    table = forest.beside_published(DECIDED, profile="laptop")
    assert table["inside"].to_dict() == {"C-one": "no", "C-two": "yes"}
    assert table.loc["C-one", ["ours", "low", "high", "published"]].tolist() == [
        0.1, 0.05, 0.15, 0.2,
    ]  # fmt: skip
    assert table["profile"].tolist() == ["laptop", "laptop"]
    none = forest.beside_published([], profile="laptop")
    assert none.columns.tolist() == table.columns.tolist()
    assert not len(none)


def test_the_sentence_is_that_of_the_profile_that_leads():
    *_, four, _ = DECIDED
    assert four.sentence == (
        "Reproduced in the profile gpu: MIG of one less that of the other is 0.250 (95 % interval "
        "0.150 to 0.300, 8 seeds). This is shown to be above 0."
    )
    assert four.leading("laptop") == ("gpu", LARGER["gpu"])


@pytest.mark.parametrize("matters", [0.0, "nan", "inf", -0.1])
def test_without_a_smallest_effect_that_matters_there_is_no_unit(matters):
    record = Record("C-one", "reproduced", facts(0.1, 0.05, 0.15, matters=matters))
    with pytest.raises(ValueError, match=f"Δ of C-one above 0 and finite, got {matters}"):
        forest.forest([record], profile="laptop")


@pytest.mark.parametrize("bad", [("nan", 0.0, 1.0), (0.0, "nan", 1.0), (0.0, -1.0, "nan")])
def test_an_interval_without_numbers_is_named(bad):
    record = Record("C-one", "inconclusive", facts(*bad))
    with pytest.raises(ValueError, match=r"an interval of C-one, got low .*nan"):
        forest.forest([record], profile="laptop")


def test_an_interval_without_ends_goes_on_at_both():
    record = Record("C-one", "inconclusive", facts("inf", "-inf", "inf", **PUBLISHED))
    figure = forest.forest([record], profile="laptop")
    arrows = {line.get_marker(): line.get_xdata()[0] for line in figure.axes[0].lines}
    assert (arrows["<"], arrows[">"]) == (-forest.WIDEST, forest.WIDEST)
    plt.close(figure)
    table = forest.beside_published([record], profile="laptop")
    assert table["inside"].tolist() == ["yes"]


def test_a_published_effect_without_a_number_lies_in_no_interval():
    """As JSON has it: text."""
    for published in ("inf", "nan"):
        record = Record("C-one", "reproduced", facts(0.1, 0.05, 0.15, published=published, by="x"))
        assert forest.beside_published([record], profile="laptop")["inside"].tolist() == ["no"]


def test_power_is_told_of_claims_that_ask_for_more():
    same = Record("C-six", "reproduced", facts(0.0, -0.01, 0.01, asks="same"))
    table = forest.power([*DECIDED, same], profile="laptop")
    assert table.index.tolist() == ["C-one", "C-two", "C-four"]
    assert table["profile"].tolist() == ["laptop", "laptop", "gpu"]
    half = 1.959963984540054  # the interval of the first is Δ to either side
    reach = [n * half - 1.6448536269514722 for n in (1, 2, 4)]
    found = table.loc["C-one"].iloc[3:].tolist()
    assert found == pytest.approx([NormalDist().cdf(z) for z in reach])
