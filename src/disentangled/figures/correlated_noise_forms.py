"""Closed forms that the page correlated_noise computes: by σ, and by β of linear codes."""

from __future__ import annotations

from collections.abc import Sequence

from disentangled.figures.closed_forms import Axis, Form, Panel, draws, plane
from disentangled.figures.correlated_noise import N_AXES, white


def by_sigma(*, variance: float, noise: float) -> Form:
    """What `correlated_noise.at_sigma` shows of the isotropic encoder.

    Args: variance, of the means, and noise, of the noise, on each axis.
    """
    ends = Axis(0, N_AXES, line=False)
    sigma = Axis(0, 0.96, "σ", [(k / 5, f"{k / 5:.1f}") for k in range(5)])
    nats = Axis(-0.3, 14.5, "nats", [(k, str(k)) for k in (0, 5, 10)])
    panels = [
        plane(3.6, width=175),
        Panel(ends, ends, "Σ, pale 0 to strong 1", width=175),
        Panel(sigma, nats, "isotropic encoder, 10 axes", width=330, height=160, right=105),
    ]
    given = {"n_axes": N_AXES, "variance": variance, "noise": noise, "draws": draws(white())}
    return Form("isotropic_noise", given, panels)


def by_beta(variances: Sequence[float], sigmas: Sequence[float]) -> Form:
    """What `correlated_noise.at_beta` shows of the optimal linear codes.

    Args:
        variances: of the two components of the images.
        sigmas: correlations of the noise, a row of panels each.
    """
    components = Axis(0, 2, ticks=[(0.5, "comp. 1"), (1.5, "comp. 2")], line=False)
    axes = Axis(0, 2, ticks=[(1.5, "axis 1"), (0.5, "axis 2")], line=False)
    beta = Axis(0.97, 210, "β", [(b, str(b)) for b in (1, 4, 16, 64)], log=True)
    nats = Axis(-0.05, 2.2, "nats", [(k / 2, f"{k / 2:.1f}") for k in range(5)])
    row = [
        plane(2.2, "axis 1", "axis 2", width=165),
        Panel(components, axes, "I(zⱼ; yₖ), nats", width=185, height=126),
        Panel(beta, nats, "terms of the identity", width=330, height=126, right=105),
    ]
    given = {"variances": list(variances), "sigmas": list(sigmas)}
    return Form("linear_codes", given, row * len(sigmas))
