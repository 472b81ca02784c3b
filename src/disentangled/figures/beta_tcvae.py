"""The chapter on β-TCVAE: its figures, the numbers that its prose quotes, what its prose asserts.

The tables of runs are those of `tables.per_run`, and of `tables.settled` where not said otherwise.
Objectives are compared at one weight each, `weights`: objective -> its β or γ.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from ipywidgets import VBox
from matplotlib.figure import Figure
from scipy import stats

from disentangled import claims, learning, models, scoring, tables
from disentangled.data import FactorData
from disentangled.experiments import Setting
from disentangled.experiments.beta_tcvae import INFO_GAN
from disentangled.figures import latent_space, over_seeds, portraits
from disentangled.figures.sliders import two_sliders
from disentangled.records import Record

EXPERIMENT = "beta_tcvae"

MIG = "MIG (Chen et al., four factors)"

TRAVERSED = {"β-VAE": "beta_vae", "β-TCVAE": "beta_tcvae"}
"""What the slider over methods runs over."""

ON_BOTH = ("mig_exact", "mig", "elbo", "total_corr")
"""Scores that are compared between runs on real images and runs on the re-render."""

ALIKE = {"mig_exact": 1e-3, "elbo": 0.1}
"""Differences below which a model scores alike on two sources; the ELBO's in nats."""

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
    scale, and the sliders start at β-TCVAE and its fourth β, of those that both methods have.
    """
    of_method = [tables.weights_of(runs, objective) for objective in TRAVERSED.values()]
    betas = sorted(set.intersection(*map(set, of_method)))

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


def walked(declared: Sequence[Setting], images: FactorData) -> list[latent_space.Model]:
    """The committed models, the median seed of each setting that has one, for the explorer."""
    found = []
    for setting in declared:
        if (kept := models.committed(setting)) is not None:
            run = setting.run
            weight = tables.swept_weight(run.objective, json.dumps(run.weights))
            label = over_seeds.titled(run.objective, weight)
            found.append(latent_space.of_kept(run, kept, images, model=label))
    return found


def methods(runs: pd.DataFrame, weights: Mapping[str, float]) -> Methods:
    """The boxes of Chen et al.'s Figure 3; FactorVAE at every γ, at equal and at doubled steps.

    Args:
        runs: at all steps, with variants, of which InfoGAN is one.
        weights: those of β-VAE and of β-TCVAE.
    """
    gan = tables.settled(tables.variant(runs, EXPERIMENT, INFO_GAN))
    runs = tables.grid(runs, EXPERIMENT)
    ends = tables.settled(runs)
    others = ends.loc[ends["objective"] != "factor_vae", "step"]
    equal = runs[runs["step"] == others.max()]
    beta_vae, beta_tcvae = weights["beta_vae"], weights["beta_tcvae"]
    cases = [("vae", 1.0), ("beta_vae", beta_vae), ("beta_tcvae", beta_tcvae)]
    found = {over_seeds.titled(*case): (*case, ends) for case in cases}
    for gamma in tables.weights_of(ends, "factor_vae"):
        title = over_seeds.titled("factor_vae", gamma)
        found[f"{title}, equal steps"] = ("factor_vae", gamma, equal)
        found[f"{title}, doubled"] = ("factor_vae", gamma, ends)
    if len(gan):
        found[INFO_GAN] = ("info_gan", float(gan["weight"].iloc[0]), gan)
    return found


def mig_boxes(
    of: Methods, runs: pd.DataFrame, *, profile: str, weights: Mapping[str, float]
) -> Figure:
    """MIG over seeds, a box a method (Chen et al. 2018, Figure 3), a panel a profile.

    Args:
        of: the methods of the page's profile.
        runs: of all profiles, at all steps, with variants.
        weights: as in `methods`, of the larger profiles.
    """

    def groups(of: Methods) -> over_seeds.Groups:
        values = {
            name: (tables.seeds(table, objective, weight, "mig_exact"), objective)
            for name, (objective, weight, table) in of.items()
        }
        colours = over_seeds.METHODS
        return {name: (v, colours[of_it][1]) for name, (v, of_it) in values.items() if len(v)}

    beside = {
        name: methods(table, weights)
        for name, table in tables.by_profile(runs, profile).items()
        if name != profile
    }
    larger, last = {name: groups(of_it) for name, of_it in beside.items()}, tables.settled(runs)
    drawn = {case[:2] for of_it in (of, *beside.values()) for case in of_it.values()}
    cases = zip(last["objective"], last["weight"], strict=True)
    last = last[[case in drawn for case in cases]]
    return over_seeds.boxes(groups(of), "MIG (Chen et al.)", last, profile=profile, larger=larger)


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
    """The answer to the page's question, from the verdict on Chen et al.'s Figure 2; while its
    runs are missing, also from the one on β-VAE and β-TCVAE at the paper's weights."""
    of = {record.id: record for record in decided}
    said = f"Chen et al. say yes. {of['C-fig2'].sentence}"
    if of["C-fig2"].verdict != "not run":
        return said
    own, *larger = of["C-fig3-beta-vae"].sentences()
    verdicts = [f"{sentence.partition(':')[0]}." for sentence in larger]
    return " ".join([f"{said} At the weights of their Figure 3: {own}", *verdicts])


def best_gamma(runs: pd.DataFrame) -> float:
    """The γ of FactorVAE's grid with the highest mean MIG; NaN where no run is there."""
    gammas = tables.weights_of(runs, "factor_vae")
    mig = [_mean(runs, "factor_vae", gamma, "mig_exact") for gamma in gammas]
    return max(zip(mig, gammas, strict=True), default=(math.nan, math.nan))[1]


def averages(runs: pd.DataFrame, weights: Mapping[str, float]) -> dict[str, Any]:
    """Numbers of the page: mean MIG, ELBO (nats) and total correlation (nats) by objective."""
    found: dict[str, Any] = {
        f"mig_{name}": _mean(runs, name, weights[name], "mig_exact")
        for name in ("vae", "beta_vae", "beta_tcvae", "factor_vae")
    }
    best = weights["factor_vae"]
    compared = [(name, weights[name]) for name in ("vae", "beta_vae", "beta_tcvae")]
    found["n_compared"] = min(len(tables.seeds(runs, *case, "mig_exact")) for case in compared)
    found["best_gamma"] = "no run is there" if math.isnan(best) else f"γ = {best:g}"
    for name in ("vae", "beta_vae", "beta_tcvae"):
        found[f"elbo_{name}"] = _mean(runs, name, weights[name], "elbo")
    found["elbo_paid"] = found["elbo_vae"] - found["elbo_beta_tcvae"]
    for name in ("beta_vae", "beta_tcvae"):
        found[f"tc_{name}"] = _mean(runs, name, weights[name], "total_corr")
    return found


def design(rows: pd.DataFrame, runs: pd.DataFrame, declared: Sequence[Setting]) -> dict[str, Any]:
    """Numbers of the page: the sizes of the sweep, its runs and its core hours.

    Args:
        rows: of the whole sweep.
        runs: those that its figures show.
        declared: the sweep's settings, the plain VAE first.
    """
    run = declared[0].run
    return {
        "n_seeds": tables.n_seeds(runs),
        "steps": run.steps,
        "batch": run.batch,
        "rate": f"{run.learning_rate:g}",
        "size": run.size,
        "pixel_area": run.pixel_area,
        "hours": rows.drop_duplicates("run_id")["seconds"].sum() / 3600,
        "n_runs": int(rows["run_id"].nunique()),
        "n_declared": sum(len(setting.seeds) for setting in declared),
        "n_codes": f"{scoring.KL_SAMPLES:,}",
        "n_axes": run.n_axes,
        "top": f"{max(tables.weights_of(runs, 'beta_tcvae')):g}",
    }


def of_last_quarter(runs: pd.DataFrame) -> dict[str, Any]:
    """Numbers of the page: what runs gain in the last quarter of their training.

    Args: runs: of `per_run`, a line a run and step.

    Returns: elbo_gain, the median over all runs in nats; vae_gain, the mean over the plain VAE's
        seeds, vae_low and vae_high, the ends of its 95 % interval (Student), and n_vae, how many
        they are; mig_gain, the median over all runs, mig_rose, of how many it rose, and n_gained,
        how many runs were scored when the quarter began.
    """
    scores = ["elbo", "mig_exact"]
    begin, end = learning.quarter_and_end(runs)
    gain = (end[scores] - begin[scores]).dropna()
    of_vae = gain.loc[end.loc[gain.index, "objective"] == "vae", "elbo"]
    n_vae = len(of_vae)
    reach = stats.t.isf(0.025, n_vae - 1) * of_vae.sem() if n_vae > 1 else math.nan
    return {
        "elbo_gain": float(gain["elbo"].median()),
        "vae_gain": float(of_vae.mean()),
        "vae_low": float(of_vae.mean() - reach),
        "vae_high": float(of_vae.mean() + reach),
        "n_vae": n_vae,
        "mig_gain": float(gain["mig_exact"].median()),
        "mig_rose": int((gain["mig_exact"] > 0).sum()),
        "n_gained": len(gain),
    }


def converged(gains: Mapping[str, Any]) -> str:
    """Whether the plain VAE has converged, by the rule of the design; gains: `of_last_quarter`."""
    if gains["n_vae"] < 2:
        return "Not known: the runs of the plain VAE are not there."
    limit = learning.SETTLED["autoencoder"]
    said = "Yes" if gains["vae_gain"] < limit else "No"
    low, high = (f"{gains[end]:.2f}".replace("-", "−") for end in ("vae_low", "vae_high"))
    mean = f"{gains['vae_gain']:.2f}".replace("-", "−")
    return (
        f"{said}. In the last quarter of its training the ELBO of the plain VAE changed by {mean} "
        f"nats in the mean over {gains['n_vae']} seeds (95 % interval {low} to {high}), and the "
        f"design allows less than {limit:g} nat."
    )


def choice(found: Mapping[str, Any]) -> pd.DataFrame:
    """What the choice of the design rests on, a line a run of the plain VAE.

    Args: found: the content of book/results/beta_tcvae/choice.json.

    Returns: columns net, size, batch, precision, ms a step (of one core), seed, steps, gain (of
        the ELBO in the last quarter, nats, between the nearest points; short trials have it of
        their batches), worst R² (of a position, at the end; NaN where it was not measured),
        outcome.
    """
    rates = found["milliseconds_a_step_of_one_core"]
    lines = []
    for run in found["runs"]:
        last = run["points"][-1]
        quarter = learning.QUARTER * last["step"]
        begin = min(run["points"], key=lambda point: abs(point["step"] - quarter))
        positions = [r2 for factor, r2 in last.get("r2", {}).items() if "position" in factor]
        kind = f"{run['net']}, {run['size']} px, {run['batch']} a batch, {run['precision']}"
        lines.append({
            "net": run["net"], "size": run["size"], "batch": run["batch"],
            "precision": run["precision"], "ms a step": rates.get(kind, math.nan),
            "seed": run["seed"], "steps": last["step"], "gain": last["elbo"] - begin["elbo"],
            "worst R²": min(positions, default=math.nan),
            "outcome": run["outcome"],
        })  # fmt: skip
    return pd.DataFrame(lines)


def scored_on_both(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs that were trained on real images and scored on the re-render too."""
    return runs[runs["elbo_elsewhere"].notna()] if "elbo_elsewhere" in runs else runs[:0]


def apart(on_real: pd.DataFrame) -> dict[str, float]:
    """By how much the same model's scores differ at most on both sources."""
    return {
        score: float((on_real[score] - on_real[f"{score}_elsewhere"]).abs().max())
        for score in ("mig_exact", "total_corr", "elbo")
        if len(on_real)
    }


def scored_alike(on_real: pd.DataFrame) -> str:
    """Whether the same model scores alike on both sources: within `ALIKE`."""
    if not len(on_real):
        return "Those runs are not there yet."
    found = apart(on_real)
    alike = all(found[score] < limit for score, limit in ALIKE.items())
    said = (
        "The same model scores alike on both, and so a finished model is worth the same on the "
        "re-render as on the real images"
        if alike
        else "The same model does not score alike on both"
    )
    return (
        f"{said}: over the {on_real['seed'].nunique()} models, MIG differs by at most "
        f"{found['mig_exact']:.5f}, the total correlation by {found['total_corr']:.4f} nats and "
        f"the ELBO by {found['elbo']:.3f} nats."
    )


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


def _mean(runs: pd.DataFrame, objective: str, weight: float, column: str) -> float:
    """Over the seeds of a setting; NaN where none is there."""
    values = tables.seeds(runs, objective, weight, column)
    return float(values.mean()) if len(values) else math.nan
