"""Objectives: closed forms, identities between them, and what their gradients may move."""

import math

import pytest
import tiny
import torch

from disentangled import gaussian, nets, objectives
from disentangled.objectives import OBJECTIVES, Source
from disentangled.objectives.games import encode
from disentangled.objectives.inputs import drawn_from, read_from
from disentangled.types import Code

N_DATA = 1000


@pytest.fixture
def batch():
    g = torch.Generator().manual_seed(0)
    x = torch.rand(16, 1, 4, 4, generator=g, dtype=torch.float64)
    logits = torch.randn(16, 1, 4, 4, generator=g, dtype=torch.float64)
    mean, logvar, noise = torch.randn(3, 16, 3, generator=g, dtype=torch.float64)
    return x, logits, Code(mean + torch.exp(0.5 * logvar) * noise, mean, logvar)


def test_distortion_of_even_logits_is_log_2_a_pixel():
    x = torch.rand(2, 1, 4, 4)
    nats = objectives.bernoulli_distortion(x, torch.zeros_like(x))
    torch.testing.assert_close(nats, torch.full((2,), 16 * math.log(2)))


def test_pooled_distortion_is_that_of_the_original_under_a_blockwise_decoder():
    g = torch.Generator().manual_seed(1)
    original = (torch.rand(3, 1, 8, 8, generator=g) < 0.4).double()
    logits = torch.randn(3, 1, 2, 2, generator=g).double()
    pooled = torch.nn.functional.avg_pool2d(original, 4)
    blockwise = logits.repeat_interleave(4, 2).repeat_interleave(4, 3)
    torch.testing.assert_close(
        objectives.bernoulli_distortion(pooled, logits, pixel_area=16),
        objectives.bernoulli_distortion(original, blockwise),
        rtol=1e-12,
        atol=0,
    )


def test_vae_is_distortion_plus_the_closed_form_kl(batch):
    x, logits, code = batch
    loss = objectives.vae(x, logits, code, n_data=N_DATA)
    kl = 0.5 * (code.mean**2 + code.logvar.exp() - 1 - code.logvar).sum(-1).mean()
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / 16
    torch.testing.assert_close(loss.total, bce + kl, rtol=1e-12, atol=0)


R = gaussian.equicorrelated(3, 0.6)


CRITIC_LOGITS = torch.randn(16, 2, generator=torch.Generator().manual_seed(3)).double()
FACTORS = torch.arange(16.0, dtype=torch.float64)[:, None]
MORE = {
    "factor_vae": [CRITIC_LOGITS],
    "rtc_vae": [CRITIC_LOGITS],
    "rtc_vae_supervised": [CRITIC_LOGITS, FACTORS],
}
SETTINGS = {"annealed_vae": {"n_data": N_DATA, "step": torch.tensor(0)}} | {
    name: {} for name in MORE
}


@pytest.mark.parametrize(
    "name",
    ["vae", "beta_vae", "beta_tcvae_dlib", "dip_vae_i", "dip_vae_ii", "annealed_vae", *MORE],
)
def test_the_closed_form_kl_under_correlated_noise(name, batch):
    """KL of N(mean, S R S) to the prior, image by image, by the general formula."""
    x, logits, code = batch
    more, settings = MORE.get(name, []), SETTINGS.get(name, {"n_data": N_DATA})
    loss = getattr(objectives, name)(x, logits, code, *more, **settings, noise_covariance=R)
    each = [
        gaussian.kl(mean, sd[:, None] * R * sd, torch.zeros(3), torch.eye(3))
        for mean, sd in zip(code.mean, torch.exp(0.5 * code.logvar), strict=True)
    ]
    assert float(loss.terms["kl"]) == pytest.approx(sum(each) / 16, rel=1e-12)


def test_correlated_noise_moves_the_kl_by_a_constant_and_no_gradient(batch):
    x, logits, code = batch
    free = [v.clone().requires_grad_() for v in (code.mean, code.logvar)]
    ours, diagonal = (
        objectives.vae(x, logits, Code(code.z, *free), n_data=N_DATA, noise_covariance=noise)
        for noise in (R, None)
    )
    constant = float(ours.total.detach() - diagonal.total.detach())
    # -½ log det R, with eigenvalues 0.4, 0.4 and 2.2
    assert constant == pytest.approx(-0.5 * math.log(0.4 * 0.4 * 2.2), rel=1e-12)
    for one, other in zip(*(torch.autograd.grad(v.total, free) for v in (ours, diagonal)),
                          strict=True):  # fmt: skip
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["beta_tcvae", "beta_tcvae_dlib"])
def test_the_aggregate_posterior_of_correlated_noise_is_that_of_its_full_covariance(name, batch):
    """Against densities of `torch.distributions`, uniform weights 1 / B (the scheme "naive")."""
    x, logits, (_, mean, logvar) = batch
    sd = torch.exp(0.5 * logvar)
    z = mean + sd * (torch.randn(16, 3, dtype=torch.float64) @ torch.linalg.cholesky(R).T)
    loss = getattr(objectives, name)(
        x, logits, Code(z, mean, logvar), n_data=N_DATA, scheme="naive", noise_covariance=R
    )
    law = torch.distributions.MultivariateNormal(mean, sd[:, :, None] * R * sd[:, None, :])
    log_q = torch.logsumexp(law.log_prob(z[:, None]), 1) - math.log(16)
    one_axis = torch.distributions.Normal(mean, sd).log_prob(z[:, None])
    log_q_axis = torch.logsumexp(one_axis, 1) - math.log(16)
    expected = float((log_q - log_q_axis.sum(1)).mean())
    assert float(loss.terms["total_corr"]) == pytest.approx(expected, rel=1e-9)
    if name == "beta_tcvae":
        information = float((law.log_prob(z) - log_q).mean())
        assert float(loss.terms["mutual_info"]) == pytest.approx(information, rel=1e-9)


def test_beta_weighs_the_kl_alone(batch):
    x, logits, code = batch
    one = objectives.beta_vae(x, logits, code, n_data=N_DATA, beta=1.0)
    four = objectives.beta_vae(x, logits, code, n_data=N_DATA, beta=4.0)
    torch.testing.assert_close(four.total - one.total, 3 * one.terms["kl"])


@pytest.mark.parametrize("scheme", ["naive", "mws", "mss", "mss_released", "uniform"])
def test_beta_tcvae_at_weights_one_is_the_sampled_vae(batch, scheme):
    x, logits, code = batch
    whole = objectives.beta_tcvae(x, logits, code, n_data=N_DATA, beta=1.0, scheme=scheme)
    sampled = objectives.sampled_vae(x, logits, code, n_data=N_DATA)
    assert abs(float(whole.total - sampled.total)) < 1e-12 * abs(float(sampled.total))


def test_every_weight_of_beta_tcvae_weighs_its_term(batch):
    x, logits, code = batch
    base = objectives.beta_tcvae(x, logits, code, n_data=N_DATA, beta=1.0)
    for weight, term in [("alpha", "mutual_info"), ("beta", "total_corr"), ("gamma", "axis_kl")]:
        more = objectives.beta_tcvae(x, logits, code, n_data=N_DATA, **{"beta": 1.0, weight: 3.0})
        torch.testing.assert_close(more.total - base.total, 2 * base.terms[term])


def test_constants_of_mws_move_the_value_of_tc_and_no_gradient(batch):
    x, logits, code = batch
    shift = (3 - 1) * math.log(N_DATA)  # (D - 1) log N against naive weights
    gradients, values = [], []
    for scheme in ("naive", "mws"):
        mean = code.mean.clone().requires_grad_()
        moved = Code(mean + (code.z - code.mean), mean, code.logvar)
        loss = objectives.beta_tcvae(x, logits, moved, n_data=N_DATA, beta=6.0, scheme=scheme)
        gradients.append(torch.autograd.grad(loss.total, mean)[0])
        values.append(float(loss.terms["total_corr"].detach()))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-10, atol=1e-12)
    assert values[1] - values[0] == pytest.approx(shift, abs=1e-9)


def test_dlib_beta_tcvae_adds_beta_minus_one_times_tc_to_the_vae(batch):
    x, logits, code = batch
    vae = objectives.vae(x, logits, code, n_data=N_DATA)
    dlib = objectives.beta_tcvae_dlib(x, logits, code, n_data=N_DATA, beta=6.0)
    torch.testing.assert_close(dlib.total, vae.total + 5 * dlib.terms["total_corr"])


def test_both_beta_tcvaes_agree_on_average_over_the_noise(batch):
    x, logits, code = batch
    g = torch.Generator().manual_seed(2)
    difference = []
    for _ in range(4000):
        noise = torch.randn(code.mean.shape, generator=g, dtype=torch.float64)
        drawn = code._replace(z=code.mean + torch.exp(0.5 * code.logvar) * noise)
        chen = objectives.beta_tcvae(x, logits, drawn, n_data=N_DATA, scheme="naive")
        dlib = objectives.beta_tcvae_dlib(x, logits, drawn, n_data=N_DATA, scheme="naive")
        difference.append(float(chen.total - dlib.total))
    mean = sum(difference) / len(difference)
    spread = torch.tensor(difference).std() / math.sqrt(len(difference))
    assert abs(mean) < 4 * float(spread)


def test_critic_that_cannot_tell_pays_log_2_and_sees_no_tc(batch):
    x, logits, code = batch
    even = torch.zeros(16, 2, dtype=torch.float64)
    assert float(objectives.critic(even, even).total) == pytest.approx(math.log(2))
    assert float(objectives.critic_dlib(even, even).total) == pytest.approx(math.log(2))
    loss = objectives.factor_vae(x, logits, code, even, gamma=35.0)
    vae = objectives.vae(x, logits, code, n_data=N_DATA)
    torch.testing.assert_close(loss.total, vae.total)


def test_factor_vae_weighs_the_log_odds():
    x = torch.zeros(2, 1, 2, 2, dtype=torch.float64)
    zero = torch.zeros(2, 1, dtype=torch.float64)
    odds = torch.tensor([[1.0, 0.0], [4.0, 1.0]], dtype=torch.float64)
    loss = objectives.factor_vae(x, x, Code(zero, zero, zero), odds, gamma=10.0)
    assert float(loss.terms["total_corr"]) == pytest.approx(2.0)
    assert float(loss.total) == pytest.approx(4 * math.log(2) + 20.0)


def test_what_leaks_lowers_the_weight_of_tc_by_half_of_p_1(batch):
    """The slope of every code: γ less ½ p_1(z) times the critic's, against autograd."""
    x, logits, code = batch
    torch.manual_seed(0)
    net = nets.CRITICS["critic_256"](3).double()
    z = code.z.clone().requires_grad_()
    by_code = {}
    for name in ("factor_vae", "factor_vae_leaking"):
        loss = getattr(objectives, name)(x, logits, code, 5 * net(z), gamma=7.0)
        (by_code[name],) = torch.autograd.grad(loss.total, z)
    odds = 5 * (net(z)[:, 0] - net(z)[:, 1])
    (slope,) = torch.autograd.grad(odds.sum() / 16, z)
    p_1 = 1 / (1 + odds.detach().exp())
    assert float(p_1.min()) < 0.45 < 0.55 < float(p_1.max())
    torch.testing.assert_close(by_code["factor_vae"], 7.0 * slope, rtol=1e-12, atol=0)
    lowered = (7.0 - 0.5 * p_1)[:, None] * slope
    torch.testing.assert_close(by_code["factor_vae_leaking"], lowered, rtol=1e-12, atol=1e-15)


def test_the_leak_is_half_of_the_critics_loss_on_joint_codes(batch):
    x, logits, code = batch
    even = torch.zeros(16, 2, dtype=torch.float64)
    plain = objectives.factor_vae(x, logits, code, even)
    leaking = objectives.factor_vae_leaking(x, logits, code, even)
    assert float(leaking.terms["leak"]) == pytest.approx(0.5 * math.log(2))
    assert float(leaking.total - plain.total) == pytest.approx(0.5 * math.log(2))


def test_under_the_normal_prior_the_flow_objective_is_beta_tcvae(batch):
    x, logits, code = batch
    identity = nets.PARTS["flow_prior"].build((1, 4, 4), 3).double()
    weights = {"alpha": 0.5, "beta": 6.0, "gamma": 2.0, "scheme": "mss", "pixel_area": 4,
               "noise_covariance": R, "n_data": N_DATA}  # fmt: skip
    flow = objectives.beta_tcvae_flow(x, logits, code, identity(code.z), **weights)
    normal = objectives.beta_tcvae(x, logits, code, **weights)
    assert torch.equal(flow.total, normal.total)
    assert list(flow.terms) == list(normal.terms)
    assert all(torch.equal(value, normal.terms[name]) for name, value in flow.terms.items())


def test_the_flow_objective_at_weights_one_is_the_elbo_under_its_prior(batch):
    """Against log-densities of a wider, shifted normal prior; only axis_kl knows the prior."""
    x, logits, code = batch
    prior = torch.distributions.Normal(0.5, 2.0)
    loss = objectives.beta_tcvae_flow(
        x, logits, code, prior.log_prob(code.z), n_data=N_DATA, beta=1.0
    )
    posterior = torch.distributions.Normal(code.mean, torch.exp(0.5 * code.logvar))
    kl = (posterior.log_prob(code.z) - prior.log_prob(code.z)).sum(1).mean()
    distortion = objectives.bernoulli_distortion(x, logits).mean()
    torch.testing.assert_close(loss.total, distortion + kl)
    heavy = objectives.beta_tcvae_flow(
        x, logits, code, prior.log_prob(code.z), n_data=N_DATA, beta=1.0, gamma=3.0
    )
    torch.testing.assert_close(heavy.total - loss.total, 2 * loss.terms["axis_kl"])


def test_dlib_critic_has_no_gradient_beyond_its_clip():
    sure = torch.tensor([[40.0, 0.0]], requires_grad=True)
    objectives.critic_dlib(sure, torch.zeros(1, 2)).total.backward()
    assert float(sure.grad.abs().max()) == 0.0


def test_permuting_keeps_every_axis_and_breaks_the_rows():
    z = torch.arange(6.0).repeat(3, 1).T  # (6, 3), all axes equal
    order = torch.rand(6, 3, generator=torch.Generator().manual_seed(0)).argsort(0)
    permuted = objectives.permute_axes(z, order)
    torch.testing.assert_close(permuted.sort(0).values, z)
    assert not torch.equal(permuted[:, 0], permuted[:, 1])


def test_the_weights_that_experiments_vary():
    swept = {
        "vae": "",
        "beta_vae": "beta",
        "beta_tcvae": "beta",
        "beta_tcvae_dlib": "beta",
        "factor_vae": "gamma",
        "factor_vae_dlib": "gamma",
        "dip_vae_i": "lambda_od",
        "dip_vae_ii": "lambda_od",
        "rtc_vae": "gamma",
        "rtc_vae_supervised": "supervision",
        "annealed_vae": "capacity",
        "factor_vae_leaking": "gamma",
        "beta_tcvae_flow": "",  # at β = 1 its prior is still learned
        "info_gan": "information",
        "info_gan_cr": "contrast",
    }
    assert {name: OBJECTIVES[name].swept for name in swept} == swept
    assert all(r.swept in r.weights for r in OBJECTIVES.values() if r.swept)


@pytest.mark.parametrize("objective", tiny.PLAYABLE)
def test_a_players_loss_reaches_the_nets_it_moves_and_what_it_hears_is_detached(objective):
    recipe = OBJECTIVES[objective]
    torch.manual_seed(0)
    built = {
        "encoder": nets.NETS["mlp_64"].encoder((1, 4, 4), 2),
        "decoder": nets.NETS["mlp_64"].decoder((1, 4, 4), 2),
        "critic": nets.CRITICS["critic_256"](2),
        "prior": nets.PARTS["flow_prior"].build((1, 4, 4), 2),
    }
    for parameter in built["prior"].parameters():  # at the identity some have no slope
        parameter.data += 0.3 * torch.randn(parameter.shape)
    data, generator = tiny.images(), torch.Generator().manual_seed(0)
    source = Source(data, steps=1, first=0, batch=8, n_axes=2, root=None)
    drawn = drawn_from(recipe.inputs, source, generator)
    draw = read_from(recipe.inputs, data, {name: values[0] for name, values in drawn.items()})
    heard = {}
    for player in recipe.players():
        loss, said = player.loss(built, draw, heard, n_data=100, **recipe.weights)
        for name in player.nets:
            gradients = torch.autograd.grad(
                loss.total, list(built[name].parameters()), retain_graph=True
            )
            assert all(float(g.abs().sum()) > 0 for g in gradients)
        assert not any(tensor.requires_grad for tensor in said.values())
        heard |= said
    if "critic" in recipe.nets:
        outside = torch.autograd.grad(
            loss.total, list(built["encoder"].parameters()), allow_unused=True
        )
        assert all(g is None for g in outside)


def test_code_is_mean_plus_scaled_noise():
    nets_ = {"encoder": lambda x: (x, 2 * torch.log(torch.full_like(x, 3.0)))}
    code = encode(nets_, torch.ones(2, 4), torch.full((2, 4), 2.0))
    torch.testing.assert_close(code.z, torch.full((2, 4), 7.0))
    assert gaussian.log_prob(*code).shape == (2, 4)
