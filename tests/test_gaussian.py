import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.func import vmap

from disentangled import gaussian


def random_covariance(seed: int, n_axes: int = 4) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(n_axes, n_axes))
    return root @ root.T + 0.1 * np.eye(n_axes)


def test_log_prob_is_the_normal_density_and_takes_a_log_variance():
    z, mean, logvar = np.array([0.3, -2.0]), np.array([1.0, 0.0]), np.array([-1.0, 3.0])
    ours = gaussian.log_prob(*(torch.tensor(a) for a in (z, mean, logvar)))
    np.testing.assert_allclose(ours, stats.norm(mean, np.exp(logvar / 2)).logpdf(z), atol=1e-14)
    np.testing.assert_allclose(
        gaussian.standard_log_prob(torch.tensor(z)), stats.norm.logpdf(z), atol=1e-14
    )


def test_training_densities_keep_float32_and_pass_through_vmap():
    generator = torch.Generator().manual_seed(0)
    z, mean, logvar = (torch.randn(3, 5, 2, generator=generator) for _ in range(3))
    for function, arguments in [
        (gaussian.log_prob, (z, mean, logvar)),
        (gaussian.standard_log_prob, (z,)),
        (gaussian.kl_standard, (mean, logvar)),
    ]:
        stacked = vmap(function)(*arguments)
        assert stacked.dtype == torch.float32
        torch.testing.assert_close(stacked, function(*arguments), rtol=0, atol=0)


def test_log_prob_stays_finite_in_float32_for_tiny_deviations():
    mean, logvar = torch.tensor(1e-18), torch.tensor(-80.0)
    assert gaussian.log_prob(torch.tensor(0.0), mean, logvar).isfinite()


def test_kl_standard_agrees_with_the_matrix_form_and_vanishes_smoothly():
    mean, logvar = torch.tensor([0.5, -1.0], dtype=torch.float64), torch.tensor([-2.0, 1.0])
    logvar = logvar.double()
    expected = gaussian.kl(mean, torch.diag(logvar.exp()), torch.zeros(2), torch.eye(2))
    assert float(gaussian.kl_standard(mean, logvar).sum()) == pytest.approx(expected, abs=1e-14)
    collapsed = gaussian.kl_standard(torch.zeros(1), torch.tensor([1e-4]))
    assert float(collapsed) == pytest.approx(2.5e-9, abs=1e-11)


def test_joint_log_prob_is_the_multivariate_density():
    noise, sd = gaussian.equicorrelated(3, 0.7), torch.tensor([0.5, 1.0, 2.0]).double()
    mean, z = torch.tensor([1.0, 0.0, -1.0]).double(), torch.tensor([0.2, 0.1, 3.0]).double()
    expected = stats.multivariate_normal(mean.numpy(), (sd[:, None] * noise * sd).numpy()).logpdf(
        z.numpy()
    )
    ours = gaussian.joint_log_prob(z, mean, 2 * sd.log(), noise)
    assert float(ours) == pytest.approx(expected, abs=1e-13)
    with pytest.raises(ValueError, match="no density"):
        gaussian.joint_log_prob(z, mean, 2 * sd.log(), gaussian.equicorrelated(3, 1.0))


@pytest.mark.parametrize("sigma", [-0.2, 0.0, 0.5, 0.9, 0.999])
def test_total_correlation_of_equal_correlations(sigma):
    n_axes = 5
    expected = -0.5 * (math.log1p((n_axes - 1) * sigma) + (n_axes - 1) * math.log1p(-sigma))
    covariance = gaussian.equicorrelated(n_axes, sigma)
    assert gaussian.total_correlation(covariance) == pytest.approx(expected, abs=1e-12)
    scales = torch.tensor([1e-6, 1.0, 1e6, 3.0, 0.2], dtype=torch.float64)
    rescaled = covariance * torch.outer(scales, scales)
    assert gaussian.total_correlation(rescaled) == pytest.approx(expected, abs=1e-12)


def test_lists_are_read_in_float64():
    assert gaussian.total_correlation([[1.0, 0.1], [0.1, 1.0]]) == pytest.approx(
        -0.5 * math.log(0.99), abs=1e-16
    )


def test_total_correlation_of_dependent_and_of_constant_axes():
    assert gaussian.total_correlation([[1.0, 1.0], [1.0, 1.0]]) == math.inf
    assert gaussian.total_correlation(gaussian.equicorrelated(4, 1.0)) == math.inf
    assert gaussian.total_correlation(gaussian.equicorrelated(3, -0.5)) == math.inf
    with_constant = np.zeros((3, 3))
    with_constant[:2, :2] = [[1.0, 0.6], [0.6, 1.0]]
    assert gaussian.total_correlation(with_constant) == pytest.approx(-0.5 * math.log(0.64))
    assert gaussian.total_correlation([[2.0]]) == 0


def test_total_correlation_of_samples_is_that_of_their_covariance():
    samples = np.random.default_rng(0).normal(size=(50, 4)) @ random_covariance(1)
    expected = gaussian.total_correlation(np.cov(samples.T))
    assert gaussian.total_correlation_of_samples(samples) == pytest.approx(expected, abs=1e-12)


def test_total_correlation_of_degenerate_samples():
    rng = np.random.default_rng(0)
    independent = rng.normal(size=(40, 2))
    summed = np.column_stack([independent, independent.sum(1)])
    assert gaussian.total_correlation_of_samples(summed) == math.inf
    assert gaussian.total_correlation_of_samples(rng.normal(size=(3, 3))) == math.inf
    with_constants = np.column_stack([independent, np.full(40, 0.1), np.full(40, 1 / 3)])
    assert gaussian.total_correlation_of_samples(with_constants) == pytest.approx(
        gaussian.total_correlation_of_samples(independent), abs=1e-14
    )


def test_total_correlation_of_samples_reads_high_by_its_stated_bias():
    rng = np.random.default_rng(0)
    n_axes, n = 6, 200
    values = [
        gaussian.total_correlation_of_samples(rng.normal(size=(n, n_axes))) for _ in range(400)
    ]
    stated = n_axes * (n_axes - 1) / (4 * n)
    assert np.mean(values) == pytest.approx(stated, rel=0.08)


def test_kl_of_one_axis_and_its_invariance():
    assert gaussian.kl([1.0], [[4.0]], [0.0], [[1.0]]) == pytest.approx(
        0.5 * (1 + 4 - 1 - math.log(4)), abs=1e-15
    )
    first, second, turn = random_covariance(0), random_covariance(1), random_covariance(2)
    mean0, mean1 = np.arange(4.0), np.ones(4)
    plain = gaussian.kl(mean0, first, mean1, second)
    turned = gaussian.kl(turn @ mean0, turn @ first @ turn.T, turn @ mean1, turn @ second @ turn.T)
    assert turned == pytest.approx(plain, rel=1e-9)
    assert gaussian.kl(mean0, first, mean0, first) == pytest.approx(0, abs=1e-12)


def test_kl_of_singular_laws():
    flat = [[1.0, 1.0], [1.0, 1.0]]
    assert gaussian.kl([0, 0], flat, [0, 0], np.eye(2)) == math.inf
    with pytest.raises(ValueError, match="covariance1 is singular"):
        gaussian.kl([0, 0], np.eye(2), [0, 0], flat)


def test_kl_to_prior_with_correlated_noise_is_the_matrix_form():
    noise = gaussian.equicorrelated(3, 0.9) * 1.5
    mean, scale = [[0.1, -1.0, 2.0], [0.0, 0.0, 0.0]], [[0.2, 1.0, 0.7], [1.0, 1.0, 1.0]]
    ours = gaussian.kl_to_prior(mean, scale, noise)
    for row, m, s in zip(ours, mean, scale, strict=True):
        covariance = np.diag(s) @ noise.numpy() @ np.diag(s)
        assert float(row) == pytest.approx(
            gaussian.kl(m, covariance, np.zeros(3), np.eye(3)), abs=1e-12
        )
    plain = gaussian.kl_to_prior(mean, scale)
    per_axis = gaussian.kl_standard(torch.tensor(mean), 2 * torch.tensor(scale).log()).sum(-1)
    torch.testing.assert_close(plain, per_axis.double(), atol=1e-5, rtol=0)


def test_kl_to_prior_is_infinite_without_noise():
    assert float(gaussian.kl_to_prior([0.0, 0.0], [1.0, 0.0])) == math.inf
    singular = gaussian.equicorrelated(2, 1.0)
    assert float(gaussian.kl_to_prior([0.0, 0.0], [1.0, 1.0], singular)) == math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian.total_correlation([[1.0, math.nan], [math.nan, 1.0]]), "NaN"),
        (lambda: gaussian.total_correlation([[1.0, 2.0], [2.0, 1.0]]), "negative eigenvalue"),
        (lambda: gaussian.total_correlation([[1.0, 0.5], [0.1, 1.0]]), "not symmetric"),
        (lambda: gaussian.total_correlation([[1.0, 0.5]]), "square"),
        (lambda: gaussian.total_correlation_of_samples([1.0, 2.0]), "2 axes"),
        (lambda: gaussian.total_correlation_of_samples([[1.0, 2.0]]), "at least 2 rows"),
        (lambda: gaussian.kl([0.0], np.eye(2), [0.0], np.eye(1)), "share D"),
        (lambda: gaussian.kl_to_prior([0.0, 0.0], [1.0, -1.0]), "standard deviations"),
        (lambda: gaussian.kl_to_prior([0.0, 0.0], [1.0]), "one shape"),
        (lambda: gaussian.kl_to_prior([0.0, 0.0], [1.0, 1.0], np.eye(3)), r"\(2, 2\)"),
        (lambda: gaussian.equicorrelated(3, -0.6), "sigma must lie"),
        (lambda: gaussian.equicorrelated(0, 0.1), "n_axes"),
        (lambda: gaussian.finite([], "z", 1), "non-empty"),
        (lambda: gaussian.kl_to_prior(0.0, 1.0), "one shape"),
    ],
)
def test_bad_input_says_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_autocast_leaves_the_joint_density_in_float32():
    """Else it would round the product that whitens to bf16, of three digits."""
    z, mean, logvar = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    noise = gaussian.equicorrelated(4, 0.6)
    exact = gaussian.joint_log_prob(z, mean, logvar, noise)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(gaussian.joint_log_prob(z, mean, logvar, noise), exact)
        assert (z @ z.T).dtype == torch.bfloat16
