"""IRS by maxima, as it is defined, and by 0.99 quantiles, as disentanglement_lib takes it."""

from __future__ import annotations

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import Encoded, Number, number

QUANTILES = {"irs_maximum": 1.0, "irs_quantile": 0.99}


def irs(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """IRS of the mean codes of all images, over all factors."""
    factors, features = " ".join(data.factor_names), model.run.features()
    values = {
        quantity: metrics.irs(code.mean, data.factors, quantile=share, features=features).value
        for quantity, share in QUANTILES.items()
    }
    return [
        number(model.step, quantity, value, estimator=f"{QUANTILES[quantity]} quantile",
               code="mean", factors=factors, unit="1")
        for quantity, value in values.items()
    ]  # fmt: skip
