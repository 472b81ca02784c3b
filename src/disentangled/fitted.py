"""Trained models: S of them side by side, how they encode and decode, and one as a flat dict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.func import vmap

from disentangled.arrays import entry
from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.nets.bound import bind
from disentangled.objectives import OBJECTIVES
from disentangled.runs import Run
from disentangled.stacks import Params, build, image_shape

ENCODE_BLOCK = 4096  # images encoded at once


@dataclass(frozen=True)
class Fitted:
    """S trained models: parameters and buffers (S, ...) by role and name, and what befell them.

    seeds: those still running, in the order of the leading axis of params.
    stopped: seed -> step at which its loss was no longer finite.
    terms: the losses' terms, means over the last `CHUNK` steps, each (S,), nats per example.
    seconds: wall-clock seconds of training, divided evenly among the seeds.
    """

    run: Run
    seeds: tuple[int, ...]
    step: int
    params: Params
    stopped: dict[int, int]
    terms: dict[str, Tensor]
    seconds: float
    templates: dict[str, nn.Module]
    buffers: Params = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(t.device for tensors in self.params.values() for t in tensors.values())

    def alone(self, position: int) -> Fitted:
        """The model at this position as a stack of one."""
        params, buffers = (
            {r: {k: v[[position]] for k, v in tensors.items()}
             for r, tensors in of.items()}
            for of in (self.params, self.buffers)
        )  # fmt: skip
        terms = {k: v[[position]] for k, v in self.terms.items()}
        return replace(
            self, seeds=(self.seeds[position],), params=params, buffers=buffers, terms=terms
        )

    @entry
    def encode(self, data: FactorData) -> tuple[Tensor, Tensor]:
        """Posterior means and log-variances of all images, each (S, N, D), in float32, whatever
        precision they were trained in."""
        recipe = OBJECTIVES[self.run.objective]

        def encoder(params: Params, buffers: Params, x: Tensor) -> tuple[Tensor, Tensor]:
            return recipe.encode(bind(self.templates, params, buffers), x)

        lifted = vmap(encoder, in_dims=(0, 0, None))
        blocks = []
        with torch.no_grad(), Hardware(self.device).products("fp32"):
            for index in torch.arange(len(data)).split(ENCODE_BLOCK):
                x = data.pixels(index.to(self.device))
                blocks.append(lifted(self.params, self.buffers, x))
        mean, logvar = (torch.cat(part, dim=1) for part in zip(*blocks, strict=True))
        return mean, logvar

    @entry
    def decode(self, z: Tensor) -> Tensor:
        """Logits (S, B, C, H, W) of codes z (S, B, D), in float32."""
        recipe = OBJECTIVES[self.run.objective]

        def decoder(params: Params, buffers: Params, code: Tensor) -> Tensor:
            return recipe.decode(bind(self.templates, params, buffers), code)

        with torch.no_grad(), Hardware(self.device).products("fp32"):
            lifted: Tensor = vmap(decoder)(self.params, self.buffers, z)
            return lifted


def flattened(model: Fitted) -> dict[str, Tensor]:
    """Parameters and buffers of a stack of one in a flat dict, as `restored` takes them."""
    return {
        f"{role}/{name}": tensor[0]
        for of in (model.params, model.buffers)
        for role, tensors in of.items()
        for name, tensor in tensors.items()
    }


def restored(
    run: Run, seed: int, step: int, tensors: Mapping[str, Tensor], data: FactorData
) -> Fitted:
    """The stack of one that `flattened` made flat, on the device of the data.

    Raises:
        ValueError: the tensors are not those of the run's nets.
    """
    built = build(run, seed, image_shape(data))
    templates = {role: net.to("meta").requires_grad_(False).eval() for role, net in built.items()}
    try:
        params, buffers = (
            {
                role: {k: tensors[f"{role}/{k}"][None].to(data.device) for k in dict(named(net))}
                for role, net in templates.items()
            }
            for named in (nn.Module.named_parameters, nn.Module.named_buffers)
        )
    except KeyError as absent:
        raise ValueError(
            f"the kept model has no {absent.args[0]}, which the nets of {run.title()} need; "
            "delete it and train the run again"
        ) from None
    for role, net in templates.items():
        for name, tensor in (*net.named_parameters(), *net.named_buffers()):
            found = tensors[f"{role}/{name}"].shape
            if found != tensor.shape:
                raise ValueError(
                    f"{role}/{name} of the kept model has shape {tuple(found)}, the nets of "
                    f"{run.title()} have {tuple(tensor.shape)}; delete it and train the run again"
                )
    return Fitted(run, (seed,), step, params, {}, {}, 0.0, templates, buffers)
