"""Total correlation of codes as if they were Gaussian: of the means, or of samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from disentangled import gaussian
from disentangled.metrics import inputs
from disentangled.types import Score


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
