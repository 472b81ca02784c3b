"""Numbers that the chapter on correlated noise quotes, and what its assertions hold."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd
import pytest
import torch

from disentangled.figures import correlated_noise_numbers as numbers


class Code(NamedTuple):
    loss: float
    angle: float


def test_codes_of_equal_variances_share_their_kl():
    sd = torch.full((2,), math.sqrt(0.5), dtype=torch.float64)
    tied = torch.tensor([[0.5, 0.4], [0.4, 0.5]], dtype=torch.float64)
    plain = 0.5 * torch.eye(2, dtype=torch.float64)
    # variance one on each axis, half of it noise: log 2 / 2 nats an axis
    assert numbers.shared_kl([plain, tied], sd) == pytest.approx(math.log(2))
    with pytest.raises(AssertionError, match="differ"):
        numbers.shared_kl([plain, 2 * tied], sd)


def test_a_noise_is_hidden_where_the_code_shows_nothing_of_it():
    assert numbers.hidden_total_correlation([0.8, 0.7], [0.0, 1e-15]) == 0.7
    with pytest.raises(AssertionError, match="independent"):
        numbers.hidden_total_correlation([0.8, 0.1], [0.0, 0.0])
    with pytest.raises(AssertionError, match="shows"):
        numbers.hidden_total_correlation([0.8, 0.7], [0.0, 0.2])


def parity(t):
    sign = torch.tensor([1.0, -1.0], dtype=torch.float64)
    return (1 + t * torch.einsum("i,j,k->ijk", sign, sign, sign)) / 8


def test_signs_of_even_parity_share_log_two_nats():
    cloud = torch.tensor([[1.0, 1.0, 1.0], [-1.0, -1.0, 1.0]], dtype=torch.float64)
    numbers.assert_all_is_in_the_signs(cloud, parity(1.0))
    with pytest.raises(AssertionError, match="octants"):
        numbers.assert_all_is_in_the_signs(-cloud, parity(1.0))
    with pytest.raises(AssertionError, match="not log 2"):
        numbers.assert_all_is_in_the_signs(cloud, parity(0.5))
    tied = torch.zeros(2, 2, 2, dtype=torch.float64)
    tied[0, 0, 0] = tied[1, 1, 1] = 0.5
    with pytest.raises(AssertionError, match="pairs"):
        numbers.assert_all_is_in_the_signs(cloud, tied)


def test_the_code_against_the_noise_in_numbers():
    names = ["I(z; x)", "Σ I(z_j; x)", "c", "TC(z)"]
    table = pd.DataFrame([[5.0, 3.0, 2.0, 0.0]], ["means against the noise"], names)
    means = torch.tensor([[0.9, -0.09], [-0.09, 0.9]])
    found = numbers.against_numbers(table, means)
    assert found == {
        "tc_against": "less than 1e-12",
        "more_against": 2.0,
        "mean_correlation": pytest.approx(-0.1),
    }
    with pytest.raises(AssertionError, match="add up"):
        numbers.against_numbers(table.assign(c=3.0), means)


def test_differences_and_bounds_in_words():
    assert numbers.within_rounding(1e-13) == "less than 1e-12"
    assert numbers.within_rounding(0.00034) == "3.4e-04"
    assert [numbers.round_bound(x) for x in (0.0, 2e-5, 0.03, 0.001)] == [
        "0.000001", "0.0001", "0.1", "0.001",
    ]  # fmt: skip


def test_a_search_ends_at_the_minimum_of_a_quadratic():
    target = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)

    def loss(encoder, log_sd):
        return ((encoder - target) ** 2).sum() + ((log_sd + 1) ** 2).sum() + 7

    lowest, encoder, log_sd = numbers.best_of_searches(loss, 2, 2)
    assert lowest == pytest.approx(7)
    torch.testing.assert_close(encoder, target, atol=1e-6, rtol=0)
    torch.testing.assert_close(log_sd, -torch.ones(2).double(), atol=1e-6, rtol=0)


def test_the_best_search_is_the_one_of_least_loss():
    def loss(encoder, log_sd):
        """Two valleys, at -1 and at 1, the first the deeper by about 0.2."""
        x = encoder[0, 0]
        return (x**2 - 1) ** 2 + 0.1 * x + log_sd[0] ** 2

    ends = [numbers.best_of_searches(loss, 1, n)[0] for n in range(1, 9)]
    assert ends == sorted(ends, reverse=True)
    assert ends[-1] == pytest.approx(-0.1, abs=0.01)


def test_searches_may_end_with_the_axes_in_either_order():
    told = torch.tensor([[1.0, 0.0], [0.0, 0.5]])
    found = [(2.0, told), (3.00002, told.flip(0) + 0.002)]
    derived = [(2.0, told), (3.0, told)]
    assert numbers.search_numbers(found, derived) == {"loss_gap": "0.0001", "reading_gap": "0.01"}


def test_turns_at_no_cost_and_in_full():
    codes = {0.0: Code(3.0, 0.0), 0.3: Code(2.9, 16.0), 0.9: Code(2.5, 45.0)}
    constants = {0.0: 0.0, 0.3: 0.1, 0.9: 0.8}
    found = numbers.turn_numbers(codes, constants, (16.0, 4.0))
    assert found == pytest.approx(
        {
            "weak_angle": 16.0, "exact_more": 0.3, "kept_less": 0.5, "pair_c": 0.8,
            "full_turn": 0.6, "ratio": 19.0, "last_kept": 160.0,
        }
    )  # fmt: skip
    with pytest.raises(AssertionError, match="turned by 40"):
        numbers.turn_numbers(codes | {0.9: Code(2.5, 40.0)}, constants, (16.0, 4.0))
    with pytest.raises(AssertionError, match="costs"):
        numbers.turn_numbers(codes | {0.3: Code(3.0, 16.0)}, constants, (16.0, 4.0))


def test_gaps_shrink_or_the_prose_is_wrong():
    numbers.assert_gaps_shrink(pd.DataFrame([[2.0, 1.0], [1.0, 0.5]]))
    with pytest.raises(AssertionError, match="does not shrink"):
        numbers.assert_gaps_shrink(pd.DataFrame([[2.0, 1.0], [1.0, 1.5]]))
