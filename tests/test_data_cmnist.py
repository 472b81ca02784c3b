"""Coloured digits: what is painted on which digit, from files that the test writes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from sklearn.datasets import load_digits

from disentangled import data
from disentangled.data import FactorData, cmnist
from disentangled.data.correlated import dependence, evenly_correlated, independent
from disentangled.data.resampled import counts

N = {"train": 500, "test": 80}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small file in the shape of MNIST's; the first pixels of an image are its number."""
    monkeypatch.setattr(cmnist, "N_IMAGES", N)
    write(tmp_path / "mnist" / "mnist.npz", archive())
    return tmp_path


def archive() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in N.items():
        images = rng.integers(0, 256, (n, 28, 28), np.uint8)
        images[:, 0, 0], images[:, 0, 1] = np.arange(n) // 256, np.arange(n) % 256
        arrays[f"x_{split}"] = images
        # by class, as the published file is not, and with classes of other sizes
        arrays[f"y_{split}"] = np.sort(np.minimum(rng.integers(0, 12, n), 9)).astype(np.uint8)
    return arrays


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **arrays)


def numbers(some: FactorData) -> torch.Tensor:
    """Which digit each image shows: the brightest channel is the digit's own grey."""
    first = some.images[:].amax(1)[:, 0]
    return first[:, 0].long() * 256 + first[:, 1]


def test_every_digit_comes_in_every_colour(root: Path) -> None:
    written = archive()
    found = data.load("cmnist", root=root)
    assert (
        repr(found) == "FactorData(cmnist, real, 5000 x 3 x 28 x 28; content 10, colour 10; cpu)"
    )
    assert (found.nuisances, found.unordered) == ((), ("content",))
    assert torch.equal(numbers(found), torch.arange(500).repeat_interleave(10))
    assert found.factors[:, 0].tolist() == np.repeat(written["y_train"], 10).tolist()
    assert found.factors[:, 1].tolist() == list(range(10)) * 500
    # red is hue 0, and hue 5 is cyan; black stays black
    grey = torch.from_numpy(written["x_train"][7])
    zero = torch.zeros_like(grey)
    assert torch.equal(found.images[70], torch.stack([grey, zero, zero]))
    assert torch.equal(found.images[75], torch.stack([zero, grey, grey]))


def test_other_sizes_are_averages_of_a_bordered_image(root: Path) -> None:
    native = data.load("cmnist", root=root).images[:40].float()
    bordered = torch.nn.functional.pad(native, (2, 2, 2, 2))
    assert torch.equal(data.load("cmnist", root=root, size=32).images[:40].float(), bordered)
    for size in (16, 8):
        small = data.load("cmnist", root=root, size=size).images[:40]
        mean = torch.nn.functional.avg_pool2d(bordered, 32 // size)
        assert (small - mean).abs().max() <= 1
    with pytest.raises(ValueError, match=r"size of cmnist to be one of \[8, 16, 32, 28\]"):
        data.load("cmnist", root=root, size=64)


def test_digits_are_painted_once_and_held_out_are_the_test_digits(root: Path) -> None:
    written = archive()
    for part, split in (("correlated", "train"), ("independent", "train"), ("held_out", "test")):
        found = data.load(f"cmnist_{part}", root=root)
        assert (found.name, found.source) == (f"cmnist_{part}", "real")
        assert torch.equal(numbers(found), torch.arange(N[split]))
        assert found.factors[:, 0].tolist() == written[f"y_{split}"].tolist()
        again = data.load(f"cmnist_{part}", root=root)
        assert torch.equal(again.factors, found.factors)


def agrees(counted: torch.Tensor, law: torch.Tensor) -> bool:
    """Pearson's chi-square at a chance of 1 in 1,000, over cells with 5 expected images."""
    expected = law / law.sum() * counted.sum()
    enough = expected >= 5
    statistic = float(((counted - expected)[enough] ** 2 / expected[enough]).sum())
    return statistic < chi2.ppf(0.999, int(enough.sum()) - 1)


def many(contents: torch.Tensor) -> FactorData:
    """Digits without a picture, each in every colour."""
    images = torch.zeros(len(contents), 28, 28, dtype=torch.uint8)
    return cmnist.coloured(cmnist.MNIST, cmnist.Digits(images, contents), 8)


def test_colours_follow_the_law_given_the_content() -> None:
    contents = torch.arange(10).repeat_interleave(torch.arange(1, 11) * 40)
    law = evenly_correlated((10, 10), 0.6)
    generator = torch.Generator().manual_seed(1)
    found = counts(
        cmnist.painted(many(contents), law, 3, generator, name="m"), ("colour", "content")
    )
    assert found.sum(0).tolist() == [120 * k for k in range(1, 11)]  # contents stay as they were
    for content in range(10):
        assert agrees(found[:, content], law[:, content])


@pytest.mark.parametrize("correlation", [0.4, 0.9])
def test_the_two_sets_agree_but_for_their_dependence(correlation: float) -> None:
    contents = torch.arange(10).repeat_interleave(torch.arange(10, 20) * 40)
    images = torch.zeros(len(contents), 28, 28, dtype=torch.uint8)
    origin = cmnist.Origin("mine", "made up", lambda *_: cmnist.Digits(images, contents), 2)
    parts = cmnist.parts(origin, correlation=correlation)
    tied, free, out = (counts(load(None, 8), ("colour", "content")) for load in parts)
    law = evenly_correlated((10, 10), correlation)
    joint = law / law.sum(0) * torch.arange(10, 20) / 145
    assert agrees(tied, joint)
    assert agrees(free, independent(joint))
    assert agrees(out, torch.ones(10, 1) * torch.arange(10, 20))
    assert torch.equal(tied.sum(0), free.sum(0))
    assert dependence(tied).nats == pytest.approx(dependence(joint).nats, abs=0.03)
    # too high by 81 / (2 n), with a deviation of sqrt(162) / (2 n)
    n = 2 * len(contents)
    assert dependence(free).nats == pytest.approx(81 / (2 * n), abs=4 * 162**0.5 / (2 * n))


def test_the_digits_that_scikit_learn_brings() -> None:
    found = data.load("cmnist_digits")
    assert len(found) == 15_000
    assert (found.name, found.source) == ("cmnist_digits", "real, enlarged")
    published = load_digits()
    assert found.factors[::10, 0].tolist() == published.target[:1500].tolist()
    images = found.images[::10].amax(1).float()  # hue 0
    assert not images[:, :2].any()
    assert not images[:, :, -2:].any()
    # the filter interpolates: the middle one of 3 x 3 pixels is the one that it was made from
    grey = torch.from_numpy(published.images[:1500]).float() * 255 / 16
    assert (images[:, 3:-2:3, 3:-2:3] - grey).abs().max() <= 1
    for part, n in (("correlated", 15_000), ("independent", 15_000), ("held_out", 2970)):
        some = data.load(f"cmnist_digits_{part}")
        assert (len(some), some.name) == (n, f"cmnist_digits_{part}")
    assert some.factors[::10, 0].tolist() == published.target[1500:].tolist()


def test_what_is_not_there_is_said_and_what_stands_in(tmp_path: Path) -> None:
    assert data.on_disk("cmnist_correlated", root=tmp_path) is None
    for name in ("cmnist", "cmnist_correlated", "cmnist_held_out"):
        with pytest.raises(FileNotFoundError, match=r"mnist\.npz.*data\.load\('cmnist_digits'\)"):
            data.load(name, root=tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.zeros((400, 28, 28), np.uint8)}, r"x_train of shape \(500, 28, 28\)"),
        ({"y_train": np.full(500, 10, np.uint8)}, "y_train from 0 to 9, got 10 to 10"),
        ({"y_train": np.full(500, -1)}, "y_train from 0 to 9, got -1 to -1"),
        ({"y_train": np.zeros(500)}, "y_train.*type integer.*float64"),
    ],
)
def test_bad_files_are_errors(root: Path, changes, message) -> None:
    write(root / "mnist" / "mnist.npz", archive() | changes)
    with pytest.raises(ValueError, match=message):
        data.load("cmnist", root=root)
