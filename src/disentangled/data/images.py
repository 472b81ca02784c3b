"""What data need of their images, kept as they may be; images made smaller, or packed in bits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from disentangled import arrays


@runtime_checkable
class Images(Protocol):
    """N images uint8 (N, C, H, W), 0 to 255, read by indexing, whatever they are kept as.

    Its methods are named and called as those of a tensor, so that a tensor is one. Others are
    `PackedImages`, `palette.PaletteImages` and `hdf5.Hdf5Images`.
    """

    @property
    def shape(self) -> torch.Size:
        """(N, C, H, W)."""

    @property
    def dtype(self) -> torch.dtype:
        """torch.uint8."""

    @property
    def device(self) -> torch.device:
        """Where what is read lies."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, index: Any, /) -> Tensor:
        """Images at an integer, slice, mask (N,) or integers, as uint8 index.shape + (C, H, W).

        Raises:
            IndexError: an image that is not there, as for every sequence.
        """

    def to(self, device: torch.device | str, /) -> Images:
        """The same images on another device."""

    def index_select(self, dim: int, index: Tensor, /) -> Images:
        """A subset, kept in the same way: the images at index (n,), 0 to N - 1; dim is 0."""


def as_images(images: Any) -> Images:
    """What can be read as images, as it is; arrays and nested lists as a tensor.

    Raises:
        ValueError: what is neither.
    """
    if isinstance(images, Images) and not isinstance(images, Tensor):
        return images
    try:
        return arrays.tensor(images, "images")
    except ValueError as error:
        raise ValueError(
            f"expected images as uint8 (N, C, H, W): a tensor, an array, or an object with the "
            f"methods of data.Images, got {type(images).__name__} ({error})"
        ) from error


def image_index(index: Any) -> Any:
    """An index of images alone, in a form that means the same to all kinds of images.

    Raises:
        ValueError: an index of pixels besides, numbers that torch would take for a mask, or what
            torch would take for a new axis: True, False and None.
    """
    if isinstance(index, slice) or index is ...:
        return index
    if isinstance(index, tuple):
        raise ValueError(
            f"expected an index of images alone, got one of {len(index)} axes {index!r}; read "
            "the images first: images[i][:, row, column]"
        )
    if not isinstance(index, Tensor):
        if np.ndim(index) == 0:
            return arrays.whole(index, "the number of an image")
        index = arrays.tensor(list(index) if isinstance(index, range) else index, "index")
        index = index if index.numel() else index.to(torch.int64)  # [] is float to numpy
    if index.dtype == torch.int64:
        return index
    if index.dtype == torch.bool:
        if index.ndim != 1:
            raise ValueError(
                f"expected a mask of one value an image (N,), got shape {tuple(index.shape)}"
            )
        return index
    if index.dtype == torch.uint8 or index.is_floating_point() or index.is_complex():
        raise ValueError(
            f"expected an index of integers or a mask of bool, got {index.dtype}; use "
            "index.long() for the numbers of images, index.bool() for a mask"
        )
    return index.to(torch.int64)


def only_images(dim: int) -> None:
    """Refuse a subset of anything but images.

    Raises:
        ValueError: another axis than 0.
    """
    if dim != 0:
        raise ValueError(f"expected dim 0, a subset of the images, got {dim}; read them first")


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
        """Pack images (N, C, H, W) of any dtype; every pixel that is not 0 becomes 255.

        Raises:
            ValueError: another number of axes.
        """
        if images.ndim != 4:
            raise ValueError(
                f"expected images (N, C, H, W), got shape {tuple(images.shape)}; add a channel "
                "axis with images[:, None]"
            )
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
        bits = self.bits[image_index(index)]
        n_pixels = math.prod(self.shape[1:])
        on = ((bits[..., None] >> self._shifts) & 1).flatten(-2)[..., :n_pixels]
        return (on * 255).unflatten(-1, self.shape[1:])

    def to(self, device: torch.device | str) -> PackedImages:
        """The same images with their bits on another device."""
        n_channels, height, width = self.shape[1:]
        return PackedImages(self.bits.to(device), (n_channels, height, width))

    def index_select(self, dim: int, index: Tensor) -> PackedImages:
        """The images at index (n,), still packed; dim is 0."""
        only_images(dim)
        n_channels, height, width = self.shape[1:]
        return PackedImages(self.bits.index_select(0, index), (n_channels, height, width))


def pool(images: Tensor, size: int) -> Tensor:
    """Binary images averaged over square blocks to grey: uint8, 0 to 255, halves rounded up.

    Args:
        images: (N, C, side, side), 0 or not 0 (on).
        size: the new side, the old one over a power of two; at the old side pixels are 0 or 255.

    Returns:
        uint8 (N, C, size, size).
    """
    return averaged((images != 0).to(torch.uint8) * 255, size)


def averaged(images: Tensor, size: int) -> Tensor:
    """Images averaged over square blocks, halves rounded up.

    Args:
        images: uint8 (N, C, side, side).
        size: the new side, the old one over a power of two.

    Returns:
        uint8 (N, C, size, size).

    Raises:
        ValueError: another size.
    """
    block = block_side(images.shape, size)
    if block == 1:
        return images
    # exact in float32: the mean of a block is a whole number over a power of two
    mean = torch.nn.functional.avg_pool2d(images.to(torch.float32), block)
    return (mean + 0.5).to(torch.uint8)


def block_side(shape: Sequence[int], size: int) -> int:
    """The side of the blocks (..., side, side) that are averaged to a pixel of the new side.

    Raises:
        ValueError: images that are not square, or whose side is not size times a power of two.
    """
    height, width = shape[-2:]
    fits = isinstance(size, int) and size > 0 and width % size == 0
    block = width // size if fits else 0
    if height != width or block < 1 or block & (block - 1):
        raise ValueError(
            f"expected square images whose side is the new side times a power of two, got "
            f"{height} x {width} and {size!r}; halve the side as often as you like"
        )
    return block


def resized(images: NDArray[Any], size: int) -> Tensor:
    """Grey or colour images resized by Pillow's Lanczos filter in 8 bits, channel by channel.

    Values that overshoot at edges are clipped to 0..255.

    Args:
        images: uint8 (N, C, side, side).
        size: the new side in px.

    Returns:
        uint8 (N, C, size, size).
    """
    small = np.empty((*images.shape[:2], size, size), np.uint8)
    for place in np.ndindex(images.shape[:2]):
        plane = Image.fromarray(np.ascontiguousarray(images[place]))
        small[place] = plane.resize((size, size), Image.Resampling.LANCZOS)
    return torch.from_numpy(small)


def gather(blocks: Iterable[Tensor], size: int, *, packed: bool) -> Tensor | PackedImages:
    """Binary images that come in blocks (n, C, side, side) as one set of the side asked for.

    Never holds more than a block beside the result. Packs only what is still binary: images of
    a smaller side are grey and stay one byte a pixel.
    """
    parts: list[Tensor] = []
    shape: tuple[int, ...] = ()
    for block in blocks:
        shape = tuple(block.shape[1:])
        keep_bits = packed and size == shape[-1]
        parts.append(PackedImages.pack(block).bits if keep_bits else pool(block, size))
    if packed and size == shape[-1]:
        return PackedImages(torch.cat(parts), (shape[0], shape[1], shape[2]))
    return torch.cat(parts)
