"""The README's tables of speed, read from the published measurements of `bench/bench.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from escaped import markdown

from disentangled import sealed

BENCH = "book/results/bench"
"""Where published readings of `make bench` lie, a file a machine and clock."""

GPU = "book/results/bench/gpu.json"
"""Published readings of `bench/gpu.py`; the README has no such table while there are none."""

AGAIN = "`make bench` with --publish (bench/bench.py) makes it anew"

PARITY = "book/results/bench/parity.json"
PARITY_TITLES = {"mig_exact": "MIG", "mig": "binned MIG", "elbo": "ELBO", "total_corr": "TC"}


def tables(root: Path) -> str:
    """The README's tables of speed, from the last published `make bench`."""
    parts = [bench_table(reading) for reading in readings(root)]
    return "\n\n".join([*parts, *gpu_table(root), *parity_table(root)]) + "\n"


def readings(root: Path) -> list[dict[str, Any]]:
    """The published readings of `make bench`, a machine and clock each.

    Raises:
        ValueError: a file was edited.
    """
    return [sealed.read(path, AGAIN) for path in sorted((root / BENCH).glob("bench_*.json"))]


def gpu_table(root: Path) -> list[str]:
    """Milliseconds of a step and the memory held, of every case that a GPU was measured on."""
    path = root / GPU
    if not path.is_file():
        return []
    found = sealed.read(path, "`python bench/gpu.py --publish` makes it anew")
    lines = [
        f"{markdown(found['device'])}, torch {markdown(found['torch'])}: a step of all seeds "
        "together. The last "
        "column: tensors of the models that differ after 100 steps as a graph and 100 eager ones, "
        "and after twice 100 eager ones.",
        "",
        "| What | How | ms a step | GB held | Unlike eager, eager unlike itself |",
        "|---|---|---:|---:|---|",
    ]
    lines += [
        f"| {markdown(r['title'])} | {markdown(r['how'])} | {r['ms']:.2f} "
        f"| {r['bytes'] / 1e9:.2f} | {_unlike(r)} |"
        for r in found["readings"]
    ]
    return ["\n".join(lines)]


def _unlike(reading: dict[str, Any]) -> str:
    """How a graph's models differ from eager ones, and those from each other."""
    if "eager" in reading["how"]:
        return ""
    itself = reading.get("unequal_eager")
    return f"{int(reading['unequal'])}, {'not measured' if itself is None else int(itself)}"


def bench_table(bench: dict[str, Any]) -> str:
    """The machine in a line, then every case: rates, and ratios with their range over rounds."""
    one = bench["machine"]["threads"] == 1  # more are timed on the wall, since waiting ones spin
    clock = "CPU time of one thread" if one else "the clock on the wall"
    about = {name: markdown(value) for name, value in bench["machine"].items()}
    cases = bench["cases"]
    peak = {side: found["rate"] for side, found in cases["peak"]["sides"].items()}
    lines = [
        f"{about['cpu']}, torch {about['torch']}, threads: {about['threads']}, by {clock}; "
        f"matrix products reach {peak['fp32']:.0f} GFLOP/s in fp32, {peak['bf16']:.0f} in bf16.",
        "",
        "| What | Side | Rate | Ratio to the first side | Of the machine's peak |",
        "|---|---|---:|---:|---:|",
    ]
    for case in (cases[name] for name in cases if name != "peak"):
        for i, (side, found) in enumerate(sorted(case["sides"].items(), key=_ours_last)):
            precision = "bf16" if "bf16" in side else "fp32"
            share = found.get("flops", 0.0) * found["rate"] / 1e9 / peak[precision]
            spread = f" ({min(found['ratios']):.2f} to {max(found['ratios']):.2f})"
            cells = ["" if i else markdown(case["title"]), markdown(side)]
            cells += [f"{found['rate']:.4g} {markdown(case['unit'])}"]
            cells += [f"{found['ratio']:.2f}{spread}" if i else ""]
            cells += [f"{share:.0%}" if share else ""]
            lines += ["| " + " | ".join(cells) + " |"]
    return "\n".join(lines)


def _ours_last(side: tuple[str, object]) -> tuple[bool, bool]:
    """Sort key: the plain way first, then ours in fp32, then in bf16."""
    return side[0] in ("ours", "ours fp32", "ours bf16", "at once", "blocks"), "bf16" in side[0]


def parity_table(root: Path) -> list[str]:
    """What bf16 does to the scores, from the last `--parity` run, if there is one."""
    path = root / PARITY
    if not path.is_file():
        return []
    found = sealed.read(path, "`python bench/bench.py --parity` makes it anew")
    lines = ["| Trained in | " + " | ".join(PARITY_TITLES[name] for name in found) + " |"]
    lines += ["|---|" + "---:|" * len(found)]
    for precision in ("fp32", "bf16"):
        means = [sum(entry[precision]) / len(entry[precision]) for entry in found.values()]
        lines += [f"| {precision} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |"]
    spans = [f"{e['difference']:+.3f} [{e['low']:+.3f}, {e['high']:+.3f}]" for e in found.values()]
    lines += ["| bf16 - fp32, 95 % interval | " + " | ".join(spans) + " |"]
    return ["\n".join(lines)]
