"""The parity of precisions: differences are taken within seeds, with Student's interval."""

import math

import pandas as pd
import parity
import pytest

from disentangled.experiments import EXPERIMENTS

del EXPERIMENTS["bench"]  # other tests see the experiments of the package alone


def test_differences_within_seeds(monkeypatch):
    """Differences 1, 1, 1, 5 have mean 2 and standard error 1."""
    values = {"fp32": [0.0, 10.0, 20.0, 30.0], "bf16": [1.0, 11.0, 21.0, 35.0]}
    rows = [
        {"run_id": s.run.id(seed), "seed": seed, "quantity": "elbo", "factors": "",
         "value": values[s.run.precision][seed]}
        for s in parity.settings(parity.PROFILE) for seed in s.seeds
    ]  # fmt: skip
    monkeypatch.setattr(parity.sweeps, "rows", lambda *_: pd.DataFrame(rows))
    (name, found), *others = parity.summary().items()
    assert (name, others) == ("elbo", [])
    assert (found["fp32"], found["bf16"]) == (values["fp32"], values["bf16"])
    assert found["difference"] == pytest.approx(2.0)
    assert found["high"] - 2.0 == pytest.approx(2.0 - found["low"])
    # t of 3 degrees of freedom has the distribution 1/2 + (x / (1 + x²) + atan x) / π, x = t / √3
    x = (found["high"] - 2.0) / math.sqrt(3)
    assert 0.5 + (x / (1 + x**2) + math.atan(x)) / math.pi == pytest.approx(0.975)


def test_a_seed_in_one_precision_alone_makes_no_pair(monkeypatch):
    first = parity.settings(parity.PROFILE)[0]
    row = {"run_id": first.run.id(0), "seed": 0, "quantity": "elbo", "factors": "", "value": 1.0}
    monkeypatch.setattr(parity.sweeps, "rows", lambda *_: pd.DataFrame([row]))
    assert parity.summary() == {}
