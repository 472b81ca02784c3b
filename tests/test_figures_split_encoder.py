"""The chapter on split encoders: its figures and numbers from made-up runs known by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from disentangled import store
from disentangled.experiments import dlib_study
from disentangled.figures import split_encoder as figures
from disentangled.records import Record

N_SEEDS = dlib_study.SIZES["laptop"].n_seeds
BASE = {"dsprites": 0.1, "smallnorb": 0.3, "cars3d": 0.5}


@pytest.fixture
def runs():
    """The published settings, seeds in falling order: score BASE + 0.01 seed, of a split encoder
    0.2 more on dSprites and 0.05 less elsewhere; distortions from 100 to 109 nats."""
    cases = [
        (dataset, objective, split)
        for dataset in figures.DATASETS
        for objective in figures.MODELS
        for split in figures.ENCODERS.values()
    ]
    cases += [
        ("dsprites", "beta_tcvae_dlib", split)
        for split in figures.SPLITS.values()
        if split not in figures.ENCODERS.values()
    ]
    lines = []
    for dataset, objective, split in cases:
        run = dlib_study.run("split_encoder", "laptop", dataset, objective, split=split)
        gain = (0.2 if dataset == "dsprites" else -0.05) if split else 0.0
        lines += [
            {
                "run_id": run.id(seed), "seed": seed, "objective": objective, "weight": 6.0,
                "dataset": run.dataset, "source": "made up", "distortion": 100.0 + seed,
                "score": BASE[dataset] + 0.01 * seed + gain,
            }
            for seed in reversed(range(N_SEEDS))
        ]  # fmt: skip
    yield pd.DataFrame(lines)
    plt.close("all")


def points(axes, marker):
    """(x, y) of everything drawn with a marker."""
    drawn = [line.get_xydata() for line in axes.lines if line.get_marker() == marker]
    return np.concatenate(drawn)


def test_a_setting_has_its_own_runs_by_seed(runs):
    found = figures.setting(runs, "laptop", "cars3d", "factor_vae_dlib", figures.SPLIT)
    assert list(found["seed"]) == list(range(N_SEEDS))
    np.testing.assert_allclose(found["score"], 0.45 + 0.01 * np.arange(N_SEEDS))
    both = figures.on_dataset(runs, "laptop", "cars3d")
    assert len(both) == 4 * N_SEEDS
    assert set(both["dataset"]) == {"cars3d_twin"}


def test_violins_have_a_panel_an_objective_and_one_scale(runs):
    figure = figures.violins(runs, "dsprites", profile="laptop")
    left, right = figure.axes
    assert [axes.get_title() for axes in (left, right)] == list(figures.MODELS.values())
    assert (left.get_ylabel(), right.get_ylabel()) == (figures.SCORE, "")
    assert left.get_ylim() == right.get_ylim()
    seeds = [line.get_ydata() for line in left.lines if len(line.get_ydata()) == N_SEEDS]
    np.testing.assert_allclose(seeds, 0.01 * np.arange(N_SEEDS) + np.array([[0.1], [0.3]]))
    assert f"{N_SEEDS} seeds · {figures.VIOLINS}" in figure.get_supxlabel().replace("\n", " ")


def test_a_run_far_to_the_right_is_hollow_at_the_fence(runs):
    vanilla = figures.setting(runs, "laptop", "dsprites", "beta_tcvae_dlib", figures.VANILLA)
    runs.loc[runs["run_id"] == vanilla["run_id"].iloc[-1], "distortion"] = 900.0
    values = np.r_[np.arange(9), np.arange(10), 800] + 100.0
    low, high = np.quantile(values, [0.25, 0.75])
    edge = high + 6 * (high - low)
    left, right = figures.scatter(runs, "dsprites", profile="laptop").axes
    assert len(points(left, "o")) == len(points(left, "^")) == N_SEEDS
    assert not left.texts
    expected = np.c_[np.r_[100.0 + np.arange(9), edge], 0.1 + 0.01 * np.arange(N_SEEDS)]
    np.testing.assert_allclose(points(right, "o"), expected)
    assert [text.get_text() for text in right.texts] == ["900"]
    hollow = [line for line in right.lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 1
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["vanilla", "split"]


def test_the_best_run_is_the_one_of_the_highest_score(runs, tmp_path, monkeypatch):
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    pictures = {
        "originals": np.zeros((6, 1, 4, 4), np.uint8),
        "reconstructions": np.zeros((6, 1, 4, 4), np.uint8),
        "traversals": np.zeros((2, 9, 1, 4, 4), np.uint8),
    }
    folder = tmp_path / "split_encoder" / "laptop" / "pictures"
    for split in figures.ENCODERS.values():  # of the last seed alone there are pictures
        of_it = figures.setting(runs, "laptop", "smallnorb", "factor_vae_dlib", split)
        store.write_pictures(folder / f"{of_it['run_id'].iloc[-1]}.npz", pictures)
    figure = figures.best(runs, "smallnorb", "factor_vae_dlib", profile="laptop")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["vanilla, MIG 0.39", "split, MIG 0.34"]


def test_depth_and_width_name_runs_above_the_panel(runs):
    by_split = figures.by_split(runs, "laptop")
    assert {name: len(table) for name, table in by_split.items()} == dict.fromkeys(
        figures.SPLITS, N_SEEDS
    )
    upper, lower = figures.depth_and_width(runs, profile="laptop").axes
    names = [label.get_text().replace("\n", ", ") for label in lower.get_xticklabels()]
    assert names == list(figures.SPLITS)
    assert (upper.get_ylabel(), lower.get_ylabel()) == ("MIG (library)", "distortion, nats")
    assert not lower.texts
    far = by_split["depth 2, full width"].assign(distortion=lambda t: t["distortion"] + 500)
    far.loc[far.index[1:], "distortion"] = 103.0
    runs = pd.concat([runs[~runs["run_id"].isin(far["run_id"])], far])
    _, lower = figures.depth_and_width(runs, profile="laptop").axes
    (arrow,) = lower.texts
    assert arrow.get_text() == "↑ 600"
    assert arrow.get_position()[0] == 4.2  # the fourth violin
    low, high = lower.get_ylim()  # of runs from 100 to 109, with a margin of a fifth
    assert (low, high) == pytest.approx((98.2, 110.8))


def of_gpu(runs):
    """Runs of the same settings under the profile gpu, with a score 1 higher."""
    lines = []
    for dataset, name in dlib_study.SIZES["gpu"].datasets.items():
        for objective in figures.MODELS:
            for split in figures.SPLITS.values():
                at = "laptop", dataset, objective, split
                ids = dlib_study.run("split_encoder", "gpu", dataset, objective, split=split)
                for line in figures.setting(runs, *at).to_dict("records"):
                    line |= {"run_id": ids.id(line["seed"]), "dataset": name}
                    lines.append(line | {"profile": "gpu", "score": line["score"] + 1})
    return pd.DataFrame(lines)


def test_a_larger_profile_has_panels_of_its_own_by_the_same_function(runs):
    runs["profile"] = "laptop"
    alone = figures.violins(runs, "dsprites", profile="laptop")
    both = pd.concat([runs, of_gpu(runs)])
    drawn = figures.violins(both, "dsprites", profile="laptop")
    assert [axes.get_title() for axes in drawn.axes] == [
        "profile laptop: FactorVAE, γ = 35", "β-TCVAE, β = 6",
        "profile gpu: FactorVAE, γ = 35", "β-TCVAE, β = 6",
    ]  # fmt: skip
    line = alone.get_supxlabel().split()
    other = {"laptop": "gpu", "dsprites_rerender_grid": "dsprites_rerender"}
    assert drawn.get_supxlabel().split() == line + [other.get(word, word) for word in line]
    for old, new, gpu in zip(alone.axes, drawn.axes[:2], drawn.axes[2:], strict=True):
        for before, after, more in zip(old.lines, new.lines, gpu.lines, strict=True):
            np.testing.assert_array_equal(before.get_xydata(), after.get_xydata())
            np.testing.assert_allclose(before.get_ydata() + 1, more.get_ydata())
    assert len(figures.scatter(both, "cars3d", profile="laptop").axes) == 4
    width = figures.depth_and_width(both, profile="laptop")
    assert [axes.get_title() for axes in width.axes[::2]] == ["profile laptop", "profile gpu"]


def test_what_a_larger_profile_lacks_is_not_drawn(runs):
    runs["profile"] = "laptop"
    more = of_gpu(runs)
    more = more[
        (more["dataset"] == "dsprites_rerender") & (more["objective"] == "beta_tcvae_dlib")
    ]
    both = pd.concat([runs, more[more["run_id"] != more["run_id"].iloc[0]]])
    assert len(figures.violins(both, "cars3d", profile="laptop").axes) == 2
    drawn = figures.violins(both, "dsprites", profile="laptop")
    assert not drawn.axes[2].lines
    assert len(drawn.axes[3].lines) == 4  # the seeds and the medians of both encoders
    missing = more["run_id"].iloc[:N_SEEDS]
    some = pd.concat([runs, more[~more["run_id"].isin(missing)]])
    assert len(figures.depth_and_width(some, profile="laptop").axes) == 2


def test_narrow_encoders_have_about_the_vanilla_ones_parameters():
    counts = figures.n_parameters("laptop")
    assert list(counts) == list(figures.SPLITS)
    vanilla = counts["vanilla"]
    for depth in ("depth 1", "depth 2"):
        assert 0.9 * vanilla < counts[f"{depth}, vanilla's parameters"] <= vanilla
    assert vanilla < counts["depth 1, full width"] < counts["depth 2, full width"]


def test_both_changes_add_up_to_splitting_and_widening():
    assert len(figures.CHANGES) == 2 * 2 * 3
    for (title, depth, step), (column, after, before) in figures.CHANGES.items():
        assert column == {"MIG": "score", "distortion": "distortion"}[title]
        assert {after, before} <= set(figures.SPLITS)
        if step == "both":
            _, split, vanilla = figures.CHANGES[title, depth, "split"]
            _, wide, narrow = figures.CHANGES[title, depth, "wider"]
            assert (after, before) == (wide, vanilla)
            assert split == narrow


def changes_of(p_values):
    names = [("MIG", "depth 1", "split"), ("MIG", "depth 2", "both")]
    index = pd.MultiIndex.from_tuples(names)
    table = {"typical difference": [0.1, 0.3], "p": p_values}
    return pd.DataFrame(table, index=index)


def test_changes_are_quoted_by_name_and_nan_where_there_are_none():
    found = figures.of_changes(changes_of([0.2, 0.01]))
    assert (found["split_1"], found["both_2"], found["n_changes"]) == (0.1, 0.3, 2)
    assert np.isnan(found["split_2"])
    empty = figures.of_changes(pd.DataFrame(columns=["typical difference", "p"]))
    assert np.isnan(empty["both_2"])
    assert empty["n_changes"] == 0


def test_one_change_is_certain_and_which():
    figures.assert_one_change_is_certain(changes_of([0.2, 0.01]))
    for p_values in ([0.01, 0.01], [0.01, 0.2], [0.2, 0.2]):
        with pytest.raises(AssertionError, match="certain changes"):
            figures.assert_one_change_is_certain(changes_of(p_values))


def test_gains_are_differences_of_medians(runs):
    found = figures.gains(runs, "laptop")
    assert found == pytest.approx({
        "gain_dsprites_factor": 0.2, "gain_dsprites_tcvae": 0.2,
        "gain_smallnorb_factor": -0.05, "gain_smallnorb_tcvae": -0.05,
        "gain_cars3d_factor": -0.05, "gain_cars3d_tcvae": -0.05,
    })  # fmt: skip
    figures.assert_gains_are_on_dsprites(found)
    with pytest.raises(AssertionError, match="gain_cars3d_factor"):
        figures.assert_gains_are_on_dsprites(found | {"gain_cars3d_factor": 0.01})
    with pytest.raises(AssertionError, match="gains"):
        figures.assert_gains_are_on_dsprites(found | {"gain_dsprites_factor": -0.01})


def test_what_the_prose_says_of_the_claims_is_held():
    verdicts = {
        "A-split-mig": "not reproduced", "A-split-distortion": "reproduced",
        "A-split-correlation": "not reproduced", "A-fig3-tcvae": "reproduced",
        "A-fig3-factor-vae": "inconclusive", "A-fig5-tcvae": "not reproduced",
        "A-fig4-tcvae": "inconclusive", "A-fig3-tcvae-best": "described",
    }  # fmt: skip

    def of(found):
        return [Record(name, verdict, {}) for name, verdict in found.items()]

    figures.assert_only_the_distortion_is_reproduced(of(verdicts))
    for name in ("A-split-mig", "A-fig5-tcvae", "A-fig3-tcvae", "A-fig3-factor-vae"):
        with pytest.raises(AssertionError, match=r"(primary claims|MIG by panel): "):
            figures.assert_only_the_distortion_is_reproduced(
                of({**verdicts, name: "reproduced in sign"})
            )
    missing = Record("A-split-mig", "not run", {"how": "rows"})
    assert figures.answers([missing, Record("A-fig3-tcvae", "not run", {"how": "rows"})]) == {
        "answer_mig": missing.sentence
    }


def test_the_answer_quotes_the_verdict_on_mig_over_all_panels():
    decided = [
        Record("A-split-mig", "not run", {"how": "rows"}),
        Record("A-fig3-tcvae", "not run", {"how": "rows"}),
    ]
    assert figures.answer(decided) == f"Yang et al. say yes. {decided[0].sentence}"
