"""The price of bugs, from made-up rows whose answer is known."""

import pandas as pd
import pytest

from disentangled import experiments, tables
from disentangled.figures import longer, released_code

MIG = {"mss": 0.30, "mss as released": 0.20, "leaking critic": 0.45, "half batch": 0.40,
       "VAE, twice as long": 0.92, "β-TCVAE, twice as long": 0.85}  # fmt: skip
ELBO = {"mss": -50.0, "mss as released": -53.0, "leaking critic": -40.0, "half batch": -44.0,
        "VAE, twice as long": -26.0, "β-TCVAE, twice as long": -29.0}  # fmt: skip
FACTOR_VAE = 0.5, -41.0  # MIG and ELBO of the grid's, at γ = 5


def runs(seeds=8):
    """All declared runs of the published profile, at all steps, but for the seeds from a number
    on. Every setting scores as its table above says; the grid 0.9 and -30 nats, but for
    FactorVAE; all of them less before their end. Seed s adds 0.01 s and s nats in both."""
    lines = []
    for s in experiments.settings("beta_tcvae", "laptop"):
        run, last = s.run, s.run.steps
        for step in (*s.milestones, last):
            mig, elbo = MIG.get(s.variant, 0.9), ELBO.get(s.variant, -30.0)
            if (run.objective, run.weights.get("gamma"), s.variant) == ("factor_vae", 5.0, ""):
                mig, elbo = FACTOR_VAE
            if step < last:
                mig, elbo = 0.0, -99.0
            lines += [
                {
                    "run_id": run.id(seed), "seed": seed, "profile": "laptop", "step": step,
                    "objective": run.objective, "last": step == last, "dataset": run.dataset,
                    "weight": run.weights.get("beta", run.weights.get("gamma", 1.0)),
                    "mig_exact": mig + 0.01 * seed, "elbo": elbo + seed,
                }
                for seed in s.seeds if seed < seeds
            ]  # fmt: skip
    return pd.DataFrame(lines)


def test_every_bug_is_compared_with_its_other_side():
    found = released_code.price(runs())
    assert list(found.index) == list(released_code.BUGS)
    assert found["seeds"].tolist() == [8, 8, 8]
    without = [0.30, *[FACTOR_VAE[0]] * 2]
    assert (found["MIG", "without"] - 0.035).tolist() == pytest.approx(without)
    assert (found["MIG", "with"] - 0.035).tolist() == pytest.approx([0.20, 0.45, 0.40])
    # both sides have the same seeds, whose differences lie evenly about that of the settings
    assert found["MIG", "change"].tolist() == pytest.approx([-0.10, -0.05, -0.10])
    assert found["ELBO, nats", "change"].tolist() == pytest.approx([-3.0, 1.0, -3.0])
    for score in released_code.SCORES:
        of_it = found[score]
        middle = (of_it["low"] + of_it["high"]) / 2
        assert middle.tolist() == pytest.approx(of_it["change"].tolist())
        assert (of_it["low"] < of_it["change"]).all()


def test_what_twice_the_steps_change():
    found = longer.table(runs())
    assert list(found.index) == ["VAE", "β-TCVAE"]
    assert found["seeds"].tolist() == [8, 8]
    assert (found["MIG", "once"] - 0.035).tolist() == pytest.approx([0.9, 0.9])
    assert (found["MIG", "twice"] - 0.035).tolist() == pytest.approx([0.92, 0.85])
    assert found["MIG", "change"].tolist() == pytest.approx([0.02, -0.05])
    assert found["ELBO, nats", "change"].tolist() == pytest.approx([4.0, 1.0])
    assert len(longer.table(tables.grid(runs(), "beta_tcvae"))) == 0


def test_samples_without_a_spread_have_an_interval_of_one_number():
    alike = runs()
    alike["mig_exact"] -= 0.01 * alike["seed"]
    mig = released_code.price(alike)["MIG"]
    for column in ("low", "high", "change"):
        assert mig[column].tolist() == pytest.approx([-0.10, -0.05, -0.10])


def test_a_bug_without_its_rows_has_no_line():
    some = runs()
    leaking = tables.variant(some, "beta_tcvae", "leaking critic")
    left = some.drop(leaking[leaking["seed"] > 2].index)
    assert list(released_code.price(left).index) == [
        bug for bug, (name, _) in released_code.BUGS.items() if name != "leaking critic"
    ]
    for none in (runs(seeds=3), some[:0], tables.grid(some, "beta_tcvae")):
        empty = released_code.price(none)
        assert len(empty) == 0
        assert list(empty.columns) == list(released_code.COLUMNS)


def test_runs_that_stopped_are_left_out():
    some = runs().assign(stopped=float("nan"))
    half = tables.variant(some, "beta_tcvae", "half batch")
    some.loc[half[half["seed"] == 0].index, "stopped"] = 50.0
    found = released_code.price(some)
    assert found["seeds"].tolist() == [8, 8, 7]


def test_the_grid_leaves_out_all_variants_and_nothing_else():
    some = runs()
    declared = experiments.settings("beta_tcvae", "laptop")
    of_grid = {s.run.id(seed) for s in declared if not s.variant for seed in s.seeds if seed < 8}
    assert set(tables.grid(some, "beta_tcvae")["run_id"]) == of_grid
    parts = [tables.variant(some, "beta_tcvae", s.variant) for s in declared if s.variant]
    assert len(tables.grid(some, "beta_tcvae")) + sum(map(len, parts)) == len(some)
    with pytest.raises(ValueError, match="unknown variant of beta_tcvae 'mws'; choose one of"):
        tables.variant(some, "beta_tcvae", "mws")
