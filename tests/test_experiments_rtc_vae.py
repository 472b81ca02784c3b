"""Paper D's experiment: what it declares, against the paper's tables."""

import pytest

from disentangled import costs, verdicts
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
    assert kinds == [{*rtc_vae.MODELS, "rtc_vae_supervised", "annealed_vae", "vae"}] * 4
    assert judged[0] == judged[1] == judged[2]


def test_the_runs_of_the_published_profile():
    """188: four models at three strengths, with 8 seeds on dSprites and 4 on Cars3D; three models
    with 4 on Shapes3D; the plain VAE on each; the penalty and AnnealedVAE with 8."""
    settings = declared("laptop")
    counted = {}
    for s in settings:
        key = s.run.dataset, s.run.objective
        counted[key] = counted.get(key, 0) + len(s.seeds)
    dsprites, cars, shapes = "dsprites_rerender_grid", "cars3d_twin", "shapes3d_twin_grid"
    assert counted == {
        **{(dsprites, model): 24 for model in rtc_vae.MODELS},
        **{(cars, model): 12 for model in rtc_vae.MODELS},
        (dsprites, "rtc_vae_supervised"): 8,
        (dsprites, "annealed_vae"): 8,
        **{(shapes, model): 4 for model in rtc_vae.ON_SHAPES3D},
        **{
            (dataset, "vae"): 8 if dataset == dsprites else 4
            for dataset in (dsprites, cars, shapes)
        },
    }
    assert sum(counted.values()) == 188
    assert {s.run.batch for s in settings} == {64}
    assert {s.run.steps for s in settings} == {rtc_vae.LAPTOP_STEPS}
    first = [(s.run.dataset, s.run.objective, rtc_vae.strength_of(s.run)) for s in settings[:16]]
    assert first == [
        *((dataset, "vae", 0) for dataset in (dsprites, cars, shapes)),
        *((dsprites, model, at) for at in (10.0, 2.0, 50.0) for model in rtc_vae.MODELS),
        (dsprites, "rtc_vae_supervised", 10.0),
    ]


@pytest.mark.parametrize("profile", ["laptop", "gpu", "paper"])
def test_on_shapes3d_stand_the_models_of_figures_14_to_16(profile):
    """Their captions name FactorVAE at 50, DIP-VAE-I at 20 and RTC-VAE at 20."""
    shapes = rtc_vae.SIZES[profile].datasets["shapes3d"]
    settings = [s for s in declared(profile) if s.run.dataset == shapes]
    found = {s.run.objective: rtc_vae.strength_of(s.run) for s in settings}
    assert found == {"factor_vae": 50, "dip_vae_i": 20, "rtc_vae": 20, "vae": 0}
    assert [s.run.objective for s in settings if s.kept_by] == [*rtc_vae.ON_SHAPES3D]
    assert not any(s.kept_by for s in declared(profile) if s.run.dataset != shapes)
    sampled = [(s.run.objective, rtc_vae.strength_of(s.run)) for s in declared(profile)
               if "samples" in s.pictures]  # fmt: skip
    assert sorted(sampled) == [("rtc_vae", 10), ("rtc_vae", 10), ("rtc_vae", 20)]


def test_a_claim_reads_the_settings_that_its_test_compares():
    def read(claim, profile="laptop"):
        return [s.run for s in declared(profile) if rtc_vae.reads(claim, s.run)]

    def weighted(claim, profile="laptop"):
        return [(r.objective, rtc_vae.strength_of(r)) for r in read(claim, profile)]

    assert weighted("D-fig3-rtc-vae") == [("rtc_vae", at) for at in (10, 2, 50)]
    assert weighted("D-fig3-rtc-vae-all-axes") == weighted("D-fig3-rtc-vae")
    assert weighted("D-fig3-grows", "gpu") == [("factor_vae", at) for at in (2, 50)]
    assert len(read("D-fig10-correlation")) == 12
    assert weighted("D-fig10-reconstruction") == [("rtc_vae", 10), ("rtc_vae", 50)]
    assert weighted("D-sec6-supervised") == [("rtc_vae", 10), ("rtc_vae_supervised", 10)]
    assert weighted("D-fig5-factorised") == [("rtc_vae", 20), ("dip_vae_i", 20)]
    assert {r.dataset for r in read("D-fig11-rtc-vae")} == {"cars3d_twin"}
    assert {r.dataset for r in read("D-fig5-dependent")} == {"shapes3d_twin_grid"}
    claims = {name for name in verdicts.declared() if name.startswith("D-")}
    assert {name.removesuffix("-all-axes") for name in claims} == set(rtc_vae.READ)


def test_plain_vaes_come_first_and_then_what_primary_claims_read():
    plain = [s.run.objective == "vae" for s in declared("laptop")]
    assert plain == [True] * 3 + [False] * (len(plain) - 3)
    primary = [n for n, c in verdicts.declared().items() if n.startswith("D-") and c.primary]
    wanted = [any(rtc_vae.reads(n, s.run) for n in primary) for s in declared("laptop")[3:]]
    assert wanted == sorted(wanted, reverse=True)
    assert sum(wanted) == 13


@pytest.mark.parametrize("profile", ["gpu", "paper"])
def test_larger_profiles_have_the_tables_of_the_paper(profile):
    settings = declared(profile)
    assert {(s.run.net, s.run.batch, s.run.size) for s in settings} == {("cheng_conv", 500, 64)}
    assert {s.run.critic for s in settings} == {"", "kim_mnih_critic"}
    of = rtc_vae.SIZES[profile].datasets
    for dataset in (of["dsprites"], of["cars3d"]):
        for objective in ("rtc_vae", "factor_vae"):
            assert sorted(strengths(profile, objective, dataset))[:5] == [2, 6, 10, 20, 50]
        for objective in ("dip_vae_i", "dip_vae_ii"):
            assert sorted(strengths(profile, objective, dataset)) == [2, 5, 10, 20, 50]
    paper = {s.run.dataset for s in declared("paper")}
    assert paper == {"dsprites", "cars3d", "shapes3d"}


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
    """A step of one player takes a core 0.013 s; others as many times that as operations."""
    runs = [(s.run, len(s.seeds)) for s in declared("laptop")]
    channels = {"dsprites_rerender_grid": 1, "cars3d_twin": 3, "shapes3d_twin_grid": 3}
    plain = costs.dry_step(next(r for r, _ in runs if not r.critic), (1, 32, 32)).flops
    seconds = sum(
        n * (15 + r.steps * 0.013 * costs.dry_step(r, (channels[r.dataset], 32, 32)).flops / plain)
        for r, n in runs
    )
    assert seconds / 2 < 8 * 3600
