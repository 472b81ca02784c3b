"""Encoders, decoders and critics as the papers' tables print them.

An encoder maps images (B, C, H, W) to a mean and a log-variance, each (B, D); a decoder maps a
code (B, D) to Bernoulli logits (B, C, H, W); a critic maps a code to two logits (B, 2), the
first for "drawn from q(z)", the second for "drawn from the product of its marginals".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import nn

from disentangled.nets import conv, critic, mlp, split

Shape = tuple[int, int, int]


class Net(NamedTuple):
    """Builders of an encoder and a decoder: each takes an image shape (C, H, W) and n_axes.

    method_version is raised by hand when a change moves numbers; part of a run's id.
    """

    encoder: Callable[[Shape, int], nn.Module]
    decoder: Callable[[Shape, int], nn.Module]
    method_version: int = 1


NETS: dict[str, Net] = {
    "chen_mlp": Net(mlp.chen_encoder, mlp.chen_decoder),
    "mlp_256": Net(mlp.small_encoder, mlp.small_decoder),
    "mlp_64": Net(mlp.tiny_encoder, mlp.tiny_decoder),
    "dlib_conv": Net(conv.dlib_encoder, conv.dlib_decoder),
    "kim_mnih_conv": Net(conv.kim_mnih_encoder, conv.kim_mnih_decoder),
    "burgess_conv": Net(conv.burgess_encoder, conv.burgess_decoder),
    "conv_small": Net(conv.small_encoder, conv.small_decoder, method_version=2),
}

# Split encoders: the number is the depth of the split; "narrow" has the vanilla parameter count.
for _depth in (1, 2):
    NETS |= {
        f"conv_small_split_{_depth}": Net(
            partial(split.small_wide, depth=_depth), conv.small_decoder
        ),
        f"conv_small_split_{_depth}_narrow": Net(
            partial(split.small_narrow, depth=_depth), conv.small_decoder
        ),
        f"dlib_conv_split_{_depth}": Net(
            partial(split.dlib_wide, depth=_depth), conv.dlib_decoder
        ),
        f"dlib_conv_split_{_depth}_narrow": Net(
            partial(split.dlib_narrow, depth=_depth), conv.dlib_decoder
        ),
    }

CRITICS: dict[str, Callable[[int], nn.Module]] = {
    "kim_mnih_critic": critic.kim_mnih,
    "dlib_critic": critic.dlib,
    "critic_256": critic.small,
}


def build(net: str, critic: str, shape: Shape, n_axes: int) -> dict[str, nn.Module]:
    """Fresh modules by their role: encoder, decoder, and critic where one is named."""
    modules = {
        "encoder": NETS[net].encoder(shape, n_axes),
        "decoder": NETS[net].decoder(shape, n_axes),
    }
    return modules | {"critic": CRITICS[critic](n_axes)} if critic else modules


__all__ = ["CRITICS", "NETS", "Net", "Shape", "build"]
