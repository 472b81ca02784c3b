"""Speed: ratios of our code to the straightforward way, measured in one run.

    make bench                                  # a few minutes
    python bench/bench.py --only mig --quick    # one case, roughly

Every number comes from a process of its own, in rounds A B A B; a ratio is the median over the
rounds of the ratio within a round, so that a machine whose speed drifts does little harm.
Rates count what the unit says: images that an autoencoder was trained on, steps of one seed,
scores of one model. With `--threads 1` the clock is the CPU time of the process, which others
on the same machine hardly disturb; else it is the clock on the wall, and the machine must be idle.
"""

import argparse
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

import torch
from measures import CASES, Reading

from disentangled import sealed
from disentangled.arguments import count

ROOT = Path(__file__).resolve().parents[1]
ROUNDS, QUICK_ROUNDS = 5, 1
AGAIN = "delete it and run `make bench` again"


def measured(name, side, quick, threads):
    """One reading, taken in a process of its own."""
    command = [sys.executable, __file__, "--only", name, "--measure", side]
    done = subprocess.run(
        command + ["--quick"] * quick,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Reading(*json.loads(done.stdout))


def compare(name, n_rounds, quick, threads):
    """All rounds of a case: for every side its readings' medians and its ratio to the first."""
    case = CASES[name]
    sides = list(case.sides)
    rounds = [{s: measured(name, s, quick, threads) for s in sides} for _ in range(n_rounds)]
    found = {}
    for side in sides:
        readings = [readings[side] for readings in rounds]
        ratios = [r[side].rate / r[sides[0]].rate for r in rounds]
        middle = Reading(*(statistics.median(values) for values in zip(*readings, strict=True)))
        known = {k: v for k, v in middle._asdict().items() if math.isfinite(v)}
        found[side] = known | {
            "rates": [r.rate for r in readings],
            "ratio": statistics.median(ratios),
            "ratios": ratios,
        }
    return {"title": case.title, "unit": case.unit, "rounds": n_rounds, "sides": found}


def machine():
    """The machine in words, without its name."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        fields = dict(map(str.strip, f"{line}:".split(":")[:2]) for line in cpuinfo.open())
        model = fields.get("model name", model)
    return {
        "cpu": model,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def table(results):
    """Lines to print."""
    peak = {side: found["rate"] for side, found in results["peak"]["sides"].items()}
    for name, result in results.items():
        yield f"\n{name}: {result['title']}; {result['unit']}"
        for side, found in result["sides"].items():
            line = f"  {side:<11} {found['rate']:10.4g}   x {found['ratio']:<7.3g}"
            low, high = min(found["ratios"]), max(found["ratios"])
            line += f" ({low:.3g} to {high:.3g})"
            if "flops" in found:
                gflops = found["rate"] * found["flops"] / 1e9
                line += f"   {gflops:5.0f} GFLOP/s"
                precision = side.split()[-1] if side.split()[-1] in peak else "fp32"
                line += f" = {gflops / peak[precision]:.0%} of {precision} peak"
                line += f"   {found['faults']:,.0f} faults/step"
            if "score" in found:
                line += f"   value {found['score']:.4f}"
            yield line


def file_name(about):
    """A file for every machine and clock, so that no machine's readings replace another's."""
    cpu = "_".join(re.findall(r"[a-z0-9]+", about["cpu"].lower()))
    return f"bench_{cpu}{'' if about['threads'] > 1 else '_one_thread'}.json"


def write(path, about, results):
    """Write the cases, beside those that stand there already from the same machine."""
    if path.exists() and (before := sealed.read(path, AGAIN))["machine"] == about:
        results = before["cases"] | results
    save(path, {"machine": about, "cases": results})


def save(path, content):
    """Write JSON, and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.loads(json.dumps(content, sort_keys=True))
    path.write_text(sealed.text(content), "utf-8")
    print(f"written: {path.relative_to(ROOT)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", choices=sorted(CASES), help="this case (and the peak) alone")
    parser.add_argument("--quick", action="store_true", help="one short round: rough numbers")
    parser.add_argument("--rounds", type=count, help=f"rounds of all sides (default {ROUNDS})")
    parser.add_argument("--threads", type=count, default=os.cpu_count(), help="default: all cores")
    parser.add_argument("--publish", action="store_true", help="write into book/results too")
    parser.add_argument("--parity", action="store_true", help="bf16 against fp32 (resumes)")
    parser.add_argument("--workers", type=count, default=os.cpu_count(), help="with --parity")
    parser.add_argument("--measure", metavar="SIDE", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        reading = CASES[chosen.only].sides[chosen.measure](chosen.quick)
        print(json.dumps(reading))
        return
    import parity  # makes its experiment known, which the processes that measure do not need

    if chosen.parity:
        parity.complete(chosen.workers)
        print("\n".join(parity.table()))
        save(ROOT / "book" / "results" / "bench" / "parity.json", parity.summary())
        return
    names = dict.fromkeys(["peak", chosen.only]) if chosen.only else CASES
    rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else ROUNDS)
    results = {}
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        results[name] = compare(name, rounds, chosen.quick, chosen.threads)
    about = machine() | {"threads": chosen.threads}
    print(", ".join(f"{k} {v}" for k, v in about.items()), *table(results), sep="\n")
    if not chosen.only:
        print("\nbf16 against fp32, β-TCVAE on the real grid; --parity trains what is missing")
        print("\n".join(parity.table()) or "no pairs of seeds yet")
    file = file_name(about)
    write(ROOT / "build" / file, about, results)
    if chosen.publish:
        write(ROOT / "book" / "results" / "bench" / file, about, results)


if __name__ == "__main__":
    main()
