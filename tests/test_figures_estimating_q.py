"""Figures of estimating_q: the drawn lines and words are the numbers that went in."""

import math

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex

from disentangled.figures import estimating_q as figures
from disentangled.figures.style import COLOURS, SCHEMES
from disentangled.types import Code

BATCHES = figures.Batches(n_data=1000, size=8, n_batches=3)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def lines(axes):
    """The drawn lines by label."""
    return {line.get_label(): line for line in axes.lines if line.get_label()[0] != "_"}


def caption(figure):
    return figure.get_supxlabel()


def test_estimates_are_lines_in_bands_beside_the_truth():
    estimates = {
        (n_axes, scheme): [[n_axes + k, n_axes + k - 1, n_axes + k + 1]] * 2
        for n_axes in (2, 10)
        for k, scheme in enumerate(SCHEMES)
    }
    figure = figures.total_corr_by_correlation(
        [0.0, 0.5], estimates, lambda n_axes, rho: n_axes * rho, BATCHES, profile="laptop"
    )
    for axes, n_axes in zip(figure.axes, (2, 10), strict=True):
        drawn = lines(axes)
        assert drawn.pop("truth").get_xydata()[-1] == pytest.approx([0.975, 0.975 * n_axes])
        levels = [line.get_ydata().tolist() for line in drawn.values()]
        assert levels == [[n_axes + k] * 2 for k in range(len(SCHEMES))]
        bands = [band.get_datalim(axes.transData).intervaly for band in axes.collections]
        assert [band.tolist() for band in bands] == [
            [n_axes + k - 1, n_axes + k + 1] for k in range(len(SCHEMES))
        ]
    assert "N = 1,000, B = 8 · lines: mean of 3 batches" in caption(figure)


def test_shares_of_ratios_add_up_and_the_last_bin_holds_the_rest():
    ratio = torch.tensor([0.05, 0.05, 0.25, 9.65])
    figure = figures.naive_over_truth({1.0: ratio, 0.1: ratio}, profile="laptop")
    shares = [bar.get_height() for bar in figure.axes[0].patches]
    assert (shares[0], shares[2], shares[-1]) == (0.5, 0.25, 0.25)
    assert sum(shares) == 1.0
    last = figure.axes[1]
    at = {line.get_linestyle(): line.get_xdata()[0] for line in last.lines}
    assert at == pytest.approx({"--": 2.5, ":": 0.05})
    named = {text.get_text(): text.xy[0] for text in last.texts}
    assert named == pytest.approx({"mean": 2.5, "median": 0.05})
    assert not figure.axes[0].texts
    assert caption(figure).endswith("4 draws; last bin: 3 and more")


def test_biases_are_drawn_with_log_n_below_and_above():
    biases = {scheme: [[-1.0 - k, k], [-2.0 - k, 0.0]] for k, scheme in enumerate(SCHEMES)}
    figure = figures.bias_by_batch_size([2, 3], biases, 6, profile="laptop")
    of_log, of_tc = figure.axes
    assert lines(of_log)["mws (eq. 3)"].get_xydata().tolist() == [[2, -2.0], [3, -3.0]]
    assert lines(of_tc)["mws (eq. 3)"].get_xydata().tolist() == [[2, 1.0], [3, 0.0]]
    for axes, level, name in ((of_log, -math.log(6), r"$-\log N$"), (of_tc, math.log(6), "$+")):
        assert level in [line.get_ydata()[0] for line in axes.lines]
        (text,) = axes.texts
        assert text.get_position() == (2, level)
        assert text.get_text().startswith(name)


@pytest.fixture
def by_width():
    return figures.ByWidth(
        sigmas=[0.1, 1.0],
        estimates={(d, s): [d + 0.5, d] for d in (2, 10) for s in ("naive", "mss")},
        truth={2: [1.0, 0.5], 10: [4.0, 2.0]},
        rho=0.5,
    )


def test_posteriors_are_discs_of_their_width(by_width):
    mean = torch.arange(200.0).reshape(100, 2)
    code = Code(mean + 0.25, mean, torch.zeros_like(mean))
    figure = figures.posterior_width(
        0.3, draw=lambda sigma: code, by_width=by_width, batches=BATCHES, profile="laptop"
    )
    plane, two, ten = figure.axes
    assert [disc.center for disc in plane.patches] == [(2 * n, 2 * n + 1) for n in range(64)]
    assert {disc.radius for disc in plane.patches} == {0.3}
    assert plane.lines[0].get_xydata().tolist() == [[0.25, 1.25]]
    assert lines(two)["truth"].get_ydata().tolist() == [1.0, 0.5]
    assert lines(ten)["naive"].get_xydata().tolist() == [[0.1, 10.5], [1.0, 10.0]]
    (here,) = [line for line in ten.lines if to_hex(line.get_color()) == COLOURS["grey"].lower()]
    assert list(here.get_xdata()) == [0.3, 0.3]
    assert "ρ = 0.5, N = 1,000, B = 8 · mean of 3 batches" in caption(figure)


def test_words_take_the_numbers_of_the_nearest_width(by_width):
    words = figures.posterior_width_in_words(0.3, by_width=by_width)
    assert words.startswith("Posterior width 0.30")
    assert words.endswith("reads 10.5 nats, the truth is 4.0")
