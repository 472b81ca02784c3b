"""The chapter on linear maps of codes: its numbers from made-up rows known by hand."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from disentangled import tables
from disentangled.figures import where_it_goes as figures

CODES = ("mean", "sample")


def mig(objective, sigma, name, code, seed):
    """A number that tells all it is of: its digits are the seed, the map, σ, code and model."""
    place = list(figures.MAPS).index(name)
    return (
        0.001 * seed
        + 0.01 * place
        + 0.1 * (sigma > 0)
        + 1.0 * CODES.index(code)
        + 10.0 * list(figures.MODELS).index(objective)
    )


@pytest.fixture
def mapped():
    """Rows of mapped codes with three seeds, in no order."""
    lines = [
        {
            "objective": objective, "sigma": sigma, "estimator": f"20 bins, {name}", "code": code,
            "seed": seed, "value": mig(objective, sigma, name, code, seed), "dataset": "toy",
            "source": "re-render",
        }
        for objective, sigma, name, code, seed in itertools.product(
            figures.MODELS, figures.SIGMAS, figures.MAPS, CODES, (2, 0, 1)
        )
    ]  # fmt: skip
    yield pd.DataFrame(lines)
    plt.close("all")


def test_gaps_are_those_of_one_setting_by_seed(mapped):
    found = figures.gaps(mapped, "factor_vae_dlib", 0.9, "ICA", "sample")
    np.testing.assert_allclose(found, [11.13, 11.131, 11.132])
    assert figures.n_seeds(mapped) == 3
    fewer = mapped[(mapped["seed"] > 0) | (mapped["objective"] == "vae")]
    assert figures.n_seeds(fewer) == 2


def test_every_map_shows_its_seeds_and_their_mean(mapped):
    figure = figures.maps(mapped, "sample", profile="laptop")
    left, right = figure.axes
    assert [axes.get_title() for axes in (left, right)] == list(figures.MODELS.values())
    assert [t.get_text() for t in left.get_yticklabels()] == list(figures.MAPS.values())
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == ["σ = 0", "σ = 0.9"]
    seeds = [line for line in left.lines if line.get_alpha() == 0.4]
    assert len(seeds) == len(figures.MAPS) * len(figures.SIGMAS)
    np.testing.assert_allclose(seeds[3].get_xdata(), [1.03, 1.031, 1.032])  # ICA, σ = 0
    independent, correlated = right.containers
    middle, _, (bars,) = correlated.lines
    np.testing.assert_allclose(middle.get_xdata(orig=False), 11.101 + 0.01 * np.arange(5))
    low, high = bars.get_segments()[0][:, 0]
    half = tables.interval(np.array([0.0, 0.001, 0.002]))
    assert (high - low) / 2 == pytest.approx(half)
    np.testing.assert_allclose(independent.lines[0].get_ydata(), np.arange(5) - 0.08)
    assert "toy (re-render) · 3 seeds" in figure.get_supxlabel()


def test_numbers_of_means_and_samples_have_the_names_of_what_they_are(mapped):
    means, samples = figures.of_means(mapped), figures.of_samples(mapped)
    assert len(means) == 2 * 4 * 2
    assert means["vae_plain_0"] == pytest.approx(0.001)
    assert means["vae_undone_9"] == pytest.approx(0.121)
    assert means["factor_best_9"] == pytest.approx(10.141)
    assert samples == pytest.approx({
        "vae_ica_sample_0": 1.031, "vae_ica_sample_9": 1.131,
        "factor_ica_sample_0": 11.031, "factor_ica_sample_9": 11.131,
        "vae_plain_sample_0": 1.001, "vae_plain_sample_9": 1.101,
    })  # fmt: skip


def test_the_surplus_is_what_the_axes_tell_beyond_the_whole():
    index = pd.MultiIndex.from_product([["vae", "factor_vae_dlib"], figures.SIGMAS])
    columns = ["mutual_info", "axis_info", "conditional_tc", "total_corr"]
    nats = [[5.0, 7.0, 0.0, 2.0], [5.0, 6.0, 3.0, 4.0], [9.0] * 4, [9.0] * 4]
    found = figures.of_information(pd.DataFrame(nats, index=index, columns=columns))
    assert found == {"surplus_0": 2.0, "surplus_9": 1.0, "c_9": 3.0, "tc_0": 2.0, "tc_9": 4.0}


def test_probes_tell_positions_by_least_squares_and_orientation_by_any():
    factors = ("orientation", "position_x", "position_y", "scale")
    probes = pd.DataFrame([
        {
            "objective": objective, "estimator": estimator, "code": code, "sigma": sigma,
            "factors": factor, "seed": seed,
            "value": 0.1 * place + 0.2 * seed + 0.01 * (sigma > 0) - (code == "sample")
            + 0.5 * (estimator != "least squares"),
        }
        for objective, sigma, code, seed in itertools.product(
            figures.MODELS, figures.SIGMAS, CODES, (0, 1)
        )
        for estimator in ("least squares", "neighbours")
        for place, factor in enumerate(factors)
    ])  # fmt: skip
    assert figures.of_probes(probes) == pytest.approx({
        "round_most": 0.0 + 0.1 + 0.01 + 0.5,  # neighbours on means, σ = 0.9
        "vae_told_0": 0.25, "vae_told_9": 0.26, "factor_told_0": 0.25, "factor_told_9": 0.26,
    })  # fmt: skip


def test_orientation_is_told_by_neighbours_and_by_the_best_axis():
    kinds = [("probe_r2", name) for name in ("10 neighbours", "least squares")]
    kinds += [("best_mutual_info", "mixture on a grid")]
    lines = [
        {
            "quantity": quantity, "estimator": estimator, "sigma": sigma, "factors": factor,
            "value": -0.5 + 0.1 * seed + 0.01 * (sigma > 0) + (quantity == "best_mutual_info")
            + 9.0 * (factor == "scale" or sigma == 0.5 or estimator == "least squares"),
        }
        for (quantity, estimator), sigma, factor, seed in itertools.product(
            kinds, (0.0, 0.5, 0.9), ("orientation", "scale"), (0, 1, 2)
        )
    ]  # fmt: skip
    rows = pd.DataFrame(lines)
    assert figures.of_orientation(rows) == pytest.approx({
        "turn_low": -0.5, "turn_high": -0.29, "turn_nats": 0.605, "turn_nats_most": 0.71,
    })  # fmt: skip
    figures.assert_orientation_is_not_told(rows)
    with pytest.raises(AssertionError, match="orientation"):
        figures.assert_orientation_is_not_told(rows.assign(value=rows["value"] + 0.3))


def test_one_certain_difference_and_which():
    names = [("sample", "FactorVAE", "ICA"), ("mean", "VAE", "ICA")]
    index = pd.MultiIndex.from_tuples(names, names=["code", "model", "map"])
    figures.assert_one_difference_is_certain(pd.DataFrame({"p": [0.04, 0.06]}, index=index))
    for p_values in ([0.04, 0.04], [0.06, 0.06], [0.06, 0.04]):
        tests = pd.DataFrame({"p": p_values}, index=index)
        with pytest.raises(AssertionError, match="certain differences"):
            figures.assert_one_difference_is_certain(tests)


def test_the_best_rotation_with_correlated_noise_is_the_vaes(mapped):
    with pytest.raises(AssertionError, match=r"'factor_vae_dlib', .* is highest"):
        figures.assert_noise_spares_the_best_rotation(mapped)
    turned = mapped[mapped["objective"] == "factor_vae_dlib"].assign(objective="vae")
    swapped = mapped[mapped["objective"] == "vae"].assign(objective="factor_vae_dlib")
    figures.assert_noise_spares_the_best_rotation(pd.concat([turned, swapped]))


def test_the_answer_says_whether_the_fall_is_certain(mapped):
    said = figures.answer(mapped, pd.DataFrame())
    # the made-up MIG: 0.1 for correlated noise, 0.04 for the last map, 0.001 a seed
    assert "0.00 with independent and 0.10 with correlated noise, and one rotation" in said
    assert said.endswith("takes it to 0.14.")
    index = pd.MultiIndex.from_tuples([("mean", "VAE", "as it is")])
    for p, words in ((0.01, "noise, a certain change,"), (0.2, "no change that these seeds")):
        assert words in figures.answer(mapped, pd.DataFrame({"p": [p]}, index=index))
