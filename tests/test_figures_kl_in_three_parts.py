"""Figures of the chapter kl_in_three_parts: closed forms, and a small table of known runs."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.patches import Ellipse

from disentangled import estimators, gaussian, store, tables
from disentangled.figures import kl_in_three_parts as figures
from disentangled.figures import style

VARIANCES = torch.tensor([16.0, 4.0], dtype=torch.float64)


@pytest.fixture
def turn():
    """A rotation by 30 degrees."""
    cosine, sine = math.cos(math.pi / 6), math.sin(math.pi / 6)
    return torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)


def test_four_codes_have_the_kl_term_that_was_asked_for():
    codes = figures.codes_of_equal_kl(0.7)
    assert list(codes) == ["on a grid", "on a diagonal", "off the prior", "mixed"]
    for mean, logvar in codes.values():
        assert mean.shape == logvar.shape == (16, 2)
        assert gaussian.kl_standard(mean, logvar).sum(1).mean().item() == pytest.approx(0.7)
    grid, diagonal = codes["on a grid"][0], codes["on a diagonal"][0]
    assert (grid[:, 0] @ grid[:, 1]).item() == pytest.approx(0)
    assert torch.equal(diagonal[:, 0], diagonal[:, 1])
    # one posterior N(a, 1) on both axes: KL = a²
    assert codes["off the prior"][0].unique().item() == pytest.approx(math.sqrt(0.7))


def test_a_bar_is_as_long_as_the_parts_and_a_posterior_is_an_ellipse():
    code = torch.zeros(5, 2), torch.full((5, 2), math.log(0.25))
    parts = estimators.KLTerms(1.4, 1.0, 0.1, 0.3, {})
    names = ("one", "other")
    drawn = figures.four_codes(
        dict.fromkeys(names, code), dict.fromkeys(names, parts), profile="laptop"
    )
    above, _, below, _ = drawn.axes
    ends = [patch.get_x() + patch.get_width() for patch in below.patches]
    assert ends == pytest.approx([1.0, 1.1, 1.4])
    assert [text.get_text() for text in below.texts] == ["1.00", "0.30"]  # 0.1 is too short
    ellipses = [patch for patch in above.patches if isinstance(patch, Ellipse)]
    assert [(e.width, e.height) for e in ellipses] == [(1.0, 1.0)] * 5
    legend = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert legend == [label for label, _ in style.PARTS.values()]
    assert drawn.get_supxlabel() == "profile laptop · closed-form codes · nats"


def test_a_search_ends_at_the_least_loss():
    target = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)

    def loss(encoder, log_sd):
        return 4 + (encoder - target).square().sum() + (log_sd + 1).square().sum()

    assert figures.searched_loss(loss, seed=0) == pytest.approx(4.0)


@pytest.mark.parametrize(("beta", "widths"), [(1.0, (1.9365, 1.7321)), (8.0, (4.0, 0.0))])
def test_the_linear_optimum_is_the_theorem_s(beta, widths, turn):
    """An axis of variance λ has the share ρ = min(1, β / λ) of noise and ½ log 1 / ρ nats."""
    drawn = figures.linear_optimum(beta, variances=VARIANCES, turn=turn, profile="laptop")
    images, curve = drawn.axes
    ellipses = [patch for patch in images.patches if isinstance(patch, Ellipse)]
    assert len(ellipses) == 24
    # 2 sd of the decoded noise, whose variance is λ ρ (1 - ρ)
    assert (ellipses[0].width, ellipses[0].height) == pytest.approx(widths, abs=1e-4)
    assert ellipses[0].angle == pytest.approx(30)
    means = torch.as_tensor(np.array(images.lines[1].get_data())).T @ turn
    assert (means[:, 1].abs().max() < 1e-9).item() is (beta > 4)
    kept, at = curve.lines
    assert kept.get_ydata()[0] == pytest.approx(0.5 * math.log(16 * 4))
    assert at.get_xdata()[0] == beta
    upper = curve.collections[1].get_paths()[0].vertices
    assert upper[:, 1].max() == pytest.approx(0.5 * math.log(16 * 4), rel=1e-6)


def test_the_linear_optimum_in_words():
    say = figures.linear_optimum_in_words
    assert say(5.0, variances=VARIANCES) == (
        "β = 5.00: the optimal code keeps 1 of 2 components and 0.58 nats"  # ½ log 16 / 5
    )
    assert "keeps 0 of 2 components and 0.00 nats" in say(20.0, variances=VARIANCES)


def made_up(objective, weights, seed, **values):
    common = dict.fromkeys(store.COLUMNS, "") | {
        "run_id": f"{objective}{seed}",
        "objective": objective,
        "weights": json.dumps(weights),
        "seed": seed,
        "dataset": "toy",
        "noise": "independent",
        "source": "twin",
        "step": 10,
    }
    return [common | {"quantity": name, "value": value} for name, value in values.items()]


@pytest.fixture
def runs():
    """Three seeds of the VAE and of both methods at β = 4; seed 2 has the median MIG."""
    rows = []
    for seed, mig in enumerate((0.1, 0.9, 0.5)):
        for objective, weights, kl in (
            ("vae", {}, 9.0),
            ("beta_vae", {"beta": 4.0}, 3.0),
            ("beta_tcvae", {"beta": 4.0}, 6.0),
        ):
            parts = {"mutual_info": kl - 2, "total_corr": 1.5 + seed, "axis_kl": 0.5}
            rows += made_up(
                objective, weights, seed, mig_exact=mig, kl=kl, distortion=10 * kl, **parts
            )
    return tables.settled(tables.per_run(pd.DataFrame(rows)))


def test_of_every_setting_the_median_seed_is_shown(runs):
    models = figures.median_models(runs)
    assert list(models) == [1.0, 4.0]
    shown = {
        beta: {name: line["run_id"] for name, line in models[beta].items()} for beta in models
    }
    assert shown[1.0] == {"β-VAE": "vae2", "β-TCVAE": "vae2"}
    assert shown[4.0] == {"β-VAE": "beta_vae2", "β-TCVAE": "beta_tcvae2"}


def test_trained_parts_share_their_scale_and_are_said_in_words(runs, tmp_path, monkeypatch):
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    some = np.zeros((3, 1, 4, 4), np.uint8)
    for run_id in ("beta_vae2", "beta_tcvae2"):
        path = tmp_path / "beta_tcvae" / "smoke" / "pictures" / f"{run_id}.npz"
        store.write_pictures(path, {"originals": some, "reconstructions": some})
    models = figures.median_models(runs)
    drawn = figures.trained_parts(models, 4.0, profile="smoke")
    assert drawn.axes[0].get_xlim() == pytest.approx((0, 1.02 * 9.0))  # the VAE has most nats
    assert [bar.get_width() for bar in drawn.axes[2].patches] == [4.0, 3.5, 0.5]
    assert figures.trained_parts_in_words(models, 4.0) == (
        "Parts of the KL term and reconstructions at beta 4:"
        " β-VAE: I 1.0, TC 3.5, axis-wise KL 0.5 nats;"
        " β-TCVAE: I 4.0, TC 3.5, axis-wise KL 0.5 nats"
    )


def test_means_have_the_names_that_the_prose_quotes(runs):
    means = figures.trained_means(runs)
    assert means.pop("largest") == "4"
    assert means.pop("trained_seeds") == 3
    assert means == {
        f"{name}_{of}": value
        for name, values in {
            "vae": (7.0, 2.5, 90.0),
            "beta": (1.0, 2.5, 30.0),
            "tc": (4.0, 2.5, 60.0),
        }.items()
        for of, value in zip(("info", "tc", "distortion"), values, strict=True)
    }
