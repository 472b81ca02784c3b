"""Paper D's experiments: total correlation of means and of samples, over four models.

Cheng et al. 2020, section 6 and Appendix 7: FactorVAE, RTC-VAE and both DIP-VAEs at the strengths
of Table 1, on dSprites and Cars3D, and on Shapes3D the three models of Figures 14 to 16. Besides,
on dSprites at the strength of the paper's pictures, RTC-VAE with the penalty that section 6.3
proposes, and AnnealedVAE; and on every data set the plain VAE, on which the design is chosen. The
paper reports neither seeds, nor steps, nor a learning rate; those are ours.
"""

from __future__ import annotations

from typing import NamedTuple

from disentangled.experiments.setting import Setting
from disentangled.learning import QUARTER
from disentangled.runs import CHUNK, Run

MODELS = ("rtc_vae", "factor_vae", "dip_vae_i", "dip_vae_ii")
"""The paper's four, the two that it tells apart first."""

ETA_AT_LEAST = 10.0
"""Paper D takes η = max(10, β): a weak total correlation term still goes with a penalty."""

PICTURED = 10.0
"""The strength of the paper's Figures 12 and 13, and of what stands beside the grid."""

ON_SHAPES3D = {"rtc_vae": 20.0, "dip_vae_i": 20.0, "factor_vae": 50.0}
"""The models of the paper's Figures 14 to 16 and their strengths. Figures 5 to 9 show an RTC-VAE
and a DIP-VAE-I on the same data and give no strength: we take these for them too."""

SUPERVISION = 10.0
"""Nats that each axis beyond the first costs a factor; ours, the paper has no number."""

CAPACITY = 25.0
"""Nats at which AnnealedVAE ends, the end of Burgess et al. for dSprites."""

RISE = 1 / 3
"""Share of training in which the capacity grows: 100,000 of 300,000 steps in Locatello et al."""

LAPTOP_STEPS = 16_000
"""Steps of the published profile; a multiple of 200, so that its last quarter begins at a step
that is scored.

Net and learning rate, which falls to 0, are those by which the plain VAE settled in paper C's
experiment (see its choice.json). The plain VAEs train first, and a change of the design is allowed
until they are there. A step of one player takes a core 0.013 s, and one with a critic and a second
batch 1.4 times that, a tenth more on three channels. So the 188 runs are about seven hours of two
cores, their scoring included at 15 s each.
"""


class Profile(NamedTuple):
    """Sizes of the experiment. Objectives, weights and scores are the same in all profiles.

    datasets: by the paper's name of a data set what stands for it.
    n_seeds: of every setting on dSprites, of every setting elsewhere.
    strengths: of FactorVAE's and RTC-VAE's total correlation, the paper's β; dip_strengths: of
        DIP-VAE's λ_od.
    """

    datasets: dict[str, str]
    n_seeds: tuple[int, int]
    size: int
    pixel_area: int
    net: str
    critic: str
    batch: int
    steps: int
    learning_rate: float
    strengths: tuple[float, ...]
    dip_strengths: tuple[float, ...]
    cooldown: float = 0.0

    def setting_of(self, dataset: str) -> tuple[str, int]:
        """What stands for a data set, and the seeds of a setting on it."""
        on_dsprites, elsewhere = self.n_seeds
        return self.datasets[dataset], on_dsprites if dataset == "dsprites" else elsewhere


SIZES: dict[str, Profile] = {
    "smoke": Profile(
        datasets={
            "dsprites": "dsprites_rerender_grid",
            "cars3d": "cars3d_twin_grid",
            "shapes3d": "shapes3d_twin_grid",
        },
        n_seeds=(1, 1),
        size=8,
        pixel_area=64,
        net="mlp_64",
        critic="critic_256",
        batch=32,
        steps=4 * CHUNK,
        learning_rate=1e-3,
        strengths=(PICTURED,),
        dip_strengths=(PICTURED,),
    ),
    "laptop": Profile(
        datasets={
            "dsprites": "dsprites_rerender_grid",
            "cars3d": "cars3d_twin",
            "shapes3d": "shapes3d_twin_grid",
        },
        n_seeds=(8, 4),
        size=32,
        pixel_area=4,
        net="conv_shallow",
        critic="critic_256",
        batch=64,
        steps=LAPTOP_STEPS,
        learning_rate=2e-3,
        cooldown=1.0,
        strengths=(2.0, 10.0, 50.0),
        dip_strengths=(2.0, 10.0, 50.0),
    ),
    "gpu": Profile(
        datasets={
            "dsprites": "dsprites_rerender",
            "cars3d": "cars3d_twin",
            "shapes3d": "shapes3d_twin",
        },
        n_seeds=(10, 10),
        size=64,
        pixel_area=1,
        net="cheng_conv",
        critic="kim_mnih_critic",
        batch=500,
        steps=10_000,
        learning_rate=1e-3,
        strengths=(2.0, 6.0, 10.0, 20.0, 50.0),
        dip_strengths=(2.0, 5.0, 10.0, 20.0, 50.0),
    ),
    # as many images as 300,000 batches of 64, the study's that the paper compares itself with
    "paper": Profile(
        datasets={"dsprites": "dsprites", "cars3d": "cars3d", "shapes3d": "shapes3d"},
        n_seeds=(10, 10),
        size=64,
        pixel_area=1,
        net="cheng_conv",
        critic="kim_mnih_critic",
        batch=500,
        steps=38_400,
        learning_rate=1e-3,
        strengths=(2.0, 6.0, 10.0, 20.0, 50.0),
        dip_strengths=(2.0, 5.0, 10.0, 20.0, 50.0),
    ),
}
"""Sizes by profile; strengths, batch and net of `gpu` and `paper` are those of Tables 1 and 2."""

SCORES = ("losses",)

AT_END = (
    *("elbo", "mig_exact", "mig", "gaussian_tc", "tc_mean_sample"),
    *("sap", "disintegration", "supervised"),
)


WALKED = ("reconstructions", "traversals")

SAMPLED = (*WALKED, "samples")
"""Pictures of the RTC-VAEs that Figures 12 and 13 show."""


def strength_of(run: Run) -> float:
    """The strength of a run of `MODELS`, the paper's β or λ_od; 0 of the plain VAE."""
    return float(run.weights.get("gamma", run.weights.get("lambda_od", 0.0)))


def weights(objective: str, strength: float, steps: int) -> dict[str, float | str]:
    """The weights of an objective at a strength, as Table 1 of paper D ties them together."""
    eta = max(ETA_AT_LEAST, strength)
    rise = float(round(RISE * steps))
    by_objective: dict[str, dict[str, float | str]] = {
        "vae": {},
        "factor_vae": {"gamma": strength},
        "rtc_vae": {"gamma": strength, "eta": eta},
        "dip_vae_i": {"lambda_od": strength, "lambda_d": 10 * strength},
        "dip_vae_ii": {"lambda_od": strength, "lambda_d": strength},
        "rtc_vae_supervised": {"gamma": strength, "eta": eta, "supervision": SUPERVISION},
        "annealed_vae": {"gamma": 1000.0, "capacity": CAPACITY, "capacity_steps": rise},
    }
    return by_objective[objective]


def setting(profile: str, dataset: str, objective: str, strength: float) -> Setting:
    """An objective at a strength on a data set, by the paper's name of it.

    The codes that pair plots show are those of a committed model, whose MIG is the median.
    """
    sizes = SIZES[profile]
    stand_in, n_seeds = sizes.setting_of(dataset)
    with_critic = objective in ("factor_vae", "rtc_vae", "rtc_vae_supervised")
    run = Run(
        experiment="rtc_vae",
        profile=profile,
        dataset=stand_in,
        size=sizes.size,
        pixel_area=sizes.pixel_area,
        objective=objective,
        weights=weights(objective, strength, sizes.steps),
        net=sizes.net,
        critic=sizes.critic if with_critic else "",
        batch=sizes.batch,
        steps=sizes.steps,
        learning_rate=sizes.learning_rate,
        cooldown=sizes.cooldown,
    )
    on_shapes3d = dataset == "shapes3d" and objective in ON_SHAPES3D
    sampled = objective == "rtc_vae" and (on_shapes3d or strength == PICTURED)
    return Setting(
        run,
        tuple(range(n_seeds)),
        (round(QUARTER * sizes.steps),),
        scores=SCORES,
        at_end=AT_END,
        pictures=SAMPLED if sampled else WALKED,
        kept_by="mig_exact" if on_shapes3d else "",
    )


def grid(profile: str, dataset: str) -> list[Setting]:
    """The four models over their strengths on a data set, the strength of the pictures first."""
    sizes = SIZES[profile]

    def wanted(strength: float) -> tuple[bool, float]:
        return strength != PICTURED, strength

    return [
        setting(profile, dataset, objective, strengths[place])
        for place in range(len(sizes.strengths))
        for objective in MODELS
        for strengths in [
            sorted(sizes.dip_strengths if "dip" in objective else sizes.strengths, key=wanted)
        ]
    ]


def settings(profile: str) -> list[Setting]:
    """The plain VAEs, on which the design is judged; what primary claims read, all on dSprites;
    Shapes3D; Cars3D; and AnnealedVAE, which no claim reads."""
    return [
        *(setting(profile, dataset, "vae", PICTURED) for dataset in SIZES[profile].datasets),
        *grid(profile, "dsprites"),
        setting(profile, "dsprites", "rtc_vae_supervised", PICTURED),
        *(setting(profile, "shapes3d", objective, at) for objective, at in ON_SHAPES3D.items()),
        *grid(profile, "cars3d"),
        setting(profile, "dsprites", "annealed_vae", PICTURED),
    ]


ALL: tuple[float, ...] = ()

READ: dict[str, tuple[str, tuple[str, ...], tuple[float, ...]]] = {
    "D-fig3-factor-vae": ("dsprites", ("factor_vae",), ALL),
    "D-fig3-rtc-vae": ("dsprites", ("rtc_vae",), ALL),
    "D-fig3-grows": ("dsprites", ("factor_vae",), (2.0, 50.0)),
    "D-fig3-removed": ("dsprites", ("factor_vae", "rtc_vae"), ALL),
    "D-fig4-dependent-i": ("dsprites", ("dip_vae_i",), ALL),
    "D-fig4-dependent-ii": ("dsprites", ("dip_vae_ii",), ALL),
    "D-fig4-disparity-i": ("dsprites", ("dip_vae_i",), ALL),
    "D-fig4-disparity-ii": ("dsprites", ("dip_vae_ii",), ALL),
    "D-fig4-low-i": ("dsprites", ("factor_vae", "dip_vae_i"), ALL),
    "D-fig4-low-ii": ("dsprites", ("factor_vae", "dip_vae_ii"), ALL),
    "D-fig4-low-rtc-vae": ("dsprites", ("factor_vae", "rtc_vae"), ALL),
    "D-fig4-factorised": ("dsprites", ("dip_vae_i", "rtc_vae"), ALL),
    "D-fig5-dependent": ("shapes3d", ("dip_vae_i",), ALL),
    "D-fig5-factorised": ("shapes3d", ("dip_vae_i", "rtc_vae"), ALL),
    "D-fig8-mig": ("dsprites", MODELS, ALL),
    "D-fig8-sap": ("dsprites", MODELS, ALL),
    "D-fig8-axes": ("shapes3d", ("rtc_vae",), ALL),
    "D-fig10-correlation": ("dsprites", MODELS, ALL),
    "D-fig10-correlation-within": ("dsprites", MODELS, ALL),
    "D-fig10-reconstruction": ("dsprites", ("rtc_vae",), (10.0, 50.0)),
    "D-fig11-factor-vae": ("cars3d", ("factor_vae",), ALL),
    "D-fig11-rtc-vae": ("cars3d", ("rtc_vae",), ALL),
    "D-fig11-correlation": ("cars3d", MODELS, ALL),
    "D-fig11-reconstruction": ("cars3d", ("rtc_vae",), (10.0, 50.0)),
    "D-sec6-supervised": ("dsprites", ("rtc_vae", "rtc_vae_supervised"), (PICTURED,)),
    "D-sec6-supervised-mig": ("dsprites", ("rtc_vae", "rtc_vae_supervised"), (PICTURED,)),
}
"""The data set, the objectives and the strengths that the test of a claim reads; `ALL` are those
of the grid. A claim on all axes reads what the one on active axes does."""


def reads(claim: str, run: Run) -> bool:
    """Whether the test of a claim, by its id, reads runs of this setting."""
    dataset, objectives, strengths = READ[claim.removesuffix("-all-axes")]
    return (
        run.dataset == SIZES[run.profile].datasets[dataset]
        and run.objective in objectives
        and (not strengths or strength_of(run) in strengths)
    )
