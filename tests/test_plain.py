"""The bench compares like with like: the straightforward way computes what ours does."""

import numpy as np
import plain
import pytest
import torch
from codes import grid

from disentangled import metrics
from disentangled.objectives import beta_tcvae
from disentangled.types import Code


def test_the_plain_net_has_the_printed_size():
    assert sum(p.numel() for p in plain.Autoencoder().parameters()) == 502_005
    assert sum(p.numel() for p in plain.critic().parameters()) == 4_017_002


def test_the_plain_loss_is_ours():
    generator = torch.Generator().manual_seed(0)
    x, logits = torch.rand(2, 8, 1, 4, 4, generator=generator, dtype=torch.float64)
    z, mean, logvar = torch.randn(3, 8, 5, generator=generator, dtype=torch.float64)
    mine = beta_tcvae(x, logits, Code(z, mean, logvar), n_data=1000, beta=4.0).total
    other = plain.beta_tcvae_loss(x, logits, z, mean, logvar, 1000, 4.0)
    assert float(mine) == pytest.approx(float(other), rel=1e-12)


def test_plain_scores_are_ours():
    factors = grid(3, 6, 10, 8)
    noise = np.random.default_rng(0).normal(size=(len(factors), 5))
    codes = np.insert(factors.astype(float), 2, 0.0, axis=1) + 0.3 * noise
    assert plain.mig(codes, factors) == pytest.approx(metrics.mig(codes, factors).value, rel=1e-9)
    # sampled entropies of 1,440 posteriors: 2,000 draws an entropy are good to about 0.01
    mean, logvar = torch.as_tensor(codes).float(), torch.full(codes.shape, -1.0)
    exact = metrics.mig_exact(mean, logvar, factors).value
    sampled = plain.mig_sampled(
        mean, logvar, torch.as_tensor(factors), 2000, torch.Generator().manual_seed(0)
    )
    assert sampled == pytest.approx(exact, abs=0.02)


def test_plain_machines_are_ours():
    """Both train the same machines; the rows they see are drawn apart."""
    factors = grid(3, 6, 80)[:, :2]
    noise = np.random.default_rng(0).normal(size=(len(factors), 2))
    codes = factors - factors.mean(0) + 0.1 * noise
    ours = metrics.sap(codes, factors, kind="classifier", n_train=960, n_eval=480).value
    assert plain.sap(codes, factors, n_train=960, n_eval=480) == pytest.approx(ours, abs=0.05)
