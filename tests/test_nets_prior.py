"""The flow prior: a normal density at the start, a normalised one wherever training takes it."""

import pytest
import torch

from disentangled import gaussian, nets
from disentangled.nets import PARTS
from disentangled.nets.prior import LAYERS


def prior(seed=None, spread=1.0, n_axes=3):
    """The flow in float64, its parameters moved at random where a seed is given."""
    net = PARTS["flow_prior"].build((1, 4, 4), n_axes).double()
    if seed is not None:
        generator = torch.Generator().manual_seed(seed)
        for parameter in net.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.data += spread * noise
    return net


def test_it_starts_as_the_standard_normal_exactly():
    for dtype in (torch.float32, torch.float64):
        z = torch.linspace(-6, 6, 201, dtype=dtype)[:, None].repeat(1, 3)
        assert torch.equal(prior().to(dtype)(z), gaussian.standard_log_prob(z))


@pytest.mark.parametrize("seed", range(5))
def test_every_axis_has_a_density_that_integrates_to_one(seed):
    net = prior(seed)
    z = torch.linspace(-200, 200, 800_001, dtype=torch.float64)
    with torch.no_grad():
        density = net(z[:, None].expand(-1, 3)).exp()
    total = torch.trapezoid(density, z, dim=0)
    torch.testing.assert_close(total, torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-6)
    assert float((density[1:] - density[:-1]).abs().max()) > 1e-6  # and it is no constant
    normal = gaussian.standard_log_prob(z).exp()[:, None]
    assert float((density - normal).abs().max()) > 0.05


def test_the_density_is_the_normals_times_the_slope_of_a_map():
    """Φ(u(z)) by plain steps has the flow's density as its slope, by differences of the map."""
    net, step = prior(7), 1e-5
    v, log_w, c, mean, log_scale = (p.detach() for p in net.parameters())

    def u(z):
        for layer in range(LAYERS):
            w = log_w[layer].exp()
            z = z + (v[layer].exp() - 1) * torch.tanh(w * (z - c[layer])) / w
        return (z - mean) / log_scale.exp()

    z = torch.linspace(-5, 5, 101, dtype=torch.float64)[:, None].repeat(1, 3)
    cdf = torch.distributions.Normal(0.0, 1.0).cdf
    slope = (cdf(u(z + step)) - cdf(u(z - step))) / (2 * step)
    torch.testing.assert_close(net(z).detach().exp(), slope, rtol=1e-4, atol=1e-8)


def test_axes_do_not_see_each_other():
    net = prior(3)
    z = torch.randn(5, 3, dtype=torch.float64)
    moved = z.clone()
    moved[:, 1] += 1.0
    changed = (net(z) != net(moved)).any(0)
    assert changed.tolist() == [False, True, False]


def test_it_learns_a_density_with_two_peaks():
    """By likelihood, to within 0.02 nats of the entropy of half N(-2, 0.4), half N(2, 0.4)."""
    torch.manual_seed(0)
    net = PARTS["flow_prior"].build((1, 4, 4), 1)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(2)),
        torch.distributions.Normal(torch.tensor([-2.0, 2.0]), torch.tensor([0.4, 0.4])),
    )
    for _ in range(500):
        z = mixture.sample((256, 1))
        optimiser.zero_grad()
        (-net(z).mean()).backward()
        optimiser.step()
    z = mixture.sample((100_000, 1))
    short = float((mixture.log_prob(z) - net(z)).mean().detach())
    assert 0 <= short < 0.02


def test_building_it_draws_no_random_numbers():
    before = torch.random.get_rng_state()
    prior()
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("role", ["encoder", "decoder", "critic"])
def test_a_prior_plays_no_other_role(role):
    """As a critic it would give a density an axis, of which losses would read the first two."""
    assert "flow_prior" not in nets.names(role)
    with pytest.raises(ValueError, match=f"unknown {role} 'flow_prior'; choose one of"):
        nets.builder(role, "flow_prior")
    assert "flow_prior" in nets.names("prior")
