"""Nets: parameter counts of the papers' tables, shapes, and errors."""

import pytest
import torch

from disentangled.nets import CRITICS, NETS


def count(module):
    return sum(p.numel() for p in module.parameters())


# Counts of the public code for 64 x 64 images and 10 axes: net, channels, encoder, decoder.
PRINTED = [
    ("chen_mlp", 1, 6_381_620, 7_814_896),
    ("kim_mnih_conv", 1, 249_172, 248_833),
    ("dlib_conv", 1, 309_204, 381_313),
    ("dlib_conv", 3, 310_228, 382_339),
    ("burgess_conv", 1, 252_052, 249_953),
    # no public code: layer by layer from the table, its last encoder layer with 20 outputs
    (
        "cheng_conv",
        1,
        544 + 32_832 + 2 * 65_600 + 524_800 + 10_260,
        5_632 + 524_352 + 65_600 + 32_800 + 16_416 + 513,
    ),
    ("cheng_conv", 3, 700_660, 646_339),
]


@pytest.mark.parametrize(("name", "channels", "encoder", "decoder"), PRINTED)
def test_parameter_counts(name, channels, encoder, decoder):
    assert count(NETS[name].encoder((channels, 64, 64), 10)) == encoder
    assert count(NETS[name].decoder((channels, 64, 64), 10)) == decoder


def test_the_shallow_net_sees_a_map_of_4_x_4():
    """Weights and biases layer by layer, on images of 32 x 32 pixels."""
    encoder, decoder = (half((1, 32, 32), 10) for half in NETS["conv_shallow"][:2])
    assert count(encoder) == 136 + 2_064 + 8_224 + (512 * 128 + 128) + 2_580
    assert count(decoder) == 1_408 + (128 * 512 + 512) + 8_208 + 2_056 + 129


def test_critics_have_the_printed_depths():
    assert count(CRITICS["kim_mnih_critic"](10)) == 4_017_002
    assert count(CRITICS["dlib_critic"](10)) == 5_018_002


@pytest.mark.parametrize("name", sorted(NETS))
@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 32, 32)])
def test_shapes(name, shape):
    mean, logvar = NETS[name].encoder(shape, 7)(torch.rand(2, *shape))
    assert mean.shape == logvar.shape == (2, 7)
    assert NETS[name].decoder(shape, 7)(mean).shape == (2, *shape)


def test_dlib_starts_with_zero_biases_and_glorot_weights():
    torch.manual_seed(0)
    net = NETS["dlib_conv"].decoder((1, 64, 64), 10)
    first = net[0]
    bound = (6 / (10 + 256)) ** 0.5
    assert float(first.bias.detach().abs().max()) == 0.0
    assert 0.95 * bound < float(first.weight.detach().abs().max()) <= bound


def test_a_side_that_cannot_be_halved_is_an_error():
    with pytest.raises(ValueError, match="multiple of 16"):
        NETS["dlib_conv"].encoder((1, 40, 40), 10)


def test_the_net_of_paper_d_has_the_maps_of_its_table():
    """Sides 32, 16, 8, 4, 1 down and 1, 4, 8, 16, 32, 64 up, and logits of either sign."""
    torch.manual_seed(0)
    encoder = NETS["cheng_conv"].encoder((3, 64, 64), 10)
    decoder = NETS["cheng_conv"].decoder((3, 64, 64), 10)
    maps = []
    for layer in [*encoder.trunk, *decoder]:
        layer.register_forward_hook(lambda _, __, out: maps.append(tuple(out.shape[1:])))
    mean, _ = encoder(torch.rand(2, 3, 64, 64))
    logits = decoder(mean).detach()
    kept = [shape for i, shape in enumerate(maps) if len(shape) == 3 and shape != maps[i - 1]]
    assert kept == [
        *((32, 32, 32), (64, 16, 16), (64, 8, 8), (64, 4, 4), (512, 1, 1)),
        *((512, 1, 1), (64, 4, 4), (64, 8, 8), (32, 16, 16), (32, 32, 32), (3, 64, 64)),
    ]
    assert float(logits.min()) < 0 < float(logits.max())
