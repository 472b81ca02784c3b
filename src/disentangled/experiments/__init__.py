"""Experiments: what varies, on what data, at which size. They declare; `sweeps` trains."""

from __future__ import annotations

from collections.abc import Callable

from disentangled.experiments import beta_tcvae, correlated_noise, split_encoder
from disentangled.experiments.setting import PROFILES, Setting, checked, larger
from disentangled.runs import Run, known

EXPERIMENTS: dict[str, Callable[[str], list[Setting]]] = {
    "beta_tcvae": beta_tcvae.settings,
    "correlated_noise": correlated_noise.settings,
    "split_encoder": split_encoder.settings,
}

READ: dict[str, Callable[[str, Run], bool]] = {
    "beta_tcvae": beta_tcvae.reads,
    "correlated_noise": correlated_noise.reads,
    "split_encoder": split_encoder.reads,
}
"""Whether the test of a claim reads a setting's runs, by experiment: (claim's id, run)."""


def settings(experiment: str, profile: str) -> list[Setting]:
    """All settings of an experiment under a profile, the most wanted first.

    Raises:
        ValueError: an unknown experiment, profile or score; the message lists the valid ones.
    """
    known("experiment", experiment, EXPERIMENTS)
    known("profile", profile, PROFILES)
    return [checked(setting) for setting in EXPERIMENTS[experiment](profile)]


def variants(experiment: str, profile: str) -> dict[str, str]:
    """The declared runs that are not of the experiment's grid: run_id -> `Setting.variant`.

    Raises:
        ValueError: as `settings`.
    """
    beside = [s for s in settings(experiment, profile) if s.variant]
    return {s.run.id(seed): s.variant for s in beside for seed in s.seeds}


__all__ = ["EXPERIMENTS", "PROFILES", "READ", "Setting", "larger", "settings", "variants"]
