"""SAP by squared correlations, by classifiers, and as paper B mixes both."""

from __future__ import annotations

import numpy as np
import torch

from disentangled import metrics
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.metrics.sap import Kind
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


def sap_mixed(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """SAP of the mean codes over all factors, each by what suits it, as paper B has it.

    The gap of a factor whose values are mere names is one of accuracies of a logistic regression,
    that of an ordered factor one of squared correlations.
    """
    kinds: dict[Kind, list[str]] = {
        "logistic": [name for name in data.factor_names if name in data.unordered],
        "r2": [name for name in data.factor_names if name not in data.unordered],
    }
    generator = torch.Generator().manual_seed(SCORE_SEED)
    gaps = [
        metrics.sap(
            code.mean, columns(data, names), kind=kind, generator=generator,
            features=model.run.features(),
        ).parts["gap"]
        for kind, names in kinds.items()
        if names
    ]  # fmt: skip
    return [
        number(model.step, "sap_mixed", np.concatenate(gaps).mean(), code="mean", unit="1",
               estimator="logistic regression of names, squared correlation of the rest",
               factors=" ".join(data.factor_names))
    ]  # fmt: skip


def sap_logistic(model: Fitted, data: FactorData, code: Encoded) -> list[Number]:
    """SAP of the mean codes by logistic regressions of all factors, as of mere names.

    It is paper B's for coloured digits, where content and colour are discrete.
    """
    score = metrics.sap(
        code.mean, data.factors, kind="logistic", features=model.run.features(),
        generator=torch.Generator().manual_seed(SCORE_SEED),
    )  # fmt: skip
    return [
        number(model.step, "sap_logistic", score.value, code="mean", unit="1",
               estimator="logistic regression", factors=" ".join(data.factor_names))
    ]  # fmt: skip
