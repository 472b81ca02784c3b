"""The chapter on split encoders: its figures, the numbers that its prose quotes, what it asserts.

`runs` is the table of `tables.settled` with the column score, the library's MIG over all factors.
Data sets go by the paper's names, the keys of `dlib_study.Profile.datasets`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from disentangled import nets, tables
from disentangled.experiments import dlib_study
from disentangled.experiments.split_encoder import OTHERS, SPLIT, VANILLA
from disentangled.figures import over_seeds, portraits
from disentangled.figures.style import COLOURS, PAGE_WIDTH, SMALLEST
from disentangled.records import Record
from disentangled.verdicts import DEFAULT_MATTERS

DATASETS = ("dsprites", "smallnorb", "cars3d")

MODELS = {"factor_vae_dlib": "FactorVAE, γ = 35", "beta_tcvae_dlib": "β-TCVAE, β = 6"}
"""Objectives as the titles of panels name them."""

ENCODERS = {"vanilla": VANILLA, "split": SPLIT}
"""What follows the vanilla net's name, of the encoders that are compared on all data sets."""

LOOKS = {"vanilla": (COLOURS["blue"], "o"), "split": (COLOURS["vermilion"], "^")}
"""Colour and marker of each encoder, the same in every figure."""

SPLITS = {
    "vanilla": VANILLA,
    "depth 1, full width": SPLIT,
    "depth 1, vanilla's parameters": OTHERS[0],
    "depth 2, full width": OTHERS[1],
    "depth 2, vanilla's parameters": OTHERS[2],
}
"""The encoders that are compared by depth and width."""

SHADES = ("blue", "vermilion", "orange", "purple", "green")
"""Their colours."""

CHANGES = {
    (title, depth, step): (column, *pair)
    for column, title in (("score", "MIG"), ("distortion", "distortion"))
    for depth in ("depth 1", "depth 2")
    for step, pair in {
        "split": (f"{depth}, vanilla's parameters", "vanilla"),
        "wider": (f"{depth}, full width", f"{depth}, vanilla's parameters"),
        "both": (f"{depth}, full width", "vanilla"),
    }.items()
}
"""What tells splitting from size, score, depth and step -> column, encoder after and before it."""

MATTERS = {
    "score": DEFAULT_MATTERS["score"],
    "distortion": DEFAULT_MATTERS["nats of distortion"],
}
"""The smallest change of a column that matters; in nats, of the distortion."""

SCORE = "MIG (library, all factors)"

PAIR = (PAGE_WIDTH, 2.9)
"""Inches of two panels side by side."""

VIOLINS = "violins: density, median, quartiles, adjacent values"


def setting(
    runs: pd.DataFrame, profile: str, dataset: str, objective: str, split: str
) -> pd.DataFrame:
    """The finished runs of a setting, by seed."""
    run = dlib_study.run("split_encoder", profile, dataset, objective, split=split)
    ids = [run.id(seed) for seed in range(dlib_study.SIZES[profile].n_seeds)]
    return runs[runs["run_id"].isin(ids)].sort_values("seed")


def on_dataset(runs: pd.DataFrame, profile: str, dataset: str) -> pd.DataFrame:
    """The runs of both objectives and both encoders on a data set."""
    return pd.concat(
        setting(runs, profile, dataset, objective, split)
        for objective in MODELS
        for split in ENCODERS.values()
    )


def on_all(runs: pd.DataFrame, profile: str) -> str:
    """The three data sets and their sources, as captions name them."""
    return ", ".join(tables.source(on_dataset(runs, profile, name)) for name in DATASETS)


def violins(runs: pd.DataFrame, dataset: str, *, profile: str) -> Figure:
    """MIG over seeds, a panel an objective (Yang et al. 2020, Figures 3, 5 and 7)."""

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, at: str) -> None:
        for axes, (objective, title) in zip(row, MODELS.items(), strict=True):
            groups = {}
            for name, split in ENCODERS.items():
                table = setting(of_it, at, dataset, objective, split)
                groups[name] = (table["score"].to_numpy(), LOOKS[name][0])
            over_seeds.violins(groups, SCORE, axes)
            axes.set_title(title)
        row[1].set_ylabel("")

    shown = _of_profiles(runs, profile, dataset)
    return over_seeds.panels(shown, profile, draw, PAIR, bars=VIOLINS, columns=2)


def scatter(runs: pd.DataFrame, dataset: str, *, profile: str) -> Figure:
    """MIG against distortion, a point a run (Yang et al. 2020, Figures 4, 6 and 8).

    A run beyond the upper fence (`over_seeds.fences`) is hollow at it, with its nats in words.
    """

    def draw(row: Sequence[Axes], of_it: pd.DataFrame, at: str) -> None:
        for axes, (objective, title) in zip(row, MODELS.items(), strict=True):
            pair = {
                name: setting(of_it, at, dataset, objective, split)
                for name, split in ENCODERS.items()
            }
            _, edge = over_seeds.fences(pd.concat(pair.values())["distortion"])
            for name, table in pair.items():
                _points(axes, table, edge, name)
            axes.set(title=title, xlabel="distortion, nats an image")
        row[0].set_ylabel(SCORE)
        row[1].legend()

    shown = _of_profiles(runs, profile, dataset)
    bars = "a point is a run; hollow: further to the right, at the value beside it"
    return over_seeds.panels(shown, profile, draw, PAIR, bars=bars, columns=2)


def best(runs: pd.DataFrame, dataset: str, objective: str, *, profile: str) -> Figure:
    """The run of highest MIG of either encoder (Yang et al. 2020, Figures 9 to 11)."""
    lines = {}
    for name, split in ENCODERS.items():
        line = setting(runs, profile, dataset, objective, split).sort_values("score").iloc[-1]
        lines[f"{name}, MIG {line['score']:.2f}"] = line
    return portraits.side_by_side(lines, "split_encoder", profile=profile, reach=1.0)


def by_split(runs: pd.DataFrame, profile: str) -> dict[str, pd.DataFrame]:
    """The runs of β-TCVAE on dSprites with every encoder of `SPLITS`, by its name there."""
    return {
        name: setting(runs, profile, "dsprites", "beta_tcvae_dlib", split)
        for name, split in SPLITS.items()
    }


def depth_and_width(runs: pd.DataFrame, *, profile: str) -> Figure:
    """MIG and distortion of `by_split`, a pair of rows a profile that has all of it."""
    of = {name: by_split(t, name) for name, t in tables.by_profile(runs, profile).items()}
    of = {name: encoders for name, encoders in of.items() if all(map(len, encoders.values()))}
    figure, rows = plt.subplots(2 * len(of), figsize=(PAGE_WIDTH, 5.4 * len(of)), sharex=True)
    for panels, (name, encoders) in zip(rows.reshape(-1, 2), of.items(), strict=True):
        _draw_encoders(panels, encoders)
        if len(of) > 1:
            over_seeds.name_row(panels[0], name)
    shown = {name: pd.concat(encoders.values()) for name, encoders in of.items()}
    return over_seeds.finish_rows(figure, shown, bars=VIOLINS)


def _draw_encoders(panels: Sequence[Axes], encoders: Mapping[str, pd.DataFrame]) -> None:
    """MIG above distortion, a violin an encoder."""
    labels = {"score": "MIG (library)", "distortion": "distortion, nats"}
    for axes, (column, label) in zip(panels, labels.items(), strict=True):
        groups = {
            name.replace(", ", "\n"): (table[column].to_numpy(), COLOURS[shade])
            for (name, table), shade in zip(encoders.items(), SHADES, strict=True)
        }
        over_seeds.violins(groups, label, axes)


def n_parameters(profile: str) -> dict[str, int]:
    """The number of parameters of every encoder of `SPLITS`."""
    sizes = dlib_study.SIZES[profile]
    n_axes = dlib_study.run("split_encoder", profile, "dsprites", "beta_tcvae_dlib").n_axes
    counts = {}
    for name, split in SPLITS.items():
        encoder = nets.NETS[sizes.net + split].encoder((1, sizes.size, sizes.size), n_axes)
        counts[name] = sum(parameter.numel() for parameter in encoder.parameters())
    return counts


def of_changes(changes: pd.DataFrame) -> dict[str, Any]:
    """Numbers of the page on the table of changes, by the keys of `CHANGES`; NaN where empty."""
    effects = changes["typical difference"].to_dict()
    nan = float("nan")
    return {
        "split_1": effects.get(("MIG", "depth 1", "split"), nan),
        "split_2": effects.get(("MIG", "depth 2", "split"), nan),
        "both_2": effects.get(("MIG", "depth 2", "both"), nan),
        "n_changes": len(changes),
    }


def assert_one_change_is_certain(changes: pd.DataFrame) -> None:
    """Assert that of the table of changes only one is certain: MIG, two private layers at full
    width against the vanilla encoder.

    Raises:
        AssertionError: others are certain, or this one is not.
    """
    certain = changes.index[changes["p"] < 0.05].tolist()
    assert certain == [("MIG", "depth 2", "both")], f"certain changes: {certain}"


def gains(runs: pd.DataFrame, profile: str) -> dict[str, float]:
    """Numbers of the page: median MIG of the split encoder less that of the vanilla one."""
    found = {}
    for dataset in DATASETS:
        for objective, short in zip(MODELS, ("factor", "tcvae"), strict=True):
            split, vanilla = (
                np.median(setting(runs, profile, dataset, objective, encoder)["score"])
                for encoder in (SPLIT, VANILLA)
            )
            found[f"gain_{dataset}_{short}"] = float(split - vanilla)
    return found


def assert_gains_are_on_dsprites(found: Mapping[str, float]) -> None:
    """Assert that the split encoder's median MIG is higher on dSprites and nowhere else.

    Args: found: as of `gains`.

    Raises:
        AssertionError: it is so elsewhere, or is not there.
    """
    gained = {name for name, gain in found.items() if gain > 0}
    assert gained == {"gain_dsprites_factor", "gain_dsprites_tcvae"}, f"gains: {gained}"


def answer(decided: Sequence[Record]) -> str:
    """The answer to the page's question, from the verdict on MIG over all panels."""
    (record,) = (record for record in decided if record.id == "A-split-mig")
    return f"Yang et al. say yes. {record.sentence}"


def answers(decided: Sequence[Record]) -> dict[str, str]:
    """Sentences of the page: the verdicts on the three primary claims."""
    return {
        f"answer_{record.id.removeprefix('A-split-')}": record.sentence
        for record in decided
        if record.id.startswith("A-split-")
    }


def assert_only_the_distortion_is_reproduced(decided: Sequence[Record]) -> None:
    """Assert what the prose says of the primary claims and of MIG on single panels.

    Raises:
        AssertionError: another verdict.
    """
    found = {record.id: record.verdict for record in decided}
    primary = {name: found[f"A-split-{name}"] for name in ("mig", "distortion", "correlation")}
    assert primary == {
        "mig": "not reproduced",
        "distortion": "reproduced",
        "correlation": "not reproduced",
    }, f"primary claims: {primary}"
    panels = {
        name: found[name]
        for name in found
        if name.removesuffix("factor-vae").removesuffix("tcvae")
        in ("A-fig3-", "A-fig5-", "A-fig7-")
    }
    assert panels.pop("A-fig3-tcvae") == "reproduced", f"MIG by panel: {panels}"
    assert panels.pop("A-fig3-factor-vae") == "inconclusive", f"MIG by panel: {panels}"
    assert set(panels.values()) == {"not reproduced"}, f"MIG by panel: {panels}"


def _points(axes: Axes, table: pd.DataFrame, edge: float, name: str) -> None:
    """The runs of an encoder; those beyond the edge hollow at it, with their nats beside them."""
    colour, marker = LOOKS[name]
    near, far = table[table["distortion"] <= edge], table[table["distortion"] > edge]
    axes.plot(near["distortion"], near["score"], marker, label=name, color=colour, ms=5)
    for nats, score in far[["distortion", "score"]].to_numpy():
        axes.plot(edge, score, marker, mfc="white", color=colour, ms=5)
        axes.annotate(
            f"{nats:.0f}", (edge, score), xytext=(-6, -3), textcoords="offset points", ha="right",
            fontsize=SMALLEST,
        )  # fmt: skip


def _of_profiles(runs: pd.DataFrame, profile: str, dataset: str) -> pd.DataFrame:
    """`on_dataset` of every profile that has runs."""
    of = tables.by_profile(runs, profile)
    return pd.concat(on_dataset(table, name, dataset) for name, table in of.items())
