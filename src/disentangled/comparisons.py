"""Effects, intervals and p-values from the seeds of an experiment, and what they decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

LEVEL = 0.05
"""A claim is decided where its p-value, after Holm's correction, is below this."""

RESAMPLES = 9_999

Floats = NDArray[np.float64]


class Comparison(NamedTuple):
    """A claim "effect > threshold" tested on seeds, in the unit of the compared quantity.

    low and high bound the 95 % bootstrap interval of the effect; p_value tests the claim,
    p_against its opposite, each one-sided; n_seeds is the smallest sample's size.
    """

    effect: float
    low: float
    high: float
    n_seeds: int
    p_value: float
    p_against: float


Tests = Mapping[str, Callable[[], Comparison]]
"""What tests each claim, by its id."""

UNTESTED = Comparison(math.nan, math.nan, math.nan, 0, p_value=1.0, p_against=1.0)
"""Stands for a claim that lacks rows, so that Holm's correction counts it from the beginning."""


class OnRows(NamedTuple):
    """The claims of a chapter on the rows of one profile.

    tests: for each claim's id, what computes its `Comparison`.
    rows: where the rows lie that the tests read, relative to the checkout.
    on: for each claim's id the data set and its source, as captions name them.
    ready: ids of the claims that can be tested on the rows that are there.
    whole: ids of those of which no declared run is missing.
    """

    tests: Tests
    rows: str
    on: Mapping[str, str]
    ready: Collection[str]
    whole: Collection[str]


def compare(
    treated: ArrayLike,
    control: ArrayLike,
    *,
    statistic: Callable[..., Any] = np.mean,
    threshold: float = 0.0,
    seed: int = 0,
) -> Comparison:
    r"""Test whether a statistic of one group of seeds, by default the mean, exceeds another's.

        effect = statistic(treated) − statistic(control)

    Args:
        treated, control: one value a seed, (S,) and (S',); the seeds are not paired.
        statistic: of an array along an axis, as `np.mean` and `np.max`.
        threshold: the claim is effect > threshold; negative for "not lower by more than".
        seed: of the permutations and of the bootstrap.

    **Error**: the p-values are those of a permutation test with at most 9,999 permutations, so
    never below 1e-4; the percentile interval is some 20 % too short at 8 seeds, and of a
    maximum, which no resample exceeds, it is a rough guide only.

    Raises:
        ValueError: a sample of fewer than three seeds, or one that is not finite.
    """
    one, other = _sample(treated), _sample(control)

    def effect(x: Floats, y: Floats, axis: int = -1) -> Any:
        return statistic(x, axis=axis) - statistic(y, axis=axis)

    p_value, p_against = (
        stats.permutation_test(
            (one - threshold, other),
            effect,
            vectorized=True,
            n_resamples=RESAMPLES,
            alternative=side,
            rng=np.random.default_rng(seed),
        ).pvalue
        for side in ("greater", "less")
    )
    return _comparison(effect, (one, other), seed, p_value, p_against)


def compare_medians(treated: ArrayLike, control: ArrayLike, *, seed: int = 0) -> Comparison:
    r"""Test whether one group of seeds tends to exceed another's: Mann-Whitney's rank test.

        effect = median(treated) − median(control)

    Args:
        treated, control: one value a seed, (S,) and (S',); the seeds are not paired.
        seed: of the bootstrap, which gives the interval of the effect.

    **Error**: the p-values are exact where no two values tie, else normal with a correction. They
    are about P(treated > control), which a difference of medians follows in shifted groups.

    Raises:
        ValueError: a sample of fewer than three seeds, or one that is not finite.
    """
    one, other = _sample(treated), _sample(control)
    p_value, p_against = (
        stats.mannwhitneyu(one, other, alternative=side).pvalue for side in ("greater", "less")
    )

    def effect(x: Floats, y: Floats) -> Any:
        return np.median(x) - np.median(y)

    return _comparison(effect, (one, other), seed, p_value, p_against)


def resample(
    statistic: Callable[..., Any],
    *samples: ArrayLike,
    threshold: float = 0.0,
    seed: int = 0,
) -> Comparison:
    r"""Test whether a statistic of several groups of seeds exceeds a threshold, by bootstrap.

    Args:
        statistic: takes the samples in order and returns the effect, for instance minus the
            correlation over settings of two averages over seeds.
        samples: one array a setting, seeds along the first axis, further columns kept together.
        threshold, seed: as in `compare`.

    **Error**: the p-value is the share of 9,999 resampled effects on the wrong side of the
    threshold, one added to both counts; too small at few seeds (for a mean over 8 seeds
    two standard errors above the threshold 0.016, where Student's test gives 0.043).

    Raises:
        ValueError: a sample of fewer than three seeds, or one that is not finite.
    """
    arrays = tuple(_sample(sample) for sample in samples)
    spread = _bootstrap(statistic, arrays, seed)
    low, high = np.quantile(spread, [0.025, 0.975])
    return Comparison(
        effect=float(statistic(*arrays)),
        low=float(low),
        high=float(high),
        n_seeds=min(len(array) for array in arrays),
        p_value=float((1 + np.sum(spread <= threshold)) / (1 + RESAMPLES)),
        p_against=float((1 + np.sum(spread >= threshold)) / (1 + RESAMPLES)),
    )


def holm(p_values: ArrayLike) -> Floats:
    r"""Adjust p-values for testing several claims at once (Holm 1979).

        adjusted of the i-th smallest of m = max over k <= i of min(1, (m − k + 1) p_k)

    Returns the adjusted values in the order given; rejecting those below a level keeps the
    chance of any false rejection below it.

    Raises:
        ValueError: a p-value outside [0, 1].
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"p_values must be a list of numbers in [0, 1], got {p_values!r}")
    order = np.argsort(values, kind="stable")
    steps = np.minimum(1.0, values[order] * np.arange(values.size, 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted


def verdicts(comparisons: Mapping[str, Comparison]) -> dict[str, str]:
    """Decide claims together: "reproduced", "not reproduced" or "inconclusive".

    Holm's correction runs over all claims given, once for them and once against them.
    """
    if not comparisons:
        return {}
    tests = comparisons.values()
    for_it = holm([test.p_value for test in tests])
    against = holm([test.p_against for test in tests])
    return {
        name: "reproduced" if p < LEVEL else "not reproduced" if q < LEVEL else "inconclusive"
        for name, p, q in zip(comparisons, for_it, against, strict=True)
    }


def decided(of: OnRows) -> dict[str, tuple[str, dict[str, float | int]]]:
    """Verdict of every claim on the rows of one profile, and the numbers behind it.

    A claim that is not ready is "not run", without numbers; the correction counts it.
    """
    results = {n: test() if n in of.ready else UNTESTED for n, test in of.tests.items()}
    found = verdicts(results)
    adjusted = holm([result.p_value for result in results.values()])
    return {
        name: (found[name], {**result._asdict(), "holm": float(p_value)})
        if name in of.ready
        else ("not run", {})
        for (name, result), p_value in zip(results.items(), adjusted, strict=True)
    }


def _comparison(
    effect: Callable[..., Any],
    samples: Sequence[Floats],
    seed: int,
    p_value: float,
    p_against: float,
) -> Comparison:
    """The effect on the samples with its bootstrap interval, beside p-values from elsewhere."""
    low, high = np.quantile(_bootstrap(effect, samples, seed), [0.025, 0.975])
    return Comparison(
        effect=float(effect(*samples)),
        low=float(low),
        high=float(high),
        n_seeds=min(len(sample) for sample in samples),
        p_value=float(p_value),
        p_against=float(p_against),
    )


def _sample(values: ArrayLike) -> Floats:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim == 0 or len(sample) < 3:
        raise ValueError(
            f"a sample needs at least three seeds, got shape {sample.shape}; complete the rows"
        )
    if not np.all(np.isfinite(sample)):
        raise ValueError("a sample holds values that are not finite; drop seeds that diverged")
    return sample


def _bootstrap(statistic: Callable[..., Any], samples: Sequence[Floats], seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    picks = [generator.integers(len(s), size=(RESAMPLES, len(s))) for s in samples]
    return np.array(
        [
            statistic(*(s[pick[i]] for s, pick in zip(samples, picks, strict=True)))
            for i in range(RESAMPLES)
        ],
        dtype=np.float64,
    )
