"""Encoders, decoders and critics as the papers' tables print them.

An encoder maps images (B, C, H, W) to a mean and a log-variance, each (B, D); a decoder maps a
code (B, D) to Bernoulli logits (B, C, H, W); a critic maps a code to two logits (B, 2), the
first for "drawn from q(z)", the second for "drawn from the product of its marginals". A prior maps
a code (B, D) to the log-density of every axis (B, D), in nats. The nets of a GAN are described
where they are built, in `nets.info_gan`, those of paper B in `nets.intervention`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from torch import nn

from disentangled.nets import conv, critic, info_gan, intervention, mlp, prior, split
from disentangled.nets.bound import Bound

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
    "cheng_conv": Net(conv.cheng_encoder, conv.cheng_decoder),
    "conv_small": Net(conv.small_encoder, conv.small_decoder, method_version=2),
    "conv_shallow": Net(conv.shallow_encoder, conv.shallow_decoder),
    "digits_conv": Net(intervention.digits_posterior, intervention.digits_decoder),
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

Builder = Callable[[Shape, int], nn.Module]


class Part(NamedTuple):
    """Builder of a net of another role (a generator, a discriminator, a head): it takes an image
    shape (C, H, W) and n_axes, like an encoder's, whether or not it needs them.

    method_version is raised by hand when a change moves numbers; part of a run's id.
    roles: those that it may play, where its output is what no other role gives; empty for any.
    """

    build: Builder
    method_version: int = 1
    roles: tuple[str, ...] = ()


PARTS: dict[str, Part] = {
    "flow_prior": Part(prior.flow, roles=("prior",)),
    "info_gan_generator": Part(info_gan.generator),
    "info_gan_discriminator": Part(info_gan.discriminator),
    "info_gan_contrastive": Part(info_gan.contrastive),
    "info_gan_small_generator": Part(info_gan.small_generator),
    "info_gan_small_discriminator": Part(info_gan.small_discriminator),
    "info_gan_small_contrastive": Part(info_gan.small_contrastive),
    "intervention_encoder": Part(intervention.encoder),
    "intervention_decoder": Part(intervention.decoder, roles=("decoder",)),
    "intervention_judge": Part(intervention.judge),
    "intervention_shallow_encoder": Part(intervention.shallow_encoder),
    "intervention_shallow_judge": Part(intervention.shallow_judge),
    "intervention_digits_encoder": Part(intervention.digits_encoder),
    "intervention_digits_decoder": Part(intervention.digits_decoder, roles=("decoder",)),
    "intervention_digits_judge": Part(intervention.digits_judge),
    "intervention_flowers_encoder": Part(intervention.flowers_encoder),
    "intervention_flowers_decoder": Part(intervention.flowers_decoder, roles=("decoder",)),
    "intervention_flowers_judge": Part(intervention.flowers_judge),
    "intervention_translator": Part(intervention.translator),
}


def names(role: str) -> list[str]:
    """The nets that may play a role, by name."""
    of_role = CRITICS if role == "critic" else NETS if role in ("encoder", "decoder") else {}
    return sorted([*of_role, *(name for name, part in PARTS.items() if _may(part, role))])


def _may(part: Part, role: str) -> bool:
    return not part.roles or role in part.roles


def builder(role: str, name: str) -> Builder:
    """What builds the net of this name for a role: half of a pair, a critic, or a part.

    Raises:
        ValueError: no net of this name plays the role, and the message lists those that do; or
            a part has the name of another net.
    """
    if name in PARTS and (name in NETS or name in CRITICS):
        raise ValueError(
            f"{name} stands in PARTS and in {'NETS' if name in NETS else 'CRITICS'}, two nets "
            "under one name; name the part otherwise"
        )
    if name in PARTS and _may(PARTS[name], role):
        return PARTS[name].build
    if role in ("encoder", "decoder") and name in NETS:
        half: Builder = getattr(NETS[name], role)
        return half
    if role == "critic" and name in CRITICS:
        return lambda shape, n_axes: CRITICS[name](n_axes)
    raise ValueError(f"unknown {role} {name!r}; choose one of {', '.join(names(role)) or 'none'}")


def version(name: str) -> int:
    """The method version of a net; critics have had but one."""
    if name in PARTS:
        return PARTS[name].method_version
    return NETS[name].method_version if name in NETS else 1


def build(roles: Mapping[str, str], shape: Shape, n_axes: int) -> dict[str, nn.Module]:
    """Fresh modules by role, built in the order given: role -> name of the net."""
    return {role: builder(role, name)(shape, n_axes) for role, name in roles.items()}


__all__ = [
    "CRITICS",
    "NETS",
    "PARTS",
    "Bound",
    "Net",
    "Part",
    "Shape",
    "build",
    "builder",
    "names",
    "version",
]
