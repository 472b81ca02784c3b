"""Figures and quoted numbers of the chapter on data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from disentangled.data.images import pool
from disentangled.data.rendered.calibration import Agreement
from disentangled.figures import style

POOLED = (32, 16)
"""Sides in px of the pooled re-render, as the small nets see it."""


def pictures(
    rows: Mapping[str, Tensor],
    source: str,
    *,
    profile: str,
    columns: Sequence[str] = (),
    width: float = style.PAGE_WIDTH,
) -> Figure:
    """Rows of pictures, as `style.image_grid` draws them, over the line that names their source.

    Args:
        rows: name -> images (n, C, H, W).
        source: where the pictures come from.
        columns: titles above the pictures.
        width: width of the figure in inches.
    """
    return style.finish(style.image_grid(rows, columns=columns, width=width), profile, source)


def scenes_by_source(
    found: Mapping[str, Tensor], scenes: Sequence[int], *, profile: str
) -> Figure:
    """The same scenes from every source, their difference, and the re-render pooled.

    Args:
        found: source -> its pictures of the scenes (n, 1, 64, 64) in one order; one of the sources
            is "re-render", and it comes first.
        scenes: numbers of the scenes in the official file, the titles of the columns.
    """
    rows = dict(found)
    if len(found) > 1:
        drawn, real = list(found.values())[:2]
        rows["difference"] = (drawn != real).float()
    for size in POOLED:
        rows[f"re-render, {size} px"] = pool(found["re-render"], size)
    titles = [f"{scene:,}" for scene in scenes]
    return pictures(rows, "; ".join(found), profile=profile, columns=titles)


def agreement_numbers(measured: Sequence[Agreement]) -> dict[str, str | int]:
    """What the prose quotes of the agreement with real images, the shapes off the coarse grid.

    Args:
        measured: a row a shape, on the coarse grid and off it, as of `stated_agreement`.

    Returns:
        the numbers by name; for every shape the share of images that agree in every pixel
        (`exact_ellipse`), n_held_out and n_compared images off the grid and in all, worst the most
        wrong pixels of one image, wrong_ellipse and wrong_heart the wrong pixels an image, mean.
    """
    held_out = {row["shape"]: row for row in measured if not row["on_coarse_grid"]}
    exact = {shape: f"{100 * row['exact_share']:.2f} %" for shape, row in held_out.items()}
    return {
        **{f"exact_{shape}": share for shape, share in exact.items()},
        "n_held_out": f"{sum(row['n_images'] for row in held_out.values()):,}",
        "n_compared": f"{sum(row['n_images'] for row in measured):,}",
        "worst": max(row["max_wrong_pixels"] for row in measured),
        "wrong_ellipse": f"{held_out['ellipse']['mean_wrong_pixels']:.3f}",
        "wrong_heart": f"{held_out['heart']['mean_wrong_pixels']:.3f}",
    }


def turns(changed: Mapping[str, Tensor], *, profile: str) -> Figure:
    """Pixels that change as a sprite turns: shape -> counts over the orientations' index (40,)."""
    figure, axes = plt.subplots(figsize=(style.PAGE_WIDTH, 3))
    for (shape, count), marker in zip(changed.items(), style.MARKS, strict=False):
        axes.plot(count, marker=marker, markersize=4, label=shape)
    axes.set(xlabel="index of the orientation", ylabel="pixels that differ from index 0")
    axes.set_ylim(bottom=0)
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return style.finish(figure, profile, "re-render")
