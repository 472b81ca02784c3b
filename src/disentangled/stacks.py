"""S models side by side: their parameters, optimisers and random streams.

The parameters of S models stand in tensors with a leading axis S. A player's loss is written for
one model; `torch.func.vmap` lifts it to the stack, one backward pass over the sum gives every
seed its own gradient, and Adam acts elementwise. What a seed computes does not depend on the
seeds beside it: its initial weights, batches and noise come from generators of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from disentangled import nets
from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.objectives import OBJECTIVES, Draw, Player
from disentangled.runs import CHUNK, Run

Params = dict[str, dict[str, Tensor]]  # net -> parameter -> (S, ...)

ADAM_EPS = 1e-8


class Stream:
    """The random inputs of one seed: batches, noise, permutations, from one CPU generator."""

    def __init__(self, run: Run, seed: int, data: FactorData) -> None:
        self.run, self.data, self.recipe = run, data, OBJECTIVES[run.objective]
        self.generator = torch.Generator().manual_seed(_derived(seed, "stream"))
        noise = run.noise_covariance()
        self.root = None if noise is None else torch.linalg.cholesky(noise).float()

    def noise(self, batch: int) -> Tensor:
        """The noise of `CHUNK` steps, (CHUNK, batch, D), with the run's covariance."""
        white = torch.randn(CHUNK, batch, self.run.n_axes, generator=self.generator)
        return white if self.root is None else white @ self.root.T

    def chunk(self) -> list[Tensor]:
        """Random inputs of `CHUNK` steps: indices (CHUNK, B), noise (CHUNK, B, D), the same of the
        second batch, and orders (CHUNK, B, D); what the recipe does not need has length 0."""
        batch, n_axes, generator = self.run.batch, self.run.n_axes, self.generator
        others = batch if self.recipe.second_batch else 0
        permuted = batch if self.recipe.permutes else 0
        keys = torch.rand(CHUNK, permuted, n_axes, generator=generator)
        return [
            self.data.draw_index(CHUNK * batch, generator).view(CHUNK, batch),
            self.noise(batch),
            self.data.draw_index(CHUNK * others, generator).view(CHUNK, others),
            self.noise(others),
            keys.argsort(dim=1),
        ]


def _derived(seed: int, purpose: str) -> int:
    """A 63-bit seed for one purpose; neighbouring seeds share nothing."""
    words = np.random.SeedSequence([seed, *purpose.encode()]).generate_state(2, np.uint32)
    return int(words[0]) << 31 | int(words[1]) >> 1


def build(run: Run, seed: int, shape: tuple[int, int, int]) -> dict[str, nn.Module]:
    """The nets of one seed with its initial weights, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_derived(seed, "weights"))
        return nets.build(run.net, run.critic, shape, run.n_axes)


class Stack:
    """S models that train side by side: parameters, optimisers and random streams."""

    def __init__(self, run: Run, seeds: Sequence[int], data: FactorData, hardware: Hardware):
        self.run, self.data, self.hardware = run, data, hardware
        self.seeds = tuple(seeds)
        self.recipe = OBJECTIVES[run.objective]
        self.step = 0
        self.streams = [Stream(run, seed, data) for seed in seeds]
        models = [build(run, seed, image_shape(data)) for seed in seeds]
        self.templates = {
            name: copy.deepcopy(net).to("meta").requires_grad_(False)
            for name, net in models[0].items()
        }
        self._adopt({n: _stacked([m[n] for m in models]) for n in models[0]})
        self.losses = {p.name: self._loss(p) for p in self.recipe.players}

    def _adopt(self, params: Params) -> None:
        """Take these parameters, on the device, with fresh optimisers."""
        device = self.hardware.device
        self.params = {
            net: {k: v.to(device).clone().requires_grad_() for k, v in tensors.items()}
            for net, tensors in params.items()
        }
        self.optimisers = {
            player.name: torch.optim.Adam(
                self.moved(player),
                lr=self.run.learning_rate,
                betas=player.betas,
                eps=ADAM_EPS,
                fused=device.type in ("cpu", "cuda"),
            )
            for player in self.recipe.players
        }

    def moved(self, player: Player) -> list[Tensor]:
        """The parameters that the player moves, in a fixed order."""
        return [tensor for net in player.nets for tensor in self.params[net].values()]

    def _loss(self, player: Player) -> Callable[..., Any]:
        """The player's loss over the stack: (params, draw, heard) -> total (S,), terms, said."""
        settings: dict[str, Any] = {
            "n_data": len(self.data),
            "pixel_area": self.run.pixel_area,
            **self.run.weights,
        }
        # Only then, so that an objective of one's own need not know of it.
        if (noise := self.run.noise_covariance()) is not None:
            settings["noise_covariance"] = noise

        def one(params: Params, draw: Draw, heard: dict[str, Tensor]) -> Any:
            nets = {
                name: partial(functional_call, self.templates[name], tensors)
                for name, tensors in params.items()
            }
            bound = {name: lambda x, net=net: net((x,)) for name, net in nets.items()}
            loss, said = player.loss(bound, draw, heard, **settings)
            return loss.total, loss.terms, said

        # A stack of one runs without vmap: plain kernels are faster for large convolutions.
        lifted = vmap(one) if len(self.seeds) > 1 else _alone(one)
        return torch.compile(lifted) if self.hardware.compile else lifted

    def draws(self) -> Iterator[Draw]:
        """The random inputs of the next `CHUNK` steps, stacked over seeds, on the device."""
        device = self.hardware.device
        chunks = zip(*(stream.chunk() for stream in self.streams), strict=True)
        index, noise, index_other, noise_other, order = (
            torch.stack(parts, dim=1).to(device, non_blocking=True) for parts in chunks
        )
        for t in range(CHUNK):
            yield Draw(
                self.data.pixels(index[t]),
                noise[t],
                self.data.pixels(index_other[t]),
                noise_other[t],
                order[t],
            )

    def play(self, draw: Draw) -> dict[str, Tensor]:
        """One step of every player; returns the terms of their losses, each (S,)."""
        heard: dict[str, Tensor] = {}
        spoken: dict[str, Tensor] = {}
        waiting = []
        for player in self.recipe.players:
            with self.hardware.autocast(self.run.precision):
                total, terms, said = self.losses[player.name](self.params, draw, heard)
            moved = self.moved(player)
            gradients = torch.autograd.grad(total.sum(), moved)
            for tensor, gradient in zip(moved, gradients, strict=True):
                # torch 2.13's fused Adam on a CPU reads a transposed gradient in the wrong order
                tensor.grad = gradient.contiguous()
            if self.recipe.joint:
                waiting.append(player.name)
            else:
                self.optimisers[player.name].step()
            heard |= said
            spoken |= {k: v.detach() for k, v in terms.items()} | {player.name: total.detach()}
        for name in waiting:
            self.optimisers[name].step()
        return spoken

    def advance(self) -> dict[str, Tensor]:
        """`CHUNK` steps; returns the mean of every term over them, each (S,)."""
        sums: dict[str, Tensor] = {}
        for draw in self.draws():
            for name, value in self.play(draw).items():
                sums[name] = sums[name] + value if name in sums else value
        self.step += CHUNK
        return {name: value / CHUNK for name, value in sums.items()}

    def keep(self, positions: list[int]) -> None:
        """Go on with the seeds at these positions only."""
        states = [self.state(i) for i in positions]
        self.seeds = tuple(self.seeds[i] for i in positions)
        self.streams = [self.streams[i] for i in positions]
        if not positions:
            self.params = {
                net: {k: v.detach()[:0] for k, v in tensors.items()}
                for net, tensors in self.params.items()
            }
            return
        self.load(states)
        self.losses = {p.name: self._loss(p) for p in self.recipe.players}

    def finite(self, terms: dict[str, Tensor]) -> list[bool]:
        """Of every seed, whether its losses over the last chunk and its parameters are finite.

        The parameters because the last step's move is in no loss yet, and a score would be.
        """
        finite = torch.stack([torch.isfinite(v) for v in terms.values()]).all(0)
        for tensors in self.params.values():
            for tensor in tensors.values():
                finite &= torch.isfinite(tensor.detach().flatten(1).sum(1))
        sound: list[bool] = finite.tolist()
        return sound

    def state(self, position: int) -> dict[str, Tensor]:
        """Copies of all that the seed at this position needs to go on, in a flat dict."""
        tensors = {"generator": self.streams[position].generator.get_state()}
        for net, parameters in self.params.items():
            for name, tensor in parameters.items():
                tensors[f"{net}/{name}"] = tensor[position].detach().clone()
        for player in self.recipe.players:
            states = self.optimisers[player.name].state
            for i, tensor in enumerate(self.moved(player)):
                for moment in ("exp_avg", "exp_avg_sq"):
                    kept = states[tensor][moment][position].clone()
                    tensors[f"{player.name}/{i}/{moment}"] = kept
        return tensors

    def load(self, states: list[dict[str, Tensor]]) -> None:
        """Take up the states of all seeds, all saved at `self.step`."""
        self._adopt(
            {
                net: {k: torch.stack([s[f"{net}/{k}"] for s in states]) for k in parameters}
                for net, parameters in self.params.items()
            }
        )
        for player in self.recipe.players:
            optimiser = self.optimisers[player.name]
            for i, tensor in enumerate(self.moved(player)):
                moments = {
                    moment: torch.stack([s[f"{player.name}/{i}/{moment}"] for s in states])
                    for moment in ("exp_avg", "exp_avg_sq")
                }
                # Adam counts on the device only where it is fused.
                fused = optimiser.defaults["fused"]
                step = torch.tensor(float(self.step), device=tensor.device if fused else "cpu")
                optimiser.state[tensor] = {
                    "step": step,
                    **{k: v.to(tensor.device) for k, v in moments.items()},
                }
        for stream, state in zip(self.streams, states, strict=True):
            stream.generator.set_state(state["generator"].cpu())


def image_shape(data: FactorData) -> tuple[int, int, int]:
    """(C, H, W) of the images."""
    _, channels, height, width = data.images.shape
    return channels, height, width


def _stacked(nets: list[nn.Module]) -> dict[str, Tensor]:
    parameters = [dict(net.named_parameters()) for net in nets]
    return {name: torch.stack([p[name].detach() for p in parameters]) for name in parameters[0]}


def _alone(one: Callable[..., Any]) -> Callable[..., Any]:
    """What `vmap` does for a stack of one, without its cost."""

    def lifted(params: Params, draw: Draw, heard: dict[str, Tensor]) -> Any:
        # squeezed and not indexed: the gradient of v[0] is a copy into zeros, that of a view free
        first = {n: {k: v.squeeze(0) for k, v in tensors.items()} for n, tensors in params.items()}
        total, terms, said = one(
            first, Draw(*(v[0] for v in draw)), {k: v[0] for k, v in heard.items()}
        )
        return (
            total[None],
            {k: v[None] for k, v in terms.items()},
            {k: v[None] for k, v in said.items()},
        )

    return lifted
