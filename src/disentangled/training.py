"""Training: a run and its seeds to fitted models, as stacks that fit the hardware."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from disentangled import data as datasets
from disentangled import hardware as machines
from disentangled.arrays import entry, several, whole
from disentangled.costs import groups
from disentangled.data import FactorData
from disentangled.fitted import Fitted
from disentangled.hardware import Hardware
from disentangled.runs import CHUNK, Run
from disentangled.side_by_side import SideBySide, form
from disentangled.stacks import Params, Stack, image_shape

__all__ = ["Checkpoint", "Fitted", "Progress", "fit", "trajectory", "untrained"]


class Progress(NamedTuple):
    """What a progress line needs: steps done and to do, and seconds spent on those done here."""

    step: int
    steps: int
    done_here: int
    seconds: float


class Checkpoint(NamedTuple):
    """Where one seed stood: its step, the seconds it took so far, and `Stack.state`; of a seed
    that stopped none, and the step at which it did."""

    step: int
    seconds: float
    state: dict[str, Tensor]
    stopped: int | None = None


def _fitted(
    stack: Stack | SideBySide, stopped: dict[int, int], terms: dict[str, Tensor], seconds: float
) -> Fitted:
    """The models as they stand; training on does not change them."""
    params, buffers = (
        {role: {k: v.detach().clone() for k, v in tensors.items()} for role, tensors in of.items()}
        for of in (stack.params, stack.buffers)
    )
    # as scores read them: running statistics and spectral norm stand still
    templates = {role: copy.deepcopy(net).eval() for role, net in stack.templates.items()}
    return Fitted(
        stack.run, stack.seeds, stack.step, params, stopped, terms, seconds, templates, buffers
    )


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
    pause: Callable[[int], bool] | None = None,
) -> Iterator[Fitted]:
    """Train one group of seeds as one stack; yield the models at the milestones and at the end.

    Args:
        run: the setting.
        seeds: the group; it should fit the memory budget (see `costs.groups`).
        data: the images, already on the hardware's device.
        milestones: steps, multiples of `CHUNK`; `run.all_steps()` is always the last.
        start: checkpoints of all seeds, at one and the same step, to go on from.
        save: called about every `save_every` seconds, with the checkpoints of all seeds, stopped
            ones too.
        report: called after every chunk.
        pause: called before every chunk with the step that it ends at; where it says yes,
            training saves and ends there. With it the chunk before each goal is saved as well,
            so that scoring at the goal can be given up.

    A seed whose loss or whose parameters are not finite stops; the others go on.

    Raises:
        ValueError: milestones that are no multiples of `CHUNK` up to the last step, or a start
            that does not fit the seeds.
    """
    hardware = hardware or Hardware()
    strange = [m for m in milestones if m % CHUNK or not 0 < m <= run.all_steps()]
    if strange:
        raise ValueError(
            f"milestones must be multiples of {CHUNK} from {CHUNK} to {run.all_steps()}, "
            f"got {strange}"
        )
    machines.prepare(hardware)
    if start and (len({c.step for c in start}) > 1 or len(start) != len(seeds)):
        raise ValueError("start needs one checkpoint a seed, all at the same step")
    stopped = {s: c.stopped for s, c in zip(seeds, start, strict=False) if c.stopped is not None}
    stack = form(run, [seed for seed in seeds if seed not in stopped], data, hardware)
    seconds = 0.0
    if start:
        stack.step, seconds = start[0].step, start[0].seconds
        stack.load([c.state for c in start if c.stopped is None])
    first = stack.step
    # What was reached before the checkpoint was yielded then.
    goals = sorted(step for step in {*milestones, run.all_steps()} if step > first)
    saved = began = time.perf_counter()

    def reached() -> dict[int, Checkpoint]:
        states = {seed: stack.state(i) for i, seed in enumerate(stack.seeds)}
        return {
            s: Checkpoint(stack.step, seconds, states.get(s, {}), stopped.get(s)) for s in seeds
        }

    while goals and stack.seeds:
        if pause:
            end = stack.step + CHUNK
            over = pause(end)
            if save and ((over and stack.step > first) or end == goals[0]):
                save(reached())
            if over:
                return
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
            report(Progress(stack.step, run.all_steps(), stack.step - first, now - began))
        if stack.step >= goals[0] or not stack.seeds:
            goals.pop(0)
            yield _fitted(stack, dict(stopped), terms, seconds)
        late = time.perf_counter() - saved > save_every
        if save and late and stack.seeds and stack.step < run.all_steps():
            save(reached())
            saved = time.perf_counter()


@entry
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
    for name, value, kind in (("run", run, Run), ("data", data, FactorData),
                              ("hardware", hardware, Hardware)):  # fmt: skip
        if not (isinstance(value, kind) or (value is None and kind is not Run)):
            raise ValueError(f"{name} must be a {kind.__name__}, got {value!r}")
    seeds = [whole(seed, "a seed", 0) for seed in several(seeds, "seeds")]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"expected at least one seed and none twice, got {list(seeds)}")
    hardware = hardware or Hardware()
    data = datasets.load(run.dataset, size=run.size) if data is None else data
    data = data.to(hardware.device)
    parts = []
    for group in groups(run, seeds, image_shape(data), hardware):
        *_, last = trajectory(run, group, data, hardware=hardware, report=report)
        parts.append(last)
    return Fitted(
        run,
        tuple(s for p in parts for s in p.seeds),
        max(p.step for p in parts),
        _joined([p.params for p in parts]),
        {s: at for p in parts for s, at in p.stopped.items()},
        {k: torch.cat([p.terms[k] for p in parts]) for k in parts[0].terms},
        sum(p.seconds * len(p.seeds) for p in parts) / max(1, sum(len(p.seeds) for p in parts)),
        parts[0].templates,
        _joined([p.buffers for p in parts]),
    )


def _joined(parts: Sequence[Params]) -> Params:
    """The tensors of several stacks as those of one."""
    return {
        role: {k: torch.cat([p[role][k] for p in parts]) for k in tensors}
        for role, tensors in parts[0].items()
    }


@entry
def untrained(
    run: Run, seeds: Sequence[int], data: FactorData, hardware: Hardware | None = None
) -> Fitted:
    """The models that training starts from: a baseline for every score."""
    return _fitted(Stack(run, seeds, data, hardware or Hardware()), {}, {}, 0.0)
