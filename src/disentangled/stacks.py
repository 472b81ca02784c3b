"""S models side by side: their parameters, optimisers and random streams.

The parameters of S models stand in tensors with a leading axis S. A player's loss is written for
one model; `torch.func.vmap` lifts it to the stack, one backward pass over the sum gives every
seed its own gradient, and Adam acts elementwise. What a seed computes does not depend on the
seeds beside it: its initial weights, batches and noise come from generators of its own.

Buffers (running statistics, the vectors of spectral norm) are state as well: each player's loss
gets copies, on which the nets may write, and the stack takes up what it leaves.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import vmap

from disentangled import gaussian, graphs, nets
from disentangled.arrays import pixels_known, single_precision
from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.nets.bound import bind
from disentangled.nets.trainable import check_trainable
from disentangled.objectives import OBJECTIVES, Draw, Player
from disentangled.objectives.games import as_promised, check_moves, check_slopes, check_values
from disentangled.objectives.inputs import as_read, read_from
from disentangled.runs import CHUNK, Run
from disentangled.streams import Stream, derived

Params = dict[str, dict[str, Tensor]]  # role -> parameter or buffer -> (S, ...)

ADAM_EPS = 1e-8


def build(run: Run, seed: int, shape: tuple[int, int, int]) -> dict[str, nn.Module]:
    """The nets of one seed with its initial weights, on the CPU.

    Raises:
        ValueError: a net that cannot be trained right here: it shares a weight between two
            places, or draws random numbers of its own.
    """
    with torch.random.fork_rng(devices=[]), single_precision():
        torch.manual_seed(derived(seed, "weights"))
        built = nets.build(run.roles(), shape, run.n_axes)
    check_trainable(built)
    return built


class Ahead(NamedTuple):
    """A chunk of random inputs, drawn: the generators' states before it, one a seed, and what was
    drawn, (CHUNK, S, ...) on the CPU."""

    before: list[Tensor]
    drawn: dict[str, Tensor]


class Stack:
    """S models that train side by side: parameters, buffers, optimisers and random streams."""

    def __init__(self, run: Run, seeds: Sequence[int], data: FactorData, hardware: Hardware):
        self.run, self.data, self.hardware = run, data, hardware
        self.seeds = tuple(seeds)
        self.recipe = OBJECTIVES[run.objective]
        self.step = 0
        self.streams = [Stream(run, seed, data) for seed in seeds]
        models = [build(run, seed, image_shape(data)) for seed in seeds]
        self.templates = {
            role: copy.deepcopy(net).to("meta").requires_grad_(False)
            for role, net in models[0].items()
        }
        self._adopt(
            {r: _stacked([dict(m[r].named_parameters()) for m in models]) for r in models[0]},
            {r: _stacked([dict(m[r].named_buffers()) for m in models]) for r in models[0]},
        )
        self.losses = self._losses()
        self.checked: set[str] = set()
        self.ahead: Ahead | None = None

    def _adopt(self, params: Params, buffers: Params) -> None:
        """Take these parameters and buffers, on the device, with fresh optimisers."""
        device = self.hardware.device
        for player in self.recipe.players():
            check_moves(player, params)
        self.params = {
            role: {k: v.to(device).clone().requires_grad_() for k, v in tensors.items()}
            for role, tensors in params.items()
        }
        self.buffers = {
            role: {k: v.to(device).clone() for k, v in tensors.items()}
            for role, tensors in buffers.items()
        }
        self.optimisers = {
            player.name: torch.optim.Adam(
                self.moved(player),
                lr=self._rate(player),
                betas=player.betas,
                eps=ADAM_EPS,
                fused=_fuses(device),
                capturable=_fuses(device),
            )
            for player in self.recipe.players()
        }
        # what a step reads and writes beside the models: allocated once, so that a graph of the
        # step finds it again
        self.cursor = torch.zeros((), dtype=torch.int64, device=device)
        self.drawn: dict[str, Tensor] = {}
        self.sums: dict[str, Tensor] = {}
        self.replay: Callable[[], None] | None = None

    def _rate(self, player: Player) -> float | Tensor:
        """The player's learning rate; one that will fall is a tensor where Adam is fused, so that
        a graph of the step reads what `_cool` writes."""
        rate, device = self._full_rate(player), self.hardware.device
        return torch.tensor(rate, device=device) if self.run.cooldown and _fuses(device) else rate

    def _full_rate(self, player: Player) -> float:
        return player.learning_rate or player.rate_share * self.run.learning_rate

    def _cool(self) -> None:
        """Give the optimisers the learning rates of the coming chunk."""
        for player in self.recipe.players():
            rate = self._full_rate(player) * self.run.rate_factor(self.step)
            for group in self.optimisers[player.name].param_groups:
                group["lr"] = group["lr"].fill_(rate) if torch.is_tensor(group["lr"]) else rate

    def moved(self, player: Player) -> list[Tensor]:
        """The parameters that the player moves, in a fixed order."""
        return [tensor for role in player.nets for tensor in self.params[role].values()]

    def _names(self, player: Player) -> list[str]:
        """Names of what the player moves, in the same order."""
        return [f"{role}.{name}" for role in player.nets for name in self.params[role]]

    def _losses(self) -> dict[str, Callable[..., Any]]:
        return {player.name: self._loss(player) for player in self.recipe.players()}

    def _loss(self, player: Player) -> Callable[..., Any]:
        """The player's loss over the stack:
        (params, buffers, draw, heard) -> total (S,), terms, said, buffers."""
        settings: dict[str, Any] = {
            "n_data": len(self.data),
            "pixel_area": self.run.pixel_area,
            **self.run.weights,
        }
        # Only then, so that an objective of one's own need not know of them.
        if self.run.axes_per_feature != 1:
            settings["axes_per_feature"] = self.run.axes_per_feature
        if (noise := self.run.noise_covariance()) is not None:
            settings["noise_covariance"] = gaussian.prepared(
                noise, self.hardware.device, n_axes=self.run.n_axes
            )

        def one(params: Params, buffers: Params, draw: Draw, heard: dict[str, Tensor]) -> Any:
            bound = bind(self.templates, params, buffers)
            loss, said = as_promised(player, player.loss(bound, draw, heard, **settings))
            return loss.total, loss.terms, said, {r: net.buffers for r, net in bound.items()}

        # A stack of one runs without vmap: plain kernels are faster for large convolutions.
        lifted = vmap(one) if len(self.seeds) > 1 else _alone(one)
        return torch.compile(lifted) if self.hardware.compile else lifted

    def _chunk(self) -> Ahead:
        """What the coming `CHUNK` steps draw, and the generators' states before."""
        before = [stream.generator.get_state() for stream in self.streams]
        with single_precision():
            chunks = [stream.chunk(self.step) for stream in self.streams]
        stacked = {name: torch.stack([c[name] for c in chunks], 1) for name in chunks[0]}
        return Ahead(before, stacked)

    def draws(self) -> Iterator[Draw]:
        """The random inputs of the next `CHUNK` steps, stacked over seeds, on the device."""
        drawn = {
            name: tensor.to(self.hardware.device) for name, tensor in self._chunk().drawn.items()
        }
        for t in range(CHUNK):
            yield self._read({name: tensor[t] for name, tensor in drawn.items()})

    def _read(self, drawn: Mapping[str, Tensor]) -> Draw:
        read = read_from(self.recipe.inputs, self.data, drawn)
        return {name: as_read(name, value, len(self.seeds)) for name, value in read.items()}

    def play(self, draw: Draw) -> dict[str, Tensor]:
        """One step of every player of the phase; returns the terms of their losses, each (S,)."""
        with self.hardware.products(self.run.precision), pixels_known():
            return self._play(draw)

    def _play(self, draw: Draw) -> dict[str, Tensor]:
        heard: dict[str, Tensor] = {}
        spoken: dict[str, Tensor] = {}
        second = self.step >= self.run.steps
        for players in self.recipe.after if second else self.recipe.rounds:
            gradients = {}
            for player in players:
                with self.hardware.autocast(self.run.precision):
                    total, terms, said, buffers = self.losses[player.name](
                        self.params, self.buffers, draw, heard
                    )
                first = player.name not in self.checked
                if first:
                    check_values(player, total, terms, spoken, len(self.seeds))
                slopes = torch.autograd.grad(total.sum(), self.moved(player), allow_unused=first)
                if first:
                    check_slopes(player, self._names(player), slopes)
                    self.checked.add(player.name)
                gradients[player.name] = slopes
                for role, tensors in buffers.items():
                    for name, left in tensors.items():
                        self.buffers[role][name].copy_(left.detach())
                heard |= _each(Tensor.detach, said)
                spoken |= {k: v.detach().float() for k, v in terms.items()}
                spoken[player.name] = total.detach().float()
            for player in players:
                for tensor, slope in zip(self.moved(player), gradients[player.name], strict=True):
                    # fused Adam on a CPU reads a transposed gradient in the wrong order
                    tensor.grad = slope.contiguous()
                self.optimisers[player.name].step()
        return spoken

    def one_step(self) -> None:
        """A step that reads and writes only what was allocated once: the inputs at the cursor,
        which moves on; models and optimisers; and the sums of the losses' terms."""
        at = self.cursor.view(1)
        draw = self._read({k: v.index_select(0, at).squeeze(0) for k, v in self.drawn.items()})
        for name, value in self.play(draw).items():
            if name not in self.sums:
                self.sums[name] = torch.zeros_like(value)
            self.sums[name].add_(value)
        self.cursor.add_(1).remainder_(CHUNK)

    def begin_chunk(self) -> None:
        """Lay out what the coming `CHUNK` steps read, and set the sums to zero.

        Raises:
            ValueError: the run is at its end, where no player is left to move.
        """
        if self.step >= self.run.all_steps():
            raise ValueError(
                f"{self.run.title()} ended at step {self.step}; declare more steps to train on"
            )
        ahead, self.ahead = self.ahead or self._chunk(), None
        for name, tensor in ahead.drawn.items():
            if name not in self.drawn:
                self.drawn[name] = torch.empty_like(tensor, device=self.hardware.device)
            self.drawn[name].copy_(tensor, non_blocking=True)
        if self.step == self.run.steps:  # other players, other terms
            self.sums, self.replay = {}, None
        for total in self.sums.values():
            total.zero_()
        if self.run.cooldown:
            self._cool()

    def end_chunk(self) -> dict[str, Tensor]:
        """Count the steps and draw ahead, while the device may still work; the mean of every
        term over the chunk, each (S,)."""
        self.step += CHUNK
        self.ahead = self._chunk()
        return {name: total / CHUNK for name, total in self.sums.items()}

    def advance(self) -> dict[str, Tensor]:
        """`CHUNK` steps; returns the mean of every term over them, each (S,)."""
        self.begin_chunk()
        if self.replay is None:
            self.replay = graphs.program([self.one_step], self.mutable, self.hardware)
        with self.hardware.without_subnormals():
            for _ in range(CHUNK):
                self.replay()
        return self.end_chunk()

    def mutable(self) -> dict[str, Tensor]:
        """All tensors that a step writes on, by name."""
        tensors = {"cursor": self.cursor}
        tensors |= {f"sums/{name}": total for name, total in self.sums.items()}
        for role in self.params:
            held = self.params[role] | self.buffers[role]
            tensors |= {f"{role}/{name}": tensor for name, tensor in held.items()}
        for player in self.recipe.players():
            states = self.optimisers[player.name].state
            for i, tensor in enumerate(self.moved(player)):
                held = states.get(tensor, {})  # nothing before the player's first step
                tensors |= {f"{player.name}/{i}/{name}": v for name, v in held.items()}
        return tensors

    def keep(self, positions: list[int]) -> None:
        """Go on with the seeds at these positions only."""
        states = [self.state(i) for i in positions]
        self.seeds = tuple(self.seeds[i] for i in positions)
        self.streams = [self.streams[i] for i in positions]
        self.ahead = None  # the states have the generators as they were before
        if not positions:
            self.params, self.buffers = (
                {r: {k: v.detach()[:0] for k, v in tensors.items()} for r, tensors in of.items()}
                for of in (self.params, self.buffers)
            )
            return
        self.load(states)
        self.losses = self._losses()

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
        # that of the chunk to come: what was drawn ahead is drawn again
        ahead, stream = self.ahead, self.streams[position]
        tensors = {"generator": ahead.before[position] if ahead else stream.generator.get_state()}
        for role in self.params:
            for name, tensor in (self.params[role] | self.buffers[role]).items():
                tensors[f"{role}/{name}"] = tensor[position].detach().clone()
        for player in self.recipe.players():
            states = self.optimisers[player.name].state
            for i, tensor in enumerate(self.moved(player)):
                if tensor in states:  # else the player's phase has not begun
                    for moment in ("exp_avg", "exp_avg_sq"):
                        kept = states[tensor][moment][position].clone()
                        tensors[f"{player.name}/{i}/{moment}"] = kept
        return tensors

    def load(self, states: list[dict[str, Tensor]]) -> None:
        """Take up the states of all seeds, all saved at `self.step`."""
        self._adopt(
            *(
                {
                    role: {k: torch.stack([s[f"{role}/{k}"] for s in states]) for k in tensors}
                    for role, tensors in of.items()
                }
                for of in (self.params, self.buffers)
            )
        )
        for player in self.recipe.players():
            optimiser = self.optimisers[player.name]
            for i, tensor in enumerate(self.moved(player)):
                if f"{player.name}/{i}/exp_avg" not in states[0]:
                    continue
                moments = {
                    moment: torch.stack([s[f"{player.name}/{i}/{moment}"] for s in states])
                    for moment in ("exp_avg", "exp_avg_sq")
                }
                # Adam counts on the device only where it is fused.
                fused = optimiser.defaults["fused"]
                step = torch.tensor(
                    float(self._taken(player)),
                    dtype=torch.float32,
                    device=tensor.device if fused else "cpu",
                )
                optimiser.state[tensor] = {
                    "step": step,
                    **{k: v.to(tensor.device) for k, v in moments.items()},
                }
        self.ahead = None
        for stream, state in zip(self.streams, states, strict=True):
            stream.generator.set_state(state["generator"].cpu())

    def _taken(self, player: Player) -> int:
        """Steps that the player has taken: those of its phase so far."""
        first = any(player in players for players in self.recipe.rounds)
        return min(self.step, self.run.steps) if first else max(0, self.step - self.run.steps)


def image_shape(data: FactorData) -> tuple[int, int, int]:
    """(C, H, W) of the images."""
    _, channels, height, width = data.images.shape
    return channels, height, width


def _fuses(device: torch.device) -> bool:
    """Whether Adam has one kernel for all parameters on this device."""
    return device.type in ("cpu", "cuda")


def _stacked(models: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([m[name].detach() for m in models]) for name in models[0]}


def _alone(one: Callable[..., Any]) -> Callable[..., Any]:
    """What `vmap` does for a stack of one, without its cost."""

    def lifted(*stacked: Any) -> Any:
        # squeezed and not indexed: the gradient of v[0] is a copy into zeros, that of a view free
        return _each(lambda v: v[None], one(*_each(lambda v: v.squeeze(0), stacked)))

    return lifted


def _each(change: Callable[[Tensor], Tensor], nested: Any) -> Any:
    """The same nesting of dicts and tuples with every tensor changed."""
    if isinstance(nested, Tensor):
        return change(nested)
    if isinstance(nested, Mapping):
        return {k: _each(change, v) for k, v in nested.items()}
    return tuple(_each(change, v) for v in nested)
