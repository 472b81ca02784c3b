"""What scores are worth without learning, and numbers that others have published."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import pandas as pd
from sklearn.decomposition import PCA

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.runs import Run
from disentangled.training import untrained as untrained_models


def untrained(run: Run, seeds: Sequence[int], data: FactorData) -> pd.DataFrame:
    """Both MIGs of encoders with their initial weights: columns seed, mig_exact, mig."""
    models = untrained_models(run, seeds, data, Hardware(device=data.device))
    mean, logvar = models.encode(data)
    names, columns = _scored(data)
    lines = []
    for position, seed in enumerate(models.seeds):
        exact = metrics.mig_exact(
            mean[position],
            logvar[position],
            data.factors,
            factor_names=data.factor_names,
            subset=names,
        )
        binned = metrics.mig(mean[position], data.factors[:, columns])
        lines.append({"seed": seed, "mig_exact": exact.value, "mig": binned.value})
    return pd.DataFrame(lines)


def principal_components(data: FactorData, n_axes: int) -> dict[str, float]:
    """The binned MIG of the first principal components of the images."""
    pixels = data.images[:].flatten(1).numpy() / 255
    codes = PCA(n_axes, svd_solver="covariance_eigh").fit_transform(pixels)
    return {"mig": metrics.mig(codes, data.factors[:, _scored(data)[1]]).value}


def published(experiment: str) -> pd.DataFrame:
    """Numbers that others report for the experiment's objectives, with what differs from ours."""
    path = resources.files("disentangled") / "published.csv"
    with path.open(encoding="utf-8") as file:
        table = pd.read_csv(file, keep_default_na=False)
    return table[table["experiment"] == experiment].drop(columns="experiment")


def against_baselines(law: str) -> dict[str, int]:
    """In how many columns of paper B's Tables 1 to 3 its model is best, ties for best, or is not.

    Args:
        law: "independent" or "correlated", of the factors; a column is a score on a data set.
    """
    counts = {"best": 0, "tie": 0, "not best": 0}
    table = published("intervention")
    for _, column in table[table["score"].str.endswith(law)].groupby("score"):
        value = column["value"].astype(float)
        ours = column["objective"] == "intervention"
        margin = value[ours].item() - value[~ours].max()
        counts["best" if margin > 0 else "tie" if margin == 0 else "not best"] += 1
    return counts


def _scored(data: FactorData) -> tuple[list[str], list[int]]:
    names = [name for name in data.factor_names if name not in data.nuisances]
    return names, [data.factor_index(name) for name in names]
