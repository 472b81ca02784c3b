"""InfoGAN and InfoGAN-CR: losses with closed forms, draws, and training as a plain loop trains."""

import itertools
import math
from functools import partial

import pytest
import test_graphs
import tiny
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from disentangled import costs, models, stacks, store
from disentangled.data import FactorData
from disentangled.nets import PARTS, Part
from disentangled.nets import info_gan as nets
from disentangled.objectives import (
    OBJECTIVES,
    Source,
    held_axis,
    holding,
    info_bound,
    info_gan,
    info_gan_cr,
    info_gan_discriminator,
    info_gan_encoder,
)
from disentangled.objectives.inputs import drawn_from
from disentangled.scoring import encoded, taken
from disentangled.stacks import Stack
from disentangled.streams import Stream
from disentangled.training import fit

pytestmark = pytest.mark.usefixtures("one_thread")

SMALLEST = nets.Widths((4, 4, 4, 4), 16)
LOG_2 = math.log(2)
SWITCH = 10
"""Step from which on pairs count in the tiny runs."""

FOLLOWED = (25, 10)
"""Steps of both phases that a plain loop follows. Some ten more, and a slope of the judge of pairs
is so near to zero that its rounding decides a step of Adam, which those after it blow up."""


def images():
    """The tiny images with 16 pixels in the place of each, which four convolutions can halve."""
    of = tiny.images()
    pictures = of.images.repeat_interleave(4, -1).repeat_interleave(4, -2)
    about = {"source": of.source, "nuisances": of.nuisances, "unordered": of.unordered}
    return FactorData(of.name, pictures, of.factors, of.factor_names, of.factor_sizes, **about)


DATA = images()
SHAPE = (1, 16, 16)


@pytest.fixture(autouse=True)
def _parts(monkeypatch):
    for role in ("generator", "discriminator", "contrastive"):
        build = partial(getattr(nets, role), widths=SMALLEST)
        monkeypatch.setitem(PARTS, f"tiny_{role}", Part(build))


def run(objective, **changes):
    """50 steps of the game, in which pairs count from step 10 on, and 50 of its encoder."""
    roles = OBJECTIVES[objective].nets
    chosen = {role: f"tiny_{role}" for role in roles if role != "encoder"}
    weights = {"contrast_from": SWITCH} if objective == "info_gan_cr" else {}
    settings = {"size": 16, "nets": chosen, "weights": weights, "steps": 50, "steps_after": 50}
    return tiny.run(objective, **(settings | changes))


# Losses.


def grid(n):
    """Middles of n even cells of [-1, 1]: (n, 1)."""
    return ((2 * torch.arange(n, dtype=torch.float64) + 1) / n - 1)[:, None]


def test_the_bound_of_codes_read_without_error():
    """D (log 2 - ½ log 2π) with a variance of one: below zero, where I(z; x) is infinite."""
    code = torch.rand(7, 3, dtype=torch.float64)
    bound = float(info_bound(code, code, torch.zeros_like(code)))
    assert bound == pytest.approx(3 * (LOG_2 - 0.5 * math.log(2 * math.pi)))
    assert bound == pytest.approx(3 * -0.2258, abs=1e-3)


def test_the_bound_of_a_reader_that_is_blind():
    """The best constant law has the prior's variance 1/3: log 2 - ½ log(2πe/3), below I = 0."""
    code = grid(20_000)
    blind = torch.zeros_like(code)
    best = float(info_bound(code, blind, blind + math.log(1 / 3)))
    assert best == pytest.approx(LOG_2 - 0.5 * math.log(2 * math.pi * math.e / 3), abs=1e-6)
    assert best < 0
    for other in (-0.1, 0.1):
        assert float(info_bound(code, blind, blind + math.log(1 / 3) + other)) < best


@pytest.mark.parametrize("cells", [2, 8])
def test_the_bound_is_below_what_an_image_tells(cells):
    """An image that shows in which of m even cells the code lies tells log m. The best normal
    reading has the cell's middle and variance (2/m)²/12, and says log m - ½ log(2πe/12)."""
    code = grid(cells * 1000)
    middle = (2 * ((code + 1) * cells / 2).floor() + 1) / cells - 1
    logvar = torch.full_like(code, math.log((2 / cells) ** 2 / 12))
    bound = float(info_bound(code, middle, logvar))
    assert bound == pytest.approx(
        math.log(cells) - 0.5 * math.log(2 * math.pi * math.e / 12), abs=1e-5
    )
    assert bound < math.log(cells)


def test_the_discriminators_loss():
    p, q = torch.tensor([0.9, 0.6]), torch.tensor([0.2, 0.5])
    code, read = torch.tensor([[0.5, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    loss = info_gan_discriminator(p.logit(), q.logit(), code, read, information=0.3)
    bound = 2 * LOG_2 - math.log(2 * math.pi) - 0.5 * (0.25 + 1.0) / 2
    assert float(loss.terms["real"]) == pytest.approx(-math.log(0.9 * 0.6) / 2)
    assert float(loss.terms["made"]) == pytest.approx(-math.log(0.8 * 0.5) / 2)
    assert float(loss.terms["info_bound_before"]) == pytest.approx(bound)
    total = -0.5 * math.log(0.9 * 0.6) - 0.5 * math.log(0.8 * 0.5) - 0.3 * bound
    assert float(loss.total) == pytest.approx(total)


def test_the_best_discriminator_measures_how_far_laws_are_apart():
    """2 log 2 - 2 JS of the laws (3/4, 1/4) and (1/4, 3/4), at odds p(data) / p(made)."""
    real, made = torch.tensor([0.0, 0, 0, 1]).long(), torch.tensor([0.0, 1, 1, 1]).long()
    odds = torch.tensor([3.0, 1 / 3], dtype=torch.float64).log()
    code = torch.zeros(4, 1, dtype=torch.float64)
    loss = info_gan_discriminator(odds[real], odds[made], code, code, information=0.0)
    js = LOG_2 - (-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert float(loss.total) == pytest.approx(2 * LOG_2 - 2 * js)
    blind = info_gan_discriminator(0 * odds, 0 * odds, code, code, information=0.0)
    assert float(blind.total) == pytest.approx(2 * LOG_2)


def test_the_generators_loss_does_not_saturate():
    sure = torch.tensor([-30.0], requires_grad=True)
    code = torch.zeros(1, 4)
    loss = info_gan(sure, code, code, information=0.5)
    assert loss.terms["fooling"].item() == pytest.approx(30.0)
    bound = 4 * (LOG_2 - 0.5 * math.log(2 * math.pi))
    assert loss.total.item() == pytest.approx(30.0 - 0.5 * bound)
    (slope,) = torch.autograd.grad(loss.total, sure)
    assert float(slope) == pytest.approx(-1.0)


def test_guesses_of_the_axis_held():
    held = torch.tensor([2, 0])
    assert float(held_axis(torch.zeros(2, 5), held)) == pytest.approx(math.log(5))
    p = torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    assert float(held_axis(p.log(), held)) == pytest.approx(-math.log(0.7 * 0.5) / 2)


def test_one_axis_is_held():
    one, other = torch.arange(6.0).view(2, 3), 10 + torch.arange(6.0).view(2, 3)
    expected = [[10.0, 1.0, 12.0], [13.0, 14.0, 5.0]]
    assert holding(one, other, torch.tensor([1, 2])).tolist() == expected


def test_pairs_count_from_their_step_on():
    code, logits = torch.zeros(2, 3), torch.zeros(2)
    pair, held = torch.randn(2, 3), torch.tensor([2, 0])
    alone = info_gan(logits, code, code, information=0.05).total
    guess = functional.cross_entropy(pair, held)
    for step, weight in ((0, 0.0), (19, 0.0), (20, 2.0), (21, 2.0)):
        loss = info_gan_cr(logits, code, code, pair, held, step=torch.tensor(step),
                           information=0.05, contrast=2.0, contrast_from=20.0)  # fmt: skip
        assert float(loss.total) == pytest.approx(float(alone + weight * guess))
        assert float(loss.terms["held_axis"]) == pytest.approx(float(guess))


def test_the_encoders_loss_is_the_negative_log_likelihood():
    code, mean = torch.tensor([[0.5, -0.5]]), torch.tensor([[0.0, 0.5]])
    logvar = torch.tensor([[0.0, math.log(4.0)]])
    loss = info_gan_encoder(code, mean, logvar)
    total = 0.5 * (0.25 + math.log(2 * math.pi)) + 0.5 * (1 / 4 + math.log(8 * math.pi))
    assert float(loss.total) == pytest.approx(total)
    assert float(loss.terms["info_bound"]) == pytest.approx(2 * LOG_2 - total)


# Draws.


def test_codes_are_even_and_axes_drawn_evenly():
    source = Source(DATA, steps=400, first=0, batch=50, n_axes=3, root=None)
    drawn = drawn_from(OBJECTIVES["info_gan_cr"].inputs, source, torch.Generator().manual_seed(1))
    shapes = {"code": (3,), "noise": (nets.N_NOISE,), "codes": (2, 3), "noises": (nets.N_NOISE,)}
    for name, shape in shapes.items():
        values = drawn[name]
        assert values.shape == (400, 50, *shape)
        assert -1 <= float(values.min()) < -0.999 < 0.999 < float(values.max()) <= 1
        assert float(values.mean()) == pytest.approx(0.0, abs=0.01)
        assert float(values.square().mean()) == pytest.approx(1 / 3, abs=0.01)
    shares = drawn["held"].flatten().bincount() / 20_000
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.015)
    assert len(drawn["step"]) == 400


def test_a_pair_shares_the_axis_held_and_the_noise_alone():
    """The judge of pairs gets the very inputs of the generator, of which the loss makes images."""
    source = Source(DATA, steps=1, first=0, batch=8, n_axes=3, root=None)
    recipe = OBJECTIVES["info_gan_cr"]
    drawn = drawn_from(recipe.inputs, source, torch.Generator().manual_seed(0))
    draw = {name: values[0] for name, values in drawn.items()}
    seen = []

    def judge(pair):
        seen.append(pair.logit())
        return torch.zeros(8, 3)

    (player,) = recipe.rounds[0]
    loss, _ = player.loss({"generator": lambda z: z, "contrastive": judge}, draw, {})
    assert float(loss.total) == pytest.approx(math.log(3))
    one, other = seen[0].chunk(2, 1)  # code and noise, each (8, 3 + N_NOISE)
    same = torch.isclose(one, other, atol=1e-5)
    assert same[:, 3:].all()
    assert torch.equal(same[:, :3], functional.one_hot(draw["held"], 3).bool())


# Nets.


def count(module):
    return sum(p.numel() for p in module.parameters())


CONVS = 16_416 + 32_832 + 65_600  # 32-32, 32-64, 64-64, kernels of 4 x 4 and biases
BY_LAYER = {  # of 64 x 64 pixels, 5 codes and 5 numbers of noise, one channel and three
    "generator": (1_408 + 256 + 132_096 + 2_048 + 65_600 + 128 + 32_800 + 64 + 16_416 + 64 + 513,
                  1_026),
    "discriminator": (544 + CONVS + 131_200 + 129 + 16_512 + 645, 1_024),
    "contrastive": (1_056 + CONVS + 131_200 + 645, 2_048),
}  # fmt: skip


@pytest.mark.parametrize("role", BY_LAYER)
def test_parameter_counts(role):
    of_grey, more_of_colour = BY_LAYER[role]
    build = PARTS[f"info_gan_{role}"].build
    assert count(build((1, 64, 64), 5)) == of_grey
    assert count(build((3, 64, 64), 5)) == of_grey + more_of_colour
    if role == "generator":  # that of Kim & Mnih, and batch norm
        assert of_grey == 248_833 + 2 * (128 + 1024 + 64 + 32 + 32)


@pytest.mark.parametrize("size", ["", "small_"])
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 64)])
def test_shapes(size, shape):
    generator, discriminator, contrastive = (
        PARTS[f"info_gan_{size}{role}"].build(shape, 4) for role in BY_LAYER
    )
    made = generator(torch.zeros(2, 4 + nets.N_NOISE))
    assert made.shape == (2, *shape)
    logits, read = discriminator(made)
    assert (logits.shape, read.shape) == ((2,), (2, 4))
    assert contrastive(torch.cat([made, made], 1)).shape == (2, 4)


def test_judges_have_spectral_norm_and_start_as_published():
    torch.manual_seed(0)
    shape = (1, 64, 64)
    normed = {}
    for name in ("generator", "discriminator", "contrastive"):
        net = getattr(nets, name)(shape, 5)
        kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
        layers = [m for m in net.modules() if isinstance(m, kinds)]
        normed[name] = [hasattr(layer, "parametrizations") for layer in layers]
        for layer in layers:
            bare = dict(layer.named_parameters())
            weight = bare.get("weight", bare.get("parametrizations.weight.original"))
            assert float(weight.detach().std()) == pytest.approx(0.02, rel=0.15)
            assert not bare["bias"].detach().any()
    assert normed == {
        "generator": [False] * 6, "discriminator": [True] * 8,
        "contrastive": [True] * 5 + [False],
    }  # fmt: skip


def bands(code):
    """Images (B, 1, 16, 16) of three bands, whose greys are the code (B, 3)."""
    grey = ((code + 1) / 2).repeat_interleave(torch.tensor([5, 5, 6]), 1)
    return grey[:, None, :, None].expand(-1, 1, 16, 16)


def read_with_variance_one(net, code, other, held):
    _, read = net(bands(code))
    return -info_bound(code, read, torch.zeros_like(read))


def guess(net, code, other, held):
    return held_axis(net(torch.cat([bands(code), bands(holding(code, other, held))], 1)), held)


@pytest.mark.parametrize(
    ("role", "loss", "least", "blind"),
    [
        ("discriminator", read_with_variance_one, 3 * 0.2258, 3 * (0.2258 + 1 / 6)),
        ("contrastive", guess, 0.0, math.log(3)),
    ],
)
def test_judges_learn_what_images_show(role, loss, least, blind):
    """In 200 steps more than half of the way from blind to the least loss, which is known."""
    torch.manual_seed(0)
    net = getattr(nets, f"small_{role}")(SHAPE, 3)
    moved = [p for name, p in net.named_parameters() if "realness" not in name]
    adam, losses = torch.optim.Adam(moved, 2e-3, (0.5, 0.999)), []
    for _ in range(200):
        code, other = 2 * torch.rand(2, 64, 3) - 1
        value = loss(net, code, other, torch.randint(3, (64,)))
        adam.zero_grad()
        value.backward()
        adam.step()
        losses.append(float(value.detach()))
    assert losses[0] == pytest.approx(blind, abs=0.05)
    assert least - 0.01 < sum(losses[-20:]) / 20 < (least + blind) / 2


# Training.


def bce(logits, label):
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


class Plain:
    """The games as one writes them first, with torch's own losses."""

    def __init__(self, run, seed):
        self.run = run
        self.nets = stacks.build(run, seed, SHAPE)
        moved = ("discriminator", "generator", "generator", "contrastive", "encoder")
        names = ("discriminator", "generator", "again", "contrastive", "encoder")
        self.adam = {
            name: torch.optim.Adam(
                self.nets[role].parameters(),
                2e-3 if role in ("discriminator", "contrastive") else run.learning_rate,
                (0.9, 0.999) if role == "encoder" else (0.5, 0.999),
            )
            for name, role in zip(names, moved, strict=True) if role in self.nets
        }  # fmt: skip

    def move(self, name, loss):
        self.adam[name].zero_grad()
        loss.backward()
        self.adam[name].step()

    def make(self, code, noise):
        return torch.sigmoid(self.nets["generator"](torch.cat([code, noise], 1)))

    def pair(self, now):
        codes = [now["codes"][:, 0].clone(), now["codes"][:, 1].clone()]
        for i, axis in enumerate(now["held"]):
            codes[1][i, axis] = codes[0][i, axis]
        return torch.cat([self.make(code, now["noises"]) for code in codes], 1)

    def step(self, now, t):
        discriminator, contrastive = self.nets["discriminator"], self.nets.get("contrastive")
        x, code = DATA.pixels(now["x"]), now["code"]
        if contrastive:
            guess = contrastive(self.pair(now).detach())
            self.move("contrastive", functional.cross_entropy(guess, now["held"]))
        made = self.make(code, now["noise"]).detach()
        logits, read = discriminator(torch.cat([x, made]))
        real, fake = bce(logits[:8], 1.0), bce(logits[8:], 0.0)
        error = 0.5 * ((read[8:] - code) ** 2).sum(1).mean()
        self.move("discriminator", real + fake + 0.05 * error)
        for name in ("generator", "again"):
            logits, read = discriminator(self.make(code, now["noise"]))
            loss = bce(logits, 1.0) + 0.05 * 0.5 * ((read - code) ** 2).sum(1).mean()
            if contrastive:
                guess = functional.cross_entropy(contrastive(self.pair(now)), now["held"])
                loss = loss + (2.0 if t >= SWITCH else 0.0) * guess
            self.move(name, loss)

    def step_after(self, now):
        made = self.make(now["code"], now["noise"]).detach()
        mean, logvar = self.nets["encoder"](made)
        nll = functional.gaussian_nll_loss(mean, now["code"], logvar.exp(), reduction="sum")
        self.move("encoder", nll / 8)


@pytest.mark.parametrize("objective", ["info_gan", "info_gan_cr"])
def test_a_stack_equals_a_plain_loop(objective):
    of, seeds = run(objective), (4, 7)
    stack, plain = Stack(of, seeds, DATA, tiny.CPU), [Plain(of, seed) for seed in seeds]
    streams = [Stream(of, seed, DATA) for seed in seeds]
    for stack.step, n_steps in zip((0, of.steps), FOLLOWED, strict=True):
        for draw in itertools.islice(stack.draws(), n_steps):
            stack.play(draw)
        for one, stream in zip(plain, streams, strict=True):
            drawn = stream.chunk(stack.step)
            for t in range(n_steps):
                now = {name: values[t] for name, values in drawn.items()}
                one.step(now, t) if stack.step == 0 else one.step_after(now)
    for position, seed in enumerate(seeds):
        first = stacks.build(of, seed, SHAPE)
        for role, net in plain[position].nets.items():
            for name, expected in net.named_parameters():
                ours = stack.params[role][name][position]
                torch.testing.assert_close(ours, expected, rtol=0, atol=5e-5, msg=f"{role}.{name}")
                start = dict(first[role].named_parameters())[name]
                assert float((expected - start).detach().abs().max()) > 0.001, (role, name)
            for name, expected in net.named_buffers():
                ours = stack.buffers[role][name][position]
                torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("step", "seeds"), [(0, (0, 1)), (0, (0,)), (50, (0, 1))])
def test_a_replayed_step_equals_a_played_one(step, seeds):
    """Of both phases; pairs count from the second of these steps on."""
    of = run("info_gan_cr", weights={"contrast_from": 1})
    assert test_graphs.apart(of, seeds, DATA, step, n_steps=3) == []


@pytest.mark.parametrize("step", [0, 50])
def test_a_step_runs_without_values(step):
    stack = Stack(run("info_gan_cr"), (0, 1), DATA, tiny.CPU)
    stack.step = step
    stack.ahead = stack._chunk()  # drawing is no part of the step
    with FakeTensorMode(allow_non_fake_inputs=True):
        held = (stack.params, stack.buffers)
        stack._adopt(*(test_graphs.detached(tensors) for tensors in held))
        stack.begin_chunk()
        stack.one_step()
        assert {t.shape for t in stack.sums.values()} == {(2,)}


def test_what_a_step_of_the_encoder_costs():
    """The generator once forward, and the encoder forward and backward, whose first layer needs no
    gradient by the pixels: 2 B n m for a layer of n to m, 16 times that for a pixel of a map."""
    maps = 4 * 4 * 16 * (1 + 2**2 + 4**2) + 4 * 1 * 16 * 8**2
    generator = (3 + nets.N_NOISE) * 16 + 16 * 4 + maps
    encoder = 2 * 256 * 64 + 3 * 64 * 64 + 3 * 64 * 6
    second = costs.dry_step(run("info_gan_cr"), SHAPE, second_phase=True)
    assert second.flops == 2 * 8 * (generator + encoder)


def test_correlated_noise_is_refused():
    with pytest.raises(ValueError, match="a GAN adds no noise to a code"):
        fit(run("info_gan", noise_correlation=0.6), [0], DATA, hardware=tiny.CPU)


@pytest.fixture(scope="module")
def two_gans():
    with pytest.MonkeyPatch.context() as patch:
        for role in ("generator", "discriminator", "contrastive"):
            patch.setitem(PARTS, f"tiny_{role}",
                          Part(partial(getattr(nets, role), widths=SMALLEST)))  # fmt: skip
        return fit(run("info_gan"), [3, 5], DATA, hardware=tiny.CPU)


def test_a_code_is_decoded_at_noise_zero_and_within_the_priors_range(two_gans):
    z = torch.tensor([[[0.5, -1.0, 1.0], [0.5, -3.0, 1.5]]]).repeat(2, 1, 1)
    logits = two_gans.decode(z)
    assert logits.shape == (2, 2, *SHAPE)
    torch.testing.assert_close(logits[:, 0], logits[:, 1])
    alone = stacks.build(two_gans.run, 5, SHAPE)["generator"].eval()
    tensors = {k: v[1] for k, v in two_gans.params["generator"].items()}
    tensors |= {k: v[1] for k, v in two_gans.buffers["generator"].items()}
    alone.load_state_dict(tensors)
    with torch.no_grad():
        expected = alone(torch.cat([z[1, :1], torch.zeros(1, nets.N_NOISE)], 1))
    torch.testing.assert_close(logits[1, :1], expected)


def test_scores_read_the_encoder_and_no_likelihood(two_gans, tmp_path, monkeypatch):
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    one = two_gans.alone(1)
    models.keep(one)
    again = models.kept(one.run, 5, 100, DATA)
    for ours, expected in zip(again.encode(DATA), one.encode(DATA), strict=True):
        assert torch.equal(ours, expected)
    code = encoded(one, DATA)
    assert code.mean.shape == (64, 3)
    (numbers,) = (scored.numbers for scored in taken(["losses"], one, DATA, code).values())
    of = {line["quantity"]: line["value"] for line in numbers}
    assert set(of) == {"distortion_of_one_picture", "loss_encoder"}
    assert of["loss_encoder"] == pytest.approx(float(two_gans.terms["encoder"][1]))
    bound = 3 * LOG_2 - of["loss_encoder"]
    assert float(two_gans.terms["info_bound"][1]) == pytest.approx(bound, abs=1e-5)
