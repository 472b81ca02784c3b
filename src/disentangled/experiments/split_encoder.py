"""Paper A's main experiment: does a split encoder raise MIG and lower the distortion?

Figures 3 to 8 of Yang et al. 2020: FactorVAE and β-TCVAE, vanilla and split, on dSprites,
SmallNORB and Cars3D; with the depth and the width of the split varied on dSprites.
"""

from __future__ import annotations

from disentangled.experiments import dlib_study
from disentangled.experiments.setting import Setting
from disentangled.runs import Run

VANILLA = ""

SPLIT = "_split_1"
"""The split encoder that is compared on all data sets: every axis has the last hidden layer for
itself, at full width. The paper says that an axis' private layers are of larger capacity than the
vanilla encoder's one, and not by how much."""

OTHERS = ("_split_1_narrow", "_split_2", "_split_2_narrow")
"""The same with the vanilla encoder's parameter count, and both with one more private layer; on
dSprites with β-TCVAE."""

OBJECTIVES = ("factor_vae_dlib", "beta_tcvae_dlib")

FIGURES = {"3": "dsprites", "5": "smallnorb", "7": "cars3d"}
"""The data set of the paper's figure on MIG; the next figure is on the same one's distortion."""


def reads(claim: str, run: Run) -> bool:
    """Whether the test of a claim, by its id, reads runs of this setting."""
    sizes = dlib_study.SIZES[run.profile]
    split = run.net.removeprefix(sizes.net)
    if claim.startswith("A-split"):  # all six panels
        return split in (VANILLA, SPLIT)
    figure, _, about = claim.removeprefix("A-fig").partition("-")
    on = sizes.datasets[FIGURES.get(figure) or FIGURES[str(int(figure) - 1)]]
    if about == "baseline":  # against dSprites'
        return split == VANILLA and run.dataset in (on, sizes.datasets["dsprites"])
    objectives = {"factor-vae": OBJECTIVES[:1], "tcvae": OBJECTIVES[1:], "correlation": OBJECTIVES}
    of_it = objectives[about.removesuffix("-best")]
    return run.dataset == on and run.objective in of_it and split in (VANILLA, SPLIT)


def settings(profile: str) -> list[Setting]:
    """Vanilla and split of both objectives on the three data sets, and the other splits."""
    sizes = dlib_study.SIZES[profile]
    seeds = tuple(range(sizes.n_seeds))
    cases = [
        (dataset, objective, split)
        for dataset in sizes.datasets
        for objective in OBJECTIVES
        for split in (VANILLA, SPLIT)
    ]
    cases += [("dsprites", "beta_tcvae_dlib", split) for split in OTHERS]
    declared = []
    for dataset, objective, split in cases:
        run = dlib_study.run("split_encoder", profile, dataset, objective, split=split)
        declared.append(Setting(run, seeds, kept_by="mig"))
    return declared
