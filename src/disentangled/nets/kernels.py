"""Convolutions that a CPU is slow at, by other routes to the same numbers.

The layers have the parameters, names and initial weights of `nn.Conv2d` and `nn.ConvTranspose2d`
and differ from them by rounding only. Measured against the library's own kernels (oneDNN, 64
images, 32 channels): see `make bench`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FEW = 3
"""Channels of an image: up to here a convolution is done as a matrix product.

The library's kernels work on blocks of 16 channels and leave most of a block idle.
"""


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`; from an image (at most `FEW` channels) by windows and one matrix product."""

    padding: tuple[int, int]

    def __init__(self, before: int, after: int, kernel: int, stride: int, padding: int = 0):
        super().__init__(before, after, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        if self.in_channels > FEW:
            return super().forward(x)
        x = functional.pad(x, [p for p in self.padding[::-1] for _ in range(2)])
        windows = x.unfold(2, self.kernel_size[0], self.stride[0])
        windows = windows.unfold(3, self.kernel_size[1], self.stride[1])  # (B, C, H, W, h, w)
        columns = windows.permute(0, 2, 3, 1, 4, 5).flatten(3)  # (B, H, W, C h w)
        y = functional.linear(columns, self.weight.flatten(1), self.bias)
        return y.permute(0, 3, 1, 2)


class ConvTranspose2d(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d`; to an image (at most `FEW` channels) by one matrix product whose
    overlapping windows are added up, else with the weights' gradient by `Upsample`."""

    padding: tuple[int, int]
    bias: nn.Parameter

    def __init__(self, before: int, after: int, kernel: int, stride: int, padding: int = 0):
        super().__init__(before, after, kernel, stride, padding)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if self.out_channels > FEW:
            upsampled: Tensor = Upsample.apply(
                x, self.weight, self.bias, self.stride, self.padding
            )
            return upsampled
        columns = self.weight.flatten(1).T @ x.flatten(2)  # (B, C h w, H W)
        # windows rounded to bf16 are still added up in float32
        columns = columns.to(torch.promote_types(columns.dtype, torch.float32))
        side = [
            (n - 1) * stride - 2 * padding + kernel
            for n, stride, padding, kernel in zip(
                x.shape[2:], self.stride, self.padding, self.kernel_size, strict=True
            )
        ]
        y = functional.fold(
            columns, side, self.kernel_size, padding=self.padding, stride=self.stride
        )
        return y + self.bias[:, None, None]


class Upsample(torch.autograd.Function):
    """A transposed convolution whose weights' gradient is that of the convolution it transposes.

    With x and the output's gradient g in each other's place the two are the same sum; in bf16
    the library computes the convolution's several times as fast.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, bias: Tensor, stride: tuple[int, int], padding: tuple[int, int]
    ) -> Tensor:
        return functional.conv_transpose2d(x, weight, bias, stride, padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, bias, ctx.stride, ctx.padding = inputs
        ctx.save_for_backward(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        kernel = weight.to(g.dtype)  # autocast made g bf16 and left the parameters float32
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
