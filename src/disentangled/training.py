"""Training of many seeds as one stacked program.

The parameters of S models stand in tensors with a leading axis S. A player's loss is written for
one model; `torch.func.vmap` lifts it to the stack, one backward pass over the sum gives every
seed its own gradient, and Adam acts elementwise. What a seed computes does not depend on the
seeds beside it: its initial weights, batches and noise come from generators of its own.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from disentangled import data as datasets
from disentangled import hardware as machines
from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.nets import CRITICS, NETS
from disentangled.objectives import OBJECTIVES, Draw, Player
from disentangled.runs import CHUNK, Run

Params = dict[str, dict[str, Tensor]]  # net -> parameter -> (S, ...)

ADAM_EPS = 1e-8
ENCODE_BLOCK = 4096  # images encoded at once


class Progress(NamedTuple):
    """What a progress line needs: steps done and to do, and seconds spent on those done here."""

    step: int
    steps: int
    done_here: int
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """S trained models: parameters (S, ...) by net and name, and what befell them.

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

    def alone(self, position: int) -> Fitted:
        """The model at this position as a stack of one."""
        params = {
            net: {k: v[position : position + 1] for k, v in tensors.items()}
            for net, tensors in self.params.items()
        }
        terms = {k: v[position : position + 1] for k, v in self.terms.items()}
        return replace(self, seeds=(self.seeds[position],), params=params, terms=terms)

    def encode(self, data: FactorData) -> tuple[Tensor, Tensor]:
        """Posterior means and log-variances of all images, each (S, N, D), float32."""
        device = next(iter(self.params["encoder"].values())).device

        def encoder(params: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
            mean, logvar = functional_call(self.templates["encoder"], params, (x,))
            return mean, logvar

        blocks = []
        with torch.no_grad():
            for index in torch.arange(len(data)).split(ENCODE_BLOCK):
                x = data.pixels(index.to(device))
                blocks.append(vmap(encoder, in_dims=(0, None))(self.params["encoder"], x))
        mean, logvar = (torch.cat(part, dim=1) for part in zip(*blocks, strict=True))
        return mean, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Logits (S, B, C, H, W) of codes z (S, B, D)."""

        def decoder(params: dict[str, Tensor], code: Tensor) -> Tensor:
            logits: Tensor = functional_call(self.templates["decoder"], params, (code,))
            return logits

        with torch.no_grad():
            lifted: Tensor = vmap(decoder)(self.params["decoder"], z)
            return lifted


class Stream:
    """The random inputs of one seed: batches, noise, permutations, from one CPU generator."""

    def __init__(self, run: Run, seed: int, data: FactorData) -> None:
        self.run, self.data, self.recipe = run, data, OBJECTIVES[run.objective]
        self.generator = torch.Generator().manual_seed(_derived(seed, "stream"))

    def chunk(self) -> list[Tensor]:
        """Random inputs of `CHUNK` steps: indices (CHUNK, B), noise (CHUNK, B, D), the same of the
        second batch, and orders (CHUNK, B, D); what the recipe does not need has length 0."""
        batch, n_axes, generator = self.run.batch, self.run.n_axes, self.generator
        others = batch if self.recipe.second_batch else 0
        permuted = batch if self.recipe.permutes else 0
        keys = torch.rand(CHUNK, permuted, n_axes, generator=generator)
        return [
            self.data.draw_index(CHUNK * batch, generator).view(CHUNK, batch),
            torch.randn(CHUNK, batch, n_axes, generator=generator),
            self.data.draw_index(CHUNK * others, generator).view(CHUNK, others),
            torch.randn(CHUNK, others, n_axes, generator=generator),
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
        nets = {
            "encoder": NETS[run.net].encoder(shape, run.n_axes),
            "decoder": NETS[run.net].decoder(shape, run.n_axes),
        }
        if run.critic:
            nets["critic"] = CRITICS[run.critic](run.n_axes)
    return nets


class Stack:
    """S models that train side by side: parameters, optimisers and random streams."""

    def __init__(self, run: Run, seeds: Sequence[int], data: FactorData, hardware: Hardware):
        self.run, self.data, self.hardware = run, data, hardware
        self.seeds = tuple(seeds)
        self.recipe = OBJECTIVES[run.objective]
        self.step = 0
        self.streams = [Stream(run, seed, data) for seed in seeds]
        models = [build(run, seed, _shape(data)) for seed in seeds]
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
        settings = {
            "n_data": len(self.data),
            "pixel_area": self.run.pixel_area,
            **self.run.weights,
        }

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

    def fitted(self, stopped: dict[int, int], terms: dict[str, Tensor], seconds: float) -> Fitted:
        """The models as they stand; training on does not change them."""
        params = {
            net: {k: v.detach().clone() for k, v in tensors.items()}
            for net, tensors in self.params.items()
        }
        return Fitted(
            self.run, self.seeds, self.step, params, stopped, terms, seconds, self.templates
        )

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


def _shape(data: FactorData) -> tuple[int, int, int]:
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


class Checkpoint(NamedTuple):
    """Where one seed stood: its step, the seconds it took so far, and `Stack.state`."""

    step: int
    seconds: float
    state: dict[str, Tensor]


def trajectory(
    run: Run,
    seeds: Sequence[int],
    data: FactorData,
    *,
    milestones: Sequence[int] = (),
    hardware: Hardware | None = None,
    start: Sequence[Checkpoint] = (),
    save: Callable[[dict[int, Checkpoint]], None] | None = None,
    save_every: float = 60.0,
    report: Callable[[Progress], None] | None = None,
) -> Iterator[Fitted]:
    """Train one group of seeds as one stack; yield the models at the milestones and at the end.

    Args:
        run: the setting.
        seeds: the group; it should fit the memory budget (see `hardware.groups`).
        data: the images, already on the hardware's device.
        milestones: steps, multiples of `CHUNK`; `run.steps` is always the last.
        start: checkpoints of all seeds, at one and the same step, to go on from.
        save: called with the checkpoints of all running seeds about every `save_every` seconds.
        report: called after every chunk.

    A seed whose loss or whose parameters are not finite stops; the others go on.

    Raises:
        ValueError: milestones that are no multiples of `CHUNK` up to `run.steps`, or a start
            that does not fit the seeds.
    """
    hardware = hardware or Hardware()
    strange = [m for m in milestones if m % CHUNK or not 0 < m <= run.steps]
    if strange:
        raise ValueError(
            f"milestones must be multiples of {CHUNK} from {CHUNK} to {run.steps}, got {strange}"
        )
    machines.prepare(hardware)
    stack = Stack(run, seeds, data, hardware)
    stopped: dict[int, int] = {}
    seconds = 0.0
    if start:
        if len({c.step for c in start}) > 1 or len(start) != len(seeds):
            raise ValueError("start needs one checkpoint a seed, all at the same step")
        stack.step, seconds = start[0].step, start[0].seconds
        stack.load([c.state for c in start])
    first = stack.step
    # What was reached before the checkpoint was yielded then.
    goals = sorted(step for step in {*milestones, run.steps} if step > first)
    saved = began = time.perf_counter()
    while goals and stack.seeds:
        tick = time.perf_counter()
        terms = stack.advance()
        finite = stack.finite(terms)
        if not all(finite):
            stopped |= {s: stack.step for s, ok in zip(stack.seeds, finite, strict=True) if not ok}
            alive = [i for i, ok in enumerate(finite) if ok]
            terms = {k: v[alive] for k, v in terms.items()}
            stack.keep(alive)
        now = time.perf_counter()
        seconds += (now - tick) / len(seeds)
        if report:
            report(Progress(stack.step, run.steps, stack.step - first, now - began))
        if stack.step >= goals[0] or not stack.seeds:
            goals.pop(0)
            yield stack.fitted(dict(stopped), terms, seconds)
        if save and time.perf_counter() - saved > save_every and stack.step < run.steps:
            states = {seed: stack.state(i) for i, seed in enumerate(stack.seeds)}
            save({s: Checkpoint(stack.step, seconds, state) for s, state in states.items()})
            saved = time.perf_counter()


def fit(
    run: Run,
    seeds: Sequence[int],
    data: FactorData | None = None,
    *,
    hardware: Hardware | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Fitted:
    """Train all seeds of a setting, in groups that fit the memory budget.

    Args:
        run: the setting.
        seeds: one model each; a seed's model does not depend on the others.
        data: the images; without them those that the run names are loaded.
        hardware: where to train; by default the first GPU, else the CPU.
        report: called after every `CHUNK` steps of every group.

    Returns:
        the models of all groups as one stack, without those that stopped.

    Raises:
        ValueError: no seeds, or one twice.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"expected at least one seed and none twice, got {list(seeds)}")
    hardware = hardware or Hardware()
    data = datasets.load(run.dataset, size=run.size) if data is None else data
    data = data.to(hardware.device)
    parts = []
    for group in machines.groups(run, seeds, _shape(data), hardware):
        *_, last = trajectory(run, group, data, hardware=hardware, report=report)
        parts.append(last)
    return Fitted(
        run,
        tuple(s for p in parts for s in p.seeds),
        max(p.step for p in parts),
        {
            net: {k: torch.cat([p.params[net][k] for p in parts]) for k in tensors}
            for net, tensors in parts[0].params.items()
        },
        {s: at for p in parts for s, at in p.stopped.items()},
        {k: torch.cat([p.terms[k] for p in parts]) for k in parts[0].terms},
        sum(p.seconds * len(p.seeds) for p in parts) / max(1, sum(len(p.seeds) for p in parts)),
        parts[0].templates,
    )


def untrained(
    run: Run, seeds: Sequence[int], data: FactorData, hardware: Hardware | None = None
) -> Fitted:
    """The models that training starts from: a baseline for every score."""
    return Stack(run, seeds, data, hardware or Hardware()).fitted({}, {}, 0.0)
