"""Laws of correlated factors: closed forms, and what no other law has."""

import math

import numpy as np
import pytest
import torch

from disentangled import information
from disentangled.data.correlated import dependence, evenly_correlated, independent


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.75, 0.96])
def test_two_values_each_have_a_closed_form(correlation: float) -> None:
    """Even marginals leave one law of 2 x 2 values: (1 ± ρ) / 4."""
    same, other = (1 + correlation) / 4, (1 - correlation) / 4
    law = evenly_correlated((2, 2), correlation)
    np.testing.assert_allclose(law, [[same, other], [other, same]], atol=1e-9)
    nats = 2 * same * math.log(4 * same) + 2 * other * math.log(4 * other)
    measured = dependence(law)
    assert measured.nats == pytest.approx(nats, abs=1e-8)
    np.testing.assert_allclose(measured.correlation, [[1, correlation], [correlation, 1]],
                               atol=1e-9)  # fmt: skip


@pytest.mark.parametrize("sizes", [(32, 6), (10, 10), (2, 32), (3, 6), (183, 4)])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_marginals_are_even_and_the_correlation_is_as_asked(sizes, correlation) -> None:
    law = evenly_correlated(sizes, correlation)
    assert law.shape == sizes
    for axis, size in enumerate(sizes):
        np.testing.assert_allclose(law.sum(1 - axis) * size, np.ones(size), atol=1e-11)
    values = [np.arange(size) for size in sizes]
    spread = math.prod(values[k].std() for k in (0, 1))
    product = values[0] @ law.numpy() @ values[1]
    realised = (product - values[0].mean() * values[1].mean()) / spread
    assert realised == pytest.approx(correlation, abs=1e-9)


def test_no_correlation_is_the_even_law() -> None:
    np.testing.assert_allclose(evenly_correlated((5, 3), 0), np.full((5, 3), 1 / 15), atol=1e-12)


def test_any_other_law_with_its_margins_and_correlation_tells_more() -> None:
    """Moves that keep both marginals and the correlation, along which information is convex."""
    law = evenly_correlated((4, 4), 0.6)
    least = dependence(law).nats
    rng = np.random.default_rng(0)
    values = np.arange(4.0)
    fixed = [np.outer(np.eye(4)[k], np.ones(4)).ravel() for k in range(4)]
    fixed += [np.outer(np.ones(4), np.eye(4)[k]).ravel() for k in range(4)]
    fixed = np.array([*fixed, np.outer(values, values).ravel()])
    for _ in range(20):
        move = rng.normal(size=16)
        move -= np.linalg.pinv(fixed) @ (fixed @ move)
        move *= 0.5 * float(law.min()) / np.abs(move).max()
        moved = law + torch.as_tensor(move.reshape(4, 4))
        measured = dependence(moved)
        assert float(measured.correlation[0, 1]) == pytest.approx(0.6, abs=1e-9)
        assert measured.nats > least


def test_it_is_an_exponential_family() -> None:
    """log p(a, b) = f(a) + g(b) + t a b: all its second differences are one number."""
    log_law = evenly_correlated((6, 5), 0.7).log()
    differences = log_law.diff(dim=0).diff(dim=1)
    np.testing.assert_allclose(differences, differences.mean().expand(5, 4), atol=1e-9)
    assert differences.mean() > 0


@pytest.mark.parametrize(
    ("sizes", "correlation", "message"),
    [
        ((10, 10), -0.1, "from 0 to 0.970 for 10 x 10"),
        ((10, 10), 0.98, "from 0 to 0.970"),
        ((10, 10), math.nan, "got nan; turn the table"),
        ((2, 32), 0.9, "from 0 to 0.840 for 2 x 32 values, got 0.9"),
        ((1, 4), 0.5, "2 values or more"),
        ((4,), 0.5, "sizes of two factors"),
        ((4, 4, 4), 0.5, "joint_of_pairs"),
    ],
)
def test_what_cannot_be_had_is_an_error(sizes, correlation, message) -> None:
    with pytest.raises(ValueError, match=message):
        evenly_correlated(sizes, correlation)


def test_dependence_against_numpy() -> None:
    """Of counts, the correlation of the images they count."""
    rng = np.random.default_rng(1)
    table = rng.integers(0, 9, (3, 4, 2))
    images = np.repeat(np.array(list(np.ndindex(table.shape))), table.ravel(), axis=0)
    measured = dependence(table)
    np.testing.assert_allclose(measured.correlation, np.corrcoef(images.T), atol=1e-12)
    assert measured.nats == pytest.approx(information.total_correlation(table, (0, 1, 2)))
    pair = dependence(table.sum(2))
    assert pair.nats == pytest.approx(information.mutual_information(table.sum(2), 0, 1))


def test_known_dependences() -> None:
    one_to_one = dependence(np.eye(6))
    assert one_to_one.nats == pytest.approx(math.log(6))
    assert float(one_to_one.correlation[0, 1]) == pytest.approx(1)
    assert float(dependence(np.eye(6)[::-1].copy()).correlation[0, 1]) == pytest.approx(-1)
    # dependent without a correlation: four points on two axes
    cross = dependence([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    assert float(cross.correlation[0, 1]) == pytest.approx(0)
    assert cross.nats == pytest.approx(math.log(2))
    assert str(dependence(np.eye(4))) == "correlation 1.00; 1.386 nats"
    assert str(dependence(np.ones((2, 3, 4)))) == "correlation 0.00, 0.00, 0.00; 0.000 nats"
    with pytest.raises(ValueError, match="two axes or more"):
        dependence([1, 2])


def test_counts_tell_too_much_by_what_the_docstring_says() -> None:
    cells = (32, 6)
    n, degrees = 200_000, 32 * 6 - 1 - 31 - 5
    rng = np.random.default_rng(2)
    nats = [dependence(rng.multinomial(n, np.full(192, 1 / 192)).reshape(cells)).nats
            for _ in range(30)]  # fmt: skip
    # 2 n times the information of independent counts is chi-square, nearly
    error = math.sqrt(2 * degrees / 30) / (2 * n)
    assert np.mean(nats) == pytest.approx(degrees / (2 * n), abs=4 * error)
    assert f"{degrees / (2 * n):.4f}" == "0.0004"


def test_the_twin_has_the_marginals_and_no_dependence() -> None:
    table = np.random.default_rng(3).integers(0, 9, (3, 4, 2))
    law = information.probabilities(table)
    twin = independent(table)
    expected = np.einsum("a,b,c->abc", law.sum((1, 2)), law.sum((0, 2)), law.sum((0, 1)))
    np.testing.assert_allclose(twin, expected, atol=1e-15)
    assert dependence(twin).nats == pytest.approx(0, abs=1e-12)
    assert torch.equal(independent([1, 3]), torch.tensor([0.25, 0.75], dtype=torch.float64))
