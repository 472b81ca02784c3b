"""Paper C's main experiment: ELBO, MIG and total correlation over β, for four objectives.

Figures 2, 3 and 4 of Chen et al. 2018 on dSprites. The published design was chosen on the plain
VAE alone, among the paper's MLP and four convolutions of disentanglement_lib on 64 x 64 pixels and
small nets on 32 x 32, by one rule: the nearest to the paper whose VAE has converged (its ELBO
gains under 1 nat in the last quarter of training) and reads both positions (R² above 0.95), and
that fits 15 hours of two cores with every primary claim at its seeds. The measurements of that
choice are in book/results/beta_tcvae/choice.json. No run of another objective was looked at for
it but for the spread over seeds that earlier designs had. The 20 VAEs train first, and a change
of the design is allowed until they are there. It was changed once: four small convolutions over
24,000 steps were given up with 14 VAEs, and two β-VAEs that had begun by mistake, trained.

The learning rate falls to 0 along half a cosine, so that a training of minutes comes to an end.
Two variants are twice as long, to say what that end is worth.

Beside the grid stand variants of single settings, which figures and tables of the grid leave out
(`tables.grid`): what the bugs of released code cost, the paper's two ablations, and longer runs.
So does InfoGAN, which has no β and no ELBO, with nets and rates of its own: those of Lin et al.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from disentangled.experiments.setting import Setting
from disentangled.objectives import OBJECTIVES
from disentangled.runs import CHUNK, Run

BETA = 6.0
"""β of the β-TCVAE that is trained on the real images too, and of its variants: the paper's."""

SCORES = ("elbo", "mig_exact", "losses")
OF_CODES = ("mig", "supervised", "dci_forest", "irs", "sap_mixed")
AT_END = (*OF_CODES, "mig_active", "decoded", "gaussian_tc")
OF_GAN = ("mig_exact", *OF_CODES)
"""What is taken of InfoGAN's encoder, which has no likelihood beside it."""

GAN_RATE = 1e-3
"""Of the generator, of Lin et al.'s public code; those of its judges stand in the recipe."""

Weights = dict[str, float | str]


class Profile(NamedTuple):
    """Sizes of the experiment. The objectives and the scores are the same in all profiles.

    betas: the grid of β for β-VAE and β-TCVAE; 1 is the plain VAE.
    gammas: FactorVAE's weights; its runs are twice as long and scored at equal steps too.
    real: the real data set on which one β-TCVAE is trained beside the re-render, or nothing;
        those models are scored on the re-render too.
    n_primary: seeds of the settings of `PRIMARY`, and of InfoGAN.
    first: objective and weight of the settings that are declared first; β follows β after them.
        Then γ. Empty where the order means nothing.
    precision, cooldown: of products and of the learning rate, one for all objectives.
    scored_on: see `Setting`; nothing is committed of the models then.
    gan: what the names of InfoGAN's nets begin with.
    """

    dataset: str
    size: int
    pixel_area: int
    net: str
    critic: str
    batch: int
    steps: int
    learning_rate: float
    betas: tuple[float, ...]
    gammas: tuple[float, ...]
    n_seeds: int
    n_primary: int
    real: str
    gan: str
    first: tuple[tuple[str, float], ...] = ()
    precision: str = "fp32"
    scored_on: str = ""
    cooldown: float = 0.0


GPU_GAMMAS = (5.0, 35.0)

PRIMARY = (("vae", 1.0), ("beta_vae", 4.0), ("beta_tcvae", BETA))
"""Objective and weight of the settings that primary claims compare. FactorVAE's better γ, by the
mean MIG of the first seeds of both, joins them when it is known."""

SIZES: dict[str, Profile] = {
    "smoke": Profile(
        dataset="dsprites_rerender_grid",
        size=16,
        pixel_area=16,
        net="mlp_64",
        critic="critic_256",
        batch=32,
        steps=2 * CHUNK,
        learning_rate=1e-3,
        betas=(4.0, 6.0),
        gammas=(9.0,),
        n_seeds=2,
        n_primary=2,
        real="",
        gan="info_gan_small",
    ),
    "laptop": Profile(
        dataset="dsprites_rerender_grid",
        size=32,
        pixel_area=4,
        net="conv_shallow",
        critic="critic_256",
        batch=64,
        steps=20_000,
        learning_rate=2e-3,
        betas=(2.0, 4.0, 6.0, 8.0, 10.0),
        # 5 weighs the total correlation as β = 6 does; 35 is Kim & Mnih's for dSprites
        gammas=(5.0, 35.0),
        cooldown=1.0,
        n_seeds=8,
        n_primary=20,
        real="dsprites_grid",
        gan="info_gan_small",
        first=PRIMARY,
    ),
    "gpu": Profile(
        dataset="dsprites_rerender",
        size=64,
        pixel_area=1,
        net="chen_mlp",
        critic="kim_mnih_critic",
        batch=256,
        steps=15_000,
        learning_rate=1e-3,
        betas=(2.0, 4.0, 6.0, 8.0, 10.0),
        gammas=GPU_GAMMAS,
        n_seeds=10,
        n_primary=10,
        real="",
        gan="info_gan",
        first=(
            ("vae", 1.0),
            ("beta_tcvae", 6.0),
            ("beta_vae", 4.0),
            *(("factor_vae", gamma) for gamma in GPU_GAMMAS),
        ),
        precision="tf32",
        scored_on="dsprites_rerender_grid",
    ),
    # 50 epochs of 737,280 images in batches of 2,048
    "paper": Profile(
        dataset="dsprites",
        size=64,
        pixel_area=1,
        net="chen_mlp",
        critic="kim_mnih_critic",
        batch=2048,
        steps=50 * 360,
        learning_rate=1e-3,
        betas=(2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0),
        gammas=(1.0, 4.0, 9.0, 19.0, 39.0, 79.0),
        n_seeds=40,
        n_primary=40,
        real="",
        gan="info_gan",
    ),
}
"""Sizes by profile.

`gpu` is cut to what one lent GPU does in a few minutes. The plain VAE of Chen's net was measured
to be flat from 15,000 steps of 256 images on. Products are in tf32, of all objectives alike: in
fp32 ten seeds take 4.8 ms a step on one H200, and most of that is products. Models train on all
737,280 images and are judged on the 46,080 of the grid, as those of `laptop` are: Chen et al.'s
MIG of all images takes 8 s of a core a model, and the parts of the KL term 40. These are 5 of the
paper's 9 β and two γ, those of `laptop`; it has 10 of the paper's 40 seeds.
"""


INFO_GAN = "InfoGAN"

BESIDE = {"C-fig3-infogan": INFO_GAN, "C-alpha": "α = 0", "C-flow": "flow prior"}
"""The variant that a claim compares with the grid's β-TCVAE, of the same β where it has one."""


def reads(claim: str, run: Run) -> bool:
    """Whether the test of a claim, by its id, reads runs of this setting."""
    if beside := variant(run):
        return BESIDE.get(claim) == beside
    if run.dataset != SIZES[run.profile].dataset:
        return False
    beta, objective = run.weights.get("beta", 1.0), run.objective
    is_ours = (objective, beta) == ("beta_tcvae", BETA)
    if claim in BESIDE:
        return is_ours
    if not claim.startswith("C-fig3"):  # curves over β
        high = claim != "C-fig2-high-beta" or float(beta) >= 6
        return high and objective in ("vae", "beta_vae", "beta_tcvae")
    of = {
        "vae": objective == "vae",
        "beta-vae": (objective, beta) == ("beta_vae", 4.0),
        "factor-vae": objective == "factor_vae",  # the best γ is known when all are there
    }
    against = claim.removeprefix("C-fig3-")
    if against == "factor-vae-mlp":
        return of["beta-vae"] or of["factor-vae"]
    return of[against] or is_ours


def variants(profile: str) -> dict[str, Run]:
    """The runs beside the grid by name: the bugs of released code and the ablations of paper C,
    of as many steps as what they vary in the grid, what twice as many would change, and InfoGAN.

    "mss" has no bug; it is what "mss as released" is compared with. The others are compared with
    the grid: FactorVAE with its γ nearest to the 5 that weighs the total correlation as β = 6
    does.
    """
    sizes = SIZES[profile]
    beta: Weights = {"beta": BETA}
    longer = 2 * sizes.steps
    gamma: Weights = {"gamma": min(sizes.gammas, key=lambda gamma: abs(gamma - (BETA - 1)))}
    return {
        "mss": _run(profile, "beta_tcvae", beta | {"scheme": "mss"}),
        "mss as released": _run(profile, "beta_tcvae", beta | {"scheme": "mss_released"}),
        "leaking critic": replace(_run(profile, "factor_vae_leaking", gamma), steps=longer),
        "half batch": replace(
            _run(profile, "factor_vae", gamma), steps=longer, batch=sizes.batch // 2
        ),
        "α = 0": _run(profile, "beta_tcvae", beta | {"alpha": 0.0}),
        "flow prior": _run(profile, "beta_tcvae_flow", beta),
        "VAE, twice as long": replace(_run(profile, "vae", {}), steps=longer),
        "β-TCVAE, twice as long": replace(_run(profile, "beta_tcvae", beta), steps=longer),
        # last: a step costs six times a VAE's
        INFO_GAN: _run(profile, "info_gan", {}),
    }


def variant(run: Run) -> str:
    """The name of a run beside the grid (see `variants`); empty for the runs of the grid."""
    return next((name for name, of in variants(run.profile).items() if of == run), "")


def settings(profile: str) -> list[Setting]:
    """VAE, β-VAE and β-TCVAE over β, FactorVAE over γ, the check on the real images, variants."""
    sizes = SIZES[profile]

    def setting(
        objective: str, weights: Weights, *, longer: int = 1, dataset: str = ""
    ) -> Setting:
        run = replace(
            _run(profile, objective, weights),
            steps=longer * sizes.steps,
            dataset=dataset or sizes.dataset,
        )
        # at equal steps, and where the last quarter of the training begins
        milestones = {sizes.steps, 3 * longer * sizes.steps // 4} - {longer * sizes.steps}
        weight = float(weights.get("beta", weights.get("gamma", 1.0)))
        primary = (objective, weight) in PRIMARY and not dataset
        kept = primary or objective == "factor_vae"  # which γ is the better is known afterwards
        elsewhere = ("on_rerender",) if dataset else ()  # trained on real images
        return Setting(
            run,
            tuple(range(sizes.n_primary if primary else sizes.n_seeds)),
            tuple(sorted(m // CHUNK * CHUNK for m in milestones)),
            scores=SCORES,
            at_end=(*AT_END, *elsewhere),
            kept_by="mig_exact" if kept and not sizes.scored_on else "",
            scored_on=sizes.scored_on,
        )

    grid = [setting("vae", {})]
    grid += [setting("beta_vae", {"beta": beta}) for beta in sizes.betas]
    grid += [setting("beta_tcvae", {"beta": beta}) for beta in sizes.betas]
    grid += [setting("factor_vae", {"gamma": gamma}, longer=2) for gamma in sizes.gammas]

    def wanted(setting: Setting) -> tuple[int, bool, float]:
        weights = setting.run.weights
        weight = float(weights.get("beta", weights.get("gamma", 1.0)))
        case = setting.run.objective, weight
        return (*sizes.first, case).index(case), case[0] == "factor_vae", weight

    if sizes.first:
        grid.sort(key=wanted)
    if sizes.real:
        grid.append(setting("beta_tcvae", {"beta": BETA}, dataset=sizes.real))
    return grid + [_beside(name, run) for name, run in variants(profile).items()]


def _run(profile: str, objective: str, weights: Weights) -> Run:
    """A run of the profile's sizes."""
    sizes, roles = SIZES[profile], OBJECTIVES[objective].nets
    of_gan = tuple(role for role in ("generator", "discriminator") if role in roles)
    nets = {role: f"{sizes.gan}_{role}" for role in of_gan}
    return Run(
        experiment="beta_tcvae",
        profile=profile,
        dataset=sizes.dataset,
        size=sizes.size,
        pixel_area=sizes.pixel_area,
        objective=objective,
        weights=weights,
        net=sizes.net,
        critic=sizes.critic if "critic" in roles else "",
        nets=nets | ({"prior": "flow_prior"} if "prior" in roles else {}),
        batch=sizes.batch,
        steps=sizes.steps,
        learning_rate=GAN_RATE if of_gan else sizes.learning_rate,
        precision=sizes.precision,
        steps_after=encoder_steps(sizes.steps) if of_gan else 0,
        cooldown=0.0 if of_gan else sizes.cooldown,  # GANs as their authors train them
    )


def _beside(name: str, run: Run) -> Setting:
    """A variant, judged as the grid is, but for pictures; a learned prior has no score that
    takes the normal one for granted."""
    sizes = SIZES[run.profile]
    if name == INFO_GAN:
        seeds = tuple(range(sizes.n_primary))
        return Setting(
            run, seeds, scores=("losses",), at_end=OF_GAN, pictures=(),
            scored_on=sizes.scored_on, variant=name,
        )  # fmt: skip
    other_prior = "prior" in run.nets
    return Setting(
        run,
        tuple(range(sizes.n_seeds)),
        (3 * run.steps // 4 // CHUNK * CHUNK,),
        scores=("distortion", *SCORES[1:]) if other_prior else SCORES,
        at_end=tuple(s for s in AT_END if s != "mig_active") if other_prior else AT_END,
        pictures=(),
        scored_on=sizes.scored_on,
        variant=name,
    )


def encoder_steps(steps: int) -> int:
    """Steps of a GAN's encoder, which scores read: a quarter of the others."""
    return max(1, steps // 4 // CHUNK) * CHUNK
