import math

import numpy as np
import pytest
import torch
from exact import covariances, densities

from disentangled import estimators, gaussian
from disentangled.types import Code


def problem(n_data: int, n_axes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_data, n_axes)), 2 * np.log(rng.uniform(0.2, 0.8, (n_data, n_axes)))


def sampled(mean, logvar, seed=0, n_samples=2048, noise=None, device="cpu"):
    return estimators.kl_terms_sampled(
        mean,
        logvar,
        n_samples=n_samples,
        generator=torch.Generator().manual_seed(seed),
        noise_covariance=noise,
        device=device,
    )


@pytest.mark.parametrize("sigma", [0.0, 0.8])
@pytest.mark.parametrize("shrink", [1.0, 1e-6])
def test_blocks_add_up_to_the_exact_mixture(sigma, shrink):
    mean, logvar = problem(50, 3)
    logvar = logvar + 2 * math.log(shrink)
    z = mean[:20] + 0.3 * shrink
    noise = gaussian.equicorrelated(3, sigma) * 1.3
    ours = estimators.log_aggregate_posterior_dataset(
        z, mean, logvar, noise_covariance=noise, block=16
    )
    covariance = covariances(logvar, noise.numpy())
    np.testing.assert_allclose(
        ours.joint, np.log(densities(z, mean, covariance).mean(1)), atol=1e-9
    )
    for j in range(3):
        axis = densities(z[:, [j]], mean[:, [j]], covariance[:, [j]][:, :, [j]]).mean(1)
        np.testing.assert_allclose(ours.per_axis[:, j], np.log(axis), atol=1e-9)


def test_agrees_with_the_training_path_on_the_whole_data_set():
    mean, logvar = (torch.from_numpy(a) for a in problem(30, 4))
    noise = gaussian.equicorrelated(4, 0.5)
    ours = estimators.log_aggregate_posterior_dataset(mean, mean, logvar, noise_covariance=noise)
    theirs = estimators.log_aggregate_posterior(
        Code(mean, mean, logvar), n_data=30, scheme="naive", noise_covariance=noise
    )
    torch.testing.assert_close(ours.joint, theirs.joint, atol=1e-9, rtol=0)
    torch.testing.assert_close(ours.per_axis, theirs.per_axis, atol=1e-9, rtol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_numbers_of_the_cpu():
    mean, logvar = problem(300, 3)
    noise = gaussian.equicorrelated(3, 0.5)
    for shrink in (1.0, 1e-6):  # both ways to a quadratic form
        z, width = mean[:50] + 0.1 * shrink, logvar + 2 * math.log(shrink)
        here, there = (
            estimators.log_aggregate_posterior_dataset(
                z, mean, width, noise_covariance=noise, device=device
            )
            for device in ("cpu", "cuda")
        )
        torch.testing.assert_close(there.joint, here.joint, atol=1e-9, rtol=0)
        torch.testing.assert_close(there.per_axis, here.per_axis, atol=1e-9, rtol=0)
    here, there = (sampled(mean, logvar, device=device) for device in ("cpu", "cuda"))
    assert there[:4] == pytest.approx(here[:4], abs=1e-9)


def test_stays_finite_far_from_all_data():
    mean, logvar = problem(10, 2)
    ours = estimators.log_aggregate_posterior_dataset([[1e3, -1e3]], mean, logvar)
    nearest = gaussian.joint_log_prob(
        torch.tensor([[1e3, -1e3]]).double(), torch.from_numpy(mean), torch.from_numpy(logvar)
    )
    assert float(ours.joint) == pytest.approx(float(nearest.max()) - math.log(10), rel=1e-12)


@pytest.mark.parametrize("sigma", [None, 0.7])
def test_sampled_parts_are_those_of_quadrature_within_their_standard_errors(sigma):
    mean, logvar = problem(12, 2)
    noise = None if sigma is None else gaussian.equicorrelated(2, sigma) * 1.2
    truth = estimators.kl_terms(mean, logvar, noise)
    runs = [sampled(mean, logvar, seed, noise=noise) for seed in range(60)]
    for part in ("mutual_info", "total_corr"):
        scores = [
            (getattr(run, part) - getattr(truth, part)) / run.standard_error[part] for run in runs
        ]
        assert abs(np.mean(scores)) < 0.5
        assert 0.75 < np.std(scores) < 1.25
    assert runs[0].kl == pytest.approx(truth.kl, abs=1e-12)
    assert runs[0].axis_kl == pytest.approx(truth.axis_kl, abs=runs[0].standard_error["axis_kl"])
    assert runs[0].kl == pytest.approx(sum(runs[0][1:4]), abs=1e-12)


def test_independent_axes_have_no_total_correlation():
    side = np.linspace(-1.5, 1.5, 8)
    mean = np.stack([axis.ravel() for axis in np.meshgrid(side, side, side, [0.0])], 1)
    logvar = np.tile(2 * np.log([0.15, 0.3, 0.1, 1.0]), (len(mean), 1))
    ours = sampled(mean, logvar)
    alone = [
        estimators.kl_terms(side[:, None], np.full((8, 1), logvar[0, j])).mutual_info
        for j in range(3)
    ]
    assert ours.total_corr == pytest.approx(0, abs=4 * ours.standard_error["total_corr"])
    assert ours.mutual_info == pytest.approx(
        sum(alone), abs=4 * ours.standard_error["mutual_info"]
    )
    assert ours.standard_error["total_corr"] < 1e-3


def test_one_posterior_with_correlated_noise_is_a_correlated_gaussian():
    noise = gaussian.equicorrelated(5, 0.9)
    ours = sampled([[0.5] * 5], [[-1.0] * 5], noise=noise)
    assert ours.total_corr == pytest.approx(gaussian.total_correlation(noise), abs=2e-4)
    assert ours.mutual_info == pytest.approx(0, abs=2e-4)


def test_collapsed_code_reads_zero_and_distinct_codes_log_n():
    collapsed = sampled(np.zeros((20, 3)), np.zeros((20, 3)))
    assert collapsed[:4] == pytest.approx((0, 0, 0, 0), abs=1e-4)
    mean, _ = problem(20, 3)
    distinct = sampled(mean, np.full((20, 3), 2 * math.log(1e-5)))
    assert distinct.mutual_info == pytest.approx(math.log(20), abs=2e-4)
    assert distinct.total_corr == pytest.approx(2 * math.log(20), abs=2e-4)


def test_same_generator_same_numbers():
    mean, logvar = problem(12, 3)
    assert sampled(mean, logvar, 3) == sampled(mean, logvar, 3)
    assert sampled(mean, logvar, 3).total_corr != sampled(mean, logvar, 4).total_corr


@pytest.mark.parametrize("logvar", [-300.0, 300.0])
def test_the_smallest_and_the_largest_noise_that_is_taken(logvar):
    """Four codes apart by far more than their noise, and four that are one beside it."""
    mean = np.array([[0.0, 1.0], [2.0, -1.0], [4.0, 3.0], [-6.0, 5.0]])
    ours = estimators.log_aggregate_posterior_dataset(mean, mean, np.full((4, 2), logvar))
    per_axis = -0.5 * (math.log(2 * math.pi) + logvar) - (math.log(4) if logvar < 0 else 0)
    joint = 2 * per_axis + (math.log(4) if logvar < 0 else 0)
    assert ours.per_axis.numpy() == pytest.approx(per_axis, abs=1e-9)
    assert ours.joint.numpy() == pytest.approx(joint, abs=1e-9)


def all_of(block=64, device="cpu", mean=0.0, logvar=0.0, z=0.0):
    return estimators.log_aggregate_posterior_dataset(
        [[z, 0.0]], [[mean, 0.0]], [[logvar, 0.0]], block=block, device=device
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: all_of(block=0), "block must be a whole number of at least 1, got 0"),
        (lambda: all_of(block=2.5), "block must be a whole number"),
        (lambda: all_of(device="gpu"), "a device that computes in float64 here, .* got 'gpu'"),
        (lambda: all_of(device="cuda:99"), "got 'cuda:99'"),
        (lambda: all_of(device="meta"), "got 'meta', which holds no numbers"),
        (lambda: sampled([[0.0]], [[0.0]], device="gpu"), "got 'gpu'"),
        (lambda: sampled([[0.0]], [[0.0]], n_samples=64.5), "n_samples must be a whole number"),
        (lambda: all_of(logvar=-800.0), "logvar must lie between -300 and 300, .* large as 800"),
        (lambda: all_of(mean=1e200), "mean must lie between"),
        (lambda: all_of(z=-1e200), "z must lie between"),
        (lambda: sampled([[0.0], [1.0]], [[-100.0], [-100.0]]), "1e-14 of the spread of means"),
        (lambda: sampled([[1j]], [[0.0]]), "mean must be real"),
        (lambda: sampled([["a"]], [[0.0]]), "mean must be an array of numbers"),
        (lambda: sampled([[0.0, math.nan]], [[0.0, 0.0]]), "mean has 1 NaN"),
        (lambda: sampled([[0.0, 0.0]], [[0.0, 0.0]], n_samples=15), "at least 16"),
        (lambda: sampled([[0.0, 0.0]], [[0.0, 0.0]], noise=np.ones((2, 2))), "singular"),
        (lambda: sampled([[0.0, 0.0]], [[0.0]]), "one shape"),
        (
            lambda: estimators.log_aggregate_posterior_dataset(
                [[0.0]], [[0.0, 0.0]], [[0.0, 0.0]]
            ),
            "2 axes of mean",
        ),
        (
            lambda: estimators.log_aggregate_posterior_dataset(
                [[math.inf, 0.0]], [[0.0, 0.0]], [[0.0, 0.0]]
            ),
            "z has 1 NaN",
        ),
    ],
)
def test_bad_input_says_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
