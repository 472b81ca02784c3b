"""What the package promises on bad input, kind by kind: the right value, or an error that helps.

Each kind has an example that was once silently wrong or obscure, and others like it.
"""

import errno
import os
import re
import subprocess
import sys

import codes
import h5py
import numpy as np
import pandas as pd
import pytest
import test_metrics_inputs as every_score
import tiny
import torch
from torch.masked import masked_tensor

from disentangled import __main__ as listing
from disentangled import (
    chapter,
    data,
    estimators,
    gaussian,
    information,
    interventions,
    metrics,
    objectives,
    store,
    sweeps,
    training,
)
from disentangled.arguments import parsed
from disentangled.data import FactorData, dsprites, files, shapes3d
from disentangled.data.hdf5 import Hdf5Images
from disentangled.hardware import Hardware
from disentangled.metrics import linear_maps
from disentangled.types import Code

FACTORS = every_score.FACTORS  # (60, 3)
CODE = every_score.CODE
LOGVAR = np.full(CODE.shape, -2.0)
SHADES = torch.arange(240, dtype=torch.uint8).view(12, 1, 4, 5)
CAUSES = torch.cartesian_prod(torch.arange(3), torch.arange(4))


def some_data(images=SHADES, factors=CAUSES, sizes=(3, 4), **more):
    return FactorData("toy", images, factors, ("hue", "turn"), sizes, source="made up", **more)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def score(name, code=CODE, factors=FACTORS):
    """As in the tests of all scores, which make log-variances of any array."""
    if name == "mig_exact":
        return metrics.mig_exact(code, LOGVAR, factors)
    return every_score.score(name, code, factors)


# type is checked, range is not


def test_pixels_of_0_and_1_were_not_scaled():
    """dSprites' own `imgs`: as they are, the largest pixel would be 1 / 255."""
    bits = SHADES % 2
    for images in (bits, bits.numpy(), bits.expand(12, 3, 4, 5), 1 - bits):
        with pytest.raises(ValueError, match=r"toy: expected pixels from 0 to 255.*255 \* images"):
            some_data(images)
    assert some_data(255 * bits).pixels([1]).max() == 1


def test_dark_images_are_images():
    dark = torch.zeros_like(SHADES)
    assert some_data(dark).pixels([0]).max() == 0
    dark[-1] = 2
    whole = some_data(dark)
    assert whole.select([0, 1]).to("cpu").pixels([0]).max() == 0
    dark[0] = 1  # a part may be of 0 and 1 alone
    assert some_data(dark).select([0]).images.max() == 1


CRITIC_LOGITS = torch.linspace(-1, 1, 24).view(12, 2)
OF_CODE = Code(*torch.linspace(-1, 1, 12 * 9).view(3, 12, 3))
LOSSES = {
    "vae": lambda x, logits: objectives.vae(x, logits, OF_CODE, n_data=12),
    "beta_vae": lambda x, logits: objectives.beta_vae(x, logits, OF_CODE, n_data=12),
    "sampled_vae": lambda x, logits: objectives.sampled_vae(x, logits, OF_CODE, n_data=12),
    "beta_tcvae": lambda x, logits: objectives.beta_tcvae(x, logits, OF_CODE, n_data=12),
    "beta_tcvae_dlib": lambda x, logits: objectives.beta_tcvae_dlib(x, logits, OF_CODE, n_data=12),
    "dip_vae_i": lambda x, logits: objectives.dip_vae_i(x, logits, OF_CODE, n_data=12),
    "dip_vae_ii": lambda x, logits: objectives.dip_vae_ii(x, logits, OF_CODE, n_data=12),
    "annealed_vae": lambda x, logits: objectives.annealed_vae(
        x, logits, OF_CODE, n_data=12, step=3
    ),
    "beta_tcvae_flow": lambda x, logits: objectives.beta_tcvae_flow(
        x, logits, OF_CODE, OF_CODE.z, n_data=12
    ),
    "factor_vae": lambda x, logits: objectives.factor_vae(x, logits, OF_CODE, CRITIC_LOGITS),
    "factor_vae_leaking": lambda x, logits: objectives.factor_vae_leaking(
        x, logits, OF_CODE, CRITIC_LOGITS
    ),
    "rtc_vae": lambda x, logits: objectives.rtc_vae(x, logits, OF_CODE, CRITIC_LOGITS),
    "rtc_vae_supervised": lambda x, logits: objectives.rtc_vae_supervised(
        x, logits, OF_CODE, CRITIC_LOGITS, CAUSES.float()
    ),
    "intervention_first": lambda x, logits: objectives.intervention_first(
        x, logits, logits, *CRITIC_LOGITS.T, CRITIC_LOGITS[:, 0]
    ),
    "cross_entropy": lambda x, logits: objectives.translation.cross_entropy(
        lambda _: logits, objectives.Pairs(x, x)
    ),
    "bernoulli_distortion": objectives.bernoulli_distortion,
}
"""Every function of images and logits, by its name."""


def test_pixels_outside_of_0_and_1_are_refused_by_every_loss():
    """The cross-entropy of such a pixel has no floor: a decoder gains without end."""
    grey = torch.full((12, 1, 4, 5), 0.25)
    for name, loss in LOSSES.items():
        for bad in (-0.5, 1.5, 255.0, float("nan"), float("inf"), -float("inf"), 1.00001):
            x = grey.clone()
            x[-1, 0, -1, -1] = bad
            for images in (x, x.double(), x.numpy(), x.clone().requires_grad_()):
                with pytest.raises(ValueError, match=r"x must be pixels from 0 to 1, got "):
                    loss(images, grey)
        assert loss(grey, grey) is not None, name


def test_pixels_of_minus_0_and_those_that_round_beyond_1_count_as_0_and_1():
    """At logits of 1 a pixel of 0 costs log(1 + e), one of 1 costs log(1 + 1 / e)."""
    logits = torch.ones(2, 1, 1, 1)
    x = torch.tensor([-0.0, 1 + 2 * torch.finfo(torch.float32).eps]).view(2, 1, 1, 1)
    dark, bright = objectives.bernoulli_distortion(x, logits).tolist()
    assert dark == pytest.approx(np.log1p(np.e))
    assert bright == pytest.approx(np.log1p(1 / np.e))


def test_pixels_are_looked_at_under_grad_and_not_where_there_are_none():
    x, logits = torch.full((3, 1, 1, 2), 0.5), torch.zeros(3, 1, 1, 2)

    def total(logits, x):
        return objectives.bernoulli_distortion(x, logits).sum()

    assert torch.func.grad(total)(logits, x).tolist() == x.sub(0.5).mul(-1).tolist()
    with pytest.raises(ValueError, match=r"got 1.5 to 1.5"):
        torch.func.grad(total)(logits, x + 1)
    one_by_one = torch.func.vmap(total)(logits[:, None], x[:, None])
    assert one_by_one.tolist() == pytest.approx([2 * np.log(2)] * 3)
    assert objectives.bernoulli_distortion(x.to("meta"), logits.to("meta")).shape == (3,)
    assert torch.compile(total, backend="eager", fullgraph=True)(logits, x) == total(logits, x)


def test_training_does_not_look_at_its_pixels_again(monkeypatch, one_thread):
    """They are those of a `FactorData`; on a GPU every look would wait for it."""
    looked = []
    plain = torch.Tensor.aminmax
    monkeypatch.setattr(
        torch.Tensor, "aminmax", lambda *a, **k: looked.append(1) or plain(*a, **k)
    )
    images = tiny.images()
    fitted = training.fit(tiny.run(), [0], images, hardware=tiny.CPU)
    assert fitted.step == 100
    assert looked == []
    objectives.bernoulli_distortion(images.pixels([0]), torch.zeros(1, 1, 4, 4))
    assert looked == [1]


class Others:
    """Images that say uint8 and are read as something else."""

    def __init__(self, read):
        self.read, self.dtype, self.device = read, torch.uint8, torch.device("cpu")
        self.shape = torch.Size((12, 1, 4, 5))

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return self.read(SHADES[index])

    def to(self, device):
        return self

    def index_select(self, dim, index):
        return self


@pytest.mark.parametrize(
    "read", [lambda x: x / 255, lambda x: x.long(), lambda x: x.squeeze(1), lambda x: x[:1, :, 1:]]
)
def test_images_are_read_as_they_say(read):
    assert some_data(Others(lambda x: x)).pixels([11]).max() == pytest.approx(239 / 255)
    with pytest.raises(ValueError, match=r"toy: expected images that are read as torch\.uint8"):
        some_data(Others(read))


# continuous factors slip through


@pytest.mark.parametrize("kind", [float, np.float32, np.int64, str])
@pytest.mark.parametrize("name", ["mig", "mig_exact", "irs", "disintegration", "dci_boosting"])
def test_a_factor_that_hardly_repeats_a_value_is_continuous(name, kind):
    values = 1000 * np.random.default_rng(0).random(60)
    values[1] = values[0]
    factors = np.column_stack([FACTORS[:, 0], np.round(values) if kind is np.int64 else values])
    with pytest.raises(ValueError, match=r"factor 1 is continuous \(\d\d values in 60 rows\)"):
        score(name, factors=factors.astype(kind))


def test_half_as_many_values_as_rows_are_classes():
    factors = np.repeat(np.arange(30), 2)[:, None]
    assert metrics.mig(factors * 1.0, factors, n_bins=30).value == pytest.approx(1)
    with pytest.raises(ValueError, match="31 values in 60 rows"):
        metrics.mig(factors * 1.0, np.maximum(factors[:, 0], [30] + 59 * [0])[:, None])


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (0.3, 0.1 + 0.2),
        (1 / 3, np.nextafter(1 / 3, 1)),
        (0.1, float(np.float32(0.1))),
        (0.0, np.sin(np.pi)),
        (0.0, 1e-9),
        (-1e-17, 1e-17),
        (2.0, 2 + 1e-9),
        (1e6 + 0.5, 1e6 + 0.5 + 1e-9),
    ],
)
@pytest.mark.parametrize("name", ["mig", "irs", "factor_vae_score"])
def test_floats_that_are_nearly_equal_are_no_two_classes(name, one, two):
    other = 2 * one + 0.75
    levels = np.array([one, other, two])  # the first and the last are one, rounded in two ways
    factors = np.column_stack([FACTORS[:, 0], levels[FACTORS[:, 1] % 3]])
    with pytest.raises(ValueError, match=r"factor 1 has the values .* rounded in two ways: round"):
        score(name, factors=factors)
    rounded = score(name, factors=np.round(factors, 6)).value
    labels = np.column_stack([FACTORS[:, 0], (FACTORS[:, 1] % 3) == 1])
    assert rounded == score(name, factors=labels).value


@pytest.mark.parametrize(
    "values", [[0, 1e-4, 1e2], [1e-8, 1e-7, 1.0], [16_777_215.0, 16_777_216.0, 5.0], [-1, 0, 1e5]]
)
def test_values_of_any_size_that_are_apart_are_classes(values):
    factors = np.array(values)[FACTORS[:, :1]]
    assert metrics.mig(CODE, factors).value == metrics.mig(CODE, FACTORS[:, :1]).value


# missing values become data


def masked(values):
    mask = np.zeros(values.shape, bool)
    mask[7, 0] = True
    return np.ma.array(values, mask=mask)


MISSING = {
    "masked array": masked,
    "list of masked rows": lambda values: list(masked(values)),
    "masked constant": lambda values: [[np.ma.masked, *values[0][1:]], *values[1:].tolist()],
    "nullable frame": lambda values: pd.DataFrame(
        np.where(masked(values).mask, None, values.astype(object))
    ).astype("Float64"),
    "None": lambda values: [[None, *row[1:]] if i == 7 else row
                            for i, row in enumerate(values.tolist())],
    "objects": lambda values: np.where(masked(values).mask, None, values.astype(object)),
    "NaN among objects": lambda values: np.where(
        masked(values).mask, np.nan, values.astype(object)
    ),
    "NaN in a frame": lambda values: pd.DataFrame(masked(values.astype(float)).filled(np.nan)),
}  # fmt: skip


@pytest.mark.parametrize("kind", MISSING)
@pytest.mark.parametrize("name", metrics.METRICS)
def test_missing_values_are_refused_by_every_score(name, kind):
    message = r"missing|masked|NaN"
    with pytest.raises(ValueError, match=message):
        score(name, code=MISSING[kind](CODE))
    if name not in every_score.OF_CODES:
        with pytest.raises(ValueError, match=message):
            score(name, factors=MISSING[kind](FACTORS))


@pytest.mark.filterwarnings("ignore:The PyTorch API of MaskedTensors:UserWarning")
def test_missing_values_are_refused_by_theory_estimators_and_data():
    square = np.eye(10) + 0.1
    for missing in MISSING.values():
        lacking = missing(square)
        for call in (
            lambda table: information.entropy(table, 0),
            interventions.intervene,
            gaussian.total_correlation,
            lambda table: estimators.total_corr_bound(table, square),
            estimators.neighbour_total_corr,
        ):
            with pytest.raises(ValueError, match=r"missing|masked|NaN"):
                call(lacking)
    with pytest.raises(ValueError, match="logvar has 1 values of 100 that are masked"):
        objectives.rtc_penalty(masked(square))
    tensor = masked_tensor(torch.eye(3), torch.eye(3) > 0)
    with pytest.raises(ValueError, match=r"table has 6 values of 9 that are masked"):
        information.entropy(tensor, 0)
    for factors in (np.ma.array(CAUSES, mask=CAUSES == 2), [*CAUSES.tolist()[:-1], [None, 1]]):
        with pytest.raises(ValueError, match=r"toy: factors has \d values of 24 that are m"):
            some_data(factors=factors)
    with pytest.raises(ValueError, match="toy: probabilities has 1 values of 12 that are masked"):
        some_data(probabilities=np.ma.array(np.ones(12), mask=np.arange(12) == 3))
    with pytest.raises(ValueError, match="toy: table has 1 values of 3 that are masked"):
        some_data().weighted(np.ma.array([1, 2, 3], mask=[0, 1, 0]), ["hue"])


@pytest.mark.parametrize("name", metrics.METRICS)
def test_what_is_no_number_is_no_code(name):
    dates, text = CODE.astype(int).astype("datetime64[s]"), CODE.astype(str)
    for bad in (CODE + 0j, dates, text, pd.DataFrame(text), {"a": 1}, None, iter(CODE)):
        with pytest.raises(ValueError, match=r"(codes|mean) must be"):
            score(name, code=bad)


def test_names_are_classes_and_have_no_order():
    words = np.array(["square", "ellipse", "heart", "none", "all"])[FACTORS]
    assert metrics.mig(CODE, words).value == pytest.approx(metrics.mig(CODE, FACTORS).value)
    for name in ("linear_r2", "dci_forest"):
        with pytest.raises(ValueError, match="factors must be an array of numbers, got text"):
            score(name, factors=words)


# what is no index is one


@pytest.mark.parametrize(
    "subset", [[True, False, True], np.array([True, False, True]), [0.0, 2.0], [0, 0], ["a", 0],
               [3], [-1], "ab"],
)  # fmt: skip
def test_a_subset_is_of_names_or_numbers(subset):
    with pytest.raises(ValueError, match="subset"):
        metrics.mig_exact(CODE, LOGVAR, FACTORS, factor_names=("a", "b", "c"), subset=subset)


def test_numbers_of_columns_may_be_numpys():
    exact = metrics.mig_exact(CODE, LOGVAR, FACTORS, subset=np.array([2, 0]))
    known = metrics.mig_exact(CODE, LOGVAR, FACTORS[:, [2, 0]])
    assert exact.value == known.value


@pytest.mark.parametrize(
    "axes", [True, 1.0, 0.5, (True, False), np.array([True, False]), "0", [0.0]]
)
def test_axes_of_tables_are_whole_numbers(axes):
    table = np.arange(1.0, 7).reshape(2, 3)
    for call in (
        lambda: information.entropy(table, axes),
        lambda: information.mutual_information(table, 0, axes),
        lambda: information.total_correlation(table, (0, 1), given=axes),
    ):
        with pytest.raises(ValueError, match="an axis must be a whole number"):
            call()


def test_axes_may_be_numpys_and_tensors():
    table = np.arange(1.0, 7).reshape(2, 3)
    known = information.entropy(table, 1)
    for axis in (np.int64(1), torch.tensor(1), [np.int8(1)], torch.tensor([1]), range(1, 2), -1):
        assert information.entropy(table, axis) == known


@pytest.mark.parametrize("features", [[[True, False], [2]], [[0.0], [1]], [[0.7]], [["a"]]])
def test_axes_of_features_are_whole_numbers(features):
    with pytest.raises(ValueError, match="an axis of features must be a whole number from 0 to 2"):
        metrics.irs(CODE, FACTORS, features=features)


@pytest.mark.parametrize("index", [True, np.True_, None, 1.0, "1", [0.5], [1, None]])
def test_numbers_of_images_are_whole(index):
    toy = some_data()
    packed = data.PackedImages.pack(SHADES)
    for call in (lambda: toy.pixels(index), lambda: toy.batch(index), lambda: packed[index]):
        with pytest.raises(ValueError, match=r"index|number of an image"):
            call()


@pytest.mark.parametrize("factor", [True, 1.0, np.True_, [0], 2, -1, "size"])
def test_factors_are_named_or_numbered(factor):
    with pytest.raises(ValueError, match=r"toy"):
        some_data().factor_index(factor)
    assert some_data().factor_index(np.int64(1)) == some_data().factor_index("turn") == 1


def test_values_that_are_set_are_whole():
    for value in (True, 1.0, "1"):
        with pytest.raises(ValueError, match="value of 'turn' must be a whole number"):
            some_data().holding("turn", 2, seeded(), value=value)
        with pytest.raises(ValueError, match="value on axis 0 must be a whole number from 0 to 1"):
            interventions.do(np.ones((2, 3)), 0, value)
        with pytest.raises(ValueError, match="factor must be a whole number from 0 to 1"):
            interventions.do(np.ones((2, 3)), value, 0)


# an argument nobody looks at


@pytest.mark.parametrize(
    ("chances", "message"),
    [
        (torch.ones(6), r"of shape \(12,\), one an image, got \(6,\)"),
        (torch.ones(12, 1), r"of shape \(12,\)"),
        (np.ones(13), r"of shape \(12,\)"),
        (-np.ones(12), "finite, not negative"),
        (np.zeros(12), "not all 0"),
        ([1.0] * 11 + [float("nan")], "finite"),
        ([1.0] * 11 + [float("inf")], "finite"),
        (1.0, r"of shape \(12,\)"),
    ],
)
def test_chances_are_one_an_image(chances, message):
    with pytest.raises(ValueError, match=f"toy: expected probabilities .*{message}"):
        some_data(probabilities=chances)


def test_chances_may_be_any_array():
    known = some_data(probabilities=torch.arange(12, dtype=torch.float64)).probabilities
    for chances in (range(12), list(range(12)), np.arange(12), pd.Series(range(12))):
        chances = list(chances) if isinstance(chances, range) else chances
        assert torch.equal(some_data(probabilities=chances).probabilities, known)
    with pytest.raises(ValueError, match="ever drawn, got 1 images of chance 0"):
        some_data(probabilities=np.arange(12)).select([0])


@pytest.mark.parametrize("sizes", [(3.7, 4), (True, 4), ("3", 4), (3, None)])
def test_sizes_of_factors_are_whole(sizes):
    with pytest.raises(ValueError, match="toy: a factor's size must be a whole number"):
        some_data(sizes=sizes)
    assert some_data(sizes=np.array([3, 4])).factor_sizes == (3, 4)


def test_names_of_factors_are_words():
    for names in ("ab", (0, 1), ("hue", None)):
        with pytest.raises(ValueError, match="factor"):
            FactorData("toy", SHADES, CAUSES, names, (3, 4), source="made up")


def test_laws_over_images_are_looked_at():
    law = np.ones(4)
    for critic in (np.ones(3), 2 * law, -law, law * np.nan):
        with pytest.raises(ValueError, match="the critic lies between 0 and 1"):
            interventions.adversarial_loss(law, law, law, critic)
    for weights in (law * np.nan, -law, np.ones(3)):
        with pytest.raises(ValueError, match="weights"):
            interventions.best_critic(law, law, weights)
    with pytest.raises(ValueError, match=r"must have one shape, got \(4,\) and \(3,\)"):
        interventions.best_critic(law, law[:3], law[:3])
    with pytest.raises(ValueError, match="not negative, with sum 1"):
        interventions.weights([0.5, 0.5], [[np.nan, 1.0], [0.5, 0.5]])


# nothing there looks like nothing done


def test_a_folder_of_results_that_is_not_there(tmp_path, monkeypatch):
    tiny.register(monkeypatch.setitem)
    absent = re.escape(str(tmp_path / "typo"))
    monkeypatch.setenv(store.ROOT, str(tmp_path / "typo"))
    message = rf"DISENTANGLED_RESULTS names the folder {absent}, which is not"
    for call in (
        lambda: sweeps.rows("tiny", "smoke"),
        lambda: sweeps.statement("tiny", "smoke"),
        lambda: sweeps.complete("tiny", "smoke"),
        listing.listing,
    ):
        with pytest.raises(FileNotFoundError, match=message):
            call()
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    assert sweeps.rows("tiny", "smoke").empty


def test_a_folder_of_data_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "checkout", lambda: tmp_path)
    monkeypatch.setenv(files.ENVIRONMENT, str(tmp_path / "typo"))
    with pytest.raises(FileNotFoundError, match=r"DISENTANGLED_DATA names .*typo, which is not"):
        data.load("dsprites")


# counts without a lower bound


@pytest.mark.parametrize("workers", ["-1", "0", "1.5", "two", "", "²"])
def test_there_is_one_worker_at_least(workers, capsys):
    with pytest.raises(SystemExit) as ended:
        parsed(["beta_tcvae", "smoke", f"--workers={workers}"])
    assert ended.value.code == 2
    assert "--workers: expected a whole number above 0" in capsys.readouterr().err
    assert parsed(["beta_tcvae", "smoke", "--workers", "2"]).workers == 2


@pytest.mark.parametrize("until", ["nan", "inf", "-5", "0"])
def test_a_moment_is_a_moment(until, capsys):
    with pytest.raises(SystemExit) as ended:
        parsed(["beta_tcvae", "smoke", "--worker", f"--until={until}"])
    assert ended.value.code == 2
    assert "--until takes seconds since 1970" in capsys.readouterr().err


@pytest.mark.parametrize("bad", [-1, 0, 1.5, True, "2", float("nan")])
def test_counts_begin_at_one(bad, tiny_home):
    code = Code(*(torch.zeros(4, 2) for _ in range(3)))
    for call in (
        lambda: sweeps.complete("tiny", "smoke", workers=bad),
        lambda: metrics.dci_forest(CODE, FACTORS, n_trees=bad),
        lambda: metrics.dci_forest(CODE, FACTORS, depths=[2, 2, bad]),
        lambda: metrics.dci_forest(CODE, FACTORS, n_eval=bad),
        lambda: metrics.dci_boosting(CODE, FACTORS, n_stages=bad),
        lambda: metrics.dci_boosting(CODE, FACTORS, n_train=bad),
        lambda: gaussian.equicorrelated(bad, 0.5),
        lambda: Hardware(memory=bad),
        lambda: estimators.log_aggregate_posterior(code, n_data=bad, scheme="mws"),
        lambda: estimators.log_batch_weights("mws", bad, 10),
    ):
        with pytest.raises(ValueError, match=r"whole number|needs a batch|smaller than the batch"):
            call()
    if bad != 0:
        with pytest.raises(ValueError, match="number of images drawn must be a whole number"):
            some_data().draw(bad, seeded())


@pytest.mark.parametrize("threshold", [float("nan"), -1, float("inf")])
def test_a_threshold_that_is_none(threshold):
    with pytest.raises(ValueError, match="prune_threshold"):
        metrics.factor_vae_score(CODE, FACTORS, generator=seeded(), prune_threshold=threshold)


@pytest.mark.parametrize("fraction", [float("nan"), float("inf"), -0.5, 1, 0])
def test_a_fraction_that_leaves_nothing(fraction):
    with pytest.raises(ValueError, match="toy: expected a fraction"):
        some_data().split(fraction, seeded())


# float64 tolerances on float32


@pytest.mark.parametrize("n_axes", [2, 10, 40])
@pytest.mark.parametrize("as_it_came", [lambda c: c, lambda c: c.numpy(), lambda c: c.tolist(),
                                        lambda c: c.double()])  # fmt: skip
def test_a_covariance_in_float32_is_one(n_axes, as_it_came):
    x = torch.randn(3_000, n_axes, generator=seeded()) * torch.logspace(-2, 2, n_axes) + 3
    x = x + 0.3 * x[:, :1] / 1e-2
    covariance = torch.cov(x.T)
    # as some products of matrices leave it
    covariance += 1e-7 * covariance.abs().max() * torch.ones(n_axes, n_axes).triu(1)
    known = gaussian.total_correlation(0.5 * (covariance + covariance.T).double())
    assert gaussian.total_correlation(as_it_came(covariance)) == pytest.approx(known, abs=1e-9)


def test_a_covariance_in_float32_may_be_singular():
    x = torch.randn(500, 3, generator=seeded())
    x = torch.column_stack([x, x @ torch.tensor([0.3, -2.0, 0.7])])
    assert gaussian.total_correlation(torch.cov(x.T)) == float("inf")
    with pytest.raises(ValueError, match="noise_covariance is singular"):
        gaussian.prepared(torch.cov(x.T), n_axes=4)
    apart = torch.eye(2) + torch.tensor([[0.0, 0.1], [0.0, 0.0]])
    with pytest.raises(ValueError, match="not symmetric"):
        gaussian.total_correlation(apart)
    with pytest.raises(ValueError, match="negative eigenvalue"):
        gaussian.total_correlation(torch.tensor([[1.0, 1.1], [1.1, 1.0]]))


# declared types not brought to one form


def test_numbers_of_numpy_and_torch_declare_the_same_run():
    run = tiny.run("beta_vae", weights={"beta": 2.0}, learning_rate=0.5)
    same = tiny.run(
        "beta_vae", weights={"beta": np.float32(2)}, learning_rate=np.float32(0.5),
        batch=np.int32(run.batch), steps=torch.tensor(run.steps), n_axes=np.int64(run.n_axes),
    )  # fmt: skip
    for seed in (3, np.int64(3), torch.tensor(3), np.uint8(3)):
        assert same.id(seed) == run.id(3)
    assert tiny.run(learning_rate=1).id(0) == tiny.run(learning_rate=1.0).id(0)
    for seed in (True, 1.0, -1, "1", None):
        with pytest.raises(ValueError, match="a seed must be a whole number of at least 0"):
            run.id(seed)
        with pytest.raises(ValueError, match="a seed must be a whole number of at least 0"):
            training.fit(run, [seed], tiny.images())
    with pytest.raises(ValueError, match="batch must be a whole number, got True"):
        tiny.run(batch=True)
    assert Hardware("cpu").device == torch.device("cpu")
    assert data.load("cmnist_digits", size=np.int64(8)).images.shape[-1] == 8


# torch's default dtype


def test_training_is_in_float32_whatever_the_default(one_thread):
    run, images = tiny.run("factor_vae"), tiny.images()
    known = training.fit(run, [0, 1], images, hardware=tiny.CPU)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        found = training.fit(run, np.arange(2), images, hardware=tiny.CPU)
        encoded = found.encode(images)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(before)
    for role, tensors in known.params.items():
        for name, tensor in tensors.items():
            assert found.params[role][name].dtype == torch.float32
            assert torch.equal(found.params[role][name], tensor)
    assert all(torch.equal(a, b) for a, b in zip(encoded, known.encode(images), strict=True))


# at the edge of float64


@pytest.mark.parametrize("logvar", [-80.0, -300.0, -2_000.0, 301.0, 2_000.0])
def test_noise_that_float64_cannot_hold(logvar):
    message = r"scale must be|logvar must lie between -300 and 300"
    with pytest.raises(ValueError, match=message):
        metrics.mig_exact(CODE, np.full(CODE.shape, logvar), FACTORS)
    if abs(logvar) > 300:
        with pytest.raises(ValueError, match=message):
            linear_maps.unit_noise(np.full(CODE.shape, logvar))


def test_little_noise_is_right():
    """At a standard deviation of e^-20 the axes tell all three factors."""
    exact = metrics.mig_exact(codes.identity(FACTORS), np.full(CODE.shape, -40.0), FACTORS)
    assert exact.value == pytest.approx(1, abs=1e-3)


def test_sums_and_squares_beyond_float64():
    assert information.entropy([1e308, 1e308], 0) == pytest.approx(np.log(2))
    assert information.entropy([5e-324, 5e-324], 0) == pytest.approx(np.log(2))
    kl = gaussian.kl_to_prior([[0.0]], [[1e-200]])
    assert float(kl) == pytest.approx(200 * np.log(10) - 0.5)
    x = np.random.default_rng(0).normal(size=(50, 2)) @ [[1, 0.5], [0, 1]]
    known = gaussian.total_correlation_of_samples(x)
    for size in (1e200, 1e-200, 1e150):
        assert gaussian.total_correlation_of_samples(size * x) == pytest.approx(known)


# every OSError is damage


@pytest.fixture
def images_file(tmp_path):
    path = tmp_path / "images.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.full((3, 1, 2, 2), 200, np.uint8)
    return path


def test_a_file_that_another_process_writes_is_locked(images_file):
    writes = "import sys, h5py; f = h5py.File(sys.argv[1], 'r+'); print(1, flush=True); input()"
    command = [sys.executable, "-c", writes, images_file]
    environment = os.environ | {"HDF5_USE_FILE_LOCKING": "TRUE"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        process.stdout.readline()
        with pytest.raises(BlockingIOError, match=r"images.h5 is there and was not read.*lock"):
            Hdf5Images(images_file, "images")
        process.communicate(b"\n")
    assert Hdf5Images(images_file, "images")[:].max() == 200


def test_what_the_system_refuses_is_no_damage(images_file, monkeypatch):
    """Root reads everything, so that the refusal is played."""

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "unable to open file: Permission denied")

    monkeypatch.setattr(h5py, "File", refuse)
    message = r"Permission denied: .*images.h5 is there and was not read.*permissions"
    with pytest.raises(PermissionError, match=message):
        Hdf5Images(images_file, "images")
    with pytest.raises(PermissionError, match=message):
        shapes3d._labels(images_file, (3, 6))
    with pytest.raises(PermissionError, match=message):
        next(dsprites._official_hdf5(images_file))


def test_damage_is_damage(images_file):
    images_file.write_bytes(images_file.read_bytes()[:900])
    with pytest.raises(ValueError, match=r"images.h5: expected an HDF5 file, got a damaged"):
        Hdf5Images(images_file, "images")


# printing in a narrow encoding


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
@pytest.mark.parametrize("module", ["disentangled", "disentangled.data"])
def test_commands_print_in_any_encoding(encoding, module, tmp_path):
    command = [sys.executable, "-m", module, "--help"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, store.ROOT: str(tmp_path)}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert b"usage" in done.stdout


# continuous where it is allowed


def test_r2_takes_continuous_factors():
    factors = np.random.default_rng(0).random((500, 2))
    score = metrics.sap(factors * [2, -3] + 1, factors, kind="r2")
    correlation = np.corrcoef(factors.T)[0, 1]
    assert score.value == pytest.approx(1 - correlation**2)
    for kind in ("classifier", "logistic"):
        with pytest.raises(ValueError, match="factor 0 is continuous"):
            metrics.sap(factors, factors, kind=kind)


# names of parameters


@pytest.mark.parametrize(
    ("cell", "name"),
    [("_hidden = 1", "_hidden"), ('claims = "x"', "claims"), ("profil = 'smoke'", "profil"),
     ("plt = None", "plt"), ("_1x = [1, 2]", "_1x"), ("a = b = -1", "a, b")],
)  # fmt: skip
def test_a_parameter_that_an_import_takes_is_unknown_too(cell, name):
    cells = ["", 'profile = "smoke"', f"# Parameters\n{cell}\n", "import ...; chapter.start(...)"]
    shell = {"In": cells, "Out": {}, "_ih": cells, "_": "", "__": "", "_i": "", "_i2": cell,
             "_dh": [], "__name__": "__main__", "profile": "smoke", "_exit_code": 0}  # fmt: skip
    with pytest.raises(ValueError, match=f"unknown parameter {name}; chapter x takes profile"):
        chapter.start("x", shell)
    shell["In"] = [*cells[:2], '%magic\nprofile = "laptop"', cells[3]]
    assert chapter.start("x", shell).profile == "smoke"


@pytest.mark.parametrize("name", ["_hidden", "claims", "_x1"])
def test_a_parameter_of_any_name_is_looked_at(name):
    with pytest.raises(ValueError, match=f"unknown parameter {name}; chapter x takes profile"):
        chapter.start("x", {"profile": "smoke", name: 1})
