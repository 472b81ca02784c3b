"""The translation task of paper B: pairs, losses in closed form, inner steps as a plain loop."""

import math

import pytest
import torch
from torch import nn

from disentangled.nets.bound import Bound
from disentangled.objectives.translation import (
    Pairs,
    cross_entropy,
    translation_loss,
    translation_pairs,
    with_feature,
)

Z = torch.arange(12.0).view(3, 4)
GIVEN = -torch.arange(4.0)


def test_a_feature_of_one_axis_and_of_two():
    assert with_feature(Z, GIVEN, 1).tolist() == [[0, -1, 2, 3], [4, -1, 6, 7], [8, -1, 10, 11]]
    of_two = with_feature(Z, GIVEN, 1, n_per_feature=2)
    assert of_two.tolist() == [[0, 1, -2, -3], [4, 5, -2, -3], [8, 9, -2, -3]]


def test_a_feature_and_a_code_for_each_image():
    found = with_feature(Z, -Z, torch.tensor([0, 3, 1]))
    assert found.tolist() == [[0, 1, 2, 3], [4, 5, 6, -7], [8, -9, 10, 11]]


def test_pairs_differ_in_what_the_feature_shows():
    pairs = translation_pairs(lambda z: z.view(-1, 1, 1, 4), Z, 2, (GIVEN, 10 * GIVEN))
    assert (pairs.after - pairs.before).flatten(1).tolist() == [[0, 0, -18, 0]] * 3
    assert pairs.before.flatten(1)[:, 3].tolist() == [3, 7, 11]


def test_the_loss_of_a_known_answer_is_the_entropy_and_that_of_no_answer_log_two():
    after = torch.rand(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    pairs = Pairs(after, after)
    entropy = -(after * after.log() + (1 - after) * (1 - after).log()).mean()
    assert float(cross_entropy(torch.logit, pairs)) == pytest.approx(float(entropy), rel=1e-5)
    assert float(cross_entropy(torch.zeros_like, pairs)) == pytest.approx(math.log(2), rel=1e-6)


def drawn(seed, scale):
    """Pairs of two images of four pixels, in float64, of a decoder that scales a code."""
    g = torch.Generator().manual_seed(seed)
    z = torch.randn(2, 4, generator=g, dtype=torch.float64)
    given = tuple(torch.randn(2, 4, generator=g, dtype=torch.float64))
    return translation_pairs(lambda z: (scale * z).sigmoid().view(-1, 1, 2, 2), z, 0, given)


def translator():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    return nn.Sequential(net, nn.Unflatten(1, (1, 2, 2))).double()


def after_steps(scale, steps=3):
    net = translator()
    return translation_loss(
        Bound(net, dict(net.named_parameters())), drawn(1, scale), drawn(2, scale),
        steps=steps, rate=0.7,
    )  # fmt: skip


def test_inner_steps_as_a_plain_loop_takes_them():
    scale, net = torch.tensor(1.5, dtype=torch.float64), translator()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.7)
    for _ in range(3):
        optimiser.zero_grad()
        cross_entropy(net, drawn(1, scale)).backward()
        optimiser.step()
    expected = cross_entropy(net, drawn(2, scale)).item()
    assert after_steps(scale).item() == pytest.approx(expected, rel=1e-12)
    untrained = cross_entropy(translator(), drawn(2, scale)).item()
    assert after_steps(scale, steps=0).item() == pytest.approx(untrained, rel=1e-12)


def test_gradients_reach_the_decoder_through_the_steps():
    scale = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(after_steps(scale), scale)
    with torch.no_grad():
        difference = (after_steps(scale + 1e-5) - after_steps(scale - 1e-5)) / 2e-5
    assert float(slope) == pytest.approx(float(difference), rel=1e-6)


def test_steps_below_none():
    with pytest.raises(ValueError, match="steps must be 0 or more"):
        after_steps(torch.tensor(1.0, dtype=torch.float64), steps=-1)
