"""Interventions on tables: closed forms, enumeration in plain loops, and what is refused."""

import itertools
import math

import numpy as np
import pytest
import torch

from disentangled import interventions


def table(seed, shape=(2, 3, 4)):
    rng = np.random.default_rng(seed)
    law = rng.random(shape) * (rng.random(shape) > 0.3)
    return law / law.sum()


def by_hand(p):
    """The three steps one by one: an image, a factor, and a value from another image."""
    after = np.zeros_like(p)
    for v, other in itertools.product(np.ndindex(*p.shape), repeat=2):
        for k in range(p.ndim):
            changed = (*v[:k], other[k], *v[k + 1 :])
            after[changed] += p[v] * p[other] / p.ndim
    return after


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (2, 2, 2, 2)])
def test_the_law_after_intervention_is_that_of_its_three_steps(shape):
    p = table(0, shape)
    after = interventions.intervene(5 * p)  # counts are normalised
    np.testing.assert_allclose(after, by_hand(p), atol=1e-15)
    assert float(after.sum()) == pytest.approx(1, abs=1e-15)


def test_one_factor_is_cut_off_and_the_others_keep_their_law():
    held = interventions.do([[0.1, 0.2], [0.3, 0.4]], 1, 0)
    np.testing.assert_allclose(held, [[0.3, 0.0], [0.7, 0.0]])
    np.testing.assert_allclose(interventions.do([3.0, 1.0], 0, 1), [0.0, 1.0])


def test_two_equal_bits_and_three():
    """Equal bits: two become independent; of three one leaves the others."""
    np.testing.assert_allclose(interventions.intervene([[1, 0], [0, 1]]), np.full((2, 2), 0.25))
    three = np.zeros((2, 2, 2))
    three[0, 0, 0] = three[1, 1, 1] = 0.5
    expected = np.full((2, 2, 2), 1 / 12)
    expected[0, 0, 0] = expected[1, 1, 1] = 1 / 4
    np.testing.assert_allclose(interventions.intervene(three), expected)
    assert interventions.largest_ratios(three).tolist() == pytest.approx([2, 2, 2])
    assert interventions.weight_bound(three) == pytest.approx(6)
    assert interventions.weights(three).max() == pytest.approx(2)


def test_weights_lead_back_through_any_images():
    p, rng = table(1), np.random.default_rng(2)
    likelihood = rng.random((*p.shape, 5))
    likelihood[..., 4] = 0  # an image that nothing makes
    likelihood /= likelihood.sum(-1, keepdims=True)
    before, after = (np.einsum("abc,abcx->x", law, likelihood) for law in (p, by_hand(p)))
    w = interventions.weights(p, likelihood).numpy()
    np.testing.assert_allclose(w * after, before, atol=1e-15)
    assert w[4] == 0
    assert w.max() <= interventions.weights(p).max() <= interventions.weight_bound(p)


def test_weights_of_independent_factors_are_one():
    p = torch.tensor([0.2, 0.8])[:, None] * torch.tensor([0.5, 0.0, 0.5])
    assert interventions.weights(p).tolist() == [pytest.approx([1, 0, 1])] * 2


def test_ratios_are_the_largest_one_by_one():
    p = table(3)
    expected = []
    for k in range(3):
        rest = p.sum(k, keepdims=True)
        alone = p.sum(tuple(i for i in range(3) if i != k), keepdims=True)
        apart = rest * alone
        expected.append((p[apart > 0] / apart[apart > 0]).max())
    assert interventions.largest_ratios(p).tolist() == pytest.approx(expected)
    assert interventions.weight_bound(p) == pytest.approx(3 * min(expected))


def test_the_best_critic_and_its_loss():
    """Equal laws cannot be told apart, disjoint ones always; a blind critic loses log 4."""
    p = torch.tensor([0.5, 0.5, 0.0])
    other = torch.tensor([0.25, 0.25, 0.5])
    matched = torch.tensor([2.0, 2.0, 0.0])
    f = interventions.best_critic(p, other, matched)
    assert f.tolist() == [0.5, 0.5, 0.5]
    loss = interventions.adversarial_loss
    assert loss(p, other, matched, f) == pytest.approx(-math.log(4))
    assert loss(p, other, 7 * matched, f) == pytest.approx(-math.log(4))
    apart = torch.tensor([0.0, 0.0, 1.0])
    assert loss(p, other, apart, interventions.best_critic(p, other, apart)) == 0
    # f = 1/2 where p = W q, else p / (p + q)
    one = interventions.best_critic(p, other, torch.ones(3))
    assert one.tolist() == pytest.approx([2 / 3, 2 / 3, 0])
    expected = math.log(2 / 3) + 0.5 * math.log(1 / 3)
    assert loss(p, other, torch.ones(3), one) == pytest.approx(expected)
    assert loss(p, other, torch.ones(3), torch.zeros(3)) == -math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interventions.intervene(3.0), "needs one axis for each factor"),
        (lambda: interventions.intervene([[1, -1]]), "negative entry"),
        (
            lambda: interventions.do([[1, 2]], 2, 0),
            "factor must be a whole number from 0 to 1, got 2",
        ),
        (lambda: interventions.do([[1, 2]], 1, 2), "whole number from 0 to 1, got 2"),
        (lambda: interventions.weights([1, 1], [[1.0, 0.0]]), "needs the table's axes"),
        (lambda: interventions.weights([1, 1], [[1.0, 0.0], [1.0, 1.0]]), "with sum 1"),
        (lambda: interventions.best_critic([1, 1], [1, 1], [1, -1]), "finite and not negative"),
        (lambda: interventions.best_critic([1, 1], [1, 0], [0, 1]), "all images have weight 0"),
    ],
)
def test_bad_input_says_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
