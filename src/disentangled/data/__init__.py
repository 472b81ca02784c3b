"""Data sets with known factors, by name: `load`, `DATA_SETS`, `FactorData`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from os import PathLike

from disentangled.data.dsprites_layout import COARSE, FULL, check_size
from disentangled.data.dsprites_rerender import rerender
from disentangled.data.factor_data import FactorData
from disentangled.data.packed_images import PackedImages

__all__ = ["DATA_SETS", "FactorData", "PackedImages", "load"]

DATA_SETS: dict[str, Callable[..., FactorData]] = {
    "dsprites_rerender": partial(rerender, grid=FULL, packed=True),
    "dsprites_rerender_grid": partial(rerender, grid=COARSE),
}


def load(
    name: str, *, root: str | PathLike[str] | None = None, size: int | None = None
) -> FactorData:
    """Load a data set by name."""
    if name not in DATA_SETS:
        raise ValueError(f"expected a data set, one of {sorted(DATA_SETS)}, got {name!r}")
    return DATA_SETS[name](name, size=check_size(size))
