"""Binary images, eight pixels a byte, unpacked only where they are looked at."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class PackedImages:
    """Images of two values, 0 and 255, stored one bit a pixel; read by indexing like a tensor.

    `packed[index]` unpacks the chosen images to uint8 of shape index.shape + (C, H, W); the whole
    set of 737,280 images of 64 x 64 takes 377 MB instead of 3 GB.

    Args:
        bits: uint8 (N, ceil(C H W / 8)); the first pixel of a byte is its highest bit, and
            pixels left over at the end are 0, as numpy.packbits lays them out.
        image_shape: (C, H, W).
    """

    dtype = torch.uint8

    def __init__(self, bits: Tensor, image_shape: tuple[int, int, int]) -> None:
        n_bytes = -(-math.prod(image_shape) // 8)
        if bits.dtype != torch.uint8 or bits.ndim != 2 or bits.shape[1] != n_bytes:
            raise ValueError(
                f"expected bits as uint8 of shape (N, {n_bytes}) for images {tuple(image_shape)}, "
                f"got {bits.dtype} of shape {tuple(bits.shape)}; use PackedImages.pack"
            )
        self.bits = bits
        self.shape = torch.Size((len(bits), *image_shape))
        # made here, not per call: a constant on the images' device, so that a GPU never waits
        self._shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=bits.device)

    @classmethod
    def pack(cls, images: Tensor) -> PackedImages:
        """Pack images (N, C, H, W) of any dtype; every pixel that is not 0 becomes 255."""
        on = (images != 0).flatten(1).to(torch.uint8)
        on = torch.nn.functional.pad(on, (0, -on.shape[1] % 8)).unflatten(1, (-1, 8))
        bits = torch.zeros(on.shape[:2], dtype=torch.uint8, device=images.device)
        for pixel in range(8):
            bits = (bits << 1) | on[..., pixel]
        n_channels, height, width = images.shape[1:]
        return cls(bits, (n_channels, height, width))

    @property
    def device(self) -> torch.device:
        return self.bits.device

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return self.bits.nbytes

    def __len__(self) -> int:
        return len(self.bits)

    def __getitem__(self, index: Any) -> Tensor:
        """Unpack the images at index (an integer, slice or integer tensor) to uint8 0 or 255."""
        bits = self.bits[index]
        n_pixels = math.prod(self.shape[1:])
        on = ((bits[..., None] >> self._shifts) & 1).flatten(-2)[..., :n_pixels]
        return (on * 255).unflatten(-1, self.shape[1:])

    def to(self, device: torch.device | str) -> PackedImages:
        """The same images with their bits on another device."""
        n_channels, height, width = self.shape[1:]
        return PackedImages(self.bits.to(device), (n_channels, height, width))

    def select(self, index: Tensor) -> PackedImages:
        """The images at index (n,), still packed."""
        n_channels, height, width = self.shape[1:]
        return PackedImages(self.bits[index], (n_channels, height, width))
