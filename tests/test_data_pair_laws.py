"""The laws of two papers on correlated factors, against loops and published figures."""

import math

import numpy as np
import pytest

from disentangled.data import DATA_SETS, cars3d, dsprites, shapes3d
from disentangled.data.correlated import dependence
from disentangled.data.pair_laws import BENCHMARK, confounded, joint_of_pairs, line, pairwise

FACTORS = {
    "dsprites": dict(zip(dsprites.FACTOR_NAMES, dsprites.FACTOR_SIZES, strict=True)),
    "shapes3d": dict(zip(shapes3d.LAYOUT.used, shapes3d.LAYOUT.sizes, strict=True)),
    "cars3d": dict(zip(cars3d.LAYOUT.used, cars3d.LAYOUT.sizes, strict=True)),
}


def by_loops(sizes: tuple[int, ...], pairs: list[tuple[int, int]], spread: float) -> np.ndarray:
    weight = np.empty(sizes)
    for cell in np.ndindex(sizes):
        value = [number / max(size - 1, 1) for number, size in zip(cell, sizes, strict=True)]
        apart = sum((value[k] - value[other]) ** 2 for k, other in pairs)
        weight[cell] = math.exp(-apart / (2 * spread**2))
    return weight / weight.sum()


@pytest.mark.parametrize(("sizes", "spread"), [((4, 7), 0.3), ((2, 2), 1.0), ((10, 10), 0.05)])
def test_a_pair_is_what_loops_make(sizes, spread) -> None:
    np.testing.assert_allclose(pairwise(sizes, spread), by_loops(sizes, [(0, 1)], spread),
                               rtol=1e-12)  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((32, 32), {0.4: (0.42, 0.09), 0.2: (0.78, 0.45), 0.1: (0.94, 1.02), 0.04: (0.99, 1.87)}),
        ((10, 10), {0.4: (0.46, 0.12), 0.2: (0.81, 0.50), 0.1: (0.95, 1.08), 0.04: (1.00, 2.12)}),
        ((3, 6), {0.4: (0.57, 0.19), 0.2: (0.88, 0.67), 0.1: (0.98, 1.07), 0.04: (1.00, 0.84)}),
    ],
)
def test_one_spread_is_another_dependence_on_other_sizes(sizes, expected) -> None:
    """Figures measured on the benchmark's own code."""
    for spread, (correlation, nats) in expected.items():
        measured = dependence(pairwise(sizes, spread))
        assert float(measured.correlation[0, 1]) == pytest.approx(correlation, abs=0.006)
        assert measured.nats == pytest.approx(nats, abs=0.006)


def test_some_values_are_rare() -> None:
    """How often the rarest value comes up, relative to even."""
    rarest = {sizes: float(pairwise(sizes, 0.1).sum(1).min()) * sizes[0]
              for sizes in ((32, 32), (10, 10), (3, 6), (6, 3))}  # fmt: skip
    # of six values those that lie between the other factor's three are rare
    expected = {(32, 32): 0.611, (10, 10): 0.771, (3, 6): 0.972, (6, 3): 0.251}
    assert rarest == pytest.approx(expected, abs=0.001)


def test_pairs_multiply() -> None:
    """Doubled, and confounded, with the factors of a pair in either order."""
    sizes = {"a": 3, "b": 4, "c": 2, "d": 5}
    doubled = joint_of_pairs(sizes, [("a", "c"), ("d", "b")], 0.3)
    np.testing.assert_allclose(doubled, by_loops((3, 4, 2, 5), [(0, 2), (1, 3)], 0.3), rtol=1e-12)
    # two pairs without a common factor are independent of each other
    pairs = pairwise((3, 2), 0.3), pairwise((4, 5), 0.3)
    assert dependence(doubled).nats == pytest.approx(sum(dependence(p).nats for p in pairs))
    pairs_of_b = confounded(list(sizes), "b")
    assert pairs_of_b == [("b", "a"), ("b", "c"), ("b", "d")]
    np.testing.assert_allclose(joint_of_pairs(sizes, pairs_of_b, 0.2),
                               by_loops((3, 4, 2, 5), [(1, 0), (1, 2), (1, 3)], 0.2),
                               rtol=1e-12)  # fmt: skip


@pytest.mark.parametrize("name", BENCHMARK)
def test_the_benchmark_names_factors_that_are_there(name: str) -> None:
    assert name in DATA_SETS
    for pairs in BENCHMARK[name].values():
        named = [factor for pair in pairs for factor in pair]
        assert len(set(named)) == len(named)
        law = joint_of_pairs({factor: FACTORS[name][factor] for factor in named}, pairs, 0.1)
        assert dependence(law).nats > 0.5


def test_a_line_by_hand() -> None:
    """Five by five, width 0.2: one cell thick, and too few values for a blur."""
    np.testing.assert_allclose(line((5, 5), 0.2), np.eye(5) / 5, atol=1e-15)
    # distances from the diagonal are |a - b| / sqrt 2: at 2 cells thick its neighbours are in
    expected = np.array([[abs(a - b) <= math.sqrt(2) for b in range(5)] for a in range(5)], float)
    np.testing.assert_allclose(line((5, 5), 0.4), expected / expected.sum(), atol=1e-15)


def test_a_line_is_blurred_by_a_kernel_of_a_quarter() -> None:
    """Ten by ten: a kernel of 3, of deviation 0.8, applied by loops; edges are mirrored."""
    weights = np.exp(-(np.array([-1, 0, 1]) ** 2) / (2 * 0.8**2))
    weights /= weights.sum()
    drawn = np.array([[abs(a - b) <= math.sqrt(2) for b in range(10)] for a in range(10)], float)
    padded = np.pad(drawn, 1, mode="reflect")
    blurred = np.zeros((10, 10))
    for a, b in np.ndindex(10, 10):
        blurred[a, b] = weights @ padded[a : a + 3, b : b + 3] @ weights
    np.testing.assert_allclose(line((10, 10), 0.2), blurred / blurred.sum(), atol=1e-15)


def test_lines_get_weaker_with_their_width() -> None:
    for sizes in ((40, 32), (10, 15), (8, 15), (32, 6)):
        nats = [dependence(line(sizes, width)).nats for width in (0.2, 0.4, 0.7, 10)]
        assert nats == sorted(nats, reverse=True)
        assert nats[-1] == pytest.approx(0, abs=1e-12)
        assert line(sizes, 0.4).shape == sizes
        np.testing.assert_allclose(line(sizes, 0.4), line(sizes[::-1], 0.4).T, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pairwise((4, 4), 0), "spread above 0, got 0"),
        (lambda: pairwise((4, 4), math.nan), "spread above 0, got nan"),
        (lambda: pairwise((4, 4, 4), 0.1), "sizes of two factors"),
        (lambda: line((4, 4), -1), "width above 0, got -1"),
        (lambda: line((4, 1), 0.2), "2 values or more"),
        (lambda: joint_of_pairs({"a": 3, "b": 3}, [("a", "c")], 0.1), r"of \['a', 'b'\], got"),
        (lambda: joint_of_pairs({"a": 3, "b": 3}, [("a", "a")], 0.1), "distinct"),
        (lambda: confounded(["a", "b"], "c"), r"of \['a', 'b'\], got 'c'"),
    ],
)
def test_bad_input_is_an_error(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
