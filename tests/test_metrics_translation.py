"""The difficulty of translation, on decoders of which it is known."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from disentangled.metrics import pixel_entropy, translation_difficulty, translation_limit
from disentangled.objectives import translator

CODE = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))


class Copy(nn.Module):
    """Logits of the image itself, plus a number that starts at 0."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return torch.logit(x) + self.shift


def hidden():
    """One hidden layer on images of four pixels."""
    layers = [nn.Flatten(), nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 4)]
    return nn.Sequential(*layers, nn.Unflatten(1, (1, 2, 2)))


def pixels(z):
    """Two pixels show the first axis, two the second."""
    return z.repeat_interleave(2, 1).sigmoid().view(-1, 1, 2, 2)


def difficulty(decode=pixels, code=CODE, net=hidden, steps=20, rate=2.0, seed=0, **settings):
    settings = {"n_tasks": 3, "batch": 16} | settings
    learn = translator(net, steps=steps, rate=rate)
    generator = torch.Generator().manual_seed(seed)
    return translation_difficulty(decode, code, learn=learn, generator=generator, **settings)


def test_entropy_of_pixels():
    assert float(pixel_entropy(torch.tensor([0.0, 1.0]))) == 0
    assert float(pixel_entropy(torch.tensor([[0.5, 0.5]]))) == pytest.approx(math.log(2))
    quarter = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    assert float(pixel_entropy(torch.tensor([0.25, 0.5]))) == pytest.approx(
        (quarter + math.log(2)) / 2
    )


def test_the_limit_where_one_picture_has_two_answers():
    before = torch.tensor([[0.1, 0.2], [0.1, 0.2], [0.3, 0.2]])
    after = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.25, 0.0]])
    quarter = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    found = float(translation_limit(before, after))
    assert found == pytest.approx((2 * math.log(2) + quarter) / 6, rel=1e-6)


def test_no_translator_is_below_the_limit():
    """A net of a table, one logit for each picture before, trained to the end."""
    g = torch.Generator().manual_seed(1)
    kinds = torch.randint(3, (12,), generator=g)
    before, after = torch.eye(3)[kinds].double(), torch.rand(12, 4, generator=g).double()
    logits = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-10)

    def loss():
        optimiser.zero_grad()
        value = nn.functional.binary_cross_entropy_with_logits(logits[kinds], after)
        value.backward()
        return value

    optimiser.step(loss)
    limit = float(translation_limit(before, after))
    assert loss().item() == pytest.approx(limit, abs=1e-7)
    assert limit > float(pixel_entropy(after)) + 0.01


def test_where_each_picture_has_one_answer_the_limit_is_the_entropy_however_mixed():
    """Of a grid of codes: aligned, mixed, all on one axis, and an axis that does nothing."""
    grid = torch.tensor(list(itertools.product(np.linspace(-1, 1, 4), repeat=2)))
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]], dtype=torch.float64)
    for mix in (torch.eye(2), turn, torch.tensor([[1.0, 3.0], [0.0, 0.0]])):
        for axis in (0, 1):
            given = grid.clone(), grid.clone()
            given[0][:, axis], given[1][:, axis] = -1.0, 0.5
            before, after = (pixels(z @ mix.double()) for z in given)
            entropy = float(pixel_entropy(after))
            assert float(translation_limit(before, after)) == pytest.approx(entropy, abs=1e-12)


def test_a_copy_loses_what_copying_loses():
    found = difficulty(net=Copy, steps=0)
    parts = found.parts
    np.testing.assert_allclose(parts["excesses"], parts["copied"], atol=1e-7)
    assert parts["feature"].tolist() == [0, 0, 0, 1, 1, 1]
    assert parts["loss"] == pytest.approx(parts["floor"] + parts["excesses"].mean())
    asks = np.minimum(parts["copied"], parts["averaged"]) >= 0.01 * parts["spread"]
    assert parts["asked"] == pytest.approx(asks.mean())
    assert found.value == pytest.approx(parts["copied"][asks].mean() / parts["spread"])


def test_the_spread_is_the_distance_from_the_mean_image():
    p = pixels(CODE.double()).flatten(1)
    q = p.mean(0)
    exact = float((p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean())
    # 1,000 draws of 200 codes
    assert difficulty(steps=0).parts["spread"] == pytest.approx(exact, rel=0.1)


def carries_everything(z):
    """Both pairs of pixels move with the first axis."""
    return pixels(torch.stack([z[:, 0], (3 * z[:, 0]).sin()], 1))


def nothing(z):
    return pixels(torch.zeros_like(z))


@pytest.mark.parametrize("decode", [nothing, carries_everything])
def test_degenerate_decoders_ask_for_nothing(decode):
    found = difficulty(decode)
    assert math.isnan(found.value)
    assert found.parts["asked"] == 0


def test_above_the_floor_a_feature_that_carries_everything_is_easier_than_disentangled_ones():
    """Its own task has one answer, that of the other feature is to copy."""
    aligned, degenerate = (difficulty(d, steps=200).parts for d in (pixels, carries_everything))
    assert degenerate["excesses"].mean() < 0.8 * aligned["excesses"].mean()
    np.testing.assert_allclose(degenerate["averaged"][:3], 0, atol=1e-6)
    np.testing.assert_allclose(degenerate["copied"][3:], 0, atol=1e-6)
    assert np.minimum(aligned["averaged"], aligned["copied"]).mean() > 0.02


def test_training_lowers_it_towards_none():
    """The loss falls with the steps: it measures a net and its steps, too."""
    by_steps = [difficulty(steps=steps).value for steps in (0, 20, 200)]
    assert by_steps[0] > by_steps[1] > by_steps[2] > 0
    assert by_steps[2] < 0.15


def test_features_of_two_axes():
    code = torch.cat([CODE, -CODE], 1)
    found = difficulty(lambda z: pixels(z[:, :2] + z[:, 2:] / 2), code, n_per_feature=2)
    assert found.parts["feature"].tolist() == [0, 0, 0, 1, 1, 1]


def test_a_seed_is_a_score_and_leaves_torchs_own_numbers_alone():
    before = torch.random.get_rng_state()
    assert difficulty().value == difficulty().value != difficulty(seed=1).value
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_per_feature": 3}, "n_per_feature must divide the 2 axes, got 3"),
        ({"rate": 0.0}, "rate must be above 0 and finite, .* got 0.0 and 20"),
        ({"steps": -1}, "steps 0 or more, got 2.0 and -1"),
        ({"batch": 0}, "batch must be a whole number of at least 1"),
        ({"n_tasks": 1.5}, "n_tasks must be a whole number"),
        ({"code": torch.full((3, 2), math.nan)}, "axis 0 holds 3 NaN"),
    ],
)
def test_settings_that_are_none(settings, message):
    with pytest.raises(ValueError, match=message):
        difficulty(**settings)
