"""`python -m disentangled` lists what there is, and what is on disk."""

import pytest
import tiny

from disentangled import __main__ as listing
from disentangled import data, store, sweeps
from disentangled.data import dsprites
from disentangled.estimators import SCHEMES
from disentangled.experiments import EXPERIMENTS, PROFILES, settings
from disentangled.metrics import METRICS
from disentangled.nets import CRITICS, NETS, PARTS
from disentangled.objectives import OBJECTIVES
from disentangled.scoring import SCORES


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    monkeypatch.setenv(store.ROOT, str(tmp_path / "results"))
    monkeypatch.setenv("DISENTANGLED_DATA", str(tmp_path / "data"))
    return tmp_path


def lines():
    """First words of the entries' lines, and the lines."""
    found = listing.listing().splitlines()
    return {line.split()[0]: line for line in found if line.startswith("  ")}, found


def test_every_name_has_a_line_that_says_something(home):
    found, _ = lines()
    for registry in (
        data.DATA_SETS, OBJECTIVES, NETS, CRITICS, METRICS, SCHEMES, EXPERIMENTS, PROFILES,
        PARTS, SCORES,
    ):  # fmt: skip
        for name in registry:
            assert len(found[name].split()) > 1, name
    assert found["beta_tcvae_dlib"].split()[1:] == ["beta=6", "scheme=naive"]
    assert found["vae"].split()[1:] == ["none"]
    assert found["factor_vae"].split()[1:] == ["gamma=35", "with", "critic"]
    assert "published here" in found["laptop"]


def test_columns_are_aligned(home):
    _, found = lines()
    start = found.index("profiles") + 1
    about = {
        line.index(PROFILES[line.split()[0]]) for line in found[start : start + len(PROFILES)]
    }
    assert len(about) == 1


def test_data_sets_say_whether_their_file_is_there(home, monkeypatch):
    monkeypatch.setattr(data.files, "checkout", lambda: home)
    assert data.on_disk("dsprites_grid") is None
    found, _ = lines()
    assert found["dsprites_grid"].endswith("not on disk: make data")
    assert found["dsprites_rerender"].endswith("rendered here, no file needed")
    file = home / "data" / "dsprites_real" / dsprites.GRID_FILE
    file.parent.mkdir(parents=True)
    file.touch()
    assert data.on_disk("dsprites_grid") == data.on_disk("dsprites") == file
    assert data.on_disk("dsprites_subset") is None
    found, _ = lines()
    assert found["dsprites"].endswith(f"on disk: {dsprites.GRID_FILE}")


def test_rows_are_counted_against_what_is_declared(home, monkeypatch):
    declared = sum(len(s.seeds) for s in settings("beta_tcvae", "laptop"))
    assert f"beta_tcvae laptop rows 0 of {declared}".split() in [
        line.split() for line in lines()[1]
    ]
    tiny.register(monkeypatch.setitem)
    setting = tiny.settings("smoke")[0]
    for seed in (0, 2):
        common = dict.fromkeys(set(store.COLUMNS) - set(store.NUMBER), "")
        common |= {"run_id": setting.run.id(seed)}
        path = store.folder("tiny", "smoke") / f"{setting.run.id(seed)}.json"
        numbers = store.Scored(1, [dict.fromkeys(store.NUMBER, 0)] * 3)
        store.write_rows(path, store.RunFile({}, common, {"elbo": numbers}, {}))
    assert sweeps.rows("tiny", "smoke")["run_id"].nunique() == 2
    assert [line.split() for line in lines()[1] if line.split()[:2] == ["tiny", "smoke"]] == [
        ["tiny", "smoke", "rows", "2", "of", "9"]
    ]


def test_with_and_without_help_it_prints_the_same(home, capsys):
    listing.main([])
    plain = capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        listing.main(["--help"])
    assert capsys.readouterr().out == plain
    assert listing.listing() in plain
    with pytest.raises(SystemExit, match="2"):
        listing.main(["--nonsense"])
    assert "nonsense" in capsys.readouterr().err
