"""Ranks of methods from made-up tables whose answers are known by hand."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from disentangled.figures import league

PLACE = ("toy", "pictures")


def method(objective, weight, exact, binned, *, encoder="conv", seeds=4, sigma=0.0, source="twin"):
    """Seeds of a method: its scores grow by 0.01 a seed."""
    return [
        {
            "objective": objective, "weight": weight, "encoder": encoder, "seed": seed,
            "sigma": sigma, "dataset": "pictures", "source": source, "last": True,
            "run_id": f"{objective}{weight}{encoder}{sigma}{seed}",
            "mig_exact": exact + 0.01 * seed, "mig": binned + 0.01 * seed,
        }
        for seed in range(seeds)
    ]  # fmt: skip


@pytest.fixture
def runs():
    """The exact MIG puts β-TCVAE first, then β-VAE and VAE; the binned one turns them round."""
    yield pd.DataFrame(
        method("vae", 1.0, 0.1, 0.5)
        + method("beta_vae", 4.0, 0.2, 0.4)
        + method("beta_tcvae", 6.0, 0.3, 0.3)
    )
    plt.close("all")


def test_a_protocol_has_three_methods_of_four_seeds_without_correlated_noise(runs):
    few = pd.DataFrame(method("factor_vae", 5.0, 0.9, 0.9, seeds=3))
    noisy = pd.DataFrame(method("vae", 1.0, 0.9, 0.9, sigma=0.5))
    of = league.protocols({"toy": pd.concat([runs, few, noisy])})
    assert list(of) == [PLACE]
    assert set(of[PLACE]["method"]) == {"VAE", "β-VAE, β = 4", "β-TCVAE, β = 6"}
    assert of[PLACE]["mig_exact"].max() == pytest.approx(0.33)
    two = runs[runs["objective"] != "vae"]
    assert league.protocols({"toy": two}) == {}


def test_encoders_are_named_where_there_are_several(runs):
    split = pd.DataFrame(method("beta_tcvae_dlib", 6.0, 0.3, 0.3, encoder="conv_split_1"))
    of = league.protocols({"toy": pd.concat([runs, split])})
    assert "β-TCVAE, β = 6, split 1" in set(of[PLACE]["method"])
    assert "VAE" in set(of[PLACE]["method"])


def test_means_put_the_best_by_the_first_score_on_top(runs):
    table = league.means(league.protocols({"toy": runs})[PLACE])
    assert table.index.tolist() == ["β-TCVAE, β = 6", "β-VAE, β = 4", "VAE"]
    np.testing.assert_allclose(table["MIG, exact"], [0.315, 0.215, 0.115])
    np.testing.assert_allclose(table["MIG, binned"], [0.315, 0.415, 0.515])
    assert table["seeds"].tolist() == [4, 4, 4]


def test_a_score_that_a_run_lacks_ranks_nobody(runs):
    runs.loc[0, "mig"] = math.nan
    assert list(league.scores(runs)) == ["MIG, exact"]


def test_ranks_count_from_one_and_ties_share():
    values = np.array([[0.3, 0.5], [0.1, 0.5], [0.2, 0.9]])
    np.testing.assert_array_equal(league.ranks(values), [[1, 2.5], [3, 2.5], [2, 1]])


def test_the_first_stays_first_where_no_draw_can_change_it(runs):
    table = league.first(league.protocols({"toy": runs})[PLACE])
    assert table["first"].to_dict() == {"MIG, exact": "β-TCVAE, β = 6", "MIG, binned": "VAE"}
    assert table["in"].tolist() == [1.0, 1.0]  # the worst draw of one is above the best of others


def test_two_equal_methods_share_the_first_place():
    """Four draws of 0 or 1 each: P(one mean above the other) of two binomials."""
    alike = [
        line | {"mig_exact": float(line["seed"] % 2), "mig": 0.0}
        for name in ("beta_vae", "beta_tcvae", "factor_vae")
        for line in method(name, 4.0, 0.0, 0.0)
    ]
    low = [line["objective"] == "factor_vae" for line in alike]
    runs = pd.DataFrame(alike)
    runs.loc[low, "mig_exact"] = -1.0
    table = league.first(league.protocols({"toy": runs})[PLACE])
    binomial = np.array([1, 4, 6, 4, 1]) / 16
    above = sum(binomial[i] * binomial[j] for i in range(5) for j in range(i))
    assert table.loc["MIG, exact", "in"] == pytest.approx(above, abs=0.04)


def test_agreement_is_spearmans_over_runs(runs):
    table = league.agreement(league.protocols({"toy": runs})[PLACE])
    exact, binned = (
        np.arange(12),
        np.concatenate([8 + np.arange(4), 4 + np.arange(4), np.arange(4)]),
    )
    expected = np.corrcoef(exact, binned)[0, 1]
    assert table.loc["MIG, exact", "MIG, binned"] == pytest.approx(expected)
    said = league.least_agreement(league.protocols({"toy": runs}))
    assert said.startswith("The two scores that agree least are MIG, exact and MIG, binned, on")
    assert f"{expected:.2f}".replace("-", "−") in said


def test_the_answer_counts_methods_that_come_first(runs):
    said = league.answer(league.protocols({"toy": runs}))
    assert said.startswith(
        "Yes: on pictures 2 scores put 2 methods first: β-TCVAE, β = 6; VAE. And seeds"
    )
    runs["mig"] = runs["mig_exact"]
    said = league.answer(league.protocols({"toy": runs}))
    assert said.startswith("No: on pictures β-TCVAE, β = 6 comes first under each of 2 scores.")


def test_without_rows_the_page_says_so():
    assert league.answer({}).startswith("Not known")
    assert league.least_agreement({}).startswith("Not known")
    assert "not run" in league.standings({}, profile="smoke").axes[0].texts[0].get_text()
    plt.close("all")


def test_the_figure_draws_the_rank_of_every_mean(runs):
    of = league.protocols({"toy": runs})
    axes = league.standings(of, profile="laptop").axes[0]
    drawn = [line.get_ydata().tolist() for line in axes.lines if line.get_marker() == "None"]
    assert drawn == [[1, 3], [2, 2], [3, 1]]
    assert [text.get_text() for text in axes.texts] == ["β-TCVAE, β = 6", "β-VAE, β = 4", "VAE"]
