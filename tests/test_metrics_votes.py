"""The scores that draw images with a held factor, on codes whose score is known."""

import codes
import numpy as np
import pytest
import torch

from disentangled.metrics import beta_vae_score, factor_vae_score, inputs
from disentangled.metrics.holding import Holding

FACTORS = codes.grid(4, 5, 6)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def factor_vae(code, factors=FACTORS, **given):
    return factor_vae_score(
        code, factors, generator=generator(), n_train=1000, n_eval=1000, **given
    )


def beta_vae(code, factors=FACTORS, **given):
    return beta_vae_score(code, factors, generator=generator(), n_train=1000, n_eval=1000, **given)


both = pytest.mark.parametrize("score", [beta_vae, factor_vae])


@both
@pytest.mark.parametrize("code", [codes.identity, codes.permuted, codes.duplicated])
def test_codes_that_know_each_factor_apart(score, code):
    found = score(code(FACTORS))
    assert found.value == 1
    assert found.parts["train_accuracy"] == 1
    assert found.parts["chance"] == 1 / 3


def test_rotated_factors_cannot_be_told_apart():
    """At 45 degrees both axes vary alike whichever of the two is held: coin tosses."""
    factors = codes.grid(8, 8)
    voted = factor_vae(codes.rotated(factors), factors)
    assert voted.value == pytest.approx(0.5, abs=0.05)
    assert beta_vae(codes.rotated(factors), factors).value == pytest.approx(0.5, abs=0.05)
    # A third factor untouched by the rotation: its share of 1/3 is always right, the rest is not.
    factors = codes.grid(6, 6, 6)
    code = np.column_stack([codes.rotated(factors), factors[:, 2]])
    assert factor_vae(code, factors).value == pytest.approx(2 / 3, abs=0.05)


def test_one_axis_for_two_factors():
    """One live axis casts every vote: half are right."""
    factors = codes.grid(6, 8)
    found = factor_vae(codes.merged(factors), factors)
    assert found.value == pytest.approx(0.5, abs=0.05)
    assert found.parts["active"].tolist() == [True, False]


def test_constant_code():
    found = factor_vae(codes.constant(FACTORS))
    assert found.value == 0
    assert not found.parts["active"].any()
    assert found.parts["votes"].shape == (3, 3)
    assert beta_vae(codes.constant(FACTORS)).value == pytest.approx(1 / 3, abs=0.05)


def test_axes_below_the_threshold_cast_no_vote():
    code = codes.identity(FACTORS)
    code /= code.std(0, ddof=1)
    code[:, 0] *= 0.049
    code[:, 1] *= 0.051
    found = factor_vae(code)
    assert found.parts["active"].tolist() == [False, True, True]
    assert found.value == pytest.approx(2 / 3, abs=0.05)
    assert factor_vae(code, prune_threshold=0.04).value == 1


def test_votes_are_the_training_ones():
    found = factor_vae(codes.identity(FACTORS))
    votes = found.parts["votes"]
    assert votes.sum() == 1000
    assert (votes == np.diag(np.diag(votes))).all()
    assert np.diag(votes).min() > 250


@both
def test_a_score_is_a_function_of_the_generator(score):
    rng = np.random.default_rng(0)
    code = codes.identity(FACTORS) + 2 * rng.normal(size=FACTORS.shape)
    assert score(code).value == score(code).value
    again = beta_vae_score if score is beta_vae else factor_vae_score
    other = again(code, FACTORS, generator=generator(1), n_train=1000, n_eval=1000)
    assert other.value != score(code).value


def test_voting_against_a_plain_loop():
    """A noisy code: the vectorised votes agree with one batch after another, within 4 errors."""
    rng = np.random.default_rng(1)
    code = codes.identity(FACTORS) + [0.5, 1.0, 2.0] * rng.normal(size=FACTORS.shape)
    variance = code.var(0, ddof=1)
    votes = np.zeros((2, 3, 3))
    for judged in range(2):
        for _ in range(2000):
            k = rng.integers(3)
            value = FACTORS[rng.integers(len(FACTORS)), k]
            batch = rng.choice(np.flatnonzero(FACTORS[:, k] == value), 16)
            local = code[batch].var(0, ddof=1)
            votes[judged, (local / variance).argmin(), k] += 1
    known = votes[1][np.arange(3), votes[0].argmax(1)].sum() / 2000
    found = factor_vae_score(
        code, FACTORS, generator=generator(), n_train=2000, n_eval=4000, batch=16
    )
    error = np.sqrt(known * (1 - known) * (1 / 2000 + 1 / 4000))
    assert 0.4 < known < 0.95
    assert found.value == pytest.approx(known, abs=4 * error)


def test_held_draws_have_the_value_and_are_uniform():
    rng = np.random.default_rng(2)
    table = rng.integers(0, [3, 4], (50, 2))
    known = inputs.factors(table, 50)
    value = rng.integers(0, 4, 40_000)
    drawn = Holding(known).draw(1, value, generator())
    np.testing.assert_array_equal(table[drawn, 1], value)
    counts = np.bincount(drawn, minlength=50)
    expected = 10_000 / known.counts[1][table[:, 1]]
    assert np.abs(counts / expected - 1).max() < 5 / np.sqrt(expected.min())


@both
def test_a_single_factor_leaves_nothing_to_tell(score):
    with pytest.raises(ValueError, match="at least 2 factors"):
        score(codes.identity(FACTORS), FACTORS[:, :1])


def test_a_batch_of_one_has_no_variance():
    with pytest.raises(ValueError, match="batch must be a whole number of at least 2, got 1"):
        factor_vae(codes.identity(FACTORS), batch=1)
