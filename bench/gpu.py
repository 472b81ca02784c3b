"""Speed on one GPU: whole steps as graphs against eager ones, and what they hold in memory.

    python bench/gpu.py              # laid out for 150 seconds; keeps its readings
    python bench/gpu.py --publish    # writes them into book/results too, for the README
    python bench/gpu.py --dry-run    # the same steps on a CPU, a few each: does it run?

A reading is the time of a step of all its models together, in milliseconds, over the chunks that
fit into its share of the time, and the most memory that was held. Before it is taken, a graph of
the step is held against the eager step: after 100 steps their models must agree to the last bit,
where two eager runs do. Some of a GPU's convolutions add in no fixed order: those do not.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from disentangled import data, sealed
from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.runs import CHUNK, Run
from disentangled.side_by_side import SideBySide
from disentangled.stacks import Stack

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60  # for all readings; comparing and capturing come on top
EQUAL_OVER = 2 * CHUNK  # steps after which graph and eager are compared
N_SEEDS = 10


class Case(NamedTuple):
    """What is measured: a run, how many seeds, in which form, as a graph or eager."""

    title: str
    run: Run
    n_seeds: int
    form: type[Stack] | type[SideBySide]
    graph: bool


def run(objective, net, size, batch, critic="", precision="fp32"):
    """A run of the bench on re-rendered images, long enough for every reading."""
    return Run(experiment="bench", profile="gpu", dataset="dsprites_rerender_grid", size=size,
               pixel_area=(64 // size) ** 2, objective=objective, net=net, critic=critic,
               batch=batch, steps=100_000, learning_rate=1e-4, precision=precision)  # fmt: skip


LIBRARY = run("beta_tcvae_dlib", "dlib_conv", 64, 64)
WITH_CRITIC = run("factor_vae_dlib", "dlib_conv", 64, 64, critic="dlib_critic")
CHEN = run("vae", "chen_mlp", 64, 2048)
CASES = [
    Case("library's conv 64, batch 64, β-TCVAE", LIBRARY, 1, Stack, graph=False),
    Case("library's conv 64, batch 64, β-TCVAE", LIBRARY, N_SEEDS, Stack, graph=False),
    Case("library's conv 64, batch 64, β-TCVAE", LIBRARY, 1, Stack, graph=True),
    Case("library's conv 64, batch 64, β-TCVAE", LIBRARY, N_SEEDS, Stack, graph=True),
    Case("library's conv 64, batch 64, β-TCVAE", LIBRARY, N_SEEDS, SideBySide, graph=True),
    Case("the same in bf16", replace(LIBRARY, precision="bf16"), N_SEEDS, SideBySide, graph=True),
    Case("the same, FactorVAE with its critic", WITH_CRITIC, 1, Stack, graph=False),
    Case("the same, FactorVAE with its critic", WITH_CRITIC, N_SEEDS, Stack, graph=True),
    Case("the same, FactorVAE with its critic", WITH_CRITIC, N_SEEDS, SideBySide, graph=True),
    Case("MLP 256 at 16 x 16, batch 64, β-TCVAE", run("beta_tcvae", "mlp_256", 16, 64), 50, Stack,
         graph=True),
    Case("Chen's MLP, batch 2,048, VAE", CHEN, 8, Stack, graph=True),
    Case("Chen's MLP, batch 2,048, β-TCVAE", replace(CHEN, objective="beta_tcvae", weights={}), 8,
         Stack, graph=True),
]  # fmt: skip


def models(case, images, device):
    hardware = Hardware(device, graph=case.graph)
    return case.form(case.run, tuple(range(case.n_seeds)), images, hardware)


def waited(device):
    """The time, once the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def unequal(case, images, device):
    """How many tensors differ after `EQUAL_OVER` steps between the graph and the eager step, and
    how many between two runs of the eager step."""
    graph, eager, again = (trained(case._replace(graph=g), images, device) for g in (1, 0, 0))
    return differing(graph, eager), differing(eager, again)


def trained(case, images, device):
    """The parameters after `EQUAL_OVER` steps."""
    stack = models(case, images, device)
    for _ in range(EQUAL_OVER // CHUNK):
        stack.advance()
    return stack.params


def differing(params, others):
    return sum(
        not torch.equal(tensor, others[role][name])
        for role, tensors in params.items()
        for name, tensor in tensors.items()
    )


def measured(case, images, device, seconds):
    """Milliseconds a step, and bytes that were held at most."""
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    stack = models(case, images, device)
    stack.advance()  # warms up and captures
    times = []
    begin = waited(device)
    while not times or waited(device) - begin < seconds:
        tick = waited(device)
        stack.advance()
        times.append((waited(device) - tick) / CHUNK)
    held = torch.cuda.max_memory_allocated(device) if on_gpu else 0
    return {"ms": 1e3 * sorted(times)[len(times) // 2], "bytes": held, "steps": len(times) * CHUNK}


def small(case):
    """The same case at a size that a CPU plays in a second: a few steps say that it runs."""
    nets = {"dlib_conv": "conv_small", "chen_mlp": "mlp_256"}
    chosen = case.run
    shrunk = replace(chosen, size=16, pixel_area=16, batch=16, precision="fp32",
                     net=nets.get(chosen.net, chosen.net),
                     critic="critic_256" if chosen.critic else "")  # fmt: skip
    return case._replace(run=shrunk, n_seeds=min(2, case.n_seeds))


def of_two(images: FactorData):
    """Few images: a dry run reads no more."""
    return images.select(torch.arange(min(len(images), 256)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--publish", action="store_true", help="write into book/results too")
    parser.add_argument("--dry-run", action="store_true", help="a few steps of each on the CPU")
    chosen = parser.parse_args()
    if not torch.cuda.is_available() and not chosen.dry_run:
        print(f"There is no GPU here. With one, this would measure {len(CASES)} cases:")
        print(*(f"  {c.title}: {words(c)}" for c in CASES), sep="\n")
        print("and compare graph and eager steps. --dry-run plays a few of the steps on the CPU.")
        return 0
    device = torch.device("cpu" if chosen.dry_run else "cuda")
    name = "a CPU, dry run" if chosen.dry_run else torch.cuda.get_device_name(device)
    readings = []
    for case in [small(c) for c in CASES] if chosen.dry_run else CASES:
        images = data.load(case.run.dataset, size=case.run.size).to(device)
        images = of_two(images) if chosen.dry_run else images
        off, by_itself = unequal(case, images, device) if case.graph else (0, 0)
        found = measured(case, images, device, 0 if chosen.dry_run else SECONDS / len(CASES))
        line = {"title": case.title, "how": words(case), "unequal": off,
                "unequal_eager": by_itself, **found}  # fmt: skip
        readings.append(line)
        print(f"{line['title']}, {line['how']}: {line['ms']:.2f} ms a step, "
              f"{line['bytes'] / 1e9:.2f} GB, {off} tensors unlike eager, "
              f"{by_itself} unlike in two eager runs", flush=True)  # fmt: skip
    content = {"device": name, "torch": torch.__version__, "readings": readings}
    places = [ROOT / "build" / "gpu.json"]
    if chosen.publish and not chosen.dry_run:
        places.append(ROOT / "book" / "results" / "bench" / "gpu.json")
    for path in places:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sealed.text(content), "utf-8")
        print(f"written: {path.relative_to(ROOT)}")
    return int(any(line["unequal"] and not line["unequal_eager"] for line in readings))


def words(case):
    """Seeds, form and precision of a case."""
    seeds = f"{case.n_seeds} seeds" if case.n_seeds > 1 else "one seed"
    form = " stacked" if case.form is Stack else " side by side"
    return (f"{seeds}{form if case.n_seeds > 1 else ''}, "
            f"{'graph' if case.graph else 'eager'}, {case.run.precision}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
