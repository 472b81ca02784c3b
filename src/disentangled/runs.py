"""What is declared of a training run, and the id that follows from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

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

    Raises:
        ValueError: an unknown name or weight, a weight of another kind, a size that is not above
            0, or steps that are no multiple of `CHUNK`.
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

    def declared(self) -> dict[str, Any]:
        """All settings that decide the numbers, with the versions of what computes them."""
        versions = {
            "objective": OBJECTIVES[self.objective].method_version,
            "net": NETS[self.net].method_version,
            "scores": SCORES_VERSION,
        }
        return {**asdict(self), "weights": dict(self.weights), "method_versions": versions}

    def setting_id(self) -> str:
        """Ten hexadecimal digits that stand for the setting, whatever the seed."""
        return _digest(self.declared())

    def id(self, seed: int) -> str:
        """Ten hexadecimal digits that stand for the setting and the seed."""
        return _digest({**self.declared(), "seed": seed})

    def title(self) -> str:
        """A short name for progress lines, for instance `beta_tcvae beta=6`."""
        numbers = [f"{k}={v:g}" for k, v in self.weights.items() if isinstance(v, int | float)]
        return " ".join([self.objective, *numbers])


def _digest(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]
