"""The rows of experiments as a page and files to download, and what the README shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import colab
import pandas as pd
import speed
from escaped import csv, markdown

from disentangled import claims, records, sweeps, tables, verdicts
from disentangled.experiments import EXPERIMENTS, larger, variants
from disentangled.figures import over_seeds

PAPERS = {
    "C": "Chen et al. 2018, β-TCVAE",
    "D": "Cheng et al. 2020, RTC-VAE",
    "A": "Yang et al. 2020, split encoder",
    "B": "Anonymous 2020, intervention",
}
VERDICTS = claims.VERDICTS
GENERATED = "<!-- {name}: begin -->\n{text}<!-- {name}: end -->"


COLUMNS = {
    "mig_exact": "MIG",
    "mig": "binned MIG",
    "elbo": "ELBO",
    "distortion": "distortion",
    "mutual_info": "$I(z;n)$",
    "total_corr": "$TC(z)$",
    "axis_kl": "axis-wise KL",
}
"""Quantities that the page of rows shows; the files behind each run have them all."""


VARIED = {
    "variant": "variant",
    "dataset": "data set",
    "encoder": "encoder",
    "sigma": "σ",
    "source": "data",
    "step": "step",
}
"""Columns of the table of runs that are shown where they differ; what is one and the same for all
runs of a table is not said in each."""


def anchor(*names: str) -> str:
    """The label of a place on the page of rows, for `[...](#label)` in the prose."""
    return "-".join(["rows", *names]).replace("_", "-")


def place(experiment: str, profile: str) -> str:
    """The label of an experiment's rows under a profile; the published one's is the shortest."""
    return anchor(experiment, *([] if profile == records.published(experiment) else [profile]))


def rows_table(runs: pd.DataFrame, experiment: str, profile: str) -> str:
    """Markdown table of an objective's finished runs, each with its file to download.

    The file comes first and the columns are few, so that both are seen on a page's width.
    """
    columns = {n: title for n, title in COLUMNS.items() if n in runs and runs[n].notna().any()}
    varied = {name: title for name, title in VARIED.items() if runs[name].nunique() > 1}
    lines = [
        "| " + " | ".join(["run", "weight", *varied.values(), "seed", *columns.values()]) + " |"
    ]
    lines += ["|---|---:|" + "---|" * len(varied) + "---:|" * (len(columns) + 1)]
    order = ["variant", "source", "dataset", "weight", "encoder", "sigma", "seed"]
    for run in runs.sort_values(order).to_dict("records"):
        file = f"results/{experiment}/{profile}/{run['run_id']}.json"
        said = [run[name] for name in varied] + [run["seed"]]
        known = re.fullmatch(r"\w+", run["run_id"])
        cells = [f"{{download}}`{run['run_id']} <{file}>`" if known else markdown(run["run_id"])]
        cells += [f"{run['weight']:g}", *map(markdown, said)]
        cells += [f"{run[name]:.3f}" for name in columns]
        lines += ["| " + " | ".join(cells) + " |"]
    return "\n".join(lines)


def common(runs: pd.DataFrame) -> str:
    """What all runs of a table have in common: where their data come from, and their steps."""
    sources, steps = runs["source"].unique(), runs["step"].unique()
    found = [f"Data: {markdown(source)}." for source in sources if len(sources) == 1]
    found += [f"Steps: {step:,}." for step in steps if len(steps) == 1]
    return " ".join(found)


def rows_page() -> str:
    """The body of the page of rows: a section an experiment, a table an objective.

    The rows of larger profiles than the published one follow it in sections of their own.
    """
    parts = []
    for experiment, profile, rows in shown_rows():
        label, own = place(experiment, profile), profile == records.published(experiment)
        parts += [f"({label})=", f"## {experiment}" + ("" if own else f", profile {profile}")]
        if rows.empty:
            parts += [f"No rows yet under the profile {profile}."]
            continue
        runs, named = tables.per_run(rows), variants(experiment, profile)
        runs["variant"] = [named.get(run_id, "") for run_id in runs["run_id"]]
        parts += [
            f"{runs['run_id'].nunique()} runs, {len(rows):,} numbers, profile {profile}. "
            f"{{download}}`All of them as CSV <_generated/{csv_name(experiment, profile)}>`."
        ]
        for objective in sorted(runs["objective"].unique(), key=tables.rank):
            of_it = runs[runs["last"] & (runs["objective"] == objective)]
            title, _ = over_seeds.METHODS[objective]
            parts += [f"({label}-{objective.replace('_', '-')})=", f"### {title}"]
            parts += [common(of_it), rows_table(of_it, experiment, profile)]
    return "\n\n".join(parts) + "\n"


def shown_rows() -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Experiment, profile and rows: the published profile's, and larger ones' that have any."""
    for experiment in EXPERIMENTS:
        published = records.published(experiment)
        for profile in (published, *larger(published)):
            rows = sweeps.rows(experiment, profile)
            if profile == published or len(rows):
                yield experiment, profile, rows


def csv_name(experiment: str, profile: str) -> str:
    """The file that has an experiment's rows under a profile."""
    own = profile == records.published(experiment)
    return f"rows_{experiment}.csv" if own else f"rows_{experiment}_{profile}.csv"


def write_pages(root: Path) -> None:
    """Write what the page of rows includes and offers for download, where git ignores it."""
    folder = root / "book" / "_generated"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.md").write_text(rows_page(), "utf-8")
    for experiment, profile, rows in shown_rows():
        (folder / csv_name(experiment, profile)).write_text(csv(rows), "utf-8")


ROWS_LIE_IN = re.compile(r"rows in (book/results/(\w+)/(\w+))")
"""How the evidence of an empirical claim ends (see `records`)."""


def what_reproduces(ledger: pd.DataFrame) -> str:
    """The README's tables: statements and claims counted by paper and verdict, marked claims."""
    is_claim = ledger["kind"] == "claim"
    of_statements = {v: VERDICTS.get(v, v) for v in [*VERDICTS, "not checked"]}
    of_claims = {v: v for v in verdicts.VERDICTS}
    lines = [
        *_counted("Statements", ledger[~is_claim], of_statements),
        "",
        *_counted("Empirical claims", ledger[is_claim], of_claims),
        "",
        "| Claim | What it says | Verdict | Evidence |",
        "|---|---|---|---|",
    ]
    marked = [name for name, claim in verdicts.declared().items() if claim.marked]
    for row in ledger[ledger["id"].isin(marked)].itertuples():
        evidence = ROWS_LIE_IN.sub(r"[rows](\1)", markdown(row.evidence))
        cells = [row.id, row.statement.replace("|", r"\|"), row.verdict, evidence]
        lines += ["| " + " | ".join(cells) + " |"]
    lines += ["", "These are the claims that matter most; the book's ledger has all of them."]
    return "\n".join(lines) + "\n"


def _counted(title: str, rows: pd.DataFrame, words: Mapping[str, str]) -> list[str]:
    """A table of how many rows of each paper have each verdict that occurs."""
    counts = rows.groupby(["paper", "verdict"]).size()
    found = [v for v in words if v in counts.index.get_level_values(1)]
    lines = [f"| {title} | " + " | ".join(words[v] for v in found) + " |"]
    lines += ["|---|" + "---:|" * len(found)]
    for letter in [letter for letter in PAPERS if letter in counts.index]:
        numbers = [str(counts.get((letter, verdict), 0)) for verdict in found]
        lines += [f"| {PAPERS[letter]} | " + " | ".join(numbers) + " |"]
    return lines


def badges(root: Path) -> str:
    """The badge of the tests and the link to the pages, once the repository has an address."""
    project = colab.project(root)
    url = project["repository"]
    badge = f"{url}/actions/workflows/test.yml/badge.svg?branch={project['branch']}"
    return f"[![tests]({badge})]({url}/actions/workflows/test.yml)\n" if url else ""


PICTURE = "book/_static/tradeoff.svg"
"""The README's picture: the first figure of the chapter on paper C's main experiment."""


def picture(root: Path) -> bytes:
    """The picture's bytes, as the executed chapter holds them.

    Raises: ValueError when the chapter shows no figure.
    """
    twin = json.loads((root / "book/chapters/beta_tcvae.ipynb").read_text("utf-8"))
    for cell in twin["cells"]:
        for output in cell.get("outputs", []):
            if "image/svg+xml" in output.get("data", {}):
                return "".join(output["data"]["image/svg+xml"]).encode()
    raise ValueError("book/chapters/beta_tcvae.ipynb shows no figure: run book/run.py beta_tcvae")


def readme(root: Path) -> str:
    """README.md as it should read, its generated parts made anew.

    Raises: ValueError when the markers of a part are missing.
    """
    text = (root / "README.md").read_text("utf-8")
    parts = {
        "badges": badges(root),
        "what reproduces": what_reproduces(claims.ledger()),
        "speed": speed.tables(root),
    }
    for name, part in parts.items():
        pattern = re.compile(GENERATED.format(name=name, text=".*?"), re.DOTALL)
        whole = GENERATED.format(name=name, text=part).replace("\\", r"\\")
        text, n_found = pattern.subn(whole, text)
        if n_found != 1:
            raise ValueError(f"README.md needs the markers of its part {name!r} exactly once")
    return text
