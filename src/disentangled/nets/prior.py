"""A learned prior of independent axes: the exact log-density of a one-dimensional flow an axis."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from disentangled import gaussian

LAYERS = 4
"""Bends of each axis. A layer moves slopes around one place, and leaves them alone far from it."""

REACH = 2.0
"""Bends start evenly between -REACH and REACH, where a standard normal code lies."""


class FlowPrior(nn.Module):
    r"""log p(z_j) of every axis: z (B, D) -> (B, D), in nats; log p(z) is the sum over axes.

        u = z_j;   in each layer   u <- u + (exp(v) - 1) tanh(w (u - c)) / w
        log p(z_j) = log N((u - m) / s; 0, 1) - log s + Σ_layers log(1 + (exp(v) - 1) (1 - tanh²))

    v, log w, c of every layer and axis, m and log s of every axis are learned. A layer's slope is
    exp(v) at its place c and 1 far from it, always above 0: the map to the normal base is
    monotone, and the density is normalised and known without inverting it. The flow starts at the
    identity (v = m = log s = 0), where p(z_j) is the standard normal.

    **Error**: rounding alone, as long as v is above -16 in float32.

    Source: Chen et al. 2018, section 6, say that it is factorised. Their public code has 32 layers
    u + a tanh(w u + b), whose slopes 1 + a w (1 - tanh²) nothing keeps above 0; where one falls
    below, its absolute value is no density.
    """

    def __init__(self, n_axes: int) -> None:
        super().__init__()
        places = torch.linspace(-REACH, REACH, LAYERS)[:, None].repeat(1, n_axes)
        self.log_slope = nn.Parameter(torch.zeros(LAYERS, n_axes))  # v
        self.log_steepness = nn.Parameter(torch.zeros(LAYERS, n_axes))  # log w
        self.place = nn.Parameter(places)  # c
        self.mean = nn.Parameter(torch.zeros(n_axes))  # m
        self.log_scale = nn.Parameter(torch.zeros(n_axes))  # log s

    def forward(self, z: Tensor) -> Tensor:
        u, log_slope = z, -self.log_scale  # (B, D), (D)
        for layer in range(LAYERS):
            steepness = self.log_steepness[layer].exp()
            more = torch.expm1(self.log_slope[layer])  # of the slope, at the layer's place
            bend = torch.tanh(steepness * (u - self.place[layer]))
            u = u + more * bend / steepness
            log_slope = log_slope + torch.log1p(more * (1 - bend.square()))
        return gaussian.standard_log_prob((u - self.mean) / self.log_scale.exp()) + log_slope


def flow(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """A flow an axis, drawing no random numbers: what is built before it stays what it is."""
    return FlowPrior(n_axes)
