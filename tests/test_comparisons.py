"""Tests on seeds against textbook values, and by simulation that they are honest at few seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from disentangled import comparisons
from disentangled.comparisons import (
    compare,
    compare_correlations,
    compare_curves,
    compare_paired,
    compare_panels,
    correlate,
    holm,
)

DRAWS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "t(3)": lambda rng, shape: rng.standard_t(3, size=shape),
    "lognormal": lambda rng, shape: rng.lognormal(size=shape),
}
ROUNDS = 8_000
FAIR, COVER = 0.06, 0.93  # type-I error at 0.05, coverage of 95 % intervals


def test_holm_against_its_definition():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([]).shape == (0,)


@pytest.mark.parametrize("wrong", [[0.1, 1.2], [-0.1], [np.nan], [[0.1]]])
def test_holm_refuses_what_is_no_p_value(wrong):
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\]"):
        holm(wrong)


def honest(above):
    """Hold p-values (ROUNDS,) of "above the truth" against level and coverage."""
    assert np.mean(above < 0.05) <= FAIR
    assert np.mean(above > 0.95) <= FAIR
    assert np.mean((above >= 0.025) & (above <= 0.975)) >= COVER


@pytest.mark.parametrize("n", [8, 10, 20])
@pytest.mark.parametrize("spread", [1, 2, 3])
@pytest.mark.parametrize("name", DRAWS)
def test_rank_tests_keep_their_level_and_cover_the_truth(name, spread, n):
    rng, draw = np.random.default_rng(n + spread), DRAWS[name]
    truth = np.median(draw(rng, 2_000_000) - spread * draw(rng, 2_000_000))
    x, y = draw(rng, (ROUNDS, n)), spread * draw(rng, (ROUNDS, n))
    honest(comparisons.above_by_ranks([(x, y)], truth))


@pytest.mark.parametrize("n", [8, 10, 20])
@pytest.mark.parametrize("spread", [1, 2])
@pytest.mark.parametrize("name", DRAWS)
def test_pooled_rank_tests_keep_their_level_too(name, spread, n):
    rng, draw = np.random.default_rng(n + spread), DRAWS[name]
    truth = np.median(draw(rng, 2_000_000) - spread * draw(rng, 2_000_000))
    # panels lie anywhere: only the shift is common
    panels = [
        (draw(rng, (ROUNDS, n)) + at, spread * draw(rng, (ROUNDS, n)) + at) for at in (0, 5, -9)
    ]
    honest(comparisons.above_by_ranks(panels, truth))


@pytest.mark.parametrize("n", [8, 10, 20])
@pytest.mark.parametrize("spread", [1, 2])
@pytest.mark.parametrize("name", DRAWS)
def test_paired_tests_keep_their_level_and_cover_the_truth(name, spread, n):
    rng, draw = np.random.default_rng(n + spread), DRAWS[name]
    d = draw(rng, 4_000_000) - spread * draw(rng, 4_000_000)
    truth = np.median((d[::2] + d[1::2]) / 2)  # the middle that signed ranks estimate
    shared = draw(rng, (ROUNDS, n))  # what runs of one seed have in common
    x, y = shared + draw(rng, (ROUNDS, n)), shared + spread * draw(rng, (ROUNDS, n))
    honest(comparisons.above_by_signed_ranks(x - y, truth))


@pytest.mark.parametrize("n", [8, 20])
@pytest.mark.parametrize("spread", [1, 2])
@pytest.mark.parametrize("name", DRAWS)
def test_curves_keep_their_level_and_cover_the_truth(name, spread, n):
    rng, draw = np.random.default_rng(n + spread), DRAWS[name]
    middle, _, _ = comparisons._trimmed(draw(rng, 400_000))  # of one setting, seeds without end
    truth = float(middle[0]) * (1 - spread)
    found = [
        compare_curves(
            lambda m: float(m[:4].mean() - m[4:].mean()),
            [*draw(rng, (4, n)), *(spread * draw(rng, (4, n)))],
            matters=1.0,
        )
        for _ in range(1_500)
    ]
    rough = 2 * math.sqrt(0.05 * 0.95 / len(found))  # two standard errors of a share
    for low, high in ([f.low, f.high] for f in found[:1]):
        assert low < high
    assert np.mean([f.low <= truth <= f.high for f in found]) >= COVER - rough / 2
    one_sided = stats.t.isf(0.05, 5) / stats.t.isf(0.025, 5)  # of the interval's half width
    low = [f.effect - one_sided * (f.effect - f.low) for f in found]
    high = [f.effect + one_sided * (f.high - f.effect) for f in found]
    assert np.mean(np.array(low) > truth) <= FAIR + rough / 2
    assert np.mean(np.array(high) < truth) <= FAIR + rough / 2


@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize("n", [10, 20, 60])
def test_rank_correlations_cover_the_truth(rho, n):
    rng = np.random.default_rng(n)
    truth = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's of two normals
    covariance = [[1, rho], [rho, 1]]
    found = [
        correlate([rng.multivariate_normal([0, 0], covariance, n)], matters=0.3)
        for _ in range(1_500)
    ]
    assert np.mean([f.low <= truth <= f.high for f in found]) >= COVER
    if rho == 0:
        assert np.mean([f.above_zero < 0.05 for f in found]) <= FAIR


def test_the_shift_is_the_median_of_all_differences_with_brunner_and_munzels_test():
    rng = np.random.default_rng(1)
    one, other = rng.normal(0.8, 1, 9), rng.normal(0, 2, 12)
    test = compare(one, other, matters=0.5)
    assert test.effect == pytest.approx(np.median(np.subtract.outer(one, other)))
    # scipy's statistic is that of "the first sample is larger"; ours has fewer degrees of freedom
    theirs = stats.brunnermunzel(one, other).statistic
    assert test.above_zero == pytest.approx(stats.t.sf(-theirs, 8))
    assert test.below_zero == pytest.approx(1 - test.above_zero)
    shifted = stats.brunnermunzel(one - 0.5, other).statistic
    assert test.below_what_matters == pytest.approx(stats.t.cdf(-shifted, 8))
    shifted = stats.brunnermunzel(one + 0.5, other).statistic
    assert test.above_minus_it == pytest.approx(stats.t.sf(-shifted, 8))
    # the interval's ends are where the test turns
    for bound, side in ((test.low, -1), (test.high, 1)):
        inside, outside = (
            compare(one - bound + e, other, matters=1) for e in (side * 1e-9, -side * 1e-9)
        )
        assert inside.two_sided() >= 0.05 > outside.two_sided()


def test_all_of_one_above_the_other_is_as_likely_as_the_splits_are_many():
    test = compare([5, 6, 7, 8], [1, 2, 3, 4], matters=0.5)
    assert test.effect == 4.0
    assert test.above_zero == pytest.approx(1 / 70)
    assert test.below_zero == pytest.approx(69 / 70)
    assert (test.low, test.high) == (2.0, 6.0)
    assert test.n_seeds == 4
    # ranks ignore how far an outlier lies
    assert compare([5, 6, 7, 800], [1, 2, 3, 4], matters=0.5).above_zero == test.above_zero


def test_compare_is_antisymmetric():
    one, other = [0.5, 0.6, 0.7, 0.8], [0.1, 0.3, 0.2, 0.4]
    forth, back = (compare(*pair, matters=0.1) for pair in ((one, other), (other, one)))
    assert forth.effect == pytest.approx(-back.effect)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))
    assert forth.above_zero == pytest.approx(back.below_zero)
    assert forth.below_what_matters == pytest.approx(back.above_minus_it)


def test_samples_that_are_the_same_show_nothing_but_that_the_effect_is_small():
    same = np.arange(8.0)
    test = compare(same, same, matters=20.0)
    assert test.effect == 0.0
    assert test.above_zero == test.below_zero == 0.5
    assert test.below_what_matters == pytest.approx(1 / math.comb(16, 8))
    assert test.above_minus_it == pytest.approx(1 / math.comb(16, 8))
    flat = compare(np.ones(8), np.ones(8), matters=0.1)
    assert (flat.effect, flat.low, flat.high) == (0.0, 0.0, 0.0)


def test_panels_compare_within_and_share_one_shift():
    rng = np.random.default_rng(3)
    x, y = rng.normal(1, 1, 8), rng.normal(0, 1, 8)
    alone, twice = compare(x, y, matters=1), compare_panels([(x, y), (x + 9, y + 9)], matters=1)
    assert twice.effect == pytest.approx(alone.effect, abs=1e-9)
    assert twice.above_zero < alone.above_zero
    opposed = compare_panels([(x, y), (y, x)], matters=1)
    assert opposed.effect == pytest.approx(0.0)
    assert opposed.above_zero == pytest.approx(0.5)


def test_paired_runs_by_signed_ranks():
    d = np.array([1.0, -2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    base = np.arange(8.0) * 100  # seeds differ by far more than the settings
    test = compare_paired(base + d, base, matters=1.0)
    assert test.effect == np.median([(a + b) / 2 for i, a in enumerate(d) for b in d[i:]])
    assert test.above_zero == stats.wilcoxon(d, alternative="greater").pvalue
    assert compare(base + d, base, matters=1.0).above_zero > 0.3
    with pytest.raises(ValueError, match="same seeds on both sides"):
        compare_paired(d[:7], d, matters=1)
    with pytest.raises(ValueError, match="six of them"):
        compare_paired(d[:5], d[:5], matters=1)


def test_two_settings_without_trimming_are_yuens_test():
    rng = np.random.default_rng(5)
    one, other = rng.normal(1, 1, 10), rng.normal(0, 3, 10)
    test = compare_curves(lambda m: float(m[0, 0] - m[1, 0]), [one, other], matters=1.0)
    theirs = stats.ttest_ind(one, other, equal_var=False, trim=comparisons.TRIMMED)
    assert test.two_sided() == pytest.approx(theirs.pvalue)
    low, high = theirs.confidence_interval()
    assert (test.low, test.high) == pytest.approx((low, high))


def test_a_setting_that_both_curves_share_cancels():
    rng = np.random.default_rng(6)
    shared, one, other = (
        rng.normal(0, 50, (8, 2)),
        rng.normal(0, 1, (8, 2)),
        rng.normal(0, 1, (8, 2)),
    )

    def effect(m):
        return float((m[0, 1] + m[1, 1]) - (m[0, 1] + m[2, 1]))

    test = compare_curves(effect, [shared, one, other], matters=1.0)
    alone = compare_curves(lambda m: float(m[0, 1] - m[1, 1]), [one, other], matters=1.0)
    assert test == pytest.approx(alone)
    flat = compare_curves(lambda m: float(m[0, 0]), [np.ones((8, 1))], matters=1.0)
    assert (flat.effect, flat.low, flat.high, flat.above_zero) == (1.0, 1.0, 1.0, 0.0)


def test_correlations_are_of_ranks_and_pool_by_fisher():
    rng = np.random.default_rng(7)
    panel = rng.normal(size=(20, 2))
    panel[:, 1] += panel[:, 0]
    rho = stats.spearmanr(*panel.T).statistic
    test = correlate([np.exp(panel)], matters=0.3)  # ranks do not see the exponential
    assert test.effect == pytest.approx(rho)
    error = math.sqrt((1 + rho**2 / 2) / 17)
    reach = stats.norm.isf(0.025) * error
    assert test.low == pytest.approx(math.tanh(math.atanh(rho) - reach))
    assert test.above_zero == pytest.approx(stats.norm.sf(math.atanh(rho) / error))
    twice = correlate([panel, panel + 9], matters=0.3)
    assert twice.effect == pytest.approx(rho)
    assert math.atanh(twice.high) - math.atanh(twice.low) == pytest.approx(2 * reach / 2**0.5)
    with pytest.raises(ValueError, match="the same in all runs"):
        correlate([np.ones((9, 2))], matters=0.3)


def test_the_difference_of_two_correlations():
    rng = np.random.default_rng(8)
    one, other = rng.normal(size=(200, 2)), rng.normal(size=(200, 2))
    one[:, 1] += one[:, 0]
    test = compare_correlations([one], [other], matters=0.3)
    rho, rho_other = (stats.spearmanr(*panel.T).statistic for panel in (one, other))
    assert test.effect == pytest.approx(rho - rho_other)
    assert test.low < test.effect < test.high
    assert test.above_zero < 1e-6
    assert test.below_what_matters > 0.9
    # at an end of the interval the one-sided p-value is 0.025
    at_low = compare_correlations([one], [other], matters=test.low)
    assert at_low.below_what_matters == pytest.approx(0.975, abs=1e-6)
    same = compare_correlations([one], [one], matters=0.3)
    assert (same.effect, same.above_zero) == (0.0, 0.5)
    apart = compare_correlations([one], [one * [1, -1]], matters=0.3)
    assert apart.below_zero == pytest.approx(1.0)


@pytest.mark.parametrize("matters", [0.0, -1.0, math.nan])
def test_what_matters_is_a_number_above_zero(matters):
    with pytest.raises(ValueError, match="smallest effect that matters"):
        compare([1, 2, 3, 4], [1, 2, 3, 4], matters=matters)


def test_few_or_broken_seeds_are_refused():
    with pytest.raises(ValueError, match="at least four seeds"):
        compare([1, 2, 3], [1, 2, 3, 4], matters=1)
    with pytest.raises(ValueError, match="not finite"):
        correlate([[[1, 2], [3, 4], [5, 6], [7, np.nan]]], matters=0.3)
    with pytest.raises(ValueError, match="at least one panel"):
        compare_panels([], matters=1)
    with pytest.raises(ValueError, match="at least one panel"):
        correlate([], matters=1)
