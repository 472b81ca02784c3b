"""What is declared of an empirical claim, and what its comparison decides.

A claim says that an effect is above 0 (`asks` "more") or that there is none (`asks` "same"). It
declares Δ, the smallest effect that matters, in the unit of its quantity. With two one-sided
tests:

    more    reproduced          shown above 0, not shown below Δ
            reproduced in sign  shown above 0 and below Δ: there, and too small to matter
            not reproduced      shown below Δ, not above 0
    same    reproduced          shown between -Δ and Δ
            not reproduced      shown to differ from 0, not shown between
            inconclusive        neither

"described" is a claim that no test decides (maxima over runs, pictures), "not run" one whose rows
are not there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from scipy import stats

from disentangled.comparisons import LEVEL, Comparison, holm

POWER = 0.8
"""Chance of a decision at the number of seeds that an inconclusive claim names."""

VERDICTS = (
    "reproduced", "reproduced in sign", "not reproduced", "inconclusive", "described", "not run",
)  # fmt: skip
"""All that an empirical claim can be."""

DEFAULT_MATTERS = {"score": 0.05, "nats of distortion": 1.0, "nats": 0.1, "correlation": 0.3}
"""Δ by unit, where a claim gives no reason for another: scores on [0, 1], ELBO and distortion,
total correlation and information, and rank correlations."""


class Declared(NamedTuple):
    """What a claim declares, in `statements/claims.csv`, before its rows are there.

    - quantity: what is compared, in words; unit: of it.
    - matters: Δ, in the unit.
    - family: the figure or question whose primary claims are corrected together.
    - primary: whether the claim is one of them; others are shown without a correction.
    - asks: "more", "same", or "describe" where nothing is tested.
    - published: the effect that the paper or others report, NaN where none is known; by: who.
    - marked: whether it is one of the five that the README shows.
    """

    quantity: str
    unit: str
    matters: float
    family: str
    primary: bool
    asks: str
    published: float
    by: str
    marked: bool


def declared() -> dict[str, Declared]:
    """All claims of the papers by id, in the order of the file.

    Raises:
        ValueError: a claim that asks for something else than "more", "same" and "describe".
    """
    path = Path(__file__).with_name("statements") / "claims.csv"
    table = pd.read_csv(path, keep_default_na=False, dtype=str)
    found = {}
    for row in table.to_dict("records"):
        if row["asks"] not in ("more", "same", "describe"):
            raise ValueError(f"{row['id']} asks {row['asks']!r}; choose more, same or describe")
        tested = row["asks"] != "describe"
        matters = row["matters"] or (DEFAULT_MATTERS[row["unit"]] if tested else "nan")
        found[str(row["id"])] = Declared(
            quantity=row["quantity"],
            unit=row["unit"],
            matters=float(matters),
            family=row["family"],
            primary=row["role"] == "primary",
            asks=row["asks"],
            published=float(row["published"] or "nan"),
            by=row["by"],
            marked=row["marked"] == "yes",
        )
    return found


def decided(
    results: Mapping[str, Comparison], of: Mapping[str, Declared]
) -> dict[str, tuple[str, dict[str, Any]]]:
    """The verdict of every claim that was compared, and the numbers behind it.

    Holm's correction runs over all primary claims of a family, those without rows included, once
    for "there is an effect" and once for "it is too small to matter": of either kind at most 5 %
    of families have a false one. Of one claim not both can be wrong, so that the pair needs no
    correction. Secondary claims are decided without it.

    Returns: by id the verdict, and: the comparison's numbers, matters, p_effect and p_small after
        the correction, n_family (claims that it counts), n_needed where it is inconclusive.
    """
    plain = {name: _p_values(result, of[name]) for name, result in results.items()}
    corrected = dict(plain)
    for family in {of[name].family for name in results if of[name].primary}:
        names = [n for n, claim in of.items() if claim.primary and claim.family == family]
        both = [holm([plain.get(n, (1.0, 1.0))[side] for n in names]) for side in (0, 1)]
        corrected |= {
            n: (float(effect), float(small))
            for n, effect, small in zip(names, *both, strict=True)
            if n in results
        }
    found = {}
    for name, result in results.items():
        claim = of[name]
        effect, small = corrected[name]
        verdict = verdict_of(claim.asks, effect < LEVEL, small < LEVEL)
        together = [c for c in of.values() if c.primary and c.family == claim.family]
        n_family = len(together) if claim.primary else 1
        numbers: dict[str, Any] = {
            "effect": result.effect,
            "low": result.low,
            "high": result.high,
            "n_seeds": result.n_seeds,
            "matters": claim.matters,
            "p_effect": effect,
            "p_small": small,
            "n_family": n_family,
        }
        if verdict == "inconclusive":
            numbers["n_needed"] = seeds_needed(result, claim.matters, n_family)
        found[name] = verdict, numbers
    return found


def verdict_of(asks: str, effect: bool, small: bool) -> str:
    """The verdict, of whether an effect is shown, and whether it is shown to be below Δ."""
    if asks == "same":
        return "reproduced" if small else "not reproduced" if effect else "inconclusive"
    if effect:
        return "reproduced in sign" if small else "reproduced"
    return "not reproduced" if small else "inconclusive"


def _p_values(result: Comparison, claim: Declared) -> tuple[float, float]:
    """p of "there is an effect", and of "it is too small to matter"."""
    if claim.asks == "same":
        return result.two_sided(), max(result.below_what_matters, result.above_minus_it)
    return result.above_zero, result.below_what_matters


def seeds_needed(result: Comparison, matters: float, n_family: int = 1) -> int:
    r"""Seeds a setting with which a claim would be decided, if the effect is 0 or Δ.

        n = n_seen ((z_{1 - α / m} + z_{0.8}) SE / Δ)²,   SE = (high - low) / (2 z_{0.975})

    α is 0.05 and m the number of claims that are corrected together.

    **Error**: SE is as uncertain as the seen spread, by a quarter at 8 seeds; an effect between 0
    and Δ needs more.
    """
    if not math.isfinite(result.high - result.low):
        return 0
    error = (result.high - result.low) / (2 * stats.norm.isf(LEVEL / 2))
    reach = stats.norm.isf(LEVEL / n_family) + stats.norm.ppf(POWER)
    return math.ceil(result.n_seeds * (reach * error / matters) ** 2)


def power(low: float, high: float, effect: float, n_family: int = 1) -> float:
    r"""How probable it is that a true effect of this size is shown to be above 0, with the seeds
    and spread of a comparison that gave this 95 % interval.

        Φ(effect / SE - z_{1 - α / m}),   SE = (high - low) / (2 z_{0.975})

    α is 0.05 and m the number of claims that are corrected together. 0 for an interval without
    an end.

    **Error**: as of `seeds_needed`; and Holm's correction is at most this strict, which makes the
    number too small where other claims of the family are shown.
    """
    if not math.isfinite(high - low):
        return 0.0
    if high == low:
        return float(effect > 0)
    error = (high - low) / (2 * stats.norm.isf(LEVEL / 2))
    return float(stats.norm.cdf(effect / error - stats.norm.isf(LEVEL / n_family)))
