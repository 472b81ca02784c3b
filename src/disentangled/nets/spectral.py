"""Spectral norm that trains in a stack: the layer's weight over its largest singular value."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrize import register_parametrization

FIRST_ITERATIONS = 15
"""Power iterations before training, as in torch's own layer; one more at each training step."""

Layer = TypeVar("Layer", bound=nn.Module)


class Spectral(nn.Module):
    r"""W / σ(W), with σ(W) = uᵀ W v estimated by power iteration on the flattened weight.

    The numbers of `torch.nn.utils.parametrizations.spectral_norm`, by operations that
    `torch.func.vmap` can lift. u and v are buffers, which a stack keeps for every seed.
    """

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, dim: int) -> None:
        super().__init__()
        self.dim = dim
        rows, columns = self._flat(weight).shape
        u, v = weight.new_empty(rows).normal_(), weight.new_empty(columns).normal_()
        self.register_buffer("_u", functional.normalize(u, dim=0))
        self.register_buffer("_v", functional.normalize(v, dim=0))
        for _ in range(FIRST_ITERATIONS):
            self._iterate(self._flat(weight))

    def _flat(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    @torch.no_grad()
    def _iterate(self, flat: Tensor) -> None:
        self._u.copy_(functional.normalize(flat @ self._v, dim=0))
        self._v.copy_(functional.normalize(flat.T @ self._u, dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        flat = self._flat(weight)
        if self.training:
            self._iterate(flat)
        # copies, since the next pass writes on the buffers and the backward pass reads these
        u, v = self._u.clone(), self._v.clone()
        return weight / (u @ (flat @ v))


def spectral_norm(layer: Layer) -> Layer:
    """The layer with its weight divided by its largest singular value (Miyato et al. 2018)."""
    transposed = isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d)
    weight = layer.weight
    assert isinstance(weight, Tensor)
    register_parametrization(layer, "weight", Spectral(weight.detach(), 1 if transposed else 0))
    return layer
