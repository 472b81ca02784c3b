import itertools
import math

import numpy as np
import pytest
import torch
from exact import covariances, densities, grid, mean_estimate, mean_log_estimate
from torch.func import grad, vmap

from disentangled import estimators, gaussian
from disentangled.estimators import minibatch
from disentangled.types import Code

MEAN = np.array([[-1.0], [0.0], [0.2], [1.5], [3.0]])
LOGVAR = 2 * np.log(np.array([[0.5], [0.3], [0.4], [0.6], [0.5]]))
POINTS = np.linspace(-3, 5, 41)[:, None]
GIVEN = densities(POINTS, MEAN, covariances(LOGVAR, np.eye(1)))  # (41, 5)
AGGREGATE = GIVEN.mean(1)


def code(n: int, n_axes: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Code:
    generator = torch.Generator().manual_seed(seed)
    mean, logvar, noise = torch.randn(3, n, n_axes, generator=generator, dtype=dtype)
    logvar = 0.5 * logvar - 1
    return Code(mean + torch.exp(0.5 * logvar) * noise, mean, logvar)


def weights(scheme: str, batch: int, n_data: int) -> np.ndarray:
    return estimators.log_batch_weights(scheme, batch, n_data).exp().numpy()


def test_printed_and_released_weights_for_a_batch_of_4_in_100():
    own, stratum, other = 1 / 100, (100 - 3) / (100 * 3), 1 / 3
    printed = [
        [own, stratum, other, other],
        [other, own, stratum, other],
        [other, other, own, stratum],
        [stratum, other, other, own],
    ]
    row = [own, stratum, other, other]
    released = [row, row, [stratum, stratum, other, other], row]
    np.testing.assert_allclose(weights("mss", 4, 100), printed, atol=1e-15)
    np.testing.assert_allclose(weights("mss_released", 4, 100), released, atol=1e-15)
    assert np.round(weights("mss", 4, 100)[0], 4).tolist() == [0.01, 0.3233, 0.3333, 0.3333]
    assert weights("mss_released", 4, 100)[2].sum() == pytest.approx(1.3133, abs=1e-4)


def test_row_sums_of_the_other_schemes():
    np.testing.assert_allclose(weights("naive", 4, 100), 1 / 4, atol=1e-15)
    np.testing.assert_allclose(weights("mws", 4, 100), 1 / 400, atol=1e-15)
    uniform = weights("uniform", 4, 100)
    np.testing.assert_allclose(np.diag(uniform), 0.01, atol=1e-15)
    assert uniform[0, 1] == pytest.approx(99 / 300, abs=1e-15)
    for scheme in ("mss", "uniform"):
        np.testing.assert_allclose(weights(scheme, 7, 50).sum(1), 1, atol=1e-14)


@pytest.mark.parametrize("scheme", ["mss", "uniform"])
@pytest.mark.parametrize("batch", [2, 3, 4])
def test_stratified_schemes_are_unbiased_given_distinct_others(scheme, batch):
    rows = weights(scheme, batch, len(MEAN))
    for own, position in itertools.product(range(len(MEAN)), range(batch)):
        mean = mean_estimate(rows[position], position, GIVEN, own, replace=False, of=np.array)
        np.testing.assert_allclose(mean, AGGREGATE, atol=1e-15)


@pytest.mark.parametrize("scheme", ["mss", "uniform"])
def test_stratified_schemes_read_high_given_independent_others(scheme):
    row = weights(scheme, 3, len(MEAN))[0]
    for own in range(len(MEAN)):
        mean = mean_estimate(row, 0, GIVEN, own, replace=True, of=np.array)
        excess = (GIVEN[:, own] - AGGREGATE) / len(MEAN)
        np.testing.assert_allclose(mean, AGGREGATE + excess, atol=1e-15)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_mean_of_naive_and_mws_over_independent_others(batch):
    for scheme, share in (("naive", 1.0), ("mws", 1 / len(MEAN))):
        row = weights(scheme, batch, len(MEAN))[0]
        mean = mean_estimate(row, 0, GIVEN, 1, replace=True, of=np.array)
        stated = AGGREGATE + (GIVEN[:, 1] - AGGREGATE) / batch
        np.testing.assert_allclose(mean, share * stated, atol=1e-15)
        if scheme == "mws":
            assert (mean <= AGGREGATE).all()


def test_released_weights_are_biased_like_naive():
    n_data, batch = 100, 4
    rows = weights("mss_released", batch, n_data)
    own = np.diag(rows)
    np.testing.assert_allclose(own[2:], 1 / (batch - 1), atol=1e-15)
    np.testing.assert_allclose(own[:2], [1 / n_data, 97 / 300], atol=1e-15)


def mean_log_aggregate() -> tuple[float, float]:
    """E log q(z) and I(z; n) of the five posteriors."""
    points, cell = grid(MEAN, covariances(LOGVAR, np.eye(1)), 801)
    given = densities(points, MEAN, covariances(LOGVAR, np.eye(1)))
    joint = given.mean(1)
    mean_log = cell * float(np.sum(joint * np.log(joint + 1e-300)))
    own = cell * float(np.sum(given * np.log(given + 1e-300))) / len(MEAN)
    return mean_log, own - mean_log


def test_bias_of_mws_is_exact_at_both_ends_and_widens_between():
    n_data = len(MEAN)
    truth, mutual_info = mean_log_aggregate()
    bias = [
        mean_log_estimate(
            weights("mws", batch, n_data)[:1], MEAN, LOGVAR, replace=True, n_side=201
        )
        - truth
        for batch in (1, 2, 3, 4)
    ]
    assert bias[0] == pytest.approx(mutual_info - math.log(n_data), abs=1e-9)
    assert all(later < earlier for earlier, later in itertools.pairwise(bias))
    assert all(one > -math.log(n_data) for one in bias)
    whole = (
        mean_log_estimate(
            weights("mws", n_data, n_data)[:1], MEAN, LOGVAR, replace=False, n_side=801
        )
        - truth
    )
    assert whole == pytest.approx(-math.log(n_data), abs=1e-9)


def test_direction_of_every_scheme_by_enumeration():
    truth, mutual_info = mean_log_aggregate()
    bias = {
        scheme: mean_log_estimate(
            weights(scheme, 3, len(MEAN)), MEAN, LOGVAR, replace=False, n_side=201
        )
        - truth
        for scheme in estimators.SCHEMES
    }
    assert 0 < bias["naive"] < mutual_info
    assert bias["mws"] == pytest.approx(bias["naive"] - math.log(len(MEAN)), abs=1e-12)
    assert bias["mss"] < bias["uniform"] < 0
    assert bias["mss_released"] > 0


@pytest.mark.parametrize("noise", [None, gaussian.equicorrelated(3, 0.8)])
@pytest.mark.parametrize("scheme", ["naive", "uniform"])
def test_whole_data_set_as_one_batch_is_exact(scheme, noise):
    whole = code(9, 3)
    ours = estimators.log_aggregate_posterior(
        whole, n_data=9, scheme=scheme, noise_covariance=noise
    )
    noise = torch.eye(3, dtype=torch.float64) if noise is None else noise
    covariance = covariances(whole.logvar.numpy(), noise.numpy())
    joint = densities(whole.z.numpy(), whole.mean.numpy(), covariance).mean(1)
    np.testing.assert_allclose(ours.joint, np.log(joint), atol=1e-12)
    for j in range(3):
        axis = densities(
            whole.z[:, [j]].numpy(), whole.mean[:, [j]].numpy(), covariance[:, [j]][:, :, [j]]
        ).mean(1)
        np.testing.assert_allclose(ours.per_axis[:, j], np.log(axis), atol=1e-12)


def test_printed_mss_is_not_exact_on_the_whole_data_set():
    whole = code(9, 2)
    exact = estimators.log_aggregate_posterior(whole, n_data=9, scheme="uniform").joint
    printed = estimators.log_aggregate_posterior(whole, n_data=9, scheme="mss").joint
    assert (exact - printed).abs().max() > 0.05


def test_mws_total_correlation_is_naive_plus_its_constant():
    batch, n_data, n_axes = code(16, 4), 1000, 4

    def total_corr(scheme):
        q = estimators.log_aggregate_posterior(batch, n_data=n_data, scheme=scheme)
        return float((q.joint - q.per_axis.sum(-1)).mean())

    assert total_corr("mws") - total_corr("naive") == pytest.approx(
        (n_axes - 1) * math.log(n_data), abs=1e-12
    )


@pytest.mark.parametrize("noise", [None, gaussian.equicorrelated(3, 0.5)])
def test_training_path_keeps_float32_and_passes_through_vmap_and_grad(noise):
    seeds = [code(8, 3, seed, torch.float32) for seed in range(3)]
    stacked = Code(*(torch.stack(part) for part in zip(*seeds, strict=True)))

    def total_corr(z, mean, logvar):
        q = estimators.log_aggregate_posterior(
            Code(z, mean, logvar), n_data=50, scheme="mss", noise_covariance=noise
        )
        return (q.joint - q.per_axis.sum(-1)).mean()

    values = vmap(total_corr)(*stacked)
    slopes = vmap(grad(total_corr, argnums=(0, 1, 2)))(*stacked)
    assert values.dtype == slopes[0].dtype == torch.float32
    for i, one in enumerate(seeds):
        torch.testing.assert_close(values[i], total_corr(*one))
        torch.testing.assert_close(slopes[1][i], grad(total_corr, argnums=1)(*one))
    doubled = total_corr(*(part.double() for part in seeds[0]))
    assert float(values[0]) == pytest.approx(float(doubled), abs=1e-5)


def test_gradients_are_those_of_finite_differences():
    inputs = tuple(part.requires_grad_() for part in code(4, 2))

    def logs(*parts):
        return tuple(estimators.log_aggregate_posterior(Code(*parts), n_data=9, scheme="uniform"))

    assert torch.autograd.gradcheck(logs, inputs)


def test_training_path_runs_where_there_is_no_data():
    empty = Code(*(part.to("meta") for part in code(4, 2)))
    assert estimators.log_aggregate_posterior(empty, n_data=9, scheme="mss").joint.is_meta


@pytest.mark.parametrize("scheme", estimators.SCHEMES)
def test_rows_of_the_weights_are_those_of_the_matrix(scheme):
    whole = estimators.log_batch_weights(scheme, 5, 100)
    for first, n_rows in itertools.product(range(5), range(1, 6)):
        rows = estimators.log_batch_weights(
            scheme, 5, 100, first=first, n_rows=min(n_rows, 5 - first)
        )
        assert torch.equal(rows, whole[first : first + n_rows])


def test_a_batch_of_64_is_one_block_and_one_of_2048_is_not():
    assert minibatch._rows_at_once(torch.empty(64, 10, device="meta")) >= 64
    assert minibatch._rows_at_once(torch.empty(647, 10, device="meta")) >= 647
    assert minibatch._rows_at_once(torch.empty(648, 10, device="meta")) == 647
    assert minibatch._rows_at_once(torch.empty(2048, 10, device="meta")) == 204
    assert minibatch._rows_at_once(torch.empty(2**22, 10, device="meta")) == 1


NOISES = pytest.mark.parametrize("noise", [None, gaussian.equicorrelated(3, 0.6)])
WHOLE = 2**22


def in_blocks(monkeypatch, *sizes):
    """Let the following estimates take blocks of these sizes, one after the other."""
    for size in sizes:
        monkeypatch.setattr(minibatch, "BLOCK", size)
        yield size


def read(scheme, noise):
    """A function of (z, mean, logvar) that weighs every entry of the estimate by its own."""

    def total(*parts):
        q = estimators.log_aggregate_posterior(
            Code(*parts), n_data=50, scheme=scheme, noise_covariance=noise
        )
        weights = torch.linspace(1, 2, len(q.joint), dtype=q.joint.dtype)
        return (weights * q.joint).sum() - ((2 - weights)[:, None] * q.per_axis.cos()).sum()

    return total


@NOISES
@pytest.mark.parametrize("scheme", estimators.SCHEMES)
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_blocks_give_the_values_and_gradients_of_one_block(
    scheme, noise, dtype, rtol, monkeypatch
):
    whole = code(30, 3, dtype=dtype)
    parts = [part.requires_grad_() for part in whole]
    found = []
    # all at once; 7 rows of 30 at a time; a row at a time
    for _ in in_blocks(monkeypatch, WHOLE, 7 * 30 * 3, 1):
        q = estimators.log_aggregate_posterior(
            whole, n_data=50, scheme=scheme, noise_covariance=noise
        )
        total = read(scheme, noise)(*parts)
        found.append([*q, *torch.autograd.grad(total, parts)])
        assert (type(q.joint.grad_fn).__name__ == "_InBlocksBackward") == (len(found) > 1)
    for blocks in found[1:]:
        for ours, theirs in zip(blocks, found[0], strict=True):
            size = float(theirs.detach().abs().max())
            torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol * size)


@NOISES
@pytest.mark.parametrize("scheme", estimators.SCHEMES)
def test_first_and_second_derivatives_of_blocks(scheme, noise, monkeypatch):
    monkeypatch.setattr(minibatch, "BLOCK", 2 * 5 * 3)  # rows 0 and 1, 2 and 3, 4
    inputs = tuple(part.requires_grad_() for part in code(5, 3))

    def logs(*parts):
        return tuple(
            estimators.log_aggregate_posterior(
                Code(*parts), n_data=9, scheme=scheme, noise_covariance=noise
            )
        )

    assert torch.autograd.gradcheck(logs, inputs)
    assert torch.autograd.gradgradcheck(logs, inputs)


@NOISES
def test_blocks_pass_through_vmap_and_grad(noise, monkeypatch):
    seeds = [code(8, 3, seed) for seed in range(3)]
    stacked = [torch.stack(part) for part in zip(*seeds, strict=True)]
    total, found = read("mss", noise), []
    for _ in in_blocks(monkeypatch, WHOLE, 3 * 8 * 3):
        slopes = vmap(grad(total, argnums=(0, 1, 2)))(*stacked)
        free = [part.clone().requires_grad_() for part in stacked]
        outside = torch.autograd.grad(vmap(total)(*free).sum(), free)
        shared = vmap(grad(total, argnums=1), in_dims=(0, None, 0))(
            stacked[0], stacked[1][0], stacked[2]
        )
        twice = grad(lambda mean: (grad(total)(seeds[0].z, mean, seeds[0].logvar) ** 2).sum())
        found.append([*slopes, *outside, shared, twice(seeds[0].mean)])
    for ours, theirs in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)
    for one, seed in zip(found[1][1], seeds, strict=True):
        torch.testing.assert_close(one, grad(total, argnums=1)(*seed), rtol=1e-12, atol=1e-12)


@NOISES
def test_autocast_leaves_blocks_in_float32(noise, monkeypatch):
    parts = code(8, 3, dtype=torch.float32)
    slopes = grad(read("mss", noise), argnums=(0, 1, 2))
    monkeypatch.setattr(minibatch, "BLOCK", 3 * 8 * 3)
    exact = slopes(*parts)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(map(torch.equal, slopes(*parts), exact))


# torch's compiler makes an instance of the Function, which torch's Function warns of
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_blocks_compile_with_the_step_around_them(monkeypatch):
    monkeypatch.setattr(minibatch, "BLOCK", 3 * 8 * 3)
    stacked = [torch.stack([part, part + 0.1]) for part in code(8, 3)]
    plain = vmap(read("mss", None))
    values = []
    for total in (plain, torch.compile(plain, backend="aot_eager", fullgraph=True)):
        free = [part.clone().requires_grad_() for part in stacked]
        value = total(*free)
        values.append([value, *torch.autograd.grad(value.sum(), free)])
    for ours, theirs in zip(*values, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


@NOISES
def test_blocks_run_where_there_is_no_data(noise):
    empty = [torch.empty(3000, 3, device="meta", requires_grad=True) for _ in range(3)]
    q = estimators.log_aggregate_posterior(
        Code(*empty), n_data=3000, scheme="mss", noise_covariance=noise
    )
    assert q.joint.shape == (3000,)
    slopes = torch.autograd.grad(q.joint.sum() + q.per_axis.sum(), empty)
    assert [(slope.shape, slope.device.type) for slope in slopes] == [((3000, 3), "meta")] * 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: estimators.log_batch_weights("mss0", 4, 100), "choose one of naive, mws, mss"),
        (lambda: estimators.log_batch_weights("mws", 64, 63), "smaller than the batch"),
        (lambda: estimators.log_batch_weights("mss", 1, 100), "at least 2"),
        (lambda: estimators.log_batch_weights("naive", 0, 100), "at least 1"),
        (
            lambda: estimators.log_aggregate_posterior(
                code(4, 2), n_data=9, scheme="mws", noise_covariance=torch.eye(3)
            ),
            r"\(2, 2\)",
        ),
        (
            lambda: estimators.log_aggregate_posterior(
                code(4, 2), n_data=9, scheme="mws", noise_covariance=torch.ones(2, 2)
            ),
            "singular",
        ),
    ],
)
def test_bad_input_says_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_density_ratio_is_the_mean_log_odds():
    logits = torch.tensor([[2.0, 0.5], [1.0, 3.0]])
    assert float(estimators.density_ratio_total_corr(logits)) == pytest.approx(-0.25)
    assert float(estimators.density_ratio_total_corr(torch.tensor([1.5, -2.0]))) == -0.25
    with pytest.raises(ValueError, match=r"\(B, 2\)"):
        estimators.density_ratio_total_corr(torch.zeros(4, 1))


def test_density_ratio_of_the_optimal_critic_is_the_total_correlation():
    noise = gaussian.equicorrelated(2, 0.6)
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(20_000, 2, generator=generator, dtype=torch.float64)
    z = white @ torch.linalg.cholesky(noise).T
    zero = torch.zeros(2, dtype=torch.float64)
    log_odds = gaussian.joint_log_prob(z, zero, zero, noise) - gaussian.standard_log_prob(z).sum(
        -1
    )
    error = float(log_odds.std()) / math.sqrt(len(z))
    assert float(estimators.density_ratio_total_corr(log_odds)) == pytest.approx(
        gaussian.total_correlation(noise), abs=4 * error
    )
