"""The chapter on β-TCVAE: its figures, the numbers that its prose quotes, what its prose asserts.

The tables of runs are those of `tables.per_run`, and of `tables.settled` where not said otherwise.
Objectives are compared at one weight each, `weights`: objective -> its β or γ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ipywidgets import VBox
from matplotlib.figure import Figure

from disentangled import claims, scoring, tables
from disentangled.figures import over_seeds, portraits
from disentangled.figures.sliders import two_sliders
from disentangled.records import Record
from disentangled.runs import Run

MIG = "MIG (Chen et al., four factors)"

TRAVERSED = {"β-VAE": "beta_vae", "β-TCVAE": "beta_tcvae"}
"""What the slider over methods runs over."""

ON_BOTH = ("mig_exact", "mig", "elbo", "total_corr")
"""Scores that are compared between runs on real images and runs on the re-render."""

LOW = "95 % interval of the difference, low"

Methods = Mapping[str, tuple[str, float, pd.DataFrame]]
"""Name as a figure shows it -> objective, weight, the table that its runs stand in."""


def tradeoff(runs: pd.DataFrame, *, profile: str) -> Figure:
    """Average MIG against average ELBO along β (Chen et al. 2018, Figure 2)."""
    labels = ("ELBO, nats per image", MIG)
    return over_seeds.curves(runs, "elbo", "mig_exact", labels, profile=profile)


def independence(runs: pd.DataFrame, *, profile: str) -> Figure:
    """Average MIG against average total correlation along β (Chen et al. 2018, Figure 4)."""
    labels = ("TC(z) over the data set, nats", MIG)
    return over_seeds.curves(runs, "total_corr", "mig_exact", labels, profile=profile)


def traversals(page: claims.Chapter, runs: pd.DataFrame) -> VBox:
    """Sliders over method and β: the KL term, reconstructions and traversals of a model.

    The model is the seed of the setting with the median MIG. The bars of all pictures share a
    scale, and the sliders start at β-TCVAE and its fourth β.
    """
    betas = tables.weights_of(runs, "beta_tcvae")

    def median(name: str, beta: float) -> pd.Series[Any]:
        return tables.median_seed(runs, TRAVERSED[name], beta, "mig_exact")

    longest = 1.02 * max(median(name, beta)["kl"] for name in TRAVERSED for beta in betas)

    def draw(name: str, beta: float) -> Figure:
        line = median(name, beta)
        numbers = f"MIG {line['mig_exact']:.2f}, ELBO {line['elbo']:.0f} nats"
        title = f"{name}, β = {beta:g}: {numbers}"
        return portraits.model(line, "beta_tcvae", title, profile=page.profile, longest=longest)

    def words(name: str, beta: float) -> str:
        line = median(name, beta)
        return (
            f"A {name} at beta {beta:g}, median seed: a bar of the KL term in parts, I(z;n)"
            f" {line['mutual_info']:.1f}, TC {line['total_corr']:.1f}, axis-wise KL"
            f" {line['axis_kl']:.1f} nats; ten images and their reconstructions; traversals of"
            f" the six axes that move the picture most. MIG {line['mig_exact']:.2f}."
        )

    sliders = two_sliders(
        page,
        "traversals",
        list(TRAVERSED),
        betas,
        draw,
        labels=(r"method", r"\(\beta\)"),
        alt=words,
        start=(1, min(3, len(betas) - 1)),
    )
    return sliders.add_class("holds-pictures")  # they stay as they are on dark pages


def methods(runs: pd.DataFrame, halfway: pd.DataFrame, weights: Mapping[str, float]) -> Methods:
    """The boxes of Chen et al.'s Figure 3; FactorVAE at every γ, at equal and at doubled steps.

    Args:
        runs: those at their last step.
        halfway: the same at half of their steps.
        weights: those of β-VAE and of β-TCVAE.
    """
    beta_vae, beta_tcvae = weights["beta_vae"], weights["beta_tcvae"]
    found = {
        "VAE": ("vae", 1.0, runs),
        f"β-VAE, β = {beta_vae:g}": ("beta_vae", beta_vae, runs),
        f"β-TCVAE, β = {beta_tcvae:g}": ("beta_tcvae", beta_tcvae, runs),
    }
    for gamma in tables.weights_of(runs, "factor_vae"):
        found[f"FactorVAE, γ = {gamma:g}, equal steps"] = ("factor_vae", gamma, halfway)
        found[f"FactorVAE, γ = {gamma:g}, doubled"] = ("factor_vae", gamma, runs)
    return found


def mig_boxes(
    of: Methods, runs: pd.DataFrame, *, profile: str, weights: Mapping[str, float]
) -> Figure:
    """MIG over seeds, a box a method (Chen et al. 2018, Figure 3), a panel a profile.

    Args:
        of: the methods of the page's profile.
        runs: of all profiles, at all steps.
        weights: as in `methods`, of the larger profiles.
    """

    def groups(of: Methods) -> over_seeds.Groups:
        values = {
            name: (tables.seeds(table, objective, weight, "mig_exact"), objective)
            for name, (objective, weight, table) in of.items()
        }
        colours = over_seeds.METHODS
        return {name: (v, colours[of_it][1]) for name, (v, of_it) in values.items() if len(v)}

    larger = {
        name: groups(methods(tables.settled(table), table[~table["last"]], weights))
        for name, table in tables.by_profile(runs, profile).items()
        if name != profile
    }
    label, last = "MIG (Chen et al.)", tables.settled(runs)
    return over_seeds.boxes(groups(of), label, last, profile=profile, larger=larger)


def without_learning(untrained: pd.DataFrame, pca: Mapping[str, float]) -> pd.DataFrame:
    """What both MIGs are worth without learning: a line a score, columns mean and std.

    Args:
        untrained: a line a seed, columns mig_exact and mig (`baselines.untrained`).
        pca: its binned MIG (`baselines.principal_components`).
    """
    return pd.DataFrame(
        {
            "untrained encoder, MIG": untrained["mig_exact"].describe()[["mean", "std"]],
            "untrained encoder, binned MIG": untrained["mig"].describe()[["mean", "std"]],
            "PCA, binned MIG": pd.Series({"mean": pca["mig"], "std": 0.0}),
        }
    ).T


def answer(decided: Sequence[Record]) -> str:
    """The answer to the page's question, from the verdict on Chen et al.'s Figure 2."""
    (claim,) = (record for record in decided if record.id == "C-fig2")
    return f"Chen et al. say yes. {claim.sentence}"


def best_gamma(runs: pd.DataFrame) -> float:
    """The γ of FactorVAE's grid with the highest mean MIG."""
    gammas = tables.weights_of(runs, "factor_vae")
    return max(gammas, key=lambda gamma: _mean(runs, "factor_vae", gamma, "mig_exact"))


def averages(runs: pd.DataFrame, weights: Mapping[str, float]) -> dict[str, Any]:
    """Numbers of the page: mean MIG, ELBO (nats) and total correlation (nats) by objective."""
    found: dict[str, Any] = {
        f"mig_{name}": _mean(runs, name, weights[name], "mig_exact")
        for name in ("vae", "beta_vae", "beta_tcvae", "factor_vae")
    }
    found["best_gamma"] = f"{weights['factor_vae']:g}"
    for name in ("vae", "beta_vae", "beta_tcvae"):
        found[f"elbo_{name}"] = _mean(runs, name, weights[name], "elbo")
    for name in ("beta_vae", "beta_tcvae"):
        found[f"tc_{name}"] = _mean(runs, name, weights[name], "total_corr")
    return found


def design(rows: pd.DataFrame, runs: pd.DataFrame, run: Run) -> dict[str, Any]:
    """Numbers of the page: the sizes of the sweep, its runs and its core hours.

    Args:
        rows: of the whole sweep.
        runs: those that its figures show.
        run: one of them as it was declared.
    """
    return {
        "n_seeds": tables.n_seeds(runs),
        "steps": run.steps,
        "batch": run.batch,
        "size": run.size,
        "pixel_area": run.pixel_area,
        "hours": rows.drop_duplicates("run_id")["seconds"].sum() / 3600,
        "n_runs": int(rows["run_id"].nunique()),
        "n_codes": f"{scoring.KL_SAMPLES:,}",
        "n_axes": run.n_axes,
        "top": f"{max(tables.weights_of(runs, 'beta_tcvae')):g}",
    }


def of_second_half(runs: pd.DataFrame) -> dict[str, Any]:
    """Numbers of the page: what runs gain from half of their steps to their end.

    Args: runs: of `per_run`, a line a run and step.

    Returns: elbo_gain, elbo_gain_low and elbo_gain_high, the median and the quartiles over all
        runs in nats, and elbo_gain_vae, the median of the plain VAE's; mig_gain, the median
        over all runs, and mig_rose, the number of runs whose MIG rose.
    """
    scores = ["elbo", "mig_exact"]
    half, end = (runs[runs["last"] == last].set_index("run_id") for last in (False, True))
    gain = (end[scores] - half[scores]).dropna()
    of_vae = gain.loc[end.loc[gain.index, "objective"] == "vae", "elbo"]
    low, middle, high = gain["elbo"].quantile([0.25, 0.5, 0.75])
    return {
        "elbo_gain": float(middle),
        "elbo_gain_low": float(low),
        "elbo_gain_high": float(high),
        "elbo_gain_vae": float(of_vae.median()),
        "mig_gain": float(gain["mig_exact"].median()),
        "mig_rose": int((gain["mig_exact"] > 0).sum()),
    }


def assert_not_converged(gains: Mapping[str, Any]) -> None:
    """Assert that most runs still gained a nat of ELBO and some MIG; gains: `of_second_half`.

    Raises:
        AssertionError: the lower quartile of the ELBO's gain is below 1 nat, or MIG fell in the
            median.
    """
    assert gains["elbo_gain_low"] > 1, f"a quarter gained under {gains['elbo_gain_low']:.2f} nats"
    assert gains["mig_gain"] > 0, f"MIG fell by {-gains['mig_gain']:.3f} in the median"


def scored_on_both(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs that were trained on real images and scored on the re-render too."""
    return runs[runs["elbo_elsewhere"].notna()] if "elbo_elsewhere" in runs else runs[:0]


def apart(on_real: pd.DataFrame) -> dict[str, Any]:
    """Numbers of the page: by how much the same model's scores differ at most on both sources."""
    n_real = on_real["seed"].nunique()
    scores = ("mig_exact", "total_corr", "elbo") if n_real else ()
    return {"n_real": n_real} | {
        f"{score}_apart": float((on_real[score] - on_real[f"{score}_elsewhere"]).abs().max())
        for score in scores
    }


def assert_scored_alike(numbers: Mapping[str, Any]) -> None:
    """Assert that the same model scores alike on both sources; numbers: as of `apart`.

    Raises:
        AssertionError: MIG differs by 0.001 or the ELBO by 0.1 nats.
    """
    for score, limit in (("mig_exact", 1e-3), ("elbo", 0.1)):
        differs = numbers[f"{score}_apart"]
        assert differs < limit, f"{score} differs by {differs} between both sources"


def real_and_rerender(on_real: pd.DataFrame, runs: pd.DataFrame, beta: float) -> pd.DataFrame:
    """Scores of β-TCVAE trained on real images and on the re-render, and their difference.

    Returns: a line a score of `ON_BOTH`, none where there are no runs on real images. Columns:
        score, both means, and the ends of the 95 % interval of the typical difference.
    """
    lines = []
    for score in ON_BOTH if len(on_real) else ():
        real, ours = (tables.seeds(t, "beta_tcvae", beta, score) for t in (on_real, runs))
        found = claims.compare(real, ours, matters=1.0)  # the interval is that of any Δ
        lines.append([score, real.mean(), ours.mean(), found.low, found.high])
    return pd.DataFrame(lines, columns=["score", "real", "re-render", LOW, "high"])


def larger_net(bench: Path) -> dict[str, Any]:
    """Numbers of the page: MIG and settings of the runs in which precisions are compared.

    Args: bench: the folder of the measurements, with parity.json and a profile's settings.
    """
    mig = json.loads((bench / "parity.json").read_text())["mig_exact"]["fp32"]
    settings = json.loads(min((bench / "laptop").glob("*.json")).read_text())["settings"]
    return {
        "mig_conv": sum(mig) / len(mig),
        "low_conv": min(mig),
        "high_conv": max(mig),
        "n_conv": len(mig),
        "size_conv": settings["size"],
        "steps_conv": f"{settings['steps']:,}",
        "batch_conv": settings["batch"],
    }


def by_source(
    on_real: pd.DataFrame,
    runs: pd.DataFrame,
    checks: pd.DataFrame,
    weights: Mapping[str, float],
) -> dict[str, float]:
    """Numbers of the page: mean MIG on real images (NaN without runs), the ELBO (nats) that
    β-TCVAE loses, and the ends of the intervals of `checks` (`real_and_rerender`)."""
    beta = weights["beta_tcvae"]
    mig = _mean(on_real, "beta_tcvae", beta, "mig_exact") if len(on_real) else float("nan")
    moved = _mean(runs, "vae", 1.0, "elbo") - _mean(runs, "beta_tcvae", beta, "elbo")
    found = {"mig_real": mig, "elbo_moved": moved}
    for score, *_, low, high in checks.itertuples(index=False):
        found |= {f"{score}_real_low": low, f"{score}_real_high": high}
    return found


def assert_source_is_open(checks: pd.DataFrame, numbers: Mapping[str, Any]) -> None:
    """Assert that all intervals of `real_and_rerender` hold 0 and that none is narrow.

    Args: numbers: with elbo_moved (`by_source`).

    Raises:
        AssertionError: an interval leaves 0 out, ends within 0.1 of it (MIG), or is shorter than
            half of what the weight moves (ELBO).
    """
    ends = checks.set_index("score")[[LOW, "high"]]
    holding = (ends[LOW] < 0) & (ends["high"] > 0)
    assert holding.all(), f"the intervals of {list(ends.index[~holding])} do not hold 0"
    assert (ends.loc["mig_exact"].abs() > 0.1).all(), "MIG's interval tells a tenth from 0"
    elbo = ends.loc["elbo"]
    assert elbo["high"] - elbo[LOW] > numbers["elbo_moved"] / 2, "the ELBO's interval is narrow"


def assert_net_moves_more(numbers: Mapping[str, Any], mig_rerender: float) -> None:
    """Assert that the larger net moves the mean MIG more than the source of the images does.

    Args:
        numbers: with mig_conv (`larger_net`) and mig_real (`by_source`).
        mig_rerender: the mean MIG of the same setting on the re-render.

    Raises:
        AssertionError: it does not.
    """
    net, source = numbers["mig_conv"] - numbers["mig_real"], mig_rerender - numbers["mig_real"]
    assert net > abs(source), f"the net moves MIG by {net:.3f}, the source by {source:.3f}"


def of_first_design(first: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of the page on the experiment's first design; first: its file's content."""
    verdicts = [claim["verdict"] for claim in first["claims"].values()]
    return {
        "first_reproduced": verdicts.count("reproduced"),
        "first_claims": len(verdicts),
        "first_commit": first["commit_with_the_rows"],
        "first_x": first["decoded_r2_of_vae"]["position_x"],
        "first_scale": first["decoded_r2_of_vae"]["scale"],
    }


def rounding(again: pd.DataFrame, before: Mapping[str, float]) -> dict[str, Any]:
    """Numbers of the page: what rounding moves MIG by, beside the seed.

    Args:
        again: runs that both draws have.
        before: MIG of the earlier draw by run_id.

    Returns: of_rounding, the root mean square of the differences of both draws over √2;
        of_seeds, the standard deviation over the seeds of a setting, both draws pooled;
        n_pairs. NaN without runs.
    """
    pairs = again.assign(before=again["run_id"].map(before))
    by_setting = pairs.groupby(["objective", "weight"])[["mig_exact", "before"]]
    variances = by_setting.var().to_numpy()
    difference = pairs["mig_exact"] - pairs["before"]
    return {
        "of_rounding": float((difference**2).mean() / 2) ** 0.5,
        "of_seeds": float(np.mean(variances)) ** 0.5 if len(pairs) else float("nan"),
        "n_pairs": len(pairs),
    }


def _mean(runs: pd.DataFrame, objective: str, weight: float, column: str) -> float:
    return float(tables.seeds(runs, objective, weight, column).mean())
