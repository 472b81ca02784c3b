"""A data set and runs so small that a test trains them, and a sweep of them as a script.

    python tests/tiny.py [kill STEP]

trains what is missing of the experiment "tiny" and prints a line for every row file it writes.
With `kill`, the process kills itself in the middle of writing the checkpoints of that step.
"""

import json
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import torch

from disentangled import data as datasets
from disentangled import experiments, store, sweeps, training, workers
from disentangled.data import FactorData
from disentangled.experiments import Setting
from disentangled.hardware import Hardware
from disentangled.objectives import OBJECTIVES
from disentangled.runs import Run

CPU = Hardware(torch.device("cpu"))
SEEDS = (0, 1, 2)
PLAYABLE = sorted(
    name for name, recipe in OBJECTIVES.items()
    if set(recipe.nets) <= {"encoder", "decoder", "critic", "prior"}
)  # fmt: skip
"""Objectives that `run` knows the nets of; games of other roles have test_games.py."""


def images(*_):
    """64 images of 4 x 4: one bright pixel on a ground of 4 greys; 4 rows, 4 columns."""
    factors = torch.cartesian_prod(*[torch.arange(4)] * 3)
    pictures = (60 * factors[:, 0])[:, None].repeat(1, 16)
    pictures[torch.arange(64), 4 * factors[:, 1] + factors[:, 2]] = 255
    pictures = pictures.to(torch.uint8).view(64, 1, 4, 4)
    return FactorData("tiny", pictures, factors, ("shape", "row", "column"), (4, 4, 4),
                      source="made up", nuisances=("shape",), unordered=("shape",))  # fmt: skip


def run(objective="vae", **changes):
    """A run of 100 steps."""
    roles = OBJECTIVES[objective].nets if objective in OBJECTIVES else ()
    chosen = {"experiment": "tiny", "profile": "smoke", "dataset": "tiny", "size": 4,
              "net": "mlp_64", "n_axes": 3, "batch": 8, "steps": 100, "learning_rate": 1e-3,
              "critic": "critic_256" if "critic" in roles else "",
              "nets": {"prior": "flow_prior"} if "prior" in roles else {}}  # fmt: skip
    return Run(**(chosen | {"objective": objective} | changes))


def setting(*arguments, **more):
    """A setting without the scores that take a second a run, which are tested elsewhere."""
    return Setting(*arguments, **({"at_end": ()} | more))


def settings(profile):
    """Four settings; the first is scored half-way as well."""
    if profile != "smoke":
        return []
    return [
        setting(run("factor_vae", steps=200), SEEDS, (100,)),
        *(setting(run("beta_vae", weights={"beta": b}), (0, 1)) for b in (2.0, 4.0, 8.0)),
    ]


def numbers(home):
    """The numbers of all row files of a folder: run id -> lines."""
    return {path.stem: json.loads(path.read_text())["numbers"] for path in home.glob("*.json")}


def register(setitem=lambda mapping, name, value: mapping.__setitem__(name, value)):
    """Make the data set and the experiment known; tests pass monkeypatch.setitem."""
    setitem(datasets.DATA_SETS, "tiny", datasets.DataSet(images, "one bright pixel"))
    setitem(experiments.EXPERIMENTS, "tiny", settings)


def main(arguments):
    register()
    sweeps.POLL = 0.05
    workers.trajectory = partial(training.trajectory, save_every=0.0)
    write_rows, write_tensors = store.write_rows, store.write_tensors

    def written(path, *columns):
        write_rows(path, *columns)
        print(path.stem, flush=True)

    def killed(path, tensors, **about):
        write_tensors(path, tensors, **about)
        if arguments[:1] == ["kill"] and about["step"] == arguments[1]:
            os.kill(os.getpid(), signal.SIGKILL)

    store.write_rows, store.write_tensors = written, killed
    # Two processes start together: neither does before both are ready.
    if ready := os.environ.get("READY"):
        (Path(ready) / str(os.getpid())).touch()
        while len(list(Path(ready).iterdir())) < 2:
            time.sleep(0.001)
    sweeps.work("tiny", "smoke", CPU)


if __name__ == "__main__":
    main(sys.argv[1:])
