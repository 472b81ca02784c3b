"""Data sets with known factors, by name: `load`, `DATA_SETS`, `FactorData`."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from disentangled.data import dsprites, dsprites_rerender, files
from disentangled.data.dsprites_layout import check_size
from disentangled.data.factor_data import FactorData
from disentangled.data.images import PackedImages

__all__ = ["DATA_SETS", "DataSet", "FactorData", "PackedImages", "load", "on_disk"]


class DataSet(NamedTuple):
    """An entry of the registry: how to load a data set, what it is in a line, and the files of
    which one is needed (none for what is rendered)."""

    load: Callable[[str | PathLike[str] | None, int], FactorData]
    about: str
    files: tuple[str, ...] = ()


DATA_SETS: dict[str, DataSet] = {
    "dsprites": DataSet(
        dsprites.load_largest, "real dSprites: the largest of the files found", dsprites.FILES
    ),
    "dsprites_grid": DataSet(
        dsprites.load_grid, "real dSprites, the grid of 46,080 images", (dsprites.GRID_FILE,)
    ),
    "dsprites_subset": DataSet(
        dsprites.load_subset, "real dSprites, 20,000 images at random", (dsprites.SUBSET_FILE,)
    ),
    "dsprites_rerender": DataSet(dsprites_rerender.load_full, "all 737,280 scenes, re-rendered"),
    "dsprites_rerender_grid": DataSet(dsprites_rerender.load_grid, "the 46,080 re-rendered"),
}


def load(
    name: str, *, root: str | PathLike[str] | None = None, size: int | None = None
) -> FactorData:
    """Load a data set by name.

    Args:
        name: a key of `DATA_SETS`.
        root: folder of the data files; without it DISENTANGLED_DATA, then data/ in the checkout.
        size: side of the images in px, a divisor of 64; smaller than 64, the binary images are
            average-pooled to grey. None means 64.

    Returns:
        Images uint8 0..255 (N, C, H, W), factors (N, K) without nuisances, their names and
        sizes, and `source`: "real" or "re-render". `name` is that of the file found: "dsprites"
        is all 737,280 images, "dsprites_grid" and "dsprites_subset" are parts.

    Raises:
        ValueError: an unknown name or size, or a file that is not what it should be.
        FileNotFoundError: no file; the message says where to get one and names the stand-in.
    """
    if name not in DATA_SETS:
        raise ValueError(f"expected a data set, one of {sorted(DATA_SETS)}, got {name!r}")
    return DATA_SETS[name].load(root, check_size(size))


def on_disk(name: str, *, root: str | PathLike[str] | None = None) -> Path | None:
    """The file that `load` would read, or None if there is none or none is needed."""
    wanted = list(DATA_SETS[name].files)
    try:
        return files.find(wanted, root, subfolder="dsprites_real", mend="") if wanted else None
    except FileNotFoundError:
        return None
