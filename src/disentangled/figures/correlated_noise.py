"""Figures of correlated_noise: codes in closed form, and the best codes of a linear model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

from disentangled import gaussian
from disentangled.arrays import entry
from disentangled.figures import style
from disentangled.figures.labels import name_ends
from disentangled.figures.style import COLOURS, PAGE_WIDTH

TERMS = {
    "together": ("$I(z;x)$", COLOURS["blue"]),
    "apart": (r"$\sum_j I(z_j;x)$", COLOURS["sky"]),
    "conditional": (r"$c = TC(\epsilon)$", COLOURS["orange"]),
    "total_corr": ("$TC(z)$", COLOURS["vermilion"]),
}
"""Label and colour of each term of Theorem 1."""

N_AXES = 10
"""Axes of the code over whose noise the slider runs."""

BETAS = np.geomspace(1, 200, 80)
"""Where the terms of the optimal linear codes are drawn."""


class Terms(Protocol):
    """The terms of Theorem 1 in nats: together = apart + conditional - total_corr."""

    @property
    def together(self) -> float: ...
    @property
    def apart(self) -> float: ...
    @property
    def conditional(self) -> float: ...
    @property
    def total_corr(self) -> float: ...


class Linear(Protocol):
    """A linear code of two axes: the means of an axis by component (2, 2), deviations (2,)."""

    @property
    def means(self) -> Tensor: ...
    @property
    def sd(self) -> Tensor: ...


TermsAt = Callable[[int, float], Terms]
"""The terms of a code of so many axes under noise of a correlation."""


@entry
def four_codes(
    codes: Mapping[str, tuple[Tensor, Tensor]],
    sd: Tensor,
    parts: Mapping[str, Terms],
    *,
    profile: str,
) -> Figure:
    """Codes of two axes with a dozen of their posteriors, and both sides of Theorem 1 as bars.

    Args:
        codes: name -> covariance of the means, and of the noise (2, 2).
        sd: standard deviations of all posteriors (2,).
        parts: name -> terms of the code.
    """
    figure, panels = plt.subplots(
        2, len(codes), figsize=(PAGE_WIDTH, 2.8), height_ratios=[4, 1], squeeze=False
    )
    for (name, (means, noise)), axes, bars in zip(codes.items(), *panels, strict=True):
        _posteriors(axes, means, _spread(sd, noise))
        axes.set_title(name)
        _sides(bars, parts[name])
    handles = panels[1, -1].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower left", ncols=4)
    return style.finish(figure, profile, "closed-form codes", bars="nats")


@entry
def parity_cloud(profile: str) -> Tensor:
    """Draws (n, 3) of a standard normal noise, the sign of whose third axis is that of the
    product of the others."""
    n_points = {"smoke": 300}.get(profile, 1500)
    cloud = torch.randn(n_points, 3, generator=torch.Generator().manual_seed(1)).double()
    cloud[:, 2] = cloud[:, 2].abs() * torch.sign(cloud[:, 0] * cloud[:, 1])
    return cloud


def parity_of_signs(cloud: Tensor, *, profile: str) -> Figure:
    """Two pairs of the axes of `parity_cloud`, and one coloured by the sign of the third axis."""
    figure, panels = plt.subplots(1, 3, figsize=(PAGE_WIDTH, 2.5))
    above = cloud[:, 2] > 0
    for axes, pair in zip(panels, ((0, 1), (0, 2), (0, 1)), strict=True):
        looks = [(~above | above, "grey", "o")]
        if axes is panels[2]:
            looks = [(above, "blue", "o"), (~above, "vermilion", "v")]
        for chosen, colour, marker in looks:
            points = cloud[chosen][:, pair].T
            axes.scatter(*points, c=COLOURS[colour], s=5, marker=marker, lw=0, rasterized=True)
        i, j = (f"$\\epsilon_{axis + 1}$" for axis in pair)
        axes.set(xlabel=i, ylabel=j, aspect="equal", xlim=(-3.5, 3.5), ylim=(-3.5, 3.5))
    return style.finish(
        figure, profile, "noise with a parity of signs", bars=f"{len(cloud)} draws"
    )


def isotropic(terms: TermsAt, *, profile: str) -> Figure:
    """The terms of the isotropic encoder of 3 and of 10 axes over all correlations."""
    figure, panels = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 2.8))
    for axes, n_axes, top in zip(panels, (3, 10), (5, 14), strict=True):
        low = -1 / (n_axes - 1)
        _terms_over_sigma(axes, terms, n_axes, low + 1e-4, 1 - 1e-4)
        for end in (low, 1):
            axes.axvline(end, color=COLOURS["grey"], ls=":", lw=1)
        axes.set(title=f"{n_axes} axes", xlabel=r"$\sigma$", ylim=(-0.02 * top, top))
    panels[0].set_ylabel("nats")
    name_ends(panels[1])
    return style.finish(figure, profile, "isotropic encoder, closed form")


@entry
def at_sigma(sigma: float, terms: TermsAt, *, profile: str) -> Figure:
    """The noise, and the terms of the isotropic encoder, at a correlation."""
    figure, panels = plt.subplot_mosaic(
        [["noise", "matrix", "terms"]], figsize=(PAGE_WIDTH, 2.9), width_ratios=[1, 1, 2.2]
    )
    _noise(panels["noise"], panels["matrix"], sigma)
    _terms_over_sigma(panels["terms"], terms, N_AXES, 0, 0.95)
    panels["terms"].axvline(sigma, color=COLOURS["grey"], lw=1.5)
    panels["terms"].set(xlabel=r"$\sigma$", xlim=(0, 0.96), ylim=(-0.3, 14.5))
    panels["terms"].set_title("isotropic encoder, 10 axes, nats")
    panels["terms"].legend(loc="upper left")
    return style.finish(figure, profile, "noise and isotropic encoder, closed form")


def at_sigma_in_words(sigma: float, terms: TermsAt) -> str:
    """What `at_sigma` shows."""
    part = terms(N_AXES, sigma)
    return (
        f"σ = {sigma:.2f}: the whole code knows {part.together:.2f} nats, the axes apart"
        f" {part.apart:.2f}; c is {part.conditional:.2f}, the total correlation"
        f" {part.total_corr:.2f}"
    )


@entry
def at_beta(
    beta: float,
    codes: Mapping[float, Linear],
    readings: Mapping[float, Tensor],
    curves: Mapping[float, Sequence[Terms]],
    *,
    profile: str,
) -> Figure:
    """The optimal linear codes at a β: where images lie, what axes tell of components, terms.

    Args:
        codes: by correlation, two of them.
        readings: by correlation, what axes tell of components in nats (2, 2).
        curves: by correlation, the terms at `BETAS`.
    """
    figure, panels = plt.subplots(2, 3, figsize=(PAGE_WIDTH, 4.3), width_ratios=[1, 1.1, 1.7])
    for (plane, matrix, curve), (sigma, code) in zip(panels, codes.items(), strict=True):
        _images(plane, code, sigma)
        plane.set_title(rf"$\sigma$ = {sigma:g}, $\beta$ = {beta:.2f}")
        names = ["comp. 1", "comp. 2"]
        style.heatmap(matrix, readings[sigma], ["axis 1", "axis 2"], names, top=1.4)
        matrix.set_title("$I(z_j; y_k)$, nats")
        matrix.tick_params(labelsize=style.SMALLEST)
        _curves(curve, BETAS, curves[sigma])
        curve.axvline(beta, color=COLOURS["grey"], lw=1.5)
        curve.set(xscale="log", xlim=(0.97, 210), ylim=(-0.05, 2.2))
        curve.set_xticks([1, 4, 16, 64], ["1", "4", "16", "64"])
        curve.minorticks_off()
    panels[1, 2].set_xlabel(r"$\beta$")
    panels[0, 2].legend(loc="upper right")
    return style.finish(figure, profile, "optimal linear codes, closed form")


def at_beta_in_words(beta: float, readings: Mapping[float, Tensor]) -> str:
    """What `at_beta` shows of the readings."""
    return f"β = {beta:.2f}: " + "; ".join(
        f"at σ = {sigma:g} axis 1 tells {m[0, 0]:.2f} nats of component 1 and {m[0, 1]:.2f} of"
        f" component 2, axis 2 {m[1, 0]:.2f} and {m[1, 1]:.2f}"
        for sigma, m in readings.items()
    )


def white() -> Tensor:
    """The same 400 draws of white noise on two axes in every picture, (400, 2)."""
    return torch.randn(400, 2, generator=torch.Generator().manual_seed(3)).double()


def _spread(sd: Tensor, noise: Tensor) -> Tensor:
    """Covariance of the noise of a code: diag(sd) noise diag(sd)."""
    return torch.outer(sd, sd) * noise


def _ellipse(
    axes: Axes, centre: tuple[float, float], covariance: Tensor, n_sd: float = 1.0, **look: Any
) -> None:
    values, vectors = torch.linalg.eigh(covariance)
    turn = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
    short, long = (2 * n_sd * values.clamp(min=0).sqrt()).tolist()
    axes.add_patch(Ellipse(centre, long, short, angle=turn, **look))


def _posteriors(axes: Axes, means: Tensor, spread: Tensor) -> None:
    """The aggregate posterior in grey, and a dozen posteriors in blue."""
    for n_sd in (2.0, 1.0):
        _ellipse(axes, (0, 0), means + spread, n_sd, color=COLOURS["grey"], alpha=0.2, lw=0)
    values, vectors = torch.linalg.eigh(means)
    root = vectors @ torch.diag(values.clamp(min=0).sqrt())  # bears a singular covariance
    for x, y in (white()[:12] @ root.T).tolist():
        _ellipse(axes, (x, y), spread, fill=False, ec=COLOURS["blue"], lw=0.8)
        axes.plot(x, y, ".", color=COLOURS["blue"], ms=3)
    axes.set(aspect="equal", xticks=[], yticks=[], xlim=(-2.8, 2.8), ylim=(-2.8, 2.8))
    axes.spines[:].set_visible(False)


def _sides(axes: Axes, part: Terms) -> None:
    """Theorem 1 as two bars of one length, with the numbers where they fit."""
    for row, names in enumerate((("apart", "conditional"), ("together", "total_corr"))):
        left = 0.0
        for name in names:
            (label, colour), nats = TERMS[name], getattr(part, name)
            axes.barh(-row, nats, left=left, color=colour, label=label, height=0.75)
            if nats > 0.2:
                look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8.5}
                shade = "white" if name in ("together", "total_corr") else "black"
                axes.text(left + nats / 2, -row, f"{nats:.2f}", color=shade, **look)
            left += nats
    axes.set(xlim=(0, 1.6), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _curves(axes: Axes, x: np.ndarray, terms: Sequence[Terms]) -> None:
    """Each term as a curve over x, of a line of its own, as one may cover another."""
    for (name, (label, colour)), line in zip(TERMS.items(), ("-", "--", "-.", ":"), strict=True):
        axes.plot(x, [getattr(one, name) for one in terms], line, color=colour, label=label)


def _terms_over_sigma(axes: Axes, terms: TermsAt, n_axes: int, low: float, high: float) -> None:
    sigmas = np.linspace(low, high, 240)
    _curves(axes, sigmas, [terms(n_axes, sigma) for sigma in sigmas])


def _noise(draws: Axes, matrix: Axes, sigma: float) -> None:
    """Two of the axes of the noise, and the covariance of all."""
    root = torch.linalg.cholesky(gaussian.equicorrelated(2, sigma))
    draws.plot(*(white() @ root.T).T, ".", color=COLOURS["blue"], ms=2, rasterized=True)
    draws.set(xlim=(-3.6, 3.6), ylim=(-3.6, 3.6), aspect="equal", xticks=[], yticks=[])
    draws.set_title(rf"$\epsilon_1, \epsilon_2$ at $\sigma$ = {sigma:.2f}")
    covariance = gaussian.equicorrelated(N_AXES, sigma)
    matrix.imshow(covariance.numpy(), cmap="Blues", vmin=0, vmax=1, interpolation="none")
    matrix.set(xticks=[], yticks=[])
    matrix.set_title(r"$\Sigma$, white 0 to blue 1")


def _images(axes: Axes, code: Linear, sigma: float) -> None:
    """Where images on a grid of components have their codes, and how wide they are."""
    side = torch.linspace(-1.5, 1.5, 4, dtype=torch.float64)
    for k, (colour, dash) in enumerate((("green", "-"), ("purple", "--"))):
        for held in side:
            line = torch.stack([torch.stack([a, held] if k == 0 else [held, a]) for a in side])
            axes.plot(*(line @ code.means.T).T, dash, color=COLOURS[colour], lw=1.6)
    spread = _spread(code.sd, gaussian.equicorrelated(2, sigma))
    _ellipse(axes, (0, 0), spread, color=COLOURS["grey"], alpha=0.35, lw=0)
    axes.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal", xticks=[], yticks=[])
    axes.set(xlabel="axis 1", ylabel="axis 2")
