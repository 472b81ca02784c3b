"""Tests on seeds against textbook values."""

from __future__ import annotations

import numpy as np
import pytest

from disentangled import comparisons
from disentangled.comparisons import compare, compare_medians, holm, resample, verdicts


def test_holm_against_its_definition():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([]).shape == (0,)


@pytest.mark.parametrize("wrong", [[0.1, 1.2], [-0.1], [np.nan], [[0.1]]])
def test_holm_refuses_what_is_no_p_value(wrong):
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\]"):
        holm(wrong)


def test_compare_counts_permutations_exactly():
    # 4 against 4, all of one group above the other: 1 of 70 splits is as extreme.
    test = compare([5, 6, 7, 8], [1, 2, 3, 4])
    assert test.effect == 4.0
    assert test.p_value == pytest.approx(1 / 70)
    assert test.p_against == 1.0
    assert test.n_seeds == 4
    assert test.low < test.effect < test.high


def test_compare_is_antisymmetric_and_takes_a_threshold():
    one, other = [0.5, 0.6, 0.7, 0.8], [0.1, 0.3, 0.2, 0.4]
    forth, back = compare(one, other), compare(other, one)
    assert forth.effect == pytest.approx(-back.effect)
    assert forth.p_value == back.p_against
    assert compare(one, other, threshold=0.4).p_value > 0.5
    assert compare(one, one, threshold=-1.0).p_value == pytest.approx(1 / 70)


def test_compare_takes_another_statistic():
    # a difference of maxima of 4 needs 5 to 8 together: one of 70 splits
    test = compare([5, 6, 7, 8], [1, 2, 3, 4], statistic=np.max)
    assert test.effect == 4.0
    assert test.p_value == pytest.approx(1 / 70)
    assert compare([1, 8, 2, 3], [4, 5, 6, 7], statistic=np.max).effect == 1.0


def test_compare_medians_is_the_rank_test():
    test = compare_medians([5, 6, 7, 8], [1, 2, 3, 4])
    assert test.effect == 4.0
    assert test.p_value == pytest.approx(1 / 70)  # exact: one order of 70
    assert test.p_against == 1.0
    # ranks ignore how far an outlier lies, medians too
    assert compare_medians([5, 6, 7, 800], [1, 2, 3, 4])[0] == 4.0
    assert compare_medians([5, 6, 7, 800], [1, 2, 3, 4]).p_value == test.p_value
    forth, back = compare_medians([1, 4, 5], [2, 3, 9]), compare_medians([2, 3, 9], [1, 4, 5])
    assert (forth.effect, forth.p_value) == (-back.effect, back.p_against)
    with pytest.raises(ValueError, match="at least three seeds"):
        compare_medians([1, 2], [1, 2, 3])


def test_resample_gives_the_standard_error_of_a_mean():
    sample = np.random.default_rng(0).normal(1.0, 2.0, 400)
    test = resample(np.mean, sample)
    assert test.effect == pytest.approx(sample.mean())
    assert test.high - test.low == pytest.approx(2 * 1.96 * sample.std() / 20, rel=0.05)
    assert test.p_value == pytest.approx(1e-4)
    assert resample(np.mean, sample, threshold=sample.mean()).p_value == pytest.approx(
        0.5, abs=0.02
    )


def test_resample_keeps_the_columns_of_a_seed_together():
    pairs = np.repeat(np.arange(6.0)[:, None], 2, axis=1)
    test = resample(lambda p: np.abs(p[:, 0] - p[:, 1]).max(), pairs)
    assert (test.low, test.high) == (0.0, 0.0)


def test_results_do_not_depend_on_the_day():
    one, other = [0.5, 0.6, 0.9, 0.8], [0.1, 0.3, 0.55, 0.7]
    assert compare(one, other) == compare(one, other)
    assert compare(one, other) != compare(one, other, seed=1)


def test_few_or_broken_seeds_are_refused():
    with pytest.raises(ValueError, match="at least three seeds"):
        compare([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="not finite"):
        resample(np.mean, [1, 2, np.nan])


def test_verdicts_correct_for_the_number_of_claims():
    alone = comparisons.Comparison(1.0, 0.1, 1.9, 8, p_value=0.03, p_against=0.97)
    assert verdicts({"a": alone}) == {"a": "reproduced"}
    assert verdicts({"a": alone, "b": alone}) == dict.fromkeys("ab", "inconclusive")
    against = alone._replace(p_value=0.999, p_against=0.001)
    assert verdicts({"a": against, "b": alone}) == {"a": "not reproduced", "b": "inconclusive"}
    assert verdicts({}) == {}
