"""Figures of minibatch_estimators: the drawn lines and numbers are those that went in."""

import math

import matplotlib.pyplot as plt
import pytest

from disentangled.figures import minibatch_estimators as figures
from disentangled.figures.style import SCHEMES

BATCHES = figures.Batches(n_data=1000, size=8, n_batches=3)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def lines(axes):
    """The drawn lines by label; error bars carry the label of their group."""
    of_groups = {group.get_label(): group.lines[0] for group in axes.containers}
    plain = {line.get_label(): line for line in axes.lines if line.get_label()[0] != "_"}
    return plain | of_groups


def caption(figure):
    return " ".join(figure.get_supxlabel().split())


def test_estimates_stand_beside_both_truths():
    estimates = {
        (n_axes, scheme): [[n_axes + k, 0.1], [n_axes - k, 0.2]]
        for n_axes in (2, 10)
        for k, scheme in enumerate(figures.DRAWN)
    }
    figure = figures.total_corr_by_determinant(
        [0.5, 1.0],
        estimates,
        lambda n_axes, det: n_axes * (1 - det),
        {2: [0.3, 0.2], 10: [0.6, 0.5]},
        BATCHES,
        profile="laptop",
    )
    for axes, n_axes, finite in zip(figure.axes, (2, 10), ([0.3, 0.2], [0.6, 0.5]), strict=False):
        assert axes.get_title() == f"{n_axes} axes"
        drawn = lines(axes)
        assert drawn["truth, N = 1,000"].get_ydata().tolist() == finite
        assert drawn["truth, N = ∞"].get_xydata()[[0, -1]].tolist() == [[0, n_axes], [1, 0]]
        for k, scheme in enumerate(figures.DRAWN):
            assert drawn[SCHEMES[scheme][0]].get_ydata().tolist() == [n_axes + k, n_axes - k]
        (bar,) = axes.containers[0].lines[2]
        low, high = bar.get_segments()[0][:, 1]
        assert (low, high) == pytest.approx((n_axes - 0.1, n_axes + 0.1))
    assert "N = 1,000, B = 8 · bars: standard error of 3 batches" in caption(figure)


def curve(level):
    return figures.Curve(
        [10, 100], [level, level + 1], [0.1, 0.1], [level - 1, level], [level + 1, level + 2],
        [level - 0.5, level + 0.5],
    )  # fmt: skip


def test_the_law_is_a_line_in_a_band_and_equation_11_dashed():
    figure = figures.growth(
        {2: curve(1), 10: curve(5)},
        curve(7),
        curve(9),
        lambda n_axes, size: (n_axes - 1) * math.log(size),
        BATCHES,
        profile="laptop",
    )
    by_batch, by_width, by_n_data = figure.axes
    drawn = lines(by_batch)
    assert drawn["D = 10"].get_ydata().tolist() == [5, 6]
    assert drawn["eq. 11"].get_ydata() == pytest.approx([9 * math.log(10), 9 * math.log(100)])
    assert lines(by_width)["eq. 11"].get_ydata() == pytest.approx([9 * math.log(8)] * 2)
    assert lines(by_n_data)["estimate"].get_ydata().tolist() == [9, 10]
    assert [8.5, 9.5] in [list(line.get_ydata()) for line in by_n_data.lines]
    band = by_n_data.collections[0]
    assert band.get_datalim(by_n_data.transData).intervaly.tolist() == [8, 11]


def test_maps_hold_the_errors_with_their_signs():
    figure = figures.error_maps(
        [2, 10], [20, 500], [1_000, 10**6], [[0.2, -0.3], [16.0, 17.0]], [[0.0, -1.0], [2.0, 3.0]],
        [[0.25, 1.0], [-4.0, 5.0]], BATCHES, profile="laptop",
    )  # fmt: skip
    written = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert written == [
        ["+0.2", "−0.3", "+16.0", "+17.0"],
        ["+0.0", "−1.0", "+2.0", "+3.0"],
        ["+0.2", "+1.0", "−4.0", "+5.0"],
    ]
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["1k", "1M"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["2", "10"]
    assert "B = 8" in figure.axes[1].get_title()


def test_estimates_fall_with_the_axes_and_equation_12_starts_at_the_second():
    figure = figures.by_active_axes(
        [0, 1, 2], {"mss": [[0, 0.1], [-1, 0.1], [2, 0.1]]}, [0, 0, 3], BATCHES, profile="laptop"
    )
    drawn = lines(figure.axes[0])
    assert drawn["mss"].get_ydata().tolist() == [0, -1, 2]
    assert list(drawn["law, for naive"].get_ydata()) == [0, 0, 3]
    assert drawn["eq. 11 and 12"].get_ydata() == pytest.approx([0, 0, math.log(8)])


def test_a_critic_on_seen_and_on_held_out_codes():
    trained = [
        figures.Trained("20 codes", [1.0, 2.0], [0.5, 1.5]),
        figures.Trained("many codes", [0.9, 1.9], [0.8, 1.8]),
    ]
    figure = figures.density_ratio(
        [0.0, 3.0], trained, {"naive": [5.0, 5.5]}, 10, profile="laptop"
    )
    alone, beside = (lines(axes) for axes in figure.axes)
    assert list(alone["20 codes, on these"].get_ydata()) == [1.0, 2.0]
    assert list(alone["20 codes, held out"].get_ydata()) == [0.5, 1.5]
    assert list(alone["truth"].get_ydata()) == [0.0, 3.0]
    assert list(beside["critic, held out"].get_ydata()) == [0.8, 1.8]
    assert list(beside["naive"].get_ydata()) == [5.0, 5.5]
    assert "Gaussian codes on 10 axes" in caption(figure)
