"""Scores of models made by hand, whose numbers are known."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from torch import nn

from disentangled import data as datasets
from disentangled import gaussian, metrics, scoring, tables
from disentangled.data import FactorData
from disentangled.scoring.elsewhere import elsewhere
from disentangled.scoring.pictures import RECONSTRUCTED, SAMPLED, TRAVERSAL
from disentangled.scoring.tc_mean_sample import telling
from disentangled.training import Fitted

SD = 0.01
FACTORS = torch.cartesian_prod(*[torch.arange(4)] * 3)
# Images of three pixels; each shows one factor, 0 to 255 in steps of 85.
DATA = FactorData("pixels", (85 * FACTORS).to(torch.uint8).view(64, 1, 1, 3), FACTORS,
                  ("shape", "row", "column"), (4, 4, 4), source="made up",
                  nuisances=("shape",), unordered=("shape",))  # fmt: skip

NATS = {"elbo", "distortion", "kl", "mutual_info", "total_corr", "axis_kl", "best_mutual_info",
        "gaussian_tc", "axis_info", "conditional_tc"}  # fmt: skip


class Encoder(nn.Module):
    """Posterior means that are the pixels times `scale`, and one log-variance for all."""

    def __init__(self, scale, logvar):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.logvar = nn.Parameter(torch.tensor(logvar))

    def forward(self, x):
        mean = self.scale * (2 * x.flatten(1) - 1)
        return mean, self.logvar.expand_as(mean)


class Decoder(nn.Module):
    """Logits that are `slope` times the code."""

    def __init__(self, slope):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, z):
        return (self.slope * z).view(-1, 1, 1, 3)


def model(scale, logvar, slope=0.0, pixel_area=1, sigma=0.0):
    nets = {"encoder": Encoder(scale, logvar), "decoder": Decoder(slope)}
    params = {
        name: {k: v.detach()[None] for k, v in net.named_parameters()}
        for name, net in nets.items()
    }
    run = tiny.run(pixel_area=pixel_area, noise_correlation=sigma)
    return Fitted(run, (0,), 100, params, {}, {}, 0.0, nets)


MAIN = ("elbo", "mig_exact")
FURTHER = ("mig", "supervised", "gaussian_tc")


def numbers_of(names, fitted, data=DATA, code=None):
    """The numbers of scores by their names, in one list."""
    code = code or scoring.encoded(fitted, data)
    taken = scoring.taken(names, fitted, data, code)
    return [number for scored in taken.values() for number in scored.numbers]


def pictures_of(fitted):
    code = scoring.encoded(fitted, DATA)
    drawn = [p.take(fitted, DATA, code) for p in scoring.PICTURES.values()]
    return {name: picture for pictures in drawn for name, picture in pictures.items()}


def scores(fitted, names=MAIN):
    """Values by quantity, and by (quantity, factors)."""
    numbers = numbers_of(names, fitted)
    assert {number["step"] for number in numbers} == {100}
    named = {(n["quantity"], n["factors"]): n["value"] for n in numbers}
    return {n["quantity"]: n["value"] for n in numbers} | named


def test_identity():
    """Every axis holds one factor: an independent grid, far apart against the noise."""
    found = scores(model(1.0, 2 * math.log(SD)))
    grid = torch.tensor([-1, -1 / 3, 1 / 3, 1], dtype=torch.float64)
    # closed form: (mean² + σ² - 1 - log σ²) / 2 on each of three axes
    kl = 3 * 0.5 * (float((grid**2).mean()) + SD**2 - 1 - 2 * math.log(SD))
    assert found["kl"] == pytest.approx(kl, abs=1e-5)
    assert found["distortion"] == pytest.approx(3 * math.log(2), abs=1e-6)
    assert found["elbo"] == pytest.approx(-3 * math.log(2) - kl, abs=1e-5)
    assert found["mutual_info"] == pytest.approx(math.log(64), abs=1e-3)
    assert found["total_corr"] == pytest.approx(0, abs=1e-3)
    assert found["axis_kl"] == pytest.approx(kl - math.log(64), abs=1e-3)
    assert found["axis_info"] == pytest.approx(3 * math.log(4), abs=1e-3)
    assert found["conditional_tc"] == 0
    assert found["mig_exact", "row column"] == pytest.approx(1, abs=1e-3)
    for factor in ("row", "column"):
        assert found["mig_gap", factor] == pytest.approx(1, abs=1e-3)
        assert found["best_mutual_info", factor] == pytest.approx(math.log(4), abs=1e-3)
    assert ("mig_gap", "shape") not in found


def test_the_distortion_alone_is_that_of_the_elbo():
    fitted = model(1.0, 2 * math.log(SD))
    (alone,) = numbers_of(("distortion",), fitted)
    assert alone in numbers_of(("elbo",), fitted)
    assert alone["value"] == pytest.approx(3 * math.log(2), abs=1e-6)


def test_correlated_noise():
    """Far apart on the grid the noise is conditional only: TC(z) is that of the noise, the
    information that of the grid."""
    found = scores(model(1.0, 2 * math.log(SD), sigma=0.6))
    of_noise = -0.5 * math.log(0.4 * 0.4 * 2.2)  # eigenvalues of the noise's covariance
    independent = scores(model(1.0, 2 * math.log(SD)))
    assert found["conditional_tc"] == pytest.approx(of_noise, rel=1e-9)
    assert found["kl"] == pytest.approx(independent["kl"] + of_noise, abs=1e-5)
    assert found["mutual_info"] == pytest.approx(math.log(64), abs=1e-3)
    assert found["axis_info"] == pytest.approx(3 * math.log(4), abs=1e-3)
    assert found["total_corr"] == pytest.approx(of_noise, abs=2e-3)
    assert found["mig_exact"] == pytest.approx(independent["mig_exact"], abs=1e-9)
    deviation = scoring.encoded(model(1.0, 0.0, sigma=0.9), DATA)
    noise = (deviation.z - deviation.mean).double()
    assert float(torch.corrcoef(noise.T)[0, 1]) == pytest.approx(0.9, abs=0.1)


def test_a_regression_on_mere_names_is_not_asked_for():
    names = ("category", "row", "column")
    data = FactorData("named", DATA.images, FACTORS, names, (4, 4, 4), source="made up",
                      unordered=("category",))  # fmt: skip
    fitted = model(1.0, 2 * math.log(SD))
    numbers = numbers_of(FURTHER, fitted, data)
    assert [n["factors"] for n in numbers if n["quantity"] == "decoded_r2"] == ["row", "column"]
    # no nuisance among them: one binned gap, of all factors
    assert [n["factors"] for n in numbers if n["quantity"] == "mig"] == ["category row column"]


def test_maps_of_a_code_that_only_the_noise_has_mixed():
    """Means on a grid that the root of the noise's covariance has mixed: undoing it brings every
    factor back to its own axis; as it is, the code tells less."""
    fitted = model(1.0, 2 * math.log(SD), sigma=0.9)
    values, vectors = torch.linalg.eigh(fitted.run.noise_covariance())
    root = (vectors * values.sqrt()) @ vectors.T
    code = scoring.encoded(fitted, DATA)
    mixed = code._replace(mean=code.mean @ root.float(), z=code.z @ root.float())
    found = {
        (n["quantity"], n["estimator"], n["code"], n["factors"]): n["value"]
        for n in numbers_of(["mapped"], fitted, code=mixed)
    }
    gaps = {key[1]: v for key, v in found.items() if key[0] == "mapped_mig" and key[2] == "mean"}
    assert set(gaps) == {
        f"20 bins, {name}"
        for name in ("as it is", "unit noise", "independent noise", "ICA", "best rotation found")
    }
    # the half that is judged is no whole grid: even the factors themselves are below 1 there
    half = torch.randperm(64, generator=torch.Generator().manual_seed(scoring.SCORE_SEED))[32:]
    perfect = metrics.mig(FACTORS[half], FACTORS[half]).value
    assert gaps["20 bins, independent noise"] == pytest.approx(perfect, abs=1e-9)
    assert gaps["20 bins, as it is"] == gaps["20 bins, unit noise"] < 0.7
    assert found["probe_r2", "least squares", "mean", "row"] == pytest.approx(1, abs=1e-6)
    assert ("probe_r2", "least squares", "mean", "shape") not in found


def test_collapsed():
    """Every posterior is the prior: nothing is known, nothing is paid."""
    found = scores(model(0.0, 0.0))
    assert found["elbo"] == pytest.approx(-3 * math.log(2), abs=1e-6)
    for quantity in ("kl", "mutual_info", "total_corr", "axis_kl"):
        assert found[quantity] == pytest.approx(0, abs=2e-4)
    assert found["mig_exact"] == pytest.approx(0, abs=1e-4)
    assert found["best_mutual_info"] == pytest.approx(0, abs=1e-4)


def test_distortion_is_that_of_the_sampled_codes():
    fitted = model(1.0, 0.0, slope=2.0, pixel_area=16)
    code = scoring.encoded(fitted, DATA)
    again = scoring.encoded(fitted, DATA)
    assert torch.equal(code.z, again.z)  # the same noise for every model
    x = DATA.pixels(torch.arange(64)).view(64, 3).double()
    z = code.z.double()
    nats = torch.log1p(torch.exp(2 * z)) - 2 * x * z
    found = scores(fitted)
    assert found["distortion"] == pytest.approx(16 * float(nats.sum(1).mean()), rel=1e-6)
    assert found["elbo"] == pytest.approx(-found["distortion"] - found["kl"], abs=1e-9)
    deviation = code.z - code.mean
    assert float(deviation.std()) == pytest.approx(1, abs=0.2)


def test_further_scores_of_the_identity():
    found = scores(model(1.0, 2 * math.log(SD)), FURTHER)
    assert found["mig", "shape row column"] == pytest.approx(1, abs=1e-9)
    assert found["mig", "row column"] == pytest.approx(1, abs=1e-9)
    assert found["beta_vae_score"] == 1
    assert found["factor_vae_score"] == 1
    assert found["gaussian_tc"] == pytest.approx(0, abs=1e-3)


def gaussian_code(n=20_000):
    """Two axes of correlation 0.9, one that follows the first at a thousandth, and their noise.

    The third tells nothing and has the noise that RTC-VAE gives it at η = 10, of variance 1/21.
    """
    g = torch.Generator().manual_seed(0)
    first, second, *noise = torch.randn(5, n, generator=g, dtype=torch.float64)
    second = 0.9 * first + math.sqrt(1 - 0.81) * second
    mean = torch.stack([first, second, first / 1000], 1)
    sd = torch.tensor([0.5, 0.5, math.sqrt(1 / 21)], dtype=torch.float64)
    z = mean + sd * torch.stack(noise, 1)
    return scoring.Encoded(mean, 2 * sd.log().expand(n, -1), z)


def test_total_correlation_of_means_and_samples():
    """Closed forms of Gaussians: -log(1 - ρ²) / 2 of means, ρ = 0.9 / 1.25 of samples."""
    pictures = torch.zeros(20_000, 1, 1, 1, dtype=torch.uint8)
    nameless = FactorData("nameless", pictures, torch.zeros(20_000, 0, dtype=torch.int64), (), (),
                          source="made up")  # fmt: skip
    names = ["gaussian_tc", "tc_mean_sample"]
    numbers = numbers_of(names, model(1.0, 0.0), nameless, gaussian_code())
    found = {(n["quantity"], n["code"]): n["value"] for n in numbers}
    of_means, of_samples = (-0.5 * math.log(1 - rho**2) for rho in (0.9, 0.9 / 1.25))
    assert found["gaussian_tc", "mean"] == math.inf
    assert found["gaussian_tc", "sample"] == pytest.approx(of_samples, abs=0.01)
    assert found["gaussian_tc_active", "mean"] == pytest.approx(of_means, abs=0.025)
    for quantity in ("neighbour_tc", "tree_tc"):
        assert found[quantity, "sample"] == pytest.approx(of_samples, abs=0.05)
        assert found[f"{quantity}_active", "mean"] == pytest.approx(of_means, abs=0.05)
        assert (
            of_means + 4 < found[quantity, "mean"] < math.inf
        )  # an axis twice: finite, and large
    assert {n["code"] for n in numbers} == {"mean", "sample"}
    assert all(n["estimator"] and n["unit"] == "nats" for n in numbers)


def test_an_axis_that_tells_nothing_costs_a_nat_of_kl_under_paper_ds_penalty():
    """So that activity by KL, as `mig_active` has it, would keep it: here it is left out."""
    code = gaussian_code()
    kl = gaussian.kl_standard(code.mean, code.logvar).mean(0)
    assert float(kl[2]) == pytest.approx(0.5 * (1 / 21 - 1 + math.log(21)), abs=1e-5)
    assert (telling(code) != 0).any(0).tolist() == [True, True, False]


def test_sap_by_both_scales():
    numbers = numbers_of(["sap"], model(1.0, 2 * math.log(SD)))
    found = {(n["quantity"], n["factors"]): n["value"] for n in numbers}
    assert set(found) == {("sap_r2", "row column"), ("sap_classifier", "shape row column")}
    assert found["sap_r2", "row column"] == pytest.approx(1, abs=1e-9)
    # of four values in order a linear machine tells the outer two, on rows that it has not seen
    assert found["sap_classifier", "shape row column"] < 0.6
    names = FactorData("names", DATA.images, FACTORS, DATA.factor_names, (4, 4, 4), source="own",
                       unordered=DATA.factor_names)  # fmt: skip
    only = numbers_of(["sap"], model(1.0, 2 * math.log(SD)), names)
    assert [n["quantity"] for n in only] == ["sap_classifier"]


def test_sap_of_names_and_of_numbers():
    """Shape by classifiers, the rest by correlations; on data without names by these alone."""
    fitted = model(1.0, 2 * math.log(SD))
    (found,) = numbers_of(["sap_mixed"], fitted)
    assert found["factors"] == "shape row column"
    mean = scoring.encoded(fitted, DATA).mean
    gap = metrics.sap(
        mean, FACTORS[:, :1], kind="logistic",
        generator=torch.Generator().manual_seed(scoring.SCORE_SEED),
    ).value  # fmt: skip
    assert found["value"] == pytest.approx((gap + 2) / 3)
    (ordered,) = numbers_of(["sap_mixed"], fitted, of_names())
    assert ordered["value"] == pytest.approx(1)
    (named,) = numbers_of(["sap_mixed"], fitted, of_names(*DATA.factor_names))
    assert named["value"] < 1


def of_names(*unordered):
    """The data, with these factors as mere names."""
    return FactorData("names", DATA.images, FACTORS, DATA.factor_names, (4, 4, 4), source="own",
                      unordered=unordered)  # fmt: skip


@pytest.mark.parametrize("name", ["dci_forest", "dci_boosting"])
def test_dci_of_a_code_and_of_its_rotation(name):
    fitted = model(1.0, 2 * math.log(SD))
    found = {n["quantity"]: n["value"] for n in numbers_of([name], fitted)}
    known = dict.fromkeys([name, f"{name}_completeness", f"{name}_informativeness"], 1)
    assert found == pytest.approx(known, abs=0.05)
    axes = FACTORS.float()
    turned = torch.stack([axes[:, 0] + axes[:, 1], axes[:, 0] - axes[:, 1], axes[:, 2]], 1)
    code = scoring.Encoded(turned, torch.zeros_like(turned), turned)
    worse = {n["quantity"]: n["value"] for n in numbers_of([name], fitted, code=code)}
    assert worse[name] < 0.7
    assert worse[f"{name}_completeness"] < 0.7


def test_forests_of_dsprites_have_the_printed_depths():
    sizes = (3, 2, 4, 3, 2)
    names = ("shape", "scale", "orientation", "position_x", "position_y")
    factors = torch.cartesian_prod(*map(torch.arange, sizes))
    generator = torch.Generator().manual_seed(0)
    mean = factors + 0.7 * torch.randn(factors.shape, generator=generator)
    code = scoring.Encoded(mean, torch.zeros_like(mean), mean)
    images = torch.zeros(len(factors), 1, 1, 1, dtype=torch.uint8)
    fitted = model(1.0, 0.0)

    def score(order):
        data = FactorData("sprites", images, factors[:, order], [names[k] for k in order],
                          [sizes[k] for k in order], source="own")  # fmt: skip
        numbers = numbers_of(["dci_forest"], fitted, data, code)
        return numbers[0]["estimator"], numbers[0]["value"]

    for order, depths in (([0, 1, 2, 3, 4], [4, 2, 4, 2, 2]), ([2, 1, 4, 3, 0], [4, 2, 2, 2, 4])):
        known = metrics.dci_forest(
            mean, factors[:, order], depths=depths,
            generator=torch.Generator().manual_seed(scoring.SCORE_SEED),
        ).value  # fmt: skip
        assert score(order) == ("random forests, printed depths", known)
    assert numbers_of(["dci_forest"], fitted)[0]["estimator"] == (
        "random forests, cross-validated depths"
    )


def test_irs_by_both_ways_to_take_the_largest():
    numbers = numbers_of(["irs"], model(1.0, 2 * math.log(SD)))
    found = {n["quantity"]: n["value"] for n in numbers}
    assert found == pytest.approx({"irs_maximum": 1, "irs_quantile": 1})
    mean = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    code = scoring.Encoded(mean, torch.zeros_like(mean), mean)
    maximum, quantile = numbers_of(["irs"], model(1.0, 0.0), code=code)
    assert maximum["value"] == metrics.irs(mean, FACTORS).value
    assert quantile["value"] == metrics.irs(mean, FACTORS, quantile=0.99).value
    assert maximum["value"] < quantile["value"]


def test_disintegration_counts_the_axes_of_a_factor():
    """Row on axes 0 and 1, column on axis 2; shape, a nuisance, is not asked for."""
    values = FACTORS.float()
    mean = torch.stack([values[:, 1], -values[:, 1], values[:, 2]], 1)
    code = scoring.Encoded(mean, torch.full_like(mean, -9.0), mean)
    numbers = numbers_of(["disintegration"], model(1.0, 0.0), code=code)
    found = {(n["quantity"], n["code"], n["factors"]): n["value"] for n in numbers}
    for kind in ("mean", "sample"):
        assert found["disintegration", kind, "row column"] == pytest.approx(1.5)
        assert found["axes_of_factor", kind, "row"] == pytest.approx(2)
        assert found["axes_of_factor", kind, "column"] == pytest.approx(1)
    assert {n["unit"] for n in numbers} == {"axes"}


def test_the_numbers_of_papers_b_and_d_have_columns_of_their_own():
    """Every number of a run and step goes into one column, without a pick."""
    common = {"objective": "vae", "weights": "{}", "encoder": "mlp_64", "noise": "independent",
              "dataset": "pixels", "source": "made up", "seed": 0, "run_id": "r",
              "profile": "smoke"}  # fmt: skip
    names = ["elbo", "mig_exact", "mig", "gaussian_tc", "tc_mean_sample", "sap", "disintegration",
             "sap_mixed", "dci_forest", "dci_boosting", "irs"]  # fmt: skip
    rows = pd.DataFrame([common | n for n in numbers_of(names, model(1.0, 2 * math.log(SD)))])
    (line,) = tables.per_run(rows).to_dict("records")
    assert line["sap_r2"] == pytest.approx(1)
    assert line["disintegration_mean"] == line["disintegration_sample"] == pytest.approx(1)
    assert line["gaussian_tc_active"] == pytest.approx(line["gaussian_tc_mean"])
    assert line["neighbour_tc_active"] == line["neighbour_tc_mean"]
    assert line["tree_tc_active"] == line["tree_tc_mean"]
    assert "axes_of_factor" not in line


def test_numbers_name_their_estimator_code_and_factors():
    fitted = model(1.0, 2 * math.log(SD))
    numbers = numbers_of(MAIN + FURTHER, fitted)
    keys = [(n["quantity"], n["code"], n["factors"]) for n in numbers]
    assert len(set(keys)) == len(keys)
    for number in numbers:
        assert number["estimator"]
        if "mig" in number["quantity"]:
            assert number["factors"]
            assert number["code"] in ("mean", "sample")
        assert number["unit"] == ("nats" if number["quantity"] in NATS else "1")


def test_traversals_move_one_axis_of_the_image_in_the_middle():
    fitted = model(1.0, 0.0, slope=1.0)
    moving = pictures_of(fitted)["traversals"]
    assert (moving.shape, moving.dtype) == ((3, 9, 1, 1, 3), np.uint8)
    start = np.full(3, -1 / 3)  # factors 1, 1, 1 of 0 to 3: the first of the nearest to 1.5
    for axis in range(3):
        for place, value in enumerate(TRAVERSAL):
            moved = start.copy()
            moved[axis] = value
            expected = np.round(255 / (1 + np.exp(-moved)))
            assert np.abs(moving[axis, place, 0, 0].astype(int) - expected).max() <= 1


def test_samples_are_decoded_of_codes_from_the_prior():
    """The decoder gives every axis a pixel, white where the code is above 0."""
    samples = pictures_of(model(1.0, 0.0, slope=1000.0))["samples"]
    assert (samples.shape, samples.dtype) == ((SAMPLED, 1, 1, 3), np.uint8)
    drawn = torch.randn(SAMPLED, 3, generator=torch.Generator().manual_seed(scoring.SCORE_SEED))
    far = drawn.abs().numpy() > 0.01
    np.testing.assert_array_equal(samples[:, 0, 0][far], 255 * (drawn.numpy() > 0)[far])


def test_reconstructions_stand_beside_their_originals():
    fitted = model(1.0, 0.0, slope=100.0)  # decodes the means -1, -1/3, 1/3, 1 to 0, 0, 1, 1
    pictures = pictures_of(fitted)
    originals, decoded = pictures["originals"], pictures["reconstructions"]
    assert originals.shape == decoded.shape == (RECONSTRUCTED, 1, 1, 3)
    assert originals.dtype == decoded.dtype == np.uint8
    assert len(np.unique(originals, axis=0)) == RECONSTRUCTED
    assert np.array_equal(decoded, np.where(originals > 127, 255, 0))


def test_scores_elsewhere_are_those_of_the_other_images(monkeypatch):
    """Of images half as bright the grid of means is known, and so are the scores."""
    dark = FactorData("dark", DATA.images[:] // 2, FACTORS, DATA.factor_names, DATA.factor_sizes,
                      source="made up")  # fmt: skip
    monkeypatch.setattr(datasets, "load", lambda name, size: {"dark": dark}[name])
    fitted = model(1.0, 2 * math.log(SD))
    numbers = elsewhere(fitted, DATA, scoring.encoded(fitted, DATA), dataset="dark")
    found = {n["quantity"]: n for n in numbers}
    assert set(found) == {"elbo_elsewhere", "total_corr_elsewhere", "mig_exact_elsewhere"}
    assert all(n["estimator"].endswith(", on dark") for n in numbers)
    # pixels of 0, 42, 85 and 127: halves of 0, 85, 170 and 255, rounded down
    grid = 2 * torch.tensor([0, 42, 85, 127], dtype=torch.float64) / 255 - 1
    kl = 3 * 0.5 * (float((grid**2).mean()) + SD**2 - 1 - 2 * math.log(SD))
    assert found["elbo_elsewhere"]["value"] == pytest.approx(-3 * math.log(2) - kl, abs=1e-5)
    assert found["total_corr_elsewhere"]["value"] == pytest.approx(0, abs=1e-3)
    assert found["mig_exact_elsewhere"]["value"] == pytest.approx(1, abs=1e-3)


def test_scores_elsewhere_need_the_same_factors(monkeypatch):
    turned = FactorData("turned", DATA.images[:], FACTORS.flip(0), DATA.factor_names,
                        DATA.factor_sizes, source="made up")  # fmt: skip
    monkeypatch.setattr(datasets, "load", lambda name, size: turned)
    fitted = model(1.0, 2 * math.log(SD))
    code = scoring.encoded(fitted, DATA)
    with pytest.raises(ValueError, match="turned must list the factors of pixels image by image"):
        elsewhere(fitted, DATA, code, dataset="turned")


def test_scores_read_features_of_several_axes():
    """Four axes in two features, each of which shows one factor twice: the scores of the code of
    two axes that they were made of; axis by axis no factor would have a gap."""
    factors = torch.cartesian_prod(*[torch.arange(4)] * 2).repeat(40, 1)
    data = FactorData("squares", torch.zeros(640, 1, 1, 1, dtype=torch.uint8), factors,
                      ("name", "row"), (4, 4), source="made up", unordered=("name",))  # fmt: skip
    mean = factors[:, [0, 0, 1, 1]].float() * torch.tensor([1.0, -2.0, 1.0, 3.0])
    code = scoring.Encoded(mean, torch.full_like(mean, -9.0), mean)
    fitted = model(1.0, 0.0)

    def of(n_axes, axes_per_feature, names):
        run = tiny.run("factor_vae", n_axes=n_axes, axes_per_feature=axes_per_feature)
        found = scoring.taken(names, dataclasses.replace(fitted, run=run), data, code)
        return {line["quantity"]: line["value"] for s in found.values() for line in s.numbers}

    names = ("dci_forest", "dci_boosting", "irs", "sap_mixed", "sap_logistic")
    features, axes = of(4, 2, names), of(4, 1, names)
    assert features["dci_forest"] == pytest.approx(1.0, abs=1e-6)
    assert features["dci_forest_completeness"] == pytest.approx(1.0, abs=1e-6)
    assert axes["dci_forest_completeness"] < 0.8
    assert features["dci_boosting_completeness"] == pytest.approx(1.0, abs=1e-6)
    assert features["irs_maximum"] == pytest.approx(1.0)
    # least squares tell the row, and no other feature does; names at 1 less chance, 1 / 4
    assert features["sap_logistic"] == pytest.approx(0.75, abs=0.08)
    assert features["sap_mixed"] == pytest.approx(0.875, abs=0.04)
    assert axes["sap_logistic"] == axes["sap_mixed"] == pytest.approx(0.0, abs=0.02)


def test_translation_of_a_decoder_whose_axes_show_apart():
    """Each axis has quarters of the image of its own; one that does nothing asks for nothing."""
    rows = torch.arange(8)
    images = (85 * FACTORS[:, rows // 3]).to(torch.uint8).view(64, 1, 8, 1).expand(-1, -1, -1, 8)
    data = FactorData("bars", images.contiguous(), FACTORS, DATA.factor_names, (4, 4, 4),
                      source="made up")  # fmt: skip

    class Bars(Decoder):
        def forward(self, z):
            return (self.slope * z)[:, rows // 3].view(-1, 1, 8, 1).expand(-1, -1, -1, 8)

    def found(slope):
        fitted = model(1.0, 2 * math.log(SD))
        nets = {**fitted.templates, "decoder": Bars(slope)}
        params = {**fitted.params, "decoder": {"slope": torch.tensor([slope])}}
        fitted = dataclasses.replace(fitted, templates=nets, params=params)
        mean = 2 * FACTORS / 3 - 1
        code = scoring.Encoded(mean, torch.zeros_like(mean), mean)
        return {n["quantity"]: n for n in numbers_of(["translation"], fitted, data, code)}

    shown, blind = found(2.0), found(0.0)
    assert 0 < shown["translation_difficulty"]["value"] < 1
    p = torch.sigmoid(2 * torch.tensor([-1, -1 / 3, 1 / 3, 1], dtype=torch.float64))
    floor = 64 * float((-p * p.log() - (1 - p) * (1 - p).log()).mean())
    assert shown["translation_floor"]["value"] == pytest.approx(floor, rel=0.1)
    assert shown["translation_loss"]["value"] > shown["translation_floor"]["value"]
    assert shown["translation_loss"]["unit"] == "nats"
    assert math.isnan(blind["translation_difficulty"]["value"])
    assert blind["translation_floor"]["value"] == pytest.approx(64 * math.log(2), rel=1e-5)


def test_neighbours_are_the_nearest_on_each_feature():
    """64 images of three factors, each an axis: on the feature of the second axis 16 images share
    a code, and those of the smallest places come first after the image itself."""
    mean = FACTORS.double() + torch.arange(64)[:, None] * 1e-6
    code = scoring.Encoded(mean, torch.zeros(64, 3), mean)
    found = scoring.PICTURES["neighbours"].take(model(1.0, 0.0), DATA, code)
    pictures, places = found["neighbours"], found["neighbour_index"]
    assert pictures.shape == (4, 3, 4, 1, 1, 3)
    assert places.shape == (4, 3, 4)
    asked = places[:, :, 0]
    assert (asked == asked[:, :1]).all()
    for query in range(4):
        for axis in range(3):
            ours, *others = places[query, axis]
            distance = (mean[:, axis] - mean[ours, axis]).abs()
            nearest = [i for i in distance.argsort(stable=True).tolist() if i != ours][:3]
            assert distance[others].tolist() == pytest.approx(distance[nearest].tolist(), 1e-6)
            assert (FACTORS[others, axis] == FACTORS[ours, axis]).all()
            shown = DATA.pixels(torch.tensor([ours, *others]))
            assert np.array_equal(pictures[query, axis], (255 * shown).round().numpy())
    run = tiny.run("factor_vae", n_axes=4, axes_per_feature=2)
    wide = torch.cat([mean, mean[:, :1]], 1)
    of_two = scoring.PICTURES["neighbours"].take(
        dataclasses.replace(model(1.0, 0.0), run=run), DATA, scoring.Encoded(wide, wide, wide)
    )
    assert of_two["neighbours"].shape[1] == 2
