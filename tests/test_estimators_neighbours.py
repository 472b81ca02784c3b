"""Total correlation by neighbours, on laws whose total correlation is known."""

import math
from collections import Counter

import numpy as np
import pytest
import torch

from disentangled import gaussian
from disentangled.estimators import neighbour_total_corr, tree_total_corr

N = 10_000


def normal(n_axes, covariance=None, seed=0):
    white = np.random.default_rng(seed).normal(size=(N, n_axes))
    return white if covariance is None else white @ np.linalg.cholesky(covariance).T


def equicorrelated(n_axes, rho):
    covariance = gaussian.equicorrelated(n_axes, rho)
    return normal(n_axes, covariance.numpy()), gaussian.total_correlation(covariance)


def on_a_grid(density, reach, step=0.004):
    """TC of a law on the plane by summing over a grid of cells: exact but for the step."""
    side = np.arange(-reach, reach, step) + step / 2
    p = density(side[:, None], side) * step**2
    assert p.sum() == pytest.approx(1, abs=1e-3)
    there = p > 1e-200
    ratio = np.divide(p, p.sum(0) * p.sum(1, keepdims=True), out=np.ones_like(p), where=there)
    return float((p * np.log(ratio)).sum())


def cross(rho):
    """An even mixture of two Gaussians of correlations ρ and -ρ: uncorrelated, and dependent."""

    def density(x, y):
        det = 1 - rho**2
        square, product = x**2 + y**2, 2 * rho * x * y
        each = np.exp(-(square - product) / (2 * det)) + np.exp(-(square + product) / (2 * det))
        return each / (4 * math.pi * math.sqrt(det))

    z = normal(2, np.array([[1, rho], [rho, 1]]))
    z[:, 1] *= np.random.default_rng(1).choice([-1, 1], N)
    return z, on_a_grid(density, 6)


def ring(width):
    """Angles that are uniform, radii of N(1, width²): uncorrelated, and dependent."""

    def density(x, y):
        r = np.hypot(x, y)
        return np.exp(-(((r - 1) / width) ** 2) / 2) / ((2 * math.pi) ** 1.5 * width * r)

    g = np.random.default_rng(2)
    r, angle = 1 + width * g.normal(size=N), g.uniform(0, 2 * math.pi, N)
    return np.column_stack([r * np.cos(angle), r * np.sin(angle)]), on_a_grid(density, 2, 0.002)


@pytest.mark.parametrize(
    ("n_axes", "rho", "error"),
    [(2, 0.9, 0.03), (5, 0.5, 0.05), (10, 0.0, 0.03), (10, 0.5, 0.06), (10, 0.9, 0.06)],
)
def test_gaussians(n_axes, rho, error):
    z, known = equicorrelated(n_axes, rho)
    assert neighbour_total_corr(z) == pytest.approx(known, abs=error)


@pytest.mark.parametrize(("code", "known"), [(cross(0.9), 0.41), (ring(0.1), 0.67)])
def test_uncorrelated_codes_that_depend_on_each_other(code, known):
    z, exact = code
    assert exact == pytest.approx(known, abs=0.01)
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.03
    assert gaussian.total_correlation_of_samples(z) < 1e-3
    assert neighbour_total_corr(z) == pytest.approx(exact, abs=0.03)
    assert tree_total_corr(z).total_corr == pytest.approx(exact, abs=0.04)


def test_two_of_ten_axes_depend_on_each_other():
    """All axes at once hardly see it, and the tree does: the bias that the docstrings state."""
    z, known = ring(0.03)
    wide = np.insert(normal(8, seed=3), [2, 7], z, axis=1)
    assert known == pytest.approx(1.55, abs=0.02)
    assert neighbour_total_corr(wide) == pytest.approx(0.40, abs=0.05)
    tree = tree_total_corr(wide)
    assert tree.total_corr == pytest.approx(known, abs=0.05)
    assert tree.pairs.shape == (9, 2)
    of_ring = tree.pairs[tree.mutual_information.argmax()]
    assert of_ring.tolist() == [2, 8]
    assert sorted(tree.mutual_information)[-2] < 0.03


def test_of_a_chain_the_tree_shows_all():
    """A Gaussian Markov chain: TC = -(D - 1) log(1 - ρ²) / 2, on the pairs of neighbours."""
    place = np.arange(5)
    covariance = 0.7 ** np.abs(place[:, None] - place)
    known = -2 * math.log(1 - 0.49)
    assert gaussian.total_correlation(covariance) == pytest.approx(known)
    z = normal(5, covariance)
    tree = tree_total_corr(z)
    assert tree.pairs.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
    assert tree.mutual_information == pytest.approx([known / 4] * 4, abs=0.04)
    assert tree.total_corr == pytest.approx(known, abs=0.06)
    assert neighbour_total_corr(z) == pytest.approx(known, abs=0.06)


def test_a_tree_is_a_lower_bound():
    z, known = equicorrelated(10, 0.5)
    pair = -0.5 * math.log(1 - 0.25)
    assert tree_total_corr(z).total_corr == pytest.approx(9 * pair, abs=0.1)
    assert 9 * pair < known - 0.9
    u = np.random.default_rng(4).uniform(size=(N, 2))
    parity = np.column_stack([u, u.sum(1) % 1])  # any two are independent, three are not
    assert tree_total_corr(parity).total_corr == pytest.approx(0, abs=0.03)
    assert neighbour_total_corr(parity) > 3


def test_independent_axes_by_the_tree():
    """Choosing on one half and measuring on the other: zero on average over seeds."""
    sums = [tree_total_corr(normal(6, seed=s)[:4000]).total_corr for s in range(8)]
    assert np.mean(sums) == pytest.approx(0, abs=4 * np.std(sums, ddof=1) / np.sqrt(8))
    assert np.std(sums) < 0.08


def test_monotone_changes_of_an_axis_change_nothing():
    z, _ = equicorrelated(3, 0.5)
    bent = np.column_stack([np.exp(z[:, 0]), z[:, 1] ** 3, 1e-6 * z[:, 2] - 5])
    assert neighbour_total_corr(bent) == neighbour_total_corr(z)
    one, other = tree_total_corr(bent), tree_total_corr(z)
    assert one.total_corr == other.total_corr
    assert neighbour_total_corr(torch.tensor(z)) == neighbour_total_corr(z)


def test_axes_that_do_not_vary_are_left_out():
    z, _ = equicorrelated(2, 0.9)
    dead = np.full(N, 0.1)
    wide = np.column_stack([dead, z[:, 0], dead, z[:, 1]])
    assert neighbour_total_corr(wide) == neighbour_total_corr(z)
    tree = tree_total_corr(wide)
    assert tree.pairs.tolist() == [[1, 3]]
    assert tree.total_corr == tree_total_corr(z).total_corr
    for nothing in (np.column_stack([dead, dead]), np.column_stack([dead, z[:, 0]])):
        assert neighbour_total_corr(nothing) == 0.0
        assert tree_total_corr(nothing).total_corr == 0.0


def test_an_infinite_total_correlation_reads_finite():
    """An axis twice: the estimate grows by log 10 as samples become ten times as many."""
    z = normal(1)
    both = np.column_stack([z, z])
    few, many = neighbour_total_corr(both[:1000]), neighbour_total_corr(both)
    assert math.isinf(gaussian.total_correlation_of_samples(both))
    assert many - few == pytest.approx(math.log(10), abs=0.01)


def test_too_few_samples():
    z = normal(2)
    with pytest.raises(ValueError, match="more than 4 samples, got 4"):
        neighbour_total_corr(z[:4])
    with pytest.raises(ValueError, match="more than 4 samples, got 4"):
        tree_total_corr(z[:9])
    with pytest.raises(ValueError, match="NaN"):
        neighbour_total_corr(np.where(z > 3, np.nan, z))


def by_counts(table):
    """Total correlation of the law that gives every row of a table the same probability."""
    rows = [tuple(row) for row in np.asarray(table).tolist()]
    joint = Counter(rows)
    axes = [Counter(axis) for axis in zip(*rows, strict=True)]
    return sum(
        math.log(joint[row] * len(rows) ** (len(row) - 1))
        - sum(math.log(count[value]) for count, value in zip(axes, row, strict=True))
        for row in rows
    ) / len(rows)


def test_axes_of_few_values_are_counted():
    draw = np.random.default_rng(5)
    three = draw.integers(0, 3, (2000, 3))
    three[:, 2] = (three[:, 0] + three[:, 1]) % 3  # any two are independent, all three are not
    assert neighbour_total_corr(three) == pytest.approx(by_counts(three), abs=1e-12)
    assert by_counts(three) == pytest.approx(math.log(3), abs=1e-3)
    coin = draw.integers(0, 2, (2000, 1))
    twice = np.hstack([coin, coin])
    assert neighbour_total_corr(twice) == pytest.approx(by_counts(twice), abs=1e-12)
    assert tree_total_corr(twice).total_corr == pytest.approx(math.log(2), abs=0.01)
    independent = draw.integers(0, 2, (2000, 2)) > 0
    assert neighbour_total_corr(independent) == pytest.approx(0, abs=2e-3)


def test_one_axis_of_few_values_among_others():
    draw = np.random.default_rng(6)
    coin, z = draw.integers(0, 2, (N // 2, 1)), normal(2)[: N // 2]
    assert neighbour_total_corr(np.hstack([coin, z])) == pytest.approx(0, abs=0.03)
    moved = np.hstack([coin, z + coin * [100, 0]])
    assert neighbour_total_corr(moved) == pytest.approx(math.log(2), abs=0.03)
    shared = np.hstack([coin, z[:, :1], 0.8 * z[:, :1] + 0.6 * z[:, 1:]])
    assert neighbour_total_corr(shared) == pytest.approx(-0.5 * math.log(0.36), abs=0.04)


def test_samples_that_are_one_point_with_probability_a_half():
    """dP / dΠP is (1/2) / (1/2)³ = 4 at the point and beside it."""
    z = normal(3)[:4000]
    z[np.random.default_rng(7).random(4000) < 0.5] = 0
    assert neighbour_total_corr(z) == pytest.approx(math.log(4), abs=0.05)


def test_copies_of_samples_read_as_counts():
    z = np.repeat(normal(3)[:400], 5, 0)
    assert neighbour_total_corr(z) == pytest.approx(2 * math.log(400), abs=1e-12)
