"""Declarations: what a profile may change, and what it may not."""

import pytest

from disentangled import experiments
from disentangled.experiments import EXPERIMENTS, PROFILES
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


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match="unknown experiment 'x'; choose one of beta_tcvae"):
        experiments.settings("x", "smoke")
    with pytest.raises(ValueError, match="unknown profile 'x'; choose one of laptop, paper, smo"):
        experiments.settings("beta_tcvae", "x")
