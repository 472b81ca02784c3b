"""The page of findings: what it counts, what it says of seeds, what it costs to settle a claim."""

import re

import findings
import numpy as np
import pandas as pd
import pytest
import run
from scipy import stats

from disentangled import claims, comparisons, costs, experiments, records, verdicts
from disentangled.records import Record

LEDGER = claims.ledger()
PAGES = ("findings", "what_to_report")


def test_claims_are_counted_by_verdict_and_lead_to_their_rows():
    ledger = pd.DataFrame(
        {
            "kind": ["claim"] * 3 + ["statement"],
            "verdict": ["not run", "reproduced", "not run", "H"],
        }
    )
    found = findings.counted(ledger)
    assert found.startswith("The verdicts on 3 claims about trained nets: <a")
    assert '?kind=claim&amp;verdict=not+run#all-rows">2 not run</a>' in found
    assert 'verdict=reproduced#all-rows">1 reproduced</a> and ' in found


def test_all_records_of_claims_come_in_the_order_of_their_declaration():
    profile, of = findings.of_claims()
    assert profile == "laptop"
    order = list(verdicts.declared())
    assert [order.index(name) for name in of] == sorted(order.index(name) for name in of)
    assert set(of) <= set(LEDGER.loc[LEDGER["kind"] == "claim", "id"])
    assert of["A-fig2-vae"].facts["how"] == "rows"


def test_chapters_published_under_two_profiles_share_no_figure(monkeypatch):
    monkeypatch.setattr(records, "in_ledger", lambda: [("one", "laptop"), ("two", "gpu")])
    row = Record("C-fig2", "not run", {"how": "rows", "rows": "r"})
    monkeypatch.setattr(records, "of_chapter", lambda chapter, profile: {"C-fig2": row})
    with pytest.raises(ValueError, match=r"profiles \['gpu', 'laptop'\].*published\.json"):
        findings.of_claims()


def test_an_undecided_claim_says_the_hours_that_would_settle_it():
    facts = {
        "how": "rows", "effect": 0.02, "low": -0.05, "high": 0.09, "matters": 0.05, "n_seeds": 8,
        "n_needed": 18, "family": "f", "quantity": "a | b", "verdict": "inconclusive",
        "rows": "book/results/beta_tcvae/laptop",
    }  # fmt: skip
    of = {"C-fig3-vae": Record("C-fig3-vae", "inconclusive", facts)}
    read = [
        s.run
        for s in experiments.settings("beta_tcvae", "laptop")
        if experiments.READ["beta_tcvae"]("C-fig3-vae", s.run)
    ]
    assert len(read) == 2
    a_seed = sum(costs.flops(run, (1, run.size, run.size)) for run in read)
    *_, line = findings.undecided(of, "laptop", rate=a_seed / 360).splitlines()
    # ten seeds more, a tenth of an hour each
    cells = [cell.strip() for cell in line.replace(r"\|", "/").strip("|").split("|")]
    assert cells == ["C-fig3-vae", "a / b", "0.02 [−0.05, 0.09]", "0.05", "8", "18", "1"]
    without_end = {"C-fig3-vae": Record("C-fig3-vae", "inconclusive", facts | {"n_needed": 0})}
    assert findings.undecided(without_end, "laptop", rate=1.0).endswith("| 8 | ? | ? |")


def test_what_was_not_run_says_its_runs_and_hours():
    rate, cpu = findings.core_rate()
    assert 1e9 < rate < 1e12
    assert cpu
    profile, of = findings.of_claims()
    lines = findings.open_runs(of, profile, rate).splitlines()[2:]
    assert [line.split("](")[0].removeprefix("| [") for line in lines] == [
        *experiments.EXPERIMENTS
    ]
    for experiment, line in zip(experiments.EXPERIMENTS, lines, strict=True):
        _, waiting, there, missing, hours = line.strip("| ").split(" | ")
        profile = records.published(experiment)
        declared = sum(len(s.seeds) for s in experiments.settings(experiment, profile))
        assert int(there) + int(missing) == declared
        assert (float(hours) > 0) == (int(missing) > 0)
        assert int(waiting) == 0 or int(missing) > 0
    n_waiting = sum(int(line.split(" | ")[1]) for line in lines)
    assert n_waiting == sum("there" in record.facts for record in of.values()) > 0


def test_a_sentence_does_not_outlive_the_verdict_it_rests_on(monkeypatch):
    found = LEDGER.set_index("id")["verdict"]
    assert {name: found[name] for name in findings.RESTS_ON} == findings.RESTS_ON
    texts = [(run.ROOT / "book" / f"{n}.md").read_text("utf-8") for n in PAGES]
    assert set(re.findall(r"\b[ABCD]-\d\d\b", "".join(texts))) == set(findings.RESTS_ON)
    monkeypatch.setitem(findings.RESTS_ON, "C-05", "F")
    profile, of = findings.of_claims()
    with pytest.raises(ValueError, match=r"'C-05': 'H'.*rewrite them"):
        findings.page(LEDGER, of, profile)


def test_numbers_of_seeds_follow_from_the_power_of_a_normal_test():
    # by simulation: at the told number four of five repetitions show the difference
    n = findings.seeds_for(0.1, 0.1)
    assert n == 13  # 2 (1.645 + 0.842)² = 12.4
    rng = np.random.default_rng(0)
    high, low = rng.normal(0.1, 0.1, (4_000, n)), rng.normal(0.0, 0.1, (4_000, n))
    shown = stats.ttest_ind(high, low, axis=1, alternative="greater").pvalue < 0.05
    assert 0.77 < shown.mean() < 0.84
    assert findings.seeds_for(0.1, 0.05) == 50  # 49.5: half the effect, four times the seeds
    assert findings.seeds_for(0.001, 0.2) == comparisons.FEWEST


def test_the_table_of_seeds_has_every_setting():
    *_, last = lines = findings.about_numbers_of_seeds().splitlines()
    table = [line for line in lines if line.startswith("| ")][1:]
    runs = findings.grid_runs()
    assert len(table) == runs.groupby(["objective", "weight"]).ngroups
    (vae,) = [line for line in table if line.startswith("| VAE |")]
    deviation = runs.loc[runs["objective"] == "vae", "mig_exact"].std()
    needed = [findings.seeds_for(deviation, effect) for effect in (0.05, 0.1, 0.2)]
    assert vae.endswith(f"| {deviation:.2f} | {needed[0]} | {needed[1]} | {needed[2]} |")
    # 2 (2.486 / 1.6)² = 4.8
    assert "With 5 seeds, the custom in many papers, the difference has to be 1.6 dev" in last


def test_marked_claims_are_answered_in_a_sentence_each():
    _, of = findings.of_claims()
    marked = [name for name, claim in verdicts.declared().items() if claim.marked and name in of]
    lines = findings.answers(of).splitlines()
    assert [line.removeprefix("- ").partition(":")[0] for line in lines] == marked
    assert marked
