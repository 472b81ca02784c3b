"""IRS on codes of known score, and against plain loops."""

import codes
import numpy as np
import pytest

from disentangled.metrics import irs

FACTORS = codes.grid(4, 5, 6)


def plain(code, factors, quantile, features):
    """By loops over values and images: robustness by factor and feature, and the score."""

    def distance(images, j, to):
        return [np.sqrt(sum((z[axis] - to[axis]) ** 2 for axis in features[j])) for z in images]

    robustness = np.empty((factors.shape[1], len(features)))
    deviation = [max(distance(code, j, code.mean(0))) for j in range(len(features))]
    for j in range(len(features)):
        for k in range(factors.shape[1]):
            moved = []
            for value in set(factors[:, k]):
                images = code[factors[:, k] == value]
                moved.append(np.percentile(distance(images, j, images.mean(0)), 100 * quantile))
            robustness[k, j] = 1 - np.mean(moved) / deviation[j]
    value = sum(m * max(robustness[:, j]) for j, m in enumerate(deviation)) / sum(deviation)
    return robustness, value


@pytest.mark.parametrize("quantile", [1.0, 0.99, 0.5])
@pytest.mark.parametrize("features", [None, [[0, 2], [3]], [[3], [1, 0, 2]]])
def test_plain_loops(quantile, features):
    rng = np.random.default_rng(0)
    factors = np.minimum(rng.integers(0, [3, 7], (300, 2)), rng.integers(0, [3, 7], (300, 2)))
    code = np.hstack([factors, factors[:, ::-1]]) + rng.normal(size=(300, 4)) * [0.1, 1, 0, 3]
    found = irs(code, factors, quantile=quantile, features=features)
    robustness, value = plain(code, factors, quantile, features or [[0], [1], [2], [3]])
    np.testing.assert_allclose(found.parts["robustness"], robustness, atol=1e-12)
    assert found.value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("quantile", [1.0, 0.99])
def test_codes_of_known_score(quantile):
    """What one factor alone moves is robust, repeated axes too; what nothing moves is nothing."""
    for code in (codes.identity, codes.permuted, codes.duplicated):
        assert irs(code(FACTORS), FACTORS, quantile=quantile).value == pytest.approx(1, abs=1e-12)
    nothing = irs(codes.constant(FACTORS), FACTORS, quantile=quantile)
    assert nothing.value == 0
    assert not nothing.parts["robustness"].any()


def test_shared_axes_in_closed_form():
    """Turned by 45 degrees, an axis moves half its way while one factor stands still."""
    factors = codes.grid(6, 6)
    np.testing.assert_allclose(irs(codes.rotated(factors), factors).parts["robustness"], 0.5)
    # z = 8 a + b, a in 0 .. 5 and b in 0 .. 7: b moves it by 3.5, a by 20, both by 23.5
    factors = codes.grid(6, 8)
    found = irs(codes.merged(factors), factors)
    np.testing.assert_allclose(found.parts["robustness"], [[20 / 23.5, 0], [3.5 / 23.5, 0]])
    assert found.value == pytest.approx(20 / 23.5)


def test_axes_weigh_by_how_far_they_move():
    """A robust axis of reach 1.5, and one of reach 5 that each factor moves by half of it."""
    factors = codes.grid(4, 6, 6)
    code = np.column_stack([factors[:, 0], factors[:, 1] + factors[:, 2]])
    found = irs(code, factors)
    np.testing.assert_allclose(found.parts["deviation"], [1.5, 5])
    assert found.value == pytest.approx((1.5 + 5 * 0.5) / 6.5)


def test_features_of_several_axes():
    """A hue on a circle is robust as a feature, and so are its axes; turned axes are as far from
    their mean together as unturned ones."""
    factors = codes.grid(8, 5)
    angle = 2 * np.pi * factors[:, 0] / 8
    code = np.column_stack([np.cos(angle), factors[:, 1], np.sin(angle)])
    found = irs(code, factors, features=[[0, 2], [1]])
    np.testing.assert_allclose(found.parts["robustness"], [[1, 0], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(found.parts["deviation"], [1, 2])
    factors = codes.grid(6, 6)
    for code in (codes.identity, codes.rotated):
        pair = irs(code(factors), factors, features=[[0, 1]])
        np.testing.assert_allclose(pair.parts["robustness"], 1 - 1 / np.sqrt(2))


def test_a_quantile_leaves_outliers_out():
    """One of the 200 images of a value strays by 50: it counts by maxima, not by quantiles."""
    factors = np.tile(codes.grid(2, 2), (100, 1))
    code = codes.identity(factors)
    code[0, 0] = 50
    far = irs(code, factors).parts["robustness"][0, 0]
    near = irs(code, factors, quantile=0.98).parts["robustness"][0, 0]
    assert far == pytest.approx(0.5, abs=0.01)
    assert near > 0.99


def test_many_values_stay_apart():
    """Of 40 values in 20 bins a value would move within its bin, by 1/39 of the axis' reach."""
    factors = codes.grid(40, 3)
    assert irs(codes.identity(factors), factors).value == pytest.approx(1, abs=1e-12)
    binned = np.column_stack([factors[:, 0] // 2, factors[:, 1]])
    lost = irs(codes.identity(factors), binned).parts["robustness"][0, 0]
    assert lost == pytest.approx(1 - 0.5 / 19.5)


def test_noise_reads_high_as_the_docstring_says():
    rng = np.random.default_rng(0)
    code = rng.normal(size=(10_000, 20))
    for n_values, by_maxima, by_quantiles in ((10, 0.15, 0.37), (40, 0.25, 0.38)):
        factor = rng.integers(0, n_values, (10_000, 1))
        assert irs(code, factor).value == pytest.approx(by_maxima, abs=0.02)
        assert irs(code, factor, quantile=0.99).value == pytest.approx(by_quantiles, abs=0.02)


@pytest.mark.parametrize("quantile", [0, 1.01, np.nan])
def test_quantiles(quantile):
    with pytest.raises(ValueError, match="above 0 and at most 1, got"):
        irs(codes.identity(FACTORS), FACTORS, quantile=quantile)
