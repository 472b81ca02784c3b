"""Ends of the nets: posterior parameters after an encoder, images after a decoder."""

from __future__ import annotations

from torch import Tensor, nn


class Posterior(nn.Module):
    """A trunk followed by one linear layer that gives mean and log-variance, each (B, D).

    One layer with 2 D outputs has the parameters of two heads with D outputs each.
    """

    def __init__(self, trunk: nn.Module, width: int, n_axes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(width, 2 * n_axes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.head(self.trunk(x)).chunk(2, dim=-1)
        return mean, logvar


def glorot(module: nn.Module) -> nn.Module:
    """Glorot-uniform weights and zero biases, TensorFlow 1's defaults, which dlib trains with."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module
