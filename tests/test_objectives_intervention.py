"""The intervention model: losses of known value, its gradients, training as a plain loop."""

import itertools
import math

import pytest
import test_graphs
import tiny
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from disentangled import stacks
from disentangled.nets import PARTS, Part
from disentangled.nets.bound import Bound
from disentangled.objectives import OBJECTIVES, adversarial, intervention, intervention_first
from disentangled.scoring import encoded, taken
from disentangled.stacks import Stack
from disentangled.streams import Stream
from disentangled.training import fit
from disentangled.types import Loss

pytestmark = pytest.mark.usefixtures("one_thread")

DATA = tiny.images()
SHAPE = (1, 4, 4)
LOG_2 = math.log(2)
BOTH = ["intervention_first", "intervention"]
BCE = functional.binary_cross_entropy_with_logits


def loud(*layers):
    """A net that starts with large weights: images and what is said of them differ from the
    first step on, lest rounding decide where the slopes of the weights are near to zero."""
    net = nn.Sequential(*layers)
    for parameter in net.parameters():
        parameter.data *= 3
    return net


PIECES = {
    "encoder": lambda shape, n_axes: loud(
        nn.Flatten(), nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, n_axes)
    ),
    "decoder": lambda shape, n_axes: loud(
        nn.Linear(n_axes, 32), nn.Tanh(), nn.Linear(32, 16), nn.Unflatten(1, shape)
    ),
    "discriminator": lambda shape, n_axes: loud(
        nn.Flatten(), nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 1), nn.Flatten(0)
    ),
    "translator": lambda shape, n_axes: nn.Sequential(
        nn.Conv2d(1, 4, 3, 1, 1), nn.Tanh(), nn.Conv2d(4, 1, 3, 1, 1)
    ),
}
PIECES["weighting"] = PIECES["discriminator"]


@pytest.fixture(autouse=True)
def _parts(monkeypatch):
    for role, build in PIECES.items():
        monkeypatch.setitem(PARTS, f"tiny_{role}", Part(build))


def run(objective="intervention", **changes):
    chosen = {role: f"tiny_{role}" for role in OBJECTIVES[objective].nets}
    return tiny.run(objective, **({"net": "", "nets": chosen} | changes))


# Losses.


def test_a_discriminator_that_cannot_tell_gains_minus_log_4():
    judged, weights = torch.zeros(2, 5), torch.randn(5)
    assert float(adversarial(judged[0], judged[1], weights)) == pytest.approx(-2 * LOG_2)


def test_the_adversarial_loss_is_the_printed_sum():
    f, f_other = [0.9, 0.5, 0.2], [0.3, 0.6, 0.7]
    w = [2.0, 0.5, 3.0]
    mean_w = sum(w) / 3
    expected = sum(math.log(p) for p in f) / 3
    expected += sum(weight / mean_w * math.log(1 - p)
                    for weight, p in zip(w, f_other, strict=True)) / 3  # fmt: skip
    found = adversarial(
        torch.tensor(f).logit(), torch.tensor(f_other).logit(), torch.tensor(w).log()
    )
    assert float(found) == pytest.approx(expected, abs=1e-6)
    scaled = adversarial(
        torch.tensor(f).logit(), torch.tensor(f_other).logit(), torch.tensor(w).log() + 3
    )
    assert float(scaled) == pytest.approx(expected, abs=1e-5)


def test_weights_that_lead_back_leave_the_discriminator_nothing_to_gain():
    """Images of three kinds, 5, 3 and 2 of ten before and 2, 2 and 6 after: at W = p / p' the
    best discriminator is ½ everywhere; at even weights another one gains."""
    before, after = torch.tensor([5, 3, 2]), torch.tensor([2, 2, 6])
    kinds, others = (torch.arange(3).repeat_interleave(n) for n in (before, after))

    def slope(log_weights):
        of_kind = torch.zeros(3, requires_grad=True)
        value = adversarial(of_kind[kinds], of_kind[others], log_weights[others])
        return torch.autograd.grad(value, of_kind)[0]

    torch.testing.assert_close(slope((before / after).log()), torch.zeros(3))
    # ½ (p - p') at even weights
    torch.testing.assert_close(slope(torch.zeros(3)), torch.tensor([0.15, 0.05, -0.2]))


def test_totals_are_the_weighted_sums():
    torch.manual_seed(0)
    x, logits, back = torch.rand(3, 1, 2, 2), *torch.randn(2, 3, 1, 2, 2)
    judged = torch.randn(3, 3)
    loss = intervention_first(
        x, logits, back, *judged, pixel_area=4, lambda_in=0.5, lambda_adv=2.0
    )
    of = {name: 4 * 4 * float(BCE(of_it, x)) for name, of_it in (("d", logits), ("i", back))}
    gain = float(adversarial(*judged))
    assert float(loss.terms["distortion"]) == pytest.approx(of["d"], rel=1e-5)
    assert float(loss.terms["inverse"]) == pytest.approx(of["i"], rel=1e-5)
    expected = of["d"] + 0.5 * of["i"] + 2 * gain
    assert float(loss.total) == pytest.approx(expected, rel=1e-5)
    second = intervention(loss, torch.tensor(7.0), lambda_diff=0.25)
    assert float(second.total) == pytest.approx(expected + 1.75, rel=1e-5)
    assert set(second.terms) == {"distortion", "inverse", "adversarial", "translation"}


def test_setting_back_what_the_encoder_reads_undoes_an_intervention():
    """An encoder and a decoder that are each other's inverse: L_in is L_rec, and both are what
    the images themselves cost. Of 2 x 2 pixels in (0, 1) each pixel's logit is an axis."""
    torch.manual_seed(0)
    x = 0.1 + 0.8 * torch.rand(6, 1, 2, 2)
    nets = {
        "encoder": lambda x: x.logit().flatten(1),
        "decoder": lambda z: z.unflatten(1, (1, 2, 2)),
        "discriminator": lambda x: x.new_zeros(len(x)),
        "weighting": lambda x: x.new_zeros(len(x)),
    }
    ((player, *_),) = OBJECTIVES["intervention_first"].rounds
    draw = {"x": x, "feature": torch.tensor([0, 1, 2, 3, 0, 1])}
    loss, said = player.loss(nets, draw, {}, n_data=6, pixel_area=1, lambda_in=1.0, lambda_adv=1.0)
    entropy = float((torch.special.entr(x) + torch.special.entr(1 - x)).sum()) / 6
    assert float(loss.terms["distortion"]) == pytest.approx(entropy, rel=1e-5)
    assert float(loss.terms["inverse"]) == pytest.approx(entropy, rel=1e-5)
    expected = x.flatten(1).clone()
    for i, k in enumerate(draw["feature"]):
        expected[i, k] = x.flatten(1)[(i + 1) % 6, k]
    torch.testing.assert_close(said["intervened"].flatten(1), expected)
    torch.testing.assert_close(said["reconstructed"], x)


@pytest.mark.parametrize("objective", BOTH)
@pytest.mark.parametrize("role", ["encoder", "decoder", "translator"])
def test_gradients_are_finite_differences(objective, role):
    """Through both interventions, and through the steps in which the translation is learned."""
    recipe = OBJECTIVES[objective]
    if role not in recipe.nets:
        return
    torch.manual_seed(0)
    modules = {name: PIECES[name](SHAPE, 4) for name in recipe.nets}
    ((player, *_),) = recipe.rounds
    draw = {"x": torch.rand(8, *SHAPE), "feature": torch.randint(2, (8,)),
            "translated": torch.tensor(1)}  # fmt: skip
    weights = recipe.weights | {"translation_steps": 2.0} if "translator" in modules else {}
    weights = {**recipe.weights, **weights}

    def total(changed):
        bound = {n: Bound(m, dict(m.named_parameters())) for n, m in modules.items()}
        bound[role] = bound[role].at(changed)
        loss, _ = player.loss(bound, draw, {}, n_data=8, pixel_area=2, axes_per_feature=2,
                              **weights)  # fmt: skip
        return loss.total

    start = {k: v.detach().requires_grad_() for k, v in modules[role].named_parameters()}
    slopes = torch.autograd.grad(total(start), list(start.values()))
    for seed in range(3):
        torch.manual_seed(seed)
        way = {k: torch.randn_like(v) for k, v in start.items()}
        ends = [
            float(total({k: v.detach() + by * way[k] for k, v in start.items()}).detach())
            for by in (0.005, -0.005)
        ]
        expected = float(sum((s * way[k]).sum() for s, k in zip(slopes, way, strict=True)))
        assert (ends[0] - ends[1]) / 0.01 == pytest.approx(expected, rel=0.02, abs=0.05)


def test_each_player_moves_its_side_of_one_game():
    """The discriminator maximises what autoencoder and weights minimise."""
    of = run("intervention_first")
    stack = Stack(of, (0,), DATA, tiny.CPU)
    draw = next(stack.draws())
    nets = {
        role: Bound(stack.templates[role], {k: v[0] for k, v in stack.params[role].items()})
        for role in of.roles()
    }
    draw, heard, found = {k: v[0] for k, v in draw.items()}, {}, {}
    for player in stack.recipe.players():
        loss, said = player.loss(nets, draw, heard, n_data=64, pixel_area=1, **of.weights)
        assert isinstance(loss, Loss)
        found[player.name], heard = loss, heard | said
    gain = float(found["autoencoder"].terms["adversarial"].detach())
    assert float(found["discriminator"].total.detach()) == pytest.approx(-gain, rel=1e-5)
    judged = nets["discriminator"](heard["reconstructed"]).detach()
    first = float(functional.logsigmoid(judged).mean())
    assert float(found["weighting"].total.detach()) == pytest.approx(gain - first, rel=1e-5)
    rates = {name: o.param_groups[0]["lr"] for name, o in stack.optimisers.items()}
    assert rates == {"autoencoder": 1e-3, "discriminator": 1e-3, "weighting": 1e-4}


# Training.


class Plain:
    """The game as one writes it first."""

    def __init__(self, run, seed):
        self.run, self.nets = run, stacks.build(run, seed, SHAPE)
        ours = ("encoder", "decoder", "translator")
        moved = {"autoencoder": [role for role in self.nets if role in ours],
                 "discriminator": ["discriminator"], "weighting": ["weighting"]}  # fmt: skip
        self.adam = {
            name: torch.optim.Adam(
                [p for role in roles for p in self.nets[role].parameters()],
                run.learning_rate * (0.1 if name == "weighting" else 1),
            )
            for name, roles in moved.items()
        }

    def changed(self, code, values, features):
        new = code.clone()
        size = self.run.axes_per_feature
        for i, k in enumerate(features.tolist()):
            new[i, k * size : (k + 1) * size] = values[i, k * size : (k + 1) * size]
        return new

    def translate(self, w, u):
        hidden = torch.tanh(functional.conv2d(u, w["0.weight"], w["0.bias"], 1, 1))
        return functional.conv2d(hidden, w["2.weight"], w["2.bias"], 1, 1)

    def difficulty(self, code, k):
        others = code[2:6]
        pictures = [
            torch.sigmoid(self.nets["decoder"](
                self.changed(others, code[place].expand(4, -1), k.expand(4))))
            for place in (0, 1)
        ]  # fmt: skip
        (u, u_test), (v, v_test) = ((p[:2], p[2:]) for p in pictures)
        w = dict(self.nets["translator"].named_parameters())
        for _ in range(3):
            slopes = torch.autograd.grad(
                BCE(self.translate(w, u), v), list(w.values()), create_graph=True
            )
            w = {name: v_ - 1.0 * s for (name, v_), s in zip(w.items(), slopes, strict=True)}
        return 16 * BCE(self.translate(w, u_test), v_test)

    def step(self, now):
        encoder, decoder, discriminator, weighting = (
            self.nets[role] for role in ("encoder", "decoder", "discriminator", "weighting")
        )
        x, f, w = DATA.pixels(now["x"]), discriminator, weighting
        code = encoder(x)
        other = torch.cat([code[1:], code[:1]])
        pictures = torch.sigmoid(decoder(code))
        made = torch.sigmoid(decoder(self.changed(code, other, now["feature"])))
        back = decoder(self.changed(encoder(made), code, now["feature"]))

        def gain(pictures, made):
            weights = w(made).exp()
            return (
                functional.logsigmoid(f(pictures)).mean()
                + (weights / weights.mean() * functional.logsigmoid(-f(made))).mean()
            )

        total = 16 * BCE(decoder(code), x) + 0.25 * 16 * BCE(back, x) + 10 * gain(pictures, made)
        if "translator" in self.nets:
            total = total + self.difficulty(code, now["translated"])
        seen = pictures.detach(), made.detach()
        roles = {"autoencoder": total, "discriminator": -gain(*seen), "weighting": gain(*seen)}
        slopes = {}
        for name, loss in roles.items():
            moved = self.adam[name].param_groups[0]["params"]
            slopes[name] = torch.autograd.grad(loss, moved, retain_graph=True)
        for name, adam in self.adam.items():
            for p, slope in zip(adam.param_groups[0]["params"], slopes[name], strict=True):
                p.grad = slope
            adam.step()


N_STEPS = 20


def shares(net):
    """What a net of weights says of all images: logarithms, in the mean 0."""
    said = net(DATA.pixels(torch.arange(64))).detach()
    return said - said.mean()


@pytest.mark.parametrize("objective", BOTH)
@pytest.mark.parametrize(("seeds", "size"), [((4, 7), 2), ((4,), 1)])
def test_a_stack_equals_a_plain_loop(objective, seeds, size):
    """Weights that are multiplied by one number stay the same, so that rounding decides how some
    parameters of their net move: its output is compared."""
    of = run(objective, n_axes=4, axes_per_feature=size)
    stack = Stack(of, seeds, DATA, tiny.CPU)
    for draw in itertools.islice(stack.draws(), N_STEPS):
        stack.play(draw)
    for position, seed in enumerate(seeds):
        plain, drawn = Plain(of, seed), Stream(of, seed, DATA).chunk()
        assert set(drawn["feature"].flatten().tolist()) == set(range(4 // size))
        for t in range(N_STEPS):
            plain.step({name: values[t] for name, values in drawn.items()})
        first = stacks.build(of, seed, SHAPE)
        weighting = plain.nets.pop("weighting")
        params = {k: v[position] for k, v in stack.params["weighting"].items()}
        ours = shares(Bound(weighting, params))
        torch.testing.assert_close(ours, shares(weighting), rtol=0, atol=2e-5)
        assert float((ours - shares(first["weighting"])).abs().max()) > 1e-3
        for role, net in plain.nets.items():
            start = dict(first[role].named_parameters())
            for name, expected in net.named_parameters():
                ours = stack.params[role][name][position]
                torch.testing.assert_close(ours, expected, rtol=0, atol=5e-5, msg=f"{role}.{name}")
                assert float((expected - start[name]).detach().abs().max()) > 1e-3, (role, name)


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
def test_a_replayed_step_equals_a_played_one(seeds):
    assert test_graphs.apart(run(), seeds, DATA, n_steps=4) == []


@pytest.mark.parametrize("objective", BOTH)
def test_a_step_runs_without_values(objective):
    stack = Stack(run(objective), (0, 1), DATA, tiny.CPU)
    stack.ahead = stack._chunk()
    with FakeTensorMode(allow_non_fake_inputs=True):
        held = (stack.params, stack.buffers)
        stack._adopt(*(test_graphs.detached(tensors) for tensors in held))
        stack.begin_chunk()
        stack.one_step()
        assert {t.shape for t in stack.sums.values()} == {(2,)}
    names = {"distortion", "inverse", "adversarial", "autoencoder", "discriminator", "weighting"}
    assert set(stack.sums) == names | ({"translation"} if objective == "intervention" else set())


def test_a_model_encodes_without_noise_and_scores_know_its_features():
    model = fit(run(n_axes=4, axes_per_feature=2), [3], DATA, hardware=tiny.CPU)
    code = encoded(model, DATA)
    assert torch.equal(code.z, code.mean)
    assert model.decode(code.z[None])[0].shape == (64, *SHAPE)
    (numbers,) = (scored.numbers for scored in taken(["distortion"], model, DATA, code).values())
    expected = 16 * BCE(model.decode(code.mean[None])[0], DATA.pixels(torch.arange(64)))
    assert numbers[0]["value"] == pytest.approx(float(expected), rel=1e-5)


def test_what_the_model_cannot_do_is_said():
    with pytest.raises(ValueError, match="adds no noise to a code"):
        fit(run(noise_correlation=0.6), [0], DATA, hardware=tiny.CPU)
    with pytest.raises(ValueError, match="a batch of 4 or more, got 2"):
        fit(run(batch=2), [0], DATA, hardware=tiny.CPU)
