"""Figures of the chapter mean_and_sample: means and samples, a proof's steps, dependent codes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from disentangled import estimators, gaussian
from disentangled.arrays import entry
from disentangled.figures.closed_forms import Axis, Form, Panel, draws
from disentangled.figures.style import COLOURS, PAGE_WIDTH, SMALLEST, finish

N_POINTS = 600  # of a scatter
SCALES = np.geomspace(0.03, 30, 60)


class Step(NamedTuple):
    """A step of a proof by the distance of z from 0, `radius`: what it bounds, the bound as
    printed, and the mended one."""

    radius: Sequence[float]
    bounded: Sequence[float]
    printed: Sequence[float]
    mended: Sequence[float]
    below: bool  # whether the bounds should lie below


def sampled(covariance: Tensor, sd: Tensor) -> Tensor:
    """Cov(z) = Cov(μ) + diag(s²) of normal means and noise that is the same for all images."""
    return covariance + torch.diag(sd.square())


def told(covariance: Tensor, sd: Tensor) -> float:
    """I(z_2; μ) in nats, which bounds the total correlation of two axes."""
    return float(0.5 * torch.log1p(covariance[1, 1] / sd[1] ** 2))


@entry
def disparity(
    scale: float, *, covariance: Tensor, sd: Tensor, profile: str, reach: float = 4.0
) -> Figure:
    """Means and samples of a normal code on two axes, and their total correlations.

    Left and middle: 600 means, and one sample of each; right: TC along the scale of the noise.

    Args:
        scale: the noise has standard deviations scale * sd.
        covariance: of the means, (2, 2).
        sd: (2,).
        profile: of the chapter.
        reach: of both axes of a scatter.
    """
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(PAGE_WIDTH, 2.6), width_ratios=[1, 1, 1.25]
    )
    means, noise = _draws(covariance)
    _scatter(left, means, reach, "blue")
    left.set_title(rf"means: $TC(\mu)$ = {_nats(gaussian.total_correlation(covariance))}")
    left.set(xlabel=r"$\mu_1$", ylabel=r"$\mu_2$")
    _scatter(middle, means + scale * sd * noise, reach, "orange")
    of_samples = gaussian.total_correlation(sampled(covariance, scale * sd))
    middle.set_title(f"samples: $TC(z)$ = {_nats(of_samples)}")
    middle.set(xlabel="$z_1$", ylabel="$z_2$")
    _curves(right, scale, covariance, sd)
    return finish(figure, profile, "normal means and noise, closed form", bars="nats")


def _draws(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Means of this covariance, which may be singular, and standard normal noise, (600, 2)."""
    generator = torch.Generator().manual_seed(0)
    white, noise = torch.randn(2, N_POINTS, 2, generator=generator).double()
    variance, directions = torch.linalg.eigh(covariance)
    return white * variance.clamp(min=0).sqrt() @ directions.T, noise


def _scatter(axes: Axes, points: Tensor, reach: float, colour: str) -> None:
    _ = axes.plot(*points.T.numpy(), ".", color=COLOURS[colour], ms=3, rasterized=True)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")


def _curves(axes: Axes, scale: float, covariance: Tensor, sd: Tensor) -> None:
    """TC of samples, its bound and TC of means along the scale, which is marked."""
    of_samples = [gaussian.total_correlation(sampled(covariance, t * sd)) for t in SCALES]
    bound = [told(covariance, t * sd) for t in SCALES]
    of_means = gaussian.total_correlation(covariance)
    if math.isinf(of_means):
        axes.plot([], [], "--", color=COLOURS["blue"], label=r"$TC(\mu) = \infty$")
    else:
        axes.axhline(of_means, ls="--", color=COLOURS["blue"], label=r"$TC(\mu)$")
    axes.plot(SCALES, bound, ":", color=COLOURS["black"], label=r"$I(z_2;\mu)$")
    axes.plot(SCALES, of_samples, color=COLOURS["orange"], lw=2.4, label="$TC(z)$")
    axes.axvline(scale, color=COLOURS["vermilion"], lw=1.5)
    axes.set(xscale="log", yscale="log", xlabel="scale of the noise", ylim=(1e-5, 20))
    axes.set_title(f"nats, at scale {scale:.2g}")
    axes.legend(loc="lower left")


@entry
def by_scale(*, covariance: Tensor, sd: Tensor, reach: float = 4.0) -> Form:
    """What `disparity` shows, computed by the page; its arguments but for the scale."""
    means, noise = _draws(covariance)
    ticks = [(-4, "−4"), (0, "0"), (4, "4")]
    scale = Axis(0.03, 30, "scale of the noise", [(0.1, "0.1"), (1, "1"), (10, "10")], log=True)
    powers = ((1e-4, "10⁻⁴"), (1e-2, "0.01"), (1, "1"))
    panels = [
        *(
            Panel(
                Axis(-reach, reach, f"{z}₁", ticks), Axis(-reach, reach, f"{z}₂", ticks), width=195
            )
            for z in "μz"
        ),
        Panel(scale, Axis(1e-5, 20, "nats", powers, log=True), width=290, height=140, right=80),
    ]
    given = {"covariance": covariance.tolist(), "sd": sd.tolist()}
    given |= {"means": draws(means), "noise": draws(noise)}
    return Form("noise_scale", given, panels)


def disparity_in_words(scale: float, *, covariance: Tensor, sd: Tensor) -> str:
    """The two total correlations at a scale of the noise."""
    of_means, of_samples = (
        gaussian.total_correlation(c) for c in (covariance, sampled(covariance, scale * sd))
    )
    return (
        f"Noise of scale {scale:.2g}: the total correlation of the means is {_nats(of_means)},"
        f" that of the samples {_nats(of_samples)}"
    )


def _nats(value: float) -> str:
    if math.isinf(value):
        return "∞"
    return f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"


def proof_steps(steps: Mapping[str, Step], *, profile: str) -> Figure:
    """The steps of a proof side by side: each bounded quantity with its two bounds."""
    figure, panels = plt.subplots(1, len(steps), figsize=(PAGE_WIDTH, 2.8))
    for axes, (name, step) in zip(panels, steps.items(), strict=True):
        axes.plot(step.radius, step.printed, "--", color=COLOURS["vermilion"], label="printed")
        axes.plot(step.radius, step.mended, ":", color=COLOURS["green"], label="mended")
        axes.plot(step.radius, step.bounded, color=COLOURS["blue"], label="what is bounded")
        axes.set_title(f"{name}\n{'at least' if step.below else 'at most'}", fontsize=SMALLEST)
        axes.set(yscale="log", xlabel=r"$|z|$")
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.set_ylim(bottom=max(axes.get_ylim()[0], 1e-8))
        axes.minorticks_off()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=3)
    return finish(figure, profile, "normal means in the plane, by quadrature")


@entry
def dependent_codes(
    codes: Mapping[str, tuple[Tensor, Tensor]],
    nats: Mapping[str, tuple[float, float]],
    *,
    profile: str,
) -> Figure:
    """Codes on two axes as densities, and under each its total correlation by two formulas.

    Args:
        codes: name -> mean and log-variance, each (N, 2).
        nats: name -> the total correlation, and what the formula for normal laws says.
    """
    figure, panels = plt.subplots(2, len(codes), figsize=(PAGE_WIDTH, 3.2), height_ratios=[3, 1])
    longest = 1.35 * max(max(pair) for pair in nats.values())
    for (name, code), axes, bars in zip(codes.items(), *panels, strict=True):
        _density(axes, *code)
        axes.set_title(name)
        rows = {"formula": (nats[name][1], "sky"), "$TC(z)$": (nats[name][0], "vermilion")}
        for label, (value, colour) in rows.items():
            bars.barh(label, value, color=COLOURS[colour])
            bars.text(value + 0.02 * longest, label, f"{value:.2f}", va="center")
        bars.set(xlim=(0, longest), xticks=[])
        bars.spines[:].set_visible(False)
        bars.tick_params(length=0)
    return finish(figure, profile, "closed-form codes", bars="nats")


def _density(axes: Axes, mean: Tensor, logvar: Tensor) -> None:
    """q(z), shaded by its root so that faint parts show."""
    reach = float(mean.abs().max() + 3 * torch.exp(0.5 * logvar).max())
    side = torch.linspace(-reach, reach, 121, dtype=torch.float64)
    z = torch.cartesian_prod(side, side)
    log_q = estimators.log_aggregate_posterior_dataset(z, mean, logvar).joint
    shade = (0.5 * log_q).exp().reshape(len(side), -1).T.numpy()
    axes.imshow(
        shade, cmap="Greys", vmax=1.3 * shade.max(), origin="lower", interpolation="none",
        extent=(-reach, reach, -reach, reach),
    )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
