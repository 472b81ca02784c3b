"""Figures of noise_and_gap: models trained with correlated noise, and numbers that are quoted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from disentangled import tables
from disentangled.comparisons import compare
from disentangled.experiments import dlib_study
from disentangled.figures import over_seeds
from disentangled.figures.style import COLOURS, PAGE_WIDTH
from disentangled.records import Record
from disentangled.tables import Floats
from disentangled.verdicts import DEFAULT_MATTERS

TRAINED = {"vae": "VAE", "factor_vae_dlib": "FactorVAE, γ = 35"}
"""The objectives that were trained, as titles name them."""


MATTERS = DEFAULT_MATTERS["score"]
"""The smallest change of MIG that matters."""


def scores(trained: pd.DataFrame, objective: str, sigma: float) -> Floats:
    """The library's MIG of a setting's finished runs, by seed (S,)."""
    chosen = trained[(trained["objective"] == objective) & (trained["sigma"] == sigma)]
    return chosen.sort_values("seed")["mig_with_shape"].to_numpy(dtype=np.float64)


def training_numbers(sizes: dlib_study.Profile, n_images: int) -> dict[str, Any]:
    """What the prose quotes of the training: steps, batch, size, rate and images."""
    return {
        "trained_steps": f"{sizes.steps['correlated_noise']:,}",
        "trained_batch": sizes.batch,
        "trained_size": sizes.size,
        "trained_rate": sizes.learning_rate,
        "trained_images": f"{n_images:,}",
    }


def violins(trained: pd.DataFrame, *, profile: str) -> Figure:
    """MIG of the trained models with independent noise and with a correlation of 0.9."""

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, _: str) -> None:
        for axes, (objective, title) in zip(row, TRAINED.items(), strict=True):
            groups = {
                f"σ = {sigma:g}": (scores(of_it, objective, sigma), COLOURS[shade])
                for sigma, shade in ((0.0, "blue"), (0.9, "vermilion"))
            }
            over_seeds.violins(groups, "MIG (library, all factors)", axes)
            axes.set_title(title)
        row[1].set_ylabel("")

    bars = "violins: density, median, quartiles, adjacent values"
    return over_seeds.panels(trained, profile, draw, (PAGE_WIDTH, 2.9), bars=bars, columns=2)


def over_sigma(trained: pd.DataFrame, *, profile: str) -> Figure:
    """MIG of the trained models over the correlation of their noise."""

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, _: str) -> None:
        _draw_over_sigma(row[0], of_it)
        row[0].set_ylabel("MIG (library, all factors)")

    return over_seeds.panels(trained, profile, draw, (PAGE_WIDTH, 3.2), bars=over_seeds.BARS)


def median_scores(trained: pd.DataFrame) -> dict[str, float]:
    """Median MIG at both ends: vae_0, vae_9, factor_0, factor_9."""
    return {
        f"{name}_{int(10 * sigma)}": float(np.median(scores(trained, objective, sigma)))
        for name, objective in zip(("vae", "factor"), TRAINED, strict=True)
        for sigma in (0.0, 0.9)
    }


def assert_no_change_can_be_told(trained: pd.DataFrame) -> None:
    """The interval of the change of MIG from independent noise to 0.9 has zero inside.

    Raises:
        AssertionError: it has not, for one of the objectives.
    """
    for objective, title in TRAINED.items():
        ends = [scores(trained, objective, sigma) for sigma in (0.0, 0.9)]
        change = compare(*ends, matters=MATTERS)
        assert change.low < 0 < change.high, f"{title} changes: {change}"


def answer(decided: Sequence[Record]) -> str:
    """What becomes of trained codes, from the verdicts on Yang et al.'s Figure 2."""
    found = {record.id: over_seeds.in_words(_changed(record)) for record in decided}
    return (
        f"In trained models a noise correlation of 0.9 typically changes the MIG of the VAE by"
        f" {found['A-fig2-vae']}, that of FactorVAE by {found['A-fig2-factor-vae']}."
    )


def _changed(fall: Record) -> Record:
    """The claim on a fall as one on a change, which has the other sign."""
    if "low" not in fall.facts:
        return fall
    low, effect, high = (-float(fall.facts[key]) for key in ("high", "effect", "low"))
    return Record(fall.id, fall.verdict, fall.facts | {"low": low, "effect": effect, "high": high})


def blind_numbers(trained: pd.DataFrame, blind: float) -> dict[str, str | float]:
    """What the prose quotes of FactorVAE's runs that one picture for all images would beat.

    Args:
        trained: runs as of `tables.settled`.
        blind: distortion of that picture in nats.

    Returns:
        the numbers by name; blind_runs says how many end above it at each correlation, and
        largest_kl is in nats.
    """
    factor = trained[trained["objective"] == "factor_vae_dlib"]
    above = (factor["distortion"] > blind).groupby(factor["sigma"])
    counts = [f"{int(one.sum())} of {len(one)} at σ = {sigma:g}" for sigma, one in above]
    return {
        "blind": blind,
        "blind_runs": ", ".join(counts),
        "largest_kl": f"{factor['kl'].max():,.0f}",
    }


def _draw_over_sigma(axes: Axes, trained: pd.DataFrame) -> None:
    """Means with intervals of each objective, and every run as a point."""
    # side by side, not on top of each other
    looks = (("blue", -0.008, "o-"), ("vermilion", 0.008, "s--"))
    for (objective, title), (shade, aside, line) in zip(TRAINED.items(), looks, strict=True):
        sigmas = sorted(trained.loc[trained["objective"] == objective, "sigma"].unique())
        if not sigmas:
            continue
        values = [scores(trained, objective, one) for one in sigmas]
        places, colour = [one + aside for one in sigmas], COLOURS[shade]
        for place, points in zip(places, values, strict=True):
            axes.plot(np.full(len(points), place), points, line[0], ms=2, color=colour, alpha=0.35)
        middles, bars = [points.mean() for points in values], list(map(tables.interval, values))
        axes.errorbar(places, middles, bars, fmt=line, ms=4, capsize=2, color=colour, label=title)
    axes.set(xlabel=r"$\sigma$", xlim=(-0.04, 0.98), ylim=(0, None))
    axes.legend(loc="upper right")
