"""Paper A's verifying experiment: what correlated noise in the code does to MIG.

Figure 2 of Yang et al. 2020 on dSprites, σ = 0 and 0.9, and values of σ in between.
"""

from __future__ import annotations

from disentangled.experiments import dlib_study
from disentangled.experiments.setting import Setting
from disentangled.runs import Run

CORRELATIONS: dict[str, tuple[float, ...]] = {
    "vae": (0.0, 0.1, 0.3, 0.5, 0.7, 0.9),
    "factor_vae_dlib": (0.0, 0.5, 0.9),
}
"""σ of the noise by objective; the paper has 0 and 0.9."""

ENDS = (0.0, 0.9)

CLAIMS = {"A-fig2-vae": "vae", "A-fig2-factor-vae": "factor_vae_dlib"}
"""The objective that a claim is about; its test compares both ends of σ."""


def reads(claim: str, run: Run) -> bool:
    """Whether the test of a claim, by its id, reads runs of this setting."""
    return run.objective == CLAIMS[claim] and run.noise_correlation in ENDS


def settings(profile: str) -> list[Setting]:
    """VAE and FactorVAE on dSprites over σ, both ends first; smoke has these two values only."""
    seeds = tuple(range(dlib_study.SIZES[profile].n_seeds))
    declared = []
    for objective, correlations in CORRELATIONS.items():
        for sigma in ENDS if profile == "smoke" else correlations:
            run = dlib_study.run(
                "correlated_noise", profile, "dsprites", objective, noise_correlation=sigma
            )
            setting = Setting(run, seeds, kept_by="mig")
            declared.append(setting._replace(at_end=(*setting.at_end, "mapped")))
    return sorted(declared, key=lambda s: s.run.noise_correlation not in ENDS)
