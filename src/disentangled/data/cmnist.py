"""Coloured MNIST: digits whose strokes have one of ten colours, on black.

The factors are the content, which digit it is, and the colour, one of the ten hues of Shapes3D.
How a digit is written varies unlabelled. The data sets `cmnist` and `cmnist_digits` have every
training digit in every colour. For paper B's training sets each digit is painted once:

    p(colour | content) = p(colour, content) / p(content)   correlated
    p(colour)                                               independent

with the law of `resampled` for (colour, content). The contents stay as often as they are written,
so that the two sets agree in how often each content and each colour comes up. Held out are the
test digits, painted once as well, in all colours alike.

Where MNIST is not to be had, scikit-learn brings 1,797 other real digits of 8 x 8 px: enlarged to
24 px and with a black border they are `cmnist_digits`; the first 1,500 train, 297 are held out.
As these are few, each is painted ten times, with a colour drawn each time.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn import datasets
from torch import Generator, Tensor
from torch.nn.functional import pad

from disentangled import information
from disentangled.data.correlated import evenly_correlated, independent
from disentangled.data.factor_data import FactorData
from disentangled.data.files import Npz, bad_file, find
from disentangled.data.images import resized
from disentangled.data.palette import PaletteImages, pooled_light
from disentangled.data.rendered.shapes3d_twin import N_HUES, palette
from disentangled.data.resampled import CORRELATION, SEED, Load, Loaders, named

FILE = "mnist.npz"
N_IMAGES = {"train": 60_000, "test": 10_000}
NATIVE_SIZE = 28
PADDED_SIZE = 32
N_CONTENTS = 10
N_SMALL_TRAINING = 1500
MEND = (
    "`make data NAME=cmnist` (python -m disentangled.data download cmnist) downloads MNIST with "
    "its checksum; without it use data.load('cmnist_digits')"
)


class Digits(NamedTuple):
    """Grey digits.

    images: uint8 (N, 28, 28), 255 where a stroke covers a pixel.
    contents: int64 (N,), 0 to 9.
    """

    images: Tensor
    contents: Tensor


def find_file(root: str | PathLike[str] | None) -> Path:
    """The archive of MNIST.

    Raises:
        FileNotFoundError: it is not there.
    """
    return find([FILE], root, subfolder="mnist", mend=MEND)


def mnist(root: str | PathLike[str] | None, split: str) -> Digits:
    """The digits of a split, "train" or "test", in the order of the file.

    Raises:
        FileNotFoundError: no file.
        ValueError: a file that is not what it should be.
    """
    path, n = find_file(root), N_IMAGES[split]
    npz = Npz(path, MEND)
    contents = torch.from_numpy(npz.array(f"y_{split}", (n,), np.integer).astype("int64"))
    if int(contents.min()) < 0 or int(contents.max()) >= N_CONTENTS:
        came = f"{contents.min()} to {contents.max()}"
        raise bad_file(path, f"y_{split} from 0 to {N_CONTENTS - 1}", came, MEND)
    images = npz.array(f"x_{split}", (n, NATIVE_SIZE, NATIVE_SIZE), np.uint8)
    if images.max() <= 1:
        came = f"0 to {images.max()}"
        raise bad_file(path, f"x_{split} with strokes up to 255", came, MEND)
    return Digits(torch.from_numpy(images), contents)


def small_digits(root: str | PathLike[str] | None, split: str) -> Digits:
    """The digits that scikit-learn brings, 0 to 16 at 8 x 8 px, enlarged by a Lanczos filter."""
    loaded = datasets.load_digits()
    grey = (loaded.images * 255 / 16).round().astype("uint8")
    images = pad(resized(grey[:, None], NATIVE_SIZE - 4)[:, 0], (2, 2, 2, 2))
    contents = torch.from_numpy(loaded.target).to(torch.int64)
    some = slice(None, N_SMALL_TRAINING) if split == "train" else slice(N_SMALL_TRAINING, None)
    return Digits(images[some], contents[some])


class Origin(NamedTuple):
    """Where digits come from, what data of them are called, and how often each is painted."""

    name: str
    source: str
    digits: Callable[[str | PathLike[str] | None, str], Digits]
    n_times: int


MNIST = Origin("cmnist", "real", mnist, 1)
SMALL = Origin("cmnist_digits", "real, enlarged", small_digits, 10)


def coloured(origin: Origin, digits: Digits, size: int) -> FactorData:
    """Every digit in every colour, put together when read; the colour varies fastest.

    Args:
        origin: what the data are called.
        digits: N of them, for 10 N images.
        size: side of the images: 28; 32, with a black border; or 16 or 8, averaged from 32.
    """
    light = digits.images[:, None]  # (N, 1, 28, 28)
    if size != NATIVE_SIZE:
        border = (PADDED_SIZE - NATIVE_SIZE) // 2
        light = pooled_light(pad(light, (border,) * 4), size)
    number = torch.arange(len(light)).repeat_interleave(N_HUES)
    colour = torch.arange(N_HUES).repeat(len(light))
    return FactorData(
        origin.name,
        PaletteImages(light, number, palette()[:N_HUES], colour[:, None]),
        torch.stack([digits.contents[number], colour], dim=1),
        ("content", "colour"),
        (N_CONTENTS, N_HUES),
        source=origin.source,
        unordered=("content",),
    )


def painted(
    data: FactorData, law: Tensor, n_times: int, generator: Generator, *, name: str
) -> FactorData:
    """Every digit so many times, each time in a colour drawn given its content.

    Args:
        data: every digit in every colour, as `coloured` makes them.
        law: (10, 10), joint probabilities of colour and content; only those of the colour given
            the content matter.
        n_times: how often each digit is painted.
        generator: draws the colours.
        name: of the new data.
    """
    contents = data.factors[::N_HUES, 0]
    colours = torch.multinomial(law.T[contents], n_times, True, generator=generator)  # (N, times)
    first = torch.arange(len(contents))[:, None] * N_HUES
    return named(data.select((first + colours).flatten()), name)


def parts(origin: Origin, *, correlation: float = CORRELATION) -> Loaders:
    """Painted digits: correlated and independent training sets, and test digits.

    The realised correlation differs a little from that of the law, as contents are not even.
    """

    def part(word: str, split: str, law: Callable[[Tensor], Tensor]) -> Load:
        def load_part(root: str | PathLike[str] | None, size: int) -> FactorData:
            digits = origin.digits(root, split)
            share = information.probabilities(digits.contents.bincount(minlength=N_CONTENTS))
            generator = torch.Generator().manual_seed(SEED)
            return painted(
                coloured(origin, digits, size),
                law(share),
                origin.n_times,
                generator,
                name=f"{origin.name}_{word}",
            )

        return load_part

    def correlated(share: Tensor) -> Tensor:
        law = evenly_correlated((N_HUES, N_CONTENTS), correlation)
        return law / law.sum(0) * share

    return Loaders(
        part("correlated", "train", correlated),
        part("independent", "train", lambda share: independent(correlated(share))),
        part("held_out", "test", lambda share: torch.ones(N_HUES, N_CONTENTS)),
    )


def load(root: str | PathLike[str] | None, size: int) -> FactorData:
    """MNIST's 60,000 training digits in every colour: 600,000 images in 57 MB at 28 px."""
    return coloured(MNIST, mnist(root, "train"), size)


def load_digits(root: str | PathLike[str] | None, size: int) -> FactorData:
    """1,500 of scikit-learn's digits in every colour: 15,000 images."""
    return coloured(SMALL, small_digits(root, "train"), size)


load_correlated, load_independent, load_held_out = parts(MNIST)
load_digits_correlated, load_digits_independent, load_digits_held_out = parts(SMALL)
