"""The chapter on RTC-VAE: its figures and numbers from made-up runs known by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from disentangled import experiments, store
from disentangled.experiments import rtc_vae
from disentangled.figures import rtc_vae as figures
from disentangled.records import Record

MISSING = "not run: the rows of this figure are not there"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def runs_of(profile="laptop"):
    """All declared runs. TC of the samples is the strength / 100; of the means on active axes 0.5
    more for FactorVAE and 0.01 elsewhere, and on all axes 1 more than that; by pairs of axes 0.2
    more than on active axes for DIP-VAE. SAP is 0.01 seed, the distortion 100 + strength."""
    lines = []
    for setting in experiments.settings("rtc_vae", profile):
        run, at = setting.run, rtc_vae.strength_of(setting.run)
        active = at / 100 + (0.5 if run.objective == "factor_vae" else 0.01)
        beside = {"vae": 1.0, "rtc_vae_supervised": 10.0, "annealed_vae": 25.0}
        lines += [
            {
                "run_id": run.id(seed), "seed": seed, "objective": run.objective,
                "weight": beside.get(run.objective, at), "dataset": run.dataset,
                "source": "made up", "profile": profile, "gaussian_tc_sample": at / 100,
                "gaussian_tc_active": active, "gaussian_tc_mean": active + 1,
                "tree_tc_active": active + (0.2 if "dip" in run.objective else 0.0),
                "sap_r2": 0.01 * seed, "mig_exact": 0.02 * seed, "distortion": 100 + at,
                "disintegration_sample": 1 + seed / 10,
            }
            for seed in setting.seeds
        ]  # fmt: skip
    return pd.DataFrame(lines)


def drawn_as(axes):
    """Label to the points of each curve with error bars."""
    return {bars.get_label(): bars.lines[0].get_xydata() for bars in axes.containers}


def test_runs_go_by_the_papers_names():
    runs = runs_of()
    assert len(figures.on(runs, "laptop", "dsprites")) == 4 * 3 * 8
    assert len(figures.on(runs, "laptop", "cars3d", "rtc_vae")) == 3 * 4
    shapes = figures.on(runs, "laptop", "shapes3d")
    assert set(shapes["weight"]) == {20.0, 50.0}
    with_penalty = figures.on(runs, "laptop", "dsprites", "rtc_vae", "rtc_vae_supervised")
    assert len(figures.at(with_penalty)) == 8 + 8


def test_differences_within_a_run():
    runs = figures.with_differences(runs_of())
    by = runs.groupby("objective")[["disparity", "disparity_all", "unseen"]].mean()
    np.testing.assert_allclose(by.loc["factor_vae"], [0.5, 1.5, 0.0], atol=1e-12)
    np.testing.assert_allclose(by.loc["dip_vae_i"], [0.01, 1.01, 0.2], atol=1e-12)
    far = runs_of().assign(gaussian_tc_mean=np.inf)
    assert set(figures.with_differences(far)["gaussian_tc_all"]) == {figures.MOST}
    empty = figures.with_differences(pd.DataFrame({"objective": []}))
    assert list(empty["disparity"]) == []


def test_means_lie_above_samples_in_one_panel_a_model():
    figure = figures.mean_and_sample(runs_of(), "dsprites", profile="laptop")
    factor, rtc = figure.axes
    assert (factor.get_title(), rtc.get_title()) == ("FactorVAE", "RTC-VAE")
    at = np.array([2.0, 10.0, 50.0])
    curves = drawn_as(factor)
    assert list(curves) == list(figures.DISPARITY)
    np.testing.assert_allclose(curves["samples"], np.c_[at, at / 100])
    np.testing.assert_allclose(curves["means, active axes"], np.c_[at, at / 100 + 0.5])
    np.testing.assert_allclose(drawn_as(rtc)["means, all axes"], np.c_[at, at / 100 + 1.01])
    assert [label.get_text() for label in rtc.get_xticklabels()] == ["2", "10", "50"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(figures.DISPARITY)
    caption = figure.get_supxlabel().replace("\n", " ")
    assert "profile laptop · dsprites_rerender_grid (made up) · 8 seeds · bars: 90 %" in caption


def test_uncorrelated_codes_share_what_pairs_show():
    left, middle, right = figures.of_means(runs_of(), "cars3d", profile="laptop").axes
    at = np.array([2.0, 10.0, 50.0])
    np.testing.assert_allclose(drawn_as(left)["DIP-VAE-I"], np.c_[at, at / 100 + 0.01])
    np.testing.assert_allclose(drawn_as(middle)["DIP-VAE-I"], np.c_[at, at / 100 + 0.21])
    clouds = {line.get_label(): line.get_xydata() for line in right.lines}
    expected = np.c_[np.repeat(100 + at, 4), np.repeat(at / 100 + 0.5, 4)]
    found = clouds["FactorVAE"]
    np.testing.assert_allclose(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)])


def test_sap_against_strength_distortion_and_total_correlation():
    left, middle, right = figures.sap(runs_of(), "dsprites", profile="laptop").axes
    np.testing.assert_allclose(drawn_as(left)["RTC-VAE"][:, 1], np.full(3, 0.035))
    assert {len(line.get_xdata()) for line in middle.lines} == {24}
    assert right.get_xlabel() == figures.GAUSSIAN
    assert left.get_ylim() == right.get_ylim()


def test_scores_against_disintegration():
    mig, sap = figures.suppressed(runs_of(), "dsprites", profile="laptop").axes
    x, y = mig.lines[0].get_xdata(), mig.lines[0].get_ydata()
    np.testing.assert_allclose(y, 0.2 * (x - 1))
    np.testing.assert_allclose(sap.lines[0].get_ydata(), 0.1 * (x - 1))


def test_the_penalty_stands_beside_what_it_is_added_to():
    (axes,) = figures.penalty(runs_of(), profile="laptop").axes
    names = [label.get_text().replace("\n", " ") for label in axes.get_xticklabels()]
    assert names == ["VAE", "RTC-VAE", "RTC-VAE with the penalty on axes", "AnnealedVAE"]
    seeds = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 8]
    assert len(seeds) == 4
    np.testing.assert_allclose(np.sort(seeds), np.tile(1 + np.arange(8) / 10, (4, 1)))


def test_a_larger_profile_has_a_row_of_its_own():
    both = pd.concat([runs_of(), runs_of("gpu")])
    figure = figures.sap(both, "dsprites", profile="laptop")
    assert len(figure.axes) == 6
    assert figure.axes[3].get_title() == "profile gpu"
    shown = [label.get_text() for label in figure.axes[3].get_xticklabels()]
    assert shown == ["2", "5", "6", "10", "20", "50"]
    assert len(figures.penalty(both, profile="laptop").axes) == 2


@pytest.mark.parametrize("lacking", ["all", "of it"])
def test_a_figure_without_runs_says_so(lacking):
    runs = runs_of()
    runs = runs[:0] if lacking == "all" else runs[runs["dataset"] == "cars3d_twin"]
    shown = [
        figures.mean_and_sample(runs, "dsprites", profile="laptop"),
        figures.of_means(runs, "dsprites", profile="laptop"),
        figures.sap(runs, "dsprites", profile="laptop"),
        figures.suppressed(runs, "dsprites", profile="laptop"),
        figures.penalty(runs, profile="laptop"),
        figures.portrait(runs, "shapes3d", profile="laptop"),
    ]
    for figure in shown:
        assert [text.get_text() for text in figure.axes[0].texts] == [MISSING]
        assert figure.get_supxlabel() == "profile laptop · no rows"


def test_what_is_there_of_a_model_is_drawn():
    runs = runs_of()
    some = runs[(runs["objective"] == "rtc_vae") & (runs["weight"] == 10)]
    factor, rtc = figures.mean_and_sample(some, "dsprites", profile="laptop").axes
    assert {len(points) for points in drawn_as(factor).values()} == {0}
    np.testing.assert_allclose(drawn_as(rtc)["samples"], [[10.0, 0.1]])


def test_the_portrait_is_that_of_the_median(tmp_path, monkeypatch):
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    runs = runs_of()
    of_it = figures.on(runs, "laptop", "shapes3d", "rtc_vae")
    median = of_it.loc[of_it["seed"] == 2, "run_id"].item()  # MIG grows with the seed: 0 1 [2] 3
    black = np.zeros((10, 3, 4, 4), np.uint8)
    pictures = {
        "originals": black, "reconstructions": black, "samples": np.full((20, 3, 4, 4), 255),
        "traversals": np.zeros((2, 9, 3, 4, 4), np.uint8),
    }  # fmt: skip
    pictures["samples"] = pictures["samples"].astype(np.uint8)
    folder = tmp_path / "rtc_vae" / "laptop" / "pictures"
    store.write_pictures(folder / f"{median}.npz", pictures)
    strip, grid, sheet = figures.portrait(runs, "shapes3d", profile="laptop").axes
    assert strip.images[0].get_array().shape == (2 * 6, 9 * 6, 3)
    assert [label.get_text() for label in grid.get_yticklabels()] == ["axis 0", "axis 1"]
    assert sheet.images[0].get_array().shape == (2 * 6, 9 * 6, 3)
    assert sheet.images[0].get_array()[1:5, 1:5].min() == 255


def test_the_answer_is_the_verdict_on_rtc_vaes_disparity():
    missing = Record("D-fig3-rtc-vae", "not run", {"how": "rows"})
    other = Record("D-fig3-rtc-vae-all-axes", "not run", {"how": "rows"})
    assert figures.answer([other, missing]) == f"Cheng et al. say yes. {missing.sentence}"
    assert list(figures.answers([missing, other])) == [
        "answer_fig3_rtc_vae", "answer_fig3_rtc_vae_all_axes",
    ]  # fmt: skip


def test_a_claim_names_the_data_that_it_reads():
    def of(dataset, *objectives):
        return figures.on(runs_of(), "laptop", dataset, *objectives)

    assert figures.read_on(of, "D-fig11-rtc-vae") == "cars3d_twin (made up)"
    assert figures.read_on(of, "D-fig3-grows-all-axes") == "dsprites_rerender_grid (made up)"


def test_the_design_says_how_much_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    found = figures.design(pd.DataFrame({"run_id": [], "seconds": []}), "laptop")
    assert found["there"] == "0 of the 188 declared runs are there"
    assert (found["n_declared"], found["size"], found["batch"]) == (188, 32, 64)
    rows = pd.DataFrame({"run_id": ["a", "a", "b"], "seconds": [3600.0, 3600.0, 7200.0]})
    there = figures.design(rows, "laptop")["there"]
    assert there == "2 of the 188 declared runs are there; they took 3.0 hours of one core"


def test_what_the_vae_tells_and_whether_trainings_ended():
    rows = pd.DataFrame(
        {"objective": ["vae", "vae", "rtc_vae"], "quantity": "decoded_r2", "dataset": "d",
         "factors": "scale", "value": [0.5, 1.0, 0.0]}
    )  # fmt: skip
    assert figures.told_by_the_vae(rows).loc["d", "scale"].tolist() == [0.75, 0.5, 1.0]
    assert figures.told_by_the_vae(rows[:0]).empty
    steps = pd.DataFrame(
        {"run_id": ["a", "a", "b", "b"], "step": [75, 100, 75, 100], "dataset": "d",
         "objective": "vae", "weight": 1.0, "last": [False, True, False, True],
         "loss_autoencoder": [11.0, 10.0, 13.0, 10.0]}
    )  # fmt: skip
    assert figures.last_quarter(steps).loc["d", "vae", 1.0]["autoencoder"] == 2.0
    assert figures.last_quarter(pd.DataFrame({"run_id": []})).empty
