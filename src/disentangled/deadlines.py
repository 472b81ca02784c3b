"""What fits into the time that is left: a deadline, and how long things were seen to take.

A chunk of steps, the scoring of a model, the loading of data cannot be cut: each begins only if it
is expected to end in time. What is expected is the slowest of the last few of its kind in this
process, and before the first of a kind a guess.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from disentangled import costs
from disentangled.arrays import real
from disentangled.data import FactorData
from disentangled.experiments import Setting
from disentangled.hardware import Hardware
from disentangled.runs import CHUNK
from disentangled.scoring import SCORES
from disentangled.stacks import image_shape

RESERVE = 8.0
"""Seconds kept for what is not watched: starting and ending Python, checkpoints, reading rows."""

SLACK = 1.25
"""How much longer than expected a thing may take before it counts as too late."""

LAST = 3  # durations of a kind that are remembered: the first is slow, and says little later

GUESSED_SHARE = 0.25
"""Of the time left at the start, the most that is guessed: who may not look learns nothing, and a
sweep that is cut again and again would stand still."""

WARM_UP = 3.0  # seconds until a stack is built and its device is warm
PASSES = 2


def guessed_scoring(setting: Setting, step: int, one_pass: float = 0.0) -> float:
    """Seconds that the scoring of one model at a step may take, before one was seen: what its
    scores took elsewhere (see `scoring.ModelScore`), and two passes over all images.

    one_pass: seconds of encoding all images.
    """
    return PASSES * one_pass + sum(SCORES[name].seconds for name in setting.scores_at(step))


class Deadline:
    """A moment of the wall clock, and the durations seen since.

    Args:
        at: the moment, in seconds of the clock.
        clock: the present; processes on one machine share `time.time`.
    """

    def __init__(self, at: float, clock: Callable[[], float] = time.time) -> None:
        self.at, self.clock = at, clock
        self.most_guessed = GUESSED_SHARE * max(0.0, self.left())
        self._seen: dict[Hashable, deque[float]] = defaultdict(lambda: deque(maxlen=LAST))

    def left(self) -> float:
        """Seconds until the deadline, without the reserve; below 0 once it is over."""
        return self.at - self.clock() - RESERVE

    def note(self, kind: Hashable, seconds: float) -> None:
        """Remember how long one of a kind took, for the next of it."""
        self._seen[kind].append(seconds)

    def expected(self, kind: Hashable, guess: float) -> float:
        """Seconds that one of this kind will take."""
        seen = self._seen.get(kind)
        return max(seen) if seen else min(guess, self.most_guessed)

    def allows(self, seconds: float) -> bool:
        """Whether what is expected to take that long will have ended in time."""
        return SLACK * seconds < self.left()


def in_minutes(minutes: float, clock: Callable[[], float] = time.time) -> Deadline:
    """The deadline that is so far from now.

    Raises:
        ValueError: minutes that are not above 0.
    """
    minutes = real(minutes, "minutes")
    if minutes <= 0:
        raise ValueError(
            f"minutes must be a number above 0, got {minutes}; leave it out to train all that is "
            "missing"
        )
    return Deadline(clock() + 60 * minutes, clock)


class Pace:
    """What a setting's stack may still begin before a deadline."""

    def __init__(
        self, deadline: Deadline, setting: Setting, data: FactorData, hardware: Hardware
    ) -> None:
        self.deadline, self.setting = deadline, setting
        run, step = setting.run, costs.dry_step(setting.run, image_shape(data))
        rate = costs.training_rate(run, image_shape(data), hardware.device)
        images = data.images.shape[0] / (run.batch * costs.FORWARD_AND_BACKWARD)
        self._pass = step.flops * images / rate
        self._chunk = WARM_UP + CHUNK * step.flops * len(setting.seeds) / rate
        self._begun = deadline.clock()
        self._goals = {*setting.milestones, run.all_steps()}
        self._chunk_kind = ("chunk", run.setting_id(), len(setting.seeds))

    def _scoring_kind(self, step: int) -> Hashable:
        """Models whose scoring takes about as long: equal nets, images, scores and pictures."""
        run = self.setting.run
        at_end = step == run.all_steps()
        return ("scoring", run.dataset, run.size, tuple(run.roles().values()),
                self.setting.scores_at(step), self.setting.pictures if at_end else ())  # fmt: skip

    def scoring(self, step: int) -> float:
        """Seconds that the scoring of one model at a step is expected to take."""
        guess = guessed_scoring(self.setting, step, self._pass)
        return self.deadline.expected(self._scoring_kind(step), guess)

    def allows_chunk(self, end: int = 0) -> bool:
        """Whether a chunk fits, with the scoring of one model where a goal is at its end."""
        seconds = self.deadline.expected(self._chunk_kind, self._chunk)
        return self.deadline.allows(seconds + (self.scoring(end) if end in self._goals else 0.0))

    def begin_chunk(self, end: int) -> bool:
        """`allows_chunk`; if so, its time runs until `chunk_done`."""
        self._begun = self.deadline.clock()
        return self.allows_chunk(end)

    def chunk_done(self) -> None:
        """The chunk that began last has ended."""
        self.deadline.note(self._chunk_kind, self.deadline.clock() - self._begun)

    def allows_scoring(self, step: int) -> bool:
        """Whether the scoring of one more model at a step fits."""
        return self.deadline.allows(self.scoring(step))

    def allows_pass(self) -> bool:
        """Whether it fits to encode all images."""
        return self.deadline.allows(min(self._pass, self.deadline.most_guessed))

    @contextmanager
    def scoring_watched(self, step: int, known: bool) -> Iterator[None]:
        """Note how long this scoring takes, unless the scores are known already."""
        begun = self.deadline.clock()
        yield
        if not known:
            self.deadline.note(self._scoring_kind(step), self.deadline.clock() - begun)
