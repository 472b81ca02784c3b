"""Paper D's objectives: closed forms of their penalties, and what their weights weigh."""

import math

import numpy as np
import pytest
import tiny
import torch

from disentangled import gaussian, objectives
from disentangled.data import FactorData
from disentangled.objectives import (
    FACTORS,
    IMAGES,
    NOISE,
    OBJECTIVES,
    Input,
    axes_of_factors,
    dip_penalty,
    rtc_penalty,
)
from disentangled.objectives.dip_vae import covariance_of_codes
from disentangled.objectives.inputs import read_from
from disentangled.streams import Stream
from disentangled.training import fit
from disentangled.types import Code

# Four codes at the corners of a parallelogram: means 0, variances 4 and 1, covariance √2.
CORNERS = torch.tensor([[2.0, 1.0], [2.0, 0.0], [-2.0, 0.0], [-2.0, -1.0]], dtype=torch.float64)
CORNERS[:, 1] *= math.sqrt(2)
SHARED = math.sqrt(2)  # (2 √2 + 2 √2) / 4
EVEN = torch.zeros(4, 1, 2, 2, dtype=torch.float64)


def logvar(*variances):
    return torch.tensor(variances, dtype=torch.float64).log().expand(4, -1)


def test_dip_penalties_in_closed_form():
    weights = {"lambda_od": 3.0, "lambda_d": 5.0}
    first = dip_penalty(CORNERS, logvar(0.5, 2.0), kind="i", **weights)
    assert float(first) == pytest.approx(3 * 2 * SHARED**2 + 5 * (4 - 1) ** 2)
    second = dip_penalty(CORNERS, logvar(0.5, 2.0), kind="ii", **weights)
    assert float(second) == pytest.approx(3 * 2 * SHARED**2 + 5 * ((4.5 - 1) ** 2 + (3 - 1) ** 2))
    with pytest.raises(ValueError, match=r"kind must be one of \('i', 'ii'\), got 'I'"):
        dip_penalty(CORNERS, CORNERS, kind="I", **weights)


def test_correlated_noise_is_part_of_the_codes_covariance():
    """Cov[z|x] = diag(s) R diag(s), here s = 1, 3 and then 2, 1; noise of another seed agrees."""
    r = gaussian.equicorrelated(2, 0.6)
    mean = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    log = torch.tensor([[1.0, 9.0], [4.0, 1.0]], dtype=torch.float64).log()
    found = covariance_of_codes(mean, log, r)
    known = torch.tensor([[1 + 2.5, 0.6 * (3 + 2) / 2], [0.6 * (3 + 2) / 2, 5.0]])
    torch.testing.assert_close(found, known.double())
    ours = dip_penalty(mean, log, kind="ii", lambda_od=1.0, lambda_d=0.0, noise_covariance=r)
    assert float(ours) == pytest.approx(2 * 1.5**2)
    # the first kind does not see the noise
    means_only = dip_penalty(mean, log, kind="i", lambda_od=1.0, lambda_d=1.0, noise_covariance=r)
    assert float(means_only) == pytest.approx(1.0)


def test_the_covariance_is_that_of_samples():
    g = torch.Generator().manual_seed(0)
    mean, log = torch.randn(2, 8, 3, generator=g, dtype=torch.float64)
    noise = torch.randn(200_000, 8, 3, generator=g, dtype=torch.float64)
    z = gaussian.reparametrise(mean, log, noise).flatten(0, 1)
    expected = torch.cov(z.T, correction=0)
    torch.testing.assert_close(covariance_of_codes(mean, log), expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("name", ["dip_vae_i", "dip_vae_ii"])
def test_dip_vae_is_the_vae_and_its_penalty(name):
    log = logvar(0.5, 2.0)
    code = Code(CORNERS, CORNERS, log)
    weights = {"lambda_od": 3.0, "lambda_d": 5.0}
    loss = getattr(objectives, name)(EVEN, EVEN, code, n_data=9, **weights)
    base = objectives.vae(EVEN, EVEN, code, n_data=9)
    kind = name.removeprefix("dip_vae_")
    torch.testing.assert_close(
        loss.total, base.total + dip_penalty(CORNERS, log, kind=kind, **weights)
    )
    terms = loss.terms
    by_hand = terms["distortion"] + terms["kl"] + 3 * terms["off_diagonal"] + 5 * terms["diagonal"]
    torch.testing.assert_close(loss.total, by_hand)


@pytest.mark.parametrize("kind", ["i", "ii"])
def test_a_code_of_the_identitys_covariance_pays_nothing(kind):
    corners = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    shares = {"i": (1.0, 0.3), "ii": (0.6, 0.4)}[kind]
    mean, log = math.sqrt(shares[0]) * corners, torch.full((4, 2), shares[1]).log()
    paid = dip_penalty(mean, log, kind=kind, lambda_od=50.0, lambda_d=50.0)
    assert float(paid) == pytest.approx(0, abs=1e-10)


def test_rtc_penalty_is_the_trace_of_the_noise():
    log = torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 9.0]]).log()
    assert float(rtc_penalty(log)) == pytest.approx(2 + 2 + 6)


def test_an_ignored_axis_takes_one_over_one_plus_two_eta():
    """D-30: the least of KL + η s² over s² is at 1 / (1 + 2η), with gradients by autograd."""
    for eta in (10.0, 50.0):
        free = torch.tensor([[1 / (1 + 2 * eta)]], dtype=torch.float64).log().requires_grad_()
        zero = torch.zeros(1, 1, dtype=torch.float64)
        paid = gaussian.kl_standard(zero, free).sum() + eta * rtc_penalty(free)
        (slope,) = torch.autograd.grad(paid, free)
        assert abs(float(slope)) < 1e-15


def test_rtc_vae_is_factor_vae_and_eta_times_the_noise():
    code = Code(CORNERS, CORNERS, logvar(0.5, 2.0))
    critic = torch.tensor([[1.0, 0.0], [4.0, 1.0], [0.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    ours = objectives.rtc_vae(EVEN, EVEN, code, critic, gamma=6.0, eta=7.0)
    base = objectives.factor_vae(EVEN, EVEN, code, critic, gamma=6.0)
    assert float(ours.total - base.total) == pytest.approx(7 * 2.5)
    assert float(ours.terms["noise_variance"]) == pytest.approx(2.5)
    assert float(ours.terms["total_corr"]) == pytest.approx(1.0)
    plain = objectives.rtc_vae(EVEN, EVEN, code, critic, gamma=0.0, eta=0.0)
    torch.testing.assert_close(plain.total, objectives.vae(EVEN, EVEN, code, n_data=9).total)


def signs(n_columns):
    """Columns of ±1, each pair uncorrelated: all combinations once."""
    rows = np.array(np.meshgrid(*[[-1.0, 1.0]] * n_columns)).reshape(n_columns, -1)
    return torch.as_tensor(rows.T.copy())


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_a_factor_on_m_axes_counts_m(m):
    """On 4,096 codes of twelve fair signs; m axes hold the first one, noise of variance 1 beside.

    r = 1 / 2 on each: ((m / 2)² + c) / (m / 4 + c) with c = 1 / 4096².
    """
    table = signs(12)
    mean = torch.cat([table[:, :1].repeat(1, m), table[:, 1 : 5 - m]], 1)
    chance = 4096**-2
    known = (m * m / 4 + chance) / (m / 4 + chance)
    counted = axes_of_factors(mean, torch.zeros_like(mean), table[:, :1])
    assert float(counted) == pytest.approx(known, rel=1e-9)
    assert float(counted) == pytest.approx(m, rel=1e-6)
    # units of an axis without noise and of a factor play no part
    free = torch.full_like(mean, -40.0)
    scaled = axes_of_factors(3 * mean, free, 2 - 5 * table[:, :1])
    assert float(scaled) == pytest.approx((m * m + chance) / (m + chance), rel=1e-9)
    # a second factor that one axis holds: the mean of both; one that none holds counts 1
    if m < 4:
        both = axes_of_factors(mean, free, table[:, :2])
        assert float(both) == pytest.approx((m + 1) / 2, rel=1e-6)
    none = axes_of_factors(mean, free, table[:, 11:])
    assert float(none) == pytest.approx(1.0, rel=1e-9)


def test_chance_raises_the_number_by_what_the_docstring_says():
    g = torch.Generator().manual_seed(0)
    for n, known, error in ((64, 1.31, 0.025), (500, 1.04, 0.005)):
        counts = []
        for _ in range(400):
            mean = torch.randn(n, 10, generator=g)
            counts.append(axes_of_factors(mean, torch.full((n, 10), -20.0), mean[:, :1]))
        assert float(torch.stack(counts).mean()) == pytest.approx(known, abs=error)


def test_a_factor_that_is_constant_in_the_batch_moves_nothing():
    mean = torch.randn(8, 3, dtype=torch.float64).requires_grad_()
    counted = axes_of_factors(
        mean, torch.zeros(8, 3, dtype=torch.float64), torch.full((8, 1), 7.0)
    )
    assert float(counted.detach()) == 1.0
    assert float(torch.autograd.grad(counted, mean)[0].abs().max()) == 0.0


def test_supervision_weighs_the_number_of_axes():
    factors = torch.tensor([[0.0], [1.0], [2.0], [3.0]], dtype=torch.float64)
    code = Code(CORNERS, CORNERS, logvar(0.5, 2.0))
    critic = torch.zeros(4, 2, dtype=torch.float64)
    weights = {"gamma": 6.0, "eta": 7.0}
    told = objectives.rtc_vae_supervised(
        EVEN, EVEN, code, critic, factors, supervision=11.0, **weights
    )
    base = objectives.rtc_vae(EVEN, EVEN, code, critic, **weights)
    # squared correlations with 0, 1, 2, 3: (1 / 4) (±2, ±√2 or 0) · (-3/2, -1/2, 1/2, 3/2)
    first = (2 * (1.5 + 0.5) * 2 / 4) ** 2 / (4.5 * 1.25)
    second = (2 * math.sqrt(2) * 1.5 / 4) ** 2 / (3.0 * 1.25)
    axes = ((first + second) ** 2 + 1 / 16) / (first**2 + second**2 + 1 / 16)
    assert float(told.terms["axes_of_factors"]) == pytest.approx(axes)
    assert float(told.total - base.total) == pytest.approx(11 * axes)


def test_training_that_is_told_the_factors_gathers_them_on_one_axis():
    """Two runs of the same seed, one with the penalty: its count falls, the other's does not."""
    last = {}
    for weight in (0.0, 300.0):
        run = tiny.run("rtc_vae_supervised", weights={"supervision": weight}, steps=400, batch=32)
        last[weight] = fit(run, [0], tiny.images(), hardware=tiny.CPU).terms["axes_of_factors"]
    assert float(last[300.0]) < 1.15 < 1.3 < float(last[0.0])


@pytest.mark.parametrize(
    ("step", "held"), [(0, 0.0), (25_000, 6.25), (100_000, 25.0), (300_000, 25.0)]
)
def test_the_capacity_rises_to_its_end_and_stays(step, held):
    mean = torch.full((4, 2), 3.0, dtype=torch.float64)
    code = Code(mean, mean, torch.zeros_like(mean))  # KL: 9 nats
    loss = objectives.annealed_vae(EVEN, EVEN, code, step=torch.tensor(step), n_data=9)
    assert float(loss.terms["capacity"]) == pytest.approx(held)
    assert float(loss.total) == pytest.approx(4 * math.log(2) + 1000 * abs(9 - held))
    short = objectives.annealed_vae(
        EVEN, EVEN, code, step=torch.tensor(50), n_data=9, capacity=4.0, capacity_steps=200,
        gamma=2.0,
    )  # fmt: skip
    assert float(short.total) == pytest.approx(4 * math.log(2) + 2 * 8)


def test_factors_are_those_of_the_images_and_draw_nothing():
    """The stream of FactorVAE stays what it is, and row and column are read of its images."""
    data, recipe = tiny.images(), OBJECTIVES["rtc_vae_supervised"]
    told = Stream(tiny.run("rtc_vae_supervised"), 3, data).chunk()
    plain = Stream(tiny.run("factor_vae"), 3, data).chunk()
    assert list(told) == list(plain)
    assert all(torch.equal(told[name], plain[name]) for name in plain)
    read = read_from(recipe.inputs, data, {name: values[7] for name, values in told.items()})
    assert torch.equal(read["factors"], data.factors[told["x"][7]][:, 1:].float())
    brightest = read["x"].flatten(1).argmax(1)  # the bright pixel is at 4 row + column
    assert torch.equal(4 * read["factors"][:, 0] + read["factors"][:, 1], brightest.float())


def test_data_without_ordered_factors_cannot_tell_them():
    images = tiny.images().images[:]
    data = FactorData("bare", images, torch.zeros(64, 0, dtype=torch.int64), (), (), source="own")
    with pytest.raises(ValueError, match="asks for ordered factors of its images, and bare has n"):
        fit(tiny.run("rtc_vae_supervised"), [0], data, hardware=tiny.CPU)


@pytest.mark.parametrize("of", ["y", "factors"])
def test_an_input_reads_what_another_one_draws(monkeypatch, of):
    given = {"x": IMAGES, "noise": NOISE, "factors": Input(of, FACTORS.read)}
    monkeypatch.setitem(OBJECTIVES, "toy", OBJECTIVES["vae"]._replace(inputs=given))
    with pytest.raises(ValueError, match=f"factors reads what '{of}' draws.*one of x, noise"):
        tiny.run("toy")
