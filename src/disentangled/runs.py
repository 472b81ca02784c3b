"""What is declared of a training run, and the id that follows from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from torch import Tensor

from disentangled import gaussian
from disentangled.estimators import SCHEMES
from disentangled.nets import CRITICS, NETS
from disentangled.objectives import OBJECTIVES

CHUNK = 50
"""Steps whose random inputs are drawn at once; steps and milestones are multiples of it."""

SCORES_VERSION = 1
"""Raised by hand when a change of a metric or an estimator moves the numbers of a row."""

NO_WEIGHTS: Mapping[str, float | str] = MappingProxyType({})


def known(kind: str, name: str, names: Mapping[str, Any]) -> None:
    """Raise a ValueError that lists the valid names unless the name is one of them."""
    if name not in names:
        raise ValueError(f"unknown {kind} {name!r}; choose one of {', '.join(sorted(names))}")


@dataclass(frozen=True, kw_only=True)
class Run:
    """The declared settings of a training run; all seeds of a setting share one.

    weights that are not given take the recipe's defaults and are part of the run's id.
    size is the side of the images in pixels, pixel_area the number of original pixels that each
    of them stands for (see `bernoulli_distortion`); precision is "fp32" or "bf16" (autocast).
    noise_correlation is σ of the noise's covariance (1 - σ) I + σ 11ᵀ (see
    `gaussian.equicorrelated`); 0 is the independent noise of every VAE but paper A's.

    Raises:
        ValueError: an unknown name or weight, a weight of another kind, a size that is not above
            0, steps that are no multiple of `CHUNK`, or a correlation that no density has.
    """

    experiment: str
    profile: str
    dataset: str
    size: int
    pixel_area: int = 1
    objective: str
    weights: Mapping[str, float | str] = field(default_factory=lambda: NO_WEIGHTS)
    net: str
    critic: str = ""
    n_axes: int = 10
    batch: int = 64
    steps: int
    learning_rate: float
    precision: str = "fp32"
    noise_correlation: float = 0.0

    def __post_init__(self) -> None:
        known("objective", self.objective, OBJECTIVES)
        known("net", self.net, NETS)
        recipe = OBJECTIVES[self.objective]
        for name, weight in self.weights.items():
            known(f"weight of {self.objective}", name, recipe.weights)
            if isinstance(weight, str) != isinstance(recipe.weights[name], str):
                kind = type(recipe.weights[name]).__name__
                raise ValueError(f"{name} of {self.objective} is a {kind}, got {weight!r}")
        weights = {**recipe.weights, **self.weights}
        weights = {k: v if isinstance(v, str) else float(v) for k, v in weights.items()}
        object.__setattr__(self, "weights", weights)
        if recipe.permutes:
            known("critic", self.critic, CRITICS)
        elif self.critic:
            raise ValueError(f"{self.objective} has no critic, got {self.critic!r}; leave it out")
        known("precision", self.precision, {"fp32": None, "bf16": None})
        if "scheme" in weights:
            known("scheme", str(weights["scheme"]), SCHEMES)
        for name in ("size", "pixel_area", "n_axes", "batch", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.steps <= 0 or self.steps % CHUNK:
            raise ValueError(f"steps must be a positive multiple of {CHUNK}, got {self.steps}")
        lowest = -1 / (self.n_axes - 1) if self.n_axes > 1 else -1.0
        if not lowest < self.noise_correlation < 1:
            raise ValueError(
                f"noise_correlation must lie between {lowest:.4g} and 1, both excluded, for "
                f"{self.n_axes} axes, got {self.noise_correlation}: elsewhere the noise has no "
                "density"
            )

    def noise_covariance(self) -> Tensor | None:
        """The noise's covariance (n_axes, n_axes) in float64; None where it is independent."""
        if self.noise_correlation == 0:
            return None
        return gaussian.equicorrelated(self.n_axes, self.noise_correlation)

    def declared(self) -> dict[str, Any]:
        """All settings that decide the numbers, with the versions of what computes them.

        Independent noise is not mentioned: ids from before there was another kind stay.
        """
        versions = {
            "objective": OBJECTIVES[self.objective].method_version,
            "net": NETS[self.net].method_version,
            "scores": SCORES_VERSION,
        }
        settings = {**asdict(self), "weights": dict(self.weights), "method_versions": versions}
        if not self.noise_correlation:
            del settings["noise_correlation"]
        return settings

    def setting_id(self) -> str:
        """Ten hexadecimal digits that stand for the setting, whatever the seed."""
        return _digest(self.declared())

    def id(self, seed: int) -> str:
        """Ten hexadecimal digits that stand for the setting and the seed."""
        return _digest({**self.declared(), "seed": seed})

    def title(self) -> str:
        """A short name for progress lines, for instance `beta_tcvae beta=6`."""
        numbers = [f"{k}={v:g}" for k, v in self.weights.items() if isinstance(v, int | float)]
        if self.noise_correlation:
            numbers.append(f"sigma={self.noise_correlation:g}")
        return " ".join([self.objective, *numbers])


def _digest(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]
