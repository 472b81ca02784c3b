"""What is declared of a training run, and the id that follows from it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from torch import Tensor

from disentangled import gaussian
from disentangled.arrays import real, whole
from disentangled.estimators import SCHEMES
from disentangled.nets import NETS, builder, names, version
from disentangled.objectives import OBJECTIVES, Recipe

CHUNK = 50
"""Steps whose random inputs are drawn at once; steps and milestones are multiples of it."""

FROZEN_SCORES = 1
"""Stands in every id since scores were part of it; their versions stand in the row files now."""

PRECISIONS = {
    "fp32": "float32 throughout",
    "tf32": "float32, whose products and convolutions read 10 bits after the point; NVIDIA GPUs",
    "bf16": "products and convolutions under autocast to bfloat16, the rest in float32",
}
"""What a run may be computed in."""

NO_WEIGHTS: Mapping[str, float | str] = MappingProxyType({})
NO_NETS: Mapping[str, str] = MappingProxyType({})

NAMES = ("experiment", "profile", "dataset", "objective", "net", "critic", "precision")
"""Settings that are names."""

LATE: Mapping[str, Any] = {
    "nets": {},
    "noise_correlation": 0.0,
    "steps_after": 0,
    "cooldown": 0.0,
    "axes_per_feature": 1,
}
"""Settings that runs have since ids exist, with their defaults, at which ids leave them out."""


def known(kind: str, name: str, names: Mapping[str, Any]) -> None:
    """Raise a ValueError that lists the valid names unless the name is one of them."""
    if not isinstance(name, str) or name not in names:
        raise ValueError(f"unknown {kind} {name!r}; choose one of {', '.join(sorted(names))}")


@dataclass(frozen=True, kw_only=True)
class Run:
    """The declared settings of a training run; all seeds of a setting share one.

    weights that are not given take the recipe's defaults and are part of the run's id.
    net names the encoder and the decoder, critic the critic of a game that has one; nets names
    the net of any role, theirs too (see `roles`).
    size is the side of the images in pixels, pixel_area the number of original pixels that each
    of them stands for (see `bernoulli_distortion`); precision is "fp32", "tf32"
    (on NVIDIA GPUs) or "bf16" (autocast), see `PRECISIONS`.
    noise_correlation is σ of the noise's covariance (1 - σ) I + σ 11ᵀ (see
    `gaussian.equicorrelated`); 0 is the independent noise of every VAE but paper A's.
    steps_after is the length of the second phase of a recipe that has one.
    cooldown is the last share of a phase's steps over which every player's learning rate falls
    to 0 along half a cosine (see `rate_factor`); 0 keeps it constant.
    axes_per_feature is how many axes each feature of the code has; the objective must know them.

    Raises:
        ValueError: an unknown name or weight, a weight of another kind, one that is not finite
            or not above 0 where it must be, a role without a net or a net without a role, a size
            that is not above 0, steps that are no multiple of `CHUNK`, a cooldown that is no
            share, or a correlation that no density has.
    """

    experiment: str
    profile: str
    dataset: str
    size: int
    pixel_area: int = 1
    objective: str
    weights: Mapping[str, float | str] = field(default_factory=lambda: NO_WEIGHTS)
    net: str = ""
    critic: str = ""
    nets: Mapping[str, str] = field(default_factory=lambda: NO_NETS)
    n_axes: int = 10
    batch: int = 64
    steps: int
    learning_rate: float
    precision: str = "fp32"
    noise_correlation: float = 0.0
    steps_after: int = 0
    cooldown: float = 0.0
    axes_per_feature: int = 1

    def __post_init__(self) -> None:
        for name in NAMES:
            if not isinstance(text := getattr(self, name), str):
                raise ValueError(f"{name} must be a name, got {text!r}")
            object.__setattr__(self, name, str(text))
        for name in ("weights", "nets"):
            if not isinstance(given := getattr(self, name), Mapping):
                raise ValueError(f"{name} must be a dict by name, got {given!r}")
        known("objective", self.objective, OBJECTIVES)
        recipe = OBJECTIVES[self.objective]
        recipe.check()
        for name, weight in self.weights.items():
            known(f"weight of {self.objective}", name, recipe.weights)
            if isinstance(weight, str) != isinstance(recipe.weights[name], str):
                kind = type(recipe.weights[name]).__name__
                raise ValueError(f"{name} of {self.objective} is a {kind}, got {weight!r}")
        weights = {
            name: weight if isinstance(weight, str) else self._number(name, weight)
            for name, weight in {**recipe.weights, **self.weights}.items()
        }
        for name in recipe.positive:
            if not float(weights[name]) > 0:
                raise ValueError(
                    f"{name} of {self.objective} must be above 0, got {weights[name]}"
                )
        object.__setattr__(self, "weights", weights)
        self._check_nets(recipe)
        known("precision", self.precision, PRECISIONS)
        if "scheme" in weights:
            known("scheme", str(weights["scheme"]), SCHEMES)
        sizes = ("size", "pixel_area", "n_axes", "batch", "axes_per_feature")
        for name in (*sizes, "steps", "steps_after"):
            object.__setattr__(self, name, whole(getattr(self, name), name))
        for name in ("learning_rate", "noise_correlation", "cooldown"):
            object.__setattr__(self, name, real(getattr(self, name), name))
        for name in (*sizes, "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0 and finite, got {getattr(self, name)}")
        if self.steps <= 0 or self.steps % CHUNK:
            raise ValueError(f"steps must be a positive multiple of {CHUNK}, got {self.steps}")
        if self.steps_after < 0 or self.steps_after % CHUNK:
            raise ValueError(f"steps_after must be a multiple of {CHUNK}, got {self.steps_after}")
        if bool(self.steps_after) != bool(recipe.after):
            phase = "a second phase, which needs steps_after above 0"
            raise ValueError(
                f"{self.objective} has {phase if recipe.after else 'no second phase'}, got "
                f"steps_after={self.steps_after}"
            )
        if not 0 <= self.cooldown <= 1:
            raise ValueError(f"cooldown is a share of the steps, 0 to 1, got {self.cooldown}")
        if self.n_axes % self.axes_per_feature:
            raise ValueError(
                f"n_axes must be a multiple of axes_per_feature, got {self.n_axes} axes in "
                f"features of {self.axes_per_feature}"
            )
        if self.axes_per_feature > 1 and not recipe.has_features:
            of_them = sorted(name for name, of in OBJECTIVES.items() if of.has_features)
            raise ValueError(
                f"{self.objective} knows no features of several axes, got "
                f"axes_per_feature={self.axes_per_feature}; leave it out, or choose one of "
                f"{', '.join(of_them)}"
            )
        lowest = -1 / (self.n_axes - 1) if self.n_axes > 1 else -1.0
        if not lowest < self.noise_correlation < 1:
            raise ValueError(
                f"noise_correlation must lie between {lowest:.4g} and 1, both excluded, for "
                f"{self.n_axes} axes, got {self.noise_correlation}: elsewhere the noise has no "
                "density"
            )

    def _number(self, name: str, weight: Any) -> float:
        """A weight as a float; a ValueError unless it is a finite number."""
        return real(weight, f"{name} of {self.objective}")

    def _check_nets(self, recipe: Recipe) -> None:
        """Name the net of every role once, and check that each can play it."""
        if self.net:
            known("net", self.net, NETS)
        if self.net and not {"encoder", "decoder"} & set(recipe.nets):
            raise ValueError(
                f"{self.objective} has no encoder and no decoder, got net={self.net!r}; leave it "
                f"out, its nets are {', '.join(recipe.nets)}"
            )
        if self.critic and "critic" not in recipe.nets:
            raise ValueError(f"{self.objective} has no critic, got {self.critic!r}; leave it out")
        strange = sorted(map(str, set(self.nets) - set(recipe.nets)))
        if strange:
            raise ValueError(
                f"{self.objective} has no net {', '.join(strange)}; its nets are "
                f"{', '.join(recipe.nets)}"
            )
        shorthand = {"encoder": self.net, "decoder": self.net, "critic": self.critic}
        apart = {role: name for role, name in self.nets.items() if shorthand.get(role) != name}
        object.__setattr__(self, "nets", apart)
        for role, name in self.roles().items():
            if not name:
                raise ValueError(
                    f"{self.objective} needs a net for its {role}; give nets={{{role!r}: ...}}, "
                    f"one of {', '.join(names(role)) or 'none yet: add it to nets.PARTS'}"
                )
            builder(role, name)

    def roles(self) -> dict[str, str]:
        """The name of each role's net, in the order in which they are built.

        That of `nets`, else `net` for the encoder and the decoder and `critic` for the critic.
        """
        shorthand = {"encoder": self.net, "decoder": self.net, "critic": self.critic}
        recipe = OBJECTIVES[self.objective]
        return {role: self.nets.get(role, shorthand.get(role, "")) for role in recipe.nets}

    def all_steps(self) -> int:
        """Steps of both phases."""
        return self.steps + self.steps_after

    def rate_factor(self, step: int) -> float:
        """What every learning rate is multiplied with in the `CHUNK` steps from this one on.

        min(1, (T - t) / (c T)),   t steps of the phase's T done, c the cooldown
        """
        if not self.cooldown:
            return 1.0
        second = step >= self.steps
        length = self.steps_after if second else self.steps
        left = length - (step - self.steps if second else step)
        return 0.5 - 0.5 * math.cos(math.pi * min(1.0, left / (self.cooldown * length)))

    def features(self) -> list[list[int]] | None:
        """The axes of each feature, as metrics take them; None where every axis is one."""
        if self.axes_per_feature == 1:
            return None
        size = self.axes_per_feature
        return [list(range(first, first + size)) for first in range(0, self.n_axes, size)]

    def noise_covariance(self) -> Tensor | None:
        """The noise's covariance (n_axes, n_axes) in float64; None where it is independent."""
        if self.noise_correlation == 0:
            return None
        return gaussian.equicorrelated(self.n_axes, self.noise_correlation)

    def declared(self) -> dict[str, Any]:
        """All settings that decide the numbers, with the versions of what computes them.

        What a run may have since ids exist (`LATE`) is mentioned only where it is not the
        default: ids from before stay.
        """
        versions: dict[str, Any] = {
            "objective": OBJECTIVES[self.objective].method_version,
            "net": version(self.net) if self.net else 0,
            "scores": FROZEN_SCORES,
        }
        if self.nets:
            versions["nets"] = {role: version(name) for role, name in self.nets.items()}
        settings = {**asdict(self), "weights": dict(self.weights), "nets": dict(self.nets)}
        for late, default in LATE.items():
            if settings[late] == default:
                del settings[late]
        return settings | {"method_versions": versions}

    def setting_id(self) -> str:
        """Ten hexadecimal digits that stand for the setting, whatever the seed."""
        return _digest(self.declared())

    def id(self, seed: int) -> str:
        """Ten hexadecimal digits that stand for the setting and the seed."""
        return _digest({**self.declared(), "seed": whole(seed, "a seed", 0)})

    def title(self) -> str:
        """A short name for progress lines, for instance `beta_tcvae beta=6`."""
        numbers = [f"{k}={v:g}" for k, v in self.weights.items() if isinstance(v, int | float)]
        if self.noise_correlation:
            numbers.append(f"sigma={self.noise_correlation:g}")
        return " ".join([self.objective, *numbers])


def _digest(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]
