"""Numbers that the chapter on correlated noise quotes, their checks, and its searches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor

from disentangled import gaussian, information
from disentangled.arrays import entry


class Code(Protocol):
    """An optimal linear code, of which its loss in nats and its angle in degrees are quoted."""

    @property
    def loss(self) -> float: ...
    @property
    def angle(self) -> float: ...


@entry
def shared_kl(means: Iterable[Tensor], sd: Tensor) -> float:
    """The KL term, one axis at a time in nats, that codes with these means' covariances share.

    Raises:
        AssertionError: they do not share it.
    """
    apart = float(gaussian.kl_standard(torch.zeros(len(sd)), 2 * sd.log()).sum())
    values = [float(apart + covariance.trace() / 2) for covariance in means]
    assert max(values) - min(values) < 1e-12, f"the KL terms differ: {values}"
    return max(values)


def hidden_total_correlation(noises: Sequence[float], known: Sequence[float]) -> float:
    """The least total correlation of noises whose axes tell nothing of each other in the code.

    Args:
        noises: total correlation of each noise in nats.
        known: the most that an axis of its code tells of the others, given the image, in nats.

    Raises:
        AssertionError: a noise without a total correlation, or one that shows.
    """
    assert min(noises) > 0.5, f"the noises are nearly independent: {noises}"
    assert max(known) < 1e-12, f"the noise shows in the code: {known}"
    return min(noises)


@entry
def assert_all_is_in_the_signs(cloud: Tensor, signs: Tensor) -> None:
    """The signs of the draws (n, 3) follow this table (2, 2, 2), index 1 for a negative sign:
    its pairs are independent, its three axes share log 2 nats.

    Raises:
        AssertionError: they do not.
    """
    pairs = [information.total_correlation(signs, pair) for pair in combinations(range(3), 2)]
    assert max(pairs) < 1e-12, f"pairs of signs depend on each other: {pairs}"
    whole = information.total_correlation(signs, range(3))
    assert abs(whole - math.log(2)) < 1e-12, f"the signs share {whole} nats, not log 2"
    counts = torch.zeros(2, 2, 2)
    counts.index_put_(tuple((cloud < 0).long().T), torch.ones(len(cloud)), accumulate=True)
    assert (counts[signs == 0] == 0).all(), "draws in octants that have no chance"


def against_numbers(terms: pd.DataFrame, means: Tensor) -> dict[str, str | float]:
    """What the prose quotes of the code whose means go against the noise.

    Args:
        terms: a line a code, columns I(z; x), Σ I(z_j; x), c, TC(z).
        means: covariance of that code's means (D, D).

    Returns:
        the numbers by name; tc_against bounds its total correlation, more_against is in nats by
        which the code knows more than its axes, mean_correlation that of its means.

    Raises:
        AssertionError: the terms of a code do not add up.
    """
    gap = terms["I(z; x)"] - terms["Σ I(z_j; x)"] - terms["c"] + terms["TC(z)"]
    assert gap.abs().max() < 1e-9, f"the terms do not add up: off by {gap.tolist()}"
    code = terms.T["means against the noise"]
    return {
        "tc_against": within_rounding(abs(code["TC(z)"])),
        "more_against": float(code["I(z; x)"] - code["Σ I(z_j; x)"]),
        "mean_correlation": float(means[0, 1] / means[0, 0]),
    }


def within_rounding(value: float) -> str:
    """A difference that should be zero, as the prose says it: "less than 1e-12", or how large."""
    return "less than 1e-12" if value < 1e-12 else f"{value:.1e}"


def round_bound(value: float) -> str:
    """The power of ten, from 0.000001 on, that a value does not exceed."""
    return f"{10.0 ** math.ceil(math.log10(max(value, 1e-6))):.6f}".rstrip("0")


@entry
def best_of_searches(
    loss: Callable[[Tensor, Tensor], Tensor], n_axes: int, n_starts: int
) -> tuple[float, Tensor, Tensor]:
    """Where the best of some searches for the least loss ends, from random linear encoders.

    Args:
        loss: of an encoder (D, D) and log-standard deviations (D,); differentiable.
        n_starts: how many searches, seeds 0, 1, ...

    Returns:
        The least loss, its encoder and its log-standard deviations.
    """
    ends = [_search(loss, n_axes, seed) for seed in range(n_starts)]
    return min(ends, key=lambda end: end[0])


def search_numbers(
    found: Sequence[tuple[float, Tensor]], derived: Sequence[tuple[float, Tensor]]
) -> dict[str, str]:
    """How far searches end from the theorem at most, as round bounds.

    Args:
        found: loss and readings (2, 2) at each setting; the axes may be in any order.
        derived: the same of the theorem.

    Returns:
        loss_gap, reading_gap, in nats.
    """
    loss_gap = reading_gap = 0.0
    for (lowest, read), (loss, told) in zip(found, derived, strict=True):
        loss_gap = max(loss_gap, abs(lowest - loss))
        gaps = [float((told - x).abs().max()) for x in (read, read.flip(0))]
        reading_gap = max(reading_gap, min(gaps))
    return {"loss_gap": round_bound(loss_gap), "reading_gap": round_bound(reading_gap)}


def turn_numbers(
    codes: Mapping[float, Code], constants: Mapping[float, float], variances: Sequence[float]
) -> dict[str, float]:
    """What the prose quotes of the optimal linear codes at β = 1.

    Args:
        codes: by correlation: 0, 0.3 and 0.9.
        constants: c in nats by correlation.
        variances: of the two components, the larger first.

    Returns:
        the numbers by name; weak_angle in degrees at 0.3, exact_more and kept_less by how much
        the exact loss at 0.9 is above that at 0 and the kept one below, pair_c is c at 0.9,
        full_turn from which correlation on the turn is 45°, ratio is κ at 0.9, and last_kept up
        to which β a component is kept there.

    Raises:
        AssertionError: a turn of other than 45° at 0.9, or one at 0.3 that is not free.
    """
    plain, weak, strong = codes[0.0], codes[0.3], codes[0.9]
    assert abs(strong.angle - 45) < 1e-9, f"at 0.9 the code is turned by {strong.angle}°"
    price = weak.loss + constants[0.3] - plain.loss
    assert abs(price) < 1e-9, f"the turn at 0.3 costs {price} nats"
    first, second = variances
    return {
        "weak_angle": weak.angle,
        "exact_more": strong.loss + constants[0.9] - plain.loss,
        "kept_less": plain.loss - strong.loss,
        "pair_c": constants[0.9],
        "full_turn": (first - second) / (first + second),
        "ratio": (1 + 0.9) / (1 - 0.9),
        "last_kept": first / (1 - 0.9),
    }


def assert_gaps_shrink(gaps: pd.DataFrame) -> None:
    """Every gap between axes is smaller than that of independent noise, the first line.

    Raises:
        AssertionError: one is not.
    """
    smaller = (gaps.iloc[1:] < gaps.iloc[0]).all(axis=None)
    assert smaller, f"a gap does not shrink under correlated noise:\n{gaps}"


def _search(
    loss: Callable[[Tensor, Tensor], Tensor], n_axes: int, seed: int
) -> tuple[float, Tensor, Tensor]:
    start = torch.randn(n_axes + 1, n_axes, generator=torch.Generator().manual_seed(seed))
    free = (start.double() / 2).requires_grad_()
    solver = torch.optim.LBFGS(
        [free],
        max_iter=300,
        tolerance_grad=1e-8,
        tolerance_change=1e-13,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Any:
        solver.zero_grad()
        value = loss(free[:-1], free[-1])
        value.backward()
        return value

    solver.step(closure)
    found = free.detach()
    return float(closure().detach()), found[:-1], found[-1]
