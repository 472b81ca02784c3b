"""Data sets with known factors, by name: `load`, `DATA_SETS`, `FactorData`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from disentangled import arrays
from disentangled.data.factor_data import FactorData
from disentangled.data.files import BadFile
from disentangled.data.images import Images, PackedImages

__all__ = [
    "DATA_SETS",
    "DataSet",
    "FactorData",
    "Images",
    "PackedImages",
    "check",
    "load",
    "on_disk",
]

Root = str | PathLike[str] | None
SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Sides in px that most data sets can be had at: the divisors of 64."""


class DataSet(NamedTuple):
    """An entry of the registry.

    load: how to load the data set from a folder at a size. A word "module:function" names a
        module below `disentangled.data`, which is imported when it is asked for: who does not
        use a data set does not depend on its file.
    about: what it is, in a line.
    find: the file that is read, as a function of the folder or its word; None for what is
        rendered.
    get: the command that gets the file.
    sizes: the sides in px that it can be had at; the last one where none is asked for.
    """

    load: str | Callable[[Root, int], FactorData]
    about: str
    find: str | Callable[[Root], Path] | None = None
    get: str = "make data"
    sizes: tuple[int, ...] = SIZES


DATA_SETS: dict[str, DataSet] = {
    "dsprites": DataSet(
        "dsprites:load_largest",
        "real dSprites: the largest of the files found",
        "dsprites:find_file",
    ),
    "dsprites_grid": DataSet(
        "dsprites:load_grid", "real dSprites, the grid of 46,080 images", "dsprites:find_grid"
    ),
    "dsprites_subset": DataSet(
        "dsprites:load_subset", "real dSprites, 20,000 images at random", "dsprites:find_subset"
    ),
    "dsprites_rerender": DataSet(
        "rendered.dsprites_rerender:load_full", "all 737,280 scenes, re-rendered"
    ),
    "dsprites_rerender_grid": DataSet(
        "rendered.dsprites_rerender:load_grid", "the 46,080 re-rendered"
    ),
    "smallnorb": DataSet(
        "smallnorb:load",
        "real SmallNORB, 48,600 grey images of 50 toys",
        "smallnorb:find_images",
        "make data NAME=smallnorb",
    ),
    "smallnorb_twin": DataSet(
        "rendered.smallnorb_twin:load_full", "SmallNORB twin, 50 toys of our own"
    ),
    "smallnorb_twin_grid": DataSet(
        "rendered.smallnorb_twin:load_grid", "1,080 images of the SmallNORB twin"
    ),
    "cars3d": DataSet(
        "cars3d:load",
        "real Cars3D, 17,568 images of 183 cars",
        "cars3d:find_cars",
        "make data NAME=cars3d",
    ),
    "cars3d_twin": DataSet("rendered.cars3d_twin:load_full", "Cars3D twin, 183 cars of our own"),
    "cars3d_twin_grid": DataSet("rendered.cars3d_twin:load_grid", "960 images of the Cars3D twin"),
    "shapes3d": DataSet(
        "shapes3d:load",
        "real Shapes3D, 480,000 images of solids in a room",
        "shapes3d:find_file",
        "make data NAME=shapes3d",
    ),
    "shapes3d_twin": DataSet(
        "rendered.shapes3d_twin:load_full", "Shapes3D twin, all 480,000 combinations"
    ),
    "shapes3d_twin_grid": DataSet(
        "rendered.shapes3d_twin:load_grid", "16,000 images of the Shapes3D twin"
    ),
    "cmnist": DataSet(
        "cmnist:load",
        "coloured MNIST, 60,000 real digits, each in ten colours",
        "cmnist:find_file",
        "make data NAME=cmnist",
        sizes=(8, 16, 32, 28),
    ),
    "cmnist_digits": DataSet(
        "cmnist:load_digits",
        "1,500 real digits of 8 x 8 px, enlarged, each in ten colours",
        sizes=(8, 16, 32, 28),
    ),
    "flowers102": DataSet(
        "flowers102:load",
        "Oxford Flowers 102, 8,189 real photographs without factors",
        "flowers102:find_file",
        "make data NAME=flowers102",
    ),
    "flowers_twin": DataSet(
        "rendered.flowers_twin:load_full", "drawn flowers with known factors, for Flowers 102"
    ),
}

CORRELATED = (
    *("dsprites", "dsprites_rerender", "dsprites_rerender_grid"),
    *("shapes3d", "shapes3d_twin", "shapes3d_twin_grid"),
    *("cmnist", "cmnist_digits"),
)
"""Data sets of which paper B's training sets and held-out images are made."""

PARTS = {
    "correlated": "drawn so that two factors are correlated",
    "independent": "as many images, drawn with independent factors",
    "held_out": "images that neither of the two has",
}
DATA_SETS |= {
    f"{name}_{part}": DATA_SETS[name]._replace(
        load=f"{DATA_SETS[name].load}_{part}", about=f"of {name}: {about}"
    )
    for name in CORRELATED
    for part, about in PARTS.items()
}


def load(name: str, *, root: Root = None, size: int | None = None) -> FactorData:
    """Load a data set by name.

    Args:
        name: a key of `DATA_SETS`.
        root: folder of the data files; without it DISENTANGLED_DATA, then data/ in the checkout.
        size: side of the images in px, one of `DataSet.sizes`: a divisor of 64, where the entry
            does not say otherwise. None means the last, 64. Binary images, Shapes3D and its twin
            are averaged over blocks, real photographs are resized by a Lanczos filter, the other
            twins are rendered at that size.

    Returns:
        Images uint8 0..255 (N, C, H, W), factors (N, K) without what varies unlabelled, their
        names and sizes, and `source`: "real", "re-render" or "twin". `name` is that of the file
        found: "dsprites" is all 737,280 images, "dsprites_grid" and "dsprites_subset" are parts.
        A twin is rendered when it is first loaded, which takes minutes, and kept beside the data
        files; the `_grid` of a twin takes seconds, and so does the whole Shapes3D twin. The real
        Shapes3D is rearranged when it is first loaded, and stays on disk.

    Raises:
        ValueError: an unknown name or size, or a file that is not what it should be.
        FileNotFoundError: no file; the message says where to get one and names the stand-in.
    """
    entry = _entry(name)
    side = _side(name, entry.sizes, size)
    with arrays.single_precision():  # pictures of before are the same to the last bit
        try:
            return _function(entry.load)(root, side)
        except BadFile:
            raise
        except ValueError as error:  # of what a file holds: the error has to name it
            path = on_disk(name, root=root)
            if path is None:
                raise
            raise BadFile(f"{path}: {error}. Get it again: {entry.get}") from error


def on_disk(name: str, *, root: Root = None) -> Path | None:
    """The file that `load` would read, or None if there is none or none is needed.

    Raises:
        ValueError: an unknown name.
    """
    find = _entry(name).find
    try:
        return None if find is None else _function(find)(root)
    except FileNotFoundError:
        return None


def check(name: str, size: int) -> None:
    """Hold a name and a size against what there is, without loading anything.

    Raises:
        ValueError: an unknown data set, or a size that it does not have; the message lists both.
    """
    _side(name, _entry(name).sizes, size)


def _entry(name: str) -> DataSet:
    if not isinstance(name, str) or name not in DATA_SETS:
        raise ValueError(f"expected a data set, one of {sorted(DATA_SETS)}, got {name!r}")
    return DATA_SETS[name]


def _function(place: str | Callable[..., Any]) -> Callable[..., Any]:
    """What an entry names: "module:function", or the function itself."""
    if not isinstance(place, str):
        return place
    module, _, name = place.partition(":")
    return getattr(import_module(f"{__name__}.{module}"), name)


def _side(name: str, sizes: tuple[int, ...], size: int | None) -> int:
    if size is None:
        return sizes[-1]
    try:
        size = arrays.whole(size, "size")
        return sizes[sizes.index(size)]
    except ValueError:
        kind = " (divisors of 64)" if sizes == SIZES else ""
        expected = f"expected size of {name} to be one of {list(sizes)}{kind}"
        raise ValueError(f"{expected}, got {size!r}") from None
