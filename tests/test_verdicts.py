"""What is declared of claims, and how a comparison becomes one of five words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from disentangled import learning, records, store, verdicts
from disentangled.comparisons import Comparison, compare
from disentangled.verdicts import Declared, decided, power, seeds_needed, verdict_of

PLAIN = Declared("a score", "score", 0.05, "a figure", True, "more", math.nan, "", False)


def comparison(above=0.5, small=0.5, low=-0.1, high=0.1, minus=0.5, n_seeds=10):
    return Comparison((low + high) / 2, low, high, n_seeds, above, 1 - above, small, minus)


@pytest.mark.parametrize(
    ("asks", "effect", "small", "verdict"),
    [
        ("more", True, False, "reproduced"),
        ("more", True, True, "reproduced in sign"),
        ("more", False, True, "not reproduced"),
        ("more", False, False, "inconclusive"),
        ("same", False, True, "reproduced"),
        ("same", True, True, "reproduced"),
        ("same", True, False, "not reproduced"),
        ("same", False, False, "inconclusive"),
    ],
)
def test_two_questions_make_a_verdict(asks, effect, small, verdict):
    assert verdict_of(asks, effect, small) == verdict
    assert verdict in verdicts.VERDICTS


def test_the_verdict_follows_from_the_runs():
    base = np.linspace(0.1, 0.2, 20)
    found = {
        "large": compare(base + 0.3, base, matters=0.05),
        "small": compare(base[:10] / 50 + 0.01, base[:10] / 50, matters=0.05),
        "none": compare(base / 50, base / 50, matters=0.05),
        "wide": compare(base * 10, base * 10 - 0.03, matters=0.05),
        "other way": compare(base - 0.3, base, matters=0.05),
    }
    of = {name: PLAIN._replace(primary=False) for name in found}
    assert {name: verdict for name, (verdict, _) in decided(found, of).items()} == {
        "large": "reproduced",
        "small": "reproduced in sign",
        "none": "not reproduced",
        "wide": "inconclusive",
        "other way": "not reproduced",
    }


def test_holm_runs_over_the_primary_claims_of_a_family_those_without_rows_included():
    of = dict.fromkeys(("a", "b", "waits"), PLAIN)
    of |= {"aside": PLAIN._replace(primary=False), "other": PLAIN._replace(family="another")}
    results = {name: comparison(above=0.02) for name in ("a", "b", "aside", "other")}
    found = decided(results, of)
    p_values = {name: numbers["p_effect"] for name, (_, numbers) in found.items()}
    assert p_values == pytest.approx({"a": 0.06, "b": 0.06, "aside": 0.02, "other": 0.02})
    assert {name: numbers["n_family"] for name, (_, numbers) in found.items()} == {
        "a": 3, "b": 3, "aside": 1, "other": 1,
    }  # fmt: skip
    assert found["a"][0] == "inconclusive"
    assert found["aside"][0] == found["other"][0] == "reproduced"
    # of both questions: one p-value of either kind does not hang on those of the other
    small = decided({"a": comparison(above=0.4, small=0.015)}, of)["a"]
    assert small[0] == "not reproduced"
    assert small[1]["p_small"] == pytest.approx(0.045)


def test_no_effect_is_tested_from_both_sides():
    of = {"a": PLAIN._replace(asks="same")}
    within = decided({"a": comparison(small=0.01, minus=0.04)}, of)["a"]
    assert within[0] == "reproduced"
    assert within[1]["p_small"] == 0.04
    apart = decided({"a": comparison(above=0.01, small=0.9, minus=0.001)}, of)["a"]
    assert apart[0] == "not reproduced"
    assert apart[1]["p_effect"] == pytest.approx(0.02)
    assert decided({"a": comparison(above=0.03)}, of)["a"][0] == "inconclusive"


def test_seeds_that_would_settle_it_are_those_of_a_z_test():
    # a difference of means of unit spread: SE² = 2 / n
    n, matters = 10, 0.5
    reach = stats.norm.isf(0.025) * math.sqrt(2 / n)
    wanted = 2 * ((stats.norm.isf(0.05) + stats.norm.ppf(0.8)) / matters) ** 2
    result = comparison(low=-reach, high=reach, n_seeds=n)
    assert seeds_needed(result, matters) == math.ceil(wanted)
    assert seeds_needed(result, matters, n_family=4) > seeds_needed(result, matters)
    # and with them four of five samples do decide it, at the end where there is no effect
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(2, 4_000, math.ceil(wanted)))
    gaps = samples[0].mean(-1) - samples[1].mean(-1)
    assert np.mean(gaps + stats.norm.isf(0.05) * math.sqrt(2 / wanted) < matters) == pytest.approx(
        0.8, abs=0.02
    )


def test_power_is_the_share_of_samples_that_show_the_effect():
    n, effect = 10, 1.2
    error = math.sqrt(2 / n)
    reach = stats.norm.isf(0.025) * error
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 20_000, n))
    shown = (one.mean(-1) + effect - other.mean(-1)) / error > stats.norm.isf(0.05 / 4)
    assert power(-reach, reach, effect, n_family=4) == pytest.approx(shown.mean(), abs=0.01)
    assert power(-reach, reach, 0.0) == pytest.approx(0.05)
    assert power(-math.inf, 1.0, effect) == 0.0
    assert power(0.1, 0.1, effect) == 1.0


def test_seeds_needed_are_those_of_a_power_of_four_fifths():
    result = comparison(low=-0.1, high=0.1, n_seeds=10)
    needed = seeds_needed(result, 0.05, n_family=3)
    narrower = 0.1 * math.sqrt(10 / needed)
    assert power(-narrower, narrower, 0.05, n_family=3) == pytest.approx(0.8, abs=0.01)


def test_an_interval_without_an_end_names_no_seeds():
    assert seeds_needed(comparison(low=-math.inf), 0.05) == 0


def test_every_claim_of_the_papers_declares_what_its_verdict_needs():
    of = verdicts.declared()
    rows = records.statements()
    assert len(of) > 40
    assert set(of) == set(rows.loc[rows["kind"] == "claim", "id"])
    for name, claim in of.items():
        assert claim.quantity, name
        assert claim.family, name
        assert (claim.matters > 0) == (claim.asks != "describe"), name
        assert not (claim.primary and claim.asks == "describe"), name
        assert math.isnan(claim.published) == (claim.by == ""), name
    for paper in "ACD":
        assert sum(c.primary for name, c in of.items() if name.startswith(paper)) <= 8
    assert sum(claim.marked for claim in of.values()) == 5
    assert all(claim.primary for claim in of.values() if claim.marked)
    assert of["C-fig3-vae"].matters == 0.05
    assert of["C-fig2-information"].matters == 0.1
    assert of["A-fig4-tcvae"].matters == 1.0
    assert of["C-fig4"].matters == 0.3


def test_pages_that_name_the_smallest_effects_that_matter_name_those_of_the_package():
    book = store.checkout() / "book"
    of = verdicts.DEFAULT_MATTERS
    score, nats, information, rank = (
        f"{of[unit]:g}" for unit in ("score", "nats of distortion", "nats", "correlation")
    )
    said = {
        "ledger.md": [
            f"{score} for MIG", f"{nats} nat for ELBO and distortion",
            f"{information} nats for a total correlation", f"{rank} for a rank correlation",
            f"not {1 - learning.BELOW_ONE_PICTURE:.0%} below".replace("%", " %"),
            f"exceeds {learning.LARGEST_KL:,.0f} nats",
            f"{learning.SETTLED['autoencoder']:g} nat for the autoencoder",
        ],
        "chapters/beta_tcvae.md": [
            f"{score} for MIG, {information} nats for an information, {rank} for a rank"
        ],
        "chapters/split_encoder.md": [
            f"{score} of MIG, {nats} nat of distortion, {rank} of a correlation"
        ],
    }  # fmt: skip
    for page, sentences in said.items():
        text = " ".join((book / page).read_text("utf-8").split())
        assert [part for part in sentences if part not in text] == [], page
