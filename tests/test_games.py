"""Games that the package does not ship train as a plain loop does, by the same engine."""

import copy
import dataclasses
import itertools

import pytest
import tiny
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from disentangled import nets, stacks, training
from disentangled.experiments.setting import Setting, checked
from disentangled.nets import PARTS, Part
from disentangled.nets.bound import Bound
from disentangled.nets.kernels import Conv2d, ConvTranspose2d
from disentangled.nets.spectral import spectral_norm
from disentangled.objectives import (
    IMAGES,
    NOISE,
    OBJECTIVES,
    STEP,
    Input,
    Player,
    Recipe,
    as_drawn,
    encode,
    unrolled,
)
from disentangled.objectives.elbo import beta_vae
from disentangled.objectives.games import one_player
from disentangled.stacks import Stack
from disentangled.streams import Stream
from disentangled.training import fit, trajectory
from disentangled.types import Loss

pytestmark = pytest.mark.usefixtures("one_thread")

DATA = tiny.images()
SHAPE = (1, 4, 4)


def vector(modules):
    return torch.cat([p.detach().flatten() for net in modules for p in net.parameters()])


def of_seed(stack, position):
    return torch.cat(
        [t[position].detach().flatten() for net in stack.params.values() for t in net.values()]
    )


def played(run, seeds, n_steps):
    """A stack after some steps."""
    stack = Stack(run, seeds, DATA, tiny.CPU)
    for start in range(0, n_steps, stacks.CHUNK):
        for draw in itertools.islice(stack.draws(), min(stacks.CHUNK, n_steps - start)):
            stack.play(draw)
        stack.step += stacks.CHUNK
    return stack


def inputs(run, seed, n_steps):
    """The random inputs of every step of one seed, as a plain loop reads them."""
    stream, read = Stream(run, seed, DATA), OBJECTIVES[run.objective].inputs
    for start in range(0, n_steps, stacks.CHUNK):
        drawn = stream.chunk(start)
        for t in range(min(stacks.CHUNK, n_steps - start)):
            yield {name: read[name].read(DATA, drawn[name][t]) for name in drawn}


def dense(*widths):
    layers = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


# An InfoGAN of four nets: a generator, and a trunk that the discriminator and the Q head share.

N_NOISE = 5
BCE = functional.binary_cross_entropy_with_logits


def by_discriminator(nets, draw, heard, **settings):
    with torch.no_grad():
        fake = nets["generator"](torch.cat([draw["c"], draw["u"]], -1)).sigmoid()
    real, made = (nets["discriminator"](nets["trunk"](x)) for x in (draw["x"], fake))
    loss = 0.5 * (BCE(real, torch.ones_like(real)) + BCE(made, torch.zeros_like(made)))
    return Loss(loss, {"realness": loss}), {}


def by_generator(nets, draw, heard, *, information, **settings):
    fake = nets["generator"](torch.cat([draw["c"], draw["u"]], -1)).sigmoid()
    seen = nets["trunk"](fake)
    fooled = nets["discriminator"](seen)
    fooling = BCE(fooled, torch.ones_like(fooled))
    told = 0.5 * (nets["q"](seen) - draw["c"]).square().sum(-1).mean()
    return Loss(fooling + information * told, {"fooling": fooling, "told": told}), {}


INFOGAN = Recipe(
    (
        (Player("critic_step", ("trunk", "discriminator"), by_discriminator, (0.5, 0.999), 2e-3),),
        (Player("generator_step", ("generator", "q"), by_generator, (0.5, 0.999)),),
    ),
    {"information": 0.3},
    ("generator", "trunk", "discriminator", "q"),
    {
        "x": IMAGES,
        "c": NOISE,
        "u": Input(lambda s, g: torch.rand(s.steps, s.batch, N_NOISE, generator=g), as_drawn),
    },
    encode=lambda nets, x: (nets["q"](nets["trunk"](x)),) * 2,
    decode=lambda nets, z: nets["generator"](functional.pad(z, (0, N_NOISE), value=0.5)),
)
INFOGAN_PARTS = {
    "toy_generator": lambda shape, n_axes: nn.Sequential(
        dense(n_axes + N_NOISE, 32, 16), nn.Unflatten(-1, shape)
    ),
    "toy_trunk": lambda shape, n_axes: nn.Sequential(nn.Flatten(-3), dense(16, 32), nn.Tanh()),
    "toy_head": lambda shape, n_axes: dense(32, 1),
    "toy_q": lambda shape, n_axes: dense(32, n_axes),
}


@pytest.fixture
def infogan(monkeypatch):
    for name, build in INFOGAN_PARTS.items():
        monkeypatch.setitem(PARTS, name, Part(build))
    monkeypatch.setitem(OBJECTIVES, "toy_infogan", INFOGAN)
    chosen = {"generator": "toy_generator", "trunk": "toy_trunk", "discriminator": "toy_head",
              "q": "toy_q"}  # fmt: skip
    return tiny.run("toy_infogan", net="", nets=chosen)


def test_a_game_without_a_decoder_refuses_what_needs_one(infogan, monkeypatch):
    tiny.register(monkeypatch.setitem)  # settings name data sets that there are
    with pytest.raises(ValueError, match=r"has no encoder and no decoder, got net='mlp_64'"):
        dataclasses.replace(infogan, net="mlp_64")
    without = Setting(infogan, (0,), scores=("mig_exact",))
    assert checked(without).run == infogan
    with pytest.raises(ValueError, match=r"no net called decoder.*leave out kept_by='mig'"):
        checked(without._replace(kept_by="mig"))
    for score in ("elbo", "distortion"):
        with pytest.raises(ValueError, match=rf"no likelihood, which the score {score} reads"):
            checked(without._replace(at_end=(score,)))


def plain_infogan(run, seed, n_steps):
    """The same game as one writes it first."""
    model = stacks.build(run, seed, SHAPE)
    generator, trunk, discriminator, q = model.values()
    first = torch.optim.Adam([*trunk.parameters(), *discriminator.parameters()], 2e-3,
                             (0.5, 0.999))  # fmt: skip
    second = torch.optim.Adam([*generator.parameters(), *q.parameters()], run.learning_rate,
                              (0.5, 0.999))  # fmt: skip
    for now in inputs(run, seed, n_steps):
        fake = torch.sigmoid(generator(torch.cat([now["c"], now["u"]], -1)))
        real, made = discriminator(trunk(now["x"])), discriminator(trunk(fake.detach()))
        loss = 0.5 * (BCE(real, torch.ones(8, 1)) + BCE(made, torch.zeros(8, 1)))
        first.zero_grad()
        loss.backward()
        first.step()
        seen = trunk(fake)
        fooling = BCE(discriminator(seen), torch.ones(8, 1))
        told = 0.5 * ((q(seen) - now["c"]) ** 2).sum(1).mean()
        second.zero_grad()
        (fooling + 0.3 * told).backward()
        second.step()
    return vector(model.values())


def test_a_four_net_infogan_equals_a_plain_loop(infogan):
    stack = played(infogan, (4, 7), 60)
    for position, seed in enumerate((4, 7)):
        expected = plain_infogan(infogan, seed, 60)
        torch.testing.assert_close(of_seed(stack, position), expected, rtol=0, atol=5e-5)
        start = vector(stacks.build(infogan, seed, SHAPE).values())
        assert float((expected - start).abs().mean()) > 0.001
    fitted = training._fitted(stack, {}, {}, 0.0)
    assert fitted.encode(DATA)[0].shape == (2, 64, 3)
    assert fitted.decode(torch.zeros(2, 5, 3)).shape == (2, 5, 1, 4, 4)


def test_players_learn_at_their_own_rates(infogan):
    rates = {name: o.param_groups[0]["lr"]
             for name, o in Stack(infogan, (0,), DATA, tiny.CPU).optimisers.items()}  # fmt: skip
    assert rates == {"critic_step": 2e-3, "generator_step": 1e-3}


# A game with three inner steps, through an image-to-image convolutional net.


def image_to_image(shape, n_axes):
    return nn.Sequential(Conv2d(1, 4, 4, 2, 1), nn.Tanh(), ConvTranspose2d(4, 1, 4, 2, 1))


def inner(reconstructed, x):
    """An inner loss: how well a net that follows the decoder mends its pictures."""
    return lambda net: (net(reconstructed) - x).square().flatten(1).sum(1).mean()


def by_unrolling(nets, draw, heard, *, n_data, pixel_area):
    code = encode(nets, draw["x"], draw["noise"])
    pictures = nets["decoder"](code.z).sigmoid()
    mended = unrolled(inner(pictures, draw["x"]), nets["mender"], steps=3, rate=0.05)
    left = inner(pictures, draw["x"])(mended)
    return Loss(left, {"left": left}), {}


def plain_unrolling(run, seed, n_steps):
    model = stacks.build(run, seed, SHAPE)
    optimiser = torch.optim.Adam(vector_of(model), run.learning_rate)
    for now in inputs(run, seed, n_steps):
        mean, logvar = model["encoder"](now["x"])
        z = mean + (0.5 * logvar).exp() * now["noise"]
        pictures = torch.sigmoid(model["decoder"](z))
        w = dict(model["mender"].named_parameters())

        def mend(w, x):
            hidden = torch.tanh(functional.conv2d(x, w["0.weight"], w["0.bias"], 2, 1))
            return functional.conv_transpose2d(hidden, w["2.weight"], w["2.bias"], 2, 1)

        for _ in range(3):
            loss = ((mend(w, pictures) - now["x"]) ** 2).flatten(1).sum(1).mean()
            slopes = torch.autograd.grad(loss, list(w.values()), create_graph=True)
            w = {k: v - 0.05 * g for (k, v), g in zip(w.items(), slopes, strict=True)}
        left = ((mend(w, pictures) - now["x"]) ** 2).flatten(1).sum(1).mean()
        optimiser.zero_grad()
        left.backward()
        optimiser.step()
    return vector(model.values())


def vector_of(model):
    return [p for net in model.values() for p in net.parameters()]


def test_three_unrolled_inner_steps_equal_a_plain_loop(monkeypatch):
    monkeypatch.setitem(PARTS, "toy_mender", Part(image_to_image))
    roles = ("encoder", "decoder", "mender")
    player = Player("all", roles, by_unrolling)
    monkeypatch.setitem(OBJECTIVES, "toy_unrolled", Recipe(((player,),), {}, roles))
    run = tiny.run("toy_unrolled", nets={"mender": "toy_mender"})
    for seeds in ((4, 7), (4,)):
        stack = played(run, seeds, 30)
        for position, seed in enumerate(seeds):
            expected = plain_unrolling(run, seed, 30)
            torch.testing.assert_close(of_seed(stack, position), expected, rtol=0, atol=5e-5)


def test_unrolled_steps_have_a_closed_form():
    """On ½ a w² each step multiplies w by 1 − rate a, and so does its slope by the start."""
    line = Bound(
        nn.Linear(1, 1, bias=False), {"weight": torch.tensor([[2.0]], requires_grad=True)}
    )
    a, rate = torch.tensor(3.0, requires_grad=True), 0.1
    after = unrolled(lambda net: 0.5 * a * net.params["weight"].square().sum(), line, steps=3,
                     rate=rate)  # fmt: skip
    end = after.params["weight"]
    assert end.item() == pytest.approx(2 * 0.7**3)
    by_start, by_a = torch.autograd.grad(end.sum(), [line.params["weight"], a], create_graph=True)
    assert by_start.item() == pytest.approx(0.7**3)
    assert by_a.item() == pytest.approx(2 * 3 * 0.7**2 * -rate)
    (second,) = torch.autograd.grad(by_a, [a])
    assert second.item() == pytest.approx(2 * 6 * 0.7 * rate**2)
    assert line.params["weight"].item() == 2.0
    with pytest.raises(ValueError, match="steps must be 0 or more, got -1"):
        unrolled(lambda net: a, line, steps=-1, rate=rate)


@pytest.mark.parametrize("layer", [Conv2d(2, 3, 4, 2, 1), ConvTranspose2d(3, 2, 4, 2, 1)])
def test_fast_layers_have_gradients_of_second_order(layer):
    layer = layer.double()
    channels = layer.weight.shape[1 if isinstance(layer, Conv2d) else 0]
    x = torch.randn(2, channels, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(layer, (x,))


# Batch norm and spectral norm, against torch's own layers in a plain loop.


def normed(kind):
    """An encoder's builder with a normalised layer."""
    layer = {
        "batch norm by the batch": lambda: nn.BatchNorm1d(16, track_running_stats=False),
        "batch norm by running statistics": lambda: nn.BatchNorm1d(16),
        "spectral norm": lambda: spectral_norm(nn.Linear(16, 16)),
        "torch's spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(16, 16)),
    }[kind]

    class Encoder(nn.Module):
        def __init__(self, shape, n_axes):
            super().__init__()
            # no bias, which the mean of a batch would cancel: its gradient is mere rounding
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(16, 16, bias=False), layer(),
                                     nn.Tanh(), nn.Linear(16, 2 * n_axes))  # fmt: skip

        def forward(self, x):
            mean, logvar = self.net(x).chunk(2, -1)
            return mean, logvar

    return Encoder


@pytest.mark.parametrize("seeds", [(4, 7), (4,)])
@pytest.mark.parametrize(
    "kind", ["batch norm by the batch", "batch norm by running statistics", "spectral norm"]
)
def test_normalised_nets_equal_a_plain_loop(monkeypatch, kind, seeds):
    monkeypatch.setitem(PARTS, "toy_normed", Part(normed(kind)))
    run = tiny.run(nets={"encoder": "toy_normed"})
    stack = played(run, seeds, 60)
    fitted = training._fitted(stack, {}, {}, 0.0)
    for position, seed in enumerate(seeds):
        model = stacks.build(run, seed, SHAPE)
        if kind == "spectral norm":
            plain = normed("torch's spectral norm")(SHAPE, 3)
            plain.load_state_dict(model["encoder"].state_dict())
            model["encoder"] = plain
        optimiser = torch.optim.Adam(vector_of(model), run.learning_rate)
        for now in inputs(run, seed, 60):
            mean, logvar = model["encoder"](now["x"])
            logits = model["decoder"](mean + (0.5 * logvar).exp() * now["noise"])
            kl = -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum()
            loss = BCE(logits, now["x"], reduction="sum") / 8 + kl / 8
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        torch.testing.assert_close(of_seed(stack, position), vector(model.values()), rtol=0,
                                   atol=2e-4)  # fmt: skip
        buffers = dict(model["encoder"].named_buffers())
        assert (kind == "batch norm by the batch") == (not buffers)
        for name, value in buffers.items():
            ours = stack.buffers["encoder"][name][position]
            torch.testing.assert_close(ours, value, rtol=1e-3, atol=2e-4)
        model["encoder"].eval()
        with torch.no_grad():
            expected = model["encoder"](DATA.pixels(torch.arange(64)))[0]
        torch.testing.assert_close(
            fitted.encode(DATA)[0][position], expected, rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize("layer", [nn.Conv2d(2, 3, 3), nn.ConvTranspose2d(2, 3, 3)])
def test_spectral_norm_is_torchs(layer):
    torch.manual_seed(3)
    plain = parametrizations.spectral_norm(copy.deepcopy(layer))
    torch.manual_seed(3)
    ours = spectral_norm(copy.deepcopy(layer))
    for _ in range(3):
        torch.testing.assert_close(ours.weight, plain.weight)
    transposed = isinstance(layer, nn.ConvTranspose2d)
    for _ in range(200):
        weight = ours.weight.detach().movedim(int(transposed), 0)  # an iteration each
    assert float(torch.linalg.matrix_norm(weight.flatten(1), 2)) == pytest.approx(1.0, abs=1e-4)


def test_buffers_survive_a_checkpoint(monkeypatch):
    monkeypatch.setitem(PARTS, "toy_normed", Part(normed("spectral norm")))
    run = tiny.run(nets={"encoder": "toy_normed"})
    kept = []
    (whole,) = trajectory(run, (0, 1), DATA, hardware=tiny.CPU, save=kept.append, save_every=0.0)
    (rest,) = trajectory(run, (0, 1), DATA, hardware=tiny.CPU, start=[kept[0][0], kept[0][1]])
    for of, again in ((whole.params, rest.params), (whole.buffers, rest.buffers)):
        for role, tensors in of.items():
            assert all(torch.equal(v, again[role][k]) for k, v in tensors.items())
    assert whole.buffers["encoder"]


# What would train wrong is refused before training.


class Tied(nn.Module):
    def __init__(self, shape, n_axes):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.Linear(16, 2 * n_axes))
        self.again = self.net[1]

    def forward(self, x):
        return self.net[2](self.again(self.net[1](self.net[0](x)))).chunk(2, -1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (Tied, "encoder.again.weight and encoder.net.1.weight are one tied weight"),
        (lambda s, d: nn.Sequential(nn.Flatten(), nn.Dropout(0.1)), "declare a mask as an Input"),
        (lambda s, d: nn.Sequential(nn.Flatten(), nn.LazyLinear(4)), "give the layer its sizes"),
        (normed("torch's spectral norm"), "use nets.spectral.spectral_norm"),
        (lambda s, d: nn.utils.spectral_norm(nn.Linear(4, 4)), "use nets.spectral.spectral_norm"),
        (lambda s, d: nn.Linear(4, 4).requires_grad_(False), "register it as a buffer"),
    ],
)
def test_nets_that_would_train_wrong_are_refused(monkeypatch, build, message):
    monkeypatch.setitem(PARTS, "toy", Part(build))
    with pytest.raises(ValueError, match=message):
        fit(tiny.run(nets={"encoder": "toy"}), [0], DATA, hardware=tiny.CPU)


def test_one_weight_in_two_roles_is_refused(monkeypatch):
    shared = nn.Linear(3, 3)
    monkeypatch.setitem(PARTS, "one", Part(lambda s, d: nn.Sequential(shared)))
    monkeypatch.setitem(PARTS, "two", Part(lambda s, d: nn.Sequential(shared)))
    with pytest.raises(ValueError, match="make it a net of a role of its own"):
        fit(tiny.run(nets={"encoder": "one", "decoder": "two"}), [0], DATA, hardware=tiny.CPU)


# What an objective returns is held against what it must.


def per_image(x, logits, code, **settings):
    return Loss(code.mean.square().sum(-1), {})


def no_tensor(x, logits, code, **settings):
    return Loss(code.mean.mean() + logits.mean() + code.logvar.mean(), {"one": 1.0})


def no_loss(x, logits, code, **settings):
    return code.mean.mean()


def blind(x, logits, code, **settings):
    return Loss(code.mean.mean(), {})


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (per_image, r"total of autoencoder must be a scalar .* got shape \(8,\)"),
        (no_tensor, "one of autoencoder must be a tensor, got float"),
        (no_loss, "must return a Loss and a dict"),
        (blind, "does not depend on decoder.0.weight"),
    ],
)
def test_what_an_objective_returns_is_checked(monkeypatch, objective, message, seeds):
    monkeypatch.setitem(OBJECTIVES, "toy", Recipe(one_player(objective), {}))
    with pytest.raises(ValueError, match=message):
        fit(tiny.run("toy"), seeds, DATA, hardware=tiny.CPU)


# A game of one's own with one thing wrong: what it says names the thing.


def fitting(nets, draw):
    code = encode(nets, draw["x"], draw["noise"])
    loss = BCE(nets["decoder"](code.z), draw["x"])
    return loss + code.mean.square().mean() + code.logvar.square().mean()


def saying(name, returned, roles=("encoder", "decoder")):
    """A player whose loss returns what it is told to, of a sound loss."""
    return Player(name, roles, lambda nets, draw, heard, **_: returned(fitting(nets, draw)))


def whole(name):
    return saying(name, lambda b: (Loss(b, {}), {}))


def game(*players, **more):
    return Recipe((players,), {}, **more)


def drawing(draw, read=as_drawn):
    given = {"x": IMAGES, "noise": NOISE, "u": Input(draw, read)}
    return game(whole("p"), inputs=given)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (game(whole("p"), whole("p")), "two players are called p"),
        (Recipe(((),), {}), "every round needs a player"),
        (game(saying("p", None, ("magic",))), r"p must move some of the nets .*got \('magic',\)"),
        (game(saying("p", None, ("encoder",) * 2)), "that names each once"),
        (game(saying("p", None, "encoder")), "a tuple that names"),
        (game(whole("p"))._replace(weights={"n_data": 1.0}), "every loss is given n_data"),
        (game(whole("p"), positive=("beta",)), r"positive must name some of \[\], got \['beta'\]"),
        (game(whole("p"), swept="beta"), r"swept must be one of \[\], got 'beta'"),
    ],
)
def test_a_game_is_checked_when_a_run_declares_it(monkeypatch, recipe, message):
    monkeypatch.setitem(OBJECTIVES, "toy", recipe)
    with pytest.raises(ValueError, match=message):
        tiny.run("toy")


def undetached(nets, draw, heard, **settings):
    loss = heard["z"].square().mean()
    return Loss(loss, {}), {}


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (game(saying("p", lambda b: (Loss(b, {"p": 2 * b}), {}))), "a term of its own name"),
        (game(*(saying(n, lambda b: (Loss(b, {"t": b}), {})) for n in "pq")), "t of q is also"),
        (game(saying("p", lambda b: (Loss(b, {"q": b}), {})), whole("q")), "q of q is also"),
        (game(saying("p", lambda b: (Loss(b, {"t": b > 0}), {}))), r"got torch.bool; .*t.float"),
        (game(saying("p", lambda b: (Loss(b.detach(), {}), {}))), "total of p has no gradient"),
        (game(saying("p", lambda b: (Loss(b, None), {}))), "must return a Loss and a dict"),
        (game(saying("p", lambda b: (Loss(b, {}), {"z": 1}))), "z of p must be a tensor, got int"),
        (game(saying("p", lambda b: (Loss(b, {}), {"z": b})),
              Player("q", ("encoder",), undetached)), "total of q has no gradient"),
        (drawing(lambda s, g: torch.rand(s.batch, generator=g)), r"draw a tensor \(50, ...\)"),
        (drawing(lambda s, g: torch.rand(s.steps)), "pass generator=generator"),
        (drawing(lambda s, g: torch.zeros(s.steps, 7), lambda d, u: u[0]), "keep the first axis"),
        (drawing(lambda s, g: torch.zeros(s.steps), lambda d, u: 1.0), "got float"),
        (game(saying("p", lambda b: (Loss(b * b.item(), {}), {}))), "use torch.where"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_game_is_said(monkeypatch, recipe, message, seeds):
    monkeypatch.setitem(OBJECTIVES, "toy", recipe)
    with pytest.raises(ValueError, match=message):
        fit(tiny.run("toy"), seeds, DATA, hardware=tiny.CPU)


class Noisy(nn.Module):
    def __init__(self, shape, n_axes):
        super().__init__()
        self.net = nn.Linear(16, 2 * n_axes)

    def forward(self, x):
        return self.net(functional.dropout(x.flatten(1))).chunk(2, -1)


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
def test_random_numbers_of_a_nets_own_are_refused(monkeypatch, seeds):
    monkeypatch.setitem(PARTS, "noisy", Part(Noisy))
    with pytest.raises(ValueError, match=r"draws random numbers by .*bernoulli.* as an Input"):
        fit(tiny.run(nets={"encoder": "noisy"}), seeds, DATA, hardware=tiny.CPU)


def test_a_player_that_moves_nothing_is_refused(monkeypatch):
    monkeypatch.setitem(PARTS, "still", Part(lambda s, d: nn.Tanh()))
    players = whole("p"), saying("q", lambda b: (Loss(b, {}), {}), ("still",))
    monkeypatch.setitem(OBJECTIVES, "toy", game(*players, nets=("encoder", "decoder", "still")))
    with pytest.raises(ValueError, match="q moves still, where there is no parameter"):
        fit(tiny.run("toy", nets={"still": "still"}), [0], DATA, hardware=tiny.CPU)


def test_a_part_with_the_name_of_a_net_is_refused(monkeypatch):
    monkeypatch.setitem(PARTS, "mlp_64", Part(lambda s, d: nn.Tanh()))
    with pytest.raises(ValueError, match="mlp_64 stands in PARTS and in NETS"):
        tiny.run()


def test_a_game_without_an_encoder_says_how_to_encode(infogan, monkeypatch):
    monkeypatch.setitem(OBJECTIVES, "toy_infogan", INFOGAN._replace(encode=Recipe((), {}).encode))
    with pytest.raises(ValueError, match=r"no net encoder, .* say in its field encode how"):
        training.untrained(infogan, [0], DATA, tiny.CPU).encode(DATA)


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
def test_terms_of_another_precision_have_their_mean(monkeypatch, seeds):
    """Summed in bf16, fifty times 1 + 2⁻⁷ is 50 and not 50.39."""

    def said(b):
        return Loss(b, {"low": torch.full_like(b, 1 + 2**-7).bfloat16()}), {}

    monkeypatch.setitem(OBJECTIVES, "toy", game(saying("p", said)))
    terms = Stack(tiny.run("toy"), seeds, DATA, tiny.CPU).advance()
    assert terms["low"].tolist() == pytest.approx([1 + 2**-7] * len(seeds))


class Counting(nn.Module):
    """A buffer that the net assigns anew instead of writing on it."""

    def __init__(self, shape, n_axes):
        super().__init__()
        self.net = nn.Linear(16, 2 * n_axes)
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x):
        self.passes = self.passes + 1
        return self.net(x.flatten(1)).chunk(2, -1)


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
def test_a_buffer_that_is_assigned_anew_is_taken_up(monkeypatch, seeds):
    monkeypatch.setitem(PARTS, "counting", Part(Counting))
    stack = played(tiny.run(nets={"encoder": "counting"}), seeds, 60)
    assert stack.buffers["encoder"]["passes"].tolist() == [60.0] * len(seeds)


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
def test_unrolled_games_train_and_leave_buffers_of_inner_steps(monkeypatch, seeds):
    def mender(shape, n_axes):
        # no bias, which the norm would cancel: its gradient is mere rounding
        conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
        return nn.Sequential(spectral_norm(conv), nn.GroupNorm(1, 1))

    monkeypatch.setitem(PARTS, "toy_mender", Part(mender))
    roles = ("encoder", "decoder", "mender")
    players = ((Player("all", roles, by_unrolling),),)
    monkeypatch.setitem(OBJECTIVES, "toy_unrolled", Recipe(players, {}, roles))
    run = tiny.run("toy_unrolled", nets={"mender": "toy_mender"}, steps=50)
    fitted = fit(run, seeds, DATA, hardware=tiny.CPU)
    assert fitted.seeds == seeds
    assert not fitted.stopped
    alone = fit(run, [0], DATA, hardware=tiny.CPU)
    for of, one in ((fitted.params, alone.params), (fitted.buffers, alone.buffers)):
        for role in roles:
            for name, tensor in one[role].items():
                torch.testing.assert_close(of[role][name][0], tensor[0], rtol=0, atol=2e-4)


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
@pytest.mark.parametrize("layer", [nn.BatchNorm2d(1), nn.LayerNorm(4), nn.InstanceNorm2d(1)])
def test_norms_with_wrong_slopes_of_slopes_are_refused(monkeypatch, layer, seeds):
    def mender(shape, n_axes):
        return nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), copy.deepcopy(layer))

    monkeypatch.setitem(PARTS, "toy_mender", Part(mender))
    roles = ("encoder", "decoder", "mender")
    players = ((Player("all", roles, by_unrolling),),)
    monkeypatch.setitem(OBJECTIVES, "toy_unrolled", Recipe(players, {}, roles))
    with pytest.raises(ValueError, match=r"use nn\.GroupNorm or nn.RMSNorm"):
        fit(tiny.run("toy_unrolled", nets={"mender": "toy_mender"}), seeds, DATA,
            hardware=tiny.CPU)  # fmt: skip


def test_bf16_trains_from_its_cost_on():
    fitted = fit(tiny.run(precision="bf16", steps=50), (0, 1), DATA, hardware=tiny.CPU)
    exact = fit(tiny.run(steps=50), (0, 1), DATA, hardware=tiny.CPU)
    torch.testing.assert_close(fitted.terms["kl"], exact.terms["kl"], rtol=0.02, atol=0.02)


# Losses that read the step, and a second phase.


def test_a_loss_may_read_the_step(monkeypatch):
    def late(nets, draw, heard, *, n_data, pixel_area):
        code = encode(nets, draw["x"], draw["noise"])
        logits = nets["decoder"](code.z)
        on = (draw["step"] >= 60).float()
        loss = beta_vae(draw["x"], logits, code, n_data=n_data, beta=1.0)
        total = loss.terms["distortion"] + on * loss.terms["kl"]
        return Loss(total, {"on": on, "seen": draw["step"].float()}), {}

    player = Player("late", ("encoder", "decoder"), late)
    given = {"x": IMAGES, "noise": NOISE, "step": STEP}
    monkeypatch.setitem(OBJECTIVES, "late", Recipe(((player,),), {}, inputs=given))
    run = tiny.run("late")
    for seeds in ((0, 1), (0,)):
        stack = Stack(run, seeds, DATA, tiny.CPU)
        first, second = stack.advance(), stack.advance()
        assert second["on"].tolist() == pytest.approx([40 / 50] * len(seeds))
        assert first["on"].tolist() == [0.0] * len(seeds)
        assert first["seen"].tolist() == [24.5] * len(seeds)
        assert second["seen"].tolist() == [74.5] * len(seeds)
    # the step draws nothing: the streams of the plain VAE stay what they are
    assert torch.equal(Stream(run, 0, DATA).chunk()["x"],
                       Stream(tiny.run(), 0, DATA).chunk()["x"])  # fmt: skip


def test_an_objective_may_read_the_step(monkeypatch):
    def held(x, logits, code, *, n_data, pixel_area, step):
        loss = beta_vae(x, logits, code, n_data=n_data, beta=1.0)
        return loss._replace(terms=loss.terms | {"seen": step.float()})

    given = {"x": IMAGES, "noise": NOISE, "step": STEP}
    monkeypatch.setitem(OBJECTIVES, "held", Recipe(one_player(held, "step"), {}, inputs=given))
    stack = Stack(tiny.run("held"), (0, 1), DATA, tiny.CPU)
    assert [stack.advance()["seen"].tolist() for _ in range(2)] == [[24.5] * 2, [74.5] * 2]
    monkeypatch.setitem(OBJECTIVES, "held", Recipe(one_player(held, "step"), {}))
    with pytest.raises(ValueError, match=r"reads step, which its recipe does not draw.*STEP"):
        fit(tiny.run("held"), [0], DATA, hardware=tiny.CPU)


def as_a_gan(nets, draw, heard, **settings):
    loss = (nets["decoder"](draw["noise"]) - draw["x"]).square().mean()
    return Loss(loss, {"first": loss}), {}


def as_its_encoder(nets, draw, heard, **settings):
    mean, logvar = nets["encoder"](nets["decoder"](draw["noise"]).detach())
    loss = (mean - draw["noise"]).square().mean() + logvar.square().mean()
    return Loss(loss, {"second": loss}), {}


def test_a_second_phase_trains_an_encoder_after_a_gan(monkeypatch):
    recipe = Recipe(
        ((Player("gan", ("decoder",), as_a_gan),),), {},
        after=((Player("encoder_step", ("encoder",), as_its_encoder),),),
    )  # fmt: skip
    monkeypatch.setitem(OBJECTIVES, "phases", recipe)
    with pytest.raises(ValueError, match="a second phase, which needs steps_after above 0, got"):
        tiny.run("phases")
    run = tiny.run("phases", steps=100, steps_after=100)
    kept = []
    half, whole = trajectory(run, (0, 1), DATA, milestones=(100,), hardware=tiny.CPU,
                             save=kept.append, save_every=0.0)  # fmt: skip
    assert (half.step, whole.step) == (100, 200)
    assert set(half.terms) == {"first", "gan"}
    assert set(whole.terms) == {"second", "encoder_step"}
    initial = stacks.build(run, 0, SHAPE)["encoder"].state_dict()
    for name, tensor in half.params["encoder"].items():
        assert torch.equal(tensor[0], initial[name])  # untouched in the first phase
        assert not torch.equal(tensor, whole.params["encoder"][name])
    for name, tensor in half.params["decoder"].items():
        assert torch.equal(tensor, whole.params["decoder"][name])  # untouched in the second
    # the same from any checkpoint, in either phase or at its border
    assert [group[0].step for group in kept] == [50, 100, 150]
    for group in kept:
        *_, again = trajectory(run, (0, 1), DATA, hardware=tiny.CPU, start=[group[0], group[1]])
        for role, tensors in whole.params.items():
            assert all(torch.equal(v, again.params[role][k]) for k, v in tensors.items())


def test_the_registry_of_nets_says_who_may_play():
    assert "critic_256" in nets.names("critic")
    assert "mlp_64" in nets.names("encoder")
    assert nets.names("generator") == sorted(
        name for name, part in PARTS.items() if not part.roles
    )
