"""Many seeds as one stack: the numbers of a plain loop, whoever trains beside whom."""

import itertools
import math
from functools import partial

import pytest
import tiny
import torch
from torch import nn
from torch.distributions import Normal
from torch.nn import functional

from disentangled import gaussian, objectives, stacks, training
from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.nets import NETS
from disentangled.objectives import OBJECTIVES, ORDER, Recipe, one_player
from disentangled.runs import CHUNK
from disentangled.stacks import Stack
from disentangled.streams import Stream, derived
from disentangled.training import fit, trajectory

pytestmark = pytest.mark.usefixtures("one_thread")

DATA = tiny.images()
SHAPE = (1, 4, 4)
META = Hardware(torch.device("meta"))


def parameters(fitted, seed):
    """All parameters of one seed as one vector."""
    position = fitted.seeds.index(seed)
    tensors = [t[position] for net in fitted.params.values() for t in net.values()]
    return torch.cat([t.flatten() for t in tensors])


@pytest.mark.parametrize("objective", ["vae", "beta_tcvae", "factor_vae"])
def test_a_seed_does_not_depend_on_its_group(objective):
    run = tiny.run(objective)
    together = fit(run, [0, 1, 2], DATA, hardware=tiny.CPU)
    alone = fit(run, [1], DATA, hardware=tiny.CPU)
    others = fit(run, [2, 0], DATA, hardware=tiny.CPU)
    for part, seed in [(alone, 1), (others, 2), (others, 0)]:
        torch.testing.assert_close(
            parameters(part, seed), parameters(together, seed), rtol=0, atol=2e-5
        )
    assert float((parameters(together, 0) - parameters(together, 1)).abs().max()) > 0.1


def layers(*sequence):
    return nn.Sequential(*sequence)


class Plain:
    """One model as one writes it first, from the same initial weights."""

    def __init__(self, run, seed):
        self.encoder = layers(nn.Flatten(), nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64),
                              nn.ReLU(), nn.Linear(64, 2 * run.n_axes))  # fmt: skip
        self.decoder = layers(nn.Linear(run.n_axes, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(),
                              nn.Linear(64, 16), nn.Unflatten(1, SHAPE))  # fmt: skip
        self.critic = layers(nn.Linear(run.n_axes, 256), nn.LeakyReLU(0.2), nn.Linear(256, 256),
                             nn.LeakyReLU(0.2), nn.Linear(256, 256), nn.LeakyReLU(0.2),
                             nn.Linear(256, 2))  # fmt: skip
        places = [(4, run.n_axes)] * 3 + [(run.n_axes,)] * 2
        self.prior = nn.ParameterList([torch.zeros(shape) for shape in places])
        for name, built in stacks.build(run, seed, SHAPE).items():
            pairs = zip(getattr(self, name).parameters(), built.parameters(), strict=True)
            for mine, theirs in pairs:
                mine.data.copy_(theirs.data)
        moved = [*self.encoder.parameters(), *self.decoder.parameters(), *self.prior]
        self.optimiser = torch.optim.Adam(moved, lr=run.learning_rate)
        self.critics = torch.optim.Adam(self.critic.parameters(), run.learning_rate, (0.5, 0.9))

    def encode(self, x, noise):
        mean, logvar = self.encoder(x).chunk(2, dim=1)
        return mean + (0.5 * logvar).exp() * noise, mean, logvar

    def elbo(self, x, z, mean, logvar):
        logits = self.decoder(z)
        bce = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum()
        return bce / len(x), kl / len(x)

    def vector(self, nets):
        return torch.cat([p.detach().flatten() for net in nets for p in net.parameters()])

    def log_prior(self, z):
        """A standard normal seen through bends, its slope by autograd."""
        log_slope, log_steepness, place, mean, log_scale = self.prior
        u = z
        for v, s, c in zip(log_slope, log_steepness, place, strict=True):
            u = u + (v.exp() - 1) * torch.tanh(s.exp() * (u - c)) / s.exp()
        u = (u - mean) / log_scale.exp()
        (slope,) = torch.autograd.grad(u.sum(), z, create_graph=True)
        return log_normal(u) + slope.log()


def permuted(z, order):
    return torch.stack([z[order[:, j], j] for j in range(z.shape[1])], 1)


def log_normal(z):
    return Normal(0.0, 1.0).log_prob(z)


def vae(plain, x, noise):
    plain.optimiser.zero_grad()
    sum(plain.elbo(x, *plain.encode(x, noise))).backward()
    plain.optimiser.step()


def beta_tcvae(plain, x, noise, log_prior=log_normal):
    """Chen et al.'s eq. 4 at β = 6 with eq. 3: q(z) ≈ Σ q(z | x_k) / NB over the batch."""
    z, mean, logvar = plain.encode(x, noise)
    distortion, _ = plain.elbo(x, z, mean, logvar)
    posterior = Normal(mean, (0.5 * logvar).exp())
    each = Normal(mean[None], (0.5 * logvar).exp()[None]).log_prob(z[:, None])  # (B, B, D)
    scale = math.log(len(DATA) * len(x))
    log_qz = torch.logsumexp(each.sum(2), 1) - scale
    log_qz_product = (torch.logsumexp(each, 1) - scale).sum(1)
    log_pz = log_prior(z).sum(1)
    mutual_info = posterior.log_prob(z).sum(1) - log_qz
    total = mutual_info + 6 * (log_qz - log_qz_product) + (log_qz_product - log_pz)
    plain.optimiser.zero_grad()
    (distortion + total.mean()).backward()
    plain.optimiser.step()


def beta_tcvae_flow(plain, x, noise):
    beta_tcvae(plain, x, noise, plain.log_prior)


def factor_vae(plain, x, noise, x_other, noise_other, order, weight=35.0, more=None, leaks=False):
    """Kim & Mnih's Algorithm 2: the autoencoder moves; then the critic sees the codes from
    before as joint, and permutes those of a second batch, encoded after the move."""
    z, mean, logvar = plain.encode(x, noise)
    scores = plain.critic(z)
    loss = sum(plain.elbo(x, z, mean, logvar)) + weight * (scores[:, 0] - scores[:, 1]).mean()
    loss = loss + (more(mean, logvar) if more else 0.0)
    real, fake = torch.zeros(len(z), dtype=torch.long), torch.ones(len(z), dtype=torch.long)
    plain.optimiser.zero_grad()
    loss.backward(retain_graph=leaks)
    if leaks:  # as a port has it: the critic's own backward pass, codes not detached
        (0.5 * functional.cross_entropy(plain.critic(z), real)).backward()
    plain.optimiser.step()
    with torch.no_grad():
        other = permuted(plain.encode(x_other, noise_other)[0], order)
    loss = 0.5 * functional.cross_entropy(plain.critic(z.detach()), real)
    loss = loss + 0.5 * functional.cross_entropy(plain.critic(other), fake)
    plain.critics.zero_grad()
    loss.backward()
    plain.critics.step()


def factor_vae_leaking(plain, **draw):
    factor_vae(plain, **draw, leaks=True)


def factor_vae_dlib(plain, x, noise, order):
    """The library's: one batch, both losses at the same weights, clipped probabilities."""
    z, mean, logvar = plain.encode(x, noise)
    scores = plain.critic(z)
    loss = sum(plain.elbo(x, z, mean, logvar)) + 35 * (scores[:, 0] - scores[:, 1]).mean()
    real = plain.critic(z.detach()).softmax(1)[:, 0].clamp(1e-6, 1 - 1e-6)
    fake = plain.critic(permuted(z.detach(), order)).softmax(1)[:, 1].clamp(1e-6, 1 - 1e-6)
    critic_loss = -0.5 * real.log().mean() - 0.5 * fake.log().mean()
    moved = [*plain.encoder.parameters(), *plain.decoder.parameters()]
    gradients = torch.autograd.grad(loss, moved)
    plain.critics.zero_grad()
    critic_loss.backward()
    for parameter, gradient in zip(moved, gradients, strict=True):
        parameter.grad = gradient
    plain.optimiser.step()
    plain.critics.step()


def rtc_vae(plain, **draw):
    """Paper D's eq. 4 at β = η = 10: FactorVAE with the sum of the noise's variances."""
    factor_vae(plain, **draw, weight=10.0, more=lambda _, logvar: 10 * logvar.exp().sum() / 8)


def rtc_vae_supervised(plain, factors, **draw):
    """The same, and ten times the axes that carry row and column, in the mean over both."""

    def penalties(mean, logvar):
        total = 10 * logvar.exp().sum() / 8
        for k in range(2):
            links = []
            for j in range(3):
                together = torch.stack([mean[:, j], factors[:, k]])
                (of_axis, shared), (_, of_factor) = torch.cov(together, correction=0)
                links.append(shared**2 / ((of_axis + logvar[:, j].exp().mean()) * of_factor))
            chance = 1 / 8**2
            several = sum(links) ** 2 + chance
            total = total + 5 * several / (sum(link**2 for link in links) + chance)
        return total

    factor_vae(plain, **draw, weight=10.0, more=penalties)


def dip_vae(plain, x, noise, weight, covariance):
    z, mean, logvar = plain.encode(x, noise)
    loss, cov = sum(plain.elbo(x, z, mean, logvar)), covariance(mean, logvar)
    for i, j in itertools.product(range(3), repeat=2):
        loss = loss + (weight * (cov[i, j] - 1) ** 2 if i == j else 10 * cov[i, j] ** 2)
    plain.optimiser.zero_grad()
    loss.backward()
    plain.optimiser.step()


def dip_vae_i(plain, x, noise):
    """Kumar et al.'s first: the covariance of the means over the batch."""
    dip_vae(plain, x, noise, 100, lambda mean, _: torch.cov(mean.T, correction=0))


def dip_vae_ii(plain, x, noise):
    """Their second: that of the means and the mean of the noise's variances."""
    dip_vae(plain, x, noise, 10, lambda mean, logvar: torch.cov(mean.T, correction=0)
            + torch.diag(logvar.exp().mean(0)))  # fmt: skip


def annealed_vae(plain, x, noise, step):
    """Burgess et al.'s, which holds the KL at 25 · step / 100,000 nats."""
    distortion, kl = plain.elbo(x, *plain.encode(x, noise))
    plain.optimiser.zero_grad()
    (distortion + 1000 * abs(kl - 25 * int(step) / 100_000)).backward()
    plain.optimiser.step()


# The library's critic sees one batch twice, and what is linear in it cancels: its gradient is
# rounding in part, which Adam scales up to whole steps. So its loop is followed for ten only. That
# of RTC-VAE ends before one of its critic's units comes so near to its kink that rounding decides.
@pytest.mark.parametrize(("step", "n_steps"),
                         [(vae, 100), (beta_tcvae, 100), (beta_tcvae_flow, 100),
                          (factor_vae, 100), (factor_vae_leaking, 100), (factor_vae_dlib, 10),
                          (dip_vae_i, 100), (dip_vae_ii, 100), (rtc_vae, 60),
                          (rtc_vae_supervised, 100), (annealed_vae, 100)],
                         ids=lambda value: getattr(value, "__name__", None))  # fmt: skip
def test_a_stack_equals_a_plain_loop(step, n_steps):
    run = tiny.run(step.__name__)
    stack = Stack(run, (4, 7), DATA, tiny.CPU)
    for start in range(0, n_steps, CHUNK):
        stack.step = start
        for draw in itertools.islice(stack.draws(), n_steps - start):
            stack.play(draw)
    fitted = training._fitted(stack, {}, {}, 0.0)
    for seed in fitted.seeds:
        plain, stream = Plain(run, seed), Stream(run, seed, DATA)
        nets = [getattr(plain, role) for role in run.roles()]
        start = plain.vector(nets)
        for t in range(n_steps):
            if t % CHUNK == 0:
                drawn = stream.chunk(t)
            now = {name: values[t % CHUNK] for name, values in drawn.items()}
            pixels = {name: DATA.pixels(now[name]) for name in ("x", "x_other") if name in now}
            # keys to ranks by the plain definition: who is smallest, second smallest, ...
            order = {"order": now["order"].sort(dim=0).indices} if "order" in now else {}
            told = run.objective == "rtc_vae_supervised"
            factors = {"factors": DATA.factors[now["x"], 1:].float()} if told else {}
            step(plain, **now | pixels | order | factors)
        end = plain.vector(nets)
        assert float((end - start).abs().mean()) > 0.001
        torch.testing.assert_close(parameters(fitted, seed), end, rtol=0, atol=5e-5)


@pytest.mark.parametrize("step", [vae, factor_vae])
def test_a_cooling_stack_equals_a_plain_loop(step):
    run = tiny.run(step.__name__, steps=200, cooldown=0.75)
    stack = Stack(run, (4, 7), DATA, tiny.CPU)
    for _ in range(4):
        stack.advance()
    fitted = training._fitted(stack, {}, {}, 0.0)
    for seed in fitted.seeds:
        plain, stream = Plain(run, seed), Stream(run, seed, DATA)
        for start, factor in [(0, 1), (50, 1), (100, 0.75), (150, 0.25)]:
            for optimiser in (plain.optimiser, plain.critics):
                optimiser.param_groups[0]["lr"] = 1e-3 * factor
            drawn = stream.chunk(start)
            for t in range(CHUNK):
                now = {name: values[t] for name, values in drawn.items()}
                pixels = {n: DATA.pixels(now[n]) for n in ("x", "x_other") if n in now}
                order = {"order": now["order"].sort(dim=0).indices} if "order" in now else {}
                step(plain, **now | pixels | order)
        end = plain.vector([getattr(plain, role) for role in run.roles()])
        torch.testing.assert_close(parameters(fitted, seed), end, rtol=0, atol=5e-5)
        slower = fit(tiny.run(step.__name__, steps=200), [seed], DATA, hardware=tiny.CPU)
        assert float((parameters(slower, seed) - end).abs().mean()) > 0.001


def test_two_batches_and_turns_matter():
    """The plain loops of both FactorVAEs are far apart, so that each test above can fail."""
    ours = fit(tiny.run("factor_vae"), [4], DATA, hardware=tiny.CPU)
    dlib = fit(tiny.run("factor_vae_dlib"), [4], DATA, hardware=tiny.CPU)
    assert float((parameters(ours, 4) - parameters(dlib, 4)).abs().max()) > 1e-2


def test_what_leaks_and_what_a_prior_learns_matter():
    """Twenty times the tolerance of the plain loops, so that each test above can fail."""
    for one, other in (("factor_vae", "factor_vae_leaking"), ("beta_tcvae", "beta_tcvae_flow")):
        without, with_it = (fit(tiny.run(o), [4], DATA, hardware=tiny.CPU) for o in (one, other))
        moved = [
            float((v - with_it.params["encoder"][k]).abs().max())
            for k, v in without.params["encoder"].items()
        ]
        assert max(moved) > 1e-3
    start = stacks.build(with_it.run, 4, SHAPE)["prior"].state_dict()
    for name, learned in with_it.params["prior"].items():
        assert float((learned[0] - start[name]).abs().max()) > 0.005


def test_batches_are_drawn_with_replacement_and_reproducibly():
    run = tiny.run("factor_vae", batch=64)
    first, again, other = (Stream(run, seed, DATA).chunk() for seed in (5, 5, 6))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    order = torch.stack([ORDER.read(DATA, keys) for keys in first["order"]])
    batches = [*first["x"], *first["x_other"]]
    distinct = torch.tensor([len(batch.unique()) for batch in batches]).double()
    # Of 64 images drawn 64 times 64 (1 - (1 - 1/64)^64) = 40.6 are seen, give or take 2.5.
    assert float(distinct.mean()) == pytest.approx(64 * (1 - (1 - 1 / 64) ** 64), abs=1.0)
    assert torch.equal(order.sort(dim=1).values[3, :, 1], torch.arange(64))
    assert not torch.equal(order[3, :, 0], order[3, :, 1])


def test_correlated_noise_is_the_white_noise_turned_and_nothing_else_moves():
    white, coloured = (
        Stream(tiny.run("factor_vae", noise_correlation=s, batch=2048), 0, DATA).chunk()
        for s in (0.0, 0.6)
    )
    assert all(torch.equal(white[name], coloured[name]) for name in ("x", "x_other", "order"))
    for part in ("noise", "noise_other"):
        root = torch.linalg.cholesky(gaussian.equicorrelated(3, 0.6)).float()
        torch.testing.assert_close(coloured[part], white[part] @ root.T)
        sample = coloured[part].flatten(0, 1).double()
        # 102,400 draws: standard errors of 0.003 and 0.005
        torch.testing.assert_close(
            sample.T @ sample / len(sample), gaussian.equicorrelated(3, 0.6), rtol=0, atol=0.02
        )


def test_inputs_are_drawn_in_the_order_of_their_declaration():
    """What a seed means: by hand, from the same generator."""
    run = tiny.run("factor_vae")
    drawn, generator = Stream(run, 3, DATA).chunk(), torch.Generator()
    generator.manual_seed(derived(3, "stream"))
    keys = torch.rand(CHUNK, 8, 3, generator=generator)
    index = torch.randint(64, (CHUNK * 8,), generator=generator).view(CHUNK, 8)
    noise = torch.randn(CHUNK, 8, 3, generator=generator)
    assert torch.equal(drawn["order"], keys)
    assert torch.equal(drawn["x"], index)
    assert torch.equal(drawn["noise"], noise)
    assert list(drawn) == ["order", "x", "noise", "x_other", "noise_other"]
    assert list(Stream(tiny.run("vae"), 0, DATA).chunk()) == ["x", "noise"]


def test_axes_of_a_feature_are_permuted_together():
    """FactorVAE's critic then sees codes whose features are independent, each as it was."""
    apart, run = (tiny.run("factor_vae", n_axes=4, axes_per_feature=n) for n in (1, 2))
    keys = Stream(run, 3, DATA).chunk()["order"]
    order = ORDER.read(DATA, keys[0])
    assert torch.equal(order[:, 0], order[:, 1])
    assert torch.equal(order[:, 2], order[:, 3])
    assert not torch.equal(order[:, 0], order[:, 2])
    assert Stream(apart, 3, DATA).chunk()["order"].unique().numel() > keys.unique().numel()
    first, second = (fit(of, [3], DATA, hardware=tiny.CPU) for of in (apart, run))
    assert float((parameters(first, 3) - parameters(second, 3)).abs().max()) > 1e-3


def on_meta(objective, net, side, chunks=0, **changes):
    """Terms of one step (or of chunks) on the device that holds no values."""
    run = tiny.run(objective, net=net, size=side, **changes)
    images = torch.zeros(16, 1, side, side, dtype=torch.uint8)
    factors = torch.arange(16)[:, None]
    data = FactorData("blank", images, factors, ["n"], [16], source="made up")
    stack = Stack(run, (0, 1), data.to("meta"), META)
    for _ in range(chunks):
        stack.advance()
    terms = stack.play(next(stack.draws()))
    tensors = [*terms.values(), *(t for net in stack.params.values() for t in net.values())]
    assert {t.device.type for t in tensors} == {"meta"}
    assert {t.shape for t in terms.values()} == {(2,)}
    return set(terms)


TERMS = {
    "vae": {"distortion", "kl"},
    "beta_vae": {"distortion", "kl"},
    "beta_tcvae": {"distortion", "mutual_info", "total_corr", "axis_kl"},
    "beta_tcvae_dlib": {"distortion", "kl", "total_corr"},
    "factor_vae": {"distortion", "kl", "total_corr", "critic"},
    "factor_vae_dlib": {"distortion", "kl", "total_corr", "critic"},
    "dip_vae_i": {"distortion", "kl", "off_diagonal", "diagonal"},
    "dip_vae_ii": {"distortion", "kl", "off_diagonal", "diagonal"},
    "rtc_vae": {"distortion", "kl", "total_corr", "noise_variance", "critic"},
    "rtc_vae_supervised": {
        *("distortion", "kl", "total_corr", "noise_variance", "axes_of_factors", "critic"),
    },
    "annealed_vae": {"distortion", "kl", "capacity"},
    "factor_vae_leaking": {"distortion", "kl", "total_corr", "leak", "critic"},
    "beta_tcvae_flow": {"distortion", "mutual_info", "total_corr", "axis_kl"},
}


@pytest.mark.parametrize("objective", tiny.PLAYABLE)
def test_dry_run_of_every_objective(objective):
    terms = on_meta(objective, "mlp_64", 4, chunks=objective == "factor_vae")
    assert terms == {"autoencoder"} | TERMS[objective]
    assert on_meta(objective, "mlp_64", 4, noise_correlation=0.9) == terms


@pytest.mark.parametrize("net", sorted(NETS))
def test_dry_run_of_every_net(net):
    assert on_meta("factor_vae", net, 16) == {"autoencoder"} | TERMS["factor_vae"]


def test_dry_run_of_a_cooling_run():
    terms = on_meta("vae", "mlp_64", 4, chunks=True, cooldown=1.0)
    assert terms == {"autoencoder"} | TERMS["vae"]


def test_dry_run_catches_a_tensor_on_the_cpu(monkeypatch):
    def stray(x, logits, code, **settings):
        loss = objectives.vae(x, logits, code, **settings)
        return loss._replace(total=loss.total + (torch.ones(3) * code.mean).sum())

    monkeypatch.setitem(OBJECTIVES, "stray", Recipe(one_player(stray), {}))
    with pytest.raises(RuntimeError, match="device"):
        on_meta("stray", "mlp_64", 4)


@pytest.mark.parametrize("objective", ["beta_tcvae", "factor_vae"])
def test_bf16_stays_close_to_fp32(objective):
    terms = {}
    for precision in ("fp32", "bf16"):
        stack = Stack(tiny.run(objective, precision=precision), (0, 1), DATA, tiny.CPU)
        for draw in itertools.islice(stack.draws(), 5):
            terms[precision] = stack.play(draw)
    for name, exact in terms["fp32"].items():
        rough = terms["bf16"][name]
        assert rough.dtype == torch.float32
        torch.testing.assert_close(rough, exact, rtol=0.02, atol=0.02)
    assert not torch.equal(terms["bf16"]["autoencoder"], terms["fp32"]["autoencoder"])


def test_compiled_steps_give_the_same_numbers(monkeypatch):
    """By the backend that records the graph and does not generate code, which takes a minute."""
    compiled = partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", compiled)
    terms = []
    for hardware in (tiny.CPU, Hardware(torch.device("cpu"), compile=True)):
        stack = Stack(tiny.run("beta_tcvae"), (0, 1), DATA, hardware)
        terms.append(stack.advance())
    for name, value in terms[0].items():
        torch.testing.assert_close(terms[1][name], value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cooldown", [0.0, 1.0])
def test_going_on_from_a_checkpoint_changes_nothing(cooldown):
    run = tiny.run("factor_vae", steps=150, cooldown=cooldown)
    kept = []
    whole = list(trajectory(run, tiny.SEEDS, DATA, milestones=(100,), hardware=tiny.CPU,
                            save=kept.append, save_every=0.0))  # fmt: skip
    assert [fitted.step for fitted in whole] == [100, 150]
    assert [{c.step for c in group.values()} for group in kept] == [{50}, {100}]
    for group, steps in zip(kept, [[100, 150], [150]], strict=True):
        start = [group[seed] for seed in tiny.SEEDS]
        rest = list(trajectory(run, tiny.SEEDS, DATA, milestones=(100,), hardware=tiny.CPU,
                               start=start))  # fmt: skip
        assert [fitted.step for fitted in rest] == steps  # a milestone is not yielded twice
        assert rest[-1].seconds > start[0].seconds
        for seed in tiny.SEEDS:
            assert torch.equal(parameters(rest[-1], seed), parameters(whole[-1], seed))


def test_a_milestones_model_stays_what_it_was():
    run = tiny.run(steps=200)
    half, whole = trajectory(run, (3,), DATA, milestones=(100,), hardware=tiny.CPU)
    shorter = fit(tiny.run(steps=100), [3], DATA, hardware=tiny.CPU)
    assert torch.equal(parameters(half, 3), parameters(shorter, 3))
    assert not torch.equal(parameters(half, 3), parameters(whole, 3))


def poison(monkeypatch, seeds):
    """Give these seeds a NaN among their initial weights."""
    build = stacks.build

    def poisoned(run, seed, shape):
        nets = build(run, seed, shape)
        if seed in seeds:
            nets["encoder"].head.weight.data[0, 0] = math.nan
        return nets

    monkeypatch.setattr(stacks, "build", poisoned)


@pytest.mark.parametrize("objective", ["vae", "factor_vae"])
def test_a_seed_that_is_not_finite_stops_and_the_others_go_on(monkeypatch, objective):
    run = tiny.run(objective)
    sound = fit(run, [0, 1, 2], DATA, hardware=tiny.CPU)
    poison(monkeypatch, {1})
    fitted = fit(run, [0, 1, 2], DATA, hardware=tiny.CPU)
    assert fitted.seeds == (0, 2)
    assert fitted.stopped == {1: CHUNK}
    assert {t.shape[0] for net in fitted.params.values() for t in net.values()} == {2}
    assert {value.shape for value in fitted.terms.values()} == {(2,)}
    for seed in (0, 2):
        torch.testing.assert_close(
            parameters(fitted, seed), parameters(sound, seed), rtol=0, atol=2e-5
        )


def test_nothing_is_left_when_all_seeds_stop(monkeypatch):
    poison(monkeypatch, {0, 1})
    fitted = fit(tiny.run(), [0, 1], DATA, hardware=tiny.CPU)
    assert (fitted.seeds, fitted.stopped, fitted.step) == ((), {0: CHUNK, 1: CHUNK}, CHUNK)
    assert {t.shape[0] for net in fitted.params.values() for t in net.values()} == {0}


def test_a_last_move_to_infinity_counts_as_not_finite():
    stack = Stack(tiny.run(), (0, 1), DATA, tiny.CPU)
    terms = {"autoencoder": torch.ones(2)}
    assert stack.finite(terms) == [True, True]
    stack.params["decoder"]["0.bias"].data[1, 0] = math.inf
    assert stack.finite(terms) == [True, False]
    assert stack.finite({"autoencoder": torch.tensor([math.nan, 1.0])}) == [False, False]


def test_a_stack_does_not_go_on_past_its_end():
    """It would move nothing, and a bench that times it would time nothing."""
    run = tiny.run("vae")
    stack = Stack(run, (0,), DATA, tiny.CPU)
    while stack.step < run.all_steps():
        stack.advance()
    with pytest.raises(ValueError, match=r"ended at step .*declare more steps"):
        stack.advance()


def test_groups_come_back_as_one_stack():
    run = tiny.run()
    small = Hardware(torch.device("cpu"), memory=1)  # nothing fits: one seed a group
    apart = fit(run, [2, 0, 1], DATA, hardware=small)
    together = fit(run, [2, 0, 1], DATA, hardware=tiny.CPU)
    assert sorted(apart.seeds) == sorted(together.seeds) == [0, 1, 2]
    for seed in (0, 1, 2):
        torch.testing.assert_close(
            parameters(apart, seed), parameters(together, seed), rtol=0, atol=2e-5
        )


def test_training_lowers_the_loss_and_encodes_as_the_nets_do():
    fitted = fit(tiny.run(steps=250), [0, 1], DATA, hardware=tiny.CPU)
    before = training.untrained(fitted.run, [0, 1], DATA, tiny.CPU)
    mean, logvar = fitted.encode(DATA)
    assert mean.shape == logvar.shape == (2, 64, 3)
    first = Stack(fitted.run, (0, 1), DATA, tiny.CPU).advance()["autoencoder"]
    assert bool((fitted.terms["autoencoder"] < 0.95 * first).all())
    for position in range(2):
        net = stacks.build(fitted.run, position, SHAPE)
        initial = net["encoder"](DATA.pixels(torch.arange(64)))[0]
        torch.testing.assert_close(before.encode(DATA)[0][position], initial)
        trained = {k: v[position] for k, v in fitted.params["encoder"].items()}
        net["encoder"].load_state_dict(trained)
        torch.testing.assert_close(net["encoder"](DATA.pixels(torch.arange(64)))[1],
                                   logvar[position])  # fmt: skip
    alone = fitted.alone(1)
    torch.testing.assert_close(alone.encode(DATA)[0][0], mean[1])
    torch.testing.assert_close(alone.decode(mean[1:])[0], fitted.decode(mean)[1])


def test_fit_loads_the_data_that_its_run_names(monkeypatch):
    tiny.register(monkeypatch.setitem)
    run = tiny.run(steps=50)
    reports = []
    named = fit(run, [3], hardware=tiny.CPU, report=reports.append)
    assert torch.equal(parameters(named, 3), parameters(fit(run, [3], DATA), 3))
    assert [(p.step, p.steps, p.done_here) for p in reports] == [(50, 50, 50)]


def test_bad_requests_say_what_is_expected():
    run = tiny.run()
    for seeds in ([], [1, 1]):
        with pytest.raises(ValueError, match="at least one seed and none twice"):
            fit(run, seeds, DATA)
    for milestone in (25, 150, 0):
        with pytest.raises(ValueError, match=r"multiples of 50 from 50 to 100"):
            next(trajectory(run, [0], DATA, milestones=(milestone,), hardware=tiny.CPU))
    kept = []
    list(trajectory(run, [0, 1], DATA, hardware=tiny.CPU, save=kept.append, save_every=0.0))
    with pytest.raises(ValueError, match="one checkpoint a seed"):
        next(trajectory(run, [0, 1], DATA, hardware=tiny.CPU, start=[kept[0][0]]))
