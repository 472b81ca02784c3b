"""The pages of findings and of advice: all claims about trained nets in one figure, what is still
open, and what seeds a comparison needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import urlencode

import matplotlib.pyplot as plt
import pandas as pd
import speed
from escaped import markdown
from ledger import WORDS
from scipy import stats
from tables import ROWS_LIE_IN, place

from disentangled import (
    claims,
    experiments,
    plans,
    records,
    sweeps,
    tables,
    verdicts,
)
from disentangled.comparisons import FEWEST, LEVEL
from disentangled.figures import forest, over_seeds, style
from disentangled.figures.first_look import of_the_grid, spread
from disentangled.records import Record

ROOT = Path(__file__).resolve().parents[1]

RESTS_ON = {
    "C-04": "C", "C-05": "H", "C-16": "C", "C-24": "C",
    "A-07": "C", "A-13": "C", "A-29": "C",
    "D-03": "H", "D-16": "H", "D-63": "C", "D-64": "C", "D-70": "C", "D-75": "X", "D-77": "X",
    "B-04": "C", "B-11": "H", "B-15": "F", "B-49": "X",
}  # fmt: skip
"""The verdicts under which the sentences of `findings.md` and `what_to_report.md` are true."""

SEEDS_OF = "beta_tcvae"
"""The experiment whose rows say what a seed does to a score: it has most settings of one kind."""

SCORE = ("mig_exact", "MIG")

EFFECTS = (0.05, 0.1, 0.2)
"""Differences of a score for which numbers of seeds are told; the first is Δ of our claims."""

CUSTOM = 5
"""Seeds a setting that many papers have."""

FIGURE = "findings.svg"


def grid_runs() -> pd.DataFrame:
    """The published runs of the grid of objectives and weights, each at its end."""
    rows = sweeps.rows(SEEDS_OF, records.published(SEEDS_OF))
    return of_the_grid(tables.per_run(rows), SEEDS_OF)


def about_seeds() -> str:
    """The sentence on seeds, from the published rows."""
    profile, runs = records.published(SEEDS_OF), grid_runs()
    column, name = SCORE
    found = spread(runs, column)
    source = "; ".join(markdown(s) for s in runs["source"].unique())
    return (
        "**One trained model says little.** "
        f"In the runs of [β-TCVAE and its rivals](chapters/{SEEDS_OF}.ipynb), objective and "
        f"weight together explain {max(found.share, 0):.0%} of the variance of {name}, beyond "
        "what chance would; the rest lies between seeds. The runs of one setting have a standard "
        f"deviation of {found.deviation:.2f}, and the means of the best and the worst setting lie "
        f"{found.gap:.2f} apart ([{found.n_runs} runs of {found.n_settings} settings]"
        f"(#{place(SEEDS_OF, profile)}), profile {profile}, {source})."
    )


def seeds_for(deviation: float, effect: float) -> int:
    """Seeds of each of two settings at which a true difference is shown in four of five
    repetitions.

        n = 2 ((z_{0.95} + z_{0.8}) deviation / effect)²

    for normal scores of one deviation and a one-sided test at the level 0.05, rounded up, and at
    least `comparisons.FEWEST`. **Error**: rank tests need about a twentieth more.
    """
    reach = stats.norm.isf(LEVEL) + stats.norm.ppf(verdicts.POWER)
    return max(FEWEST, math.ceil(2 * (reach * deviation / effect) ** 2))


def about_numbers_of_seeds() -> str:
    """The table of seeds that differences of a score need, at the deviations that were seen."""
    column, name = SCORE
    runs = grid_runs()
    found = runs.groupby(["objective", "weight"])[column].agg(["std", "count"])
    lines = [
        f"| Setting | Runs | Deviation of {name} | " + " | ".join(map(str, EFFECTS)) + " |",
        "|---|---:|---:|" + "---:|" * len(EFFECTS),
    ]
    for (objective, weight), seen in found.iterrows():
        title, _ = over_seeds.METHODS[objective]
        setting = title if objective == "vae" else f"{title} ({weight:g})"
        needed = [str(seeds_for(float(seen["std"]), effect)) for effect in EFFECTS]
        cells = [setting, str(int(seen["count"])), f"{seen['std']:.2f}", *needed]
        lines += ["| " + " | ".join(cells) + " |"]
    seen_by = next(d for d in range(1, 100) if seeds_for(1.0, d / 10) <= CUSTOM) / 10
    lines += [
        "",
        f"Half the difference takes four times the seeds. With {CUSTOM} seeds, the custom in many "
        f"papers, the difference has to be {seen_by} deviations.",
    ]
    return "\n".join(lines)


def answers(of: Mapping[str, Record]) -> str:
    """The marked claims with what was found about each, as a list."""
    marked = [name for name, claim in verdicts.declared().items() if claim.marked and name in of]
    return "\n".join(f"- {name}: {markdown(of[name].sentence)}" for name in marked)


def of_claims() -> tuple[str, dict[str, Record]]:
    """The records of all claims about trained nets, in the order of their families, and the
    profile under which their chapters are published.

    Raises:
        ValueError: chapters with claims are published under several profiles, which one figure
            cannot say.
    """
    found: dict[str, Record] = {}
    profiles = set()
    for chapter, profile in records.in_ledger():
        of = {n: r for n, r in records.of_chapter(chapter, profile).items() if "rows" in r.facts}
        profiles |= {profile} if of else set()
        found |= of
    if len(profiles) > 1:
        raise ValueError(
            f"the chapters with claims are published under the profiles {sorted(profiles)}; "
            f"name one for all of them in book/results/claims/{records.PUBLISHED}, or draw a "
            "figure for each in book/findings.py"
        )
    in_order = {name: found[name] for name in verdicts.declared() if name in found}
    return next(iter(profiles), records.DEFAULT), in_order


def counted(ledger: pd.DataFrame) -> str:
    """How many claims have which verdict, in a sentence, each number with its rows."""
    counts = ledger.loc[ledger["kind"] == "claim", "verdict"].value_counts()
    parts = [
        f'<a href="ledger.html?{escape(urlencode({"kind": "claim", "verdict": v}))}#all-rows">'
        f"{counts[v]} {WORDS[v]}</a>"
        for v in verdicts.VERDICTS
        if v in counts
    ]
    said = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
    return f"The verdicts on {counts.sum()} claims about trained nets: {said}."


def core_rate() -> tuple[float, str]:
    """Floating-point operations of training that one core does in a second of its time, with the
    net of most experiments, and which processor that was.

    Raises:
        ValueError: no machine has published the measurement.
    """
    for reading in speed.readings(ROOT):
        if reading["machine"]["threads"] == 1 and "seeds_shallow" in reading["cases"]:
            side = reading["cases"]["seeds_shallow"]["sides"]["in turn"]
            return float(side["rate"]) * float(side["flops"]), str(reading["machine"]["cpu"])
    raise ValueError(
        f"no file in {speed.BENCH} has the case seeds_shallow by one thread: run "
        "`python bench/bench.py --only seeds_shallow --threads 1 --publish`"
    )


def open_runs(of: Mapping[str, Record], profile: str, rate: float) -> str:
    """What is declared and not trained, a line an experiment, and what it costs, as a table."""
    lines = [
        "| Experiment | Claims not run | Runs there | Runs missing | Hours of one core |",
        "|---|---:|---:|---:|---:|",
    ]
    leading = [record.leading(profile) for record in of.values()]
    waiting = [_experiment(facts) for _, facts in leading if facts["verdict"] == "not run"]
    for experiment in experiments.EXPERIMENTS:
        own = records.published(experiment)
        left = plans.cost(experiment, own)
        declared = sum(len(s.seeds) for s in experiments.settings(experiment, own))
        hours = f"{left.flops / rate / 3600:.1f}" if left.runs else "0"
        lines += [
            f"| [{experiment}](#{place(experiment, own)}) | {waiting.count(experiment)} "
            f"| {declared - left.runs} | {left.runs} | {hours} |"
        ]
    return "\n".join(lines)


def _experiment(facts: Mapping[str, str]) -> str:
    """The experiment whose rows a claim reads; none where no setting asks it."""
    found = ROWS_LIE_IN.search(f"rows in {facts.get('rows', '')}")
    return found[2] if found else ""


def undecided(of: Mapping[str, Record], profile: str, rate: float) -> str:
    """The inconclusive claims with the seeds that would settle each, as a table."""
    lines = [
        "| Claim | What is compared | Effect, 95 % interval | Δ | Seeds | Seeds needed "
        "| Hours of one core |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for name, (where, facts) in forest.tested(list(of.values()), profile).items():
        if facts["verdict"] != "inconclusive":
            continue
        more = max(0, int(facts["n_needed"]) - int(facts["n_seeds"]))
        hours = f"{more * _flops_a_seed(name, _experiment(facts), where) / rate / 3600:.0f}"
        known = facts["n_needed"] > 0  # else the interval has no end
        effect, low, high = (str(facts[k]).replace("-", "−") for k in ("effect", "low", "high"))
        lines += [
            f"| {name} | {markdown(facts['quantity'])} | {effect} [{low}, {high}] "
            f"| {facts['matters']} | {facts['n_seeds']} "
            f"| {facts['n_needed'] if known else '?'} | {hours if known else '?'} |"
        ]
    return "\n".join(lines)


def _flops_a_seed(claim: str, experiment: str, profile: str) -> float:
    """Of training one seed of every setting that a claim reads."""
    return sum(
        plans.of_one_seed(setting)
        for setting in experiments.settings(experiment, profile)
        if experiments.READ[experiment](claim, setting.run)
    )


def page(ledger: pd.DataFrame, of: Mapping[str, Record], profile: str) -> str:
    """What the page includes below its sentences.

    Raises:
        ValueError: a sentence of the page rests on a verdict that is no longer so.
    """
    found = ledger.set_index("id")["verdict"]
    moved = {name: found[name] for name, verdict in RESTS_ON.items() if found[name] != verdict}
    if moved:
        raise ValueError(
            f"sentences of book/findings.md or what_to_report.md rest on other verdicts than "
            f"{moved}: rewrite them, and RESTS_ON in book/findings.py with them"
        )
    rate, cpu = core_rate()
    return "\n\n".join(
        [
            "## All claims in one figure",
            counted(ledger),
            f"```{{figure}} _generated/{FIGURE}\n:name: fig-findings\n:alt: {_told(of, profile)}\n"
            "\nEffect and 95 % interval of every claim that has rows, in units of Δ, the smallest "
            "effect that matters; between the dashed lines an effect is too small to matter. An "
            "open diamond is a published effect, an arrow an interval or an effect that goes on "
            "beyond.\n```",
            "## What remains open",
            "Some experiments are declared and not trained yet. The last column says what it "
            f"takes to train what is missing at {rate / 1e9:.0f} GFLOP/s; that much `make bench` "
            f"measured on one core ({markdown(cpu)}), with the net that most of them train.",
            open_runs(of, profile, rate),
            f"The other {_without_an_experiment(ledger, of)} claims that were not run need data "
            "or settings that no experiment of ours declares.",
            "Others are trained and leave their claim undecided. The next table says for each how "
            "many seeds a setting would decide it in four of five repetitions, if the true effect "
            "were 0 or Δ, and what the seeds that are lacking cost.",
            undecided(of, profile, rate),
        ]
    )


def _without_an_experiment(ledger: pd.DataFrame, of: Mapping[str, Record]) -> int:
    not_run = ledger.loc[ledger["verdict"] == "not run", "id"]
    return sum(not (name in of and _experiment(of[name].facts)) for name in not_run)


def _told(of: Mapping[str, Record], profile: str) -> str:
    """The figure in words, for those who do not see it."""
    tested = forest.tested(list(of.values()), profile)
    counts: dict[str, int] = {}
    for _, facts in tested.values():
        counts[facts["verdict"]] = counts.get(facts["verdict"], 0) + 1
    said = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    return f"Intervals of {len(tested)} claims by family: {said}."


def write_page(root: Path) -> None:
    """Write what the page of findings includes, where git ignores it."""
    folder = root / "book" / "_generated"
    folder.mkdir(parents=True, exist_ok=True)
    profile, of = of_claims()
    ledger = claims.ledger()
    (folder / "findings.md").write_text(page(ledger, of, profile) + "\n", "utf-8")
    (folder / "findings_seeds.md").write_text(about_seeds() + "\n", "utf-8")
    (folder / "findings_numbers.md").write_text(about_numbers_of_seeds() + "\n", "utf-8")
    (folder / "findings_answers.md").write_text(answers(of) + "\n", "utf-8")
    style.use_style()
    if figure := forest.forest(list(of.values()), profile=profile):
        figure.savefig(folder / FIGURE, **style.INLINE)
        plt.close(figure)
