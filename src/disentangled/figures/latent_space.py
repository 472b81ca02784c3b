"""A latent space in a page: decoders small enough to travel with it, decoded by the browser.

`explorer` puts models into a page, from which `book/_static/latent_space.js` builds the controls:
one moves the axes of a code and sees the picture, beside a scatter of the codes of images. Without
JavaScript, and in Jupyter, a traversal of the first model stands in its place.

Weights are rounded to 8 bits, and `rounded` is the decoder that the browser has: its pixels are
the browser's up to one of 255 levels, which the tests of the pages hold.
"""

from __future__ import annotations

import base64
import copy
import html
import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from IPython.display import HTML
from torch import Tensor, nn

from disentangled import gaussian
from disentangled.arrays import entry
from disentangled.claims import Chapter
from disentangled.data import FactorData
from disentangled.figures import sliders
from disentangled.figures.style import caption, image_grid, png
from disentangled.fitted import Fitted
from disentangled.models import Kept
from disentangled.runs import Run
from disentangled.stacks import build, image_shape

N_POINTS = 300
"""Images whose codes are shown beside the picture."""

REACH = 3.0
"""How far an axis moves, in standard deviations of the prior."""

LEVELS = 127
"""Largest weight of a row in units of its step, of 8 bits with a sign."""

STATIC = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Values of an axis in the traversal that stands in a page without JavaScript."""


class Model(NamedTuple):
    """A decoder with what tells it from the others, such as {"β": 4, "seed": 0}, and mean and
    log-variance of the code of every image, each (N, D)."""

    labels: Mapping[str, str | float]
    decoder: nn.Module
    mean: Tensor
    logvar: Tensor


def of_fitted(models: Fitted, position: int, data: FactorData, **labels: str | float) -> Model:
    """The model at this position of a stack, with its codes of all images."""
    alone = models.alone(position)
    mean, logvar = alone.encode(data)
    decoder = {k: tensor[0] for k, tensor in alone.params["decoder"].items()}
    decoder |= {k: tensor[0] for k, tensor in alone.buffers["decoder"].items()}
    return Model(labels, _built(models.run, decoder, data), mean[0], logvar[0])


def of_kept(run: Run, kept: Kept, data: FactorData, **labels: str | float) -> Model:
    """The committed model of a setting; data are the images that it was judged on."""
    return Model(labels, _built(run, kept.decoder, data), kept.mean, kept.logvar)


def _built(run: Run, tensors: Mapping[str, Tensor], data: FactorData) -> nn.Module:
    decoder = build(run, 0, image_shape(data))["decoder"]
    decoder.load_state_dict(dict(tensors))
    return decoder


@entry
def explorer(
    page: Chapter, name: str, models: Sequence[Model], data: FactorData, *, alt: str
) -> HTML:
    """Models of the same images and number of axes, to be walked through in the page.

    Args:
        page: the chapter, which may hold `sliders.MAX_READ` of them.
        name: of the explorer, unique in the book; addresses carry it.
        models: one for every combination of their labels' values.
        data: the images that the codes are of.
        alt: what a traversal of the first model's axes shows, in words.

    Raises:
        ValueError: labels that are no full grid, a layer that the page does not know, or models
            that are too large for it.
    """
    _check_grid([model.labels for model in models])
    if max(data.factor_sizes) > 256:
        raise ValueError(
            f"a page has one byte for the value of a factor, 256 values at most; the factors of "
            f"{data.name} have {list(data.factor_sizes)}"
        )
    drawn = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:N_POINTS]
    written = json.dumps(
        {
            "reach": REACH,
            "models": [_of_model(model, drawn) for model in models],
            "names": list(data.factor_names),
            "sizes": list(data.factor_sizes),
            "factors": _text(data.factors[drawn].to(torch.uint8)),
        },
        separators=(",", ":"),
    )
    sliders.allow_to_read(page, name, written)
    picture = base64.b64encode(_traversal(models[0])).decode("ascii")
    below = f"{caption(page.profile, f'{data.name} ({data.source})')} · {_told(models)}"
    return HTML(
        f'<div class="latent-space" id="{html.escape(name, quote=True)}">'
        f'<img class="latent-static" alt="{html.escape(alt, quote=True)}"'
        f' src="data:image/png;base64,{picture}">'
        # "<" would let a name end the script
        f'<script type="application/json">{written.replace("<", chr(92) + "u003c")}</script>'
        f'<p class="latent-caption">{html.escape(below)}</p></div>'
    )


def _told(models: Sequence[Model]) -> str:
    """Which models there are, and which of them a page without a script shows."""
    first = models[0].labels
    values = {name: dict.fromkeys(str(of.labels[name]) for of in models) for name in first}
    there = "; ".join(f"{name} {', '.join(some)}" for name, some in values.items())
    return f"one model for each of: {there}; the first of each where no script runs"


def rounded(decoder: nn.Module) -> nn.Module:
    """The decoder whose weights are the multiples of a step that the page has, as float32."""
    changed = copy.deepcopy(decoder)
    with torch.no_grad():
        for layer in changed.modules():
            if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
                whole, step = quantised(layer.weight, of=_outputs(layer))
                layer.weight.copy_(whole * step)
    return changed


def quantised(weight: Tensor, *, of: int) -> tuple[Tensor, Tensor]:
    """Weights as int8 multiples of a step, one step for every output.

        w ≈ whole · step,   step = max abs(w) / 127 of the output

    **Error**: of a weight, at most step / 2.

    Args:
        weight: of a layer, any shape.
        of: the dimension of its outputs.

    Returns:
        int8 in the weight's shape, and the steps, shaped to multiply it.
    """
    others = [d for d in range(weight.ndim) if d != of]
    step = weight.detach().abs().amax(others, keepdim=True) / LEVELS
    step = torch.where(step > 0, step, torch.ones_like(step))
    return (weight.detach() / step).round().to(torch.int8), step


def _outputs(layer: nn.Linear | nn.ConvTranspose2d) -> int:
    """The dimension of a weight that its outputs run along: (out, in), or (in, out, h, w)."""
    return 0 if isinstance(layer, nn.Linear) else 1


@entry
def layers(decoder: nn.Module) -> list[dict[str, Any]]:
    """A decoder as the page reads it: what each layer does, with its numbers.

    Raises:
        ValueError: a layer that the page does not know.
    """
    return [_layer(layer) for layer in decoder.modules() if not isinstance(layer, nn.Sequential)]


def _layer(layer: nn.Module) -> dict[str, Any]:
    match layer:
        case nn.ReLU():
            return {"kind": "leaky", "slope": 0.0}
        case nn.LeakyReLU():
            return {"kind": "leaky", "slope": layer.negative_slope}
        case nn.Tanh():
            return {"kind": "tanh"}
        case nn.Unflatten():
            return {"kind": "shape", "shape": list(layer.unflattened_size)}
        case nn.Linear():
            return {"kind": "dense", **_numbers(layer)}
        case nn.ConvTranspose2d():
            form = {"kernel": layer.kernel_size, "stride": layer.stride, "padding": layer.padding}
            square = {name: int(size[0]) for name, size in form.items()}
            return {"kind": "up", **square, **_numbers(layer)}
    known = "Linear, ConvTranspose2d, ReLU, LeakyReLU, Tanh and Unflatten"
    raise ValueError(f"a page decodes {known} in sequence, not {type(layer).__name__}")


def _numbers(layer: nn.Linear | nn.ConvTranspose2d) -> dict[str, Any]:
    of = _outputs(layer)
    whole, step = quantised(layer.weight, of=of)
    n_out, n_in = layer.weight.shape[of], layer.weight.shape[1 - of]
    bias = torch.zeros(n_out) if layer.bias is None else layer.bias.detach()
    return {
        "in": n_in,
        "out": n_out,
        "weight": _text(whole),
        "step": _text(step.flatten()),
        "bias": _text(bias),
    }


def _of_model(model: Model, drawn: Tensor) -> dict[str, Any]:
    """A model in the page: labels, layers, nats of its axes, and codes in steps of REACH / 100."""
    codes = (model.mean[drawn] * (100 / REACH)).round().clamp(-LEVELS, LEVELS).to(torch.int8)
    nats = gaussian.kl_standard(model.mean, model.logvar).mean(0)
    return {
        "labels": dict(model.labels),
        "layers": layers(model.decoder),
        "nats": [round(float(value), 2) for value in nats],
        "codes": _text(codes),
    }


def _text(numbers: Tensor) -> str:
    """Base 64 of the numbers' bytes, little-endian."""
    array = numbers.contiguous().cpu().numpy()
    little = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return base64.b64encode(little).decode("ascii")


def _traversal(model: Model) -> bytes:
    """Pictures of the first model in which one axis moves, those that tell most on top."""
    nats = gaussian.kl_standard(model.mean, model.logvar).mean(0)
    decoder, rows = rounded(model.decoder).eval(), {}
    for axis in nats.argsort(descending=True)[:6].tolist():
        z = torch.zeros(len(STATIC), len(nats))
        z[:, axis] = torch.tensor(STATIC)
        with torch.no_grad():
            rows[f"axis {axis}"] = np.asarray(decoder(z).sigmoid())
    return png(image_grid(rows, columns=[f"{value:g}" for value in STATIC], width=5.0))


def _check_grid(labels: Sequence[Mapping[str, str | float]]) -> None:
    """Every combination of the labels' values must be there, once."""
    if not labels:
        raise ValueError("an explorer needs at least one model")
    names = list(labels[0])
    if any(list(of) != names for of in labels):
        raise ValueError(f"all models need the labels {names}, in this order")
    values = [list(dict.fromkeys(of[name] for of in labels)) for name in names]
    found = [tuple(of.values()) for of in labels]
    if sorted(map(str, found)) != sorted(map(str, product(*values))):
        grid = dict(zip(names, values, strict=True))
        raise ValueError(f"models must be one for every combination of {grid}, got {found}")
