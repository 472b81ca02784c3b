"""Nearest neighbours of images by each feature: what paper B asks where factors are unknown."""

from __future__ import annotations

import torch

from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import SCORE_SEED, Encoded
from disentangled.scoring.pictures import Pictures, as_uint8

QUERIES = 4
"""Images that are asked for their neighbours, drawn with `SCORE_SEED`."""

NEAREST = 3


def neighbours(model: Fitted, data: FactorData, code: Encoded) -> Pictures:
    """The nearest other images of some images, by the distance on each feature of the code.

    neighbours: uint8 (`QUERIES`, features, 1 + `NEAREST`, C, H, W), the image itself first;
    neighbour_index: int64 (`QUERIES`, features, 1 + `NEAREST`), their places in the data.
    """
    generator = torch.Generator().manual_seed(SCORE_SEED)
    asked = torch.randperm(len(data), generator=generator)[:QUERIES]
    features = model.run.features() or [[axis] for axis in range(code.mean.shape[1])]
    places = torch.stack([_nearest(code.mean[:, axes], asked) for axes in features], 1)
    pixels = data.pixels(places.flatten().to(data.device))
    pictures = as_uint8(pixels.unflatten(0, places.shape))
    return {"neighbours": pictures, "neighbour_index": places.numpy()}


def _nearest(code: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    """Places of the images themselves and their nearest others: (Q, 1 + `NEAREST`)."""
    # by differences: from products, codes that are near each other have distances of rounding
    exact = "donot_use_mm_for_euclid_dist"
    distance = torch.cdist(code[asked].double(), code.double(), compute_mode=exact)  # (Q, N)
    distance[torch.arange(len(asked)), asked] = -1.0  # before images of the same code
    return distance.argsort(dim=1, stable=True)[:, : 1 + NEAREST]
