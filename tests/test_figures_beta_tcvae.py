"""The chapter on β-TCVAE: its numbers from made-up tables whose answers are known by hand."""

import json
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from disentangled import store, tables
from disentangled.claims import Chapter
from disentangled.experiments import settings
from disentangled.figures import beta_tcvae as figures
from disentangled.models import Kept
from disentangled.records import Record
from disentangled.scoring import TRAVERSAL

WEIGHTS = {"vae": 1.0, "beta_vae": 4.0, "beta_tcvae": 6.0, "factor_vae": 20.0}
SETTINGS = {
    "vae": [1.0],
    "beta_vae": [4.0, 6.0],
    "beta_tcvae": [4.0, 6.0],
    "factor_vae": [5.0, 20.0],
}
MIG = {"vae": 0.0, "beta_vae": 0.1, "beta_tcvae": 0.2, "factor_vae": 0.3}


@pytest.fixture
def runs():
    """Three seeds a setting: MIG 0.01 weight + 0.1 seed + what the objective adds."""
    lines = [
        {
            "objective": objective, "weight": weight, "seed": seed, "dataset": "toy",
            "source": "re-render", "run_id": f"{objective}{weight}{seed}",
            "mig_exact": MIG[objective] + 0.01 * weight + 0.1 * seed, "mig": 0.5,
            "elbo": -100.0 - weight, "total_corr": 1 / weight, "kl": 10.0 + weight,
            "distortion": 90.0, "mutual_info": 8.0, "axis_kl": 1.0,
        }
        for objective, weights in SETTINGS.items() for weight in weights for seed in range(3)
    ]  # fmt: skip
    yield pd.DataFrame(lines)
    plt.close("all")


@pytest.fixture
def on_real(runs):
    """β-TCVAE (β = 6) on real images: 0.3 above the re-render; elsewhere by 0.001 seed."""
    table = runs[(runs["objective"] == "beta_tcvae") & (runs["weight"] == 6.0)].copy()
    table["source"] = "real"
    for score in ("mig_exact", "elbo", "total_corr"):
        table[score] += 0.3
        table[f"{score}_elsewhere"] = table[score] - 0.001 * table["seed"]
    return table


def test_both_curves_pass_through_the_means_of_their_settings(runs):
    # the plain VAE is the β = 1 of both; a mean over seeds adds 0.1
    tradeoff = figures.tradeoff(runs, profile="laptop").axes[0]
    assert (tradeoff.get_xlabel(), tradeoff.get_ylabel()) == ("ELBO, nats per image", figures.MIG)
    drawn = {tuple(np.round(line.get_ydata(), 6)) for line in tradeoff.lines}
    assert {(0.11, 0.24, 0.26), (0.11, 0.34, 0.36)} <= drawn
    independence = figures.independence(runs, profile="laptop").axes[0]
    drawn = {tuple(np.round(line.get_xdata(), 6)) for line in independence.lines}
    assert (1.0, 0.25, round(1 / 6, 6)) in drawn


def test_a_slider_shows_the_median_seed_of_every_method_and_weight(runs, tmp_path, monkeypatch):
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    some = np.zeros((2, 1, 4, 4), np.uint8)
    pictures = {"originals": some, "reconstructions": some}
    pictures["traversals"] = np.zeros((2, len(TRAVERSAL), 1, 4, 4), np.uint8)
    for run_id in runs["run_id"]:
        path = tmp_path / "beta_tcvae" / "laptop" / "pictures" / f"{run_id}.npz"
        store.write_pictures(path, pictures)
    page = Chapter("beta_tcvae", "laptop")
    shown = figures.traversals(page, runs)
    assert page.sliders["traversals"][0] == 2 * 3  # methods by β = 1, 4, 6
    method, beta, outer = shown.children
    assert (method.index, beta.value, outer.selected_index) == (1, 2, 1)
    frame = outer.children[1].children[1].value
    assert "A β-TCVAE at beta 4, median seed" in frame
    assert "MIG 0.34" in frame  # 0.2 + 0.04 + 0.1 of seed 1, the one in the middle


@pytest.fixture
def at_all_steps(runs):
    """The runs at their ends, 100 steps, and those of FactorVAE at 200 and at 100; a quarter
    before the end a run had 2 nats less ELBO times its seed, and from the second seed on 0.01 less
    MIG."""
    end = runs.assign(last=True, step=100, profile="laptop")
    of_factor_vae = end["objective"] == "factor_vae"
    end.loc[of_factor_vae, "step"] = 200
    equal = end[of_factor_vae].assign(last=False, step=100, mig_exact=0.0)
    quarter = end.assign(last=False, step=3 * end["step"] // 4)
    quarter["elbo"] -= 2.0 * quarter["seed"]
    quarter["mig_exact"] -= 0.01 * (quarter["seed"] > 0)
    return pd.concat([end, equal, quarter]).sample(frac=1.0, random_state=0)


def test_factor_vae_is_boxed_at_every_weight_at_equal_and_at_doubled_steps(at_all_steps):
    boxed = figures.methods(at_all_steps, WEIGHTS)
    assert list(boxed) == [
        "VAE", "β-VAE, β = 4", "β-TCVAE, β = 6",
        "FactorVAE, γ = 5, equal steps", "FactorVAE, γ = 5, doubled",
        "FactorVAE, γ = 20, equal steps", "FactorVAE, γ = 20, doubled",
    ]  # fmt: skip
    drawn = figures.mig_boxes(boxed, at_all_steps, profile="laptop", weights=WEIGHTS)
    axes = drawn.axes[0]
    points = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(sorted(points[0]), [0.5, 0.6, 0.7])  # from below: γ = 20, doubled
    np.testing.assert_allclose(points[1], 0.0)


def test_infogan_has_a_box_where_its_runs_are(at_all_steps):
    (gan,) = [s for s in settings("beta_tcvae", "laptop") if s.variant == "InfoGAN"]
    lines = [
        {"objective": "info_gan", "weight": 0.05, "seed": seed, "run_id": gan.run.id(seed),
         "mig_exact": 0.1 * seed, "step": 125, "last": True, "profile": "laptop"}
        for seed in range(4)
    ]  # fmt: skip
    boxed = figures.methods(pd.concat([at_all_steps, pd.DataFrame(lines)]), WEIGHTS)
    objective, weight, table = boxed["InfoGAN"]
    assert list(boxed)[-1] == "InfoGAN"
    np.testing.assert_allclose(
        tables.seeds(table, objective, weight, "mig_exact"), [0.0, 0.1, 0.2, 0.3]
    )
    assert boxed["VAE"][2]["objective"].ne("info_gan").all()


def test_models_to_walk_through_carry_their_method_and_weight(monkeypatch):
    declared = [s for s in settings("beta_tcvae", "laptop") if s.kept_by]
    kept = Kept({}, torch.zeros(1, 10), torch.zeros(1, 10), 3)
    monkeypatch.setattr(figures.models, "committed", lambda s: kept if s.run.weights else None)
    monkeypatch.setattr(
        figures.latent_space, "of_kept", lambda run, kept, images, **labels: labels["model"]
    )
    assert figures.walked(declared, None) == [
        "β-VAE, β = 4", "β-TCVAE, β = 6", "FactorVAE, γ = 5", "FactorVAE, γ = 35"
    ]  # fmt: skip


def test_gains_of_the_last_quarter_are_of_the_same_run(at_all_steps):
    gains = figures.of_last_quarter(at_all_steps)
    reach = 4.302652729911275 * 2 / 3**0.5  # Student's of two degrees, standard error of 0, 2, 4
    assert gains == pytest.approx({
        "elbo_gain": 2.0, "vae_gain": 2.0, "vae_low": 2 - reach, "vae_high": 2 + reach, "n_vae": 3,
        "mig_gain": 0.01, "mig_rose": 14, "n_gained": 21,  # two seeds of seven settings
    })  # fmt: skip
    assert figures.converged(gains) == (
        "No. In the last quarter of its training the ELBO of the plain VAE changed by 2.00 nats "
        "in the mean over 3 seeds (95 % interval −2.97 to 6.97), and the design allows less than "
        "1 nat."
    )
    assert figures.converged(gains | {"vae_gain": 0.99}).startswith("Yes. ")
    none = figures.of_last_quarter(at_all_steps[at_all_steps["objective"] != "vae"])
    assert figures.converged(none).startswith("Not known")


def test_the_choice_of_the_design_is_a_line_a_run():
    points = [
        {"step": step, "elbo": elbo, "r2": {"position_x": x, "position_y": 0.98, "scale": 0.5}}
        for step, elbo, x in ((100, -120.0, 0.9), (300, -101.0, 0.97), (400, -100.5, 0.99))
    ]
    run = {"net": "conv", "size": 32, "batch": 64, "precision": "fp32", "seed": 7,
           "outcome": "chosen", "points": points}  # fmt: skip
    found = {"milliseconds_a_step_of_one_core": {"conv, 32 px, 64 a batch, fp32": 15}}
    (line,) = figures.choice(found | {"runs": [run]}).to_dict("records")
    assert (line["ms a step"], line["steps"]) == (15, 400)
    assert (line["gain"], line["worst R²"]) == (0.5, 0.98)
    trial = run | {"points": [{k: v for k, v in p.items() if k != "r2"} for p in points]}
    (line,) = figures.choice(found | {"runs": [trial]}).to_dict("records")
    assert line["gain"] == 0.5
    assert math.isnan(line["worst R²"])


def test_a_larger_profile_has_a_panel_of_its_own(runs):
    runs = runs.assign(last=True, profile="laptop", step=100)
    more = runs[runs["objective"] != "factor_vae"].assign(profile="gpu", dataset="large")
    more["run_id"] += "gpu"
    both = pd.concat([runs, more.assign(mig_exact=more["mig_exact"] + 1)])
    laptop, gpu = (figure := figures.tradeoff(both, profile="laptop")).axes
    assert (laptop.get_title(), gpu.get_title()) == ("profile laptop", "profile gpu")
    for own, other in zip(laptop.lines, gpu.lines, strict=True):
        np.testing.assert_allclose(own.get_ydata() + 1, other.get_ydata())
    first, second = figure.get_supxlabel().split("\n")
    assert first.startswith("profile laptop · toy (re-render) · 3 seeds · bars")
    assert second.startswith("profile gpu · large (re-render) · 3 seeds · bars")

    own = figures.methods(runs, WEIGHTS)
    boxed = figures.mig_boxes(own, both, profile="laptop", weights=WEIGHTS)
    above, below = boxed.axes
    names = [label.get_text() for label in below.get_yticklabels()]
    assert names == ["β-TCVAE, β = 6", "β-VAE, β = 4", "VAE"]  # FactorVAE has no runs there
    assert len(above.get_yticklabels()) == 7
    points = [line.get_xdata() for line in below.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points[0], [1.26, 1.36, 1.46])


def test_scores_without_learning_are_means_and_deviations():
    untrained = pd.DataFrame({"mig_exact": [0.0, 0.2], "mig": [0.1, 0.1]})
    table = figures.without_learning(untrained, {"mig": 0.3})
    np.testing.assert_allclose(table["mean"], [0.1, 0.1, 0.3])
    np.testing.assert_allclose(table["std"], [0.02**0.5, 0.0, 0.0])


def test_averages_are_those_of_the_compared_weights(runs):
    assert figures.best_gamma(runs) == 20.0
    found = figures.averages(runs, WEIGHTS)
    expected = {
        "mig_vae": 0.11, "mig_beta_vae": 0.24, "mig_beta_tcvae": 0.36, "mig_factor_vae": 0.6,
        "elbo_vae": -101.0, "elbo_beta_vae": -104.0, "elbo_beta_tcvae": -106.0,
        "elbo_paid": 5.0,        "tc_beta_vae": 1 / 4, "tc_beta_tcvae": 1 / 6,
    }  # fmt: skip
    assert found.pop("best_gamma") == "γ = 20"
    assert found.pop("n_compared") == 3
    assert found == pytest.approx(expected)


def test_without_factor_vae_no_gamma_is_the_best(runs):
    others = runs[runs["objective"] != "factor_vae"]
    gamma = figures.best_gamma(others)
    assert math.isnan(gamma)
    found = figures.averages(others, WEIGHTS | {"factor_vae": gamma})
    assert found["best_gamma"] == "no run is there"
    assert math.isnan(found["mig_factor_vae"])
    assert found["mig_beta_tcvae"] == pytest.approx(0.36)


def test_the_design_counts_runs_and_hours_once(runs):
    rows = pd.DataFrame({"run_id": ["a", "a", "b"], "seconds": [1800.0, 1800.0, 900.0]})
    declared = settings("beta_tcvae", "laptop")
    found = figures.design(rows, runs, declared)
    assert (found["n_runs"], found["hours"], found["top"]) == (2, 0.75, "6")
    assert (found["n_seeds"], found["n_axes"]) == (3, declared[0].run.n_axes)
    # three primary settings and InfoGAN of 20 seeds; 8 more β, 2 γ, the real images, 8 variants
    assert found["n_declared"] == 4 * 20 + (8 + 2 + 1 + 8) * 8


def test_the_same_model_on_both_sources(runs, on_real):
    none = figures.scored_on_both(runs)
    assert figures.apart(none) == {}
    assert figures.scored_alike(none) == "Those runs are not there yet."
    both = figures.scored_on_both(pd.concat([runs, on_real]))
    assert figures.apart(both) == pytest.approx(
        {"mig_exact": 0.002, "total_corr": 0.002, "elbo": 0.002}
    )
    apart = "over the 3 models, MIG differs by at most 0.00200, the total correlation by 0.0020"
    assert figures.scored_alike(both) == (
        f"The same model does not score alike on both: {apart} nats and the ELBO by 0.002 nats."
    )
    both["mig_exact_elsewhere"] = both["mig_exact"] - 0.0009
    assert figures.scored_alike(both).startswith("The same model scores alike on both, and so")


def test_sources_are_compared_score_by_score(runs, on_real):
    # a test takes four seeds: one more in the middle
    runs, on_real = (pd.concat([t, t[t["seed"] == 1].assign(seed=3)]) for t in (runs, on_real))
    table = figures.real_and_rerender(on_real, runs, 6.0).set_index("score")
    assert tuple(table.index) == figures.ON_BOTH
    np.testing.assert_allclose(table["real"] - table["re-render"], [0.3, 0.0, 0.3, 0.3], atol=1e-9)
    low, high = table.loc["elbo", [figures.LOW, "high"]].astype(float)
    assert low == pytest.approx(0.3)
    assert high == pytest.approx(0.3)
    assert len(figures.real_and_rerender(on_real[:0], runs, 6.0)) == 0


def test_the_larger_nets_numbers_are_those_of_the_bench(tmp_path):
    (tmp_path / "laptop").mkdir()
    text = json.dumps({"mig_exact": {"fp32": [0.1, 0.3, 0.5]}})
    (tmp_path / "parity.json").write_text(text)
    declared = {"settings": {"size": 64, "steps": 5000, "batch": 32}}
    (tmp_path / "laptop" / "a.json").write_text(json.dumps(declared))
    found = figures.larger_net(tmp_path)
    assert found == pytest.approx({
        "mig_conv": 0.3, "low_conv": 0.1, "high_conv": 0.5, "n_conv": 3, "size_conv": 64,
        "steps_conv": "5,000", "batch_conv": 32,
    })  # fmt: skip


def test_the_answer_quotes_the_verdict_on_figure_2_and_what_is_there_before():
    waiting = {"how": "rows", "there": "3 of 9 runs are there"}
    facts = {
        "how": "rows", "quantity": "MIG of one less that of the other", "unit": "score",
        "asks": "more", "effect": 0.1, "low": 0.05, "high": 0.15, "n_seeds": 8, "matters": 0.05,
    }  # fmt: skip
    fig2, fig3 = (
        Record("C-fig2", "reproduced", facts),
        Record("C-fig3-beta-vae", "reproduced", facts),
    )
    assert figures.answer([fig3, fig2]) == f"Chen et al. say yes. {fig2.sentence}"
    assert figures.answer([fig3, Record("C-fig2", "not run", waiting)]) == (
        "Chen et al. say yes. Not run: 3 of 9 runs are there. At the weights of their Figure 3: "
        f"{fig3.sentence}"
    )
    beside = {"gpu": {**facts, "whole": True, "verdict": "inconclusive", "n_needed": 9}}
    both = Record("C-fig3-beta-vae", "reproduced", facts | {"larger": beside})
    said = figures.answer([both, Record("C-fig2", "not run", waiting)])
    assert said.endswith(" This is shown to be above 0. Inconclusive in the profile gpu.")
