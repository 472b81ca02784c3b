"""SAP by squared correlations, and by a classifier on each axis."""

from __future__ import annotations

import torch

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.scoring.codes import SCORE_SEED, Encoded, Number, columns, number


def sap(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """Both SAP scores of the mean codes, which are on different scales.

    By squared correlations, as Cheng et al. have it, over the ordered factors: those whose values
    are mere names have no correlation. By a linear support vector machine, as
    disentanglement_lib has it, over all factors.
    """
    ordered = [name for name in data.factor_names if name not in data.unordered]
    by_machine = metrics.sap(
        code.mean, data.factors, kind="classifier",
        generator=torch.Generator().manual_seed(SCORE_SEED),
    ).value  # fmt: skip
    numbers = [
        number(model.step, "sap_classifier", by_machine, code="mean", unit="1",
               estimator="linear support vector machine", factors=" ".join(data.factor_names))
    ]  # fmt: skip
    if ordered:
        by_correlation = metrics.sap(code.mean, columns(data, ordered), kind="r2").value
        numbers.append(
            number(model.step, "sap_r2", by_correlation, code="mean", unit="1",
                   estimator="squared correlation", factors=" ".join(ordered))
        )  # fmt: skip
    return numbers
