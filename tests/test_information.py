import math

import numpy as np
import pytest
import torch
from exact import entropy

from disentangled import information

LOG2 = math.log(2)
XOR = [[[1, 0], [0, 1]], [[0, 1], [1, 0]]]
SAME = [[3, 0], [0, 3]]


def table(seed: int, shape=(2, 3, 4, 2)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random(shape) * (rng.random(shape) > 0.2)


def test_known_tables_in_counts_lists_and_tensors():
    assert information.entropy([1, 1, 1, 1], 0) == pytest.approx(2 * LOG2, abs=1e-15)
    assert information.entropy(SAME, (0, 1)) == pytest.approx(LOG2, abs=1e-15)
    assert information.entropy(SAME, ()) == 0
    assert information.mutual_information(SAME, 0, 1) == pytest.approx(LOG2, abs=1e-15)
    assert information.mutual_information(torch.ones(2, 5), (0,), (1,)) < 1e-15
    assert information.mutual_information(torch.tensor(XOR), (0,), (1,)) == 0
    assert information.mutual_information(XOR, (0,), (1,), (2,)) == pytest.approx(LOG2, abs=1e-15)
    assert information.total_correlation(XOR, (0, 1, 2)) == pytest.approx(LOG2, abs=1e-15)
    assert information.total_correlation(XOR, (0, 1), given=(2,)) == pytest.approx(LOG2, abs=1e-15)


def test_a_variable_tells_all_of_itself():
    law = table(0)
    assert information.mutual_information(law, (1, 2), (1, 2)) == pytest.approx(
        information.entropy(law, (1, 2)), abs=1e-14
    )
    assert information.mutual_information(law, (1,), (2,), given=(1,)) < 1e-15


@pytest.mark.parametrize("seed", range(5))
def test_conditional_quantities_are_means_of_divergences(seed):
    law = table(seed)
    p = law / law.sum()
    by_context = p.reshape(2, 3, 4, 2)
    weight = by_context.sum((0, 1, 2))  # over axis 3
    slices = [by_context[..., c] / weight[c] for c in range(2)]
    total = sum(
        w * (entropy(q.sum((1, 2))) + entropy(q.sum((0, 2))) + entropy(q.sum((0, 1))) - entropy(q))
        for w, q in zip(weight, slices, strict=True)
    )
    shared = sum(
        w * (entropy(q.sum((1, 2))) + entropy(q.sum(0)) - entropy(q))
        for w, q in zip(weight, slices, strict=True)
    )
    assert information.total_correlation(law, (0, 1, 2), given=(3,)) == pytest.approx(
        total, abs=1e-14
    )
    assert information.mutual_information(law, (0,), (1, 2), given=3) == pytest.approx(
        shared, abs=1e-14
    )


@pytest.mark.parametrize("seed", range(5))
def test_chain_rule_and_total_correlation_agree_with_the_divergence(seed):
    law = table(seed)
    p = law / law.sum()
    product = np.einsum("a,b,c,d->abcd", *[p.sum(tuple({0, 1, 2, 3} - {j})) for j in range(4)])
    held = p > 0
    divergence = float((p[held] * np.log(p[held] / product[held])).sum())
    assert information.total_correlation(law, range(4)) == pytest.approx(divergence, abs=1e-14)
    chained = sum(information.mutual_information(law, (j,), tuple(range(j))) for j in range(1, 4))
    assert chained == pytest.approx(divergence, abs=1e-14)


def test_negative_axes_count_from_the_back():
    law = table(1)
    assert information.entropy(law, -1) == information.entropy(law, 3)
    assert information.total_correlation(law, (0,)) == 0


@pytest.mark.parametrize(
    ("bad", "message"),
    [([[0.5, math.nan]], "NaN"), ([[-1.0, 2.0]], "negative"), ([[0, 0]], "no mass")],
)
def test_bad_tables_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        information.entropy(bad, 0)


def test_bad_axes_are_refused():
    with pytest.raises(ValueError, match="2 axes"):
        information.entropy(SAME, (0, 2))
    with pytest.raises(ValueError, match="repeat"):
        information.total_correlation(SAME, (0, 0))
