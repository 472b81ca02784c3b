"""InfoGAN and InfoGAN-CR: a generator makes images of codes that another net can read back.

There is no likelihood here and no posterior. The code z is drawn from its prior, even on [-1, 1]
in every axis, beside `N_NOISE` more numbers, drawn in the same way, that no net has to read. For
scores an encoder is trained in a second phase, on images that the generator makes: it reads the
code of an image as a normal law, with a variance (Lin et al. score the means that Q reads, whose
variance is fixed at one). Of a code the generator decodes the image at noise 0, the middle of the
noise's range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from disentangled import gaussian
from disentangled.arrays import of_arrays
from disentangled.nets.info_gan import N_NOISE
from disentangled.objectives.games import Draw, Heard, Nets, Player, Recipe
from disentangled.objectives.inputs import IMAGES, STEP, Input, Source, as_drawn
from disentangled.types import Loss


@of_arrays
def info_bound(code: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    r"""A lower bound of what an image tells of the code it was made of, in nats.

        I(z; x) >= H(z) + E log q(z|x),   H(z) = D log 2,   q(z|x) = N(mean, diag(exp(logvar)))

    Shapes: the codes that images were made of (B, D), even on [-1, 1]; what a net reads in the
    images, mean and logvar (B, D); a scalar.

    **Error**: low by E KL(p(z|x) ‖ q(z|x)). With the variance of one that `read` stands for it is
    at most D (log 2 - ½ log 2π) = -0.226 D, where every code is read without error: it then bounds
    nothing, since I(z; x) is never below 0, and only its slopes train.

    Source: Chen et al. 2016, eq. 4; the variance of one is that of Lin et al. 2020, public code.
    """
    return code.shape[-1] * math.log(2) + gaussian.log_prob(code, mean, logvar).sum(-1).mean()


@of_arrays
def info_gan_discriminator(
    real_logits: Tensor, made_logits: Tensor, code: Tensor, read: Tensor, *, information: float
) -> Loss:
    r"""What the discriminator minimises, and with it the net Q that reads codes.

        total = -mean log p(data | x) - mean log(1 - p(data | made)) - information · bound

    bound is the `info_bound` of the codes read, with a variance of one: `info_bound_before`, as
    the generator has yet to move in this step. 2 log 2 is the sum of the first two terms where the
    discriminator cannot tell images of the data from made ones.

    Shapes: logits (B,) of images of the data and of made ones, code and read (B, D), the codes of
    the made ones and the means that Q reads; every term a scalar, nats per example.

    Source: Chen et al. 2016, eq. 6; Lin et al. 2020, public code.
    """
    real = functional.softplus(-real_logits).mean()
    made = functional.softplus(made_logits).mean()
    bound = info_bound(code, read, torch.zeros_like(read))
    total = real + made - information * bound
    return Loss(total, {"real": real, "made": made, "info_bound_before": bound})


@of_arrays
def info_gan(made_logits: Tensor, code: Tensor, read: Tensor, *, information: float) -> Loss:
    r"""What the generator of InfoGAN minimises: images pass for data, and their codes are read.

        total = -mean log p(data | made) - information · bound

    The first term, `fooling`, does not saturate where the discriminator is sure (Goodfellow et
    al. 2014). bound is `info_bound` with a variance of one.

    Shapes: logits (B,) of made images, code and read (B, D); every term a scalar, nats per
    example. Source: Chen et al. 2016, eq. 6.
    """
    fooling = functional.softplus(-made_logits).mean()
    bound = info_bound(code, read, torch.zeros_like(read))
    total = fooling - information * bound
    return Loss(total, {"fooling": fooling, "info_bound": bound})


@of_arrays
def held_axis(logits: Tensor, held: Tensor) -> Tensor:
    r"""The cross-entropy of guessing which axis two images share, in nats.

        -mean log p(held | pair)

    log D where the guess is blind. Shapes: logits (B, D), held (B,) integers; a scalar.

    Source: Lin et al. 2020, contrastive regulariser.
    """
    return -functional.log_softmax(logits, -1).gather(-1, held[:, None].long()).mean()


@of_arrays
def holding(one: Tensor, other: Tensor, held: Tensor) -> Tensor:
    """The other codes with one axis of each as in `one`: codes (B, D), held (B,) integers."""
    axes = torch.arange(one.shape[-1], device=one.device)
    return torch.where(axes == held[:, None], one, other)


@of_arrays
def info_gan_cr(
    made_logits: Tensor,
    code: Tensor,
    read: Tensor,
    pair_logits: Tensor,
    held: Tensor,
    *,
    step: Tensor,
    information: float,
    contrast: float,
    contrast_from: float,
) -> Loss:
    r"""`info_gan`, whose images also show which axis a pair of them shares, from some step on.

        total = fooling - information · bound + weight · held_axis
        weight = contrast if step >= contrast_from, else 0

    Shapes: as in `info_gan`; pair_logits (B, D) and held (B,) as in `held_axis`; step a scalar,
    the steps taken before this one. Source: Lin et al. 2020, public code for dSprites.
    """
    base = info_gan(made_logits, code, read, information=information)
    guess = held_axis(pair_logits, held)
    begun = torch.as_tensor(step, device=guess.device) >= contrast_from
    weight = contrast * begun.to(guess.dtype)
    total = base.total + weight * guess
    return Loss(total, base.terms | {"held_axis": guess})


@of_arrays
def info_gan_encoder(code: Tensor, mean: Tensor, logvar: Tensor) -> Loss:
    r"""What the encoder of the second phase minimises, on made images.

        total = -mean log q(z|x),   q(z|x) = N(mean, diag(exp(logvar)))

    `info_bound` is D log 2 - total, here of a variance that is read as well, and thus a bound that
    can be tight. ½ log(2πe/3) = 0.870 nats an axis is the best total of an encoder that is blind.

    Shapes: code, mean and logvar (B, D); every term a scalar, nats per example.
    """
    bound = info_bound(code, mean, logvar)
    total = code.shape[-1] * math.log(2) - bound
    return Loss(total, {"info_bound": bound})


def _made(nets: Nets, code: Tensor, noise: Tensor) -> Tensor:
    """Images (B, C, H, W), pixels from 0 to 1."""
    logits: Tensor = nets["generator"](torch.cat([code, noise], -1))
    return logits.float().sigmoid()


def _judged(nets: Nets, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B,) and codes read (B, D) of images."""
    logits, read = nets["discriminator"](x)
    return logits.float(), read.float()


def _pair(nets: Nets, draw: Draw) -> Tensor:
    """Pairs of made images (B, 2 C, H, W) that share the noise and the axis held."""
    one, other = draw["codes"].unbind(-2)
    codes = (one, holding(one, other, draw["held"]))
    # each half in a batch of its own, which batch norm can tell from one of both
    return torch.cat([_made(nets, code, draw["noises"]) for code in codes], 1)


def _discriminator(
    nets: Nets, draw: Draw, heard: Heard, *, information: float, **settings: Any
) -> tuple[Loss, Heard]:
    if "noise_covariance" in settings:
        raise ValueError(
            "a GAN adds no noise to a code, so that none can be correlated; leave out "
            "noise_correlation"
        )
    with torch.no_grad():
        made = _made(nets, draw["code"], draw["noise"])
    logits, read = _judged(nets, torch.cat([draw["x"], made]))
    (real, of_made), (_, of_code) = logits.chunk(2), read.chunk(2)
    return info_gan_discriminator(
        real, of_made, draw["code"], of_code, information=information
    ), {}


def _generator(
    nets: Nets, draw: Draw, heard: Heard, *, information: float, **settings: Any
) -> tuple[Loss, Heard]:
    logits, read = _judged(nets, _made(nets, draw["code"], draw["noise"]))
    return info_gan(logits, draw["code"], read, information=information), {}


def _generator_cr(
    nets: Nets,
    draw: Draw,
    heard: Heard,
    *,
    information: float,
    contrast: float,
    contrast_from: float,
    **settings: Any,
) -> tuple[Loss, Heard]:
    logits, read = _judged(nets, _made(nets, draw["code"], draw["noise"]))
    of_pair = nets["contrastive"](_pair(nets, draw)).float()
    loss = info_gan_cr(
        logits, draw["code"], read, of_pair, draw["held"], step=draw["step"],
        information=information, contrast=contrast, contrast_from=contrast_from,
    )  # fmt: skip
    return loss, {}


def _once_more(
    move: Callable[..., tuple[Loss, Heard]], nets: Nets, draw: Draw, heard: Heard, **settings: Any
) -> tuple[Loss, Heard]:
    """A move whose terms the first one has named already."""
    loss, said = move(nets, draw, heard, **settings)
    return Loss(loss.total, {}), said


def _contrastive(nets: Nets, draw: Draw, heard: Heard, **settings: Any) -> tuple[Loss, Heard]:
    with torch.no_grad():
        pair = _pair(nets, draw)
    return Loss(held_axis(nets["contrastive"](pair).float(), draw["held"]), {}), {}


def _encoder(nets: Nets, draw: Draw, heard: Heard, **settings: Any) -> tuple[Loss, Heard]:
    with torch.no_grad():
        made = _made(nets, draw["code"], draw["noise"])
    mean, logvar = nets["encoder"](made)
    return info_gan_encoder(draw["code"], mean.float(), logvar.float()), {}


def _decode(nets: Nets, z: Tensor) -> Tensor:
    """Logits at noise 0, of codes cut to the prior's range: beyond it no image was ever made."""
    logits: Tensor = nets["generator"](functional.pad(z.clamp(-1, 1), (0, N_NOISE)))
    return logits


def _even(*shape: int, generator: Generator) -> Tensor:
    return 2 * torch.rand(*shape, generator=generator) - 1


def _codes(source: Source, generator: Generator) -> Tensor:
    return _even(source.steps, source.batch, source.n_axes, generator=generator)


def _noises(source: Source, generator: Generator) -> Tensor:
    return _even(source.steps, source.batch, N_NOISE, generator=generator)


def _two_codes(source: Source, generator: Generator) -> Tensor:
    return _even(source.steps, source.batch, 2, source.n_axes, generator=generator)


def _axes(source: Source, generator: Generator) -> Tensor:
    return torch.randint(source.n_axes, (source.steps, source.batch), generator=generator)


_BETAS = (0.5, 0.999)  # of the Adam of all players of the first phase
_JUDGES_RATE = 2e-3  # the generator's, 1e-3, is the run's

_DISCRIMINATOR = Player("discriminator", ("discriminator",), _discriminator, _BETAS, _JUDGES_RATE)
_CONTRASTIVE = Player("contrastive", ("contrastive",), _contrastive, _BETAS, _JUDGES_RATE)
_ENCODER = Player("encoder", ("encoder",), _encoder)


def _moving_twice(move: Callable[..., tuple[Loss, Heard]]) -> tuple[tuple[Player, ...], ...]:
    """Two rounds of the generator, on the same codes, each with an Adam of its own."""
    again = partial(_once_more, move)
    return (
        (Player("generator", ("generator",), move, _BETAS),),
        (Player("generator_again", ("generator",), again, _BETAS),),
    )


INFO_GAN = Recipe(
    ((_DISCRIMINATOR,), *_moving_twice(_generator)),
    {"information": 0.05},
    ("generator", "discriminator", "encoder"),
    {"x": IMAGES, "code": Input(_codes, as_drawn), "noise": Input(_noises, as_drawn)},
    decode=_decode,
    after=((_ENCODER,),),
    swept="information",
)
"""The discriminator moves with Q, then the generator twice, as in Lin et al.'s public code. There
one Adam makes both moves; here each has its own, of every second move. There spectral norm takes a
power iteration a step; here one whenever a net is called, four or more a step."""

INFO_GAN_CR = INFO_GAN._replace(
    rounds=((_CONTRASTIVE,), (_DISCRIMINATOR,), *_moving_twice(_generator_cr)),
    weights={"information": 0.05, "contrast": 2.0, "contrast_from": 288_000.0},
    nets=(*INFO_GAN.nets, "contrastive"),
    inputs={
        **INFO_GAN.inputs,
        "held": Input(_axes, as_drawn),
        "codes": Input(_two_codes, as_drawn),
        "noises": Input(_noises, as_drawn),
        "step": STEP,
    },
    swept="contrast",
)
"""The judge of pairs moves first. It learns from the first step on, also while its weight in the
generator's loss is 0; the public code begins it anew when that weight is switched on."""
