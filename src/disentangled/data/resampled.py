"""Training sets whose factors are correlated, their independent twins, and images held out.

Paper B holds out images at random, then draws the training set from the others, with replacement,
so that two factors follow a joint law; another of the same size has them independent. The law is
in its Figure 6, a picture that is lost, and in no number of its text. Ours is
`correlated.evenly_correlated` at correlation 0.75: of the steps of 0.05, the strongest at which
each combination of the two factors is still expected once or more in sets of these sizes.

| data | factors | values | correlation | nats | training | held out |
|---|---|---|---|---|---|---|
| dSprites | horizontal position, scale | 32 x 6 | 0.75 | 0.384 | 200,000 | 50,000 |
| Shapes3D | hue of the floor, of the wall | 10 x 10 | 0.75 | 0.384 | 100,000 | 50,000 |
| coloured MNIST | colour, content | 10 x 10 | 0.75 | 0.384 | 60,000 | 10,000 |

Held out are images of all combinations alike, whatever the training set's law.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from disentangled.data.correlated import evenly_correlated
from disentangled.data.factor_data import FactorData

Load = Callable[[str | PathLike[str] | None, int], FactorData]

CORRELATION = 0.75
SEED = 0
"""Of which images are held out, and of the draws; that of a run is another."""


class Design(NamedTuple):
    """Which two factors are correlated, and how many images are drawn and held out."""

    factors: tuple[str, str]
    n_train: int
    n_held_out: int

    def part(self, share: float) -> Design:
        """The same factors, and that share of the images."""
        return self._replace(
            n_train=round(share * self.n_train), n_held_out=round(share * self.n_held_out)
        )


DSPRITES = Design(("position_x", "scale"), 200_000, 50_000)
SHAPES3D = Design(("floor_hue", "wall_hue"), 100_000, 50_000)


class Loaders(NamedTuple):
    """How the three parts of a data set are loaded, from a folder at a size."""

    correlated: Load
    independent: Load
    held_out: Load


def counts(data: FactorData, factors: Sequence[int | str]) -> Tensor:
    """How many images have each combination of the factors: int64, one axis a factor.

    Of a training set drawn by a law this is the realised joint histogram, which
    `correlated.dependence` reads.
    """
    columns = [data.factor_index(factor) for factor in factors]
    sizes = [data.factor_sizes[column] for column in columns]
    values = data.factors[:, columns].cpu()
    return torch.zeros(sizes, dtype=torch.int64).index_put_(
        tuple(values.T), torch.ones(len(values), dtype=torch.int64), accumulate=True
    )


def held_out(
    data: FactorData, n_held_out: int, generator: Generator
) -> tuple[FactorData, FactorData]:
    """The images that are left, and n_held_out others at random, which share none with them.

    Raises: ValueError where no image would be left, or none held out.
    """
    if not 0 < n_held_out < len(data):
        raise ValueError(
            f"{data.name}: expected to hold out some and not all of its {len(data):,} images, got "
            f"{n_held_out:,}; give a smaller number, or a larger data set"
        )
    out, left = data.split(n_held_out / len(data), generator)
    return left, named(out, f"{data.name}_held_out")


def resampled(data: FactorData, n: int, generator: Generator, *, name: str) -> FactorData:
    """n images drawn with replacement by the data's probabilities, as a set of their own.

    In the new set all images are drawn alike, and one that was drawn twice stands there twice.
    """
    return named(data.select(data.draw_index(n, generator)), name)


def named(data: FactorData, name: str) -> FactorData:
    """The same images under another name, drawn alike."""
    return FactorData(
        name,
        data.images,
        data.factors,
        data.factor_names,
        data.factor_sizes,
        source=data.source,
        nuisances=data.nuisances,
        unordered=data.unordered,
    )


def loaders(load: Load, design: Design, *, correlation: float = CORRELATION) -> Loaders:
    """The three parts of a data set, each loaded by a function of its own.

    All hold out the same images. The independent part is drawn by the law of correlation 0, with
    the random numbers of the correlated one. Names are the data set's with "_correlated",
    "_independent" and "_held_out".

    Args:
        load: loads the whole data set.
        design: factors and sizes.
        correlation: of the two factors' numbers, in the law of the correlated part.
    """

    def training(word: str, strength: float) -> Load:
        def load_training(root: str | PathLike[str] | None, size: int) -> FactorData:
            data, generator = load(root, size), torch.Generator().manual_seed(SEED)
            left, _ = held_out(data, design.n_held_out, generator)
            sizes = [data.factor_sizes[data.factor_index(factor)] for factor in design.factors]
            law = left.weighted(evenly_correlated(sizes, strength), design.factors)
            return resampled(law, design.n_train, generator, name=f"{data.name}_{word}")

        return load_training

    def load_held_out(root: str | PathLike[str] | None, size: int) -> FactorData:
        generator = torch.Generator().manual_seed(SEED)
        return held_out(load(root, size), design.n_held_out, generator)[1]

    return Loaders(
        training("correlated", correlation), training("independent", 0.0), load_held_out
    )
