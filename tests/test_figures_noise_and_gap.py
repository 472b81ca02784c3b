"""Models trained with correlated noise: a made-up table, and what is drawn and quoted of it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from disentangled import tables
from disentangled.experiments import dlib_study
from disentangled.figures import noise_and_gap
from disentangled.records import Record

MIG = {
    ("vae", 0.0): [0.1, 0.2, 0.3, 0.6],
    ("vae", 0.9): [0.1, 0.15, 0.35, 0.55],
    ("factor_vae_dlib", 0.0): [0.2, 0.3, 0.4, 0.5],
    ("factor_vae_dlib", 0.9): [0.25, 0.3, 0.35, 0.5],
}


def table(mig):
    """Runs of a toy set, the last seed first; the distortion is the seed's number in hundreds."""
    lines = [
        {
            "objective": objective, "sigma": sigma, "seed": seed, "weight": 1.0,
            "mig_with_shape": value, "distortion": 100.0 * seed, "kl": 1000.0 * seed + sigma,
            "dataset": "toy", "source": "re-render",
        }
        for (objective, sigma), values in mig.items()
        for seed, value in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(lines[::-1])


@pytest.fixture
def trained():
    yield table(MIG)
    plt.close("all")


def test_scores_are_those_of_the_setting_by_seed(trained):
    found = noise_and_gap.scores(trained, "vae", 0.9)
    assert found.tolist() == MIG["vae", 0.9]
    assert len(noise_and_gap.scores(trained, "vae", 0.5)) == 0


def test_the_prose_quotes_sizes_and_medians(trained):
    sizes = dlib_study.SIZES["laptop"]._replace(
        steps={"correlated_noise": 12_000}, batch=64, size=32, learning_rate=1e-3
    )
    assert noise_and_gap.training_numbers(sizes, 46_080) == {
        "trained_steps": "12,000",
        "trained_batch": 64,
        "trained_size": 32,
        "trained_rate": 1e-3,
        "trained_images": "46,080",
    }
    assert noise_and_gap.median_scores(trained) == pytest.approx(
        {"vae_0": 0.25, "vae_9": 0.25, "factor_0": 0.35, "factor_9": 0.325}
    )


def test_violins_stand_side_by_side_by_correlation(trained):
    drawn = noise_and_gap.violins(trained, profile="laptop")
    assert [axes.get_title() for axes in drawn.axes] == [
        "VAE",
        "FactorVAE, γ = 35",
    ]
    for axes, objective in zip(drawn.axes, ("vae", "factor_vae_dlib"), strict=True):
        assert [text.get_text() for text in axes.get_xticklabels()] == ["σ = 0", "σ = 0.9"]
        seeds = [line.get_ydata().tolist() for line in axes.lines if len(line.get_ydata()) == 4]
        assert seeds == [MIG[objective, 0.0], MIG[objective, 0.9]]
    assert "4 seeds" in drawn.get_supxlabel()


def test_means_and_seeds_are_drawn_over_the_correlation(trained):
    axes = noise_and_gap.over_sigma(trained, profile="laptop").axes[0]
    first, second = axes.containers
    np.testing.assert_allclose(first[0].get_xydata(), [[-0.008, 0.3], [0.892, 0.2875]])
    np.testing.assert_allclose(second[0].get_xydata(), [[0.008, 0.35], [0.908, 0.35]])
    ends = first[2][0].get_segments()[0][:, 1]
    np.testing.assert_allclose(np.ptp(ends) / 2, tables.interval(np.array(MIG["vae", 0.0])))
    assert [line.get_ydata().tolist() for line in axes.lines if line.get_alpha()] == [
        *MIG.values()
    ]


def test_a_larger_profile_has_a_row_of_its_own(trained):
    trained["profile"] = "laptop"
    more = trained[trained["objective"] == "vae"].assign(profile="gpu", mig_with_shape=0.5)
    both = pd.concat([trained, more])
    drawn = noise_and_gap.violins(both, profile="laptop")
    assert [axes.get_title() for axes in drawn.axes] == [
        "profile laptop: VAE", "FactorVAE, γ = 35", "profile gpu: VAE", "FactorVAE, γ = 35"
    ]  # fmt: skip
    seeds = [line.get_ydata() for line in drawn.axes[2].lines if len(line.get_ydata()) == 4]
    assert np.unique(seeds) == [0.5]
    laptop, gpu = noise_and_gap.over_sigma(both, profile="laptop").axes
    assert (laptop.get_title(), gpu.get_title()) == ("profile laptop", "profile gpu")
    (means,) = gpu.containers  # FactorVAE has no runs there
    np.testing.assert_allclose(means[0].get_xydata()[:, 1], 0.5)


def test_a_change_that_can_be_told_contradicts_the_prose(trained):
    noise_and_gap.assert_no_change_can_be_told(trained)
    fallen = table(MIG | {("vae", 0.9): [0.01, 0.02, 0.03, 0.04]})
    with pytest.raises(AssertionError, match="VAE changes"):
        noise_and_gap.assert_no_change_can_be_told(fallen)


def test_runs_above_the_distortion_of_one_picture_are_counted(trained):
    assert noise_and_gap.blind_numbers(trained, 150.0) == {
        "blind": 150.0,
        "blind_runs": "2 of 4 at σ = 0, 2 of 4 at σ = 0.9",
        "largest_kl": "3,001",
    }


def test_the_answer_quotes_both_verdicts_on_figure_2():
    facts = {"effect": 0.1, "low": 0.05, "high": 0.15}
    decided = [
        Record("A-fig2-vae", "reproduced", facts),
        Record("A-fig2-factor-vae", "not run", {}),
    ]
    said = noise_and_gap.answer(decided)
    assert "of the VAE by −0.10 (95 % interval −0.15 to −0.05; reproduced)" in said
    assert "of FactorVAE by an amount that is not known (not run)." in said
