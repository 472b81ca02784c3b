"""Total correlation of codes, means or samples: of a Gaussian fitted to them, and of no law."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from disentangled import estimators, gaussian
from disentangled.arrays import entry
from disentangled.metrics import inputs
from disentangled.types import Score


@entry
def gaussian_tc(codes: Any) -> Score:
    """Total correlation of the Gaussian fitted to the codes, in nats; +inf when it is singular.

        TC = -1/2 log det R,   R: the correlation matrix of the axes that vary

    Args:
        codes: (N, D), the means for TC_mean or one sample an image for TC_sample.

    Returns: Score, 0 or above, unbounded; parts: correlation (D, D), 0 off the diagonal for an
    axis that does not vary.

    **Error**: sees linear dependence only, so it is low for codes that depend otherwise; of the
    sample, high by D (D - 1) / 4N nats where the axes are independent.

    Raises: ValueError on NaN or on another shape.

    Source: Cheng et al. 2020, section 6; Locatello et al. 2019.
    """
    code = inputs.codes(codes)
    centred = code - code.mean(0)
    centred /= np.where(np.ptp(code, axis=0) > 0, np.linalg.norm(centred, axis=0), np.inf)
    correlation = centred.T @ centred
    np.fill_diagonal(correlation, 1.0)
    return Score(gaussian.total_correlation_of_samples(code), {"correlation": correlation})


@entry
def neighbour_tc(codes: Any) -> Score:
    """Total correlation of the codes by nearest neighbours in all axes at once, in nats.

    Args:
        codes: (N, D), N above 4: the means, or one sample an image.

    Returns: Score, finite and near 0 where the axes are independent; it may be slightly below. No
    parts. Estimate and **Error**: `estimators.neighbour_total_corr`.

    Raises: ValueError on NaN or on another shape.

    Source: Kraskov, Stögbauer & Grassberger 2004.
    """
    return Score(estimators.neighbour_total_corr(inputs.codes(codes)), {})


@entry
def tree_tc(codes: Any, *, generator: torch.Generator | None = None) -> Score:
    """What pairs of axes along the best tree share, in nats: a lower bound of total correlation.

    It sees axes that are uncorrelated and depend on each other, two of ten included, and nothing
    that only three axes together show.

    Args:
        codes: (N, D), N above 9: the means, or one sample an image.
        generator: splits the codes in halves, on the CPU; by default one of seed 0.

    Returns: Score; parts: pairs (P, 2), mutual_information (P,) in nats. Estimate and **Error**:
    `estimators.tree_total_corr`.

    Raises: ValueError on NaN or on another shape.

    Source: Chow & Liu 1968; Kraskov, Stögbauer & Grassberger 2004.
    """
    tree = estimators.tree_total_corr(inputs.codes(codes), generator=generator)
    parts = {"pairs": tree.pairs, "mutual_information": tree.mutual_information}
    return Score(tree.total_corr, parts)
