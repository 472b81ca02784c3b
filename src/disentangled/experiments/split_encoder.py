"""Paper A's main experiment: does a split encoder raise MIG and lower the distortion?

Figures 3 to 8 of Yang et al. 2020: FactorVAE and β-TCVAE, vanilla and split, on dSprites,
SmallNORB and Cars3D; with the depth and the width of the split varied on dSprites.
"""

from __future__ import annotations

from disentangled.experiments import dlib_study
from disentangled.experiments.setting import Setting

VANILLA = ""

SPLIT = "_split_1"
"""The split encoder that is compared on all data sets: every axis has the last hidden layer for
itself, at full width. The paper says that an axis' private layers are of larger capacity than the
vanilla encoder's one, and not by how much."""

OTHERS = ("_split_1_narrow", "_split_2", "_split_2_narrow")
"""The same with the vanilla encoder's parameter count, and both with one more private layer; on
dSprites with β-TCVAE."""

OBJECTIVES = ("factor_vae_dlib", "beta_tcvae_dlib")


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
