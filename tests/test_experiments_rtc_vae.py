"""Paper D's experiment: what it declares, against the paper's tables."""

import pytest

from disentangled import costs
from disentangled.data import DATA_SETS
from disentangled.experiments import PROFILES, rtc_vae
from disentangled.experiments.setting import checked
from disentangled.learning import QUARTER
from disentangled.runs import CHUNK


def declared(profile):
    return [checked(setting) for setting in rtc_vae.settings(profile)]


def strengths(profile, objective, dataset):
    return [
        next(v for k, v in s.run.weights.items() if k in ("gamma", "lambda_od"))
        for s in declared(profile)
        if (s.run.objective, s.run.dataset) == (objective, dataset)
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_setting_is_declared_once_under_its_own_name(profile):
    settings = declared(profile)
    assert {(s.run.experiment, s.run.profile) for s in settings} == {("rtc_vae", profile)}
    assert {s.run.dataset for s in settings} <= set(DATA_SETS)
    ids = [s.run.id(seed) for s in settings for seed in s.seeds]
    assert len(set(ids)) == len(ids)
    for setting in settings:
        assert setting.milestones == (QUARTER * setting.run.steps,)
        assert setting.milestones[0] % CHUNK == 0


def test_profiles_differ_in_sizes_alone():
    kinds = [{s.run.objective for s in declared(profile)} for profile in PROFILES]
    judged = [
        {(s.scores, s.at_end, s.pictures, s.kept_by) for s in declared(profile)}
        for profile in ("laptop", "gpu", "paper")
    ]
    assert kinds == [{*rtc_vae.MODELS, "rtc_vae_supervised", "annealed_vae"}] * 4
    assert judged[0] == judged[1] == judged[2]


def test_the_runs_of_the_published_profile():
    """160: four models at three strengths, with 8 seeds on dSprites and 4 on Cars3D; 16 more."""
    settings = declared("laptop")
    counted = {}
    for s in settings:
        key = s.run.dataset, s.run.objective
        counted[key] = counted.get(key, 0) + len(s.seeds)
    dsprites, cars = "dsprites_rerender_grid", "cars3d_twin"
    assert counted == {
        **{(dsprites, model): 24 for model in rtc_vae.MODELS},
        **{(cars, model): 12 for model in rtc_vae.MODELS},
        (dsprites, "rtc_vae_supervised"): 8,
        (dsprites, "annealed_vae"): 8,
    }
    assert sum(counted.values()) == 160
    assert {s.run.batch for s in settings} == {64}
    assert {s.run.steps for s in settings} == {rtc_vae.LAPTOP_STEPS}
    first = [(s.run.dataset, s.run.objective) for s in settings[:4]]
    assert first == [(dsprites, model) for model in rtc_vae.MODELS]


@pytest.mark.parametrize("profile", ["gpu", "paper"])
def test_larger_profiles_have_the_tables_of_the_paper(profile):
    settings = declared(profile)
    assert {(s.run.net, s.run.batch, s.run.size) for s in settings} == {("cheng_conv", 500, 64)}
    assert {s.run.critic for s in settings} == {"", "kim_mnih_critic"}
    for dataset in {s.run.dataset for s in settings}:
        for objective in ("rtc_vae", "factor_vae"):
            assert sorted(strengths(profile, objective, dataset))[:5] == [2, 6, 10, 20, 50]
        for objective in ("dip_vae_i", "dip_vae_ii"):
            assert sorted(strengths(profile, objective, dataset)) == [2, 5, 10, 20, 50]
    paper = {s.run.dataset for s in declared("paper")}
    assert paper == {"dsprites", "cars3d"}


def test_weights_are_tied_as_in_table_1():
    found = {}
    for setting in declared("paper"):
        found.setdefault(setting.run.objective, set()).add(tuple(setting.run.weights.values()))
    assert found["rtc_vae"] == {(2, 10), (6, 10), (10, 10), (20, 20), (50, 50)}
    assert found["dip_vae_i"] == {(s, 10 * s) for s in (2, 5, 10, 20, 50)}
    assert found["dip_vae_ii"] == {(s, s) for s in (2, 5, 10, 20, 50)}
    assert found["rtc_vae_supervised"] == {(10, 10, 10)}
    assert found["annealed_vae"] == {(1000, 25, 38_400 / 3)}


def test_the_published_profile_fits_its_eight_hours_by_operations():
    """A step of one player takes a core 0.019 s; others as many times that as operations."""
    runs = [(s.run, len(s.seeds)) for s in declared("laptop")]
    shapes = {"dsprites_rerender_grid": (1, 32, 32), "cars3d_twin": (3, 32, 32)}
    plain = costs.dry_step(next(r for r, _ in runs if not r.critic), (1, 32, 32)).flops
    seconds = sum(
        n * (15 + r.steps * 0.019 * costs.dry_step(r, shapes[r.dataset]).flops / plain)
        for r, n in runs
    )
    assert seconds / 2 < 8 * 3600
