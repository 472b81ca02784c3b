"""Pictures of a trained model: images beside their reconstructions, traversals, and samples."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import SCORE_SEED, Encoded

TRAVERSAL = np.linspace(-2, 2, 9)
"""Values that a traversal gives to one axis, the others staying at the code of an image."""

RECONSTRUCTED = 10
"""Images that are kept beside their reconstructions, drawn with `SCORE_SEED`."""

SAMPLED = 20
"""Codes that are drawn from the prior and decoded, with `SCORE_SEED`."""

Pictures = dict[str, np.ndarray]


def reconstructions(model: Fitted, data: FactorData, code: Encoded) -> Pictures:
    """Some images and what is decoded of the means of their posteriors.

    originals, reconstructions: uint8 (`RECONSTRUCTED`, C, H, W); of a code the Bernoulli means.
    """
    generator = torch.Generator().manual_seed(SCORE_SEED)
    some = torch.randperm(len(data), generator=generator)[:RECONSTRUCTED]
    return {
        "originals": as_uint8(data.pixels(some)),
        "reconstructions": decoded(model, data, code.mean[some]),
    }


def traversals(model: Fitted, data: FactorData, code: Encoded) -> Pictures:
    """What is decoded as one axis moves and the others stay.

    traversals: uint8 (D, len(`TRAVERSAL`), C, H, W). Axis by axis, the mean code of the image
    whose factors are nearest to the middle of their ranges (of the first image, where there are
    no factors) is moved to the values of `TRAVERSAL`.
    """
    n_axes = code.mean.shape[1]
    top = torch.tensor(data.factor_sizes) - 1
    off_middle = ((2 * data.factors.cpu() - top).abs() / top.clamp(min=1)).sum(1)
    moved = code.mean[off_middle.argmin()].repeat(n_axes, len(TRAVERSAL), 1)  # (D, T, D)
    for axis in range(n_axes):
        moved[axis, :, axis] = torch.as_tensor(TRAVERSAL, dtype=moved.dtype)
    return {"traversals": decoded(model, data, moved)}


def samples(model: Fitted, data: FactorData, code: Encoded) -> Pictures:
    """What is decoded of codes drawn from the prior, N(0, I).

    samples: uint8 (`SAMPLED`, C, H, W).
    """
    generator = torch.Generator().manual_seed(SCORE_SEED)
    drawn = torch.randn(SAMPLED, code.mean.shape[1], generator=generator)
    return {"samples": decoded(model, data, drawn)}


def decoded(model: Fitted, data: FactorData, z: Tensor) -> np.ndarray:
    """Bernoulli means of codes (..., D) as uint8 (..., C, H, W)."""
    logits = model.decode(z.flatten(0, -2)[None].to(data.device))[0]
    return as_uint8(logits.sigmoid().unflatten(0, z.shape[:-1]))


def as_uint8(x: Tensor) -> np.ndarray:
    """Pixels from 0 to 1 as 0 to 255."""
    shades: np.ndarray = (255 * x).round().to(torch.uint8).cpu().numpy()
    return shades
