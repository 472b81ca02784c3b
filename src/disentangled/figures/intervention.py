"""The chapter on the intervention model: its tables and figures, and what its claims compare.

`runs` is the table of `tables.settled`. Data sets, laws of the factors and methods go by the names
of `experiments.intervention`: `TABLES`, `LAWS` and `METHODS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pandas.io.formats.style import Styler
from torch import Tensor

from disentangled import claims, metrics, nets, store, tables
from disentangled.arrays import entry
from disentangled.data import FactorData
from disentangled.experiments import Setting
from disentangled.experiments import intervention as experiment
from disentangled.figures.style import COLOURS, PAGE_WIDTH, SMALLEST, finish
from disentangled.models import Kept
from disentangled.records import Record
from disentangled.scoring import TRAVERSAL
from disentangled.scoring.pictures import as_uint8
from disentangled.tables import Floats

SCORES = {
    "dsprites": {"DCI": "dci_forest", "SAP": "sap_mixed", "IRS": "irs_maximum"},
    "shapes3d": {"DCI": "dci_forest", "SAP": "sap_mixed", "IRS": "irs_maximum"},
    "cmnist": {"SAP": "sap_logistic"},
}
"""The scores of each of the paper's tables, and their columns in `runs`."""


SHORT = {
    "intervention": "inter-\nvention",
    "FactorVAE, γ = 40": "Factor\nγ = 40",
    "β-TCVAE": "β-TC",
    "FactorVAE, γ = 10": "Factor\nγ = 10",
    "InfoGAN-CR": "InfoGAN\n-CR",
}
"""Methods as ticks name them."""

LOOKS: tuple[dict[str, Any], ...] = (
    {"marker": "o", "ls": "", "ms": 4, "color": COLOURS["blue"], "label": "independent"},
    {"marker": "^", "ls": "", "ms": 4, "color": COLOURS["vermilion"], "label": "correlated"},
)
"""Points of independent and of correlated factors."""

NAMED = {"intervention": "intervention model", "factor_vae": "FactorVAE, γ = 40"}
"""Models of the flowers by objective."""

SIDES = (-0.15, 0.15)
"""Where they stand beside the middle of a method."""

QUANTILES = (0.1, 0.9)
"""Between which the paper's Figure 4 moves an axis."""

MATTERS = 0.05
"""Δ of a score; the intervals by which a number is bold are those of any Δ."""


def of_cell(
    runs: pd.DataFrame, profile: str, on: str, law: str, method: str, column: str
) -> Floats:
    """A column of the runs of a table's cell, by seed: (S,), without runs that lack it."""
    run = experiment.cells(profile).get((on, law, method))
    if run is None or column not in runs:
        return np.empty(0)
    n_seeds = max(experiment.SIZES[profile].n_primary, experiment.SIZES[profile].n_seeds)
    ids = [run.id(seed) for seed in range(n_seeds)]
    found = runs[runs["run_id"].isin(ids)].sort_values("seed")[column]
    return found.dropna().to_numpy(dtype=np.float64)


def means(runs: pd.DataFrame, profile: str, on: str, published: pd.DataFrame) -> pd.DataFrame:
    """One of the paper's Tables 1 to 3 from rows, the paper's numbers beside ours.

    published: `baselines.published("intervention")`.

    Returns: a line a method; columns (law, score), each a text: mean ± standard deviation over
        seeds, and the printed number in brackets; "not run" where there are no rows.
    """
    printed = published.set_index(["objective", "score"])["value"]
    lines = {}
    columns = [(law, score) for law in experiment.LAWS[::-1] for score in SCORES[on]]
    for method in experiment.methods(on):
        line = {}
        for law in experiment.LAWS[::-1]:  # independent first, as printed
            for score, column in SCORES[on].items():
                values = of_cell(runs, profile, on, law, method, column)
                ours = "not run"
                if len(values):
                    ours = f"{values.mean():.2f} ± {values.std(ddof=len(values) > 1):.2f}"
                theirs = printed[method, f"{score}, {on}, {law}"]
                line[law, score] = f"{ours} ({float(theirs):.2f})"
        lines[method] = line
    return pd.DataFrame(lines, index=pd.MultiIndex.from_tuples(columns)).T


def winners(runs: pd.DataFrame, profile: str, on: str) -> dict[tuple[str, str], str]:
    """For each column of a table the method that is shown to score above every other one.

    It is if the 95 % interval of its difference from each of the others lies above 0 (see
    `claims.compare`); columns without such a method are left out.
    """
    found = {}
    for law in experiment.LAWS:
        for score, column in SCORES[on].items():
            values = {
                method: of_cell(runs, profile, on, law, method, column)
                for method in experiment.METHODS
            }
            known = {name: of for name, of in values.items() if len(of) >= 4}
            if len(known) < 2:
                continue
            best = max(known, key=lambda name: known[name].mean())
            others = [of for name, of in known.items() if name != best]
            if all(claims.compare(known[best], o, matters=MATTERS).low > 0 for o in others):
                found[law, score] = best
    return found


def table(runs: pd.DataFrame, profile: str, on: str, published: pd.DataFrame) -> Styler:
    """`means`, bold where a method is shown to score above every other one (`winners`)."""
    bold = winners(runs, profile, on)
    styled = means(runs, profile, on, published).style.set_uuid(f"intervention-{on}")
    styled = (
        styled.format(escape="html")
        .format_index(escape="html")
        .format_index(escape="html", axis=1)
    )
    return styled.apply(
        lambda column: [
            "font-weight: bold" if bold.get(column.name) == method else ""
            for method in column.index
        ]
    )


def falls(runs: pd.DataFrame, *, profile: str) -> Figure:
    """DCI of each method with independent and with correlated factors, a panel a data set.

    Points are runs, and a line joins the means. A panel without runs says so.
    """
    places = ("dsprites", "shapes3d")
    figure, row = plt.subplots(1, len(places), figsize=(PAGE_WIDTH, 2.9), sharey=True)
    for axes, on in zip(row, places, strict=True):
        methods = experiment.methods(on)
        drawn = False
        for place, method in enumerate(methods):
            by_law = [
                of_cell(runs, profile, on, law, method, "dci_forest")
                for law in experiment.LAWS[::-1]
            ]
            for side, (values, look) in enumerate(zip(by_law, LOOKS, strict=True)):
                at = place + SIDES[side]
                axes.plot(np.full(len(values), at), values, **look)
                drawn = drawn or len(values) > 0
            if all(len(values) for values in by_law):
                ends = [place + side for side in SIDES], [values.mean() for values in by_law]
                axes.plot(*ends, color=COLOURS["black"], lw=1.5)
        if not drawn:
            axes.text(0.5, 0.5, "no runs yet", transform=axes.transAxes, ha="center")
        axes.set_xticks(range(len(methods)), [SHORT[m] for m in methods], fontsize=SMALLEST)
        axes.set_title(experiment.SIZES[profile].pictures[on].dataset)
    row[0].set_ylabel("DCI")
    handles, labels = row[0].get_legend_handles_labels()
    row[1].legend(handles[: len(LOOKS)], labels[: len(LOOKS)])
    in_tables = runs[runs["run_id"].isin(_ids(profile))]
    return finish(figure, profile, tables.source(in_tables), bars="a point is a run")


def _ids(profile: str) -> list[str]:
    """The runs of all cells of the tables."""
    n_seeds = max(experiment.SIZES[profile].n_primary, experiment.SIZES[profile].n_seeds)
    return [run.id(s) for run in experiment.cells(profile).values() for s in range(n_seeds)]


def sources(runs: pd.DataFrame, ids: Iterable[str], profile: str) -> dict[str, str]:
    """What each claim's test is on: data sets and sources of the runs that it reads."""
    run_of = {
        setting.run.id(seed): setting.run
        for setting in experiment.settings(profile)
        for seed in setting.seeds
    }

    def read(claim: str) -> pd.DataFrame:
        reads = [experiment.reads(claim, run_of[i]) if i in run_of else False
                 for i in runs["run_id"]]  # fmt: skip
        return runs[np.array(reads, dtype=bool)]

    return {claim: tables.source(read(claim)) for claim in ids}


def fall(points: Floats) -> float:
    """By how much more the baselines' score falls than the model's; `fall_settings` has the order.

    Args: points: (settings, 1), means over seeds.

    Returns: the mean over data sets of mean_baselines (independent - correlated) less the model's.
    """
    by_setting = points[:, 0].reshape(-1, len(experiment.IN_PRIMARY), 2)
    falls = by_setting[..., 1] - by_setting[..., 0]  # laws: correlated, independent
    return float((falls[:, 1:].mean(1) - falls[:, 0]).mean())


def fall_settings(runs: pd.DataFrame, profile: str) -> list[Floats]:
    """DCI of the settings that `fall` compares, each (S, 1): data set, method, law."""
    return [
        of_cell(runs, profile, on, law, method, "dci_forest")[:, None]
        for on in ("dsprites", "shapes3d")
        for method in experiment.IN_PRIMARY
        for law in experiment.LAWS
    ]


def asked_of_tables(profile: str) -> dict[str, tuple[str, str, str, str]]:
    """The claims on single cells: id -> data set, law, the method compared with, and column."""
    found = {}
    for on, number in experiment.TABLES.items():
        for about, law in (("tab", "correlated"), ("same", "independent")):
            for key, method in experiment.COMPARED.items():
                if (on, law, method) not in experiment.cells(profile):
                    continue
                for score, column in SCORES[on].items():
                    first = next(iter(SCORES[on]))
                    if about == "same" and score != first:
                        continue
                    suffix = "" if score == first else f"-{score.lower()}"
                    found[f"B-{about}{number}-{key}{suffix}"] = (on, law, method, column)
    return found


def answer(decided: Sequence[Record]) -> str:
    """The answer to the page's question, from the verdict on the fall of DCI."""
    (claim,) = (record for record in decided if record.id == "B-fall")
    return f"The paper says yes. {claim.sentence}"


def ablation(runs: pd.DataFrame, profile: str) -> pd.DataFrame:
    """Scores without each of the losses, on dSprites with correlated factors.

    Returns: a line a variant, the whole model first; columns seeds and the mean of each score.
    """
    columns = SCORES["dsprites"]
    of = {
        "all losses": {
            name: of_cell(runs, profile, "dsprites", "correlated", "intervention", column)
            for name, column in columns.items()
        }
    }
    for name in experiment.ABLATED:
        found = tables.variant(runs, "intervention", name) if len(runs) else runs
        of[name] = {
            score: found[column].dropna().to_numpy(dtype=np.float64)
            if column in found
            else np.empty(0)
            for score, column in columns.items()
        }
    return pd.DataFrame(
        {
            name: {
                "seeds": len(values["DCI"]),
                **{s: v.mean() if len(v) else np.nan for s, v in values.items()},
            }
            for name, values in of.items()
        }
    ).T


def importances(kept: Mapping[str, Kept], data: FactorData, *, profile: str) -> Figure:
    """How much each axis tells of each factor, a panel a model (the paper's Figure 4a).

    Importance is that of `metrics.dci_forest`: shares of a factor's row. data: what the models
    were judged on.
    """
    figure, row = plt.subplots(1, len(kept), figsize=(PAGE_WIDTH, 2.8), sharey=True, squeeze=False)
    for axes, (name, model) in zip(row[0], kept.items(), strict=True):
        score = metrics.dci_forest(model.mean, data.factors)
        axes.imshow(score.parts["importance"], cmap="Blues", vmin=0, vmax=1, aspect="auto",
                    interpolation="none")  # fmt: skip
        axes.set_title(f"{name}, DCI {score.value:.2f}")
        axes.set_xlabel("axis")
    names = [factor.replace("_", " ") for factor in data.factor_names]
    row[0][0].set_yticks(range(len(names)), names, fontsize=SMALLEST)
    return finish(figure, profile, f"{data.name} ({data.source})")


@entry
def traversals(
    kept: Mapping[str, tuple[Setting, Kept]],
    data: FactorData,
    factors: Sequence[str],
    *,
    profile: str,
) -> Figure:
    """What is decoded as the axis that tells most of a factor moves (the paper's Figure 4b).

    The axis moves between the `QUANTILES` of its codes, the others stay at the code of one image,
    the first of the data. A block a model, a line a factor.
    """
    figure, blocks = plt.subplots(
        len(kept), 1, figsize=(PAGE_WIDTH, 0.9 * len(kept) * len(factors) + 0.6), squeeze=False
    )
    for (axes,), (name, (setting, model)) in zip(blocks, kept.items(), strict=True):
        importance = metrics.dci_forest(model.mean, data.factors).parts["importance"]
        chosen = [int(importance[data.factor_index(factor)].argmax()) for factor in factors]
        lines = [moved(model.mean, axis) for axis in chosen]
        sheet = _sheet(_decoded(setting, model, torch.stack(lines), data))
        axes.imshow(sheet, interpolation="none")
        side = sheet.shape[0] / len(factors)
        labels = [f"{f.replace('_', ' ')}, axis {a}" for f, a in zip(factors, chosen, strict=True)]
        axes.set_yticks(side * (np.arange(len(factors)) + 0.5) - 0.5, labels, fontsize=SMALLEST)
        axes.set_xticks([])
        axes.set_title(name)
    return finish(figure, profile, f"{data.name} ({data.source})")


@entry
def moved(codes: Tensor, axis: int) -> Tensor:
    """The first code with one axis between the `QUANTILES` of all codes: (len(`TRAVERSAL`), D)."""
    low, high = torch.quantile(codes[:, axis], torch.tensor(QUANTILES))
    code = codes[0].repeat(len(TRAVERSAL), 1)
    code[:, axis] = torch.linspace(float(low), float(high), len(TRAVERSAL))
    return code


def stored_neighbours(settings: Sequence[Setting]) -> dict[str, NDArray[np.uint8]]:
    """Pictures of `neighbours` by model, of the settings whose files lie there."""
    found = {}
    for setting in settings:
        if "neighbours" in setting.pictures:
            run = setting.run
            folder = store.folder(run.experiment, run.profile) / "pictures"
            path = folder / f"{run.id(setting.seeds[0])}.npz"
            if path.exists():
                (found[NAMED[run.objective]],) = store.read_pictures(path, "neighbours")
    return found


def neighbours(pictures: Mapping[str, NDArray[np.uint8]], origin: str, *, profile: str) -> Figure:
    """Images and their nearest others by each feature, a block a model (the paper's Figure 5).

    pictures: by model (queries, features, 1 + neighbours, C, H, W), as `scoring.neighbours` takes
        them.
    """
    figure, row = plt.subplots(1, len(pictures), figsize=(PAGE_WIDTH, 4.2), squeeze=False)
    for axes, (name, of) in zip(row[0], pictures.items(), strict=True):
        n_queries, n_features = of.shape[:2]
        axes.imshow(_sheet(of.reshape(n_queries * n_features, *of.shape[2:])),
                    interpolation="none")  # fmt: skip
        side = of.shape[-1] + 2
        lines = [f"feature {k + 1}" for _ in range(n_queries) for k in range(n_features)]
        places = side * (np.arange(len(lines)) + 0.5) - 0.5
        axes.set_yticks(places, lines if axes is row[0][0] else [""] * len(lines),
                        fontsize=SMALLEST)  # fmt: skip
        axes.set_xticks([side / 2, 2.5 * side], ["asked", "nearest"], fontsize=SMALLEST)
        axes.set_title(name)
    return finish(figure, profile, origin)


def _decoded(setting: Setting, model: Kept, z: Tensor, data: FactorData) -> NDArray[np.uint8]:
    """Bernoulli means of codes (lines, T, D) by a committed decoder: (lines, T, C, H, W)."""
    run = setting.run
    shape = tuple(int(n) for n in data.images.shape[1:])
    assert len(shape) == 3
    decoder = nets.builder("decoder", run.roles()["decoder"])(shape, run.n_axes)
    decoder.load_state_dict(model.decoder)
    with torch.no_grad():
        logits = decoder(z.flatten(0, 1))
    return as_uint8(logits.sigmoid().unflatten(0, z.shape[:2]))


def _sheet(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rows of pictures (R, T, C, H, W), grey or in colour, in frames, as one in colour."""
    framed = np.pad(pictures, [(0, 0)] * 3 + [(1, 1)] * 2, constant_values=90)
    n_rows, n_columns, channels, height, width = framed.shape
    sheet = framed.transpose(0, 3, 1, 4, 2).reshape(n_rows * height, n_columns * width, channels)
    return np.broadcast_to(sheet, (*sheet.shape[:2], 3))
