"""The chapter on RTC-VAE: figures of its runs, and the numbers that its prose quotes.

`runs` is the table of `tables.settled`, of all profiles that have rows; data sets go by the
paper's names, the keys of `rtc_vae.Profile.datasets`. A figure whose runs are missing says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from disentangled import experiments, learning, plans, tables
from disentangled.experiments import rtc_vae
from disentangled.figures import over_seeds, portraits
from disentangled.figures.style import COLOURS, PAGE_WIDTH, not_run
from disentangled.records import Record

PAIR = (PAGE_WIDTH, 3.0)
"""Inches of two panels side by side, with their legend above."""

THREE = (PAGE_WIDTH, 2.9)
"""Inches of three."""

DISPARITY = {
    "means, all axes": ("gaussian_tc_mean", COLOURS["orange"], "^:"),
    "means, active axes": ("gaussian_tc_active", COLOURS["vermilion"], "s-"),
    "samples": ("gaussian_tc_sample", COLOURS["blue"], "o--"),
}
"""What of a model has a total correlation -> column, colour, marker with line."""

MOST = 100.0
"""Nats as which an infinite total correlation counts in ranks."""

ASIDE = ("vae", "rtc_vae", "rtc_vae_supervised", "annealed_vae")
"""Objectives whose disintegration is compared at the strength of the pictures."""

GAUSSIAN = "TC of the means, nats"

Draw = Callable[[Sequence[Axes], pd.DataFrame, str], None]


def on(runs: pd.DataFrame, profile: str, dataset: str, *objectives: str) -> pd.DataFrame:
    """The runs of objectives on a data set, of one profile; by default of the four models."""
    chosen = runs["dataset"] == rtc_vae.SIZES[profile].datasets[dataset]
    return runs[chosen & runs["objective"].isin(objectives or rtc_vae.MODELS)]


def with_differences(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with what claims compare within each: disparity, TC of means on active axes less
    that of samples, disparity_all, the same on all axes, gaussian_tc_all, and unseen, what pairs
    of axes share beyond the Gaussian formula.

    A mean of an axis that tells nothing may follow another one exactly, which makes the TC of all
    axes infinite: it counts as `MOST`. NaN where a run lacks a number.
    """
    names = (*(column for column, *_ in DISPARITY.values()), "tree_tc_active")
    all_axes, active, sample, tree = (runs.reindex(columns=[n])[n].astype(float) for n in names)
    all_axes = all_axes.clip(upper=MOST)
    return runs.assign(
        disparity=active - sample,
        disparity_all=all_axes - sample,
        gaussian_tc_all=all_axes,
        unseen=tree - active,
    )


def read_on(of: Callable[..., pd.DataFrame], claim: str) -> str:
    """The data set and its source that the test of a claim reads; of: `on` of a profile's runs."""
    dataset, objectives, _ = rtc_vae.READ[claim.removesuffix("-all-axes")]
    return tables.source(of(dataset, *objectives))


def at(runs: pd.DataFrame, strength: float = rtc_vae.PICTURED) -> pd.DataFrame:
    """The runs at a strength, and those whose weight is no strength."""
    of_grid = runs["objective"].isin(rtc_vae.MODELS)
    return runs[~of_grid | (runs["weight"] == strength)]


def mean_and_sample(runs: pd.DataFrame, dataset: str, *, profile: str) -> Figure:
    """Gaussian TC of means and of samples along the strength (Cheng et al. 2020, Figure 3; on
    Cars3D their Figures 11a and 11b)."""

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, at_profile: str) -> None:
        for axes, objective in zip(row, ("factor_vae", "rtc_vae"), strict=True):
            table = on(of_it, at_profile, dataset, objective)
            for label, (column, colour, look) in DISPARITY.items():
                along(axes, table, objective, column, (label, colour, look))
            axes.set_title(over_seeds.METHODS[objective][0])
            strengths_below(axes, table)
        row[0].set_ylabel("Gaussian TC, nats")

    compared = ("factor_vae", "rtc_vae")
    return drawn(runs, profile, dataset, compared, draw, PAIR, columns=2)


def of_means(runs: pd.DataFrame, dataset: str, *, profile: str) -> Figure:
    """TC of the means of all four models, by the Gaussian formula and by pairs of axes, along the
    strength, and the first against the distortion (Figures 4, 10d, 11a and 11e)."""

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, at_profile: str) -> None:
        table = on(of_it, at_profile, dataset)
        titles = {"gaussian_tc_active": "Gaussian formula", "tree_tc_active": "by pairs of axes"}
        for axes, (column, title) in zip(row[:2], titles.items(), strict=True):
            for objective in rtc_vae.MODELS:
                along(axes, table, objective, column, look_of(objective))
            axes.set_title(title)
            strengths_below(axes, table)
        points(row[2], table, "distortion", "gaussian_tc_active")
        row[2].set(title="Gaussian formula", xlabel="distortion, nats an image")
        row[0].set_ylabel(GAUSSIAN)

    return drawn(runs, profile, dataset, rtc_vae.MODELS, draw, THREE, columns=3)


def sap(runs: pd.DataFrame, dataset: str, *, profile: str) -> Figure:
    """SAP along the strength, against the distortion and against the TC of the means (Figures
    10a to 10c, 11c, 11d and 11f)."""

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, at_profile: str) -> None:
        table = on(of_it, at_profile, dataset)
        for objective in rtc_vae.MODELS:
            along(row[0], table, objective, "sap_r2", look_of(objective))
        points(row[1], table, "distortion", "sap_r2")
        points(row[2], table, "gaussian_tc_active", "sap_r2")
        strengths_below(row[0], table)
        row[1].set_xlabel("distortion, nats an image")
        row[2].set_xlabel(GAUSSIAN)
        row[0].set_ylabel("SAP (squared correlations)")

    return drawn(runs, profile, dataset, rtc_vae.MODELS, draw, THREE, columns=3)


def suppressed(runs: pd.DataFrame, dataset: str, *, profile: str) -> Figure:
    """MIG and SAP against the number of axes that tell of a factor (section 6.4)."""

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, at_profile: str) -> None:
        table = on(of_it, at_profile, dataset)
        for axes, (column, title) in zip(
            row, {"mig_exact": "MIG", "sap_r2": "SAP"}.items(), strict=True
        ):
            points(axes, table, "disintegration_sample", column)
            axes.set(title=title, xlabel="axes that tell of a factor")
        row[0].set_ylabel("score")

    bars = over_seeds.POINTS
    return drawn(runs, profile, dataset, rtc_vae.MODELS, draw, PAIR, columns=2, bars=bars)


def penalty(runs: pd.DataFrame, *, profile: str) -> Figure:
    """Disintegration on dSprites with and without the supervised penalty (section 6.3), beside the
    plain VAE and AnnealedVAE."""

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, at_profile: str) -> None:
        table = at(on(of_it, at_profile, "dsprites", *ASIDE))
        groups = {}
        for objective in ASIDE:
            name, colour = over_seeds.METHODS[objective]
            values = table.loc[table["objective"] == objective, "disintegration_sample"]
            groups[name.replace(" with", "\nwith")] = (values.to_numpy(), colour)
        over_seeds.violins(groups, "axes that tell of a factor", row[0])

    bars = "violins: density, median, quartiles, adjacent values"
    return drawn(
        at(runs), profile, "dsprites", ASIDE, draw, (PAGE_WIDTH, 2.9), bars=bars, legend=False
    )


def portrait(runs: pd.DataFrame, dataset: str, *, profile: str) -> Figure:
    """An RTC-VAE in pictures, the one whose MIG is the median (Figures 12 and 13)."""
    on_shapes = dataset == "shapes3d"
    strength = rtc_vae.ON_SHAPES3D["rtc_vae"] if on_shapes else rtc_vae.PICTURED
    table = on(runs[runs["profile"] == profile], profile, dataset, "rtc_vae")
    if not (table["weight"] == strength).any():
        return not_run(profile)
    line = tables.median_seed(table, "rtc_vae", strength, "mig_exact")
    return portraits.all_axes(line, "rtc_vae", profile=profile)


def drawn(
    runs: pd.DataFrame,
    profile: str,
    dataset: str,
    objectives: Sequence[str],
    draw: Draw,
    size: tuple[float, float],
    *,
    columns: int = 1,
    bars: str = f"{over_seeds.BARS}; a point is a run",
    legend: bool = True,
) -> Figure:
    """`over_seeds.panels` of what a figure shows, a row a profile that has any of it, under one
    legend; or a figure that says that nothing of it was run."""
    of = [on(t, n, dataset, *objectives) for n, t in tables.by_profile(runs, profile).items()]
    if not any(map(len, of)):
        return not_run(profile)

    def with_legend(row: Sequence[Axes], of_it: pd.DataFrame, name: str) -> None:
        draw(row, of_it, name)
        figure = row[0].get_figure(root=True)
        if legend and figure and not figure.legends:
            handles, labels = row[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))

    shown = pd.concat([table for table in of if len(table)])
    return over_seeds.panels(shown, profile, with_legend, size, bars=bars, columns=columns)


def look_of(objective: str) -> tuple[str, str, str]:
    """Label, colour, and marker with line of an objective."""
    label, colour = over_seeds.METHODS[objective]
    dash = over_seeds.DASHES[tables.rank(objective) % len(over_seeds.DASHES)]
    return label, colour, over_seeds.mark(objective) + dash


def along(
    axes: Axes, runs: pd.DataFrame, objective: str, column: str, look: tuple[str, str, str]
) -> None:
    """The mean of a column over seeds with its interval, along the strengths that have runs."""
    strengths = tables.weights_of(runs, objective)
    values = [tables.seeds(runs, objective, strength, column) for strength in strengths]
    label, colour, marker = look
    axes.errorbar(
        strengths,
        [float(v.mean()) for v in values],
        yerr=[tables.interval(v) for v in values],
        fmt=marker, color=colour, label=label, ms=5, elinewidth=1.0,
    )  # fmt: skip


def strengths_below(axes: Axes, runs: pd.DataFrame) -> None:
    """The strengths of the runs as the ticks of an axis in proportion."""
    ticks = sorted(set(runs["weight"]))
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("strength")


def points(axes: Axes, runs: pd.DataFrame, x: str, y: str) -> None:
    """A point a run of each of the four models."""
    for objective in rtc_vae.MODELS:
        table = runs[runs["objective"] == objective]
        label, colour, marker = look_of(objective)
        axes.plot(table[x], table[y], marker[0], color=colour, label=label, ms=4, alpha=0.7)


def answer(decided: Sequence[Record]) -> str:
    """The answer to the page's question, from the verdict on RTC-VAE's disparity."""
    (record,) = (record for record in decided if record.id == "D-fig3-rtc-vae")
    return f"Cheng et al. say yes. {record.sentence}"


def answers(decided: Sequence[Record]) -> dict[str, str]:
    """Sentences of the page: the verdict of every claim under its id, in letters alone."""
    return {f"answer_{record.id[2:].replace('-', '_')}": record.sentence for record in decided}


def design(rows: pd.DataFrame, profile: str) -> dict[str, str | int]:
    """Numbers of the page: the sizes of the sweep, and how much of it is there.

    Args: rows: of the page's profile.
    """
    declared = experiments.settings("rtc_vae", profile)
    run = declared[0].run
    n_declared = sum(len(setting.seeds) for setting in declared)
    n_there = int(rows["run_id"].nunique())
    hours = float(rows.drop_duplicates("run_id")["seconds"].sum()) / 3600
    there = f"{n_there} of the {n_declared} declared runs are there"
    return {
        "there": f"{there}; they took {hours:.1f} hours of one core" if n_there else there,
        "n_declared": n_declared,
        "steps": f"{run.steps:,}",
        "batch": run.batch,
        "size": run.size,
        "pixel_area": run.pixel_area,
        "learning_rate": f"{run.learning_rate:g}",
        "flops": f"{plans.cost('rtc_vae', profile).flops:.1e}",
    }


def told_by_the_vae(rows: pd.DataFrame) -> pd.DataFrame:
    """R² of every ordered factor from the code of the plain VAE, on which the design was chosen.

    Args: rows: of one profile. Returns: a line a data set and factor, columns mean, min, max.
    """
    chosen = rows[(rows["objective"] == "vae") & (rows["quantity"] == "decoded_r2")]
    by_factor = chosen.groupby(["dataset", "factors"], sort=False)["value"]
    return by_factor.agg(["mean", "min", "max"]).astype(float)


def last_quarter(everything: pd.DataFrame) -> pd.DataFrame:
    """By how many nats each player's loss fell in the last quarter, the mean over seeds.

    Args: everything: of `per_run`, a line a run and step, of one profile.

    Returns: a line a data set, objective and weight, a column a player; empty without runs.
    """
    if not any(str(column).startswith("loss_") for column in everything):
        return pd.DataFrame()
    fell = learning.last_quarter(everything)
    keys = ["dataset", "objective", "weight"]
    setting = everything[everything["last"]].set_index("run_id")[keys]
    return fell.join(setting).groupby(keys, sort=False).mean()
