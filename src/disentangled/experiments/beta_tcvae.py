"""Paper C's main experiment: ELBO, MIG and total correlation over β, for four objectives.

Figures 2, 3 and 4 of Chen et al. 2018 on dSprites. The design was chosen by the plain VAE, which
must learn position and scale, and was not changed after the sweep had begun. It is the second
one; what the first found stands in book/results/beta_tcvae/first_design.json, and what an earlier
draw of this one found, its seeds trained as a stack, in stacked_draw.json beside it.
"""

from __future__ import annotations

from typing import NamedTuple

from disentangled.experiments.setting import Setting
from disentangled.runs import CHUNK, Run

REAL_CHECK_BETA = 6.0
"""β of the β-TCVAE that is trained on the real images too."""


class Profile(NamedTuple):
    """Sizes of the experiment. The objectives and the scores are the same in all profiles.

    betas: the grid of β for β-VAE and β-TCVAE; 1 is the plain VAE.
    gammas: FactorVAE's weights; its runs are twice as long and scored at equal steps too.
    real: the real data set on which one β-TCVAE is trained beside the re-render, or nothing;
        those models are scored on the re-render too.
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
    real: str


SIZES: dict[str, Profile] = {
    "smoke": Profile(
        dataset="dsprites_rerender_grid",
        size=8,
        pixel_area=64,
        net="mlp_64",
        critic="critic_256",
        batch=32,
        steps=2 * CHUNK,
        learning_rate=1e-3,
        betas=(4.0, 6.0),
        gammas=(9.0,),
        n_seeds=2,
        real="",
    ),
    "laptop": Profile(
        dataset="dsprites_rerender_grid",
        size=32,
        pixel_area=4,
        net="conv_small",
        critic="critic_256",
        batch=64,
        steps=2000,
        learning_rate=1e-3,
        betas=(2.0, 4.0, 6.0),
        # 5 weighs the total correlation as β = 6 does; 35 is Kim & Mnih's for dSprites
        gammas=(5.0, 35.0),
        n_seeds=8,
        real="dsprites_grid",
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
        real="",
    ),
}


def settings(profile: str) -> list[Setting]:
    """VAE, β-VAE and β-TCVAE over β, FactorVAE over γ, and the check on the real images."""
    sizes = SIZES[profile]

    def setting(
        objective: str, weights: dict[str, float | str], *, longer: int = 1, dataset: str = ""
    ) -> Setting:
        run = Run(
            experiment="beta_tcvae",
            profile=profile,
            dataset=dataset or sizes.dataset,
            size=sizes.size,
            pixel_area=sizes.pixel_area,
            objective=objective,
            weights=weights,
            net=sizes.net,
            critic=sizes.critic if objective == "factor_vae" else "",
            batch=sizes.batch,
            steps=longer * sizes.steps,
            learning_rate=sizes.learning_rate,
        )
        milestones = (sizes.steps // 2,) if longer == 1 else (sizes.steps,)
        declared = Setting(
            run, tuple(range(sizes.n_seeds)), milestones, kept_by="" if dataset else "mig_exact"
        )
        if dataset:  # trained on real images: scored on the re-render too
            return declared._replace(at_end=(*declared.at_end, "on_rerender"))
        return declared

    grid = [setting("vae", {})]
    grid += [setting("beta_vae", {"beta": beta}) for beta in sizes.betas]
    grid += [setting("beta_tcvae", {"beta": beta}) for beta in sizes.betas]
    grid += [setting("factor_vae", {"gamma": gamma}, longer=2) for gamma in sizes.gammas]
    if sizes.real:
        grid.append(setting("beta_tcvae", {"beta": REAL_CHECK_BETA}, dataset=sizes.real))
    return grid
