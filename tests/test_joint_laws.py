"""Joint laws as tables and covariances: values with known answers, by hand or in closed form."""

import math
from itertools import product

import pytest
import torch

from disentangled import joint_laws

BIT = math.log(2)
BITS = list(product((0, 1), repeat=2))
XOR = joint_laws.counted((a ^ b, a, b) for a, b in BITS)
COPIES = joint_laws.counted((a, a, a, a) for a in (0, 1))
PARITY = joint_laws.counted((a ^ b ^ c, a, b, c) for a, b, c in product((0, 1), repeat=3))


def test_outcomes_are_counted():
    table = joint_laws.counted([(0, 1), (0, 1), (1, 0), (2, 0)])
    assert table.tolist() == [[0, 0.5], [0.25, 0], [0.25, 0]]
    assert table.dtype == torch.float64
    with pytest.raises(ValueError, match="at least one, all of one length"):
        joint_laws.counted([])


def test_drawn_laws_are_positive_and_those_of_their_seed():
    table = joint_laws.random_law(3, 4, 2)
    assert table.shape == (4, 2)
    assert float(table.sum()) == pytest.approx(1)
    assert float(table.min()) > 0
    assert table.equal(joint_laws.random_law(3, 4, 2))
    assert not table.equal(joint_laws.random_law(4, 4, 2))


def test_a_factorised_code_is_the_product_of_its_channels():
    table = joint_laws.factorised(1, 3, (2, 2))
    assert table.shape == (3, 2, 2)
    assert float(table.sum()) == pytest.approx(1)
    for given in table:
        given = given / given.sum()
        assert torch.outer(given.sum(1), given.sum(0)) == pytest.approx(given)


def test_marginal_laws_keep_the_axes():
    table = joint_laws.random_law(0, 2, 3, 2)
    assert joint_laws.law(table, 1).shape == (1, 3, 1)
    assert joint_laws.law(table, 1).flatten().tolist() == pytest.approx(table.sum((0, 2)).tolist())
    assert joint_laws.law(table, 0, 1, 2) is table
    assert float(joint_laws.law(table)) == pytest.approx(1)


def test_a_mean_logarithm_is_taken_where_there_is_mass():
    table = torch.tensor([0.5, 0.5, 0.0])
    assert joint_laws.mean_log(table, torch.tensor([2.0, 8.0, 0.0])) == pytest.approx(2 * BIT)


def test_numbers_of_known_codes():
    # the axes of XOR are independent coins; given whether they differ, one tells the other
    assert joint_laws.kl(XOR, (1, 2)) == pytest.approx(0)
    assert joint_laws.total_corr(XOR, (1, 2), (0,)) == pytest.approx(BIT)
    assert joint_laws.info(XOR, 1, 0) == pytest.approx(0)
    assert joint_laws.info(XOR, (1, 2), 0) == pytest.approx(BIT)
    assert joint_laws.info(XOR, 1, 0, 2) == pytest.approx(BIT)
    assert joint_laws.change(XOR, 1, (2,)) == pytest.approx(BIT)
    assert joint_laws.excess(XOR, (1, 2)) == pytest.approx(BIT)
    # three axes that copy one bit know it three times
    assert joint_laws.total_corr(COPIES, (1, 2, 3)) == pytest.approx(2 * BIT)
    assert joint_laws.excess(COPIES, (1, 2, 3)) == pytest.approx(-2 * BIT)
    assert joint_laws.excess(PARITY, (1, 2)) == pytest.approx(0)
    assert joint_laws.excess(PARITY, (1, 2, 3)) == pytest.approx(BIT)


def test_two_routes_that_differ_are_an_error():
    assert joint_laws.agreed(0.5, 0.5 + 1e-12) == 0.5
    with pytest.raises(AssertionError, match="two routes give"):
        joint_laws.agreed(0.5, 0.6)
    with pytest.raises(AssertionError, match="two routes give nan"):
        joint_laws.agreed(math.nan, 0.6)
    with pytest.raises(AssertionError, match="two routes give"):
        joint_laws.total_corr(
            2 * COPIES, (1, 2, 3)
        )  # no law, and only one route divides by its sum


def test_sets_of_axes():
    assert joint_laws.subsets(XOR) == [(1, 2)]
    assert joint_laws.subsets(PARITY) == [(1, 2), (1, 3), (2, 3), (1, 2, 3)]
    assert joint_laws.every_pair(XOR) == [(1, (2,)), (2, (1,))]
    assert len(joint_laws.every_pair(PARITY)) == 3 * 3
    assert joint_laws.all_others(PARITY) == [(1, (2, 3)), (2, (1, 3)), (3, (1, 2))]


def test_the_covariance_of_a_linear_code():
    found = joint_laws.linear([[2.0], [1.0]], [[1.0, 0.5], [0.5, 1.0]], [[3.0]])
    assert found.tolist() == [[3, 6, 3], [6, 13, 6.5], [3, 6.5, 4]]


def test_information_of_gaussians():
    known = joint_laws.linear([[1.0]], [[0.25]], [[1.0]])
    assert joint_laws.gaussian_info(known, [0], [1]) == pytest.approx(math.log(5) / 2)
    # a second axis that repeats the first adds nothing, and its covariance is singular
    twice = joint_laws.linear([[1.0], [1.0]], [[0.25, 0.25], [0.25, 0.25]], [[1.0]])
    assert joint_laws.gaussian_info(twice, [1, 2], [0]) == pytest.approx(math.log(5) / 2)
    assert joint_laws.gaussian_info(twice, [1], [0], [2]) == pytest.approx(0, abs=1e-9)
    # with noise of its own it halves the noise: log(1 + 2 / 0.25) / 2 in all
    own = joint_laws.linear([[1.0], [1.0]], [[0.25, 0.0], [0.0, 0.25]], [[1.0]])
    assert joint_laws.gaussian_info(own, [1, 2], [0]) == pytest.approx(math.log(9) / 2)
    rest = math.log(9) / 2 - math.log(5) / 2
    assert joint_laws.gaussian_info(own, [1], [0], [2]) == pytest.approx(rest)
