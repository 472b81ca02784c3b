"""Paper B's experiments: five methods on images whose factors are independent, and tied in a pair.

Tables 1 to 3 of the paper, the pool of FactorVAEs of its Figure 3, and an ablation of the model's
three losses, which it lacks. Every model is judged on held-out images of all combinations of
factors alike. λ and the weights of the baselines are the printed ones, where any are printed.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from disentangled.experiments.beta_tcvae import GAN_RATE, encoder_steps
from disentangled.experiments.setting import Setting
from disentangled.learning import QUARTER
from disentangled.objectives import OBJECTIVES
from disentangled.runs import CHUNK, Run

Weights = dict[str, float | str]

LAWS = ("correlated", "independent")
"""Of the pair of factors, as data sets are called; see `data.resampled`."""

LAMBDAS: dict[str, Weights] = {
    "dsprites": {"lambda_in": 0.25, "lambda_adv": 10.0},
    "shapes3d": {"lambda_in": 0.25, "lambda_adv": 10.0},
    "cmnist": {"lambda_in": 1.0, "lambda_adv": 10.0},
    "flowers": {"lambda_in": 1.0, "lambda_adv": 100.0},
}
"""λ_1 and λ_2, from appendix C; λ_3 is 1."""

FEATURES = {"dsprites": (10, 1), "shapes3d": (10, 1), "cmnist": (2, 16), "flowers": (3, 16)}
"""How many features a code has, and axes each of them, from section 5.2."""

TABLES = {"dsprites": "1", "shapes3d": "2", "cmnist": "3"}
"""The paper's table of each data set."""

METHODS: dict[str, tuple[str, Weights]] = {
    "intervention": ("intervention", {}),
    "FactorVAE, γ = 40": ("factor_vae", {"gamma": 40.0}),
    "β-TCVAE": ("beta_tcvae", {"beta": 6.0}),
    "FactorVAE, γ = 10": ("factor_vae", {"gamma": 10.0}),
    "InfoGAN-CR": ("info_gan_cr", {}),
}
"""The rows of the paper's tables. It prints no β; 6 is that of Chen et al."""

COMPARED = {
    "factor-40": "FactorVAE, γ = 40",
    "tcvae": "β-TCVAE",
    "factor-10": "FactorVAE, γ = 10",
    "infogan": "InfoGAN-CR",
}
"""The methods that ids of claims name."""

IN_PRIMARY = ("intervention", "FactorVAE, γ = 40", "β-TCVAE")
"""Those that primary claims compare, where factors are correlated."""

PICTURED = ("intervention", "FactorVAE, γ = 40")
"""Those of the paper's Figure 4, on 3D Shapes with correlated factors."""

OF_SEVERAL_AXES = ("intervention", "factor_vae")
"""Objectives that the paper's Table 3 has, whose features have 16 axes."""

CONTRAST_FROM = 288_000 / 322_560
"""Share of the training of InfoGAN-CR after which pairs count, of Lin et al.'s public code."""

ABLATED: dict[str, tuple[str, Weights]] = {
    "no translation loss": ("intervention_first", {}),
    "no adversarial loss": ("intervention", {"lambda_adv": 0.0}),
    "no inverse loss": ("intervention", {"lambda_in": 0.0}),
}
"""Models that lack a loss, on dSprites with correlated factors. The first is the paper's first
stage, in which L_diff only judges."""

POOL_GAMMA = 1.0
"""γ of the FactorVAEs that the pool of Figure 3 has beside those of the tables."""

N_OF_POOL = 2
"""Seeds of each of them; of the tables' FactorVAEs the pool has `Profile.n_seeds` a setting."""

POOL = "pool of FactorVAEs"

LAPTOP_STEPS = 8_000
"""Steps of the published profile, settled on the plain VAE alone before the first run.

Net, learning rate and its fall are those of paper C's experiment. What the steps rest on is in
`book/results/intervention/choice.json`: a plain VAE on dSprites with correlated factors gained 1.0
nats of ELBO in the last quarter. One on Shapes3D was not trained to its end.
"""


class Pictures(NamedTuple):
    """What stands for one of the paper's data sets, and the nets for it.

    net: of the baselines' encoders and decoders, of β-TCVAE tcvae_net; encoder, decoder and judge:
        of the model.
    """

    dataset: str
    size: int
    pixel_area: int
    net: str
    tcvae_net: str
    encoder: str
    decoder: str
    judge: str


class Profile(NamedTuple):
    """Sizes of the experiment. Objectives, weights and scores are the same in all profiles.

    pictures: by the paper's names of the data sets.
    gan: what the names of the GANs' nets begin with; gan_on: the data sets that they are on.
    large_batch, large_steps, large_rate: of β-TCVAE, which estimates q(z) from a batch.
    n_seeds: of every setting but those that primary claims compare, which have n_primary.
    cooldown: share of the steps over which the learning rate falls; GANs train as their authors
        do, at a constant one.
    """

    pictures: dict[str, Pictures]
    critic: str
    gan: str
    gan_on: tuple[str, ...]
    batch: int
    steps: int
    learning_rate: float
    large_batch: int
    large_steps: int
    large_rate: float
    n_seeds: int
    n_primary: int
    cooldown: float = 0.0


def _pictures(
    dataset: str, size: int, pixel_area: int, net: str, family: str, *, tcvae_net: str = ""
) -> Pictures:
    """Pictures whose model's nets are the family's encoder, decoder and judge."""
    names = (f"{family}_{role}" for role in ("encoder", "decoder", "judge"))
    return Pictures(dataset, size, pixel_area, net, tcvae_net or net, *names)


def _shallow(dataset: str, size: int, pixel_area: int) -> Pictures:
    of_family = _pictures(dataset, size, pixel_area, "conv_shallow", "intervention_shallow")
    return of_family._replace(decoder="conv_shallow")


LARGE = (64, 1, "kim_mnih_conv", "intervention")
DIGITS = (28, 1, "digits_conv", "intervention_digits")
OF_FLOWERS = (64, 1, "kim_mnih_conv", "intervention_flowers")

SIZES: dict[str, Profile] = {
    "smoke": Profile(
        pictures={
            "dsprites": _shallow("dsprites_rerender_grid", 16, 16),
            "shapes3d": _shallow("shapes3d_twin_grid", 16, 16),
            "cmnist": _shallow("cmnist_digits", 16, 4),
            "flowers": _shallow("flowers_twin", 16, 16),
        },
        critic="critic_256",
        gan="info_gan_small",
        gan_on=("dsprites",),
        batch=16,
        steps=4 * CHUNK,
        learning_rate=1e-3,
        large_batch=16,
        large_steps=4 * CHUNK,
        large_rate=1e-3,
        n_seeds=2,
        n_primary=2,
    ),
    "laptop": Profile(
        pictures={
            "dsprites": _shallow("dsprites_rerender_grid", 32, 4),
            "shapes3d": _shallow("shapes3d_twin_grid", 32, 4),
            "cmnist": _shallow("cmnist", 32, 1),
            "flowers": _shallow("flowers_twin", 32, 4),
        },
        critic="critic_256",
        gan="info_gan_small",
        gan_on=("dsprites",),
        batch=64,
        steps=LAPTOP_STEPS,
        learning_rate=2e-3,
        large_batch=64,
        large_steps=LAPTOP_STEPS,
        large_rate=2e-3,
        cooldown=1.0,
        n_seeds=4,
        n_primary=8,
    ),
    "gpu": Profile(
        pictures={
            "dsprites": _pictures("dsprites_rerender", *LARGE, tcvae_net="chen_mlp"),
            "shapes3d": _pictures("shapes3d_twin", *LARGE),
            "cmnist": _pictures("cmnist_digits", *DIGITS),
            "flowers": _pictures("flowers_twin", *OF_FLOWERS),
        },
        critic="kim_mnih_critic",
        gan="info_gan",
        gan_on=("dsprites", "shapes3d"),
        batch=64,
        steps=20_000,
        learning_rate=1e-3,
        large_batch=256,
        large_steps=15_000,
        large_rate=1e-3,
        n_seeds=10,
        n_primary=10,
    ),
    "paper": Profile(
        pictures={
            "dsprites": _pictures("dsprites", *LARGE, tcvae_net="chen_mlp"),
            "shapes3d": _pictures("shapes3d", *LARGE),
            "cmnist": _pictures("cmnist", *DIGITS),
            "flowers": _pictures("flowers_twin", *OF_FLOWERS),
        },
        critic="kim_mnih_critic",
        gan="info_gan",
        gan_on=("dsprites", "shapes3d"),
        batch=64,
        steps=300_000,
        learning_rate=1e-4,
        large_batch=2048,
        large_steps=18_000,
        large_rate=1e-3,
        n_seeds=10,
        n_primary=10,
    ),
}
"""Sizes by profile. The paper prints batches, rates, ten seeds and the model's nets, but no
numbers of steps: those of `paper` are those of the baselines' own papers.

`laptop` takes about 17 core hours: a step of the whole model 0.11 s of a core, without the
translation 0.06 s, of FactorVAE 0.02 s.
"""

SCORES = ("losses",)

AT_END = ("mig", "dci_forest", "irs", "sap_mixed", "supervised")

OF_FEATURES = ("sap_logistic",)
"""What is taken of codes whose features have 16 axes, as in the paper's Table 3."""


def settings(profile: str) -> list[Setting]:
    """The tables, correlated factors and what primary claims compare first; then the ablation,
    the rest of the pool, and the flowers."""
    sizes = SIZES[profile]
    cells = [
        _cell(profile, on, law, method)
        for law in LAWS  # correlated first, and of the methods those of primary claims
        for method in METHODS
        for on in TABLES
        if _is_in_table(sizes, on, method)
    ]
    return [
        *cells,
        *(_ablated(profile, name) for name in ABLATED),
        *(_pooled(profile, on, law) for on in ("dsprites", "shapes3d") for law in LAWS),
        *(_flowers(profile, objective) for objective in OF_SEVERAL_AXES),
    ]


def reads(claim: str, run: Run) -> bool:
    """Whether the test of a claim, by its id, reads runs of this setting.

    Ids are B-ABOUT or B-ABOUT-OF: tab1 to tab3 and same1 to same3 are about a table's correlated
    and independent half, and name a method of `COMPARED`; fig3 is about the pool.
    """
    about, _, of = claim.removeprefix("B-").partition("-")
    if about == "fig3":
        return any(run == setting.run for setting in pool(run.profile))
    cell = next((cell for cell, run_of in cells(run.profile).items() if run_of == run), None)
    if about == "ablation":
        whole = ("dsprites", "correlated", "intervention")
        return cell == whole or run == _ablated(run.profile, ablated(of)).run
    if cell is None:
        return False
    on, law, method = cell
    if about == "fall":
        return on in ("dsprites", "shapes3d") and method in IN_PRIMARY
    wanted = TABLES[on], "correlated" if about.startswith("tab") else "independent"
    compared = next((name for key, name in COMPARED.items() if of.startswith(key)), "")
    return wanted == (about[-1], law) and method in ("intervention", compared)


def ablated(loss: str) -> str:
    """The variant without this loss, of the name that ids of claims have."""
    return f"no {loss} loss"


def pool(profile: str) -> list[Setting]:
    """The FactorVAEs of Figure 3; of those of the tables as many seeds as all settings have."""
    n_seeds = SIZES[profile].n_seeds
    of_tables = [
        _cell(profile, on, law, method)._replace(seeds=tuple(range(n_seeds)))
        for on, law, method in cells(profile)
        if on != "cmnist" and METHODS[method][0] == "factor_vae"
    ]
    beside = [_pooled(profile, on, law) for on in ("dsprites", "shapes3d") for law in LAWS]
    return of_tables + beside


@cache
def cells(profile: str) -> dict[tuple[str, str, str], Run]:
    """The runs of the tables' cells, by data set, law and method."""
    return {
        (on, law, method): _cell(profile, on, law, method).run
        for on in TABLES
        for law in LAWS
        for method in METHODS
        if _is_in_table(SIZES[profile], on, method)
    }


def methods(on: str) -> list[str]:
    """The rows of the paper's table of a data set."""
    several = FEATURES[on][1] > 1
    return [m for m, (o, _) in METHODS.items() if not several or o in OF_SEVERAL_AXES]


def _is_in_table(sizes: Profile, on: str, method: str) -> bool:
    return method in methods(on) and (METHODS[method][0] != "info_gan_cr" or on in sizes.gan_on)


def _cell(profile: str, on: str, law: str, method: str) -> Setting:
    """A cell of the paper's Table 1, 2 or 3."""
    sizes, (objective, weights) = SIZES[profile], METHODS[method]
    is_primary = law == "correlated" and method in IN_PRIMARY
    n_seeds = sizes.n_primary if is_primary else sizes.n_seeds
    is_pictured = on == "shapes3d" and law == "correlated" and method in PICTURED
    run = _run(profile, on, f"{sizes.pictures[on].dataset}_{law}", objective, weights)
    declared = _judged(run, n_seeds, f"{sizes.pictures[on].dataset}_held_out")
    return declared._replace(kept_by="dci_forest" if is_pictured else "")


def _ablated(profile: str, name: str) -> Setting:
    sizes, (objective, weights) = SIZES[profile], ABLATED[name]
    of = sizes.pictures["dsprites"].dataset
    run = _run(profile, "dsprites", f"{of}_correlated", objective, weights)
    return _judged(run, sizes.n_seeds, f"{of}_held_out")._replace(variant=name)


def _pooled(profile: str, on: str, law: str) -> Setting:
    of = SIZES[profile].pictures[on].dataset
    run = _run(profile, on, f"{of}_{law}", "factor_vae", {"gamma": POOL_GAMMA})
    return _judged(run, N_OF_POOL, f"{of}_held_out")._replace(variant=POOL)


def _flowers(profile: str, objective: str) -> Setting:
    """A model whose features are asked for the nearest neighbours of flowers, from one seed."""
    of = SIZES[profile].pictures["flowers"].dataset
    weights: Weights = {} if objective == "intervention" else {"gamma": 40.0}
    declared = _judged(_run(profile, "flowers", of, objective, weights), 1, "")
    return declared._replace(pictures=("neighbours",), variant="flowers")


def _judged(run: Run, n_seeds: int, scored_on: str) -> Setting:
    """A run with the scores that its nets and its features allow."""
    roles = OBJECTIVES[run.objective].nets
    of_decoder = ("elbo" if run.net else "distortion", "translation")
    return Setting(
        run,
        tuple(range(n_seeds)),
        # a GAN ends with a phase of other losses
        () if run.steps_after else (round(QUARTER * run.steps),),
        scores=SCORES,
        at_end=(
            *(of_decoder if "decoder" in roles else ()),
            *(AT_END if run.axes_per_feature == 1 else OF_FEATURES),
        ),
        pictures=(),
        scored_on=scored_on,
    )


def _run(profile: str, on: str, dataset: str, objective: str, weights: Weights) -> Run:
    """A run of the profile's sizes on one of the paper's data sets."""
    sizes, of = SIZES[profile], SIZES[profile].pictures[on]
    roles, n_features = OBJECTIVES[objective].nets, FEATURES[on]
    is_ours, is_gan = "weighting" in roles, "generator" in roles
    is_large = objective == "beta_tcvae"
    steps = sizes.large_steps if is_large else sizes.steps
    if objective == "info_gan_cr":
        weights = weights | {"contrast_from": float(round(CONTRAST_FROM * steps))}
    if is_ours:
        weights = LAMBDAS[on] | weights
    nets = {
        "encoder": of.encoder, "decoder": of.decoder, "discriminator": of.judge,
        "weighting": of.judge, "translator": "intervention_translator",
    } if is_ours else {
        role: f"{sizes.gan}_{role}" for role in ("generator", "discriminator", "contrastive")
    }  # fmt: skip
    return Run(
        experiment="intervention",
        profile=profile,
        dataset=dataset,
        size=of.size,
        pixel_area=of.pixel_area,
        objective=objective,
        weights=weights,
        net="" if is_ours else of.tcvae_net if is_large else of.net,
        critic=sizes.critic if "critic" in roles else "",
        nets={role: name for role, name in nets.items() if role in roles},
        n_axes=n_features[0] * n_features[1],
        axes_per_feature=n_features[1],
        batch=sizes.large_batch if is_large else sizes.batch,
        steps=steps,
        learning_rate=GAN_RATE
        if is_gan
        else sizes.large_rate
        if is_large
        else sizes.learning_rate,
        steps_after=encoder_steps(steps) if is_gan else 0,
        cooldown=0.0 if is_gan else sizes.cooldown,
    )
