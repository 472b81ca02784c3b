"""β-TCVAE whose prior is learned too: a factorised normalizing flow."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from disentangled import gaussian
from disentangled.arrays import of_arrays
from disentangled.estimators import Scheme
from disentangled.objectives.beta_tcvae import beta_tcvae
from disentangled.objectives.games import Draw, Heard, Nets, Player, Recipe, encode
from disentangled.types import Code, Loss


@of_arrays
def beta_tcvae_flow(
    x: Tensor,
    logits: Tensor,
    code: Code,
    log_pz_axis: Tensor,
    *,
    n_data: int,
    pixel_area: int = 1,
    alpha: float = 1.0,
    beta: float = 6.0,
    gamma: float = 1.0,
    scheme: Scheme = "mws",
    noise_covariance: Any = None,
) -> Loss:
    r"""`beta_tcvae` under a prior p(z) = Π_j p(z_j) other than the normal one.

        total = distortion + α I(z; n) + β TC(z) + γ Σ_j KL(q(z_j) ‖ p(z_j))

    The prior stands in the last term alone, the only one that trains it. At α = β = γ = 1 this is
    the negative ELBO under that prior.

    Shapes: x and logits (B, C, H, W), code (B, D), log_pz_axis (B, D), log p(z_j) at code.z; every
    term a scalar, nats per example. Equal to `beta_tcvae` where log_pz_axis is the standard
    normal's.

    Source: Chen et al. 2018, eq. 4 and the ablation in section 6. The flow is
    ours, `nets.prior.FlowPrior`.
    """
    terms = beta_tcvae(
        x, logits, code, n_data=n_data, pixel_area=pixel_area, scheme=scheme,
        noise_covariance=noise_covariance,
    ).terms  # fmt: skip
    distortion, mutual_info, total_corr = (
        terms[name] for name in ("distortion", "mutual_info", "total_corr")
    )
    above_normal = (log_pz_axis - gaussian.standard_log_prob(code.z)).sum(-1).mean()
    axis_kl = terms["axis_kl"] - above_normal

    total = distortion + alpha * mutual_info + beta * total_corr + gamma * axis_kl
    return Loss(total, {**terms, "axis_kl": axis_kl})


def _autoencoder(nets: Nets, draw: Draw, heard: Heard, **settings: Any) -> tuple[Loss, Heard]:
    code = encode(nets, draw["x"], draw["noise"])
    logits = nets["decoder"](code.z).float()
    return beta_tcvae_flow(draw["x"], logits, code, nets["prior"](code.z), **settings), {}


_NETS = ("encoder", "decoder", "prior")

BETA_TCVAE_FLOW = Recipe(
    ((Player("autoencoder", _NETS, _autoencoder),),),
    {"alpha": 1.0, "beta": 6.0, "gamma": 1.0, "scheme": "mws"},
    _NETS,
)
"""One player moves the prior with the autoencoder. No weight is `swept`: β = 1 is no plain VAE."""
