"""A chapter at a profile of the reader's choice: what is wrong is refused with what there is."""

import subprocess
import sys

import pytest
import trial

from disentangled import chapter


def test_profiles_are_those_of_chapters():
    assert trial.PROFILES == chapter.PROFILES


def test_a_chapter_and_a_profile_are_taken():
    asked = trial.arguments(["rtc_vae", "smoke"])
    assert (asked.name, asked.profile) == ("rtc_vae", "smoke")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["rtc_vae", "nonsense"], "invalid choice: 'nonsense' (choose from"),
        (["rtcvae", "smoke"], "invalid choice: 'rtcvae' (choose from"),
        (["rtc_vae", "smoke", "profiel=laptop"], "unrecognized arguments: profiel=laptop"),
        ([], "required: NAME, PROFILE"),
    ],
)
def test_anything_else_is_refused_in_a_few_lines(given, said, capsys):
    with pytest.raises(SystemExit) as refused:
        trial.arguments(given)
    assert refused.value.code == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 2


def test_what_is_wrong_is_refused_before_anything_slow_is_imported():
    script = (
        "import sys, trial\ntry:\n    trial.arguments(['rtc_vae', 'nonsense'])\n"
        "except SystemExit:\n    print({'torch', 'papermill', 'pandas'} & set(sys.modules))"
    )
    folder = trial.ROOT / "book"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
