"""Declarations: what a profile may change, and what it may not."""

import pytest

from disentangled import experiments
from disentangled.data import DATA_SETS
from disentangled.experiments import EXPERIMENTS, PROFILES, dlib_study, split_encoder
from disentangled.nets import NETS
from disentangled.runs import CHUNK

EVERY = [(name, profile) for name in EXPERIMENTS for profile in PROFILES]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_profiles_declare_the_same_objectives_in_the_same_way(name):
    kinds = {
        profile: {(s.run.objective, frozenset(s.run.weights)) for s in declared}
        for profile in PROFILES
        if (declared := experiments.settings(name, profile))
    }
    assert kinds["smoke"] == kinds["laptop"] == kinds["paper"]


@pytest.mark.parametrize(("name", "profile"), EVERY)
def test_every_setting_is_declared_once_under_its_own_name(name, profile):
    declared = experiments.settings(name, profile)
    assert {(s.run.experiment, s.run.profile) for s in declared} == {(name, profile)}
    assert {s.run.dataset for s in declared} <= set(DATA_SETS)
    ids = [s.run.id(seed) for s in declared for seed in s.seeds]
    assert len(set(ids)) == len(ids)
    for setting in declared:
        assert all(m % CHUNK == 0 and 0 < m < setting.run.steps for m in setting.milestones)


def test_the_sizes_of_beta_tcvae():
    laptop, paper = (experiments.settings("beta_tcvae", p) for p in ("laptop", "paper"))
    assert min(len(s.seeds) for s in laptop) >= 8
    assert {s.run.batch for s in paper} == {2048}
    assert {s.run.net for s in paper} == {"chen_mlp"}
    assert min(len(s.seeds) for s in paper) == 40
    # 50 epochs of 737,280 images
    epochs = {
        s.run.steps * s.run.batch / 737_280 for s in paper if "factor" not in s.run.objective
    }
    assert epochs == {50.0}


@pytest.mark.parametrize("profile", PROFILES)
def test_scores_are_taken_at_half_and_at_equal_steps(profile):
    declared = experiments.settings("beta_tcvae", profile)
    plain = next(s for s in declared if s.run.objective == "vae")
    for setting in declared:
        if setting.run.objective == "factor_vae":
            assert setting.run.steps == 2 * plain.run.steps
            assert setting.milestones == (plain.run.steps,)
        else:
            assert setting.run.steps == plain.run.steps
            assert setting.milestones == (plain.run.steps // 2,)


def test_published_profiles_need_no_download_but_for_the_check_on_real_images():
    for profile in ("smoke", "laptop"):
        names = {s.run.dataset for s in experiments.settings("beta_tcvae", profile)}
        assert names - {"dsprites_grid"} == {"dsprites_rerender_grid"}
    real = [s.run for s in experiments.settings("beta_tcvae", "laptop")
            if s.run.dataset == "dsprites_grid"]  # fmt: skip
    assert [(run.objective, run.weights["beta"]) for run in real] == [("beta_tcvae", 6.0)]


PAPER_A = ("correlated_noise", "split_encoder")


@pytest.mark.parametrize("name", PAPER_A)
def test_paper_a_trains_the_librarys_objectives_with_its_own_weights(name):
    for profile in PROFILES:
        for setting in experiments.settings(name, profile):
            run, sizes = setting.run, dlib_study.SIZES[profile]
            share = 0.5 if (profile, run.critic) == ("paper", "dlib_critic") else 1
            assert run.steps == share * sizes.steps[name]
            assert run.n_axes == 10
            assert run.weights.get("gamma", 35) == 35
            assert run.weights.get("beta", 6) == 6
            assert run.objective in {"vae", "factor_vae_dlib", "beta_tcvae_dlib"}
            assert len(setting.seeds) == (2 if profile == "smoke" else 10)


def test_the_sizes_of_paper_a():
    paper = [s.run for name in PAPER_A for s in experiments.settings(name, "paper")]
    assert {run.batch for run in paper} == {64}
    assert {run.learning_rate for run in paper} == {1e-4}
    assert {run.steps for run in paper if not run.critic} == {300_000}
    # both players advance the library's one counter
    assert {run.steps for run in paper if run.critic} == {150_000}


def test_the_noise_of_figure_2_and_of_the_slider():
    declared = experiments.settings("correlated_noise", "laptop")
    by_objective: dict[str, list[float]] = {}
    for setting in declared:
        by_objective.setdefault(setting.run.objective, []).append(setting.run.noise_correlation)
    assert by_objective == {
        "vae": [0.0, 0.1, 0.3, 0.5, 0.7, 0.9], "factor_vae_dlib": [0.0, 0.5, 0.9]
    }  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
def test_every_figure_of_paper_a_has_its_vanilla_and_its_split_runs(profile):
    runs = [s.run for s in experiments.settings("split_encoder", profile)]
    sizes = dlib_study.SIZES[profile]
    for dataset in sizes.datasets.values():
        for objective in ("factor_vae_dlib", "beta_tcvae_dlib"):
            nets = {r.net for r in runs if (r.dataset, r.objective) == (dataset, objective)}
            assert nets >= {sizes.net, sizes.net + split_encoder.SPLIT}
    assert {run.net for run in runs} <= set(NETS)
    widths = {n.endswith("narrow") for n in {run.net for run in runs} if "_split_2" in n}
    assert widths == {False, True}


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match="unknown experiment 'x'; choose one of beta_tcvae"):
        experiments.settings("x", "smoke")
    with pytest.raises(ValueError, match="unknown profile 'x'; choose one of laptop, paper, smo"):
        experiments.settings("beta_tcvae", "x")
