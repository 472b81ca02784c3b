"""Declarations: what a profile may change, and what it may not."""

from dataclasses import replace
from itertools import pairwise

import pytest
import tiny

from disentangled import costs, experiments, plans, records, sweeps
from disentangled.data import DATA_SETS, DataSet
from disentangled.experiments import (
    EXPERIMENTS,
    PROFILES,
    beta_tcvae,
    dlib_study,
    split_encoder,
)
from disentangled.nets import NETS
from disentangled.runs import CHUNK

PAPER_A = ("correlated_noise", "split_encoder")
EVERY = [(name, profile) for name in EXPERIMENTS for profile in PROFILES]


def grid(profile):
    """The settings of paper C's main experiment, without the variants beside them."""
    return [s for s in experiments.settings("beta_tcvae", profile) if not s.variant]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_profiles_declare_the_same_objectives_in_the_same_way(name):
    kinds = {
        profile: {(s.run.objective, frozenset(s.run.weights)) for s in declared}
        for profile in PROFILES
        if (declared := experiments.settings(name, profile))
    }
    assert kinds["smoke"] == kinds["laptop"] == kinds["gpu"] == kinds["paper"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_scores_are_the_same_in_all_profiles(name):
    published, *others = (experiments.settings(name, p) for p in ("laptop", "gpu", "paper"))
    on_stand_ins = [s for s in published if s.run.dataset != "dsprites_grid"]  # no check on real
    taken = {(s.scores, s.at_end, s.pictures, s.variant) for s in on_stand_ins}
    assert all({(s.scores, s.at_end, s.pictures, s.variant) for s in o} == taken for o in others)


@pytest.mark.parametrize("profile", PROFILES)
def test_paper_c_commits_models_that_claims_compare_if_judged_as_they_were_trained(profile):
    compared = {("vae", None), ("beta_vae", 4.0), ("beta_tcvae", 6.0)}
    for setting in experiments.settings("beta_tcvae", profile):
        run = setting.run
        primary = (run.objective, run.weights.get("beta")) in compared
        on_stand_in = run.dataset != "dsprites_grid" and not setting.scored_on
        kept = primary or run.objective == "factor_vae"
        assert bool(setting.kept_by) is (kept and on_stand_in and not setting.variant)


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
    laptop, paper = (grid(p) for p in ("laptop", "paper"))
    assert min(len(s.seeds) for s in laptop) >= 8
    assert {s.run.batch for s in paper} == {2048}
    assert {s.run.net for s in paper} == {"chen_mlp"}
    assert min(len(s.seeds) for s in paper) == 40
    # 50 epochs of 737,280 images
    epochs = {
        s.run.steps * s.run.batch / 737_280 for s in paper if "factor" not in s.run.objective
    }
    assert epochs == {50.0}


def test_gpu_has_the_papers_nets_on_the_papers_pictures_by_stand_ins():
    chen = [s.run for s in grid("gpu")]
    yang = [s.run for name in PAPER_A for s in experiments.settings(name, "gpu")]
    assert {(r.net, r.batch, r.learning_rate) for r in chen} == {("chen_mlp", 256, 1e-3)}
    assert {r.steps for r in chen} == {15_000, 30_000}
    assert {r.critic for r in chen} == {"", "kim_mnih_critic"}
    assert {(r.batch, r.steps, r.learning_rate) for r in yang} == {(64, 35_000, 1e-4)}
    assert {r.net.partition("_split")[0] for r in yang} == {"dlib_conv"}
    assert {r.critic for r in yang} == {"", "dlib_critic"}
    assert {(r.size, r.pixel_area) for r in chen + yang} == {(64, 1)}
    assert {r.dataset for r in chen} == {"dsprites_rerender"}
    assert {r.dataset for r in yang} == {"dsprites_rerender", "smallnorb_twin", "cars3d_twin"}
    for name in EXPERIMENTS:
        of_tables = [s for s in experiments.settings(name, "gpu") if not s.variant]
        assert {s.seeds for s in of_tables} == {tuple(range(10))}


def test_training_of_gpu_fits_two_hours_by_the_measured_steps():
    """Seconds of ten seeds: 4.8 ms a step of Chen's net, of which FactorVAE's critic makes two.
    InfoGAN's step was not measured."""

    def of_chen(settings):
        return sum(s.run.steps * 4.8e-3 * (2 if s.run.critic else 1) for s in settings)

    everything = [s for s in experiments.settings("beta_tcvae", "gpu") if s.variant != "InfoGAN"]
    yang = [s.run for name in PAPER_A for s in experiments.settings(name, "gpu")]
    seconds = of_chen(grid("gpu"))
    assert seconds == pytest.approx(11 * 72 + 2 * 288)
    assert of_chen(everything) == pytest.approx(seconds + 4 * 72 + 2 * 288 + 2 * 144)
    of_yang = sum(r.steps * (6.4e-3 if r.critic else 4.9e-3) for r in yang)
    assert of_yang == pytest.approx(35_000 * 0.1311)
    assert seconds + of_yang < 0.9 * 2 * 3600
    assert of_chen(everything) + of_yang < 2 * 3600


def test_the_cost_of_gpu_in_operations():
    def layers(*widths):
        return sum(a * b for a, b in pairwise(widths))

    net = layers(4096, 1200, 1200, 20) + layers(10, 1200, 1200, 1200, 4096)
    critic = layers(10, *[1000] * 5, 2)
    plain, game = (
        next(s.run for s in experiments.settings("beta_tcvae", "gpu") if s.run.objective == o)
        for o in ("vae", "factor_vae")
    )
    step = costs.dry_step(plain, (1, 64, 64)).flops
    # forward and backward, but for the gradient of the images
    assert step == 256 * (6 * net - 2 * 4096 * 1200)
    assert costs.dry_step(game, (1, 64, 64)).flops > step + 256 * 6 * critic
    of_game = costs.dry_step(game, (1, 64, 64)).flops
    # FactorVAE's two γ and variants, twice as long; one of these has half of the batch
    of_games = (2 * 2 + 2 + 1) * 15_000 * of_game
    declared = experiments.settings("beta_tcvae", "gpu")
    gan = next(s.run for s in declared if s.run.objective == "info_gan")
    others = [s for s in declared if not s.run.critic and s.run != gan]
    assert len(others) == 11 + 4 + 2
    assert plans.flops("beta_tcvae", "gpu") == pytest.approx(
        10 * (of_games + 15_000 * step * (11 + 4 + 2 * 2) + costs.flops(gan, (1, 64, 64))),
        rel=1e-3,
    )


def test_gpu_declares_what_the_claims_want_first():
    def named(name):
        return [
            (r.objective, r.weights.get("beta", r.weights.get("gamma", 1.0)), r.noise_correlation)
            for r in (s.run for s in experiments.settings(name, "gpu"))
        ]

    first = [("vae", 1.0), ("beta_tcvae", 6.0), ("beta_vae", 4.0),
             *(("factor_vae", gamma) for gamma in (5.0, 35.0))]  # fmt: skip
    rest = [(f"beta_{kind}", beta) for beta in (2.0, 4.0, 6.0, 8.0, 10.0) for kind in
            ("vae", "tcvae") if (f"beta_{kind}", beta) not in first]  # fmt: skip
    beside = [("beta_tcvae", 6.0)] * 2 + [("factor_vae_leaking", 5.0), ("factor_vae", 5.0),
              ("beta_tcvae", 6.0), ("beta_tcvae_flow", 6.0), ("vae", 1.0),
              ("beta_tcvae", 6.0), ("info_gan", 1.0)]  # fmt: skip
    assert [case[:2] for case in named("beta_tcvae")] == first + rest + beside
    assert [case[2] for case in named("correlated_noise")] == [
        0.0, 0.9, 0.0, 0.9, 0.1, 0.3, 0.5, 0.7, 0.5,
    ]  # fmt: skip
    nets = [s.run.net for s in experiments.settings("split_encoder", "gpu")]
    assert nets[:12] == ["dlib_conv", "dlib_conv_split_1"] * 6


def test_a_claim_reads_the_settings_that_its_test_compares():
    def read(name, claim, profile="gpu"):
        declared = experiments.settings(name, profile)
        return [s.run for s in declared if experiments.READ[name](claim, s.run)]

    def weighted(claim, profile="gpu"):
        found = read("beta_tcvae", claim, profile)
        return {(r.objective, r.weights.get("beta", r.weights.get("gamma"))) for r in found}

    tcvae = ("beta_tcvae", 6.0)
    gammas = {("factor_vae", gamma) for gamma in (5.0, 35.0)}
    assert weighted("C-fig3-vae") == {("vae", None), tcvae}
    assert weighted("C-fig3-beta-vae") == {("beta_vae", 4.0), tcvae}
    assert weighted("C-fig3-factor-vae") == {tcvae} | gammas
    assert weighted("C-fig3-factor-vae-mlp") == {("beta_vae", 4.0)} | gammas
    grid = {(o, b) for o in ("beta_vae", "beta_tcvae") for b in (2.0, 4.0, 6.0, 8.0, 10.0)}
    assert weighted("C-fig2") == weighted("C-fig4-weaker") == {("vae", None)} | grid
    assert weighted("C-fig2-high-beta") == {(o, b) for o, b in grid if b >= 6}
    assert {r.dataset for r in read("beta_tcvae", "C-fig3-vae", "laptop")} == {
        "dsprites_rerender_grid"
    }
    for claim, other in (("C-alpha", ("beta_tcvae", 0.0)), ("C-flow", ("beta_tcvae_flow", 1.0))):
        for profile in PROFILES:
            both = read("beta_tcvae", claim, profile)
            sides = [(r.objective, r.weights["alpha"]) for r in both]
            assert sides == [("beta_tcvae", 1.0), other]
            assert {r.weights["beta"] for r in both} == {6.0}
    ours, gan = read("beta_tcvae", "C-fig3-infogan")
    assert (ours.objective, ours.weights["beta"], gan.objective) == ("beta_tcvae", 6.0, "info_gan")
    noise = read("correlated_noise", "A-fig2-factor-vae")
    assert [(r.objective, r.noise_correlation) for r in noise] == [
        ("factor_vae_dlib", 0.0), ("factor_vae_dlib", 0.9),
    ]  # fmt: skip

    def split(claim):
        found = read("split_encoder", claim)
        return {(r.dataset, r.objective[:6], r.net.removeprefix("dlib_conv")) for r in found}

    norb = [("smallnorb_twin", o, n) for o in ("factor", "beta_t") for n in ("", "_split_1")]
    assert split("A-fig5-factor-vae-best") == split("A-fig6-factor-vae") == set(norb[:2])
    assert split("A-fig5-tcvae") == set(norb[2:])
    assert split("A-fig6-correlation") == set(norb)
    assert split("A-fig7-baseline") == {
        (data, o, "") for data in ("dsprites_rerender", "cars3d_twin") for o in
        ("factor", "beta_t")
    }  # fmt: skip


def test_infogan_of_paper_c_has_the_design_of_the_grid_and_rates_of_its_own():
    (setting,) = [
        s for s in experiments.settings("beta_tcvae", "laptop") if s.variant == "InfoGAN"
    ]
    run, vae = setting.run, grid("laptop")[0].run
    assert (run.dataset, run.size, run.net, run.steps, run.batch) == (
        vae.dataset, vae.size, vae.net, vae.steps, vae.batch
    )  # fmt: skip
    assert (run.learning_rate, run.cooldown, run.steps_after) == (1e-3, 0.0, 5_000)
    assert len(setting.seeds) == 20
    assert "mig_exact" in setting.at_end


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_claim_of_an_experiments_chapter_reads_something(name):
    rows, chapter = records.statements(), {"correlated_noise": "noise_and_gap"}.get(name, name)
    rows = rows[(rows["kind"] == "claim") & (rows["chapter"] == chapter)]
    ids = rows["id"].tolist()
    counted = {"beta_tcvae": 13, "correlated_noise": 2, "split_encoder": 26}
    counted |= {"rtc_vae": 30, "intervention": 36}
    assert len(ids) == counted[name]
    for profile in ("laptop", "gpu", "paper"):
        runs = [s.run for s in experiments.settings(name, profile)]
        assert all(any(experiments.READ[name](i, run) for run in runs) for i in ids)


def test_larger_profiles_are_those_that_tell_more():
    assert experiments.larger("laptop") == ["gpu", "paper"]
    assert experiments.larger("paper") == experiments.larger("smoke") == []


@pytest.mark.parametrize("profile", PROFILES)
def test_scores_are_taken_at_equal_steps_and_where_the_last_quarter_begins(profile):
    declared = experiments.settings("beta_tcvae", profile)
    plain = next(s for s in declared if s.run.objective == "vae").run.steps
    quarters = {"smoke": (50, 150), "laptop": (15_000, 30_000), "gpu": (11_250, 22_500),
                "paper": (13_500, 27_000)}  # fmt: skip
    of_plain, of_doubled = quarters[profile]
    for setting in declared:
        if setting.run.steps_after:  # a GAN ends with a phase of other losses
            assert setting.milestones == ()
        elif setting.run.steps == 2 * plain:
            equal = () if setting.variant else (plain,)
            assert setting.milestones == (*equal, of_doubled)
        else:
            assert setting.run.steps == plain
            assert setting.milestones == (of_plain,)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_variant_differs_from_its_other_side_in_one_thing(profile):
    declared = experiments.settings("beta_tcvae", profile)
    named = {s.variant: s for s in declared if s.variant}
    assert list(named) == [  # bugs before ablations, all after the grid
        "mss", "mss as released", "leaking critic", "half batch", "α = 0", "flow prior",
        "VAE, twice as long", "β-TCVAE, twice as long", "InfoGAN",
    ]  # fmt: skip
    assert [s.variant for s in declared[-9:]] == list(named)
    named.pop("InfoGAN")  # the others vary a setting of the grid
    of_grid = {s.run.setting_id(): s for s in declared if not s.variant}
    steps, dataset = declared[0].run.steps, declared[0].run.dataset
    gamma = {"smoke": 9.0, "laptop": 5.0, "gpu": 5.0, "paper": 4.0}[profile]
    runs = {name: setting.run for name, setting in named.items()}

    def with_weights(run, **weights):
        return replace(run, weights={**run.weights, **weights})

    assert with_weights(runs["mss as released"], scheme="mss") == runs["mss"]
    for tcvae in (
        with_weights(runs["mss"], scheme="mws"),
        with_weights(runs["α = 0"], alpha=1.0),
        replace(runs["flow prior"], objective="beta_tcvae", nets={}),
        replace(runs["β-TCVAE, twice as long"], steps=steps),
    ):
        assert of_grid[tcvae.setting_id()].run.weights["beta"] == 6.0
    half = runs["half batch"]
    for factor_vae in (
        replace(runs["leaking critic"], objective="factor_vae"),
        replace(half, batch=2 * half.batch),
    ):
        assert of_grid[factor_vae.setting_id()].run.weights["gamma"] == gamma
    vae = replace(runs["VAE, twice as long"], steps=steps)
    assert of_grid[vae.setting_id()].run.objective == "vae"
    assert {r.dataset for r in runs.values()} == {dataset}
    longer = {"leaking critic", "half batch", "VAE, twice as long", "β-TCVAE, twice as long"}
    assert all(r.steps == (2 * steps if name in longer else steps) for name, r in runs.items())
    for name, setting in named.items():
        assert len(setting.seeds) == {"smoke": 2, "laptop": 8, "gpu": 10, "paper": 40}[profile]
        assert {"mig_exact", "losses"} < set(setting.scores)
        assert beta_tcvae.variant(setting.run) == name
    assert not any(beta_tcvae.variant(s.run) for s in of_grid.values())
    # what takes the normal prior for granted
    flow = named["flow prior"]
    assert not {"elbo", "mig_active"} & {*flow.scores, *flow.at_end}
    assert set(experiments.variants("beta_tcvae", profile).values()) == {*named, "InfoGAN"}
    assert experiments.variants("correlated_noise", profile) == {}


def test_published_profiles_need_no_download_but_for_the_check_on_real_images():
    for profile in ("smoke", "laptop"):
        names = {s.run.dataset for s in experiments.settings("beta_tcvae", profile)}
        assert names - {"dsprites_grid"} == {"dsprites_rerender_grid"}
    real = [s.run for s in experiments.settings("beta_tcvae", "laptop")
            if s.run.dataset == "dsprites_grid"]  # fmt: skip
    assert [(run.objective, run.weights["beta"]) for run in real] == [("beta_tcvae", 6.0)]


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
    assert by_objective == {  # the paper's two first
        "vae": [0.0, 0.9, 0.1, 0.3, 0.5, 0.7], "factor_vae_dlib": [0.0, 0.9, 0.5]
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
    with pytest.raises(ValueError, match="unknown profile 'x'; choose one of gpu, laptop, paper"):
        experiments.settings("beta_tcvae", "x")


def declare(monkeypatch, *chosen):
    tiny.register(monkeypatch.setitem)
    monkeypatch.setitem(EXPERIMENTS, "tiny", lambda profile: list(chosen))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (tiny.setting(tiny.run(), (0,), scored_on="dsprite"), r"one of \['cars3d', .* got 'dspri"),
        (
            tiny.setting(tiny.run(dataset="tyni"), (0,)),
            "a data set, one of .* got 'tyni'",
        ),
        (tiny.setting(tiny.run(size=5), (0,)), r"size of tiny to be one of \[1, 2, .*, got 5"),
        (tiny.setting(tiny.run(size=4), (0,), scored_on="large"), r"large to be one of \[8\]"),
        (tiny.setting(tiny.run(), (0, 1, 0)), r"every seed is one model, got \(0, 1, 0\) of vae"),
    ],
)
def test_what_a_setting_names_is_there(monkeypatch, setting, message):
    declare(monkeypatch, setting)
    large = DataSet(lambda *_: tiny.images(), "of one size", sizes=(8,))
    monkeypatch.setitem(DATA_SETS, "large", large)
    for reading in (experiments.settings, sweeps.rows, sweeps.rescore, sweeps.complete):
        with pytest.raises(ValueError, match=message):
            reading("tiny", "smoke")


def test_a_variant_is_a_run_of_its_own(monkeypatch):
    """Were it that of the grid, the grid's tables would lose it without a word."""
    grid = tiny.setting(tiny.run(), (0, 1))
    declare(monkeypatch, grid, grid._replace(seeds=(1, 2), variant="a bug"))
    with pytest.raises(ValueError, match="tiny, smoke declares vae on tiny twice"):
        experiments.settings("tiny", "smoke")
    declare(monkeypatch, grid, grid._replace(seeds=(2,), variant="later seeds"))
    assert experiments.variants("tiny", "smoke") == {grid.run.id(2): "later seeds"}
