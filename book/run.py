"""Runs the chapters that changed, brings the generated tables up to date, and builds the pages.

python book/run.py             what `make book` does
python book/run.py --check     runs and writes nothing: is every pair and table in step?
python book/run.py --all       runs every chapter, changed or not
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import assets
import colab
import findings
import ledger
import pairs
import papermill
import speed
import tables
import yaml
from faults import FOUND, caught
from nbformat import NotebookNode
from origin import constants, origin

from disentangled import records
from disentangled.data.rendered import calibration
from disentangled.progress import print_anything

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "book" / "_static" / "vendor"


def chapters(root: Path) -> list[Path]:
    """The hand-written halves of all chapters."""
    return sorted((root / "book" / "chapters").glob("*.md"))


def faults(root: Path) -> dict[str, str]:
    """What is out of step, by path from the root; empty when the book is as it should be."""
    found = {md.stem: pairs.fault(md, root) for md in chapters(root)}
    found = {f"book/chapters/{name}.ipynb": fault for name, fault in found.items() if fault}
    for twin in sorted((root / "book" / "chapters").glob("*.ipynb")):
        if not twin.with_suffix(".md").is_file():
            found[f"book/chapters/{twin.name}"] = "has no .md beside it"
    edited = edited_records(root)
    found |= edited
    if not edited and tables.readme(root) != (root / "README.md").read_text("utf-8"):
        found["README.md"] = "its table of results is out of step with the ledger"
    shown = root / tables.PICTURE
    if not shown.is_file() or shown.read_bytes() != tables.picture(root):
        found[tables.PICTURE] = "is not the figure of the chapter it is taken from"
    return found


def edited_records(root: Path) -> dict[str, str]:
    """What chapters and measurements recorded and is not as it was written, by path."""
    found = records.faults()
    for path, read in {
        FOUND: caught,
        calibration.agreement_file(): calibration.stated_agreement,
        root / "book" / "results" / "bench": lambda: speed.tables(root),
    }.items():
        try:
            read()
        except ValueError as error:
            found[path] = str(error)
    return {Path(os.path.relpath(path, root)).as_posix(): said for path, said in found.items()}


def execute(md: Path) -> NotebookNode:
    """Run a chapter with the defaults of its parameters, which are what is published.

    Raises: papermill's PapermillExecutionError where a cell fails.
    """
    return papermill.execute_notebook(
        pairs.read_source(md),
        None,
        kernel_name="python3",
        progress_bar=False,
        stderr_file=sys.stderr,
        cwd=md.parent,
    )


def publish(md: Path, root: Path) -> bool:
    """Run a chapter and write its twin; whether that went well. A failed run leaves no trace."""
    source, start = pairs.read_source(md), time.monotonic()
    profile = constants(source).get("profile", "")
    claims = root / "book" / "results" / "claims" / profile / f"{md.stem}.json"
    before = claims.read_bytes() if claims.is_file() else None
    claims.unlink(missing_ok=True)  # a check that was removed leaves the ledger
    code = origin(source, root)["code"]
    try:
        executed = pairs.tidy(execute(md))
    except papermill.PapermillExecutionError as error:
        print(f"{md.stem} failed, its published run stays as it was:\n{error}", file=sys.stderr)
        claims.unlink(missing_ok=True)
        if before is not None:
            claims.write_bytes(before)
        return False
    came_from = {"code": code, "rows": origin(source, root)["rows"]}
    pairs.write_twin(pairs.merge(source, executed, came_from, root), md.with_suffix(".ipynb"))
    print(f"{md.stem} ran in {time.monotonic() - start:.0f} s")
    return True


def update(md: Path, root: Path, always: bool) -> bool:
    """Bring one pair in step, running it only where it must; whether it is in step now."""
    fault = "asked for" if always else pairs.fault(md, root)
    if fault == "out of step":
        source, twin = pairs.read_source(md), pairs.read_twin(md.with_suffix(".ipynb"))
        merged = pairs.merge(source, twin, twin.metadata["executed"], root)
        pairs.write_twin(merged, md.with_suffix(".ipynb"))
        print(f"{md.stem}: prose merged, nothing to run")
        return True
    if fault:
        print(f"{md.stem}: {fault}, running it", flush=True)
        return publish(md, root)
    return True


def settings(root: Path, vendor: Path) -> dict[str, Any]:
    """_config.yml with what depends on this checkout: local assets, the repository's address."""
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    config["sphinx"]["config"].update(assets.sphinx_settings(vendor))
    own = config["sphinx"]["local_extensions"]  # they lie beside this module, whatever it builds
    config["sphinx"]["local_extensions"] = {name: str(ROOT / path) for name, path in own.items()}
    project = colab.project(root)
    url = project["repository"]
    config["repository"] = {"url": url, "branch": project["branch"]}
    if url:
        buttons = ("use_repository_button", "use_edit_page_button", "use_issues_button")
        config["html"].update(dict.fromkeys(buttons, True))
        config["launch_buttons"]["binderhub_url"] = "https://mybinder.org"
        config["launch_buttons"]["colab_url"] = "https://colab.research.google.com"
        edit = "{{ file_name | replace('.ipynb', '.md') }}"  # a twin is never edited
        config["sphinx"]["config"]["html_context"] |= {
            "edit_page_provider_name": "GitHub",
            "edit_page_url_template": f"{url}/edit/{project['branch']}/{edit}",
        }
    return config


FRONT = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>disentangled</title>
<meta name="description" content="Four papers on disentangled codes, checked.">
<link rel="icon" href="_static/favicon.svg" type="image/svg+xml">
<meta http-equiv="refresh" content="0; url=book/index.html">
<p><a href="book/index.html">Disentangled representations, checked</a></p>
"""
"""The page to open, which leads to the book's first; Jupyter Book's has no icon and no words."""


def build(root: Path, out: Path, vendor: Path = VENDOR) -> Path:
    """Build all pages from scratch (an incremental build forgets warnings); the page to open.

    Raises: CalledProcessError on any warning.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    tables.write_pages(root)
    ledger.write_page(root)
    findings.write_page(root)
    config = out / "_config.yml"
    config.write_text(yaml.safe_dump(settings(root, vendor), allow_unicode=True), "utf-8")
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", root, "-W", "-n", "--keep-going", "-q"]
    command += ["--path-output", out, "--config", config, "--toc", root / "_toc.yml"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    front = out / "_build" / "html" / "index.html"
    front.write_text(FRONT, "utf-8")
    return front


def main() -> int:
    """The command line; returns the exit status."""
    print_anything()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say what is out of step")
    parser.add_argument("--all", action="store_true", help="run every chapter, changed or not")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these chapters")
    options = parser.parse_args()
    unknown = set(options.names) - {md.stem for md in chapters(ROOT)}
    if unknown:
        parser.error(f"no chapter {', '.join(sorted(unknown))} in book/chapters")
    os.environ.pop("DISENTANGLED_RESULTS", None)  # what is published comes from book/results
    if options.check:
        found = faults(ROOT)
        print("\n".join(f"{path}: {fault}" for path, fault in found.items()) or "all in step")
        return bool(found)

    assets.fetch(VENDOR)
    wanted = [md for md in chapters(ROOT) if not options.names or md.stem in options.names]
    failed = [md.stem for md in wanted if not update(md, ROOT, options.all)]
    (ROOT / "README.md").write_text(tables.readme(ROOT), "utf-8")
    (ROOT / tables.PICTURE).write_bytes(tables.picture(ROOT))
    try:
        page = build(ROOT, ROOT / "build" / "book")
    except subprocess.CalledProcessError:
        print("The build gives warnings (above), and they are errors here.", file=sys.stderr)
        return 1
    print(f"Open {page.as_uri()}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
