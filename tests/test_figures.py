"""Tables and curves made from rows: known values in, known values out."""

import ast
import json
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from disentangled import baselines, store, tables
from disentangled.figures import over_seeds
from disentangled.objectives import OBJECTIVES
from disentangled.records import Record


def rows_of(objective, weights, seed, values, step=100, source="re-render"):
    common = dict.fromkeys(store.COLUMNS, "") | {
        "run_id": f"{objective}{weights}{seed}",
        "objective": objective,
        "weights": json.dumps(weights),
        "seed": seed,
        "dataset": "toy",
        "noise": "independent",
        "encoder": "net",
        "source": source,
        "step": step,
    }
    return [common | {"quantity": q, "value": v} for q, v in values.items()]


@pytest.fixture
def runs():
    rows = []
    for seed in range(4):
        rows += rows_of("vae", {}, seed, {"elbo": -10.0 - seed, "mig_exact": 0.1}, step=75)
        rows += rows_of("vae", {}, seed, {"elbo": -10.0 - seed, "mig_exact": 0.2 + 0.01 * seed})
        rows += rows_of("beta_vae", {"beta": 4.0}, seed, {"elbo": -20.0, "mig_exact": 0.3})
        rows += rows_of("beta_tcvae", {"beta": 4.0}, seed, {"elbo": -15.0, "mig_exact": 0.5})
    yield tables.per_run(pd.DataFrame(rows))
    plt.close("all")


def test_a_run_and_step_is_a_line_with_its_weight(runs):
    assert len(runs) == 16
    assert set(runs.loc[runs["objective"] == "vae", "weight"]) == {1.0}
    assert set(runs.loc[runs["objective"] == "beta_vae", "weight"]) == {4.0}
    assert len(tables.settled(runs)) == 12


def test_quantities_by_code_and_factors_have_names_of_their_own():
    rows = rows_of("vae", {}, 0, {"elbo": -1.0})
    for quantity in tables.OF_BOTH_CODES:
        rows += [rows[0] | {"quantity": quantity, "code": "mean", "value": 1.0}]
        rows += [rows[0] | {"quantity": quantity, "code": "sample", "value": 2.0}]
    rows += [rows[0] | {"quantity": "mig", "factors": "shape scale", "value": 3.0}]
    rows += [rows[0] | {"quantity": "mig", "factors": "scale", "value": 4.0}]
    line = tables.per_run(pd.DataFrame(rows)).iloc[0]
    for quantity in ("gaussian_tc", "neighbour_tc", "tree_tc", "disintegration"):
        assert list(line[[f"{quantity}_mean", f"{quantity}_sample"]]) == [1.0, 2.0]
    assert list(line[["mig_with_shape", "mig"]]) == [3.0, 4.0]


def test_a_run_says_how_its_noise_is_correlated():
    rows = rows_of("vae", {}, 0, {"elbo": -1.0}) + rows_of("vae", {}, 1, {"elbo": -1.0})
    rows[1]["noise"] = "equicorrelated 0.9"
    assert list(tables.per_run(pd.DataFrame(rows))["sigma"]) == [0.0, 0.9]


def two_estimates():
    """Rows of a run that has its total correlation by two estimators, and a MIG."""
    rows = rows_of("beta_vae", {"beta": 4.0}, 0, {"total_corr": 1.0, "mig_exact": 0.5})
    rows[0] |= {"estimator": "data set", "code": "sample"}
    return pd.DataFrame([*rows, rows[0] | {"estimator": "naive", "value": 3.0}])


def test_two_estimates_of_a_quantity_stand_side_by_side_by_a_pick():
    pick = {"total_corr": ("total_corr", "data set"), "tc_naive": ("total_corr", "naive", "")}
    line = tables.per_run(two_estimates(), pick=pick).iloc[0]
    assert list(line[["total_corr", "tc_naive", "mig_exact"]]) == [1.0, 3.0, 0.5]
    alone = tables.per_run(two_estimates(), pick={"tc": ("total_corr", "naive")})
    assert alone["tc"].tolist() == [3.0]
    assert "total_corr" not in alone


def test_two_estimates_without_a_pick_are_an_error_whose_pick_works():
    with pytest.raises(ValueError, match=r"total_corr of run .*, step 100, is 2 numbers") as error:
        tables.per_run(two_estimates())
    said = str(error.value)
    assert "('total_corr', 'data set', 'sample', '')" in said
    pick = ast.literal_eval(said[said.index("{'total_corr'") : -1])
    line = tables.per_run(two_estimates(), pick=pick).iloc[0]
    assert list(line[["total_corr", "total_corr_1"]]) == [1.0, 3.0]


def test_a_pick_that_cannot_be_is_refused():
    rows = two_estimates()
    with pytest.raises(ValueError, match=r"no row is \('total_corr', 'mws'\).*'naive'"):
        tables.per_run(rows, pick={"tc": ("total_corr", "mws")})
    with pytest.raises(ValueError, match=r"tc of run .* is 2 numbers"):
        tables.per_run(rows, pick={"tc": "total_corr"})
    with pytest.raises(ValueError, match=r"a pick gives .* got 'weight'"):
        tables.per_run(rows, pick={"weight": ("total_corr", "naive")})
    with pytest.raises(ValueError, match="give each row once"):
        tables.per_run(pd.concat([rows[:2], rows[:1]]))


def test_quantities_factor_by_factor_and_of_maps_need_a_pick():
    rows = rows_of("vae", {}, 0, {"mig": 0.5, "told": 0.1, "mapped_mig": 0.3})
    rows[0]["factors"], rows[1]["factors"] = "scale", "scale"
    rows += [rows[1] | {"factors": "orientation", "value": 0.2}]
    table = tables.per_run(pd.DataFrame(rows))
    assert table["mig"].tolist() == [0.5]
    assert not {"told", "mapped_mig"} & set(table)
    pick = {"turned": ("told", "", "", "orientation"), "mapped": "mapped_mig"}
    line = tables.per_run(pd.DataFrame(rows), pick=pick).iloc[0]
    assert list(line[["turned", "mapped", "mig"]]) == [0.2, 0.3, 0.5]


def test_the_weight_is_the_one_that_the_recipe_sweeps(monkeypatch):
    weights = {"alpha": 2.0, "beta": 6.0, "gamma": 3.0}
    rows = rows_of("beta_tcvae", weights, 0, {"elbo": -1.0})
    assert tables.per_run(pd.DataFrame(rows))["weight"].tolist() == [6.0]
    recipe = OBJECTIVES["beta_tcvae"]
    monkeypatch.setitem(OBJECTIVES, "beta_tcvae", recipe._replace(swept="alpha"))
    assert tables.per_run(pd.DataFrame(rows))["weight"].tolist() == [2.0]
    monkeypatch.setitem(OBJECTIVES, "beta_tcvae", recipe._replace(swept="delta"))
    with pytest.raises(ValueError, match="sweeps 'delta', and its recipe has"):
        tables.per_run(pd.DataFrame(rows))


def test_a_row_without_its_weight_and_an_unknown_objective_are_refused():
    with pytest.raises(ValueError, match="factor_vae sweeps 'gamma', and a row has the weights"):
        tables.per_run(pd.DataFrame(rows_of("factor_vae", {"beta": 4.0}, 0, {"elbo": -1.0})))
    with pytest.raises(ValueError, match="unknown objective 'nae'; choose one of annealed_vae"):
        tables.per_run(pd.DataFrame(rows_of("nae", {}, 0, {"elbo": -1.0})))


def test_a_new_objective_has_a_name_a_colour_and_its_tables(runs, monkeypatch):
    monkeypatch.setitem(OBJECTIVES, "new_vae", OBJECTIVES["beta_vae"])
    monkeypatch.setitem(OBJECTIVES, "newer_vae", OBJECTIVES["factor_vae"])
    rows = rows_of("newer_vae", {"gamma": 1.0}, 0, {"mig_exact": 0.3, "elbo": -1.0})
    rows += rows_of("new_vae", {"beta": 2.0}, 0, {"mig_exact": 0.4, "elbo": -1.0})
    new = pd.concat([runs[runs["objective"] == "vae"], tables.per_run(pd.DataFrame(rows))])
    last = tables.settled(new)
    assert tables.weights_of(last, "new_vae") == [1.0, 2.0]
    assert tables.weights_of(last, "newer_vae") == [1.0]
    assert tables.seeds(last, "new_vae", 1.0, "mig_exact")[0] == 0.2
    assert tables.seeds(last, "newer_vae", 1.0, "mig_exact").tolist() == [0.3]
    (name, colour), (_, other) = (over_seeds.METHODS[n] for n in ("new_vae", "newer_vae"))
    known = {declared for _, declared in over_seeds.METHODS.values()}
    assert name == "new_vae"
    assert len({colour, other, *known}) == len(known) + 2
    quarter = last.assign(step=(0.75 * last["step"]).astype(int), last=False)
    both = pd.concat([last, quarter])
    axes = over_seeds.convergence(both, "mig_exact", "MIG", profile="laptop").axes[0]
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["VAE", "new_vae", "newer_vae"]
    with pytest.raises(ValueError, match="unknown objective 'nae'"):
        over_seeds.METHODS["nae"]


def test_convergence_pairs_a_run_with_itself_and_names_what_is_there(runs):
    axes = over_seeds.convergence(runs, "mig_exact", "MIG", profile="laptop").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["VAE"]
    (points,) = (c.get_offsets() for c in axes.collections)
    expected = [[0.1, 0.2 + 0.01 * seed] for seed in range(4)]
    np.testing.assert_allclose(np.sort(points, axis=0), expected)


def test_violins_show_median_quartiles_and_adjacent_values():
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 20.0])
    figure, axes = plt.subplots()
    over_seeds.violins({"a": (values, "red"), "flat": (np.ones(4), "blue")}, "score", axes)
    lines = [c for c in axes.collections if hasattr(c, "get_segments")]
    spans = [tuple(line.get_segments()[0][:, 1]) for line in lines]
    # quartiles 2 and 6: 20 lies beyond 6 + 1.5 * 4
    assert spans == [(0.0, 7.0), (2.0, 6.0), (1.0, 1.0), (1.0, 1.0)]
    points = {len(line.get_ydata()): line.get_ydata() for line in axes.lines}
    assert list(points[9]) == list(values)
    assert [float(line.get_ydata()[0]) for line in axes.lines if len(line.get_ydata()) == 1] == [
        4.0, 1.0,
    ]  # fmt: skip
    bodies = [c for c in axes.collections if c not in lines]
    assert bodies[0].get_paths()[0].vertices[:, 1].max() == 20
    assert len(bodies) == 1  # none of a group without spread
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "flat"]
    plt.close(figure)


def test_fences_are_six_interquartile_ranges_beyond_the_quartiles():
    assert over_seeds.fences([0.0, 1.0, 2.0, 3.0, 4.0]) == (1 - 6 * 2, 3 + 6 * 2)
    assert over_seeds.fences([1.0, 1.0, 1.0, 9.0]) == (-11.0, 15.0)
    assert over_seeds.fences([1.0, 1.0, 1.0, 1.0, 9.0]) == (-np.inf, np.inf)


def test_violins_are_not_squeezed_by_runs_far_off():
    some = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    groups = {
        "a": (np.append(some, 567.0), "red"),
        "b": (np.append(some, [-200.0, -300.5]), "blue"),
        "lost": (np.array([900.0]), "green"),
    }  # quartiles of all: 1 and 6, so that the fences are -29 and 36
    figure, axes = plt.subplots()
    over_seeds.violins(groups, "nats", axes)
    assert [(t.get_text(), t.get_position()) for t in axes.texts] == [
        ("↑ 567", (1.2, 1.0)),
        ("↓ 2 runs,\n−300 to −200", (2.2, 0.0)),
        ("↑ 900", (3.2, 1.0)),
    ]
    drawn = np.concatenate([line.get_ydata() for line in axes.lines])
    assert (drawn.min(), drawn.max()) == (0.0, 7.0)
    low, high = axes.get_ylim()
    assert (low, high) == pytest.approx((-1.4, 8.4))  # a fifth of 7 beyond both ends
    bodies = [c for c in axes.collections if not hasattr(c, "get_segments")]
    assert len(bodies) == 2
    for body in bodies:  # the widest place is among the eight runs
        x, y = body.get_paths()[0].vertices.T
        assert 0 <= y[np.argmax(x)] <= 7
    plt.close(figure)


def test_a_run_that_stopped_is_not_settled():
    rows = rows_of("vae", {}, 0, {"elbo": -1.0}) + rows_of("vae", {}, 1, {"stopped": 50.0})
    assert list(tables.settled(tables.per_run(pd.DataFrame(rows)))["seed"]) == [0]


def test_the_plain_vae_is_the_setting_of_weight_one(runs):
    last = tables.settled(runs)
    assert tables.weights_of(last, "beta_tcvae") == [1.0, 4.0]
    np.testing.assert_allclose(
        tables.seeds(last, "beta_tcvae", 1.0, "mig_exact"), [0.2, 0.21, 0.22, 0.23]
    )
    both = tables.seeds(last, "beta_vae", 4.0, "elbo", "mig_exact")
    np.testing.assert_allclose(both, [[-20.0, 0.3]] * 4)


def test_interval_is_students():
    values = np.array([1.0, 2.0, 3.0, 4.0])
    # t quantile 0.95 at 3 degrees of freedom, from a table: 2.353
    expected = 2.353363 * values.std(ddof=1) / 2
    assert tables.interval(values) == pytest.approx(expected, rel=1e-6)
    assert tables.interval(values[:1]) == 0.0


def test_height_between_two_lines():
    rising = np.array([[0.0, 0.0], [4.0, 4.0]])
    flat = np.array([[6.0, 1.0], [1.0, 1.0]])  # in any order
    # common range 1 to 4, mean of x - 1 over it
    assert tables.height_at_equal_abscissa(rising, flat) == pytest.approx(1.5)
    assert tables.height_at_equal_abscissa(flat, rising) == pytest.approx(-1.5)


def test_height_of_curves_that_do_not_meet_is_nan():
    one, other = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[2.0, 0.0], [3.0, 0.0]])
    assert math.isnan(tables.height_at_equal_abscissa(one, other))


def test_curves_show_every_weight_and_the_caption_line(runs):
    figure = over_seeds.curves(
        tables.settled(runs), "elbo", "mig_exact", ("ELBO", "MIG"), profile="laptop"
    )
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["1", "4", "1", "4"]
    assert figure.get_supxlabel() == (
        "profile laptop · toy (re-render) · 4 seeds · " + over_seeds.BARS
    )


def test_a_score_when_the_last_quarter_begins_has_a_panel_a_profile(runs):
    more = runs.assign(profile="gpu", run_id=runs["run_id"] + "gpu", mig_exact=0.5)
    both = pd.concat([runs.assign(profile="laptop"), more])
    one, other = over_seeds.convergence(both, "mig_exact", "MIG", profile="laptop").axes
    assert (one.get_title(), other.get_title()) == ("profile laptop", "profile gpu")
    np.testing.assert_allclose(np.ravel(other.collections[0].get_offsets()), 0.5)


def test_median_seed_is_the_one_in_the_middle(runs):
    line = tables.median_seed(tables.settled(runs), "vae", 1.0, "mig_exact")
    assert line["seed"] == 2


def test_published_numbers_name_their_source():
    table = baselines.published("beta_tcvae")
    assert len(table) > 0
    assert (table["source"] != "").all()
    assert (table["differs"] != "").all()


def test_a_claim_is_said_with_its_interval_and_verdict():
    facts = {"effect": -0.0014, "low": -0.0439, "high": 0.0451}
    said = over_seeds.in_words(Record("A-fig2-vae", "inconclusive", facts))
    assert said == "0.00 (95 % interval −0.04 to +0.05; inconclusive)"
    unknown = over_seeds.in_words(Record("A-fig2-vae", "not run", {}))
    assert unknown == "an amount that is not known (not run)"


def test_methods_differ_in_more_than_colour(runs):
    last = tables.settled(runs)
    axes = over_seeds.curves(last, "elbo", "mig_exact", ("ELBO", "MIG"), profile="laptop").axes[0]
    dashes = {line.get_linestyle() for line in axes.lines if len(line.get_xdata()) > 1}
    assert len(dashes) >= 2
    compared = ("vae", "beta_vae", "beta_tcvae", "factor_vae")
    assert len({over_seeds.mark(objective) for objective in compared}) == 4
