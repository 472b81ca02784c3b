"""Convolutions by the routes that are fast on a CPU, to the same numbers.

The layers have the parameters, names and initial weights of `nn.Conv2d` and `nn.ConvTranspose2d`
and differ from them by rounding only. What was measured (oneDNN, 64 images, two cores) stands
with each; `make bench` measures the training step that they add up to.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FEW = 3
"""Channels of an image. The library's kernels work on blocks of 16 channels and leave most of a
block idle on so few."""


def channels_last(x: Tensor) -> Tensor:
    """The same pictures (B, C, H, W) with the channels of a pixel next to each other in memory.

    Convolutions then need no reordering of what they read and write: forward and backward take
    0.6 to 0.8 of the time. `Tensor.contiguous` would leave pictures of one channel as they are,
    and the layers after it in the slower order.
    """
    size, channels, height, width = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(size, height * width * channels)
    return pixels.view(size, height, width, channels).permute(0, 3, 1, 2)


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` on pictures with channels last."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, padding: int = 0):
        super().__init__(before, after, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(channels_last(x))


class ConvTranspose2d(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d` on pictures with channels last, by `Upsample`."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, padding: int = 0):
        super().__init__(before, after, kernel, stride, padding)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        y: Tensor = Upsample.apply(
            channels_last(x), self.weight, self.bias, self.stride, self.padding
        )
        return y


def overlap_add(
    x: Tensor, weight: Tensor, bias: Tensor, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """`conv_transpose2d` as one matrix product whose overlapping windows are added up.

    To one channel five to ten times as fast as the library's.
    """
    columns = weight.flatten(1).T @ x.flatten(2)  # (B, C h w, H W)
    kernel = (weight.shape[2], weight.shape[3])
    size = tuple(
        (n - 1) * s - 2 * p + k
        for n, s, p, k in zip(x.shape[2:], stride, padding, kernel, strict=True)
    )
    # windows that are rounded to bf16 are still added up in float32
    windows = columns.to(torch.promote_types(columns.dtype, torch.float32))
    y = functional.fold(windows, size, kernel, padding=padding, stride=stride)
    return (y + bias[:, None, None]).to(columns.dtype)


class Upsample(torch.autograd.Function):
    """A transposed convolution whose gradients are computed as those of a convolution.

    With x and the output's gradient g in each other's place, its weights' gradient is the same
    sum as that of the convolution which it transposes, and the library's kernel for that one
    takes half the time in bf16 and a third on one channel.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, bias: Tensor, stride: tuple[int, int], padding: tuple[int, int]
    ) -> Tensor:
        few = weight.shape[1] <= FEW
        transposed = overlap_add if few else functional.conv_transpose2d
        return transposed(x, weight, bias, stride, padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, bias, ctx.stride, ctx.padding = inputs
        ctx.save_for_backward(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        g = channels_last(g)
        kernel = weight.to(g.dtype)  # under autocast g is bf16, and the parameters are float32
        x_gradient = functional.conv2d(g, kernel, None, ctx.stride, ctx.padding)
        _, weight_gradient, _ = torch.ops.aten.convolution_backward(
            x.to(g.dtype), g, kernel, None, ctx.stride, ctx.padding, (1, 1), False, (0, 0), 1,
            (False, True, False),
        )  # fmt: skip
        return (
            x_gradient.to(x.dtype),
            weight_gradient.to(weight.dtype),
            g.sum((0, 2, 3)).to(bias.dtype),
            None,
            None,
        )
