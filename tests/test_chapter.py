"""A chapter takes the parameters it declares and no others."""

from __future__ import annotations

import subprocess
import sys

import matplotlib.pyplot as plt
import pytest

from disentangled import chapter, experiments


def notebook(**parameters):
    """The globals of a notebook after its imports, as IPython leaves them."""
    shell = {"__name__": "__main__", "_dh": ["."], "_i1": "", "In": [""], "Out": {}, "plt": plt}
    return {**shell, "chapter": chapter, "pytest": pytest, **parameters}


@pytest.mark.parametrize("profile", chapter.PROFILES)
def test_a_chapter_knows_its_name_and_profile(profile):
    page = chapter.start("beta_tcvae", notebook(profile=profile))
    assert (page.name, page.profile, page.sliders) == ("beta_tcvae", profile, {})


def test_an_unknown_parameter_is_named_beside_the_valid_ones():
    with pytest.raises(ValueError, match="unknown parameter seeds; chapter x takes profile"):
        chapter.start("x", notebook(profile="smoke", seeds=3))


def test_the_profiles_of_chapters_are_those_of_experiments():
    assert chapter.PROFILES == tuple(experiments.PROFILES) == ("smoke", "laptop", "gpu", "paper")


def test_further_parameters_can_be_declared():
    given = notebook(profile="smoke", seeds=3)
    assert chapter.start("x", given, parameters=("profile", "seeds")).profile == "smoke"


@pytest.mark.parametrize("profile", ["huge", "Laptop", "", None, 3])
def test_an_unknown_profile_is_named_beside_the_valid_ones(profile):
    with pytest.raises(
        ValueError, match=r"unknown profile .*; choose one of smoke, laptop, gpu, paper"
    ):
        chapter.start("x", notebook(profile=profile))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            "profile='nonsense'",
            "unknown profile 'nonsense'; choose one of smoke, laptop, gpu, paper",
        ),
        (
            "profile='laptop'; profiel='smoke'",
            "unknown parameter profiel; chapter x takes profile",
        ),
        ("profile='laptop'; seeds=-3", "unknown parameter seeds; chapter x takes profile"),
    ],
)
def test_a_notebook_is_refused_in_one_line_before_anything_slow_is_imported(parameters, said):
    script = (
        "import atexit, sys\n"
        "slow = {'torch', 'pandas', 'scipy', 'matplotlib.pyplot'}\n"
        "atexit.register(lambda: print(slow & set(sys.modules)))\n"
        "from disentangled import chapter\n"
        f"{parameters}\n"
        "chapter.start('x', globals())"
    )
    command = [sys.executable, "-m", "IPython", "--quick", "--no-banner", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"Refused: {said}", "set()"]


def test_a_missing_parameters_cell_is_said():
    with pytest.raises(ValueError, match="needs profile; run the cell tagged parameters"):
        chapter.start("x", notebook())


def test_the_cell_can_be_run_again_among_a_readers_own_variables():
    shell = notebook(profile="laptop")
    chapter.start("x", shell)
    shell["my_number"] = 3
    assert chapter.start("x", shell).profile == "laptop"


def test_figures_become_opaque_and_white():
    with plt.style.context("dark_background"):
        chapter.start("x", notebook(profile="smoke"))
        assert plt.rcParams["figure.facecolor"] == "white"
        assert plt.rcParams["savefig.transparent"] is False


def test_glued_numbers_are_plain(monkeypatch):
    import myst_nb
    import torch

    kept = {}
    monkeypatch.setattr(myst_nb, "glue", lambda name, value, display: kept.update({name: value}))
    chapter.glue(tc=torch.tensor(0.5, dtype=torch.float64), n=3, word="mws")
    assert kept == {"tc": 0.5, "n": 3, "word": "mws"}
    assert [type(value) for value in kept.values()] == [float, int, str]


def test_a_chapter_opens_with_a_figure_that_is_shown_once(monkeypatch):
    import myst_nb

    kept = {}
    monkeypatch.setattr(myst_nb, "glue", lambda name, value: kept.update({name: value}))
    figure = plt.figure()
    chapter.opens_with(figure)
    assert kept == {"opening": figure}
    assert not plt.fignum_exists(figure.number)
