"""Nets of paper B: parameters layer by layer from its tables, maps, and outputs."""

import pytest
import torch

from disentangled.nets import PARTS
from disentangled.nets import intervention as nets


def count(module):
    return sum(p.numel() for p in module.parameters())


# Tables 4 to 9 layer by layer: (kernel^2 * before + 1) * after of a convolution, transposed ones
# alike, (before + 1) * after of a dense layer. No public code is known.
SEEN_64 = 544 + 16_416 + 32_832 + 65_600  # 1 32 32 64 64
DIGITS = 3_136 + 131_200 + 147_584  # 3 64 128, then 3 x 3
FLOWERS = 6_272 + 262_272 + 524_544 + 1_048_832  # 3 128 128 256 256
JUDGED = 3_136 + 65_600 + 131_200 + 262_272  # 3 64 64 128 128
TABLES = [
    ("encoder", (1, 64, 64), 10, SEEN_64 + 131_200 + 1_290),
    ("encoder", (3, 64, 64), 10, SEEN_64 + 1_024 + 131_200 + 1_290),
    ("decoder", (1, 64, 64), 10, 1_408 + 132_096 + 65_600 + 32_800 + 16_416 + 513),
    ("judge", (3, 64, 64), 10, SEEN_64 + 1_024 + 131_200 + 129),
    ("digits_encoder", (3, 28, 28), 32, DIGITS + 200_736),
    ("digits_decoder", (3, 28, 28), 32, 33 * 64 * 49 + 65_600 + 3_075),
    ("digits_judge", (3, 28, 28), 32, DIGITS + 802_944 + 129),
    ("flowers_encoder", (3, 64, 64), 48, FLOWERS + 2_097_664 + 24_624),
    (
        "flowers_decoder",
        (3, 64, 64),
        48,
        25_088 + 2_101_248 + 1_048_832 + 524_416 + 262_272 + 6_147,
    ),
    ("flowers_judge", (3, 64, 64), 48, JUDGED + 524_544 + 65_792 + 257),
]


@pytest.mark.parametrize(("name", "shape", "n_axes", "known"), TABLES)
def test_parameters_and_outputs(name, shape, n_axes, known):
    with torch.device("meta"):
        net = PARTS[f"intervention_{name}"].build(shape, n_axes)
        given = torch.rand(2, n_axes) if "decoder" in name else torch.rand(2, *shape)
        out = net(given)
    assert count(net) == known
    role = name.rpartition("_")[2]
    assert out.shape == {"encoder": (2, n_axes), "decoder": (2, *shape), "judge": (2,)}[role]


def maps(net, x):
    """Shapes of the feature maps, in order."""
    shapes = []
    for layer in net:
        x = layer(x)
        if x.dim() == 4 and (not shapes or shapes[-1] != tuple(x.shape[1:])):
            shapes.append(tuple(x.shape[1:]))
    return shapes


def test_maps_of_the_nets_for_digits():
    torch.manual_seed(0)
    seen = maps(nets.digits_encoder((3, 28, 28), 32), torch.rand(2, 3, 28, 28))
    assert seen == [(64, 14, 14), (128, 7, 7)]
    made = maps(nets.digits_decoder((3, 28, 28), 32), torch.rand(2, 32))
    assert made == [(64, 7, 7), (64, 14, 14), (3, 28, 28)]


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 16, 16)])
def test_shallow_nets_and_the_translator_keep_the_shapes(shape):
    torch.manual_seed(0)
    x = torch.rand(2, *shape)
    assert nets.shallow_encoder(shape, 6)(x).shape == (2, 6)
    assert nets.shallow_judge(shape, 6)(x).shape == (2,)
    assert nets.translator(shape, 6)(x).shape == x.shape


def test_dense_layers_follow_each_other_as_printed():
    """Nothing stands between the last two layers of Table 4: they are one linear map."""
    torch.manual_seed(0)
    net = nets.encoder((1, 16, 16), 4)
    first, second = net[-2:]
    x = net[:-2](torch.rand(3, 1, 16, 16))
    one = x @ (second.weight @ first.weight).T + second.weight @ first.bias + second.bias
    torch.testing.assert_close(second(first(x)), one, atol=1e-6, rtol=0)


def test_judges_of_flowers_leak():
    net = nets.flowers_judge((3, 32, 32), 48)
    assert float(net[1](torch.tensor(-1.0))) == pytest.approx(-0.2)


def test_sides_that_cannot_be_halved():
    with pytest.raises(ValueError, match="multiple of 16"):
        nets.encoder((1, 28, 28), 10)
    with pytest.raises(ValueError, match="multiple of 4"):
        nets.digits_decoder((3, 30, 30), 32)
