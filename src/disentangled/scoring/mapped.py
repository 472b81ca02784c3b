"""MIG after linear maps of the code, and what probes find in it."""

from __future__ import annotations

import numpy as np
import torch

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.metrics import linear_maps
from disentangled.scoring.codes import (
    SCORE_SEED,
    Encoded,
    Number,
    columns,
    number,
)


def mapped(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """Binned MIG of codes after linear maps, and what linear and other probes find in them.

    "mapped_mig": of mean and of sampled codes, each as it is, in units of its noise, with the
    noise made independent, after ICA, and turned by the best rotation found. Maps that are fitted
    are so on one half of the images; MIG is that of the other half in every case.
    """
    step, n_data = model.step, len(data)
    covariance = model.run.noise_covariance()
    noise = torch.eye(model.run.n_axes) if covariance is None else covariance
    order = torch.randperm(n_data, generator=torch.Generator().manual_seed(SCORE_SEED))
    seen, held_out = order[: n_data // 2], order[n_data // 2 :]
    names = [n for n in data.factor_names if n not in data.unordered]
    factors, ordered = data.factors.cpu(), columns(data, names).cpu()
    everything, logvar = " ".join(data.factor_names), code.logvar.double()
    fitted = {
        "as it is": lambda z: np.eye(z.shape[1]),
        "unit noise": lambda z: linear_maps.unit_noise(logvar),
        "independent noise": lambda z: linear_maps.independent_noise(logvar, noise),
        "ICA": lambda z: linear_maps.independent_components(z, seed=SCORE_SEED),
        "best rotation found": lambda z: linear_maps.best_rotation(z, ordered[seen]),
    }
    probes = {"least squares": metrics.linear_r2, "10 neighbours": metrics.neighbour_r2}
    n_eval = min(1_000, n_data // 6)
    numbers = []
    for kind, z in (("mean", code.mean.double()), ("sample", code.z.double())):
        for name, fit in fitted.items():
            turned = z[held_out].numpy() @ fit(z[seen])
            gap = metrics.mig(turned, factors[held_out]).value
            numbers.append(
                number(step, "mapped_mig", gap, estimator=f"20 bins, {name}", code=kind,
                       factors=everything, unit="1")
            )  # fmt: skip
        for name, probe in probes.items():
            told = probe(
                z, ordered, n_train=min(5_000, n_data - n_eval), n_eval=n_eval,
                generator=torch.Generator().manual_seed(SCORE_SEED),
            ).parts["r2"]  # fmt: skip
            numbers += [
                number(step, "probe_r2", r2, estimator=name, code=kind, factors=factor, unit="1")
                for factor, r2 in zip(names, told, strict=True)
            ]
    return numbers
