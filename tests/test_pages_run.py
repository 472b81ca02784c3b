"""The runner: what makes a chapter run again, what is merged, and what a failed run leaves."""

import json
import re
import shutil
import tomllib
from importlib import import_module
from pathlib import Path

import nbformat
import pairs
import pandas as pd
import pytest
import run
import speed
import tables
from origin import data_module, data_sets, modules, origin

from disentangled import experiments, records, sealed, store
from disentangled.data import DATA_SETS

HEADER = """---
jupytext:
  formats: ipynb,md:myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A question

```{code-cell} python
:tags: [parameters]

profile = "laptop"
```

```{code-cell} python
from disentangled.mine import answer

print(answer())
experiment = "mine"
statement = f"Q-{experiment}"
```
"""
IMAGE = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}


@pytest.fixture
def root(tmp_path):
    """A project of one chapter, one imported module and one row."""
    for name, text in {
        "book/chapters/mine.md": HEADER,
        "src/disentangled/__init__.py": "",
        "src/disentangled/mine.py": "from .below import truth\ndef answer(): return truth\n",
        "src/disentangled/numbers.csv": "1\n",
        "src/disentangled/others.csv": "1\n",
        "src/disentangled/statements/P.csv": "id\nP-01\n",
        "src/disentangled/statements/Q.csv": "id\nQ-01\n",
        "src/disentangled/below.py": 'truth = 42\nTABLE = "numbers.csv"\n',
        "src/disentangled/apart.py": "unused = 1\n",
        "book/results/mine/laptop/a.json": "{}",
        "book/results/mine/gpu/a.json": "{}",
        "book/results/mine/b.json": "{}",
        "pyproject.toml": '[tool.disentangled]\nrepository = ""\nbranch = "main"\n',
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def md(root, monkeypatch):
    """Its chapter, with a run that prints 42 and shows a figure in place of a kernel's."""

    def execute(md):
        notebook = pairs.read_source(md)
        for n, cell in enumerate(notebook.cells):
            cell.metadata["papermill"] = {"duration": n}
            if cell.cell_type == "code":
                cell.outputs = [nbformat.v4.new_output("display_data", dict(IMAGE))]
        return notebook

    monkeypatch.setattr(run, "execute", execute)
    return root / "book/chapters/mine.md"


def edit(path, old, new):
    """Replace a text that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_pair_in_step_stays_so_after_a_clone(md, root):
    assert pairs.fault(md, root) == "missing"
    assert run.publish(md, root)
    assert pairs.fault(md, root) == ""
    assert "papermill" not in md.with_suffix(".ipynb").read_text()
    md.touch()
    assert pairs.fault(md, root) == ""


@pytest.mark.parametrize(
    ("path", "old", "new", "what"),
    [
        ("book/chapters/mine.md", "print(answer())", "print(-answer())", "code"),
        ("book/chapters/mine.md", 'profile = "laptop"', 'profile = "paper"', "code and rows"),
        ("src/disentangled/mine.py", "return truth", "return -truth", "code"),
        ("src/disentangled/below.py", "42", "43", "code"),
        ("src/disentangled/numbers.csv", "1", "2", "code"),
        ("src/disentangled/statements/Q.csv", "01", "02", "code"),
        ("book/results/mine/laptop/a.json", "{}", '{"value": 1}', "rows"),
        ("book/results/mine/b.json", "{}", '{"value": 1}', "rows"),
        ("book/results/mine/gpu/a.json", "{}", '{"value": 1}', "rows"),  # it stands beside
    ],
)
def test_what_makes_a_chapter_run_again(md, root, path, old, new, what):
    run.publish(md, root)
    edit(root / path, old, new)
    assert pairs.fault(md, root) == f"stale: {what} changed since it ran"


def test_what_does_not_make_a_chapter_run_again(md, root):
    run.publish(md, root)
    edit(root / "src/disentangled/apart.py", "1", "2")
    edit(root / "src/disentangled/others.csv", "1", "2")
    edit(root / "src/disentangled/statements/P.csv", "01", "02")
    (root / "src/disentangled/statements/R.csv").write_text("id\n")
    (root / "src/disentangled/below.py").write_text(
        '"""New words."""\n\n# a reason\ntruth = 42  # so\nTABLE = "numbers.csv"\n'
    )
    (root / "book/results/mine/smoke").mkdir()
    (root / "book/results/mine/smoke/a.json").write_text("{}")
    (root / "book/results/mine/laptop/.lock").write_text("1")
    assert pairs.fault(md, root) == ""


def test_prose_is_merged_without_a_run(md, root, monkeypatch):
    run.publish(md, root)
    edit(md, "A question", "A better question")
    assert pairs.fault(md, root) == "out of step"
    monkeypatch.setattr(run, "execute", lambda md: pytest.fail("it ran"))
    assert run.update(md, root, always=False)
    assert pairs.fault(md, root) == ""
    twin = pairs.read_twin(md.with_suffix(".ipynb"))
    assert "better" in twin.cells[0].source
    assert twin.cells[-1].outputs[0].data == IMAGE


def test_a_failed_run_leaves_twin_and_claims_as_they_were(md, root, monkeypatch, capsys):
    run.publish(md, root)
    claims = root / "book/results/claims/laptop/mine.json"
    claims.parent.mkdir(parents=True)
    claims.write_text('{"before": 1}')
    before = md.with_suffix(".ipynb").read_text()

    def fails(md):
        claims.write_text("{}")
        raise run.papermill.PapermillExecutionError(
            1, 1, "1 / 0", "ZeroDivisionError", "0", ["zero"]
        )

    monkeypatch.setattr(run, "execute", fails)
    assert not run.update(md, root, always=True)
    assert "zero" in capsys.readouterr().err
    assert claims.read_text() == '{"before": 1}'
    assert md.with_suffix(".ipynb").read_text() == before


def test_a_check_that_was_removed_leaves_the_ledger(md, root):
    claims = root / "book/results/claims/laptop/mine.json"
    of_a_reader = root / "book/results/claims/paper/mine.json"
    for path in (claims, of_a_reader):
        path.parent.mkdir(parents=True)
        path.write_text('{"removed": 1}')
    run.publish(md, root)
    assert not claims.exists()
    assert of_a_reader.exists()


def test_a_twin_that_was_edited_by_hand_is_found(md, root):
    run.publish(md, root)
    edit(md.with_suffix(".ipynb"), "print(answer())", "print(0)")
    assert pairs.fault(md, root) == "stale: its cells were edited by hand"


def test_modules_follow_imports_of_every_form(root):
    def found(code):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        return {path.stem for path in modules(notebook, root / "src")}

    chain = {"__init__", "mine", "below", "numbers"}
    assert found("from disentangled import mine") == chain
    assert found("import disentangled.mine as m") == chain
    assert found("def f():\n    from disentangled.mine import answer\n%time f()") == chain
    assert found("import numpy") == set()


@pytest.fixture
def package(tmp_path):
    """A package whose rows are trained and scored by modules below, with three data sets."""
    for name, text in {
        "__init__": "",
        "stacks": "n = 1\n",
        "training": "from disentangled import stacks\nfrom disentangled.data import load\n",
        "scoring": "from disentangled import training\nCODES = 1\n",
        "workers": "from disentangled import training, scoring\n",
        "experiments/__init__": "from disentangled.experiments import beta_tcvae\n",
        "experiments/beta_tcvae": "from disentangled import scoring\n",
        "store": "",
        "sweeps": "from disentangled import store, experiments, workers\n",
        "tables": "from disentangled.objectives import OBJECTIVES\n",
        "objectives/__init__": "OBJECTIVES = {}\n",
        "figures/__init__": "",
        "figures/drawn": "from disentangled.scoring import CODES\nfrom disentangled import data\n",
        "figures/toys": "from disentangled import data\nimages = data.load('smallnorb_twin')\n",
        "data/__init__": "from disentangled.data import cars3d_twin, dsprites, factor_data\n",
        "data/factor_data": "",
        "data/cars3d_twin": "",
        "data/toys": "",
        "data/smallnorb_twin": "from disentangled.data import toys\n",
        "data/dsprites": "",
    }.items():
        path = tmp_path / "src/disentangled" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "src"


ROWS = {"sweeps", "store", "experiments/__init__", "experiments/beta_tcvae"}
DATA = {"data/__init__", "data/factor_data"}
DRAWN = {"figures/__init__", "scoring"}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from disentangled import sweeps", ROWS),
        ("from disentangled import tables", {"tables"}),
        ("from disentangled.experiments import beta_tcvae", ROWS - {"sweeps", "store"}),
        ("from disentangled import training", {"training", "stacks", *DATA}),
        ("from disentangled import scoring", {"scoring", "training", "stacks", *DATA}),
        ("from disentangled import objectives", {"objectives/__init__"}),
        ("from disentangled import data", DATA),
        ("from disentangled import data\ndata.load('cars3d_twin')", {*DATA, "data/cars3d_twin"}),
        ("from disentangled.data import cars3d_twin", {*DATA, "data/cars3d_twin"}),
        ("from disentangled.figures import drawn", {*DRAWN, "figures/drawn", *DATA}),
        (
            "from disentangled.figures import toys",
            {"figures/__init__", "figures/toys", *DATA, "data/smallnorb_twin", "data/toys"},
        ),
    ],
)
def test_a_chapter_ends_where_its_rows_begin(package, monkeypatch, code, found):
    by_name = {"cars3d_twin": "cars3d_twin:load_full", "dsprites": "dsprites:load_grid",
               "smallnorb_twin": "smallnorb_twin:load"}  # fmt: skip
    sets = {name: DATA_SETS["cars3d"]._replace(load=load) for name, load in by_name.items()}
    monkeypatch.setattr("origin.DATA_SETS", sets)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    files = {p.relative_to(package / "disentangled") for p in modules(notebook, package)}
    assert {path.with_suffix("").as_posix() for path in files} == {"__init__", *found}


def test_the_module_of_a_data_set_is_what_loads_it():
    for name in DATA_SETS:
        module = import_module(f"disentangled.data.{data_module(name)}")
        assert module.__name__.rpartition(".")[2].split("_")[0] == name.split("_")[0]
    assert data_module("cars3d_twin_grid").rpartition(".")[2] == "cars3d_twin"


def test_what_an_experiment_trains_on_counts_where_the_chapter_loads_data():
    code = 'rows = sweeps.rows("beta_tcvae", "laptop")\n'
    assert data_sets(code, "laptop") == set()
    code += "images = data.load(run.dataset)\n"
    assert data_sets(code, "laptop") == {"dsprites_rerender_grid", "dsprites_grid"}
    assert data_sets('name = "cars3d_twin"', "laptop") == {"cars3d_twin"}


def test_origin_does_not_depend_on_line_ends(md, root):
    before = origin(pairs.read_source(md), root)
    path = root / "src/disentangled/below.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert origin(pairs.read_source(md), root) == before


def test_streams_lose_progress_and_pieces():
    def stream(name, text):
        return nbformat.v4.new_output("stream", name=name, text=text)

    pieces = [
        stream("stdout", "10 %\r20"),
        stream("stderr", "hidden"),
        stream("stdout", " %\rdone\n"),
    ]
    (kept,) = pairs.tidy_outputs(pieces)
    assert (kept.name, kept.text) == ("stdout", "done\n")
    assert pairs.tidy_outputs([stream("stdout", "10 %\r")]) == []


def test_ids_depend_on_content_alone():
    def notebook(ids):
        state = {old: {"state": {"layout": f"IPY_MODEL_{ids[0]}"}} for old in ids}
        cells = [nbformat.v4.new_markdown_cell("same"), nbformat.v4.new_markdown_cell("same")]
        widgets = {pairs.WIDGET_STATE: {"state": state}}
        return pairs.tidy(nbformat.v4.new_notebook(cells=cells, metadata={"widgets": widgets}))

    one, two = notebook(["a" * 32, "b" * 32]), notebook(["c" * 32, "d" * 32])
    assert one == two
    first, second = one.metadata.widgets[pairs.WIDGET_STATE].state
    assert first != second
    assert first in json.dumps(one.metadata.widgets[pairs.WIDGET_STATE].state[second])
    assert one.cells[0].id != one.cells[1].id


def test_ids_of_styled_tables_are_numbered():
    def notebook(ids):
        html = "".join(f'<style>#T_{i}_row0 {{}}</style><table id="T_{i}">' for i in ids)
        cell = nbformat.v4.new_code_cell("table")
        cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": html})]
        return pairs.tidy(nbformat.v4.new_notebook(cells=[cell]))

    one, two = notebook(["1a2b3", "0ffee"]), notebook(["99999", "8e8e8"])
    assert one == two
    assert one.cells[0].outputs[0].data["text/html"].count("T_00001") == 2


@pytest.mark.parametrize("url", ["", "https://example.org/owner/name"])
def test_buttons_wait_for_the_address(tmp_path, url):
    pyproject = (run.ROOT / "pyproject.toml").read_text()
    pyproject = re.sub(r'^repository = ".*"', f'repository = "{url}"', pyproject, flags=re.M)
    (tmp_path / "pyproject.toml").write_text(pyproject)
    assert tomllib.loads(pyproject)["tool"]["disentangled"]["repository"] == url
    (tmp_path / "_config.yml").write_text((run.ROOT / "_config.yml").read_text())
    config = run.settings(tmp_path, tmp_path)
    assert config["html"]["use_edit_page_button"] is bool(url)
    assert bool(config["launch_buttons"]["binderhub_url"]) is bool(url)
    assert bool(config["launch_buttons"]["colab_url"]) is bool(url)
    assert bool(tables.badges(tmp_path)) is bool(url)
    if url:
        assert config["sphinx"]["config"]["html_context"]["edit_page_url_template"].startswith(url)


def test_buttons_lead_to_the_address_once_it_is_set(md, root):
    run.publish(md, root)
    for name in ("_config.yml", "pyproject.toml"):
        (root / name).write_text((run.ROOT / name).read_text())
    url = "https://github.com/owner/name"
    edit(root / "pyproject.toml", 'repository = ""', f'repository = "{url}"')
    (root / "book/_static").mkdir()
    (root / "book/_static/favicon.svg").write_text("<svg/>")
    (root / "book/references.bib").write_text("")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/chapters/mine\n")
    edit(root / "_config.yml", "html_css_files: [pages.css]", "html_css_files: []")
    edit(
        root / "_config.yml",
        "html_js_files: [pages.js, latent_space.js, closed_forms.js, forms_gaussian.js, "
        "forms_discrete.js]",
        "html_js_files: []",
    )
    html = run.build(root, root / "out", root / "vendor").parent
    page = (html / "book/chapters/mine.html").read_text()
    assert f'href="{url}/edit/main/book/chapters/mine.md"' in page
    assert "mybinder.org/v2/gh/owner/name/main" in page
    assert "colab.research.google.com/github/owner/name/blob/main/book/chapters/mine.ipynb" in page


def test_a_twin_begins_with_what_fetches_the_book_once_there_is_an_address(md, root):
    run.publish(md, root)
    before = pairs.read_twin(md.with_suffix(".ipynb"))
    url = "https://github.com/owner/name"
    edit(root / "pyproject.toml", 'repository = ""', f'repository = "{url}"')
    assert pairs.fault(md, root) == "out of step"
    assert run.update(md, root, always=False)  # merged: nothing has to run
    assert pairs.fault(md, root) == ""
    first, *others = pairs.read_twin(md.with_suffix(".ipynb")).cells
    assert others == before.cells
    assert first.metadata.tags == ["fetch-book", "remove-cell"]
    assert f"!git clone --quiet --depth 1 --branch main {url} the_book\n" in first.source
    assert first.source.startswith("# ")
    assert run.update(md, root, always=False)
    assert pairs.fault(md, root) == ""


def test_page_of_rows_lists_each_run_with_its_file():
    line = {"objective": "beta_vae", "weight": 4.0, "dataset": "d", "source": "re-render",
            "run_id": "abc", "step": 6000, "elbo": -100.25, "mig": 0.125, "encoder": "net",
            "sigma": 0.0, "variant": ""}  # fmt: skip
    runs = pd.DataFrame([line | {"seed": 1}, line | {"seed": 0, "run_id": "def"}])
    head, _, first, second = tables.rows_table(runs, "exp", "laptop").splitlines()
    assert head == "| run | weight | seed | binned MIG | ELBO |"
    path = "results/exp/laptop/def.json"
    assert first == f"| {{download}}`def <{path}>` | 4 | 0 | 0.125 | -100.250 |"
    assert second.endswith("| 4 | 1 | 0.125 | -100.250 |")
    assert tables.common(runs) == "Data: re-render. Steps: 6,000."


def test_page_of_rows_names_what_differs_between_runs():
    line = {"objective": "vae", "weight": 1.0, "dataset": "d", "source": "twin", "seed": 0,
            "run_id": "abc", "step": 100, "mig": 0.125, "encoder": "net",
            "variant": ""}  # fmt: skip
    runs = pd.DataFrame([line | {"sigma": 0.9}, line | {"sigma": 0.0, "dataset": "e"}])
    head, _, first, second = tables.rows_table(runs, "exp", "laptop").splitlines()
    assert head == "| run | weight | data set | σ | seed | binned MIG |"
    assert first.endswith("| 1 | d | 0.9 | 0 | 0.125 |")
    assert second.endswith("| 1 | e | 0.0 | 0 | 0.125 |")
    apart = runs.assign(source=["twin", "real"], step=[100, 2000])
    assert " | data | step | seed | " in tables.rows_table(apart, "exp", "laptop")
    assert tables.common(apart) == ""


def test_page_of_rows_names_variants_after_the_grid_and_no_score_that_none_has():
    line = {"objective": "vae", "weight": 1.0, "dataset": "d", "source": "twin", "seed": 0,
            "run_id": "abc", "step": 100, "mig": 0.125, "encoder": "net", "sigma": 0.0,
            "elbo": float("nan")}  # fmt: skip
    runs = pd.DataFrame([line | {"variant": "half batch"}, line | {"variant": ""}])
    head, _, first, second = tables.rows_table(runs, "exp", "laptop").splitlines()
    assert head == "| run | weight | variant | seed | binned MIG |"
    assert first.endswith("| 1 |  | 0 | 0.125 |")
    assert second.endswith("| 1 | half batch | 0 | 0.125 |")


def test_the_readmes_evidence_leads_to_the_rows():
    evidence = "p = 1; rows in book/results/a_b/laptop"
    row = {"id": "C-fig2", "kind": "claim", "paper": "C", "statement": "s", "chapter": "",
           "verdict": "reproduced", "evidence": evidence}  # fmt: skip
    found = tables.what_reproduces(pd.DataFrame([row]))
    assert "p = 1; [rows](book/results/a_b/laptop) |" in found


def test_the_readme_counts_all_claims_and_shows_the_marked_ones():
    rows = [
        ("C-fig2", "claim", "C", "inconclusive"), ("C-fig2-faces", "claim", "C", "not run"),
        ("A-split-mig", "claim", "A", "not reproduced"), ("C-04", "statement", "C", "C"),
        ("A-fig4-tcvae", "claim", "A", "reproduced"),
    ]  # fmt: skip
    ledger = pd.DataFrame(rows, columns=["id", "kind", "paper", "verdict"])
    shown = tables.what_reproduces(ledger.assign(statement="s", evidence="e"))
    assert "| Statements | holds under an extra condition |" in shown
    assert "| Empirical claims | reproduced | not reproduced | inconclusive | not run |" in shown
    assert "| Chen et al. 2018, β-TCVAE | 0 | 0 | 1 | 1 |" in shown
    assert "| Yang et al. 2020, split encoder | 1 | 1 | 0 | 0 |" in shown
    assert "| C-fig2 | s | inconclusive | e |" in shown
    assert "| A-split-mig | s | not reproduced | e |" in shown
    assert "A-fig4-tcvae" not in shown


def test_rows_of_larger_profiles_have_sections_of_their_own(monkeypatch):
    line = dict.fromkeys(store.COLUMNS, "") | {
        "objective": "vae", "weights": "{}", "noise": "independent", "dataset": "d",
        "source": "twin", "encoder": "net", "seed": 0, "step": 100, "quantity": "mig",
        "value": 0.125,
    }  # fmt: skip
    there = {name: pd.DataFrame([line | {"run_id": name, "profile": name}]) for name in
             ("laptop", "gpu")}  # fmt: skip
    monkeypatch.setitem(experiments.EXPERIMENTS, "a_b", lambda profile: [])
    monkeypatch.setattr(tables, "EXPERIMENTS", {"a_b": None})
    none = pd.DataFrame(columns=store.COLUMNS)
    monkeypatch.setattr(tables.sweeps, "rows", lambda _, profile: there.get(profile, none))
    page = tables.rows_page()
    first, second = page.index("(rows-a-b)=\n\n## a_b\n"), page.index("(rows-a-b-gpu)=")
    assert first < second
    assert "## a_b, profile gpu" in page
    assert "(rows-a-b-gpu-vae)=" in page
    assert "<results/a_b/gpu/gpu.json>" in page[second:]
    assert "<_generated/rows_a_b_gpu.csv>" in page[second:]
    assert "<_generated/rows_a_b.csv>" in page[:second]


def test_speed_is_read_from_the_published_bench(tmp_path):
    sides = {
        "ours bf16": {"rate": 300.0, "ratio": 3.0, "ratios": [2.5, 3.5], "flops": 5e8},
        "plain fp32": {"rate": 100.0, "ratio": 1.0, "ratios": [1.0, 1.0], "flops": 5e8},
    }
    peak = {"fp32": {"rate": 200.0}, "bf16": {"rate": 300.0}}
    case = {"title": "a step", "unit": "images/s", "sides": sides}
    bench = {"machine": {"cpu": "chip", "threads": 2, "torch": "2"},
             "cases": {"one": case, "peak": {"sides": peak}}}  # fmt: skip
    path = tmp_path / speed.BENCH / "bench_chip.json"
    path.parent.mkdir(parents=True)
    path.write_text(sealed.text(bench))
    first, *_, plain, ours = speed.tables(tmp_path).splitlines()
    assert "chip, torch 2, threads: 2, by the clock on the wall;" in first
    assert plain == "| a step | plain fp32 | 100 images/s |  | 25% |"
    assert ours == "|  | ours bf16 | 300 images/s | 3.00 (2.50 to 3.50) | 50% |"

    reading = {"title": "a step", "ms": 1.234, "bytes": 2.5e9, "steps": 50}
    graph = {**reading, "how": "one seed, graph, fp32", "unequal": 24}
    readings = [
        {**reading, "how": "one seed, eager, fp32", "unequal": 0},
        graph,
        {**graph, "unequal": 0, "unequal_eager": 0},
    ]
    gpu = {"device": "card", "torch": "2", "readings": readings}
    (tmp_path / speed.GPU).write_text(sealed.text(gpu))
    *_, eager, unlike, equal = speed.tables(tmp_path).splitlines()
    assert eager == "| a step | one seed, eager, fp32 | 1.23 | 2.50 |  |"
    assert unlike == "| a step | one seed, graph, fp32 | 1.23 | 2.50 | 24, not measured |"
    assert equal == "| a step | one seed, graph, fp32 | 1.23 | 2.50 | 0, 0 |"

    entry = {"fp32": [1.0, 2.0], "bf16": [2.0, 4.0], "difference": 1.5, "low": -4.9, "high": 7.9}
    (tmp_path / speed.PARITY).write_text(sealed.text({"elbo": entry}))
    *_, fp32, bf16, difference = speed.tables(tmp_path).splitlines()
    assert (fp32, bf16) == ("| fp32 | 1.500 |", "| bf16 | 3.000 |")
    assert difference == "| bf16 - fp32, 95 % interval | +1.500 [-4.900, +7.900] |"


def test_the_check_names_records_that_were_edited(tmp_path, monkeypatch, capsys):
    """Verdicts and measurements changed by hand: each with its file and the way out."""
    monkeypatch.setattr(run.pairs, "fault", lambda md, root: "")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run.records.store, "checkout", lambda: tmp_path)
    monkeypatch.setattr(run.calibration, "checkout", lambda: tmp_path)
    monkeypatch.setattr("sys.argv", ["run.py", "--check"])
    monkeypatch.setenv("DISENTANGLED_RESULTS", str(tmp_path / "not there"))
    results = Path(run.__file__).parent / "results"
    for place in ("claims", "bench", "data_sets"):
        shutil.copytree(results / place, tmp_path / "book" / "results" / place)
    for name in ("README.md", tables.PICTURE, "pyproject.toml", "book/chapters/beta_tcvae.ipynb"):
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(results.parents[1] / name, copy)
    before = run.main(), capsys.readouterr().out
    assert "digest" not in before[1]
    edits = {
        "claims/laptop/kl_in_three_parts.json": ('"verdict": "H"', '"verdict": "F"'),
        "claims/laptop/beta_tcvae.json": ('"verdict": "inconclusive"', '"verdict": "reproduced"'),
        "claims/earlier_rules.json": ('"inconclusive"', '"reproduced"'),
        "bench/parity.json": ('"high": 0.', '"high": 9.'),
        "data_sets/agreement.json": ('"max_wrong_pixels": 1', '"max_wrong_pixels": 0'),
    }
    for name, (written, instead) in edits.items():
        path = tmp_path / "book" / "results" / name
        text = path.read_text("utf-8")
        assert written in text
        path.write_text(text.replace(written, instead, 1), "utf-8")
    assert run.main() == 1
    out = capsys.readouterr().out
    for name in edits:
        assert f"{name} is damaged (its digest says that it was edited" in out
    assert "python book/run.py --all kl_in_three_parts" in out
    assert "python -m disentangled.data agreement" in out


def test_every_paper_has_a_title_in_the_ledgers_order():
    assert tuple(tables.PAPERS) == records.PAPERS
