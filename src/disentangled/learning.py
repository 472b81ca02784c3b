"""Whether a run learned anything, and whether its training had come to an end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from disentangled import data as datasets
from disentangled.arrays import entry, of_arrays
from disentangled.data import Images
from disentangled.objectives import OBJECTIVES
from disentangled.runs import Run
from disentangled.types import Pixels

BELOW_ONE_PICTURE = 0.9
"""A run that learned has a distortion below this share of the best constant picture's."""

LARGEST_KL = 1_000.0
"""Nats of KL above which a code no longer says anything that a decoder could use."""

SETTLED = {"autoencoder": 1.0}
"""Nats that a player's loss may still change in the last quarter of a training that has ended."""

SETTLED_OTHER = 0.05
"""The same of every other player: a critic's loss is at most log 2 where it guesses."""

QUARTER = 0.75
"""Share of the steps at which the last quarter begins."""


@of_arrays
def distortion_of_one_picture(mean: Pixels) -> float:
    r"""Bernoulli distortion in nats if every image is decoded as their mean, of values 0 to 1.

        Σ_pixels H(mean pixel),   H(p) = -p log p - (1 - p) log (1 - p)

    No constant picture has a smaller one.
    """
    return float((torch.special.entr(mean) + torch.special.entr(1 - mean)).sum())


@cache
def one_picture(dataset: str, size: int) -> float:
    """`distortion_of_one_picture` of a data set at a size: of the table, else of its images."""
    with (resources.files("disentangled") / "one_picture.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file).set_index(["dataset", "size"])["nats"]
    if (dataset, size) in table.index:
        return float(table[dataset, size])
    return distortion_of_one_picture(mean_picture(datasets.load(dataset, size=size).images))


@entry
def mean_picture(images: Images) -> Tensor:
    """The mean of all images (C, H, W), of values 0 to 1, in float64."""
    blocks = torch.arange(len(images)).split(8_192)
    total = torch.stack([images[index].sum(0, dtype=torch.float64) for index in blocks]).sum(0)
    return total / len(images) / 255


def learned(runs: pd.DataFrame, run_of: Mapping[str, Run]) -> pd.DataFrame:
    """Those of the runs that learned: the one rule by which tests leave runs out.

    A run learned if its distortion is 10 % below that of the best constant picture, which every
    net can draw without a code, and its KL term is at most 1,000 nats. Rows of another prior than
    the normal one say no KL term; the distortion decides then. A game without a net called decoder
    (a GAN) gives images no likelihood: its runs have no distortion by which to leave any out, and
    all of them count.

    Args:
        runs: a line a run (see `tables.settled`). Rows from before the score `losses` do not say
            the distortion of that picture: it is `one_picture`'s.
        run_of: the settings by run_id.
    """
    keep = []
    for line in runs.to_dict("records"):
        run = run_of[line["run_id"]]
        if "decoder" not in OBJECTIVES[run.objective].nets:
            keep.append(True)
            continue
        of_picture = line.get("distortion_of_one_picture", math.nan)
        if math.isnan(of_picture):
            of_picture = run.pixel_area * one_picture(run.dataset, run.size)
        bound = BELOW_ONE_PICTURE * of_picture
        keep.append(line["distortion"] < bound and not line["kl"] > LARGEST_KL)
    return runs[np.array(keep, dtype=bool)]  # of no runs too, a list would name columns


def last_quarter(runs: pd.DataFrame) -> pd.DataFrame:
    """By how much each player's loss fell in the last quarter of every run.

    Args:
        runs: `tables.per_run`, a line a run and step.

    Returns: a line a run (index: run_id), a column a player; nats per example, NaN where the run
        was not scored when its last quarter began.
    """
    losses = {c: c.removeprefix("loss_") for c in runs.columns if c.startswith("loss_")}
    begin, end = (table[list(losses)] for table in quarter_and_end(runs))
    return (begin - end).rename(columns=losses)


def quarter_and_end(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every run when its last quarter begins, and at its end (index: run_id, the same in both).

    Args: runs: `tables.per_run`, a line a run and step. A run that was not scored when its last
        quarter began has NaN there.
    """
    end = runs[runs["last"]].set_index("run_id")
    begins = runs["step"] == (QUARTER * runs["run_id"].map(end["step"])).round()
    return runs[begins].set_index("run_id").reindex(end.index), end


def settled(runs: pd.DataFrame, run_of: Mapping[str, Run]) -> str:
    """Whether the trainings of a test had ended: "yes", "not known", or "no" and by how much not.

    They had if in every setting the loss of every player changed, in the mean over seeds, by no
    more than its bound (`SETTLED`) in the last quarter. A critic's loss rises as often as it
    falls, so that the size of the change counts.

    Args:
        runs: as in `last_quarter`, of the runs that a test reads.
        run_of: the settings by run_id.
    """
    change = last_quarter(runs)
    means = change.groupby(change.index.map(lambda run_id: run_of[run_id].setting_id())).mean()
    known = means.notna().any(axis=1)
    if not len(means) or not known.all():
        return "not known"
    over = {
        player: means[player].abs().max()
        for player in means
        if means[player].abs().max() > SETTLED.get(str(player), SETTLED_OTHER)
    }
    if not over:
        return "yes"
    return "no: " + ", ".join(
        f"the loss of the {player} still moved by up to {size:.3g} nats in the last quarter"
        for player, size in over.items()
    )
