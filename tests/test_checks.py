"""Checks of the book against a package that is broken on purpose (see book/checks.py)."""

import checks
import ledger
import pandas as pd
import pytest
from faults import FAULTS, Fault, caught, code_of, function_of, planted

from disentangled import claims, gaussian, information
from disentangled.estimators import minibatch

FAIR = [[0.5, 0.0], [0.0, 0.5]]


@pytest.fixture(scope="module")
def committed():
    return caught()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_planted_and_taken_out(name):
    fault = FAULTS[name]
    healthy = code_of(fault)
    with planted(fault):
        assert code_of(fault) is not healthy
        assert code_of(fault).co_name == function_of(fault).__name__
    assert code_of(fault) is healthy


def test_a_fault_reaches_names_that_were_imported():
    held, log_two = information.mutual_information, 0.6931471805599453
    with planted(FAULTS["entropies in bits"]):
        assert held(FAIR, 0, 1) == pytest.approx(1.0)
    assert held(FAIR, 0, 1) == pytest.approx(log_two)
    with planted(FAULTS["half dropped from TC"]):
        wrong = gaussian.total_correlation([[1.0, 0.6], [0.6, 1.0]])
    assert wrong == pytest.approx(2 * 0.2231435513142097)  # -log(1 - 0.36) / 2
    with planted(FAULTS["MSS as released"]):
        released = minibatch.log_batch_weights("mss", 4, 10)
    assert released.equal(minibatch.log_batch_weights("mss_released", 4, 10))


def test_a_fault_that_no_longer_fits_says_so():
    stale = Fault("gaussian:kl", "no such text", "", "")
    with (
        pytest.raises(ValueError, match="should hold 'no such text' once, not 0 times"),
        planted(stale),
    ):
        pass


def test_only_what_checks_need_is_run():
    of = checks.parts("kl_in_three_parts")
    needed = set().union(*(part.needs for part in of if part.ids))
    drawn = {i for i, part in enumerate(of) if "four_codes" in part.code.co_names}
    assert drawn
    assert not drawn & needed
    ring = next(i for i, part in enumerate(of) if "ring" in part.code.co_consts)  # sets an item
    assert ring in next(part.needs for part in of if part.ids == ("C-06",))


def test_the_checks_notice_every_fault(committed):
    """The whole of it: every fault in every chapter, against what the ledger shows."""
    found = checks.all_caught()
    assert checks.problems(found) == []
    assert found == committed, (
        "run python book/checks.py and commit book/results/claims/faults.json"
    )


def without_looking_at(name):
    """`claims.check`, but that the check of one statement always passes."""

    def check(id, verdict, **given):
        return None if id == name else claims_check(id, verdict, **given)

    claims_check = claims.check
    return check


@pytest.mark.parametrize("name", ["C-13", "C-31"])
def test_a_vacuous_check_is_found_out(committed, name):
    names = ["N dropped from MWS", "MSS as released"]
    honest = checks.caught("estimating_q", names)
    vacuous = checks.caught("estimating_q", names, check=without_looking_at(name))
    assert honest[name]
    assert vacuous[name] == []
    assert f"{name} passes under every fault" in checks.problems(committed | vacuous)


def test_a_fault_that_no_check_notices_is_found_out(committed):
    blind = {name: [f for f in by if f != "log q(z) off"] for name, by in committed.items()}
    assert checks.problems(blind) == ["no check notices the fault 'log q(z) off'"]


def test_the_ledger_names_faults():
    row = {"id": "C-03", "paper": "C", "kind": "definition", "place": "sec. 3", "title": "t",
           "statement": "s", "chapter": "", "verdict": "H", "evidence": "off by 0"}  # fmt: skip
    found = ledger.table(pd.DataFrame([row]), {}, {"C-03": ["one", "another"]})
    assert "    off by 0\n\n    [Faults](#planted-faults) caught: one; another.\n" in found
    assert "caught" not in ledger.table(pd.DataFrame([row]), {})
    shown = ledger.faults_table()
    assert shown.count("* - ") == 1 + len(FAULTS)
    assert "the β-VAE is an autoencoder:\n    ``distortion + beta * kl`` becomes" in shown
