"""A grid of scenes: what varies in it, in which order its images stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from disentangled.data.factor_data import FactorData


class Layout(NamedTuple):
    """Every combination of the values used of each property; the last varies fastest.

    used: for each property its values, numbered as in the whole set.
    unlabelled: properties that vary but count as no factor.
    unordered: factors whose values are mere names.
    """

    used: dict[str, tuple[int, ...]]
    unlabelled: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each property has."""
        return tuple(len(values) for values in self.used.values())

    @property
    def n_images(self) -> int:
        return math.prod(self.sizes)

    def part(self, **used: Iterable[int]) -> Layout:
        """The same grid with fewer values of some properties.

        Raises:
            ValueError: another property, no value at all, or values that the grid does not have
                or that come twice.
        """
        fewer = {name: tuple(values) for name, values in used.items()}
        for name, values in fewer.items():
            if name not in self.used:
                raise ValueError(f"expected a property, one of {list(self.used)}, got {name!r}")
            if not values or len(set(values)) < len(values) or set(values) - set(self.used[name]):
                raise ValueError(
                    f"expected values of {name}, each once, of {self.used[name]}, got {values}"
                )
        return self._replace(used=self.used | fewer)

    def factors(self) -> Tensor:
        """Factor values numbered from 0 within the grid, one row an image: (N, K) int64."""
        values = torch.cartesian_prod(*(torch.arange(size) for size in self.sizes))
        return values[:, [name not in self.unlabelled for name in self.used]]

    def data(self, name: str, images: Any, source: str) -> FactorData:
        """Images (N, C, H, W) in the order of the grid, with their factors."""
        names = [name for name in self.used if name not in self.unlabelled]
        sizes = [len(self.used[name]) for name in names]
        return FactorData(
            name, images, self.factors(), names, sizes, source=source, unordered=self.unordered
        )


def grid(
    unlabelled: tuple[str, ...] = (), unordered: tuple[str, ...] = (), **sizes: int
) -> Layout:
    """The whole grid of properties with so many values each."""
    used = {name: tuple(range(size)) for name, size in sizes.items()}
    return Layout(used, unlabelled, unordered)
