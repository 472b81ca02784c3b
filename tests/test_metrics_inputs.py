"""What all metrics do with bad, odd and foreign arrays, and the Gaussian total correlation."""

import codes
import numpy as np
import pytest
import torch

from disentangled.metrics import METRICS, gaussian_tc
from disentangled.types import Score

FACTORS = codes.grid(3, 4, 5)
CODE = codes.identity(FACTORS) + 0.1 * np.random.default_rng(0).normal(size=FACTORS.shape)


OF_CODES = ("gaussian_tc", "neighbour_tc", "tree_tc")


def score(name, code=CODE, factors=FACTORS):
    """The metric called with what it takes."""
    if name in OF_CODES:
        return METRICS[name](code)
    if name == "mig_exact":
        return METRICS[name](code, torch.full_like(torch.as_tensor(code), -2.0), factors)
    if name in ("beta_vae_score", "factor_vae_score"):
        seeded = torch.Generator().manual_seed(0)
        return METRICS[name](code, factors, generator=seeded, n_train=300, n_eval=300)
    if name in ("neighbour_r2", "linear_r2"):
        seeded = torch.Generator().manual_seed(0)
        return METRICS[name](code, factors, generator=seeded, n_train=40, n_eval=20)
    if name == "sap":
        return METRICS[name](code, factors, kind="classifier")
    if name == "dci_forest":
        return METRICS[name](code, factors, depths=[2, 2, 2], n_trees=10)
    if name == "dci_boosting":
        return METRICS[name](code, factors, n_stages=3)
    return METRICS[name](code, factors)


REGRESS = ("neighbour_r2", "linear_r2", "dci_forest")
every = pytest.mark.parametrize("name", list(METRICS))
with_factors = pytest.mark.parametrize("name", [n for n in METRICS if n not in OF_CODES])


@every
def test_scores_are_named_after_their_function(name):
    assert METRICS[name].__name__ == name
    found = score(name)
    assert isinstance(found, Score)
    assert isinstance(found.value, float)


@every
def test_foreign_arrays_score_the_same(name):
    known = score(name).value
    tensor = torch.tensor(CODE, requires_grad=True)
    assert score(name, code=tensor, factors=torch.tensor(FACTORS)).value == known
    assert score(name, code=CODE.tolist(), factors=FACTORS.tolist()).value == known
    assert score(name, factors=np.asfortranarray(FACTORS.astype(np.uint8))).value == known
    half = score(name, code=torch.tensor(CODE, dtype=torch.bfloat16)).value
    assert half == pytest.approx(known, abs=0.1)


@with_factors
def test_float_factors_and_gaps_between_labels_are_just_labels(name):
    known = score(name).value
    # what regresses on them takes floats as they are, and rounds elsewhere
    near = pytest.approx(known, abs=1e-12) if name in REGRESS else known
    assert score(name, factors=FACTORS / 7).value == near
    assert score(name, factors=10 * FACTORS - 3).value == known


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_codes_that_are_not_finite(name, bad):
    code = CODE.copy()
    code[[3, 5], 1] = bad
    with pytest.raises(ValueError, match="axis 1 holds 2 NaN or infinite values of 60"):
        score(name, code=code)


@every
@pytest.mark.parametrize("shape", [(60,), (60, 3, 1), (1, 3), (0, 3), (60, 0)])
def test_codes_of_another_shape(name, shape):
    with pytest.raises(ValueError, match=r"must be \(N, D\)"):
        score(name, code=np.zeros(shape))


@with_factors
def test_constant_factor(name):
    factors = FACTORS.copy()
    factors[:, 1] = 2
    with pytest.raises(ValueError, match="factor 1 is constant"):
        score(name, factors=factors)


@with_factors
def test_factors_that_do_not_fit(name):
    with pytest.raises(ValueError, match="as many rows, got 60 and 59"):
        score(name, factors=FACTORS[1:])
    with pytest.raises(ValueError, match=r"factors must be \(N, K\)"):
        score(name, factors=FACTORS[:, 0])


def with_continuous(dtype=float):
    return np.column_stack([FACTORS[:, :2], np.linspace(0, 1, 60)]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("name", [n for n in METRICS if n not in (*REGRESS, *OF_CODES)])
def test_scores_of_discrete_factors_refuse_continuous_ones(name, dtype):
    message = r"factor 2 is continuous \(60 values in 60 rows\).*bin it first.*linear_r2"
    with pytest.raises(ValueError, match=message):
        score(name, factors=with_continuous(dtype))
    almost = with_continuous(dtype)
    almost[:5, 2] = almost[5, 2]  # a few values come again
    with pytest.raises(ValueError, match="55 values in 60 rows"):
        score(name, factors=almost)
    binned = np.floor(6 * with_continuous()).astype(int)
    most = 3 if name == "disintegration" else 1  # a number of axes, or a score
    assert score(name, factors=binned).value <= most


@pytest.mark.parametrize("name", ["neighbour_r2", "linear_r2"])
def test_scores_that_regress_take_continuous_factors(name):
    factors = with_continuous()
    parts = score(name, code=factors + 0.0, factors=factors).parts["r2"]
    assert parts.shape == (3,)
    assert score(name, code=factors, factors=torch.tensor(factors)).parts["r2"].tolist() == (
        parts.tolist()
    )
    if name == "linear_r2":
        np.testing.assert_allclose(parts, 1, atol=1e-12)


@with_factors
def test_nan_in_factors(name):
    factors = FACTORS.astype(float)
    factors[7, 0] = np.nan
    with pytest.raises(ValueError, match="factor 0 holds NaN"):
        score(name, factors=factors)


@every
def test_a_dead_axis_changes_nothing_but_its_own_parts(name):
    """An axis of one value up to the last bit: no NaN, no warning, the same score."""
    almost = np.full((60, 1), 0.1)
    almost[::2] = np.nextafter(0.1, 1)
    for dead in (np.full((60, 1), -2.0), almost):
        found = score(name, code=np.hstack([CODE, dead]))
        if not (name in OF_CODES and dead is almost):
            assert found.value == pytest.approx(score(name).value, abs=1e-6)
        for part in found.parts.values():
            assert np.isfinite(part).all()


@pytest.mark.parametrize("name", ["mig", "mig_exact"])
def test_parts_have_their_shapes(name):
    parts = score(name, code=np.hstack([CODE, CODE])).parts
    assert parts["mutual_information"].shape == (3, 6)
    assert parts["gap"].shape == parts["factor_entropy"].shape == (3,)
    if name == "mig_exact":
        assert parts["entropy"].shape == (6,)


def test_bins():
    with pytest.raises(ValueError, match="n_bins must be a whole number of at least 2, got 1"):
        METRICS["mig"](CODE, FACTORS, n_bins=1)


def gaussian_codes(covariance, n=400):
    """Codes whose sample covariance is exactly this, up to a factor."""
    white = np.random.default_rng(0).normal(size=(n, len(covariance)))
    white = np.linalg.qr(white - white.mean(0))[0]
    return white @ np.linalg.cholesky(covariance).T


def test_gaussian_tc_of_two_correlated_axes():
    """TC = -log(1 - ρ²) / 2, whatever the units, and 0 more for a constant axis."""
    code = gaussian_codes(np.array([[1.0, 0.6], [0.6, 1.0]])) * [3.0, 0.01]
    found = gaussian_tc(np.column_stack([code, np.full(400, 0.1)]))
    assert found.value == pytest.approx(-0.5 * np.log(1 - 0.36), abs=1e-12)
    known = [[1, 0.6, 0], [0.6, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(found.parts["correlation"], known, atol=1e-12)


def test_gaussian_tc_of_duplicated_axes_is_infinite():
    assert gaussian_tc(codes.duplicated(FACTORS)).value == np.inf
    assert gaussian_tc(codes.identity(FACTORS)).value == pytest.approx(0, abs=1e-12)


@every
def test_codes_whose_squares_are_no_numbers(name):
    code = CODE.copy()
    code[3, 1] = -1e160
    with pytest.raises(ValueError, match=r"between -1e\+75 and 1e\+75, but axis 1 .* 1e\+160"):
        score(name, code=code)


@pytest.mark.parametrize("name", REGRESS)
def test_factors_whose_squares_are_no_numbers(name):
    factors = FACTORS.astype(float)
    factors[7, 0] = 1e160
    with pytest.raises(ValueError, match=r"factor 0 holds numbers as large as 1e\+160"):
        score(name, factors=factors)


DRAWN = {
    "beta_vae_score": ("batch", "n_train", "n_eval"),
    "factor_vae_score": ("batch", "n_train", "n_eval"),
    "neighbour_r2": ("n_train", "n_eval"),
    "linear_r2": ("n_train", "n_eval"),
    "sap": ("n_train", "n_eval"),
    "mig": ("n_bins",),
    "disintegration": ("n_bins",),
}


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, None, "3"])
@pytest.mark.parametrize(("name", "count"), [(n, c) for n, cs in DRAWN.items() for c in cs])
def test_counts_that_are_none(name, count, bad):
    more = {"kind": "classifier"} if name == "sap" else {}
    if name in REGRESS or name.endswith("vae_score"):
        more["generator"] = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match=f"{count} must be a whole number of at least [12], got"):
        METRICS[name](CODE, FACTORS, **more, **{count: bad})


def test_a_factor_of_one_value_among_the_judged():
    factors = np.zeros((60, 1), int)
    factors[0] = 1
    with pytest.raises(ValueError, match="factor 0 has one value among the 2 images"):
        METRICS["linear_r2"](
            CODE, factors, generator=torch.Generator().manual_seed(0), n_train=40, n_eval=2
        )
