"""Arguments that are arrays: every form of one gives the same, everywhere; counts are whole."""

import numpy as np
import pandas as pd
import pytest
import torch
from test_metrics_inputs import CODE, FACTORS

from disentangled import (
    arrays,
    estimators,
    gaussian,
    information,
    interventions,
    metrics,
    objectives,
)
from disentangled.data import FactorData
from disentangled.metrics import linear_maps
from disentangled.types import Code

X, LOGITS = np.full((4, 1, 2, 2), 0.3), np.linspace(-1, 1, 16).reshape(4, 1, 2, 2)
MEAN, LOG_VARIANCE = np.linspace(-1, 1, 12).reshape(4, 3), np.linspace(-2, 0, 12).reshape(4, 3)
Z = MEAN + 0.1
OF_CODE = (X, LOGITS, Code(Z, MEAN, LOG_VARIANCE))
CRITIC = np.linspace(-1, 1, 8).reshape(4, 2)
HELD = np.array([0, 2, 1, 0])
COVARIANCE = np.eye(3) + 0.2
LAW = np.arange(1.0, 5)
SHADES = torch.arange(24, dtype=torch.uint8).view(6, 1, 2, 2)

TAKES_ARRAYS = {
    "reparametrise": lambda a: gaussian.reparametrise(a(MEAN), a(LOG_VARIANCE), a(Z)),
    "kl": lambda a: gaussian.kl(a(MEAN[0]), a(COVARIANCE), a(MEAN[1]), a(np.eye(3))),
    "kl_to_prior": lambda a: gaussian.kl_to_prior(a(MEAN), a(Z * 0 + 1), a(COVARIANCE)),
    "total_correlation": lambda a: gaussian.total_correlation(a(COVARIANCE)),
    "of_samples": lambda a: gaussian.total_correlation_of_samples(a(CODE)),
    "entropy": lambda a: information.entropy(a(COVARIANCE), 0),
    "weights": lambda a: interventions.weights(a(COVARIANCE)),
    "critic_loss": lambda a: interventions.adversarial_loss(a(LAW), a(LAW), a(LAW), a(LAW / 9)),
    "aggregate": lambda a: estimators.log_aggregate_posterior(
        Code(a(Z), a(MEAN), a(LOG_VARIANCE)), n_data=9, scheme="mss",
        noise_covariance=a(COVARIANCE),
    ).joint,
    "density_ratio": lambda a: estimators.density_ratio_total_corr(a(CRITIC)),
    "kl_terms": lambda a: estimators.kl_terms(a(MEAN[:, :1]), a(LOG_VARIANCE[:, :1])).kl,
    "dip_penalty": lambda a: objectives.dip_penalty(
        a(MEAN), a(LOG_VARIANCE), kind="ii", lambda_od=1.0, lambda_d=2.0
    ),
    "rtc_penalty": lambda a: objectives.rtc_penalty(a(LOG_VARIANCE)),
    "axes_of_factors": lambda a: objectives.axes_of_factors(
        a(MEAN), a(LOG_VARIANCE), a(HELD[:, None])
    ),
    "held_axis": lambda a: objectives.held_axis(a(MEAN), a(HELD)),
    "holding": lambda a: objectives.holding(a(MEAN), a(Z), a(HELD)),
    "info_bound": lambda a: objectives.info_bound(a(Z), a(MEAN), a(LOG_VARIANCE)),
    "info_gan": lambda a: objectives.info_gan(a(LAW), a(Z), a(MEAN), information=1.0).total,
    "info_gan_cr": lambda a: objectives.info_gan_cr(
        a(LAW), a(Z), a(MEAN), a(MEAN), a(HELD), step=5, information=1.0, contrast=2.0,
        contrast_from=3.0,
    ).total,
    "adversarial": lambda a: objectives.adversarial(a(LAW), a(LAW / 9), a(LAW)),
    "intervention_first": lambda a: objectives.intervention_first(
        a(X), a(LOGITS), a(LOGITS), a(LAW), a(LAW / 9), a(LAW)
    ).total,
    "with_feature": lambda a: objectives.with_feature(a(MEAN), a(Z), a(HELD)),
    "pixel_entropy": lambda a: metrics.pixel_entropy(a(LAW / 9)),
    "translation_limit": lambda a: metrics.translation_limit(a(X), a(X / 2)),
    "mig": lambda a: metrics.mig(a(CODE), a(FACTORS)).value,
    "unit_noise": lambda a: linear_maps.unit_noise(a(LOG_VARIANCE)),
    "drawn": lambda a: FactorData(
        "toy", SHADES, a(HELD[[0, 1, 2, 0, 1, 2], None]), ("hue",), (3,), source="made up",
        probabilities=a(np.arange(6)),
    ).weighted(a(LAW[:3]), ["hue"]).draw(20, torch.Generator().manual_seed(0)).x,
}  # fmt: skip
FORMS = {
    "lists": lambda x: x.tolist(),
    "arrays": lambda x: x,
    "rows": list,
    "read-only": lambda x: np.broadcast_to(x, x.shape),
    "reversed": lambda x: x[::-1].copy()[::-1],
    "columns first": np.asfortranarray,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "with slopes": lambda x: torch.tensor(x, requires_grad=x.dtype.kind == "f"),
    "tensors in lists": lambda x: list(torch.tensor(x, requires_grad=x.dtype.kind == "f")),
    "objects": lambda x: x.astype(object),
    "frames": lambda x: pd.DataFrame(x) if x.ndim == 2 else pd.Series(x) if x.ndim == 1 else x,
    "nullable frames": lambda x: pd.DataFrame(x).convert_dtypes() if x.ndim == 2 else x,
    "nothing masked": lambda x: np.ma.array(x),
}


def numbers(found):
    return found.detach().numpy() if isinstance(found, torch.Tensor) else np.asarray(found)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TAKES_ARRAYS)
def test_arrays_of_all_forms_give_the_same(name, form):
    known = numbers(TAKES_ARRAYS[name](torch.tensor))
    found = numbers(TAKES_ARRAYS[name](FORMS[form]))
    np.testing.assert_allclose(found, known, rtol=1e-12)


OBJECTIVES = {
    "vae": lambda *c: objectives.vae(*c, n_data=9),
    "beta_tcvae": lambda *c: objectives.beta_tcvae(*c, n_data=9),
    "beta_tcvae_dlib": lambda *c: objectives.beta_tcvae_dlib(*c, n_data=9),
    "dip_vae_i": lambda *c: objectives.dip_vae_i(*c, n_data=9),
    "dip_vae_ii": lambda *c: objectives.dip_vae_ii(*c, n_data=9),
    "annealed_vae": lambda *c: objectives.annealed_vae(*c, n_data=9, step=5),
    "factor_vae": lambda *c: objectives.factor_vae(*c, CRITIC.tolist()),
    "rtc_vae": lambda *c: objectives.rtc_vae(*c, CRITIC.tolist()),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_take_arrays_and_keep_the_slopes_of_tensors(name):
    tensors = torch.tensor(X), torch.tensor(LOGITS), Code(*map(torch.tensor, OF_CODE[2]))
    known = OBJECTIVES[name](*tensors).total
    as_lists = X.tolist(), LOGITS.tolist(), Code(*(part.tolist() for part in OF_CODE[2]))
    for given in (OF_CODE, as_lists):
        assert OBJECTIVES[name](*given).total.item() == pytest.approx(known.item(), rel=1e-12)
    mean = tensors[2].mean.clone().requires_grad_()
    loss = OBJECTIVES[name](*tensors[:2], tensors[2]._replace(mean=mean)).total
    (slope,) = torch.autograd.grad(loss, mean)
    assert slope.abs().sum() > 0


def test_what_is_no_array_of_numbers_says_so():
    for bad in (
        None,
        {"a": 1},
        [[1, 2], [3]],
        iter([1.0]),
        object(),
        torch.zeros(2, device="meta"),
    ):
        with pytest.raises(ValueError, match="samples must be an array of numbers, got"):
            gaussian.total_correlation_of_samples(bad)
    with pytest.raises(ValueError, match="samples must be real, got complex numbers"):
        gaussian.total_correlation_of_samples(np.ones((3, 2), complex))


def test_sparse_and_narrow_tensors_are_their_numbers():
    matrix = torch.eye(3) + 0.25
    known = gaussian.total_correlation(matrix)
    for kind in (torch.float16, torch.bfloat16, torch.float8_e4m3fn):
        assert gaussian.total_correlation(matrix.to(kind)) == pytest.approx(known)
    assert gaussian.total_correlation(matrix.to_sparse()) == known


def test_whole_numbers():
    assert [arrays.whole(n, "n", 0, 3) for n in (0, np.int8(3), torch.tensor(2))] == [0, 3, 2]
    for bad in (4, -1, True, np.True_, torch.tensor(True), 2.0, "2", None, [1]):
        with pytest.raises(ValueError, match="n must be a whole number from 0 to 3, got"):
            arrays.whole(bad, "n", 0, 3)
