"""Effects of training runs with their intervals, and one-sided tests that hold at few seeds.

Every test answers four one-sided questions about an effect: is it above 0, below 0, below the
smallest effect that matters, above minus that? `verdicts` decides by them. Runs of one setting
differ by their seed alone, and are the samples. All tests keep their level from 8 seeds on, for
normal, heavy-tailed and skewed samples of equal and of unequal spread; tests/test_comparisons.py
shows it by simulation.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from disentangled.arrays import numbers, real, several

LEVEL = 0.05
"""Of the tests; the intervals have a coverage of 1 - LEVEL."""

FEWEST = 4
"""Seeds below which no test can reach the level on either side."""

TRIMMED = 0.2
"""Share of the seeds that a trimmed mean leaves out at either end."""

Floats = NDArray[np.float64]
Panel = tuple[ArrayLike, ArrayLike]


class Comparison(NamedTuple):
    """An effect of training, in the unit of the compared quantity.

    low and high bound its 95 % interval; n_seeds is the smallest sample's size. The four p-values
    are one-sided: small where the effect is shown to be above 0, below 0, below the smallest
    effect that matters (`below_what_matters`), and above minus that (`above_minus_it`).
    """

    effect: float
    low: float
    high: float
    n_seeds: int
    above_zero: float
    below_zero: float
    below_what_matters: float
    above_minus_it: float

    def two_sided(self) -> float:
        """The p-value of "there is no effect" against either side."""
        return min(1.0, 2 * min(self.above_zero, self.below_zero))


def compare(treated: ArrayLike, control: ArrayLike, *, matters: float) -> Comparison:
    r"""How much higher a run of one setting scores than a run of another, typically.

        effect = median over all pairs of (treated_i - control_j)          (Hodges & Lehmann)

    The tests are those of Brunner and Munzel of "treated - shift tends to be above control", at
    the shifts 0 and ± `matters`; the interval holds the shifts that they do not reject. They ask
    for no common shape or spread of the two samples.

    Args:
        treated, control: one value a seed, (S,) and (S',); the seeds are not paired.
        matters: the smallest effect that matters, above 0, in the values' unit.

    **Error**: at 8 seeds a side the tests at the level of 0.05 err in 4 to 5 of 100, at 0.0125 in
    1.2 to 1.6, and the interval covers 94.6 to 95.5 %. A p-value is never below one over the
    number of ways to split the runs in two groups.

    Raises:
        ValueError: a sample of fewer than four seeds, or one that is not finite.

    Source: Brunner and Munzel 2000; Hodges and Lehmann 1963.
    """
    return compare_panels([(treated, control)], matters=matters)


def compare_panels(panels: Sequence[Panel], *, matters: float) -> Comparison:
    r"""`compare` of several panels that ask one question, pooled: one shift for all of them.

        T(shift) = Σ_k (p_k - 1/2) / sqrt(Σ_k v_k),   p_k = P(treated - shift > control) in panel k

    p_k counts ties as half, and v_k is Brunner and Munzel's variance of it; T is compared with
    Student's t, for one panel at min(S, S') - 1 degrees of freedom, fewer than theirs, which keeps
    the level in the tail that Holm's correction reads; for several by Satterthwaite's formula.
    Samples of different panels are never compared with each other. The effect is the shift at
    which the p_k are 1/2 on average.

    Args:
        panels: pairs of samples (treated, control), each as in `compare`.
        matters: as in `compare`.

    Raises:
        ValueError: as `compare`, or no panel.
    """
    pairs = [several(pair, "a panel") for pair in several(panels, "panels")]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"a panel is a pair of samples (treated, control), got {panels!r}")
    samples = [(_sample(one), _sample(other)) for one, other in pairs]
    if not samples:
        raise ValueError("expected at least one panel of runs, got none")

    def above(shift: float) -> float:
        return float(above_by_ranks(samples, shift))

    steps = np.unique(np.concatenate([np.subtract.outer(x, y).ravel() for x, y in samples]))

    def off(shift: float) -> float:
        return float(_rank_statistic(samples, shift)[0])

    # the share is a half where the sign turns, at one step or on the stretch between two
    turns = (_first(steps, lambda at: off(at) > 0), _first(steps, lambda at: off(at) >= 0))
    return _by_shifts(
        above,
        steps,
        effect=float(np.mean([steps[at - 1] for at in turns])),
        n_seeds=min(min(len(x), len(y)) for x, y in samples),
        matters=matters,
    )


def compare_paired(treated: ArrayLike, control: ArrayLike, *, matters: float) -> Comparison:
    r"""`compare` of runs that share their seeds, hence first weights and batches, one by one.

        effect = median over pairs i <= j of (d_i + d_j) / 2,   d = treated - control

    with Wilcoxon's signed-rank test of d - shift. For a claim that was declared paired before its
    rows were there, and nets that are the same.

    Args:
        treated, control: (S,), in the same order of seeds.
        matters: as in `compare`.

    **Error**: exact where the differences are symmetric about their middle; where one of two
    lognormal samples has three times the other's spread, the level of 0.05 is 0.06.

    Raises:
        ValueError: as `compare`, fewer than six seeds, or samples of different length.

    Source: Wilcoxon 1945; Hodges and Lehmann 1963.
    """
    one, other = _sample(treated), _sample(control)
    if len(one) != len(other) or len(one) < 6:
        raise ValueError(
            f"a paired test needs the same seeds on both sides, and six of them, got {len(one)} "
            f"and {len(other)}; leave out the seeds that one side lacks, or compare unpaired"
        )
    d = one - other

    def above(shift: float) -> float:
        return float(above_by_signed_ranks(d, shift))

    i, j = np.triu_indices(len(d))
    averages = np.unique((d[i] + d[j]) / 2)
    effect = float(np.median((d[i] + d[j]) / 2))
    return _by_shifts(above, averages, effect=effect, n_seeds=len(d), matters=matters)


def compare_curves(
    effect: Callable[[Floats], float], settings: Sequence[ArrayLike], *, matters: float
) -> Comparison:
    r"""How much one curve over settings lies above another, or any smooth effect of many settings.

        effect(m),   m (K, C): of every setting the means of its columns, trimmed by 20 % a side
        SE² = Σ_k g_k V_k g_kᵀ,   g = d effect / d m,   V_k: winsorised covariance of the mean

    compared with Student's t at Satterthwaite's degrees of freedom (Yuen's test, and the delta
    method). The columns of a seed are kept together: a run has an abscissa and an ordinate.

    Args:
        effect: takes the points (K, C) in the order of `settings`.
        settings: (S, C) each, seeds along the first axis; one that both curves share is given
            once. Four or more settings a curve: with fewer, skewed samples pass the level.
        matters: as in `compare`.

    **Error**: trimmed means of skewed samples are not their means. The interval is that of a
    straight line through the effect at m: exact as S grows.

    Raises:
        ValueError: as `compare`.

    Source: Yuen 1974; Efron 1982 for the delta method.
    """
    samples = [_sample(table) for table in settings]
    points, covariances, freedoms = zip(*(_trimmed(table) for table in samples), strict=True)
    middle = np.stack(points)
    spread = np.sqrt(np.stack([np.diag(c) for c in covariances]))  # (K, C)
    slope = np.zeros_like(middle)
    for at in np.ndindex(*middle.shape):
        step = np.zeros_like(middle)
        step[at] = max(spread[at] / 4, 1e-9)
        slope[at] = (effect(middle + step) - effect(middle - step)) / (2 * step[at])
    parts = np.array([g @ c @ g for g, c in zip(slope, covariances, strict=True)])
    error = float(np.sqrt(parts.sum()))
    freedom = float(parts.sum() ** 2 / np.sum(parts**2 / np.array(freedoms))) if error else 1.0
    return _by_t(float(effect(middle)), error, freedom, min(map(len, samples)), matters)


def correlate(panels: Sequence[ArrayLike], *, matters: float) -> Comparison:
    r"""The rank correlation of two scores over runs, of several panels together.

        effect = tanh(Σ_k w_k atanh ρ_k / Σ_k w_k),   1 / w_k = (1 + ρ_k² / 2) / (n_k - 3)

    ρ_k is Spearman's of the runs of panel k. A claim of a negative correlation gives one of the
    columns negated.

    Args:
        panels: (n, 2) each, one line a run; n_seeds of the result counts runs.
        matters: as in `compare`; a correlation.

    **Error**: Bonett and Wright's interval covers 93 to 96 % from ten runs on.

    Raises:
        ValueError: as `compare`, or no panel.

    Source: Bonett and Wright 2000.
    """
    middle, error, n_runs = _fisher(panels)

    def above(threshold: float) -> float:
        return float(stats.norm.sf((middle - math.atanh(threshold)) / error))

    reach = float(stats.norm.isf(LEVEL / 2)) * error
    return _four(
        above, math.tanh(middle), math.tanh(middle - reach), math.tanh(middle + reach), n_runs,
        matters,
    )  # fmt: skip


def compare_correlations(
    one: Sequence[ArrayLike], other: Sequence[ArrayLike], *, matters: float
) -> Comparison:
    r"""How much higher one rank correlation is than another, of other runs.

        effect = ρ - ρ',   bounds: effect ∓ sqrt((ρ - l)² + (u' - ρ')²), and the same turned round

    l and u bound `correlate`'s interval of each (Zou's method of the variance recovered).

    Args: one, other: panels as in `correlate`; matters: as there.

    Raises:
        ValueError: as `correlate`.

    Source: Zou 2007.
    """
    (z, error, n_runs), (z_other, error_other, n_other) = _fisher(one), _fisher(other)
    effect = math.tanh(z) - math.tanh(z_other)

    def low(width: float) -> float:
        """The lower bound at so many standard errors; negative widths give the upper one."""
        left = math.tanh(z) - math.tanh(z - width * error)
        right = math.tanh(z_other + width * error_other) - math.tanh(z_other)
        return effect - math.copysign(math.hypot(left, right), width)

    def above(threshold: float) -> float:
        if not low(12.0) < threshold < low(-12.0):
            return 0.0 if threshold < effect else 1.0
        return float(stats.norm.sf(optimize.brentq(lambda w: low(w) - threshold, -12.0, 12.0)))

    reach = float(stats.norm.isf(LEVEL / 2))
    return _four(above, effect, low(reach), low(-reach), min(n_runs, n_other), matters)


def above_by_ranks(samples: Sequence[tuple[Floats, Floats]], shift: float) -> Floats:
    """The p-value of "the shift of `compare_panels` is above this one".

    Args: samples: of every panel treated (..., S) and control (..., S'); leading axes are other
        data, tested one by one. Returns: (...).
    """
    floor = 1 / math.prod(math.comb(x.shape[-1] + y.shape[-1], x.shape[-1]) for x, y in samples)
    statistic, freedom = _rank_statistic(samples, shift)
    return np.clip(stats.t.sf(statistic, freedom), floor, 1 - floor)


def above_by_signed_ranks(d: Floats, shift: float) -> Floats:
    """The p-value of "the middle of the differences d (..., S) is above this": (...)."""
    p_value: Floats = np.asarray(stats.wilcoxon(d - shift, alternative="greater", axis=-1).pvalue)
    return p_value


def _rank_statistic(
    samples: Sequence[tuple[Floats, Floats]], shift: float
) -> tuple[Floats, Floats]:
    """T of `compare_panels` at a shift, and its degrees of freedom."""
    off = variance = parts = np.zeros(samples[0][0].shape[:-1])
    for x, y in samples:
        n, m = x.shape[-1], y.shape[-1]
        ranks = stats.rankdata(np.concatenate([x - shift, y], -1), axis=-1)
        # of every run the share of the other sample that lies below it
        ours = (ranks[..., :n] - stats.rankdata(x - shift, axis=-1)) / m
        theirs = (ranks[..., n:] - stats.rankdata(y, axis=-1)) / n
        off = off + ours.mean(-1) - 0.5
        part = ours.var(-1, ddof=1) / n + theirs.var(-1, ddof=1) / m
        variance = variance + part
        parts = parts + part**2 / (min(n, m) - 1)
    # without any spread all of one sample lies above the other, or all are ties
    certain = np.where(off == 0, 0.0, np.copysign(np.inf, off))
    spread = variance > 0
    ratio = np.divide(off, np.sqrt(variance), out=certain, where=spread)
    return ratio, np.divide(variance**2, parts, out=np.ones_like(parts), where=spread)


def _by_shifts(
    above: Callable[[float], float],
    steps: Floats,
    *,
    effect: float,
    n_seeds: int,
    matters: float,
) -> Comparison:
    """The comparison of a test that changes only where the shift passes one of the steps.

    above: the p-value of "the effect is above the shift", which grows with the shift.
    """
    edges = [-math.inf, *map(float, steps), math.inf]
    low = _first(steps, lambda shift: above(shift) < LEVEL / 2)
    high = _first(steps, lambda shift: 1 - above(shift) >= LEVEL / 2)
    return _four(above, effect, edges[low], edges[high], n_seeds, matters)


def _first(steps: Floats, passes: Callable[[float], bool]) -> int:
    """The first stretch that does not pass, of those before, between and after the steps.

    passes: true on some first stretches and false on all others.
    """
    inside = (steps[:-1] + steps[1:]) / 2
    stretches = [steps[0] - 1.0, *inside, steps[-1] + 1.0]  # stretch i ends at step i
    return bisect.bisect_left(stretches, True, key=lambda at: not passes(float(at)))


def _by_t(effect: float, error: float, freedom: float, n_seeds: int, matters: float) -> Comparison:
    """The comparison of an effect with a standard error."""
    if error == 0:
        return _four(lambda at: 0.5 + 0.5 * np.sign(at - effect), effect, effect, effect, n_seeds,
                     matters)  # fmt: skip
    reach = float(stats.t.isf(LEVEL / 2, freedom)) * error

    def above(threshold: float) -> float:
        return float(stats.t.sf((effect - threshold) / error, freedom))

    return _four(above, effect, effect - reach, effect + reach, n_seeds, matters)


def _four(
    above: Callable[[float], float],
    effect: float,
    low: float,
    high: float,
    n_seeds: int,
    matters: float,
) -> Comparison:
    """The four questions asked of a test of "the effect is above a threshold"."""
    matters = real(matters, "the smallest effect that matters")
    if matters <= 0:
        raise ValueError(
            f"the smallest effect that matters must be a number above 0, got {matters}; declare "
            "it in the unit of the compared quantity"
        )
    at_zero = above(0.0)
    return Comparison(
        effect=effect,
        low=low,
        high=high,
        n_seeds=n_seeds,
        above_zero=at_zero,
        below_zero=1 - at_zero,
        below_what_matters=1 - above(matters),
        above_minus_it=above(-matters),
    )


def _fisher(panels: Sequence[ArrayLike]) -> tuple[float, float, int]:
    """Pooled atanh of Spearman's correlations, its standard error, and the fewest runs."""
    tables = [_sample(panel) for panel in several(panels, "panels")]
    if not tables:
        raise ValueError("expected at least one panel of runs, got none")
    found = []
    for table in tables:
        if np.any(np.ptp(table, axis=0) == 0):
            raise ValueError("a score is the same in all runs of a panel: no correlation")
        rho = float(stats.spearmanr(table[:, 0], table[:, 1]).statistic)
        rho = float(np.clip(rho, -1 + 1e-9, 1 - 1e-9))  # atanh stays finite
        found.append((math.atanh(rho), (len(table) - 3) / (1 + rho**2 / 2)))
    total = sum(weight for _, weight in found)
    middle = sum(z * weight for z, weight in found) / total
    return middle, 1 / math.sqrt(total), min(map(len, tables))


def _trimmed(table: Floats) -> tuple[Floats, Floats, int]:
    """Trimmed means (C,) of a setting's columns, their covariance (C, C), degrees of freedom."""
    columns = table.reshape(len(table), -1)
    n = len(columns)
    out = int(TRIMMED * n)
    ordered = np.sort(columns, axis=0)
    inner = n - 2 * out
    held = np.clip(columns, ordered[out], ordered[n - 1 - out])
    covariance = np.atleast_2d(np.cov(held, rowvar=False)) * (n - 1) / (inner * (inner - 1))
    return ordered[out : n - out].mean(axis=0), covariance, inner - 1


def _sample(values: ArrayLike) -> Floats:
    sample = np.asarray(numbers(values, "a sample"), dtype=np.float64)
    if sample.ndim == 0 or len(sample) < FEWEST:
        raise ValueError(
            f"a sample needs at least four seeds, got shape {sample.shape}; complete the rows"
        )
    if not np.all(np.isfinite(sample)):
        raise ValueError("a sample holds values that are not finite; drop seeds that diverged")
    return sample


def holm(p_values: ArrayLike) -> Floats:
    r"""Adjust p-values for testing several claims at once (Holm 1979).

        adjusted of the i-th smallest of m = max over k <= i of min(1, (m - k + 1) p_k)

    Returns the adjusted values in the order given; rejecting those below a level keeps the
    chance of any false rejection below it.

    Raises:
        ValueError: a p-value outside [0, 1].
    """
    values = np.asarray(numbers(p_values, "p_values"), dtype=np.float64)
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"p_values must be a list of numbers in [0, 1], got {p_values!r}")
    order = np.argsort(values, kind="stable")
    steps = np.minimum(1.0, values[order] * np.arange(values.size, 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted
