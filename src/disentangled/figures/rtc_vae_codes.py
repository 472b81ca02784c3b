"""The chapter on RTC-VAE: the codes of single models on Shapes3D, and which factors they tell.

The models are those that are committed, of each setting the one whose MIG is the median. The code
is the mean of the posterior. An axis that tells less than 0.1 nats of the image is left at 0, as
in the score `tc_mean_sample`: it tells nothing, and its means alone would look as if it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from disentangled import data as datasets
from disentangled import metrics, models
from disentangled.arrays import entry
from disentangled.data import FactorData
from disentangled.experiments import rtc_vae
from disentangled.figures import over_seeds, portraits
from disentangled.figures.style import PAGE_WIDTH, SMALLEST, finish, heatmap, not_run
from disentangled.scoring import SCORE_SEED, Encoded
from disentangled.scoring.tc_mean_sample import telling
from disentangled.tables import Floats

N_POINTS = 2_000
"""Images whose codes pair plots show, as many as the paper's; drawn with `SCORE_SEED`."""

MOST_AXES = 8
"""So many axes a pair plot shows at most, those that vary most. More are too small to read."""

CELL, EDGE = 60, 3  # pixels of a pair of axes, and between two

IN_FIGURE_7 = pd.DataFrame(
    {
        "object_hue": [0.23, 0.17, 0.06, 0.017],
        "orientation": [0.97, 1e-4, 0.97, -0.01],
    },
    index=["best axis", "second best", "gap", "correlation of the two"],
)
"""The numbers that the paper prints of an RTC-VAE on Shapes3D. They are R² of the two best axes,
what the two give to SAP, and their correlation."""


class Model(NamedTuple):
    """A committed model.

    title: its objective and strength; setting: what it is of; seed.
    code: (N, D), 0 on axes that tell nothing; data: its images and their factors.
    """

    title: str
    line: pd.Series[str]
    code: Floats
    data: FactorData
    profile: str


class Links(NamedTuple):
    """What each axis tells of each factor, both (K, D): the squared correlation, and the mutual
    information as a share of the factor's entropy; axes: (K,), on how many a factor lives."""

    r2: Floats
    information: Floats
    axes: Floats


def committed(profile: str) -> dict[str, Model]:
    """The models of Figures 14 to 16 by objective; those that are not committed are left out."""
    found = {}
    for objective, strength in rtc_vae.ON_SHAPES3D.items():
        setting = rtc_vae.setting(profile, "shapes3d", objective, strength)
        kept = models.committed(setting)
        if kept is None:
            continue
        data = datasets.load(setting.run.dataset, size=setting.run.size)
        code = telling(Encoded(kept.mean, kept.logvar, kept.mean)).double().numpy()
        line = pd.Series(
            {
                "run_id": setting.run.id(kept.seed),
                "dataset": setting.run.dataset,
                "source": data.source,
                "seed": kept.seed,
            }
        )
        title = f"{over_seeds.METHODS[objective][0]} ({strength:g})"
        found[objective] = Model(title, line, code, data, profile)
    return found


def active(code: Floats) -> list[int]:
    """The axes that vary, those that vary most first."""
    spread = code.std(0)
    return [int(axis) for axis in spread.argsort()[::-1] if spread[axis] > 0]


def links(model: Model) -> Links:
    """What the axes of a model tell of the factors."""
    factors = model.data.factors
    told = metrics.mig(model.code, factors).parts["mutual_information"]
    entropy = [metrics.mig(factors[:, [k]], factors[:, [k]]).parts["mutual_information"][0, 0]
               for k in range(factors.shape[1])]  # fmt: skip
    counted = metrics.disintegration(
        model.code, factors, generator=torch.Generator().manual_seed(SCORE_SEED)
    )
    return Links(
        metrics.sap(model.code, factors, kind="r2").parts["scores"],
        np.asarray(told) / np.asarray(entropy)[:, None],
        np.asarray(counted.parts["perplexity"]),
    )


@entry
def pair_plot(model: Model | None, *, profile: str) -> Figure:
    """The codes of 2,000 images on every pair of axes, and the law of each axis (Cheng et al.
    2020, Figures 14 to 16)."""
    if model is None:
        return not_run(profile)
    axes = active(model.code)[:MOST_AXES]
    some = torch.randperm(len(model.code), generator=torch.Generator().manual_seed(SCORE_SEED))
    code = model.code[some[:N_POINTS].numpy()][:, axes]
    sheet = _sheet(code)
    figure, panel = plt.subplots(figsize=(PAGE_WIDTH * 0.86, PAGE_WIDTH * 0.86 + 0.3))
    panel.imshow(sheet, cmap="Greys", vmin=0, vmax=1, interpolation="none")
    middles = (CELL + EDGE) * np.arange(len(axes)) + CELL / 2
    panel.set_xticks(middles, [f"axis {axis}" for axis in axes], fontsize=SMALLEST)
    panel.set_yticks(middles, [f"axis {axis}" for axis in axes], fontsize=SMALLEST)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    told = len(active(model.code))
    beyond = f", the {len(axes)} that vary most of {told} that tell something"
    panel.set_title(f"{model.title}: means of {len(code):,} images" + beyond * (told > len(axes)))
    return _finished(figure, model)


def _sheet(code: Floats) -> Floats:
    """All pairs as a picture (side, side), 0 to 1: points below the diagonal, on it histograms."""
    n_axes = code.shape[1]
    low, high = code.min(0), code.max(0)
    cells = np.minimum((CELL * (code - low) / (high - low)).astype(int), CELL - 1)  # (n, D)
    side = n_axes * (CELL + EDGE) - EDGE
    sheet = np.zeros((side, side))
    for i in range(n_axes):
        for j in range(i + 1):
            box = np.zeros((CELL, CELL))
            if i == j:
                heights = np.bincount(cells[:, i], minlength=CELL)
                tall = (CELL * heights / heights.max()).round().astype(int)
                box[np.arange(CELL)[:, None] >= CELL - tall] = 0.5
            else:
                np.add.at(box, (CELL - 1 - cells[:, i], cells[:, j]), 1.0)
                box = np.minimum(1.0, 0.45 + 0.2 * box) * (box > 0)
            top, left = i * (CELL + EDGE), j * (CELL + EDGE)
            sheet[top : top + CELL, left : left + CELL] = np.maximum(box, 0.04)
    return sheet


def matrices(model: Model | None, *, profile: str) -> Figure:
    """R² and normalised mutual information of every axis and factor (Figures 8 and 9), and on how
    many axes each factor lives."""
    if model is None:
        return not_run(profile)
    found = links(model)
    n_axes = model.code.shape[1]
    figure, panels = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 3.9), sharey=True)
    rows = [f"axis {axis}" for axis in range(n_axes)]
    names = [name.replace("_", "\n") for name in model.data.factor_names]
    counted = [f"{name}\n{axes:.1f}" for name, axes in zip(names, found.axes, strict=True)]
    of = {
        "$R^2$": (found.r2, names),
        "normalised mutual information": (found.information, counted),
    }
    for panel, (title, (values, columns)) in zip(panels, of.items(), strict=True):
        heatmap(panel, values.T, rows, columns, top=1.0)
        panel.set_title(title)
        panel.tick_params(axis="x", labelsize=SMALLEST)
        for text in panel.texts:
            text.set_fontsize(SMALLEST)
    panels[1].set_xlabel("below each factor: the axes that tell of it")
    figure.suptitle(model.title, fontsize=9.5, x=0.01, ha="left")
    return _finished(figure, model)


@entry
def on_two_axes(model: Model | None, *, profile: str) -> Figure:
    """The two axes that tell most of one factor: of the factor whose second best axis tells most,
    and of the one with the largest gap; and traversals of the first two (Figures 5 to 7)."""
    if model is None:
        return not_run(profile)
    share = links(model).information
    ranked = np.sort(share, 1)[:, ::-1]
    spread, held = int(ranked[:, 1].argmax()), int((ranked[:, 0] - ranked[:, 1]).argmax())
    figure, panels = plt.subplot_mosaic(
        [["spread", "held"], ["walks", "walks"]],
        figsize=(PAGE_WIDTH, 4.6),
        height_ratios=[2.6, 1.7],
    )
    names = model.data.factor_names
    _scatter(panels["spread"], model, share, spread, f"{names[spread]}, shared")
    _scatter(panels["held"], model, share, held, f"{names[held]}, apart")
    pair = two_best(share, spread)
    portraits.walks(model.line, pair, "rtc_vae", panels["walks"], profile=model.profile)
    return _finished(figure, model)


def two_best(share: Floats, factor: int) -> list[int]:
    """The two axes that tell most of a factor, the better one first."""
    return [int(axis) for axis in share[factor].argsort()[::-1][:2]]


def _scatter(panel: Axes, model: Model, share: Floats, factor: int, title: str) -> None:
    """Codes of 2,000 images on the two best axes of a factor, coloured by its value."""
    some = torch.randperm(len(model.code), generator=torch.Generator().manual_seed(SCORE_SEED))
    some = some[:N_POINTS]
    code, value = model.code[some.numpy()], model.data.factors[some, factor].numpy()
    one, other = two_best(share, factor)
    # hues and angles come round: a colour map that does is read as one
    panel.scatter(code[:, one], code[:, other], c=value, cmap="turbo", s=4, lw=0, rasterized=True)
    told = share[factor, [one, other]]
    panel.set(
        title=f"{title}: {told[0]:.2f} and {told[1]:.2f} told",
        xlabel=f"axis {one}", ylabel=f"axis {other}",
    )  # fmt: skip


def beside_figure_7(model: Model | None) -> pd.DataFrame:
    """What the paper prints in Figure 7, beside the same numbers of our model; NaN without one.

    Returns: a line a number, columns (factor, "printed" or "ours").
    """
    found: dict[tuple[str, str], Mapping[str, float] | pd.Series[float]] = {}
    for name, printed in IN_FIGURE_7.items():
        found[str(name), "printed"] = printed
        found[str(name), "ours"] = _two_best_r2(model, str(name)) if model else {}
    return pd.DataFrame(found, index=IN_FIGURE_7.index).astype(float)


def _two_best_r2(model: Model, name: str) -> dict[str, float]:
    factor = model.data.factor_index(name)
    r2 = links(model).r2
    pair = two_best(r2, factor)
    best, second = (float(r2[factor, axis]) for axis in pair)
    one, other = (model.code[:, axis] for axis in pair)
    varies = one.std() > 0 and other.std() > 0
    correlation = float(np.corrcoef(one, other)[0, 1]) if varies else 0.0
    values = (best, second, best - second, correlation)
    return dict(zip(map(str, IN_FIGURE_7.index), values, strict=True))


def _finished(figure: Figure, model: Model) -> Figure:
    line = model.line
    origin = f"{line['dataset']} ({line['source']}), seed {line['seed']}"
    return finish(figure, model.profile, origin)
