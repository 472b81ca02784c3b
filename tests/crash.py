"""A sweep that is killed at one of its operations on files: in this process, or truly.

    python tests/crash.py OPERATION

trains what is missing of the experiment "crash" and kills itself at the operation of that number.
"""

import io
import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest
import safetensors.torch
import tiny
import torch

from disentangled import costs, experiments, stacks, store, sweeps, training, workers

POISONED = 1  # the seed that stops, in the stack of three


class Killed(BaseException):
    """What a process that is killed does: no handler of errors stops it."""


class Operations:
    """Counts the operations that change files below a folder; from number `fatal` on none works.

    The one that is fatal leaves what a kill in its middle would: half of a file that was to be
    written, and nothing of all others.
    """

    def __init__(self, folder, fatal=None, end=None):
        self.folder, self.fatal, self.end = str(folder), fatal, end
        self.names = []

    def begin(self, name, path, half=lambda: None):
        if not str(path).startswith(self.folder):
            return
        self.names.append(f"{name} {Path(path).name}")
        if self.fatal is not None and len(self.names) > self.fatal:
            if len(self.names) == self.fatal + 1:
                half()
                if self.end:
                    self.end()
            raise Killed(self.names[self.fatal])

    def watch(self, patch):
        """patch: a MonkeyPatch, which undoes all of it."""

        def watched(name, changes):
            was = getattr(os, name)

            def done(path, *rest, **options):
                if changes(path, *rest):
                    self.begin(name, path)
                return was(path, *rest, **options)

            patch.setattr(os, name, done)

        for name in ("replace", "rename", "unlink", "rmdir"):
            watched(name, lambda path, *rest: os.path.lexists(path))
        watched("mkdir", lambda path, *rest: not os.path.lexists(path))
        watched("open", lambda path, flags, *rest: flags & os.O_CREAT and not os.path.exists(path))
        opened, saved = io.open, safetensors.torch.save_file

        def open_file(file, mode="r", *rest, **options):
            if set(mode) & set("wax+"):

                def half():
                    with opened(file, "wb") as written:
                        written.write(b"half")

                self.begin("write", file, half)
            return opened(file, mode, *rest, **options)

        def save_file(tensors, path, **options):
            def half():
                saved(tensors, path, **options)
                os.truncate(path, os.path.getsize(path) // 2)

            self.begin("write", path, half)
            return saved(tensors, path, **options)

        patch.setattr(io, "open", open_file)
        patch.setattr(safetensors.torch, "save_file", save_file)


def settings(profile):
    """A stack that is scored half-way and loses a seed, and one too short for checkpoints."""
    if profile != "smoke":
        return []
    judged = {"scores": ("distortion",), "pictures": ("traversals",)}
    long, short = (tiny.run(experiment="crash", batch=4, steps=steps) for steps in (150, 50))
    return [
        tiny.setting(long, (0, POISONED, 2), (100,), kept_by="distortion", **judged),
        tiny.setting(short, (0, 2), **judged),
    ]


def prepare(patch, results):
    """The experiment, a checkpoint after every chunk, a seed that stops, and no measured rate."""
    tiny.register(patch.setitem)
    patch.setitem(experiments.EXPERIMENTS, "crash", settings)
    patch.setenv(store.ROOT, str(results))
    patch.setattr(workers, "trajectory", partial(training.trajectory, save_every=0.0))
    patch.setattr(costs, "training_rate", lambda *of: 1e9)
    build = stacks.build

    def poisoned(run, seed, shape):
        nets = build(run, seed, shape)
        if seed == POISONED:
            nets["decoder"][0].weight.data[0, 0] = float("nan")
        return nets

    patch.setattr(stacks, "build", poisoned)


def sweep(results, fatal=None, end=None):
    """Train what is missing; returns the names of the operations, and whether all were done."""
    with pytest.MonkeyPatch.context() as patch:
        prepare(patch, results)
        operations = Operations(results, fatal, end)
        operations.watch(patch)
        try:
            sweeps.complete("crash", "smoke", workers=1)
        except Killed:
            return operations.names, False
        return operations.names, True


def main(arguments):
    torch.set_num_threads(1)
    results, fatal = Path(os.environ[store.ROOT]), int(arguments[0])
    sweep(results, fatal, lambda: os.kill(os.getpid(), signal.SIGKILL))


if __name__ == "__main__":
    main(sys.argv[1:])
