"""Split encoders: the deeper layers apart for every axis (Yang et al. 2020, section 4.2).

The paper's text gives neither the depth of the split nor the widths, and its Figure 1 is a
drawing. Our reading: a vanilla encoder shares all layers but its last linear one; a split encoder
of depth d has, for every axis, d more layers of its own, counted from the end. With the vanilla
widths in each private block it has more parameters than the vanilla encoder, so that a comparison
mixes splitting with capacity; `narrowed` finds the private widths at which the counts agree.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from disentangled.nets.heads import Posterior, glorot
from disentangled.nets.kernels import Conv2d


class Plan(NamedTuple):
    """A convolutional encoder in numbers: convolutions as (channels, kernel, stride, padding), and
    the widths of the dense layers after them, a ReLU after each; a linear head follows."""

    convolutions: tuple[tuple[int, int, int, int], ...]
    dense: tuple[int, ...]

    def widths(self) -> list[int]:
        """Channels of the convolutions and widths of the dense layers, in order."""
        return [*(channels for channels, *_ in self.convolutions), *self.dense]


DLIB = Plan(((32, 4, 2, 1), (32, 4, 2, 1), (64, 2, 2, 0), (64, 2, 2, 0)), (256,))
"""disentanglement_lib's conv_encoder, as `conv.dlib_encoder`."""

SMALL = Plan(((16, 4, 2, 1), (32, 4, 2, 1), (32, 4, 2, 1), (32, 4, 2, 1)), (128,))
"""The laptop's, as `conv.small_encoder`."""


class Apart(nn.Module):
    """A linear layer of its own for every axis: (B, D, before) -> (B, D, after)."""

    def __init__(self, n_axes: int, before: int, after: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(before)  # nn.Linear's
        self.weight = nn.Parameter(torch.empty(n_axes, before, after).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_axes, after).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.bmm(x.transpose(0, 1), self.weight).transpose(0, 1) + self.bias
        return y


class SplitPosterior(nn.Module):
    """A shared trunk, then private layers that end in (B, D, 2): mean and log-variance an axis."""

    def __init__(self, trunk: nn.Module, private: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.private = private

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.private(self.trunk(x)).unbind(-1)
        return mean, logvar


def encoder(
    shape: tuple[int, int, int], n_axes: int, plan: Plan, *, private: Sequence[int] = ()
) -> nn.Module:
    """The plan's encoder with its last layers split.

    Args:
        shape: (C, H, W) of the images, H = W.
        private: widths an axis of the split layers, which replace the plan's last
            len(private); none give the vanilla encoder.

    Raises:
        ValueError: more private layers than the plan has.
    """
    n_shared = len(plan.widths()) - len(private)
    if n_shared < 0:
        raise ValueError(f"expected at most {len(plan.widths())} private layers, got {private}")
    widths = [*plan.widths()[:n_shared], *private]
    blocks: tuple[list[nn.Module], list[nn.Module]] = ([], [])
    before, side = shape[0], shape[1]
    for i, (_, kernel, stride, padding) in enumerate(plan.convolutions):
        side = (side + 2 * padding - kernel) // stride + 1
        blocks[i >= n_shared].extend(
            [*_convolution(before, widths[i], n_axes, i - n_shared, kernel, stride, padding)]
        )
        before = widths[i]
    apart = len(plan.convolutions) > n_shared
    flat = [nn.Unflatten(1, (n_axes, before)), nn.Flatten(2)] if apart else [nn.Flatten()]
    blocks[apart].extend(flat)
    before *= side * side
    for i in range(len(plan.convolutions), len(widths)):
        blocks[i >= n_shared].extend(_dense(before, widths[i], n_axes, i - n_shared))
        before = widths[i]
    if not private:
        return Posterior(nn.Sequential(*blocks[0]), before, n_axes)
    return SplitPosterior(
        nn.Sequential(*blocks[0]), nn.Sequential(*blocks[1], Apart(n_axes, before, 2))
    )


def _convolution(
    before: int, after: int, n_axes: int, position: int, kernel: int, stride: int, padding: int
) -> list[nn.Module]:
    """A convolution and ReLU; position counts from the first private layer, which reads what is
    shared, so that all axes' copies of it are one layer."""
    if position < 0:
        return [Conv2d(before, after, kernel, stride, padding), nn.ReLU()]
    if position == 0:
        return [nn.Conv2d(before, n_axes * after, kernel, stride, padding), nn.ReLU()]
    wide = nn.Conv2d(n_axes * before, n_axes * after, kernel, stride, padding, groups=n_axes)
    return [wide, nn.ReLU()]


def _dense(before: int, after: int, n_axes: int, position: int) -> list[nn.Module]:
    """A dense layer and ReLU; position as in `_convolution`."""
    if position < 0:
        return [nn.Linear(before, after), nn.ReLU()]
    if position == 0:
        return [
            nn.Linear(before, n_axes * after), nn.ReLU(), nn.Unflatten(1, (n_axes, after))
        ]  # fmt: skip
    return [Apart(n_axes, before, after), nn.ReLU()]


def n_parameters(
    shape: tuple[int, int, int], n_axes: int, plan: Plan, *, private: Sequence[int] = ()
) -> int:
    """Number of parameters of `encoder`."""
    with torch.device("meta"):
        net = encoder(shape, n_axes, plan, private=private)
    return sum(parameter.numel() for parameter in net.parameters())


@cache
def narrowed(
    shape: tuple[int, int, int], n_axes: int, plan: Plan, *, depth: int
) -> tuple[int, ...]:
    """Widths an axis of the last `depth` layers with which the split encoder has as many
    parameters as the vanilla one, or as few less as can be.

    All private layers are narrowed by one ratio, in steps of 1/256, rounded to whole units.
    """
    vanilla = n_parameters(shape, n_axes, plan)

    def widths(numerator: int) -> tuple[int, ...]:
        return tuple(max(1, round(w * numerator / 256)) for w in plan.widths()[-depth:])

    def parameters(numerator: int) -> int:
        return n_parameters(shape, n_axes, plan, private=widths(numerator))

    return widths(bisect_right(range(257), vanilla, lo=1, key=parameters) - 1)


def small_wide(shape: tuple[int, int, int], n_axes: int, *, depth: int) -> nn.Module:
    """The laptop's encoder; every axis has its last `depth` layers for itself, at full width."""
    return encoder(shape, n_axes, SMALL, private=SMALL.widths()[-depth:])


def small_narrow(shape: tuple[int, int, int], n_axes: int, *, depth: int) -> nn.Module:
    """The same, `narrowed` to the parameter count of the vanilla encoder."""
    return encoder(shape, n_axes, SMALL, private=narrowed(shape, n_axes, SMALL, depth=depth))


def dlib_wide(shape: tuple[int, int, int], n_axes: int, *, depth: int) -> nn.Module:
    """dlib's encoder; every axis has its last `depth` layers for itself, at full width."""
    return _glorot(encoder(shape, n_axes, DLIB, private=DLIB.widths()[-depth:]), n_axes)


def dlib_narrow(shape: tuple[int, int, int], n_axes: int, *, depth: int) -> nn.Module:
    """The same, `narrowed` to the parameter count of the vanilla encoder."""
    widths = narrowed(shape, n_axes, DLIB, depth=depth)
    return _glorot(encoder(shape, n_axes, DLIB, private=widths), n_axes)


def _glorot(net: nn.Module, n_axes: int) -> nn.Module:
    """`glorot`, with the fans of an axis' own layers and not of all axes' together."""
    glorot(net)
    for layer in net.private.modules():  # type: ignore[union-attr]
        if isinstance(layer, Apart):
            fans = sum(layer.weight.shape[1:])
        elif isinstance(layer, nn.Linear):
            fans = layer.in_features + layer.out_features // n_axes
        elif isinstance(layer, nn.Conv2d):
            own = layer.out_channels // n_axes
            fans = (layer.weight.shape[1] + own) * math.prod(layer.kernel_size)
        else:
            continue
        bound = math.sqrt(6 / fans)
        nn.init.uniform_(layer.weight, -bound, bound)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
    return net
