"""How often two factors take each pair of values, and how dependent that makes them."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from disentangled.data import FactorData
from disentangled.data.correlated import dependence
from disentangled.data.resampled import counts
from disentangled.figures.style import PAGE_WIDTH, finish


def joint_counts(
    found: Sequence[FactorData],
    titles: Sequence[str],
    factors: tuple[str, str],
    *,
    profile: str,
    height: float = 2.9,
) -> Figure:
    """A panel a data set: how many images have each pair of values, the most common as 1.

    Under its title stand the realised correlation and information. Colours run from white, no
    image, to the darkest blue, the most common pair of that panel.

    Args:
        found: data sets that have the factors.
        titles: what to call them.
        factors: the one that runs to the right, and the one that runs up.
        height: of the figure in inches.
    """
    figure, row = plt.subplots(
        1, len(found), figsize=(PAGE_WIDTH, height), sharex=True, sharey=True, squeeze=False
    )
    for axes, data, title in zip(row[0], found, titles, strict=True):
        table = counts(data, factors)
        axes.imshow(
            (table / table.max()).T.numpy(),
            cmap="Blues", vmin=0, vmax=1, origin="lower", aspect="auto", interpolation="none",
        )  # fmt: skip
        measured = dependence(table)
        correlation = f"{float(measured.correlation[0, 1]):z.2f}"
        axes.set_title(f"{title}\ncorrelation {correlation}\n{measured.nats:.3f} nats")
        axes.set_xlabel(factors[0].replace("_", " "))
    row[0][0].set_ylabel(factors[1].replace("_", " "))
    return finish(figure, profile, "; ".join(f"{some.name} ({some.source})" for some in found))
