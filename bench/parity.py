"""Does bf16 train to the scores of fp32? Both precisions, the same seeds, on the real images.

Run by `python bench/bench.py --parity`. A sweep like any other: its rows are in
book/results/bench, what is there is not done again, and any number of processes may join in.
"""

import subprocess
import sys

import torch
from scipy import stats

from disentangled import sweeps
from disentangled.experiments import EXPERIMENTS, Setting
from disentangled.runs import Run

PROFILE = "laptop"
N_SEEDS = 4
QUANTITIES = ("mig_exact", "mig", "elbo", "total_corr")


def settings(profile):
    """Four seeds of 5,000 steps in either precision, each a setting, so that cores share them."""
    return [
        Setting(
            Run(experiment="bench", profile=profile, dataset="dsprites_grid", size=64,
                objective="beta_tcvae", net="burgess_conv", steps=5000, learning_rate=1e-3,
                precision=precision),
            (seed,),
            (),
        )
        for seed in range(N_SEEDS)
        for precision in ("fp32", "bf16")
    ]  # fmt: skip


EXPERIMENTS["bench"] = settings


def complete(workers):
    """Train what is missing, one process a core."""
    print(sweeps.statement("bench", PROFILE), flush=True)
    processes = [subprocess.Popen([sys.executable, __file__]) for _ in range(workers)]
    codes = [process.wait() for process in processes]  # wait for all, then judge
    if any(codes):
        raise SystemExit("a worker failed; see above")


def summary():
    """By quantity: means of either precision over the seeds that both have, and the mean of the
    differences within seeds with its 95 % interval (Student)."""
    rows = sweeps.rows("bench", PROFILE)
    precision = {s.run.id(seed): s.run.precision for s in settings(PROFILE) for seed in s.seeds}
    rows = rows.assign(precision=rows["run_id"].map(precision))
    found = {}
    for quantity in QUANTITIES:
        chosen = rows[rows["quantity"] == quantity]
        chosen = chosen[~chosen["factors"].str.contains("shape")]
        by_seed = chosen.pivot_table(index="seed", columns="precision", values="value")
        by_seed = by_seed.reindex(columns=["fp32", "bf16"]).dropna()
        difference = by_seed["bf16"] - by_seed["fp32"]
        if len(difference) > 1:
            half = stats.t.ppf(0.975, len(difference) - 1) * stats.sem(difference)
            found[quantity] = {
                "fp32": by_seed["fp32"].tolist(),
                "bf16": by_seed["bf16"].tolist(),
                "difference": difference.mean(),
                "low": difference.mean() - half,
                "high": difference.mean() + half,
            }
    return found


def table():
    """Lines to print."""
    for quantity, found in summary().items():
        yield f"{quantity}: {len(found['fp32'])} pairs of seeds"
        for precision in ("fp32", "bf16"):
            yield f"  {precision} " + " ".join(f"{value:.4f}" for value in found[precision])
        yield (
            f"  bf16 - fp32: mean {found['difference']:+.4f}, 95 % interval "
            f"[{found['low']:+.4f}, {found['high']:+.4f}]"
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    sweeps.work("bench", PROFILE)
