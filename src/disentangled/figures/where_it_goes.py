"""The chapter on linear maps of codes: its figures, the numbers that its prose quotes, what it
asserts.

`mapped` holds the rows of the quantity mapped_mig, with σ of the noise in the column sigma.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from disentangled import tables
from disentangled.figures.style import COLOURS, PAGE_WIDTH, finish
from disentangled.tables import Floats
from disentangled.verdicts import DEFAULT_MATTERS

MODELS = {"vae": "VAE", "factor_vae_dlib": "FactorVAE, γ = 35"}
"""Objectives as the titles of panels name them."""

SHORT = {"vae": "VAE", "factor_vae_dlib": "FactorVAE"}
"""Objectives as tables name them."""

MAPS = {
    "as it is": "as it is",
    "unit noise": "in units of its noise",
    "independent noise": "noise made independent",
    "ICA": "ICA, no labels",
    "best rotation found": "best rotation found",
}
"""Maps of a code as rows name them, and as the figures do."""

MATTERS = DEFAULT_MATTERS["score"]
"""The smallest fall of MIG that matters."""

SIGMAS = (0.0, 0.9)
"""Correlations of the noise that are compared."""

GLUED = {"vae": "vae", "factor": "factor_vae_dlib"}
"""Objectives as the names of glued numbers begin."""


def gaps(mapped: pd.DataFrame, objective: str, sigma: float, name: str, code: str) -> Floats:
    """MIG of mapped codes by seed, (S,); name: the map; code: "mean" or "sample"."""
    chosen = mapped[
        (mapped["objective"] == objective)
        & (mapped["sigma"] == sigma)
        & (mapped["estimator"] == f"20 bins, {name}")
        & (mapped["code"] == code)
    ]
    return chosen.sort_values("seed")["value"].to_numpy(dtype=np.float64)


def n_seeds(mapped: pd.DataFrame) -> int:
    """The smallest number of seeds that an objective has at a σ."""
    return int(mapped.groupby(["objective", "sigma"])["seed"].nunique().min())


def maps(mapped: pd.DataFrame, code: str, *, profile: str) -> Figure:
    """MIG after every map, a panel an objective, a marker a σ; code: as in `gaps`."""
    figure, panels = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 2.9), sharey=True)
    looks = ((COLOURS["blue"], "o", -0.16), (COLOURS["vermilion"], "s", 0.16))
    for axes, (objective, title) in zip(panels, MODELS.items(), strict=True):
        for sigma, (colour, marker, aside) in zip(SIGMAS, looks, strict=True):
            values = [gaps(mapped, objective, sigma, name, code) for name in MAPS]
            places = np.arange(len(MAPS)) + aside
            look: dict[str, Any] = {"color": colour, "alpha": 0.4, "ms": 3}
            for place, points in zip(places, values, strict=True):
                axes.plot(points, np.full(len(points), place), marker, **look)
            axes.errorbar(
                [points.mean() for points in values],
                places + 0.08,
                xerr=[tables.interval(points) for points in values],
                label=f"σ = {sigma:g}",
                fmt=marker,
                ms=6,
                capsize=3,
                color=colour,
            )
        axes.set(title=title, xlabel="MIG (library)")
    panels[0].set_yticks(range(len(MAPS)), MAPS.values())
    panels[0].invert_yaxis()
    panels[0].legend()
    bars = "points: seeds; bars: 90 % interval of the mean (Student)"
    return finish(figure, profile, tables.source(mapped), seeds=n_seeds(mapped), bars=bars)


def of_means(mapped: pd.DataFrame) -> dict[str, float]:
    """Numbers of the page: mean MIG of the posteriors' means, by objective, map and 10 σ."""
    kinds = {
        "plain": "as it is",
        "undone": "independent noise",
        "ica": "ICA",
        "best": "best rotation found",
    }
    return {
        f"{short}_{kind}_{_tenths(sigma)}": _middle(mapped, objective, sigma, name, "mean")
        for short, objective in GLUED.items()
        for kind, name in kinds.items()
        for sigma in SIGMAS
    }


def of_samples(mapped: pd.DataFrame) -> dict[str, float]:
    """Numbers of the page: mean MIG of sampled codes, by objective, map and 10 σ."""
    wanted = (("vae", "ica", "ICA"), ("factor", "ica", "ICA"), ("vae", "plain", "as it is"))
    return {
        f"{short}_{kind}_sample_{_tenths(sigma)}": _middle(
            mapped, GLUED[short], sigma, name, "sample"
        )
        for short, kind, name in wanted
        for sigma in SIGMAS
    }


def answer(mapped: pd.DataFrame, tests: pd.DataFrame) -> str:
    """The answer to the page's question: the VAE's MIG along its axes and after a rotation.

    tests: by code, model and map, with the corrected p; empty under the smoke profile.
    """
    plain = [_middle(mapped, "vae", sigma, "as it is", "mean") for sigma in SIGMAS]
    turned = _middle(mapped, "vae", SIGMAS[1], "best rotation found", "mean")
    sure = ""
    if len(tests):
        p = float(tests["p"].to_dict()["mean", "VAE", "as it is"])
        sure = ", a certain change" if p < 0.05 else ", no change that these seeds can show"
    return (
        f"Not the information but the directions: the VAE's MIG along its axes is {plain[0]:.2f}"
        f" with independent and {plain[1]:.2f} with correlated noise{sure}, and one rotation of"
        f" the second code takes it to {turned:.2f}."
    )


def of_information(middles: pd.DataFrame) -> dict[str, float]:
    """Numbers of the page in nats: what the VAE's axes tell in sum beyond the whole, and TCs.

    Args:
        middles: by objective and σ, medians over seeds of axis_info, mutual_info,
            conditional_tc and total_corr.
    """
    lines = middles.to_dict("index")
    low, high = (lines["vae", sigma] for sigma in SIGMAS)
    return {
        "surplus_0": low["axis_info"] - low["mutual_info"],
        "surplus_9": high["axis_info"] - high["mutual_info"],
        "c_9": high["conditional_tc"],
        "tc_0": low["total_corr"],
        "tc_9": high["total_corr"],
    }


def of_probes(probes: pd.DataFrame) -> dict[str, float]:
    """Numbers of the page: the largest mean R² of the orientation, by any probe and code; and
    that of least squares on the means, mean over both positions, by objective and 10 σ.

    Args: probes: rows of the quantity probe_r2, with sigma.
    """
    by = ["objective", "estimator", "code", "sigma", "factors"]
    told = probes.groupby(by)["value"].mean()
    found = {"round_most": float(told.xs("orientation", level="factors").max())}
    for short, objective in GLUED.items():
        for sigma in SIGMAS:
            of_it = told.loc[objective, "least squares", "mean", sigma]
            positions = of_it[["position_x", "position_y"]]
            found[f"{short}_told_{_tenths(sigma)}"] = float(positions.mean())
    return found


def of_orientation(rows: pd.DataFrame) -> dict[str, float]:
    """Numbers of the page: what the runs' codes tell of the orientation.

    Args: rows: of the experiment, with sigma.

    Returns: turn_low and turn_high, the extremes over runs and codes of the neighbours' R²;
        turn_nats and turn_nats_most, the median and the largest over runs of the information
        of the axis that tells the most. NaN without rows.
    """
    told = rows[(rows["factors"] == "orientation") & rows["sigma"].isin(SIGMAS)]
    is_probe = (told["quantity"] == "probe_r2") & (told["estimator"] == "10 neighbours")
    r2 = told.loc[is_probe, "value"]
    nats = told.loc[told["quantity"] == "best_mutual_info", "value"]
    return {
        "turn_low": float(r2.min()),
        "turn_high": float(r2.max()),
        "turn_nats": float(nats.median()),
        "turn_nats_most": float(nats.max()),
    }


def assert_orientation_is_not_told(rows: pd.DataFrame) -> None:
    """Assert that in no run neighbours explain any of the orientation's variance.

    Raises:
        AssertionError: in one they do.
    """
    highest = of_orientation(rows)["turn_high"]
    assert highest < 0, f"neighbours explain {highest:.3f} of the orientation's variance"


def assert_one_difference_is_certain(tests: pd.DataFrame) -> None:
    """Assert that of the table of tests only FactorVAE's sampled codes under ICA differ.

    Args: tests: by code, model and map, with the corrected p.

    Raises:
        AssertionError: others are certain, or this one is not.
    """
    certain = tests.index[tests["p"] < 0.05].tolist()
    assert certain == [("sample", "FactorVAE", "ICA")], f"certain differences: {certain}"


def assert_noise_spares_the_best_rotation(mapped: pd.DataFrame) -> None:
    """Assert that the rotated means of the VAE with correlated noise have the highest mean MIG.

    Raises:
        AssertionError: those of another objective or σ have.
    """
    best = "best rotation found"
    turned = {(m, s): _middle(mapped, m, s, best, "mean") for m in MODELS for s in SIGMAS}
    first = max(turned, key=lambda setting: turned[setting])
    assert turned["vae", 0.9] == turned[first], f"after the best rotation {first} is highest"


def _middle(mapped: pd.DataFrame, objective: str, sigma: float, name: str, code: str) -> float:
    return float(gaps(mapped, objective, sigma, name, code).mean())


def _tenths(sigma: float) -> int:
    return int(10 * sigma)
