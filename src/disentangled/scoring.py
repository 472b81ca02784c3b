"""The numbers of a trained model, each with its estimator, its code and its factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from disentangled import data as datasets
from disentangled import estimators, gaussian, metrics
from disentangled.data import FactorData
from disentangled.metrics import linear_maps
from disentangled.objectives import bernoulli_distortion
from disentangled.training import Fitted

KL_SAMPLES = 4096
"""Codes drawn to estimate the parts of the KL term over the whole data set."""

SCORE_SEED = 20180214
"""Seed of the noise and of the draws that scores are made with, the same for every model."""

NUISANCES = ("shape",)
"""Factors that Chen et al. leave out of MIG: they are treated as noise."""

UNORDERED = ("shape", "category", "object")
"""Factors whose values are mere names: no regression on them."""

DISTORTION_BLOCK = 4096  # images decoded at once

TRAVERSAL = np.linspace(-2, 2, 9)
"""Values that a traversal gives to one axis, the others staying at the code of an image."""

RECONSTRUCTED = 10
"""Images that are kept beside their reconstructions, drawn with `SCORE_SEED`."""

Number = dict[str, Any]


def number(
    step: int,
    quantity: str,
    value: float,
    *,
    estimator: str,
    code: str = "",
    factors: str = "",
    unit: str = "nats",
) -> Number:
    """One number of a row file (see `store.NUMBER`)."""
    return {
        "step": step,
        "quantity": quantity,
        "estimator": estimator,
        "code": code,
        "factors": factors,
        "value": float(value),
        "unit": unit,
    }


class Encoded(NamedTuple):
    """One model's posteriors of all images: mean, logvar and one sample z, each (N, D)."""

    mean: Tensor
    logvar: Tensor
    z: Tensor


def encoded(model: Fitted, data: FactorData) -> Encoded:
    """Encode the whole data set with a stack of one model."""
    mean, logvar = (part[0].cpu() for part in model.encode(data))
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(SCORE_SEED))
    if (covariance := model.run.noise_covariance()) is not None:
        noise = noise @ torch.linalg.cholesky(covariance).float().T
    return Encoded(mean, logvar, mean + torch.exp(0.5 * logvar) * noise)


def mean_distortion(model: Fitted, data: FactorData, z: Tensor) -> float:
    """Mean of -log p(x|z) over the data set, at one code an image; nats per example."""
    total = 0.0
    for index in torch.arange(len(data)).split(DISTORTION_BLOCK):
        logits = model.decode(z[index][None].to(data.device))[0]
        nats = bernoulli_distortion(data.pixels(index), logits, pixel_area=model.run.pixel_area)
        total += float(nats.double().sum())
    return total / len(data)


def main_scores(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """ELBO, the parts of its KL term, and Chen's MIG: what the figures need at every milestone."""
    step = model.step
    distortion = mean_distortion(model, data, code.z)
    covariance = model.run.noise_covariance()
    of_noise = 0.0 if covariance is None else gaussian.total_correlation(covariance)
    diagonal = float(gaussian.kl_standard(code.mean.double(), code.logvar.double()).sum(-1).mean())
    kl = diagonal + of_noise
    parts = estimators.kl_terms_sampled(
        code.mean,
        code.logvar,
        n_samples=KL_SAMPLES,
        generator=torch.Generator().manual_seed(SCORE_SEED),
        noise_covariance=covariance,
    )
    names = [n for n in data.factor_names if n not in NUISANCES]
    exact = metrics.mig_exact(
        code.mean, code.logvar, data.factors, factor_names=data.factor_names, subset=names
    )
    sampled = {"estimator": f"data set, {KL_SAMPLES} codes", "code": "sample"}
    mixture = {"estimator": "mixture on a grid", "code": "sample"}
    numbers = [
        number(step, "elbo", -distortion - kl, estimator="data set, closed-form KL"),
        number(step, "distortion", distortion, estimator="data set", code="sample"),
        number(step, "kl", kl, estimator="closed form"),
        number(step, "mutual_info", parts.mutual_info, **sampled),
        number(step, "total_corr", parts.total_corr, **sampled),
        number(step, "axis_kl", parts.axis_kl, **sampled),
        # Σ_j I(z_j; n), which differs from I(z; n) by TC(z) less the noise's own (paper A, eq. 8)
        number(step, "axis_info", diagonal - parts.axis_kl, estimator="mixture on a grid"),
        number(step, "conditional_tc", of_noise, estimator="closed form"),
        number(step, "mig_exact", exact.value, factors=" ".join(names), unit="1", **mixture),
    ]
    best = np.asarray(exact.parts["mutual_information"]).max(axis=1)
    for name, gap, nats in zip(names, exact.parts["gap"], best, strict=True):
        numbers.append(number(step, "mig_gap", gap, factors=name, unit="1", **mixture))
        numbers.append(number(step, "best_mutual_info", nats, factors=name, **mixture))
    return numbers


def further_scores(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """Binned MIG, both classifier scores, Gaussian total correlations, and what the whole code
    tells of each factor, at the end of a run."""
    step, mean = model.step, code.mean
    everything = " ".join(data.factor_names)
    names = [n for n in data.factor_names if n not in NUISANCES]
    ordered = [n for n in names if n not in UNORDERED]
    generator = torch.Generator().manual_seed(SCORE_SEED)
    beta = metrics.beta_vae_score(mean, data.factors, generator=generator)
    factor = metrics.factor_vae_score(mean, data.factors, generator=generator)
    held_out = min(1_000, len(data) // 6)
    told = metrics.neighbour_r2(
        code.z,
        _columns(data, ordered),
        generator=generator,
        n_train=min(5_000, len(data) - held_out),
        n_eval=held_out,
    ).parts["r2"]
    bins = {"estimator": "20 bins", "code": "mean", "unit": "1"}
    votes = {"code": "mean", "factors": everything, "unit": "1"}
    fitted = "correlation matrix"
    of_mean, of_sample = metrics.gaussian_tc(mean).value, metrics.gaussian_tc(code.z).value
    r2 = [
        number(
            step, "decoded_r2", value, estimator="10 neighbours", code="sample", factors=name,
            unit="1",
        )
        for name, value in zip(ordered, told, strict=True)
    ]  # fmt: skip
    gaps = [
        number(step, "mig", metrics.mig(mean, _columns(data, some)).value, factors=" ".join(some),
               **bins)
        for some in dict.fromkeys([data.factor_names, tuple(names)])  # one and the same, or two
    ]  # fmt: skip
    return [
        *r2,
        *gaps,
        number(step, "beta_vae_score", beta.value, estimator="logistic regression", **votes),
        number(step, "factor_vae_score", factor.value, estimator="majority vote", **votes),
        number(step, "gaussian_tc", of_mean, estimator=fitted, code="mean"),
        number(step, "gaussian_tc", of_sample, estimator=fitted, code="sample"),
    ]


def scores_elsewhere(
    model: Fitted, data: FactorData, code: Encoded, *, dataset: str
) -> list[Number]:
    """ELBO, total correlation and Chen's MIG of the model on another data set's images.

    Both data sets list the same factors in the same order, and the noise keeps its seed, so that
    the difference from the scores on `data` is due to the images alone. The quantities carry
    "_elsewhere", the estimators the data set's name.

    Raises:
        ValueError: the data sets differ in their factors.
    """
    other = datasets.load(dataset, size=model.run.size).to(data.device)
    if not torch.equal(other.factors, data.factors):
        raise ValueError(
            f"{other.name} must list the factors of {data.name} image by image, and does not; "
            "score on a data set made from the same grid"
        )
    return [
        score
        | {
            "quantity": f"{score['quantity']}_elsewhere",
            "estimator": f"{score['estimator']}, on {other.name}",
        }
        for score in main_scores(model, other, encoded(model, other))
        if score["quantity"] in ("elbo", "total_corr", "mig_exact")
    ]


def mapped_scores(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
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
    names = [n for n in data.factor_names if n not in UNORDERED]
    factors, ordered = data.factors.cpu(), _columns(data, names).cpu()
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
            mapped = z[held_out].numpy() @ fit(z[seen])
            gap = metrics.mig(mapped, factors[held_out]).value
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


def _columns(data: FactorData, names: Sequence[str]) -> Tensor:
    """The factors of these names, (N, len(names))."""
    return data.factors[:, [data.factor_index(name) for name in names]]


def pictures(model: Fitted, data: FactorData, code: Encoded) -> dict[str, np.ndarray]:
    """What a model makes of images, uint8; of a decoded code the Bernoulli means.

    originals, reconstructions: (`RECONSTRUCTED`, C, H, W), decoded from the posterior means.
    traversals: (D, len(TRAVERSAL), C, H, W). Axis by axis, the mean code of the image whose
    factors are nearest to the middle of their ranges is moved to the values of `TRAVERSAL`.
    """
    n_axes = code.mean.shape[1]
    generator = torch.Generator().manual_seed(SCORE_SEED)
    some = torch.randperm(len(data), generator=generator)[:RECONSTRUCTED]

    top = torch.tensor(data.factor_sizes) - 1
    off_middle = ((2 * data.factors.cpu() - top).abs() / top.clamp(min=1)).sum(1)
    moved = code.mean[off_middle.argmin()].repeat(n_axes, len(TRAVERSAL), 1)  # (D, T, D)
    for axis in range(n_axes):
        moved[axis, :, axis] = torch.as_tensor(TRAVERSAL, dtype=moved.dtype)

    return {
        "originals": _uint8(data.pixels(some)),
        "reconstructions": _decoded(model, data, code.mean[some]),
        "traversals": _decoded(model, data, moved),
    }


def _decoded(model: Fitted, data: FactorData, z: Tensor) -> np.ndarray:
    """Bernoulli means of codes (..., D) as uint8 (..., C, H, W)."""
    logits = model.decode(z.flatten(0, -2)[None].to(data.device))[0]
    return _uint8(logits.sigmoid().unflatten(0, z.shape[:-1]))


def _uint8(x: Tensor) -> np.ndarray:
    """Pixels from 0 to 1 as 0 to 255."""
    shades: np.ndarray = (255 * x).round().to(torch.uint8).cpu().numpy()
    return shades
