"""Scores of disentanglement. They take codes and factors as arrays and never see a network.

`translation_difficulty`, which is not among `METRICS`, takes no factors, and what decodes and
what learns as functions.
"""

from collections.abc import Callable

from disentangled.metrics.beta_vae_score import beta_vae_score
from disentangled.metrics.dci import dci_boosting, dci_forest
from disentangled.metrics.disintegration import disintegration
from disentangled.metrics.factor_vae_score import factor_vae_score
from disentangled.metrics.irs import irs
from disentangled.metrics.linear_r2 import linear_r2
from disentangled.metrics.mig import mig
from disentangled.metrics.mig_exact import mig_exact
from disentangled.metrics.neighbour_r2 import neighbour_r2
from disentangled.metrics.sap import sap
from disentangled.metrics.total_correlation import gaussian_tc, neighbour_tc, tree_tc
from disentangled.metrics.translation import (
    pixel_entropy,
    translation_difficulty,
    translation_limit,
)
from disentangled.types import Score

METRICS: dict[str, Callable[..., Score]] = {
    "mig": mig,
    "mig_exact": mig_exact,
    "beta_vae_score": beta_vae_score,
    "factor_vae_score": factor_vae_score,
    "sap": sap,
    "gaussian_tc": gaussian_tc,
    "neighbour_r2": neighbour_r2,
    "linear_r2": linear_r2,
    "neighbour_tc": neighbour_tc,
    "tree_tc": tree_tc,
    "disintegration": disintegration,
    "dci_forest": dci_forest,
    "dci_boosting": dci_boosting,
    "irs": irs,
}

__all__ = [
    "METRICS",
    "beta_vae_score",
    "dci_boosting",
    "dci_forest",
    "disintegration",
    "factor_vae_score",
    "gaussian_tc",
    "irs",
    "linear_r2",
    "mig",
    "mig_exact",
    "neighbour_r2",
    "neighbour_tc",
    "pixel_entropy",
    "sap",
    "translation_difficulty",
    "translation_limit",
    "tree_tc",
]
