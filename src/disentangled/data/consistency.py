"""Whether images, factors, their names and sizes fit together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from disentangled.data.images import Images

AT_ONCE = 64
"""Images that are looked at together."""


def check_images(name: str, images: Images) -> None:
    """Images must be uint8 (N, C, H, W), at least one.

    Raises:
        ValueError: other images; the message begins with the name of the data.
    """
    shape = tuple(images.shape)
    if images.dtype != torch.uint8 or len(shape) != 4:
        raise ValueError(
            f"{name}: expected images as uint8 (N, C, H, W), 0 to 255, got "
            f"{images.dtype} of shape {shape}; scale with (255 * x).round() "
            "and add a channel axis with images[:, None]"
        )
    if shape[0] == 0:
        raise ValueError(f"{name}: expected at least one image, got none")


def check_pixels(name: str, images: Images) -> None:
    """Pixels must reach beyond 1, unless all are 0: else they count 0 and 1 instead of 0 and 255.

    Looks at images until one is found that is bright.

    Raises:
        ValueError: pixels of 0 and 1, or other images than were promised; the message begins
            with the name of the data.
    """
    if images.device.type == "meta" or 0 in images.shape:  # no values to look at
        return
    some_one = False
    # one alone at first, which is enough where images lie on disk and are bright
    for first, end in itertools.pairwise([0, *range(1, len(images), AT_ONCE), len(images)]):
        read = images[first:end]
        if read.dtype != torch.uint8 or read.shape != (end - first, *images.shape[1:]):
            raise ValueError(
                f"{name}: expected images that are read as {images.dtype} of shape "
                f"{(end - first, *images.shape[1:])}, as they say, got {read.dtype} of "
                f"{tuple(read.shape)}; mend the __getitem__ of {type(images).__name__}"
            )
        brightest = int(read.max())
        if brightest > 1:
            return
        some_one = some_one or brightest == 1
    if some_one:
        raise ValueError(
            f"{name}: expected pixels from 0 to 255, got 0 and 1 alone, which is nearly black; "
            "scale with 255 * images"
        )


def check_factors(
    name: str, n_images: int, factors: Tensor, names: tuple[str, ...], sizes: tuple[int, ...]
) -> None:
    """Factors must be integers (N, K) within their sizes, with distinct names.

    Raises:
        ValueError: other factors, names or sizes; the message begins with the name of the data.
    """
    # of no columns the type says nothing
    fractions = factors.is_floating_point() or factors.is_complex()
    if (fractions and len(names) > 0) or factors.shape != (n_images, len(names)):
        raise ValueError(
            f"{name}: expected factors as integers of shape ({n_images}, {len(names)}), "
            f"one row an image and one column a name of {names}, got {factors.dtype} "
            f"of shape {tuple(factors.shape)}"
        )
    words = all(isinstance(factor, str) for factor in names)
    if len(sizes) != len(names) or len(set(names)) != len(names) or not words:
        raise ValueError(
            f"{name}: expected distinct words as factor_names and one size for each, "
            f"got names {names} and sizes {sizes}"
        )
    if factors.device.type == "meta":  # no values to look at
        return
    lowest, highest = factors.amin(0).tolist(), factors.amax(0).tolist()
    for factor, size, low, high in zip(names, sizes, lowest, highest, strict=True):
        if low < 0 or high >= size:
            raise ValueError(
                f"{name}: factor {factor!r} of size {size} takes values 0 to {size - 1}, "
                f"got {low} to {high}; number its values from 0"
            )


def check_text(what: str, text: Any) -> None:
    """What titles and rows say must be text.

    Raises:
        ValueError: no text, or none of it.
    """
    if not isinstance(text, str) or not text:
        raise ValueError(f"{what} must be text, got {text!r}")


def check_named(name: str, what: str, some: Sequence[str], names: tuple[str, ...]) -> None:
    """Some factors, called `what`, must be a sequence of distinct names of factors.

    Raises:
        ValueError: other names; the message begins with the name of the data.
    """
    listed = isinstance(some, Sequence) and not isinstance(some, str)
    listed = listed and all(isinstance(part, str) for part in some)
    if not listed or len(set(some)) != len(some) or not set(some) <= set(names):
        raise ValueError(
            f"{name}: expected {what} as distinct names of factors, of {names}, got {some!r}; "
            "a single one is a tuple too: ('shape',)"
        )
