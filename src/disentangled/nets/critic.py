"""FactorVAE's critic: tells codes from codes whose axes were permuted apart."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from disentangled.nets.heads import glorot

LEAK = 0.2
"""Slope of the leaky ReLU below zero, in both papers' code."""


def critic(n_axes: int, hidden: list[int]) -> nn.Module:
    """Leaky-ReLU layers of the hidden widths, then two logits (B, 2)."""
    layers: list[nn.Module] = []
    for before, after in pairwise([n_axes, *hidden]):
        layers += [nn.Linear(before, after), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], 2))


def kim_mnih(n_axes: int) -> nn.Module:
    """Six layers, 1000 units in the five hidden ones (Kim & Mnih 2018, Appendix A)."""
    return critic(n_axes, [1000] * 5)


def dlib(n_axes: int) -> nn.Module:
    """Six hidden layers of 1000 units, one more than the paper (disentanglement_lib)."""
    return glorot(critic(n_axes, [1000] * 6))


def small(n_axes: int) -> nn.Module:
    """Three hidden layers of 256 units: the laptop profile's critic."""
    return critic(n_axes, [256] * 3)
