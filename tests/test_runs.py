"""What a run declares, and the id that published rows are found by."""

import hashlib

import pytest
import tiny

from disentangled import experiments, objectives
from disentangled.objectives import OBJECTIVES
from disentangled.runs import NETS, PRECISIONS, Run

CHANGES = {
    "experiment": "other", "profile": "laptop", "dataset": "other", "size": 8, "pixel_area": 4,
    "objective": "vae", "weights": {"beta": 5.0}, "net": "mlp_256", "n_axes": 4, "batch": 16,
    "steps": 150, "learning_rate": 2e-3, "precision": "bf16", "noise_correlation": 0.5,
    "cooldown": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_an_id_changes_with_every_declared_setting(name):
    run = tiny.run("beta_vae")
    other = tiny.run(**({"objective": "beta_vae"} | {name: CHANGES[name]}))
    assert run.id(0) != other.id(0)
    assert run.setting_id() != other.setting_id()


def test_every_setting_is_tried_above():
    apart = {"critic", "nets", "steps_after", "axes_per_feature"}
    assert set(CHANGES) | apart == set(Run.__dataclass_fields__)
    critics = [tiny.run("factor_vae", critic=name).id(0) for name in ("critic_256", "dlib_critic")]
    assert len(set(critics)) == 2


def test_an_id_changes_with_the_seed_and_the_versions(monkeypatch):
    run = tiny.run("beta_vae")
    ids = {run.id(0), run.id(1), run.setting_id()}
    changed = OBJECTIVES["beta_vae"]._replace(method_version=2)
    monkeypatch.setitem(objectives.OBJECTIVES, "beta_vae", changed)
    ids.add(run.id(0))
    monkeypatch.setitem(NETS, "mlp_64", NETS["mlp_64"]._replace(method_version=2))
    ids.add(run.id(0))
    assert len(ids) == 5
    assert run.declared()["method_versions"]["scores"] == 1  # for ever: scores have their own


def test_an_id_does_not_depend_on_how_a_setting_is_written():
    written = [
        tiny.run("beta_tcvae").id(3),
        tiny.run("beta_tcvae", weights={"beta": 6}).id(3),
        tiny.run("beta_tcvae", weights={"scheme": "mws", "gamma": 1, "beta": 6.0}).id(3),
    ]
    assert len(set(written)) == 1


def test_the_published_ids_stay():
    """Rows are found by these. A change here orphans what was trained: raise a method's version
    and say so in the change log, or undo what moved them."""
    declared = [s for s in experiments.settings("beta_tcvae", "laptop") if not s.variant]
    by_title = {(s.run.title(), s.run.dataset): s.run for s in declared}
    chosen = by_title["beta_tcvae alpha=1 beta=2 gamma=1", "dsprites_rerender_grid"]
    assert (chosen.id(0), chosen.setting_id()) == ("c402b8d6cc", "81c4412684")
    ids = sorted(s.run.id(seed) for s in declared for seed in s.seeds)
    assert len(ids) == 148
    assert hashlib.sha256(" ".join(ids).encode()).hexdigest()[:16] == "cee6c6f91335205b"


def test_independent_noise_is_not_mentioned():
    """Runs from before there was another noise keep their ids."""
    assert "noise_correlation" not in tiny.run().declared()
    assert tiny.run().noise_covariance() is None
    correlated = tiny.run(noise_correlation=0.9)
    assert correlated.declared()["noise_correlation"] == 0.9
    assert correlated.title() == "vae sigma=0.9"
    expected = [[1, 0.9, 0.9], [0.9, 1, 0.9], [0.9, 0.9, 1]]
    assert correlated.noise_covariance().tolist() == [pytest.approx(row) for row in expected]


def test_precisions_are_different_runs():
    runs = [tiny.run(precision=name) for name in PRECISIONS]
    assert len({run.id(0) for run in runs}) == 3
    assert tiny.run().id(0) == runs[0].id(0)  # fp32, by default
    assert [run.declared()["precision"] for run in runs] == ["fp32", "tf32", "bf16"]


def test_nets_by_role_are_mentioned_where_they_are_not_the_shorthand(monkeypatch):
    plain = tiny.run("factor_vae")
    spelled = tiny.run("factor_vae", nets={"encoder": "mlp_64", "critic": "critic_256"})
    assert spelled.id(0) == plain.id(0)
    assert "nets" not in plain.declared()
    other = tiny.run("factor_vae", nets={"decoder": "mlp_256"})
    assert other.id(0) != plain.id(0)
    assert other.declared()["nets"] == {"decoder": "mlp_256"}
    assert other.roles() == {"encoder": "mlp_64", "decoder": "mlp_256", "critic": "critic_256"}
    monkeypatch.setitem(NETS, "mlp_256", NETS["mlp_256"]._replace(method_version=9))
    assert other.id(0) != tiny.run("factor_vae", nets={"decoder": "mlp_64"}).id(0)
    assert other.declared()["method_versions"]["nets"] == {"decoder": 9}


def test_a_second_phase_is_mentioned_where_there_is_one(monkeypatch):
    recipe = OBJECTIVES["vae"]
    again = (tuple(p._replace(name="again") for p in players) for players in recipe.rounds)
    monkeypatch.setitem(OBJECTIVES, "twice", recipe._replace(after=tuple(again)))
    run = tiny.run("twice", steps_after=50)
    assert run.declared()["steps_after"] == 50
    assert run.all_steps() == 150
    assert "steps_after" not in tiny.run().declared()
    assert tiny.run().all_steps() == 100


def test_learning_rates_fall_to_0_over_the_cooldown():
    assert "cooldown" not in tiny.run().declared()
    assert [tiny.run().rate_factor(step) for step in (0, 50)] == [1, 1]
    run = tiny.run(steps=400, cooldown=0.5)
    root = 0.5**0.5 / 2
    assert [run.rate_factor(step) for step in range(0, 400, 50)] == pytest.approx(
        [1] * 5 + [0.5 + root, 0.5, 0.5 - root]
    )
    whole = tiny.run(steps=150, cooldown=1)
    assert [whole.rate_factor(step) for step in (0, 50, 100)] == pytest.approx([1, 0.75, 0.25])
    with pytest.raises(ValueError, match=r"cooldown is a share of the steps, 0 to 1, got 1.5"):
        tiny.run(cooldown=1.5)


def test_each_phase_has_its_own_cooldown(monkeypatch):
    recipe = OBJECTIVES["vae"]
    again = (tuple(p._replace(name="again") for p in players) for players in recipe.rounds)
    monkeypatch.setitem(OBJECTIVES, "twice", recipe._replace(after=tuple(again)))
    run = tiny.run("twice", steps_after=150, cooldown=1)
    factors = [run.rate_factor(step) for step in range(0, 250, 50)]
    assert factors == pytest.approx([1, 0.5, 1, 0.75, 0.25])


def test_sizes_and_steps_are_whole_numbers():
    with pytest.raises(ValueError, match=r"batch must be a whole number, got 2.5"):
        tiny.run(batch=2.5)
    with pytest.raises(ValueError, match=r"steps must be a whole number, got 50.0"):
        tiny.run(steps=50.0)


@pytest.mark.parametrize("sigma", [-0.5, 1.0, 1.5, float("nan")])
def test_a_correlation_without_a_density_is_an_error(sigma):
    with pytest.raises(
        ValueError, match=r"both excluded, for 3 axes, got|must be a finite number"
    ):
        tiny.run(noise_correlation=sigma)
    assert tiny.run(noise_correlation=-0.49).noise_correlation == -0.49


def test_weights_that_are_not_given_are_the_recipes():
    assert tiny.run("beta_tcvae", weights={"beta": 2}).weights == {
        "alpha": 1.0, "beta": 2.0, "gamma": 1.0, "scheme": "mws",
    }  # fmt: skip
    assert tiny.run("beta_tcvae", weights={"beta": 2}).title() == (
        "beta_tcvae alpha=1 beta=2 gamma=1"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "gan"}, r"unknown objective 'gan'; choose one of annealed_vae, .*, vae"),
        ({"net": "resnet"}, r"unknown net 'resnet'; choose one of burgess_conv, .*mlp_64"),
        ({"objective": "factor_vae", "critic": "x"}, r"unknown critic 'x'; .*kim_mnih_critic"),
        ({"net": ""}, r"vae needs a net for its encoder; give nets={'encoder': ...}, one of bur"),
        ({"objective": "factor_vae"}, "factor_vae needs a net for its critic"),
        ({"nets": {"critic": "critic_256"}}, "vae has no net critic; its nets are encoder, dec"),
        ({"nets": {"encoder": "critic_256"}}, "unknown encoder 'critic_256'; choose one of"),
        ({"steps_after": 25}, "steps_after must be a multiple of 50, got 25"),
        ({"steps_after": 50}, "vae has no second phase, got steps_after=50"),
        ({"critic": "critic_256"}, "vae has no critic, got 'critic_256'"),
        ({"weights": {"beta": 1}}, "unknown weight of vae 'beta'"),
        ({"objective": "beta_tcvae", "weights": {"delta": 1}}, r"one of alpha, beta, gamma, sch"),
        ({"objective": "beta_vae", "weights": {"beta": "4"}}, "beta of beta_vae is a float"),
        ({"objective": "beta_tcvae", "weights": {"scheme": 1.0}}, "is a str, got 1.0"),
        ({"objective": "beta_tcvae", "weights": {"scheme": "mwss"}}, r"one of mss, .*naive"),
        ({"precision": "fp16"}, "unknown precision 'fp16'; choose one of bf16, fp32, tf32"),
        ({"steps": 75}, "positive multiple of 50, got 75"),
        ({"steps": 0}, "positive multiple of 50, got 0"),
        ({"batch": 0}, "batch must be above 0 and finite, got 0"),
        ({"learning_rate": float("inf")}, "learning_rate must be a finite number, got inf"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0 and finite, got -1.0"),
    ],
)
def test_bad_settings_are_errors_that_say_what_is_valid(changes, message):
    chosen = {"objective": "vae", "critic": ""} | changes
    with pytest.raises(ValueError, match=message):
        tiny.run(**chosen)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -float("inf"), None, 1j, 10**400])
@pytest.mark.parametrize("name", [n for n in tiny.PLAYABLE if OBJECTIVES[n].weights])
def test_weights_are_finite_numbers(name, weight):
    wanted = [key for key, value in OBJECTIVES[name].weights.items() if isinstance(value, float)]
    for key in wanted:
        with pytest.raises(ValueError, match=f"{key} of {name} must be a finite number, got"):
            tiny.run(name, weights={key: weight})
        assert tiny.run(name, weights={key: 2}).weights[key] == 2.0


@pytest.mark.parametrize("steps", [0, -1.0])
def test_a_rise_takes_steps(steps):
    """At none the capacity of the first step would be 0 / 0."""
    with pytest.raises(ValueError, match="capacity_steps of annealed_vae must be above 0, got"):
        tiny.run("annealed_vae", weights={"capacity_steps": steps})


def test_features_of_several_axes_are_declared_of_objectives_that_know_them():
    plain, run = tiny.run("factor_vae", n_axes=4), tiny.run("factor_vae", n_axes=4,
                                                            axes_per_feature=2)  # fmt: skip
    assert plain.features() is None
    assert run.features() == [[0, 1], [2, 3]]
    assert "axes_per_feature" not in plain.declared()
    assert run.declared()["axes_per_feature"] == 2
    assert run.id(0) != plain.id(0)
    with pytest.raises(ValueError, match="multiple of axes_per_feature, got 3 axes in features"):
        tiny.run("factor_vae", n_axes=3, axes_per_feature=2)
    with pytest.raises(ValueError, match=r"beta_vae knows no features.*factor_vae.*intervention"):
        tiny.run("beta_vae", n_axes=4, axes_per_feature=2)
    for wrong in (0, -1, 1.5):
        with pytest.raises(ValueError, match="axes_per_feature must be"):
            tiny.run("factor_vae", n_axes=4, axes_per_feature=wrong)
