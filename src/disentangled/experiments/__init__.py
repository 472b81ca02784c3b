"""Experiments: what varies, on what data, at which size. They declare; `sweeps` trains."""

from __future__ import annotations

from collections.abc import Callable

from disentangled.experiments import (
    beta_tcvae,
    correlated_noise,
    intervention,
    rtc_vae,
    split_encoder,
)
from disentangled.experiments.setting import PROFILES, Setting, checked, larger
from disentangled.runs import Run, known

EXPERIMENTS: dict[str, Callable[[str], list[Setting]]] = {
    "beta_tcvae": beta_tcvae.settings,
    "correlated_noise": correlated_noise.settings,
    "split_encoder": split_encoder.settings,
    "rtc_vae": rtc_vae.settings,
    "intervention": intervention.settings,
}

READ: dict[str, Callable[[str, Run], bool]] = {
    "beta_tcvae": beta_tcvae.reads,
    "correlated_noise": correlated_noise.reads,
    "split_encoder": split_encoder.reads,
    "rtc_vae": rtc_vae.reads,
    "intervention": intervention.reads,
}
"""Whether the test of a claim reads a setting's runs, by experiment: (claim's id, run)."""


def settings(experiment: str, profile: str) -> list[Setting]:
    """All settings of an experiment under a profile, the most wanted first.

    Raises:
        ValueError: an unknown experiment, profile, data set or score; the message lists the valid
            ones. Or a run that two settings declare: it has one row, and is a variant or is none.
    """
    known("experiment", experiment, EXPERIMENTS)
    known("profile", profile, PROFILES)
    declared = [checked(setting) for setting in EXPERIMENTS[experiment](profile)]
    seen: set[tuple[str, int]] = set()
    for setting in declared:
        runs = {(setting.run.setting_id(), seed) for seed in setting.seeds}
        if runs & seen:
            raise ValueError(
                f"{experiment}, {profile} declares {setting.run.title()} on {setting.run.dataset} "
                "twice with the same seeds; leave one out, or change what sets it apart in its run"
            )
        seen |= runs
    return declared


def variants(experiment: str, profile: str) -> dict[str, str]:
    """The declared runs that are not of the experiment's grid: run_id -> `Setting.variant`.

    Raises:
        ValueError: as `settings`.
    """
    beside = [s for s in settings(experiment, profile) if s.variant]
    return {s.run.id(seed): s.variant for s in beside for seed in s.seeds}


__all__ = ["EXPERIMENTS", "PROFILES", "READ", "Setting", "larger", "settings", "variants"]
