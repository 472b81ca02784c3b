"""Figures of the chapter kl_in_three_parts: codes of one KL term, and what β does to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

from disentangled import estimators, gaussian, tables
from disentangled.arrays import entry
from disentangled.figures import portraits
from disentangled.figures.closed_forms import Axis, Form, Panel, draws
from disentangled.figures.style import COLOURS, PAGE_WIDTH, PARTS, SMALLEST, finish

EXPERIMENT = "beta_tcvae"
METHODS = {"β-VAE": "beta_vae", "β-TCVAE": "beta_tcvae"}
"""Objective of each method whose trained models the chapter compares."""

N_DECODED = 24
"""Images of the linear model whose decoded codes are shown."""

Posteriors = tuple[Tensor, Tensor]  # mean and log-variance, each (N, D)
Models = dict[float, dict[str, "pd.Series[Any]"]]  # β -> name of the method -> the run's line


@entry
def codes_of_equal_kl(kl: float) -> dict[str, Posteriors]:
    """Four codes of sixteen images on two axes, all with the same KL term.

    Args:
        kl: nats, at least 0 and at most 2.

    Returns:
        name -> mean (16, 2) and log-variance (16, 2), float64.
    """
    return {
        "on a grid": _with_kl(_on_a_grid, kl, high=1.19),
        "on a diagonal": _with_kl(_on_a_diagonal, kl, high=1.0),
        "off the prior": _with_kl(_off_the_prior, kl, high=3.0),
        "mixed": _with_kl(_mixed, kl, high=3.0),
    }


def _quantiles(n: int) -> Tensor:
    """The middles of n equal shares of a standard normal law, (n,)."""
    return torch.special.ndtri((torch.arange(n).double() + 0.5) / n)


def _on_a_grid(a: float) -> Posteriors:
    """Sixteen means on a grid; the axes are independent."""
    levels = _quantiles(4)
    mean = a * torch.cartesian_prod(levels, levels)
    return mean, torch.full_like(mean, math.log(1 - a**2 * 0.7))


def _on_a_diagonal(a: float) -> Posteriors:
    """Sixteen means on the diagonal; the axes move together."""
    ladder = _quantiles(16)
    mean = a * torch.stack([ladder, ladder], 1)
    return mean, torch.full_like(mean, math.log(1 - a**2))


def _off_the_prior(a: float) -> Posteriors:
    """One and the same posterior for all, away from the prior."""
    return torch.full((16, 2), a).double(), torch.zeros(16, 2).double()


def _mixed(a: float) -> Posteriors:
    """An uneven spread, uneven widths."""
    ladder = _quantiles(16)
    mean = torch.stack([ladder, ladder.roll(2) + 0.3], 1)
    logvar = torch.linspace(-2, 0.3, 16, dtype=torch.float64)
    return a * mean, torch.stack([logvar, logvar.flip(0)], 1)


def _with_kl(family: Callable[[float], Posteriors], kl: float, high: float) -> Posteriors:
    """The member of a family whose KL term is kl, by bisection of its parameter up to high."""
    low = 0.0
    for _ in range(60):
        a = (low + high) / 2
        reached = gaussian.kl_standard(*family(a)).sum(1).mean() > kl
        low, high = (low, a) if reached else (a, high)
    return family(a)


@entry
def four_codes(
    codes: Mapping[str, Posteriors], terms: Mapping[str, estimators.KLTerms], *, profile: str
) -> Figure:
    """Codes on two axes side by side, and below each its KL term cut into the three parts.

    Args:
        codes: name -> mean (N, 2) and log-variance (N, 2).
        terms: name -> the parts of the code's KL term, nats.
    """
    figure, panels = plt.subplots(2, len(codes), figsize=(PAGE_WIDTH, 2.8), height_ratios=[5, 1])
    for (name, code), axes, bar in zip(codes.items(), *panels, strict=True):
        _aggregate_posterior(axes, *code)
        axes.set_title(name)
        left = 0.0
        for part, (label, colour) in PARTS.items():
            nats = getattr(terms[name], part)
            bar.barh(0, nats, left=left, color=colour, label=label)
            if nats > 0.15:
                bar.annotate(
                    f"{nats:.2f}", (left + nats / 2, 0), ha="center", va="center", color="white",
                    fontsize=SMALLEST,
                )  # fmt: skip
            left += nats
        bar.set(xlim=(0, 1.5), yticks=[], xticks=[])
        bar.spines[:].set_visible(False)
    figure.legend(*bar.get_legend_handles_labels(), loc="outside lower left", ncols=3)
    return finish(figure, profile, "closed-form codes", bars="nats")


def _aggregate_posterior(axes: Axes, mean: Tensor, logvar: Tensor) -> None:
    """q(z) shaded, with an ellipse a posterior at one standard deviation."""
    side = torch.linspace(-3.6, 3.6, 121, dtype=torch.float64)
    z = torch.cartesian_prod(side, side)
    log_q = estimators.log_aggregate_posterior_dataset(z, mean, logvar).joint
    density = log_q.exp().reshape(len(side), -1).T.numpy()
    look = {"cmap": "Greys", "vmax": 1.6 * density.max()}
    shades = axes.contourf(side.numpy(), side.numpy(), density, 12, **look)
    shades.set_rasterized(True)
    widths = 2 * torch.exp(logvar / 2)
    for centre, (width, height) in zip(mean.tolist(), widths.tolist(), strict=True):
        axes.add_patch(Ellipse(centre, width, height, fill=False, ec=COLOURS["blue"], lw=0.7))
    axes.set(aspect="equal", xticks=[], yticks=[], xlim=(-3.6, 3.6), ylim=(-3.6, 3.6))
    axes.spines[:].set_visible(False)


@entry
def searched_loss(loss: Callable[[Tensor, Tensor], Tensor], *, seed: int) -> float:
    """The loss that a search over all linear encoders of two axes ends at (L-BFGS).

    Args:
        loss: of an encoder (2, 2) and the logarithms of its noise's standard deviations (2,).
        seed: of the random start.
    """
    start = torch.randn(3, 2, generator=torch.Generator().manual_seed(seed)).double() / 2
    free = start.requires_grad_()
    search = torch.optim.LBFGS([free], max_iter=500, line_search_fn="strong_wolfe")

    def evaluate() -> Tensor:
        search.zero_grad()
        value = loss(free[:2], free[2])
        value.backward()
        return value

    search.step(evaluate)
    return float(evaluate().detach())


@entry
def linear_optimum(beta: float, *, variances: Tensor, turn: Tensor, profile: str) -> Figure:
    """What the optimal linear β-VAE keeps of images with two components.

    Left: images, and the decoded codes of some of them; right: I(z; x) along β.

    Args:
        beta: weight of the KL term, from 1 to 20.
        variances: of the two components, (2,).
        turn: rotation (2, 2) whose columns are the components.
        profile: of the chapter.
    """
    figure, (axes, curve) = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 3.0), width_ratios=[1.2, 1])
    _decoded_codes(axes, beta, variances, turn)
    axes.set_title(rf"$\beta$ = {beta:.2f}: images (grey), decoded codes (blue)")
    span = torch.linspace(1, 20, 200)
    kept = [0.5 * torch.log((variance / span).clamp(min=1)) for variance in variances]
    curve.stackplot(
        span.numpy(), *(nats.numpy() for nats in kept), labels=["axis 1", "axis 2"],
        colors=[COLOURS["blue"], COLOURS["sky"]],
    )  # fmt: skip
    at_one = float(kept[0][0] + kept[1][0])
    curve.axhline(at_one, color=COLOURS["black"], ls="--", lw=1.3, label=r"$\beta$-TCVAE")
    curve.axvline(beta, color=COLOURS["vermilion"], lw=2)
    curve.set(xscale="log", xlim=(0.97, 21), ylim=(0, 2.4), xlabel=r"$\beta$")
    curve.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
    curve.set_title(r"$I(z;x)$ in nats; $TC$ and axis-wise KL are 0")
    curve.minorticks_off()
    curve.legend(loc="upper right", bbox_to_anchor=(1, 0.9))
    return finish(figure, profile, "linear Gaussian model, closed form")


@entry
def by_beta(*, variances: Tensor, turn: Tensor) -> Form:
    """What `linear_optimum` shows, computed by the page; its arguments but for β."""
    beta = Axis(0.97, 21, "β", [(b, str(b)) for b in (1, 2, 4, 8, 16)], log=True)
    nats = Axis(0, 2.4, "nats", [(k / 2, f"{k / 2:.1f}") for k in range(5)])
    panels = [
        Panel(Axis(-11, 11, line=False), Axis(-8, 8, line=False), width=330),
        Panel(beta, nats, "I(z; x); TC and axis-wise KL are 0", width=320, height=195, right=85),
    ]
    given = {"variances": variances.tolist(), "turn": turn.tolist(), "n_decoded": N_DECODED}
    return Form("linear_optimum", given | {"images": draws(_images(variances, turn))}, panels)


def _decoded_codes(axes: Axes, beta: float, variances: Tensor, turn: Tensor) -> None:
    """400 images, of 24 the decoded means and an ellipse at one standard deviation of noise."""
    cloud = _images(variances, turn)
    share = (beta / variances).clamp(max=1.0)
    axes.plot(*cloud.T.numpy(), ".", color="#C8C8C8", ms=3, rasterized=True)
    width, height = (2 * (variances * share * (1 - share)).sqrt()).tolist()
    angle = math.degrees(math.atan2(turn[1, 0], turn[0, 0]))
    means = cloud[:N_DECODED] @ turn @ torch.diag(1 - share) @ turn.T
    blue = COLOURS["blue"]
    for mean in means.tolist():
        axes.add_patch(Ellipse(mean, width, height, angle=angle, color=blue, alpha=0.25, lw=0))
    axes.plot(*means.T.numpy(), "o", color=blue, ms=3.5)
    axes.spines[:].set_visible(False)
    axes.set(xlim=(-11, 11), ylim=(-8, 8), aspect="equal", xticks=[], yticks=[])


def _images(variances: Tensor, turn: Tensor) -> Tensor:
    """400 images of the linear model, the same in every picture, (400, 2)."""
    white = torch.randn(400, 2, generator=torch.Generator().manual_seed(0)).double()
    return white @ torch.diag(variances.sqrt()) @ turn.T


def linear_optimum_in_words(beta: float, *, variances: Tensor) -> str:
    """How many components the optimal linear β-VAE keeps, and how many nats."""
    left = int((variances > beta).sum())
    nats = float((0.5 * torch.log((variances / beta).clamp(min=1))).sum())
    return f"β = {beta:.2f}: the optimal code keeps {left} of 2 components and {nats:.2f} nats"


def median_models(runs: pd.DataFrame) -> Models:
    """For every trained β and method the run of the seed with the median MIG."""
    return {
        beta: {
            name: tables.median_seed(runs, objective, beta, "mig_exact")
            for name, objective in METHODS.items()
        }
        for beta in tables.weights_of(runs, "beta_tcvae")
    }


def trained_parts(models: Models, beta: float, *, profile: str) -> Figure:
    """The KL terms at a β in their parts, to one scale for every β, with reconstructions."""
    longest = 1.02 * max(line["kl"] for lines in models.values() for line in lines.values())
    return portraits.loss_parts(
        models[beta], EXPERIMENT, f"β = {beta:g}", profile=profile, longest=longest
    )


def trained_parts_in_words(models: Models, beta: float) -> str:
    """The parts of the KL terms at a β."""
    said = (
        f"{name}: I {line['mutual_info']:.1f}, TC {line['total_corr']:.1f},"
        f" axis-wise KL {line['axis_kl']:.1f} nats"
        for name, line in models[beta].items()
    )
    return f"Parts of the KL term and reconstructions at beta {beta:g}: " + "; ".join(said)


def trained_means(runs: pd.DataFrame) -> dict[str, float | int | str]:
    """Means over seeds, under the names that the prose quotes.

    Returns:
        the numbers by name; largest is the largest β, and information, total correlation and
        distortion in nats have a name after the VAE (vae), β-VAE (beta) and β-TCVAE (tc) at it.
    """
    largest = max(tables.weights_of(runs, "beta_tcvae"))
    named: dict[str, float | int | str] = {
        "largest": f"{largest:g}",
        "trained_seeds": tables.n_seeds(runs),
    }
    settings = {"vae": ("vae", 1.0), "beta": ("beta_vae", largest), "tc": ("beta_tcvae", largest)}
    columns = {"info": "mutual_info", "tc": "total_corr", "distortion": "distortion"}
    for name, setting in settings.items():
        means = tables.seeds(runs, *setting, *columns.values()).mean(0)
        named |= {f"{name}_{of}": float(mean) for of, mean in zip(columns, means, strict=True)}
    return named
