"""A verdict is computed, a check can fail, and the ledger is what the files say."""

from __future__ import annotations

import json
import math
import tomllib
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from disentangled import claims, records, sealed
from disentangled.claims import Chapter

PAGE = Chapter("kl_in_three_parts", "laptop")


@pytest.fixture(autouse=True)
def _own_results(tmp_path, monkeypatch):
    monkeypatch.setenv("DISENTANGLED_RESULTS", str(tmp_path))


def square_residual(x):
    """Of the statement x² = x, true of 0 and 1 only."""
    return x**2 - x


def check(id="C-05", verdict="H", page=PAGE, **given):
    """A check of x² = x on 0 and 1, with the wrong variant x² = x + 1, unless told otherwise."""
    settings = {
        "statement": square_residual,
        "instances": [0, 1],
        "perturbed": {"one added": lambda x: x**2 - x - 1},
    }
    return claims.check(id, verdict, page=page, **{**settings, **given})


def stored(tmp_path, chapter="kl_in_three_parts", profile="laptop"):
    content = json.loads((tmp_path / "claims" / profile / f"{chapter}.json").read_text("utf-8"))
    del content["digest"]
    return content


def test_a_statement_that_holds_is_h_and_leaves_its_numbers(tmp_path):
    record = check()
    assert record.verdict == "H"
    assert stored(tmp_path)["C-05"] == {
        "verdict": "H",
        "how": "check",
        "evidence": 0.0,
        "tolerance": 1e-9,
        "perturbation": "one added",
        "margin": 1.0,
    }


def test_a_statement_that_fails_without_its_condition_is_c(tmp_path):
    record = check("C-04", "C", perturbed=None, without=[3])
    assert record.verdict == "C"
    assert stored(tmp_path)["C-04"]["margin"] == 6.0
    assert stored(tmp_path)["C-04"]["perturbation"] == "condition removed"


def test_a_derived_statement_that_holds_is_x():
    assert check("C-12", "X", page=Chapter("estimating_q", "smoke")).verdict == "X"


def test_a_false_statement_with_a_true_correction_is_f(monkeypatch):
    table = records.statements()
    table.loc[table["id"] == "C-05", "verdict"] = "F"
    monkeypatch.setattr(records, "statements", lambda: table)
    record = check(
        verdict="F",
        instances=[2, 3],
        corrected=lambda x: 0.0,
        perturbed={"no square": lambda x: x},
    )
    assert record.facts["as_printed"] == 6.0
    assert record.facts["evidence"] == 0.0
    assert record.facts["margin"] == 3.0


@pytest.mark.parametrize(
    ("given", "computed"),
    [
        ({"instances": [0, 1, 2]}, "fails"),
        ({"instances": [2], "corrected": lambda x: 0.0}, "F"),
        ({"without": [3]}, "C"),
    ],
)
def test_a_computed_verdict_that_differs_stops_and_shows_both(tmp_path, given, computed):
    with pytest.raises(claims.CheckError, match=f"declared H but computes as {computed}"):
        check(**given)
    assert not (tmp_path / "claims").exists()


def test_a_condition_that_is_not_needed_is_no_condition():
    with pytest.raises(claims.CheckError, match="declared C but computes as H"):
        check("C-04", "C", without=[0])


def test_chapter_and_table_must_declare_the_same_verdict():
    with pytest.raises(claims.CheckError, match="'C' in the chapter but 'H' in st"):
        check("C-05", "C", without=[3])


def test_a_check_that_nothing_makes_fail_is_refused():
    with pytest.raises(claims.CheckError, match="the perturbed variant 'the same' holds as well"):
        check(perturbed={"one added": lambda x: 1.0, "the same": square_residual})


def test_the_margin_is_that_of_the_closest_wrong_variant():
    record = check(perturbed={"far": lambda x: 100.0, "near": lambda x: 0.25})
    assert record.facts["perturbation"] == "near"
    assert record.facts["margin"] == 0.25


def test_a_check_needs_instances_a_perturbation_and_numbers():
    with pytest.raises(ValueError, match="at least one perturbed variant"):
        check(perturbed=None)
    with pytest.raises(ValueError, match="give instances"):
        check(instances=[])
    with pytest.raises(ValueError, match="NaN on instance 1"):
        check(statement=lambda x: math.nan if x else 0.0)


def test_an_infinite_residual_fails_a_statement_and_is_kept_as_text(tmp_path):
    with pytest.raises(claims.CheckError, match="computes as fails"):
        check(statement=lambda x: math.inf)
    record = check(perturbed={"infinite": lambda x: math.inf})
    assert stored(tmp_path)["C-05"]["margin"] == "inf"
    assert "off by inf" in record.evidence


def test_an_unknown_id_and_the_wrong_chapter_are_refused():
    with pytest.raises(ValueError, match="no statement 'C-99'"):
        check("C-99")
    with pytest.raises(ValueError, match="belongs to chapter estimating_q"):
        check("C-10")


@pytest.mark.parametrize(
    ("value", "kept"),
    [(3.14159, 3.14), (2.3e-16, 1e-15), (0.0, 0.0), (-math.inf, "-inf"), (8, 8), (1e-9, 1e-9)],
)
def test_recorded_numbers_have_three_digits_and_round_off_a_power_of_ten(value, kept):
    assert records.tidy(value) == kept


def test_records_are_sorted_and_the_same_run_writes_the_same_bytes(tmp_path):
    check("C-06")
    check("C-05")
    path = tmp_path / "claims" / "laptop" / "kl_in_three_parts.json"
    once = path.read_bytes()
    assert list(stored(tmp_path)) == ["C-05", "C-06"]
    check("C-06")
    assert path.read_bytes() == once
    assert [p.name for p in path.parent.iterdir()] == ["kl_in_three_parts.json"]


def test_readings_and_reasons_keep_their_words():
    wording = claims.by_reading("C-01", page=PAGE, quote="1/N N n=1", corrected="the sum over n")
    assert wording.verdict == "T"
    assert wording.evidence == "by reading: “1/N N n=1”. Read: the sum over n"
    definition = claims.by_reading("C-03", page=PAGE, quote="the aggregated posterior")
    assert definition.verdict == "H"
    assert (
        claims.not_checkable("C-07", page=PAGE, why="needs training").evidence == "needs training"
    )


def test_a_statement_cannot_be_read_away():
    with pytest.raises(ValueError, match="C-04 is a statement: it needs a check"):
        claims.by_reading("C-04", page=PAGE, quote="q")
    with pytest.raises(ValueError, match="give the corrected form"):
        claims.by_reading("C-01", page=PAGE, quote="q")
    with pytest.raises(claims.CheckError, match="'N' in the chapter but 'H'"):
        claims.not_checkable("C-05", page=PAGE, why="too hard")


HIGH, LOW = np.linspace(0.5, 0.6, 8), np.linspace(0.1, 0.2, 8)


def on_rows(rows="here", **tests):
    """Claims that are all ready, of tests by id with _ for -."""
    tests = {name.replace("_", "-"): test for name, test in tests.items()}
    names = list(tests)
    return claims.OnRows(
        tests, tests, rows, dict.fromkeys(names, "squares (drawn)"), names, names, {}, {}, {}
    )


def compared(one, other):
    return partial(claims.compare, one, other)


def test_empirical_claims_are_decided_together_from_their_rows(tmp_path):
    page = Chapter("beta_tcvae", "laptop")
    of = on_rows(
        C_fig2=compared(HIGH, LOW), C_fig3_vae=compared(LOW, HIGH), C_fig4=compared(LOW, LOW)
    )
    found = claims.empirical({"laptop": of}, page=page)
    verdicts = [record.verdict for record in found]
    assert verdicts == ["reproduced", "not reproduced", "not reproduced"]
    facts = stored(tmp_path, "beta_tcvae")["C-fig2"]
    assert facts["effect"] == 0.4
    assert facts["matters"] == 0.05
    assert facts["n_seeds"] == 8
    assert facts["role"] == "primary"
    assert found[0].evidence.startswith(
        "on squares (drawn): mean difference of MIG at equal ELBO, β-TCVAE less β-VAE: 0.4 ["
    )
    assert found[0].sentence.startswith(
        "Reproduced: mean difference of MIG at equal ELBO, β-TCVAE less β-VAE, is 0.400 ("
    )
    assert found[0].sentence.endswith(", 8 seeds). This is shown to be above 0.")
    assert "less that of the VAE is −0.400 (95 % interval −0.4" in found[1].sentence
    assert found[1].sentence.endswith("to be less than 0.05, the least that would matter.")
    # the second waits for three more of its family; Holm counts them
    second = stored(tmp_path, "beta_tcvae")["C-fig3-vae"]
    assert second["n_family"] == 4
    assert second["p_small"] == pytest.approx(4 / math.comb(16, 8), rel=0.01)


def test_what_is_described_has_a_value_and_no_test(tmp_path):
    of = on_rows(A_fig3_tcvae_best=lambda: 0.25)
    (record,) = claims.empirical({"laptop": of}, page=Chapter("split_encoder", "laptop"))
    assert record.verdict == "described"
    assert record.evidence.startswith("on squares (drawn): highest MIG of the split encoder less")
    assert ": 0.25; trained to the end: not known; rows in here" in record.evidence
    assert record.sentence == (
        "Described, not tested: highest MIG of the split encoder less that of the vanilla one, "
        "β-TCVAE on dSprites, is 0.25."
    )


def test_an_inconclusive_claim_says_how_many_seeds_would_settle_it():
    wide = compared(LOW * 20, LOW * 20)
    (record,) = claims.empirical(
        {"laptop": on_rows(C_fig4=wide)}, page=Chapter("beta_tcvae", "laptop")
    )
    assert record.verdict == "inconclusive"
    n = record.facts["n_needed"]
    assert n > 8
    assert f"; {n} seeds would settle it; " in record.evidence
    assert f"remain possible; about {n} seeds would settle it." in record.sentence


def test_sentences_of_numbers_that_have_no_end():
    """JSON has no infinity: records keep it as text. No number of seeds is known to help."""
    facts = {"how": "rows", "quantity": "TC of means", "unit": "nats", "matters": 0.1,
             "asks": "more", "n_seeds": 8, "effect": "inf", "low": "-inf", "high": "inf",
             "n_needed": 0}  # fmt: skip
    assert records.Record("C-fig2", "inconclusive", facts).sentence == (
        "Inconclusive: TC of means is inf nats (95 % interval −inf to inf, 8 seeds). Both 0 and "
        "0.1, the least that would matter, remain possible; more seeds would settle it."
    )
    described = records.Record("C-fig2", "described", facts).sentence
    assert described == "Described, not tested: TC of means is inf nats."


def test_a_sentence_counts_in_the_claims_unit():
    facts = {"how": "rows", "quantity": "q", "effect": 2.5}
    said = {
        unit: records.Record("D-fig8-axes", "described", facts | {"unit": unit}).sentence
        for unit in ("axes", "nats", "nats of distortion", "score", "correlation")
    }
    assert said == {
        "axes": "Described, not tested: q is 2.5 axes.",
        **dict.fromkeys(["nats", "nats of distortion"], "Described, not tested: q is 2.5 nats."),
        **dict.fromkeys(["score", "correlation"], "Described, not tested: q is 2.5."),
    }


def test_only_claims_about_rows_have_a_sentence():
    with pytest.raises(ValueError, match="a claim about rows, got C-05, which was decided by che"):
        _ = check().sentence


def test_under_smoke_no_claim_is_run(tmp_path):
    of = on_rows(C_fig2=lambda matters: pytest.fail("ran"))._replace(ready=[], whole=[])
    found = claims.empirical({"smoke": of}, page=Chapter("beta_tcvae", "smoke"))
    assert [record.verdict for record in found] == ["not run"]


def test_the_ledger_holds_every_statement_checked_or_not():
    table = claims.ledger()
    assert list(table.columns) == [
        "id", "kind", "paper", "statement", "verdict", "evidence", "chapter",
    ]  # fmt: skip
    assert table["id"].is_unique
    numbered = [f"C-{i:02d}" for i in range(1, 31)]
    assert table["id"].tolist()[:30] == numbered
    assert set(table["verdict"]) == {"not checked", "not run"}
    check()
    row = claims.ledger().set_index("id").loc["C-05"]
    assert row["verdict"] == "H"
    assert row["evidence"] == "off by 0.0 (allowed 1e-09); one added: off by 1.0"


def test_every_file_of_statements_is_a_papers_and_ships_with_the_package():
    folder = Path(records.__file__).with_name("statements")
    files = sorted(folder.glob("[A-D].csv"))
    assert {p.name for p in folder.iterdir()} == {p.name for p in files} | {"claims.csv"}
    assert {path.stem for path in files} <= set(records.PAPERS)
    for path in files:
        header, *lines = path.read_text("utf-8").splitlines()
        assert header == "id,paper,kind,verdict,place,chapter,title,statement,condition"
        assert all(line.startswith(f"{path.stem}-") for line in lines)
        assert all(line.split(",")[1] == path.stem for line in lines)
    assert len(records.statements()) == sum(len(p.read_text().splitlines()) - 1 for p in files)
    project = tomllib.loads((folder.parents[2] / "pyproject.toml").read_text("utf-8"))
    shipped = project["tool"]["setuptools"]["package-data"]["disentangled"]
    assert all(any(path.match(pattern) for pattern in shipped) for path in files)


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '{"C-05": 1}', '{"C-05": {"verdict": "H"}}',
                '{"C-05": {"verdict": "H", "how": "guess"}}'],
)  # fmt: skip
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "claims" / "laptop" / "kl_in_three_parts.json"
    path.parent.mkdir(parents=True)
    path.write_text(content, "utf-8")
    for reads in (claims.ledger, check):
        with pytest.raises(
            ValueError, match=r"kl_in_three_parts\.json (is damaged|has no digest)"
        ):
            reads()
        if content not in ("", "{", "[1]"):
            path.write_text(sealed.text(json.loads(content)), "utf-8")
            with pytest.raises(ValueError, match=r"kl_in_three_parts\.json is damaged"):
                reads()


def test_a_record_that_was_edited_is_refused_with_the_command_that_makes_it_anew(tmp_path):
    check()
    path = tmp_path / "claims" / "laptop" / "kl_in_three_parts.json"
    whole = path.read_text("utf-8")
    assert records.faults() == {}
    for written, instead, said in (
        ('"verdict": "H"', '"verdict": "X"', "edited after it was written"),
        ('"evidence": 0.0', '"evidence": 1e-12', "edited after it was written"),
        ('"how": "check"', '"how": "check", "more": 1', "edited after it was written"),
        ('"digest"', '"Digest"', "no digest, as files of earlier versions"),
    ):
        assert written in whole
        path.write_text(whole.replace(written, instead), "utf-8")
        assert list(records.faults()) == [path]
        with pytest.raises(ValueError, match=said) as caught:
            claims.ledger()
        assert "python book/run.py --all kl_in_three_parts" in str(caught.value)
        with pytest.raises(ValueError, match=said):
            check()


@pytest.mark.parametrize("verdict", ["<b>", "", "proved", 1])
def test_a_verdict_that_there_is_not_is_refused(tmp_path, verdict):
    path = tmp_path / "claims" / "laptop" / "beta_tcvae.json"
    path.parent.mkdir(parents=True)
    record = {"C-fig2": {"verdict": verdict, "how": "rows", "rows": "there"}}
    path.write_text(sealed.text(record), "utf-8")
    with pytest.raises(ValueError, match=r"beta_tcvae\.json is damaged.*C-fig2 has no verdict"):
        claims.ledger()


def test_records_out_of_step_with_the_table_are_named(tmp_path):
    check()
    path = tmp_path / "claims" / "laptop" / "kl_in_three_parts.json"
    path.write_text(sealed.text({"C-05": stored(tmp_path)["C-05"] | {"verdict": "F"}}), "utf-8")
    with pytest.raises(ValueError, match=r"records C-05 as F, statements/C\.csv declares it H"):
        claims.ledger()
    path.rename(path.with_name("estimating_q.json"))
    with pytest.raises(ValueError, match="no statement of estimating_q"):
        claims.ledger()


def test_the_ledger_states_the_condition_of_a_verdict():
    check("C-04", "C", without=[3], perturbed=None)
    evidence = claims.ledger().set_index("id").loc["C-04", "evidence"]
    assert evidence.startswith("Exact if and only if the prior factorises")
    assert evidence.endswith("; off by 0.0 (allowed 1e-09); condition removed: off by 6.0")


def test_a_chapter_that_leaves_out_a_statement_is_stopped():
    check()
    with pytest.raises(claims.CheckError, match="has not checked C-01, C-03, C-04"):
        claims.summary(PAGE)


def test_a_complete_chapter_sums_up():
    page = Chapter("beta_tcvae", "smoke")
    assert claims.summary(page)["verdict"].unique().tolist() == ["not run"]


def test_a_record_reads_as_a_sentence():
    assert repr(check()) == (
        "C-05 holds as printed\noff by 0.0 (allowed 1e-09); one added: off by 1.0"
    )


def test_smoke_records_stay_out_of_the_published_ones(tmp_path, monkeypatch):
    assert records.folder("smoke") == tmp_path / "claims" / "smoke"
    monkeypatch.delenv("DISENTANGLED_RESULTS")
    for profile in ("laptop", "paper"):
        assert records.folder(profile).parts[-4:] == ("book", "results", "claims", profile)
    assert records.folder("smoke").parts[-3:] == ("build", "smoke", "claims")


def claim(profile, treated, id="C-fig2"):
    """An empirical claim of the chapter on β-TCVAE, tested under a profile."""
    of = on_rows(f"book/results/beta_tcvae/{profile}", **{id: compared(treated, LOW)})
    return claims.empirical({profile: of}, page=Chapter("beta_tcvae", profile))


def test_a_run_at_another_profile_leaves_the_published_ledger_alone(tmp_path):
    claim("laptop", HIGH)
    path = tmp_path / "claims" / "laptop" / "beta_tcvae.json"
    before, ledger = path.read_bytes(), claims.ledger()
    claim("paper", LOW - 0.1)
    assert path.read_bytes() == before
    assert claims.ledger().equals(ledger)
    assert stored(tmp_path, "beta_tcvae", "paper")["C-fig2"]["verdict"] == "not reproduced"
    paper = claims.summary(Chapter("beta_tcvae", "paper")).loc["C-fig2"]
    assert paper["verdict"] == "not reproduced"


def test_the_ledger_reads_each_chapter_at_the_profile_it_is_published_under(tmp_path):
    check()
    claim("laptop", HIGH)
    claim("paper", LOW - 0.1)
    evidence = claims.ledger().set_index("id").loc["C-fig2", "evidence"]
    assert evidence.startswith("profile laptop, on squares (drawn): mean difference of MIG")
    (tmp_path / "claims" / "published.json").write_text('{"beta_tcvae": "paper"}')
    table = claims.ledger().set_index("id")
    assert table.loc["C-fig2", "verdict"] == "not reproduced"
    assert table.loc["C-fig2", "evidence"].startswith("profile paper, on squares (drawn)")
    assert table.loc["C-05", "verdict"] == "H"
    assert records.published("beta_tcvae") == "paper"
    assert records.published("kl_in_three_parts") == "laptop"


@pytest.mark.parametrize("content", ["", "[]", '{"beta_tcvae": 1}'])
def test_a_list_of_published_profiles_that_is_none_is_named(tmp_path, content):
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "published.json").write_text(content)
    with pytest.raises(ValueError, match=r"published\.json should map chapters to profiles"):
        claims.ledger()
