"""The registry names modules and imports one only when its data set is asked for."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from disentangled import data
from disentangled.data import DATA_SETS, DataSet, FactorData, cars3d, shapes3d, smallnorb
from disentangled.data.layout import Layout
from disentangled.data.rendered import (
    cars3d_twin,
    dsprites_rerender,
    shapes3d_twin,
    smallnorb_twin,
)

PLACES = [
    (name, place)
    for name, entry in DATA_SETS.items()
    for place in (entry.load, entry.find)
    if place is not None
]
MODULES = sorted({place.partition(":")[0] for _, place in PLACES})


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_every_entry_names_a_function(name: str, place: str) -> None:
    module, _, function = place.partition(":")
    assert callable(getattr(import_module(f"disentangled.data.{module}"), function))
    assert name.split("_")[0] in module


def loaded_by(code: str) -> set[str]:
    """Modules below disentangled.data that a fresh interpreter has after this code."""
    start = "disentangled.data."
    code += f"\nimport sys\nprint(*(m for m in sys.modules if m.startswith({start!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.removeprefix(start) for name in done.stdout.splitlines()[-1].split()}


def test_the_package_alone_imports_no_data_set() -> None:
    found = loaded_by("from disentangled import data\ndata.load\ndata.FactorData")
    assert "factor_data" in found
    assert not found & {*MODULES, "rendered"}


def test_a_data_set_imports_its_own_modules_alone(tmp_path: Path) -> None:
    found = loaded_by(
        "from disentangled import data\n"
        f"data.load('cars3d_twin_grid', root={str(tmp_path)!r}, size=1)"
    )
    assert {"rendered.cars3d_twin", "cars3d"} <= found
    assert not found & {"dsprites", "rendered.dsprites_rerender", "rendered.smallnorb_twin"}


def test_a_function_can_stand_in_place_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """How a made-up data set becomes known: a function, and a line."""

    def made_up(root: object, size: int) -> FactorData:
        images = torch.full((2, 1, size, size), 7, dtype=torch.uint8)
        return FactorData("mine", images, [[0], [1]], ["a"], [2], source=f"made up, {root}")

    def found(root: object) -> Path:
        if root is None:
            raise FileNotFoundError
        return Path("there")

    monkeypatch.setitem(DATA_SETS, "mine", DataSet(made_up, "two images", found))
    loaded = data.load("mine", root="here", size=4)
    assert loaded.images.shape == (2, 1, 4, 4)
    assert loaded.source == "made up, here"
    assert data.load("mine").images.shape == (2, 1, 64, 64)
    assert data.on_disk("mine", root="here") == Path("there")
    assert data.on_disk("mine") is None


def test_an_entry_says_at_which_sizes_it_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def boards(root: object, size: int) -> FactorData:
        images = torch.zeros(2, 1, size, size, dtype=torch.uint8)
        return FactorData("boards", images, [[0], [1]], ["a"], [2], source="made up")

    monkeypatch.setitem(DATA_SETS, "boards", DataSet(boards, "blank boards", sizes=(3, 6)))
    assert data.load("boards", size=3).images.shape == (2, 1, 3, 3)
    assert data.load("boards").images.shape == (2, 1, 6, 6)
    with pytest.raises(ValueError, match=r"size of boards to be one of \[3, 6\], got 64"):
        data.load("boards", size=64)


@pytest.mark.parametrize("name", ["dsprite", "", None])
def test_unknown_names_are_errors(name: str) -> None:
    for function in (data.load, data.on_disk):
        with pytest.raises(ValueError, match=r"expected a data set, one of \['cars3d'"):
            function(name)


NUISANCES = {"dsprites": ("shape",)}
UNORDERED = ("shape", "category", "object", "background")
"""What the published scores left out, by name, before data said it themselves."""


def images_alone(*shape: int) -> torch.Tensor:
    return torch.zeros(1, dtype=torch.uint8).expand(shape)


@pytest.mark.parametrize("name", [n for n in DATA_SETS if "twin" in n or "rerender" in n])
def test_data_say_what_scores_leave_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all that is rendered, with all factors and blank images; of files see their tests."""

    def gathered(blocks: object, size: int, *, packed: bool) -> torch.Tensor:
        return images_alone(737_280 if packed else 46_080, 1, 1, 1)

    monkeypatch.setattr(dsprites_rerender, "gather", gathered)
    for module in (cars3d_twin, shapes3d_twin, smallnorb_twin):
        monkeypatch.setattr(module, "kept", lambda name, shape, *_: images_alone(*shape))
    loaded = data.load(name)
    assert loaded.nuisances == NUISANCES.get(name.partition("_")[0], ())
    assert loaded.unordered == tuple(n for n in loaded.factor_names if n in UNORDERED)
    assert len(loaded.unordered) == 1


@pytest.mark.parametrize("layout", [smallnorb.LAYOUT, cars3d.LAYOUT, shapes3d.LAYOUT])
def test_layouts_of_the_real_sets_say_it_too(layout: Layout) -> None:
    loaded = layout.data("real", images_alone(layout.n_images, 1, 1, 1), "real")
    assert loaded.nuisances == ()
    assert loaded.unordered == tuple(n for n in loaded.factor_names if n in UNORDERED)
    assert len(loaded.unordered) == 1
