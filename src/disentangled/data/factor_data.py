"""Images with the factors they were made from, drawn by indexing instead of a loader."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from disentangled import arrays
from disentangled.arrays import entry
from disentangled.data import drawing
from disentangled.data.consistency import (
    check_factors,
    check_images,
    check_named,
    check_pixels,
    check_text,
)
from disentangled.data.images import Images, as_images, image_index
from disentangled.types import Batch


class FactorData:
    """N images, the K integer factors behind each, and a law to draw them by.

    Immutable: `to`, `weighted`, `select` and `split` return new objects that share what they can.

    Args:
        name: what rows call the data set.
        images: uint8 (N, C, H, W), 0 to 255: a tensor, an array, or any `Images`. Images whose
            largest pixel is 1 are refused, for they were not scaled.
        factors: integers (N, K); column k takes values 0 to factor_sizes[k] - 1.
        factor_names: K names.
        factor_sizes: K numbers of values. Data without known factors have factors (N, 0), no
            names and no sizes; what asks for a factor then is an error.
        source: "real", "re-render", "twin", or a word of your own.
        probabilities: (N,) chance of each image in a draw, normalised inside; None means that all
            are equal.
        nuisances: factors that MIG leaves out and treats as noise, by name, as Chen et al. do
            with the shape of dSprites.
        unordered: factors whose values are mere names, by name: no score regresses on them.

    Raises:
        ValueError: shapes, dtypes or values that do not fit together.
    """

    @entry
    def __init__(
        self,
        name: str,
        images: Any,
        factors: Any,
        factor_names: Sequence[str],
        factor_sizes: Sequence[int],
        *,
        source: str,
        probabilities: Any = None,
        nuisances: Sequence[str] = (),
        unordered: Sequence[str] = (),
    ) -> None:
        check_text("name", name)
        check_text(f"{name}: source", source)
        self.name = name
        self.source = source
        self.images = as_images(images)
        self.factors = arrays.tensor(factors, f"{name}: factors")
        named = [factor_names] if isinstance(factor_names, str) else factor_names
        self.factor_names = tuple(arrays.several(named, f"{name}: factor_names"))
        self.factor_sizes = tuple(
            arrays.whole(s, f"{name}: a factor's size")
            for s in arrays.several(factor_sizes, f"{name}: factor_sizes")
        )
        check_images(name, self.images)
        check_pixels(name, self.images)
        check_factors(name, len(self), self.factors, self.factor_names, self.factor_sizes)
        check_named(name, "nuisances", nuisances, self.factor_names)
        check_named(name, "unordered", unordered, self.factor_names)
        if self.factor_names and set(nuisances) == set(self.factor_names):
            raise ValueError(
                f"{name}: expected nuisances to leave a factor that scores can count, got all of "
                f"{self.factor_names}; leave some out, or give data without factors"
            )
        self.nuisances, self.unordered = tuple(nuisances), tuple(unordered)
        self.factors = self.factors.to(self.device, torch.int64)
        self._draw_by(
            None if probabilities is None else drawing.law(name, len(self), probabilities)
        )

    def _draw_by(self, law: Tensor | None) -> None:
        # always on the CPU, like the generators: a draw never waits for a GPU
        self.probabilities = None if law is None else law / law.sum()
        self._cumulative = None if law is None else drawing.cumulative(law)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        factors = ", ".join(
            f"{name} {size}"
            for name, size in zip(self.factor_names, self.factor_sizes, strict=True)
        )
        factors = factors or "no factors"
        shape = " x ".join(str(side) for side in self.images.shape)
        return f"FactorData({self.name}, {self.source}, {shape}; {factors}; {self.device})"

    @property
    def device(self) -> torch.device:
        return self.images.device

    def _replace(
        self, images: Images, factors: Tensor, probabilities: Tensor | None
    ) -> FactorData:
        """The same data of other images, factors and chances, which were checked before: of some
        of the images all may be dark."""
        other = copy.copy(self)
        other.images, other.factors = images, factors
        other._draw_by(probabilities)
        return other

    def to(self, device: torch.device | str) -> FactorData:
        """The same data with images and factors on device; drawing stays on the CPU."""
        device = arrays.place(device)
        return self._replace(self.images.to(device), self.factors.to(device), self.probabilities)

    @entry
    def select(self, index: Any) -> FactorData:
        """The images at index (n,) alone, with their chances relative to each other kept.

        Args:
            index: numbers of images, negative ones counted from the end, or a mask (N,).

        Raises:
            ValueError: an index of another shape or type, or an empty one.
            IndexError: an image that is not there.
        """
        index = arrays.tensor(index, f"{self.name}: index")
        if index.ndim != 1 or len(index) == 0:
            raise ValueError(
                f"{self.name}: expected an index (n,) of at least one image, got shape "
                f"{tuple(index.shape)}"
            )
        chosen = torch.arange(len(self))[image_index(index.cpu())]
        if len(chosen) == 0:
            raise ValueError(f"{self.name}: expected a mask of at least one image, got none")
        there = chosen.to(self.device)
        law = self.probabilities
        if law is not None and not bool((law[chosen] > 0).any()):
            raise ValueError(
                f"{self.name}: expected an index with an image that is ever drawn, got "
                f"{len(chosen)} images of chance 0"
            )
        return self._replace(
            self.images.index_select(0, there),
            self.factors[there],
            None if law is None else law[chosen],
        )

    def factor_index(self, factor: int | str) -> int:
        """The column of a factor given by name or number.

        Raises:
            ValueError: a factor that the data do not have.
        """
        if isinstance(factor, str):
            if factor in self.factor_names:
                return self.factor_names.index(factor)
        else:
            factor = arrays.whole(factor, f"the number of a factor of {self.name}")
            if 0 <= factor < len(self.factor_names):
                return factor
        if not self.factor_names:
            raise ValueError(
                f"{self.name} has no factor {factor!r}: no factors of its images are known; use "
                "data that have some"
            )
        raise ValueError(
            f"{self.name} has no factor {factor!r}; give one of {self.factor_names} "
            f"or a number from 0 to {len(self.factor_names) - 1}"
        )

    def pixels(self, index: Any) -> Tensor:
        """Images at index as float32 in [0, 1], shape index.shape + (C, H, W), on the device."""
        return self.images[self._numbers(index)].to(torch.float32) / 255

    def batch(self, index: Any) -> Batch:
        """Images and factors at index (B,)."""
        index = self._numbers(index)
        return Batch(self.pixels(index), self.factors[index], index)

    def _numbers(self, index: Any) -> Tensor:
        """An index of images as a tensor on the device."""
        index = image_index(index)
        if isinstance(index, slice) or index is ...:
            index = torch.arange(len(self), device="cpu")[index]
        return torch.as_tensor(index, device=self.device)

    @entry
    def draw_index(self, n: int, generator: Generator) -> Tensor:
        """n indices with replacement by the data's probabilities: (n,) int64 on the CPU."""
        n = arrays.whole(n, "the number of images drawn", 0)
        if self._cumulative is None:
            return torch.randint(len(self), (n,), generator=generator)
        return drawing.search(self._cumulative, n, generator)

    @entry
    def draw(self, n: int, generator: Generator) -> Batch:
        """n images with replacement by the data's probabilities."""
        return self.batch(self.draw_index(n, generator))

    @entry
    def holding_index(
        self, factor: int | str, n: int, generator: Generator, *, value: int | None = None
    ) -> Tensor:
        """n indices with replacement among the images that share one value of a factor.

        Without `value` it is the value of one image drawn first, so that values come up as often
        as the data's probabilities say. Returns (n,) int64 on the CPU.

        Raises:
            ValueError: no image (or none with a positive probability) has the value.
        """
        column = self.factors[:, self.factor_index(factor)].cpu()
        n = arrays.whole(n, "the number of images drawn", 0)
        if value is not None:
            value = arrays.whole(value, f"the value of {factor!r}")
        else:
            value = int(column[self.draw_index(1, generator)])
        members = (column == value).nonzero().squeeze(1)
        weights = None if self.probabilities is None else self.probabilities[members]
        if len(members) == 0 or (weights is not None and weights.sum() == 0):
            raise ValueError(
                f"{self.name}: no image to draw has {factor!r} = {value}; the values that occur "
                f"are {torch.unique(column).tolist()}"
            )
        if weights is None:
            return members[torch.randint(len(members), (n,), generator=generator)]
        return members[drawing.search(drawing.cumulative(weights), n, generator)]

    @entry
    def holding(
        self, factor: int | str, n: int, generator: Generator, *, value: int | None = None
    ) -> Batch:
        """n images that share one value of a factor, the others free (see `holding_index`)."""
        return self.batch(self.holding_index(factor, n, generator, value=value))

    @entry
    def weighted(self, table: Any, factors: Sequence[int | str]) -> FactorData:
        """The same images, drawn so that the given factors follow a joint table.

            p(n) = table[f(n)] p0(n) / sum over the images m with f(m) = f(n) of p0(m)

        where p0 is the law so far: given the factors, the rest is drawn as before.

        Args:
            table: joint probabilities or counts, one axis a factor; normalised inside.
            factors: names or columns of the table's axes, in order.

        Raises:
            ValueError: a table of another shape, negative or not finite, or one that asks for
                a combination of factors that no image has.
        """
        wanted = arrays.floats(table, f"{self.name}: table")
        asked = arrays.several(factors, f"{self.name}: factors")
        columns = [self.factor_index(factor) for factor in asked]
        sizes = tuple(self.factor_sizes[column] for column in columns)
        if tuple(wanted.shape) != sizes or len(set(columns)) != len(columns):
            raise ValueError(
                f"{self.name}: expected a table of shape {sizes} for distinct factors "
                f"{tuple(asked)}, got {tuple(wanted.shape)}"
            )
        before = self.probabilities
        if before is None:
            before = torch.full((len(self),), 1 / len(self), dtype=torch.float64)
        try:
            after = drawing.following(wanted, self.factors[:, columns].cpu(), before)
        except ValueError as error:
            raise ValueError(f"{self.name}, {tuple(asked)}: {error}") from error
        return self._replace(self.images, self.factors, after)

    @entry
    def split(self, fraction: float, generator: Generator) -> tuple[FactorData, FactorData]:
        """Two disjoint parts that cover the data: round(fraction N) images, and the others.

        Raises:
            ValueError: a fraction that leaves a part empty.
        """
        share = arrays.real(fraction, f"{self.name}: expected a fraction, which")
        n_first = round(share * len(self)) if 0 < share < 1 else 0
        if not 0 < n_first < len(self):
            raise ValueError(
                f"{self.name}: expected a fraction that leaves images on both sides of "
                f"{len(self)}, got {fraction}"
            )
        order = torch.randperm(len(self), generator=generator)
        # each part in the order of the whole: the grid stays readable
        first, second = order[:n_first].sort().values, order[n_first:].sort().values
        return self.select(first), self.select(second)
