"""Total correlation of a Gaussian fitted to the codes."""

from __future__ import annotations

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import Encoded, Number, number


def gaussian_tc(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """Gaussian total correlation of mean and of sampled codes; needs no factors."""
    return [
        number(
            model.step,
            "gaussian_tc",
            metrics.gaussian_tc(z).value,
            estimator="correlation matrix",
            code=kind,
        )
        for kind, z in (("mean", code.mean), ("sample", code.z))
    ]
