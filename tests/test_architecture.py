"""The rules of CONTRIBUTING.md that a machine can check."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src" / "disentangled"
MODULES = sorted(SRC.rglob("*.py"))
DISTRIBUTIONS = {
    "IPython": "ipython",
    "PIL": "pillow",
    "matplotlib_inline": "matplotlib-inline",
    "myst_nb": "jupyter-book",
    "sklearn": "scikit-learn",
}


def listed():
    """Modules of the package in the order of the list in its docstring."""
    docstring = ast.get_docstring(ast.parse((SRC / "__init__.py").read_text("utf-8")))
    return re.findall(r"^    (\w+) ", docstring, flags=re.M)


def unit(path):
    """The module or sub-package directly below the package that a file belongs to."""
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imports(path):
    """(dotted name, whether the import stands at the module's top) of everything imported."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        top = node in tree.body
        if isinstance(node, ast.Import):
            yield from ((alias.name, top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", top) for alias in node.names)


def tracked():
    """Text files that git tracks."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout, so that the files of the project are not known")
    for name in filter(None, done.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            yield name, content.decode("utf-8")


def test_every_module_is_listed():
    assert {unit(path) for path in MODULES} - {"__init__"} == set(listed())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SRC)))
def test_imports_point_up(path):
    order = {name: place for place, name in enumerate(["__init__", *listed()])}
    for name, _ in imports(path):
        if name.startswith("disentangled."):
            other = name.split(".")[1]
            assert other == unit(path) or order[other] < order[unit(path)], (
                f"{path.name} imports {name}, which is not above {unit(path)} in the list"
            )


def test_metrics_never_see_a_network():
    seen = {name.split(".")[1] for path in (SRC / "metrics").glob("*.py")
            for name, _ in imports(path) if name.startswith("disentangled.")}  # fmt: skip
    assert not seen & {"nets", "objectives", "training"}


def test_no_module_is_a_drawer():
    drawers = {"utils", "util", "helpers", "common", "base", "misc"}
    folders = [SRC, ROOT / "book", ROOT / "tests", ROOT / "bench"]
    assert not drawers & {path.stem for folder in folders for path in folder.rglob("*.py")}


def test_what_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    def names(requirements):
        return {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}

    needed = names(project["dependencies"])
    extras = needed.union(*map(names, project["optional-dependencies"].values()))
    for path in MODULES:
        for name, top in imports(path):
            first = name.split(".")[0]
            if first != "disentangled" and first not in sys.stdlib_module_names:
                distribution = DISTRIBUTIONS.get(first, first)
                assert distribution in (needed if top else extras), f"{path.name}: {name}"


def test_pins_meet_what_is_declared():
    pins = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in pins if "==" in line}
    assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line) for line in pins)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    extras = [names for extra, names in optional.items() if extra != "jupyter"]  # a reader's own
    wanted = [*project["dependencies"], *(name for extra in extras for name in extra)]
    names = {re.match(r"[\w-]+", name)[0].lower() for name in wanted} - {"disentangled"}
    assert names <= pinned


def test_nothing_is_unpickled():
    loads = re.compile(
        r"^\s*(?:import|from) (?:pickle|dill|cloudpickle|joblib)\b|allow_pickle=True"
        r"|torch\.load\((?![^)]*weights_only=True)|weights_only=False",
        flags=re.M,
    )
    for folder in (ROOT / "src", ROOT / "book"):
        for path in folder.rglob("*.py"):
            assert not loads.search(path.read_text("utf-8")), path


def test_nothing_names_this_machine():
    place = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|work)/\w")
    for name, text in tracked():
        found = place.search(text)
        assert not found, f"{name}: {text[found.start() - 40 : found.end() + 40]!r}"


def test_committed_results_stay_small():
    """Rows, pictures, decoders and code tables: a clone stays quick, at most 60 MB of them."""
    done = subprocess.run(["git", "ls-files", "-z", "book/results"], cwd=ROOT, capture_output=True,
                          text=True)  # fmt: skip
    if done.returncode:
        pytest.skip("not a git checkout, so that the files of the project are not known")
    paths = [ROOT / name for name in filter(None, done.stdout.split("\0"))]
    assert sum(path.stat().st_size for path in paths if path.is_file()) < 60e6
