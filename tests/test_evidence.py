"""Rows of a larger profile lead where they are whole, and stand beside where they are not."""

from __future__ import annotations

import json
import math
from functools import partial

import pandas as pd
import pytest
import tiny

from disentangled import (
    claims,
    costs,
    evidence,
    experiments,
    learning,
    records,
    store,
    sweeps,
    tables,
)  # fmt: skip
from disentangled.claims import Chapter
from disentangled.experiments import correlated_noise
from disentangled.records import Record

PAGE = Chapter("noise_and_gap", "laptop")
FALL = {"smoke": 0.0, "laptop": 0.0, "gpu": 0.5, "paper": -0.5}
"""By how much MIG falls from σ = 0 to 0.9."""


@pytest.fixture(autouse=True)
def _own_results(tmp_path, monkeypatch):
    monkeypatch.setenv(store.ROOT, str(tmp_path))


def made_up(*profiles, without=(), blind=()):
    """The declared runs of profiles, less some (objective, σ, seed) of the last: MIG is 1 +
    0.01 seed, less the profile's fall where σ = 0.9. The seeds in blind never learned."""
    lines = [
        {
            "run_id": s.run.id(seed), "seed": seed, "profile": profile, "last": True,
            "objective": s.run.objective, "weight": 1.0, "sigma": s.run.noise_correlation,
            "dataset": s.run.dataset, "source": "made up", "encoder": "a net", "stopped": math.nan,
            "mig": 1 + 0.01 * seed - FALL[profile] * (s.run.noise_correlation == 0.9),
            "distortion": 999.0 if seed in blind else 1.0, "kl": 9.0, "step": 100,
            "distortion_of_one_picture": 500.0,
        }
        for profile in profiles
        for s in experiments.settings("correlated_noise", profile)
        for seed in s.seeds
        if profile != profiles[-1]
        or (s.run.objective, s.run.noise_correlation, seed) not in without
    ]  # fmt: skip
    return pd.DataFrame(lines)


def asked_of(runs, profile):
    def lowered(objective, matters):
        of_it = runs[runs["objective"] == objective]
        ends = [of_it.loc[of_it["sigma"] == s, "mig"] for s in (0.0, 0.9)]
        return claims.compare(*ends, matters=matters)

    tests = {claim: partial(lowered, o) for claim, o in correlated_noise.CLAIMS.items()}
    return tests, dict.fromkeys(tests, tables.source(runs))


def decide(runs, page=PAGE):
    return evidence.decide(asked_of, runs, page=page, experiment="correlated_noise")


def on_rows(runs, profile):
    return evidence.on_rows(
        "correlated_noise", runs[runs["profile"] == profile], profile, asked_of
    )


def entries():
    return claims.ledger().set_index("id").loc[list(correlated_noise.CLAIMS)]


def facts_of(id):
    return json.loads((records.folder("laptop") / "noise_and_gap.json").read_text())[id]


def test_without_larger_rows_the_evidence_is_that_of_the_page():
    decide(made_up("laptop"))
    facts = facts_of("A-fig2-vae")
    assert list(facts)[:4] == ["verdict", "how", "rows", "on"]
    assert "larger" not in facts
    line = entries().loc["A-fig2-vae", "evidence"]
    assert line.startswith("profile laptop, on dsprites_rerender_grid (made up): MIG of the VAE")
    assert "in 10 seeds, Δ = 0.05; p = " in line
    assert "(primary, after Holm's correction over 2 of correlated noise)" in line
    assert line.endswith("; rows in book/results/correlated_noise/laptop")


def test_a_whole_larger_profile_leads_and_the_evidence_names_both():
    own = decide(made_up("laptop", "gpu"))
    assert [record.verdict for record in own] == ["not reproduced"] * 2  # the page's own
    assert own[0].facts["effect"] == 0.0
    found = entries()
    assert found["verdict"].tolist() == ["reproduced"] * 2
    gpu, laptop = found.loc["A-fig2-vae", "evidence"].split("; profile laptop: ")
    assert gpu.startswith("profile gpu: reproduced, on dsprites_rerender (made up): MIG of the")
    assert gpu.endswith("; rows in book/results/correlated_noise/gpu")
    assert laptop.startswith("not reproduced, on dsprites_rerender_grid (made up): MIG of the VAE")
    shown = claims.ledger().query("id == 'A-fig2-vae'")["evidence"].item()
    table = records.table([("noise_and_gap", "laptop")]).set_index("id")
    assert table.loc["A-fig2-vae", "evidence"] == shown


def test_one_missing_seed_of_a_setting_that_a_claim_reads_keeps_it_from_leading():
    decide(made_up("laptop", "gpu", without=[("vae", 0.9, 4)]))
    found = entries()
    assert found["verdict"].tolist() == ["not reproduced", "reproduced"]
    line = found.loc["A-fig2-vae", "evidence"]
    assert line.startswith("profile laptop: not reproduced, on dsprites_rerender_grid")
    _, part = line.split("; profile gpu, runs are missing: ")
    assert part.startswith("on dsprites_rerender (made up): MIG of the VAE")
    assert "reproduced" not in part


def test_the_pages_own_claims_wait_for_all_their_runs():
    own = decide(made_up("laptop", without=[("vae", 0.9, 4)]))
    assert [record.verdict for record in own] == ["not run", "not reproduced"]
    assert (
        own[0].evidence == "19 of 20 runs are there; rows in book/results/correlated_noise/laptop"
    )
    assert "19 of 20 runs" in entries().loc["A-fig2-vae", "evidence"]
    assert own[0].sentence.startswith("Not run: ")


def told(runs, own, device="cpu"):
    """An hour for a VAE, and for the others as their operations ask."""
    cost = {
        s.run.objective: costs.flops(s.run, (1, s.run.size, s.run.size))
        for s in experiments.settings("correlated_noise", "laptop")
    }
    rows = runs[runs["profile"] == "laptop"]
    rows = rows.assign(seconds=3600 * rows["objective"].map(cost) / cost["vae"], device=device)
    return evidence.told(own, rows, page=PAGE, experiment="correlated_noise")


def test_a_page_says_what_every_profile_found_its_own_first():
    runs = made_up("laptop", "gpu")
    words = told(runs, decide(runs))["A-fig2-vae"]
    assert words.startswith("Not reproduced: MIG of the VAE")
    assert " Reproduced in the profile gpu: MIG of the VAE" in words
    assert "hours" not in words


def test_a_page_says_what_missing_runs_and_lacking_seeds_would_take():
    runs = made_up("laptop", without=[("vae", 0.9, 3), ("vae", 0.9, 4)])
    own = decide(runs)
    assert told(runs, own)["A-fig2-vae"] == (
        "Not run: 18 of 20 runs are there. What is lacking takes 2.0 hours of one core."
    )
    assert told(runs, own, device="cuda")["A-fig2-vae"] == "Not run: 18 of 20 runs are there."
    wide = Record("A-fig2-vae", "inconclusive", own[1].facts | {"n_needed": 15, "n_seeds": 10})
    assert " What is lacking takes 10.0 hours of one core." in told(runs, [wide])["A-fig2-vae"]
    enough = Record("A-fig2-vae", "inconclusive", own[1].facts | {"n_needed": 9, "n_seeds": 10})
    assert "hours" not in told(runs, [enough])["A-fig2-vae"]


def test_a_missing_setting_that_no_claim_reads_changes_nothing():
    decide(made_up("laptop", "gpu", without=[("vae", 0.3, seed) for seed in range(10)]))
    assert entries()["verdict"].tolist() == ["reproduced"] * 2


def test_a_claim_with_less_seeds_than_a_test_takes_is_not_tried():
    few = [("factor_vae_dlib", 0.9, seed) for seed in range(3, 10)]
    runs = made_up("laptop", "gpu", without=few)
    of_gpu = on_rows(runs, "gpu")
    assert (of_gpu.ready, of_gpu.whole) == (["A-fig2-vae"], ["A-fig2-vae"])
    decide(runs)
    found = entries()
    assert found["verdict"].tolist() == ["reproduced", "not reproduced"]
    assert "gpu" not in found.loc["A-fig2-factor-vae", "evidence"]
    # the correction counts the claim that waits
    own, whole = facts_of("A-fig2-vae")["larger"]["gpu"], made_up("laptop", "gpu")
    decide(whole)
    assert own["n_family"] == facts_of("A-fig2-vae")["larger"]["gpu"]["n_family"] == 2


def test_a_run_that_stopped_is_no_missing_run_and_counts_as_one_that_never_learned():
    runs = made_up("laptop", "gpu")
    broken = (runs["profile"] == "gpu") & (runs["seed"] == 4)
    runs.loc[broken, "stopped"] = 50.0
    of_gpu = on_rows(runs, "gpu")
    assert of_gpu.whole == list(correlated_noise.CLAIMS)
    assert of_gpu.tests["A-fig2-vae"](matters=0.05).n_seeds == 9
    assert of_gpu.n_left_out == dict.fromkeys(correlated_noise.CLAIMS, 2)


def test_runs_that_never_learned_are_left_out_counted_and_the_verdict_told_with_them():
    runs = made_up("laptop", blind=[0, 1])
    of = on_rows(runs, "laptop")
    assert of.tests["A-fig2-vae"](matters=0.05).n_seeds == 8
    assert of.with_all["A-fig2-vae"](matters=0.05).n_seeds == 10
    assert of.n_left_out["A-fig2-vae"] == 4
    # two that never learned at σ = 0, whose MIG is as high as can be
    at_zero = (runs["sigma"] == 0.0) & runs["seed"].isin([0, 1])
    runs.loc[at_zero, "mig"] = 9.0
    (vae, _) = decide(runs)
    assert vae.facts["n_left_out"] == 4
    assert vae.verdict == "not reproduced"
    assert vae.facts["with_them"] == "inconclusive"
    assert "4 runs that never learned are left out, with them inconclusive" in vae.evidence


def test_whether_trainings_had_ended_is_told():
    runs = made_up("laptop")
    assert set(on_rows(runs, "laptop").settled.values()) == {"not known"}
    early = runs.assign(step=75, last=False, loss_autoencoder=10.4, loss_critic=0.6)
    late = runs.assign(loss_autoencoder=10.0, loss_critic=0.6)
    both = pd.concat([early, late], ignore_index=True)
    assert set(on_rows(both, "laptop").settled.values()) == {"yes"}
    both.loc[both["last"], "loss_autoencoder"] = 7.0
    (vae, _) = decide(both)
    assert "trained to the end: no: the loss of the autoencoder still moved by up to 3.4" in (
        vae.evidence
    )


def test_settings_that_moved_in_opposite_directions_had_not_ended():
    """Loss of σ = 0 falls by 2 nats and that of σ = 0.9 rises by 2: 0 in the mean of both."""
    late = made_up("laptop").assign(loss_autoencoder=10.0)
    fell = 2.0 * (late["sigma"] == 0.0) - 2.0 * (late["sigma"] == 0.9)
    early = late.assign(step=75, last=False, loss_autoencoder=10.0 + fell)
    of = on_rows(pd.concat([early, late], ignore_index=True), "laptop")
    assert of.settled["A-fig2-vae"] == (
        "no: the loss of the autoencoder still moved by up to 2 nats in the last quarter"
    )


def test_of_no_runs_none_learned_and_columns_stay():
    assert list(learning.learned(pd.DataFrame(columns=["run_id", "kl"]), {})) == ["run_id", "kl"]


def test_runs_of_another_prior_learned_by_their_distortion():
    runs = made_up("laptop", blind=[0, 1]).assign(kl=math.nan)
    assert on_rows(runs, "laptop").n_left_out["A-fig2-vae"] == 4
    assert on_rows(runs.assign(kl=1001.0), "laptop").ready == []


def test_runs_without_a_likelihood_all_count():
    """A GAN has no distortion by which a run of it could be left out."""
    chosen = {"generator": "info_gan_generator", "discriminator": "info_gan_discriminator"}
    gan = tiny.run("info_gan", nets=chosen, steps_after=50)
    vae = tiny.run("vae")
    runs = pd.DataFrame({"run_id": ["gan", "good", "bad"], "distortion": [math.nan, 1.0, 99.0],
                         "kl": [math.nan, 5.0, 5.0],
                         "distortion_of_one_picture": [10.0] * 3})  # fmt: skip
    run_of = {"gan": gan, "good": vae, "bad": vae}
    assert learning.learned(runs, run_of)["run_id"].tolist() == ["gan", "good"]
    alone = runs[:1].drop(columns=["distortion", "kl"])
    assert learning.learned(alone, run_of)["run_id"].tolist() == ["gan"]


def test_without_any_rows_nothing_is_ready_and_no_column_is_lost():
    columns = {"run_id": str, "distortion": float, "kl": float}
    none = pd.DataFrame({name: [] for name in columns}).astype(columns)
    assert learning.learned(none, {}).columns.tolist() == list(columns)
    runs = made_up("laptop")[:0]
    of = on_rows(runs, "laptop")
    assert of.ready == []
    assert set(of.waiting) == set(correlated_noise.CLAIMS)


def test_the_largest_whole_profile_leads_the_other_ones():
    decide(made_up("laptop", "gpu", "paper"))
    line = entries().loc["A-fig2-vae", "evidence"]
    assert entries()["verdict"].tolist() == ["not reproduced"] * 2
    places = [line.index(f"profile {name}: ") for name in ("paper", "gpu", "laptop")]
    assert places == sorted(places)
    assert places[0] == 0


def test_under_smoke_nothing_is_tested(tmp_path):
    runs = made_up("smoke", "laptop")
    (vae, _) = decide(runs, Chapter("noise_and_gap", "smoke"))
    assert vae.verdict == "not run"
    assert "larger" not in vae.facts


def test_a_claim_of_the_larger_profile_alone_is_recorded():
    high, low = [0.5, 0.6, 0.7, 0.8, 0.9], [0.1, 0.2, 0.3, 0.4, 0.45]
    ids = ["C-fig3-vae", "C-fig3-factor-vae-mlp"]

    def of(rows, on, names, values):
        tests = {name: partial(claims.compare, *values) for name in names}
        return claims.OnRows(
            tests, tests, rows, dict.fromkeys(names, on), names, names, {}, {}, {}
        )

    page = Chapter("beta_tcvae", "laptop")
    own = claims.empirical(
        {
            "laptop": of("here", "dots", ids[:1], (low, low)),
            "gpu": of("there", "squares", ids, (high, low)),
        },
        page=page,
    )
    assert [record.id for record in own] == ids[:1]
    found = claims.ledger().set_index("id").loc[ids[1]]
    assert found["verdict"] == "reproduced"
    assert found["evidence"].startswith("profile gpu: reproduced, on squares: MIG of β-VAE (4)")
    assert found["evidence"].endswith("; rows in there; profile laptop: not run")
    with pytest.raises(ValueError, match="no claims are given for paper"):
        claims.empirical(
            {"gpu": of("there", "squares", ids, (high, low))}, page=Chapter("beta_tcvae", "paper")
        )


def test_rows_of_all_profiles_are_those_that_there_are(monkeypatch):
    there = {"laptop": 2, "paper": 1}
    columns = {"profile": str, "value": float}

    def rows(experiment, profile):
        n = there.get(profile, 0)
        found = pd.DataFrame({"profile": [profile] * n, "value": [1.0] * n})
        return found.astype(columns)

    monkeypatch.setattr(sweeps, "rows", rows)
    found = sweeps.rows_and_larger("correlated_noise", "laptop")
    assert found["profile"].tolist() == ["laptop", "laptop", "paper"]
    assert found.index.tolist() == [0, 1, 2]
    assert sweeps.rows_and_larger("correlated_noise", "gpu")["profile"].tolist() == ["paper"]
    assert sweeps.rows_and_larger("correlated_noise", "smoke").empty
    split = tables.by_profile(found, "laptop")
    assert {name: len(table) for name, table in split.items()} == there
    assert list(tables.by_profile(found, "paper")) == ["paper", "laptop"]
    alone = found[:2]
    assert tables.by_profile(alone, "laptop")["laptop"] is alone
