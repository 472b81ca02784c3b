"""Objectives as games: who plays, the losses, the nets each player moves, and in which order.

A VAE is a game of one player, who moves the encoder and the decoder. FactorVAE has a second one,
the critic. Players of one round take their gradients at the same weights, then move together;
rounds follow each other. Each player hears what the players before it said in this step
(detached), so that nothing is computed twice. All randomness comes in by the recipe's inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from disentangled import gaussian
from disentangled.nets.bound import Bound, Tensors
from disentangled.objectives.inputs import IMAGES, NOISE, Input, check_inputs
from disentangled.types import Code, Loss

Nets = Mapping[str, Bound]
Draw = Mapping[str, Tensor]
Heard = dict[str, Tensor]
Rounds = tuple[tuple["Player", ...], ...]


class Player(NamedTuple):
    """One loss and the nets it moves, by their roles.

    Its loss is called as ``loss(nets, draw, heard, *, n_data, pixel_area, **weights)`` with the
    nets by role, each a function; with the recipe's inputs by name; and with what the players
    before it said in this step. It returns a `Loss` and what it says to those after it. betas are
    its Adam's; learning_rate is its own, or None for the run's times rate_share.
    """

    name: str
    nets: tuple[str, ...]
    loss: Callable[..., tuple[Loss, Heard]]
    betas: tuple[float, float] = (0.9, 0.999)
    learning_rate: float | None = None
    rate_share: float = 1.0


def _encoder(nets: Nets, x: Tensor) -> tuple[Tensor, Tensor]:
    mean, logvar = _net(nets, "encoder", "encode")(x)
    return mean, logvar


def _decoder(nets: Nets, z: Tensor) -> Tensor:
    logits: Tensor = _net(nets, "decoder", "decode")(z)
    return logits


def _net(nets: Nets, role: str, field: str) -> Bound:
    if role not in nets:
        raise ValueError(
            f"the recipe has no net {role}, its nets are {', '.join(nets)}; say in its field "
            f"{field} how they {field}"
        )
    return nets[role]


_GIVEN = {"n_data", "pixel_area", "noise_covariance", "axes_per_feature"}
IMAGES_AND_NOISE: Mapping[str, Input] = MappingProxyType({"x": IMAGES, "noise": NOISE})


class Recipe(NamedTuple):
    """An objective as a game.

    - rounds: the players of each round; a round takes its gradients together, then moves.
    - weights: names and default values of the weights.
    - nets: the roles of its nets, in the order in which they are built.
    - inputs: its random inputs by name, in the order in which they are drawn.
    - encode: (nets, x) -> mean, logvar of the code, each (B, D); what scores read.
    - decode: (nets, z) -> logits (B, C, H, W) of the images of codes z (B, D).
    - after: rounds of a second phase, played for `Run.steps_after` steps after the first; its
      players have names of their own. An encoder is trained so after a GAN.
    - method_version: raised by hand when a change moves numbers; part of a run's id.
    - swept: the weight that experiments vary, the column `weight` of `tables.per_run`; one that
      is called beta leaves the plain VAE at 1. Without one that column is 1.
    - positive: the weights that its losses divide by, or that count steps: they are above 0.
    - has_features: whether its losses know features of several axes, `Run.axes_per_feature`.
    """

    rounds: Rounds
    weights: Mapping[str, float | str]
    nets: tuple[str, ...] = ("encoder", "decoder")
    inputs: Mapping[str, Input] = IMAGES_AND_NOISE
    encode: Callable[[Nets, Tensor], tuple[Tensor, Tensor]] = _encoder
    decode: Callable[[Nets, Tensor], Tensor] = _decoder
    after: Rounds = ()
    method_version: int = 1
    swept: str = ""
    positive: tuple[str, ...] = ()
    has_features: bool = False

    def players(self) -> list[Player]:
        """All players of both phases, in order."""
        return [player for players in (*self.rounds, *self.after) for player in players]

    def check(self) -> None:
        """Hold what was declared against what a game must be.

        Raises:
            ValueError: a round without players, two players of one name, a player that moves
                what is no net of the game or no net at all, weights that losses get already, or
                an input that reads what none draws.
        """
        check_inputs(self.inputs)
        if not self.rounds or not all((*self.rounds, *self.after)):
            raise ValueError(f"every round needs a player, got {self.rounds}, {self.after}")
        names = [player.name for player in self.players()]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"two players are called {', '.join(twice)}; each has an optimiser under its "
                "name: give every player a name of its own"
            )
        for player in self.players():
            roles = player.nets if isinstance(player.nets, tuple) else ()
            if not roles or len(set(roles)) < len(roles) or not set(roles) <= set(self.nets):
                raise ValueError(
                    f"{player.name} must move some of the nets {self.nets}, a tuple that names "
                    f"each once, got {player.nets!r}"
                )
        if taken := sorted(_GIVEN & set(self.weights)):
            raise ValueError(f"every loss is given {', '.join(taken)}; name the weight otherwise")
        if self.swept and self.swept not in self.weights:
            raise ValueError(f"swept must be one of {sorted(self.weights)}, got {self.swept!r}")
        if strange := sorted(set(self.positive) - set(self.weights)):
            raise ValueError(f"positive must name some of {sorted(self.weights)}, got {strange}")


def encode(nets: Nets, x: Tensor, noise: Tensor) -> Code:
    """The code of images x (B, C, H, W) by noise (B, D): z = mean + exp(logvar / 2) noise."""
    mean, logvar = nets["encoder"](x)
    mean, logvar = mean.float(), logvar.float()  # densities in float32 also under autocast
    return Code(gaussian.reparametrise(mean, logvar, noise), mean, logvar)


def _autoencoder(
    objective: Callable[..., Loss],
    reads: Sequence[str],
    nets: Nets,
    draw: Draw,
    heard: Heard,
    **settings: Any,
) -> tuple[Loss, Heard]:
    if absent := [name for name in reads if name not in draw]:
        raise ValueError(
            f"the objective reads {', '.join(absent)}, which its recipe does not draw; give it "
            f"inputs, for instance {{'x': IMAGES, 'noise': NOISE, 'step': STEP}}, got {list(draw)}"
        )
    code = encode(nets, draw["x"], draw["noise"])
    logits = nets["decoder"](code.z).float()
    further = {name: draw[name] for name in reads}
    return objective(draw["x"], logits, code, **further, **settings), {}


def one_player(objective: Callable[..., Loss], *reads: str) -> Rounds:
    """The game of an objective `(x, logits, code, *, n_data, pixel_area, weights...) -> Loss`: one
    player, who moves the encoder and the decoder.

    reads: further inputs of the recipe that the objective takes as keywords, by name; one that
    changes in training reads `"step"`, with `STEP` among the inputs.
    """
    loss = partial(_autoencoder, objective, reads)
    return ((Player("autoencoder", ("encoder", "decoder"), loss),),)


def unrolled(loss: Callable[[Bound], Tensor], net: Bound, *, steps: int, rate: float) -> Bound:
    r"""The net after steps of gradient descent on a loss, as a function of where it began.

        θ_{k+1} = θ_k − rate ∇_θ loss(net at θ_k),   k = 0, ..., steps − 1

    Gradients flow through all steps, to the net's own parameters and to whatever the loss
    depends on, of any order. The net itself does not move, nor do its buffers in these steps.

    Args:
        loss: of the net bound to other parameters, a scalar.
        steps, rate: how many steps, and how far each goes.

    Raises:
        ValueError: a number of steps below 0.
    """
    if steps < 0:
        raise ValueError(f"steps must be 0 or more, got {steps}")
    for _ in range(steps):
        slope = torch.func.grad(lambda params, at=net: loss(at.aside(params)))(net.params)
        net = net.at({name: value - rate * slope[name] for name, value in net.params.items()})
    return net


def as_promised(player: Player, returned: Any) -> tuple[Loss, Heard]:
    """What a player's loss returned, held against what it must: a `Loss` of tensors, and a dict.

    Raises:
        ValueError: it is something else; the message says what to return.
    """
    loss, said = returned if isinstance(returned, tuple) and len(returned) == 2 else (None, None)
    whole = isinstance(loss, Loss) and isinstance(loss.terms, Mapping)
    if not whole or not isinstance(said, Mapping):
        raise ValueError(
            f"the loss of {player.name} must return a Loss and a dict of what it says to the "
            f"players after it, got {type(returned).__name__}; return loss, {{}}"
        )
    assert isinstance(loss, Loss)
    for name, value in (("total", loss.total), *loss.terms.items(), *said.items()):
        if not isinstance(value, Tensor):
            raise ValueError(
                f"{name} of {player.name} must be a tensor, got {type(value).__name__}; give a "
                "constant as torch.full_like(total, value)"
            )
    if loss.terms.get(player.name, loss.total) is not loss.total:
        raise ValueError(
            f"{player.name} has a term of its own name that is not its total, which stands under "
            "that name; name the term otherwise"
        )
    return loss, dict(said)


def check_values(
    player: Player,
    total: Tensor,
    terms: Mapping[str, Tensor],
    spoken: Iterable[str],
    n_models: int,
) -> None:
    """Hold the total and the terms of a player's loss, of a stack, against what `Loss` promises.

    spoken: the names of the players before it in this step, and of their terms.

    Raises:
        ValueError: one that is no scalar a model or no real number, a name that stands for
            something else already, or a total without a gradient.
    """
    if twice := sorted({player.name, *terms} & set(spoken)):
        raise ValueError(
            f"{', '.join(twice)} of {player.name} is also the name of a player or a term before "
            "it; give each a name of its own"
        )
    if not total.requires_grad:
        raise ValueError(
            f"the total of {player.name} has no gradient; compute it outside of torch.no_grad and "
            "do not detach it"
        )
    for name, value in {"total": total, **terms}.items():
        if not value.is_floating_point():
            raise ValueError(
                f"{name} of {player.name} must be a real number, got {value.dtype}; give it as "
                f"{name}.float()"
            )
        if value.shape != (n_models,):
            raise ValueError(
                f"{name} of {player.name} must be a scalar in nats per example, got shape "
                f"{tuple(value.shape[1:])} for one model; take the mean over the batch"
            )


def check_moves(player: Player, params: Tensors) -> None:
    """Hold what a player moves, of all parameters by role, against that it moves something.

    Raises:
        ValueError: its nets have no parameters.
    """
    if not any(params[role] for role in player.nets):
        raise ValueError(
            f"{player.name} moves {', '.join(player.nets)}, where there is no parameter; leave "
            "the player out, or let it move another net"
        )


def check_slopes(player: Player, names: Sequence[str], slopes: Sequence[Tensor | None]) -> None:
    """Hold the gradients of a player's loss against what it moves, which the names say.

    Raises:
        ValueError: the loss does not depend on some of it.
    """
    idle = [name for name, slope in zip(names, slopes, strict=True) if slope is None]
    if idle:
        raise ValueError(
            f"the loss of {player.name} does not depend on {', '.join(idle)}, which it moves; "
            "leave the net out of its nets, or the layer out of the net"
        )
