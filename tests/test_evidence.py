"""Rows of a larger profile lead where they are whole, and stand beside where they are not."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from disentangled import claims, comparisons, evidence, experiments, records, store, sweeps, tables
from disentangled.claims import Chapter
from disentangled.experiments import correlated_noise

PAGE = Chapter("correlated_noise", "laptop")
FALL = {"laptop": 0.0, "gpu": 0.5, "paper": -0.5}
"""By how much MIG falls from σ = 0 to 0.9."""


@pytest.fixture(autouse=True)
def _own_results(tmp_path, monkeypatch):
    monkeypatch.setenv(store.ROOT, str(tmp_path))


def made_up(*profiles, without=()):
    """The declared runs of profiles, less some (objective, σ, seed) of the last: MIG is 1 +
    0.01 seed, less the profile's fall where σ = 0.9."""
    lines = [
        {
            "run_id": s.run.id(seed), "seed": seed, "profile": profile, "last": True,
            "objective": s.run.objective, "weight": 1.0, "sigma": s.run.noise_correlation,
            "dataset": s.run.dataset, "source": "made up", "stopped": math.nan,
            "mig": 1 + 0.01 * seed - FALL[profile] * (s.run.noise_correlation == 0.9),
        }
        for profile in profiles
        for s in experiments.settings("correlated_noise", profile)
        for seed in s.seeds
        if profile != profiles[-1]
        or (s.run.objective, s.run.noise_correlation, seed) not in without
    ]  # fmt: skip
    return pd.DataFrame(lines)


def asked_of(runs, profile):
    def lowered(objective):
        of_it = runs[runs["objective"] == objective]
        ends = [of_it.loc[of_it["sigma"] == s, "mig"] for s in (0.0, 0.9)]
        return lambda: claims.compare_medians(*ends)

    tests = {claim: lowered(o) for claim, o in correlated_noise.CLAIMS.items()}
    return tests, dict.fromkeys(tests, tables.source(runs))


def decide(runs, page=PAGE):
    tests, on = asked_of(runs[runs["profile"] == page.profile], page.profile)
    more = evidence.larger("correlated_noise", runs, page.profile, asked_of)
    where = f"book/results/correlated_noise/{page.profile}"
    return claims.empirical(tests, page=page, rows=where, on=on, larger=more)


def entries():
    return claims.ledger().set_index("id").loc[list(correlated_noise.CLAIMS)]


def test_without_larger_rows_records_and_ledger_are_what_they_were(tmp_path):
    runs = made_up("laptop")
    decide(runs)
    path = tmp_path / "claims" / "laptop" / "correlated_noise.json"
    found, ledger = path.read_bytes(), claims.ledger()
    tests, on = asked_of(runs, "laptop")
    where = "book/results/correlated_noise/laptop"
    claims.empirical(tests, page=PAGE, rows=where, on=on)
    assert path.read_bytes() == found
    facts = json.loads(found)["A-fig2-vae"]
    assert list(facts)[:4] == ["verdict", "how", "rows", "on"]
    assert "larger" not in facts
    assert claims.ledger().equals(ledger)
    line = entries().loc["A-fig2-vae", "evidence"]
    assert line.startswith("profile laptop, on dsprites_rerender_grid (made up): effect 0.0, 95 %")


def test_a_whole_larger_profile_leads_and_the_evidence_names_both():
    own = decide(made_up("laptop", "gpu"))
    assert [record.verdict for record in own] == ["inconclusive"] * 2  # the page's own
    assert own[0].evidence.startswith("on dsprites_rerender_grid (made up): effect 0.0")
    found = entries()
    assert found["verdict"].tolist() == ["reproduced"] * 2
    gpu, laptop = found.loc["A-fig2-vae", "evidence"].split("; profile laptop: ")
    assert gpu.startswith("profile gpu: reproduced, on dsprites_rerender (made up): effect 0.5, ")
    assert gpu.endswith("; rows in book/results/correlated_noise/gpu")
    assert laptop.startswith("inconclusive, on dsprites_rerender_grid (made up): effect 0.0, ")
    shown = claims.ledger().query("id == 'A-fig2-vae'")["evidence"].item()
    table = records.table([("correlated_noise", "laptop")]).set_index("id")
    assert table.loc["A-fig2-vae", "evidence"] == shown


def test_one_missing_seed_of_a_setting_that_a_claim_reads_keeps_it_from_leading():
    decide(made_up("laptop", "gpu", without=[("vae", 0.9, 4)]))
    found = entries()
    assert found["verdict"].tolist() == ["inconclusive", "reproduced"]
    line = found.loc["A-fig2-vae", "evidence"]
    assert line.startswith("profile laptop: inconclusive, on dsprites_rerender_grid")
    assert (
        "; profile gpu, runs are missing: on dsprites_rerender (made up): effect 0.495, " in line
    )
    assert "reproduced" not in line


def test_a_missing_setting_that_no_claim_reads_changes_nothing():
    decide(made_up("laptop", "gpu", without=[("vae", 0.3, seed) for seed in range(10)]))
    assert entries()["verdict"].tolist() == ["reproduced"] * 2


def test_a_claim_with_less_than_three_seeds_there_is_not_tried():
    few = [("factor_vae_dlib", 0.9, seed) for seed in range(2, 10)]
    runs = made_up("laptop", "gpu", without=few)
    of_gpu = evidence.larger("correlated_noise", runs, "laptop", asked_of)["gpu"]
    assert (of_gpu.ready, of_gpu.whole) == (["A-fig2-vae"], ["A-fig2-vae"])
    decide(runs)
    found = entries()
    assert found["verdict"].tolist() == ["reproduced", "inconclusive"]
    assert "gpu" not in found.loc["A-fig2-factor-vae", "evidence"]
    # the correction counts the claim that waits
    vae = json.loads((records.folder("laptop") / "correlated_noise.json").read_text())
    of_vae = vae["A-fig2-vae"]["larger"]["gpu"]
    assert of_vae["holm"] == pytest.approx(2 * of_vae["p_value"], rel=0.01)


def test_a_run_that_stopped_is_no_missing_run():
    runs = made_up("laptop", "gpu")
    broken = (runs["profile"] == "gpu") & (runs["seed"] == 4)
    runs.loc[broken, "stopped"] = 50.0
    of_gpu = evidence.larger("correlated_noise", runs, "laptop", asked_of)["gpu"]
    assert of_gpu.whole == list(correlated_noise.CLAIMS)
    assert of_gpu.tests["A-fig2-vae"]().n_seeds == 9


def test_the_largest_whole_profile_leads_the_other_ones():
    decide(made_up("laptop", "gpu", "paper"))
    line = entries().loc["A-fig2-vae", "evidence"]
    assert entries()["verdict"].tolist() == ["not reproduced"] * 2
    places = [line.index(f"profile {name}: ") for name in ("paper", "gpu", "laptop")]
    assert places == sorted(places)
    assert places[0] == 0


def test_a_page_under_the_larger_profile_stands_alone():
    runs = made_up("laptop", "gpu")
    assert evidence.larger("correlated_noise", runs, "gpu", asked_of) == {}
    assert evidence.larger("correlated_noise", runs, "smoke", asked_of) == {}


def test_a_claim_of_the_larger_profile_alone_is_recorded():
    high, low = [0.5, 0.6, 0.7, 0.8, 0.9], [0.1, 0.2, 0.3, 0.4, 0.45]
    ids = ["C-fig3-vae", "C-fig3-factor-vae-mlp"]
    tests = {name: lambda: claims.compare(high, low) for name in ids}
    more = claims.OnRows(tests, "there", dict.fromkeys(ids, "squares"), ids, ids)
    page = Chapter("beta_tcvae", "laptop")
    own = claims.empirical(
        {ids[0]: lambda: claims.compare(low, low)},
        page=page, rows="here", on={ids[0]: "dots"}, larger={"gpu": more},
    )  # fmt: skip
    assert [record.id for record in own] == ids[:1]
    found = claims.ledger().set_index("id").loc[ids[1]]
    assert found["verdict"] == "reproduced"
    assert found["evidence"].startswith("profile gpu: reproduced, on squares: effect 0.41, ")
    assert found["evidence"].endswith("; rows in there; profile laptop: not run")


def test_claims_that_wait_count_in_the_correction():
    test = comparisons.Comparison(1.0, 0.1, 1.9, 8, p_value=0.03, p_against=0.97)
    of = comparisons.OnRows({"a": lambda: test, "b": lambda: test}, "", {}, ["a"], [])
    assert comparisons.decided(of) == {
        "a": ("inconclusive", {**test._asdict(), "holm": 0.06}), "b": ("not run", {}),
    }  # fmt: skip


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
