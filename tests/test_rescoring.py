"""Scores taken of kept models are those that training would have taken, and nothing is trained."""

import json

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from torch import nn

from disentangled import data as datasets
from disentangled import (
    experiments,
    loading,
    models,
    plans,
    rescoring,
    scoring,
    store,
    sweeps,
    training,
    workers,
)
from disentangled.fitted import flattened
from disentangled.nets import PARTS, Part
from disentangled.scoring import PICTURES, SCORES, ModelPictures, ModelScore, number

DATA = tiny.images()


@pytest.fixture
def home(tiny_home):
    return tiny_home


def declare(monkeypatch, *chosen):
    monkeypatch.setitem(experiments.EXPERIMENTS, "tiny", lambda profile: list(chosen))


def setting(**more):
    return tiny.setting(tiny.run(steps=100), (0, 1), (50,), **more)


def mean_norm(model, data, code):
    """A toy score: the mean length of a mean code."""
    value = float(code.mean.double().norm(dim=1).mean())
    return [number(model.step, "mean_norm", value, estimator="data set", code="mean", unit="1")]


def content(home):
    """Numbers, versions and pictures of each row file, whatever the order of its scores."""
    files = {path.stem: json.loads(path.read_text()) for path in home.glob("*.json")}
    return {
        stem: (sorted(map(tuple, f["numbers"]), key=repr), f["versions"], f["pictures"])
        for stem, f in files.items()
    }


def no_training(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("it trains")

    monkeypatch.setattr(workers, "trajectory", refuse)
    monkeypatch.setattr(training, "trajectory", refuse)


def test_a_new_score_equals_what_training_would_have_written(home, monkeypatch):
    monkeypatch.setitem(SCORES, "mean_norm", ModelScore(mean_norm, needs_factors=False))
    more = {"scores": ("elbo", "mig_exact", "mean_norm"), "at_end": ("mig", "gaussian_tc")}
    declare(monkeypatch, setting(**more))
    sweeps.work("tiny", "smoke", tiny.CPU)
    whole = content(home)
    for path in home.glob("*.json"):
        path.unlink()
    declare(monkeypatch, setting())
    sweeps.work("tiny", "smoke", tiny.CPU)
    assert content(home) != whole
    declare(monkeypatch, setting(**more))
    assert sweeps.missing("tiny", "smoke") == []  # lacking a score is not being missing
    assert "8 scores are not taken, 8 of them of kept" in sweeps.statement("tiny", "smoke")
    no_training(monkeypatch)
    found = sweeps.rescore("tiny", "smoke", hardware=tiny.CPU)
    assert content(home) == whole
    assert set(found[found["quantity"] == "mean_norm"]["step"]) == {50, 100}
    assert len(plans.untaken("tiny", "smoke")) == 0


def test_a_raised_version_is_left_out_until_it_is_renewed(home, monkeypatch):
    monkeypatch.setitem(SCORES, "mean_norm", ModelScore(mean_norm))
    declare(monkeypatch, setting(at_end=("mean_norm",)))
    sweeps.work("tiny", "smoke", tiny.CPU)

    def doubled(model, data, code):
        (line,) = mean_norm(model, data, code)
        return [line | {"value": 2 * line["value"]}]

    before = sweeps.rows("tiny", "smoke").query("quantity == 'mean_norm'")["value"].to_numpy()
    monkeypatch.setitem(SCORES, "mean_norm", ModelScore(doubled, version=2))
    assert len(sweeps.rows("tiny", "smoke").query("quantity == 'mean_norm'")) == 0
    assert plans.untaken("tiny", "smoke")["score"].tolist() == ["mean_norm"] * 2
    no_training(monkeypatch)
    after = sweeps.rescore("tiny", "smoke", hardware=tiny.CPU).query("quantity == 'mean_norm'")
    assert np.array_equal(after["value"].to_numpy(), 2 * before)
    # everything else of the rows stayed
    assert len(sweeps.rows("tiny", "smoke")) == 2 * (2 * 13 + 1)


def test_what_has_no_model_any_more_is_listed_and_stays(home, monkeypatch, capfd):
    declare(monkeypatch, setting())
    sweeps.work("tiny", "smoke", tiny.CPU)
    run = setting().run
    models.model_path(run, 1, 100).unlink()
    before = content(home)
    monkeypatch.setitem(SCORES, "mean_norm", ModelScore(mean_norm))
    declare(monkeypatch, setting(at_end=("mean_norm",)))
    no_training(monkeypatch)
    sweeps.rescore("tiny", "smoke", hardware=tiny.CPU)
    assert f"{run.id(1)}, seed 1, step 100: mean_norm" in capfd.readouterr().err
    assert content(home)[run.id(1)] == before[run.id(1)]
    left = plans.untaken("tiny", "smoke")
    assert left[["run_id", "score", "model_kept"]].values.tolist() == [
        [run.id(1), "mean_norm", False]
    ]
    assert sweeps.missing("tiny", "smoke") == []
    assert "1 scores are not taken, 0 of them" in sweeps.statement("tiny", "smoke")


def test_a_damaged_model_counts_as_gone(home, monkeypatch):
    declare(monkeypatch, setting())
    sweeps.work("tiny", "smoke", tiny.CPU)
    models.model_path(setting().run, 0, 100).write_bytes(b"cut")
    monkeypatch.setitem(SCORES, "mean_norm", ModelScore(mean_norm))
    with pytest.warns(UserWarning, match="is damaged"):
        gone = rescoring.renew(setting(at_end=("mean_norm",)), DATA)
    assert gone == [(0, 100, "mean_norm")]


def test_a_model_of_another_net_is_no_model(home, monkeypatch):
    declare(monkeypatch, setting())
    sweeps.work("tiny", "smoke", tiny.CPU)
    run = setting().run
    wide = training.fit(tiny.run(net="mlp_256", steps=50), [0], DATA, hardware=tiny.CPU)
    store.write_tensors(models.model_path(run, 0, 100), flattened(wide))
    monkeypatch.setitem(SCORES, "mean_norm", ModelScore(mean_norm))
    with pytest.warns(UserWarning, match=r"has shape \(256, 16\), the nets of vae have \(64, 16"):
        gone = rescoring.renew(setting(at_end=("mean_norm",)), DATA)
    assert gone == [(0, 100, "mean_norm")]


@pytest.mark.parametrize("numbers", [[], None, [number(7, "q", 1.0, estimator="e")]])
def test_a_score_that_would_never_be_taken_is_an_error(home, monkeypatch, numbers):
    declare(monkeypatch, setting())
    sweeps.work("tiny", "smoke", tiny.CPU)
    before = content(home)
    monkeypatch.setitem(SCORES, "odd", ModelScore(lambda *_: numbers))
    with pytest.raises(ValueError, match="score odd must return a list of numbers of step 100"):
        rescoring.renew(setting(at_end=("odd",)), DATA)
    assert content(home) == before


def test_the_numbers_of_a_renamed_score_stand_once(home, monkeypatch):
    monkeypatch.setitem(SCORES, "old", ModelScore(mean_norm))
    declare(monkeypatch, setting(at_end=("old",)))
    sweeps.work("tiny", "smoke", tiny.CPU)
    monkeypatch.setitem(SCORES, "new", SCORES.pop("old"))
    declare(monkeypatch, setting(at_end=("new",)))
    found = sweeps.rescore("tiny", "smoke", hardware=tiny.CPU)
    assert sorted(found[found["quantity"] == "mean_norm"]["seed"]) == [0, 1]


def test_a_step_that_is_named_twice_is_lacking_once(home, monkeypatch):
    declare(monkeypatch, setting())
    sweeps.work("tiny", "smoke", tiny.CPU)
    monkeypatch.setitem(SCORES, "mean_norm", ModelScore(mean_norm))
    twice = setting(scores=("mean_norm",))._replace(milestones=(50, 50, 100), seeds=(0,))
    assert rescoring.untaken(twice) == [(0, 50, "mean_norm"), (0, 100, "mean_norm")]


def test_another_process_that_has_the_run_is_named(home, monkeypatch, capfd):
    declare(monkeypatch, setting())
    sweeps.work("tiny", "smoke", tiny.CPU)
    monkeypatch.setitem(SCORES, "mean_norm", ModelScore(mean_norm))
    declare(monkeypatch, setting(at_end=("mean_norm",)))
    with store.claimed(models.row_path(setting().run, 1)):
        sweeps.rescore("tiny", "smoke", hardware=tiny.CPU)
    told = capfd.readouterr().err
    assert "model is gone or another process has the run" in told
    assert f"{setting().run.id(1)}, seed 1, step 100: mean_norm" in told
    assert plans.untaken("tiny", "smoke")["seed"].tolist() == [1]


def test_pictures_are_taken_by_name_too(home, monkeypatch):
    def brightness(model, data, code):
        return {"bright": np.full((2, 1, 4, 4), 200, np.uint8)}

    declare(monkeypatch, setting())
    sweeps.work("tiny", "smoke", tiny.CPU)
    monkeypatch.setitem(PICTURES, "bright", ModelPictures(brightness))
    named = ("reconstructions", "traversals", "bright")
    declare(monkeypatch, setting(pictures=named))
    assert set(plans.untaken("tiny", "smoke")["score"]) == {"pictures: bright"}
    no_training(monkeypatch)
    sweeps.rescore("tiny", "smoke", hardware=tiny.CPU)
    path = home / "pictures" / f"{setting().run.id(0)}.npz"
    bright, originals = store.read_pictures(path, "bright", "originals")
    assert (bright == 200).all()
    assert originals.shape == (10, 1, 4, 4)


def test_a_kept_model_is_the_trained_one(home, monkeypatch):
    class Normed(nn.Module):
        def __init__(self, shape, n_axes):
            super().__init__()
            self.norm, self.head = nn.BatchNorm1d(16), nn.Linear(16, 2 * n_axes)

        def forward(self, x):
            return self.head(self.norm(x.flatten(1))).chunk(2, -1)

    monkeypatch.setitem(PARTS, "normed", Part(Normed))
    run = tiny.run(nets={"encoder": "normed"}, steps=50)
    fitted = training.fit(run, [5], DATA, hardware=tiny.CPU)
    models.keep(fitted)
    again = models.kept(run, 5, 50, DATA)
    for one, other in zip(fitted.encode(DATA), again.encode(DATA), strict=True):
        assert torch.equal(one, other)
    z = torch.randn(1, 4, 3)
    assert torch.equal(fitted.decode(z), again.decode(z))
    assert models.kept(run, 6, 50, DATA) is None
    other = tiny.run("factor_vae", steps=50)
    store.write_tensors(models.model_path(other, 5, 50), flattened(fitted))
    with pytest.raises(ValueError, match="has no encoder/"):
        models.kept(other, 5, 50, DATA)


def test_models_are_counted_and_dropped(home, monkeypatch):
    declare(monkeypatch, setting(kept_by="mig_exact"))
    sweeps.complete("tiny", "smoke", workers=1)
    paths = list((home / "models").glob("*"))
    assert len(paths) == 4  # two seeds, half-way and at the end
    assert models.n_bytes("tiny", "smoke") == sum(p.stat().st_size for p in paths)
    assert models.drop("tiny", "smoke") == 4
    assert models.n_bytes("tiny", "smoke") == 0
    assert len(list((home / "decoders").glob("*"))) == 1  # what is committed stays


def test_models_may_be_judged_on_other_images_than_they_saw(home, monkeypatch):
    dark = DATA.select(torch.arange(16))
    dark_set = datasets.DataSet(lambda *_: dark, "the darkest quarter")
    monkeypatch.setitem(datasets.DATA_SETS, "dark", dark_set)
    chosen = tiny.setting(
        tiny.run(steps=50), (0,), scores=("elbo",), kept_by="elbo", scored_on="dark"
    )
    declare(monkeypatch, chosen)
    sweeps.complete("tiny", "smoke", workers=1)
    model = models.kept(chosen.run, 0, 50, DATA)

    def of(data):
        (elbo, *_) = scoring.elbo(model, data, scoring.encoded(model, data))
        return elbo["value"]

    def found():
        return sweeps.rows("tiny", "smoke").query("quantity == 'elbo'")["value"].item()

    assert found() == of(dark) != of(DATA)
    assert len(models.committed(chosen).mean) == 16
    (row,) = home.glob("*.json")
    assert store.read_run(row).settings["scored_on"] == "dark"
    # and so when they are judged anew
    again = ModelScore(scoring.elbo, version=SCORES["elbo"].version + 1, needs_factors=False)
    monkeypatch.setitem(SCORES, "elbo", again)
    sweeps.rescore("tiny", "smoke", hardware=tiny.CPU)
    assert found() == of(dark)
    # and where they are gone, it is they that are named
    monkeypatch.setitem(SCORES, "elbo", again._replace(version=again.version + 1))
    monkeypatch.setattr(loading, "_LOADED", {})

    def absent(*_):
        raise FileNotFoundError("expected dark.npz, found none")

    monkeypatch.setitem(datasets.DATA_SETS, "dark", datasets.DataSet(absent, "not here"))
    with pytest.warns(UserWarning, match="expected dark.npz") as told:
        rows = sweeps.rescore("tiny", "smoke", hardware=tiny.CPU)
    said = [str(warning.message).partition(":")[0] for warning in told]
    assert said == ["dark is left out", "no model of vae is committed"]
    assert rows.empty


def test_the_median_seeds_decoder_and_codes_are_committed(home, monkeypatch):
    chosen = tiny.setting(tiny.run(steps=50), (0, 1, 2), kept_by="elbo")
    declare(monkeypatch, chosen)
    sweeps.complete("tiny", "smoke", workers=1)
    rows = sweeps.rows("tiny", "smoke").query("quantity == 'elbo'")
    median = int(rows.sort_values("value")["seed"].iloc[1])
    (path,) = (home / "decoders").glob("*.safetensors")
    assert path == models.committed_path(chosen.run, median)
    kept, model = models.committed(chosen), models.kept(chosen.run, median, 50, DATA)
    mean, logvar = model.encode(DATA)
    torch.testing.assert_close(kept.mean, mean[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(kept.logvar, logvar[0], rtol=1e-3, atol=1e-3)
    assert set(kept.decoder) == set(model.params["decoder"])
    assert kept.seed == median
    tensors, _ = store.read_tensors(path)
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    # another median replaces it
    swapped = rows.assign(value=[0.0, -1.0, 1.0], quantity="elbo")
    models.commit_median(chosen, pd.DataFrame(swapped), DATA)
    assert list((home / "decoders").glob("*.safetensors")) == [
        models.committed_path(chosen.run, int(swapped["seed"].iloc[0]))
    ]
    assert models.committed(tiny.setting(tiny.run(), (0,))) is None


def test_a_model_that_half_precision_cannot_hold_is_committed_whole(home, monkeypatch):
    chosen = tiny.setting(tiny.run(steps=50), (0, 1, 2), kept_by="elbo")
    declare(monkeypatch, chosen)
    sweeps.work("tiny", "smoke", tiny.CPU)
    rows = sweeps.rows("tiny", "smoke").query("quantity == 'elbo'")
    # a number that is not finite has no place: the median of the two others is the upper one
    nan = rows.assign(value=rows["seed"].map({0: np.nan, 1: 1.0, 2: 2.0}))
    path = models.model_path(chosen.run, 2, 50)
    tensors, about = store.read_tensors(path)
    tensors["decoder/0.weight"] *= 1e6
    store.write_tensors(path, tensors, **about)
    assert models.commit_median(chosen, nan, DATA) == models.committed_path(chosen.run, 2)
    kept = models.committed(chosen)
    assert torch.equal(kept.decoder["0.weight"], tensors["decoder/0.weight"])
    held, _ = store.read_tensors(models.committed_path(chosen.run, 2))
    assert held["decoder/2.weight"].dtype == torch.float16


def test_a_damaged_median_and_absent_data_do_not_stop_a_sweep(home, monkeypatch):
    chosen = tiny.setting(tiny.run(steps=50), (0,), kept_by="elbo")
    declare(monkeypatch, chosen)
    sweeps.work("tiny", "smoke", tiny.CPU)
    models.model_path(chosen.run, 0, 50).write_bytes(b"cut")
    with pytest.warns(UserWarning, match="is damaged"):
        found = sweeps.rescore("tiny", "smoke", hardware=tiny.CPU)

    def absent(run):
        raise FileNotFoundError("expected tiny.npz, found none")

    monkeypatch.setattr(loading, "loaded", absent)
    with pytest.warns(UserWarning, match=r"no model of vae is committed: expected tiny\.npz"):
        assert sweeps.rescore("tiny", "smoke", hardware=tiny.CPU).equals(found)
    assert models.committed(chosen) is None


def test_one_model_may_be_taken_from_the_end():
    fitted = training.untrained(tiny.run(), (0, 1), DATA, tiny.CPU)
    last = fitted.alone(-1)
    assert last.seeds == (1,)
    assert torch.equal(last.encode(DATA)[0][0], fitted.alone(1).encode(DATA)[0][0])


def test_scores_that_need_factors_are_left_out_where_there_are_none():
    none = torch.zeros(64, 0, dtype=torch.int64)
    bare = datasets.FactorData("tiny", DATA.images, none, (), (), source="made up")
    run = tiny.run(steps=50)
    fitted = training.fit(run, [0], bare, hardware=tiny.CPU)
    code = scoring.encoded(fitted, bare)
    taken = scoring.taken(("elbo", "mig_exact", "mig", "supervised", "gaussian_tc"), fitted, bare,
                          code)  # fmt: skip
    assert set(taken) == {"elbo", "gaussian_tc"}
    full = scoring.taken(("elbo", "gaussian_tc"), fitted, DATA, code)
    assert taken == full
    assert set(PICTURES["traversals"].take(fitted, bare, code)) == {"traversals"}


def test_an_unknown_score_is_an_error_that_lists_what_there_is(monkeypatch):
    tiny.register(monkeypatch.setitem)
    declare(monkeypatch, setting(at_end=("magic",)))
    with pytest.raises(ValueError, match=r"unknown score 'magic'; choose one of dci_boosting, d"):
        experiments.settings("tiny", "smoke")
    declare(monkeypatch, setting(pictures=("magic",)))
    with pytest.raises(ValueError, match="unknown kind of pictures 'magic'"):
        experiments.settings("tiny", "smoke")
