"""What the package promises on arguments that are no arrays, kind by kind: numbers, lists, names,
codes, devices and tables. The right value, or an error that names the argument and what came."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import tiny
import torch

from disentangled import (
    chapter,
    claims,
    data,
    deadlines,
    estimators,
    experiments,
    gaussian,
    metrics,
    objectives,
    store,
    sweeps,
    tables,
    training,
)
from disentangled.data import FactorData
from disentangled.experiments import Setting
from disentangled.hardware import Hardware
from disentangled.types import Code

RANDOM = np.random.default_rng(0)
FACTORS = np.stack(np.meshgrid(range(3), range(4), range(4), indexing="ij"), -1).reshape(-1, 3)
CODE = FACTORS + 0.1 * RANDOM.normal(size=FACTORS.shape)
X = torch.from_numpy(RANDOM.random((8, 1, 4, 4)).astype(np.float32))
LOGITS = torch.from_numpy(RANDOM.normal(size=(8, 1, 4, 4)).astype(np.float32))
DRAWN = Code(*torch.from_numpy(RANDOM.normal(size=(3, 8, 3)).astype(np.float32)))
RUNS = [1.0, 2.0, 3.5, 4.0]


def seeded():
    return torch.Generator().manual_seed(0)


def beta_vae(x=X, logits=LOGITS, code=DRAWN, **weights):
    return objectives.beta_vae(x, logits, code, n_data=64, **weights).total


# numbers

NO_NUMBERS = [
    "0.5", b"1", None, True, np.True_, 0.5 + 0j, [0.5], np.array([0.5]), np.array(["0.5"]),
    float("nan"), float("inf"), 2**2000, pd.NA, pd.Timestamp(0), np.datetime64(3, "D"), ...,
]  # fmt: skip


@pytest.mark.parametrize("bad", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused(bad):
    for call in (
        lambda: gaussian.equicorrelated(3, bad),
        lambda: beta_vae(beta=bad),
        lambda: objectives.dip_penalty(DRAWN.mean, DRAWN.logvar, kind="i", lambda_od=bad,
                                       lambda_d=1.0),
        lambda: metrics.factor_vae_score(CODE, FACTORS, generator=seeded(), prune_threshold=bad),
        lambda: tiny.images().split(bad, seeded()),
        lambda: tiny.run(learning_rate=bad),
        lambda: tiny.run(noise_correlation=bad),
        lambda: tiny.run(cooldown=bad),
        lambda: tiny.run("beta_vae", weights={"beta": bad}),
        lambda: claims.compare(RUNS, RUNS, matters=bad),
        lambda: deadlines.in_minutes(bad),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"must be a finite number, got|beta_vae is a float"):
            call()


@pytest.mark.parametrize(
    "half", [np.float16(0.5), np.array(0.5), torch.tensor(0.5), Decimal("0.5"), Fraction(1, 2)]
)
def test_numbers_of_any_kind_are_one(half):
    assert torch.equal(gaussian.equicorrelated(3, half), gaussian.equicorrelated(3, 0.5))
    assert float(beta_vae(beta=half)) == pytest.approx(float(beta_vae(beta=0.5)))
    assert len(tiny.images().split(half, seeded())[0]) == 32
    assert tiny.run(learning_rate=half).id(0) == tiny.run(learning_rate=0.5).id(0)


def test_a_weight_may_ask_for_a_slope():
    beta = torch.tensor(2.0, requires_grad=True)
    (slope,) = torch.autograd.grad(beta_vae(beta=beta), beta)
    kl = objectives.beta_vae(X, LOGITS, DRAWN, n_data=64).terms["kl"]
    assert float(slope) == pytest.approx(float(kl))


@pytest.mark.parametrize("huge", [2**63, 2**70, -(2**70)])
def test_whole_numbers_fit_into_64_bits(huge):
    toy = tiny.images()
    for call in (
        lambda: tiny.run().id(huge),
        lambda: tiny.run(batch=huge),
        lambda: toy.draw(huge, seeded()),
        lambda: toy.pixels(huge),
        lambda: toy.holding_index("row", 3, seeded(), value=huge),
        lambda: metrics.mig(CODE, FACTORS, n_bins=huge),
        lambda: gaussian.equicorrelated(huge, 0.5),
    ):
        with pytest.raises(ValueError, match="must be a whole number"):
            call()


# lists


@pytest.mark.parametrize("bad", [3, float("nan"), "ab", {0: 1}, {0, 1, 2}, b"\0", torch.tensor(3)])
def test_what_is_no_list_is_refused(bad):
    toy = tiny.images()
    for call in (
        lambda: metrics.mig_exact(CODE, -CODE, FACTORS, subset=bad),
        lambda: metrics.irs(CODE, FACTORS, features=bad),
        lambda: metrics.dci_forest(CODE, FACTORS, depths=bad, n_trees=1),
        lambda: toy.weighted([1, 2, 3, 4], bad),
        lambda: training.fit(tiny.run(), bad, toy, hardware=tiny.CPU),
        lambda: experiments.checked(Setting(tiny.run(dataset="cmnist_digits", size=8), bad)),
        lambda: claims.compare_panels(bad, matters=0.1),
        lambda: claims.correlate(bad, matters=0.1),
    ):
        with pytest.raises(ValueError, match=r"must be a list|must list names"):
            call()


def test_lists_may_be_anything_that_has_an_order():
    known = metrics.mig_exact(CODE, -np.ones(CODE.shape), FACTORS, subset=[2, 0]).value
    for subset in (
        (2, 0),
        np.array([2, 0]),
        iter([2, 0]),
        pd.Series([2, 0]),
        {2: "", 0: ""}.keys(),
    ):
        found = metrics.mig_exact(CODE, -np.ones(CODE.shape), FACTORS, subset=subset)
        assert found.value == known


@pytest.mark.parametrize("milestones", [(75,), (150,), (-50,), (50.0,), (True,), "ab", 50])
def test_milestones_are_steps_of_the_run(milestones):
    setting = Setting(tiny.run(dataset="cmnist_digits", size=8), (0,), milestones)
    with pytest.raises(ValueError, match="milestone"):
        experiments.checked(setting)


def test_rows_of_the_classifiers_are_looked_at_whatever_the_kind():
    for name in ("n_train", "n_eval"):
        with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1"):
            metrics.sap(CODE, FACTORS, kind="r2", **{name: 0})


# names


@pytest.mark.parametrize("bad", [None, 3, True, "", "../x", ["vae"], {"a"}, b"vae", pd.NA])
def test_what_is_no_name_is_unknown(bad):
    page = claims.Chapter("x", "smoke")
    none = None if isinstance(bad, str) else bad  # "" is a game without a critic
    for call in (
        lambda: data.load(bad),
        lambda: sweeps.rows(bad, "smoke"),
        lambda: sweeps.rows("beta_tcvae", bad),
        lambda: tiny.run(precision=bad),
        lambda: tiny.run(critic=none),  # once another id
        lambda: estimators.log_batch_weights(bad, 4, 100),
        lambda: objectives.beta_tcvae(X, LOGITS, DRAWN, n_data=64, scheme=bad),
        lambda: claims.by_reading(bad, page=page, quote="x"),
        lambda: chapter.start(bad, {"profile": "smoke"}),
        lambda: chapter.start("x", {"profile": bad}),
        lambda: tiny.images().factor_index(bad),
    ):
        with pytest.raises(ValueError, match=r"unknown|expected a data set|must be a name|no crit|"
                                             r"no statement|called by|tiny"):  # fmt: skip
            call()
    assert tiny.run(dataset=np.str_("tiny")).id(0) == tiny.run().id(0)


@pytest.mark.parametrize("bad", [None, 3, b"toy", "", ["toy"]])
def test_data_are_called_by_text(bad):
    toy = tiny.images()
    for named in ({"name": bad, "source": "made up"}, {"name": "toy", "source": bad}):
        with pytest.raises(ValueError, match="must be text, got"):
            FactorData(
                images=toy.images, factors=toy.factors, factor_names=toy.factor_names,
                factor_sizes=toy.factor_sizes, **named,
            )  # fmt: skip


def test_an_unordered_set_of_names_is_refused():
    toy = tiny.images()
    for names in ({"a", "b", "c"}, {"a": 0, "b": 1, "c": 2}, None, 3):
        with pytest.raises(ValueError, match="toy: factor_names must be a list, got"):
            FactorData("toy", toy.images, toy.factors, names, (4, 4, 4), source="made up")


# codes, images, generators


@pytest.mark.parametrize(
    "code",
    [None, "abc", tuple(DRAWN), DRAWN._asdict(), DRAWN.z, Code(DRAWN.z[:3], *DRAWN[1:]),
     Code(*DRAWN[:2], DRAWN.logvar[:, :2]), Code(DRAWN.z, None, DRAWN.logvar), Code(1, 2, "a")],
)  # fmt: skip
def test_a_code_is_a_code_of_one_shape(code):
    for call in (
        lambda: beta_vae(code=code),
        lambda: estimators.log_aggregate_posterior(code, n_data=100, scheme="mws"),
        lambda: objectives.beta_tcvae(X, LOGITS, code, n_data=64),
    ):
        with pytest.raises(ValueError, match=r"code(\.mean|\.logvar)? must (be|have)"):
            call()


@pytest.mark.parametrize("x", [X[:3], X[:, :, :2], X[0], (255 * X).to(torch.uint8), None, "x"])
def test_images_and_logits_are_floats_of_one_shape(x):
    with pytest.raises(ValueError, match=r"x and logits must be floats of one shape|x must be"):
        beta_vae(x=x)


FOREIGN = {
    "complex": lambda t: t + 0j,
    "quantized": lambda t: torch.quantize_per_tensor(t, 1.0, 0, torch.quint8),
    "nested": lambda t: torch.nested.nested_tensor(list(t)),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
@pytest.mark.parametrize("kind", FOREIGN)
def test_tensors_that_are_no_arrays_of_numbers_are_named(kind):
    foreign = FOREIGN[kind](DRAWN.mean)
    for call in (
        lambda: gaussian.reparametrise(foreign, DRAWN.logvar, DRAWN.z),
        lambda: objectives.rtc_penalty(foreign),
        lambda: estimators.density_ratio_total_corr(foreign),
        lambda: gaussian.total_correlation_of_samples(foreign),
        lambda: metrics.gaussian_tc(foreign),
        lambda: estimators.neighbour_total_corr(foreign),
    ):
        with pytest.raises(ValueError, match=rf"{kind}"):
            call()


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
@pytest.mark.parametrize(
    "same",
    [lambda t: t.to_sparse(), lambda t: t.to_sparse_csr(), lambda t: torch._neg_view(-t),
     lambda t: t.T.contiguous().T, lambda t: t.clone().requires_grad_()],
)  # fmt: skip
def test_tensors_of_other_layouts_are_what_they_hold(same):
    mean, other = DRAWN.mean.double(), same(DRAWN.mean.double())
    for call in (
        lambda m: gaussian.reparametrise(m, DRAWN.logvar, DRAWN.z),
        objectives.rtc_penalty,
        estimators.neighbour_total_corr,
        gaussian.total_correlation_of_samples,
        lambda m: metrics.gaussian_tc(m).value,
    ):
        found, known = (torch.as_tensor(call(m)).detach() for m in (other, mean))
        assert torch.allclose(found, known, rtol=1e-12)


def test_sparse_factors_and_images_are_what_they_hold():
    toy = tiny.images()
    same = FactorData("toy", toy.images.to_sparse(), toy.factors.to_sparse(), toy.factor_names,
                      toy.factor_sizes, source="made up")  # fmt: skip
    assert torch.equal(same.images, toy.images)
    assert torch.equal(same.factors, toy.factors)


def test_a_generator_that_is_asked_for_is_given():
    """None would draw from torch's own, which nobody has seeded."""
    for call in (
        lambda: tiny.images().draw(3, None),
        lambda: metrics.beta_vae_score(CODE, FACTORS, generator=None),
    ):
        with pytest.raises(ValueError, match=r"must be a torch\.Generator, got NoneType"):
            call()


def test_images_by_a_slice():
    toy = tiny.images()
    assert torch.equal(toy.pixels(slice(3, 5)), toy.pixels([3, 4]))
    assert toy.batch(slice(None, None, 32)).index.tolist() == [0, 32]


# what is trained, on what, where


@pytest.mark.parametrize("bad", ["xyz", None, -1, True, 3.5])
def test_a_device_is_a_device(bad):
    with pytest.raises(ValueError, match="expected a device"):
        Hardware(bad)
    with pytest.raises(ValueError, match="expected a device"):
        tiny.images().to(bad)
    with pytest.raises(ValueError, match="dtype must be one of torch's floats"):
        estimators.log_batch_weights("mws", 4, 100, dtype=torch.int64)


def test_what_is_trained_is_declared():
    toy = tiny.images()
    for run, images, hardware, name in (
        ("vae", toy, tiny.CPU, "run must be a Run"),
        (None, toy, tiny.CPU, "run must be a Run"),
        (tiny.run(), toy.images, tiny.CPU, "data must be a FactorData"),
        (tiny.run(), toy, "cpu", "hardware must be a Hardware"),
    ):
        with pytest.raises(ValueError, match=name):
            training.fit(run, [0], images, hardware=hardware)
    for field in ("weights", "nets"):
        with pytest.raises(ValueError, match=f"{field} must be a dict by name"):
            tiny.run(**{field: [("beta", 2)]})


# tables and samples


def test_what_is_no_table_of_rows_is_refused():
    empty = pd.DataFrame(columns=store.COLUMNS)
    for bad in (None, [], "x", pd.DataFrame(), empty[["run_id"]], pd.Series([1]), {"run_id": []}):
        for call in (tables.per_run, lambda t: tables.grid(t, "beta_tcvae"),
                     lambda t: tables.variant(t, "beta_tcvae", "x")):  # fmt: skip
            with pytest.raises(ValueError, match="expected a table with the columns"):
                call(bad)
    for pick in (["a"], "x"):
        with pytest.raises(ValueError, match="pick must be a dict"):
            tables.per_run(empty, pick=pick)
    for pick in ({"a": ()}, {"a": None}):
        with pytest.raises(ValueError, match="a pick gives"):
            tables.per_run(empty, pick=pick)


@pytest.mark.parametrize(
    "bad",
    [np.ma.array(RUNS, mask=[0, 1, 0, 0]), pd.Series([1, 2, 3, pd.NA], dtype="Int64"), None,
     ["1", "2", "3", "4"], np.array([1, 2, 3, 4], "M8[D]"), np.array(RUNS) + 0j, set(RUNS),
     dict(enumerate(RUNS)), [2**2000, 1, 2, 3]],
)  # fmt: skip
def test_samples_are_whole_and_of_numbers(bad):
    """A masked value was once the number below its mask, and a date its number of days."""
    for call in (
        lambda: claims.compare(bad, RUNS, matters=0.1),
        lambda: claims.compare_paired(RUNS, bad, matters=0.1),
    ):
        with pytest.raises(ValueError, match=r"a sample (must be|has|holds)|must be real"):
            call()


def test_samples_of_any_kind_compare_the_same():
    known = claims.compare(RUNS, [0.5, 1.0, 1.5, 2.0], matters=0.1)
    for kind in (torch.tensor, pd.Series, lambda v: torch.tensor(v, requires_grad=True),
                 lambda v: torch.tensor(v).bfloat16(), lambda v: np.array(v, ">f4")):  # fmt: skip
        assert claims.compare(kind(RUNS), kind([0.5, 1.0, 1.5, 2.0]), matters=0.1) == known
