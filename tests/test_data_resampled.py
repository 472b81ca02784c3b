"""Training sets drawn by a law, their twins and the images held out, on data of known law."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from disentangled import data
from disentangled.data import DATA_SETS, FactorData
from disentangled.data.correlated import dependence, evenly_correlated
from disentangled.data.resampled import (
    CORRELATION,
    DSPRITES,
    SHAPES3D,
    Design,
    counts,
    held_out,
    loaders,
    resampled,
)

SIZES = (6, 4, 50)
DESIGN = Design(("hue", "turn"), 20_000, 200)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def toy(_: object = None, size: int = 1) -> FactorData:
    """A grid of 1,200 images of which each shows its own number, in two channels."""
    number = torch.arange(1200)
    shown = torch.stack([number // 256, number % 256], 1).to(torch.uint8)
    return FactorData(
        "toy", shown[:, :, None, None].expand(-1, -1, size, size),
        torch.cartesian_prod(*map(torch.arange, SIZES)), ("hue", "turn", "rest"), SIZES,
        source="made up", nuisances=("rest",), unordered=("hue",),
    )  # fmt: skip


def shown(some: FactorData) -> torch.Tensor:
    return some.images[:, 0, 0, 0].long() * 256 + some.images[:, 1, 0, 0]


def agrees(counted: torch.Tensor, law: torch.Tensor) -> bool:
    """Pearson's chi-square at a chance of 1 in 1,000, over cells with 5 expected images."""
    expected = law / law.sum() * counted.sum()
    enough = expected >= 5
    statistic = float(((counted - expected)[enough] ** 2 / expected[enough]).sum())
    return statistic < chi2.ppf(0.999, int(enough.sum()) - 1)


def test_counts_are_what_loops_count() -> None:
    some = toy().select(torch.randint(1200, (300,), generator=generator()))
    expected = np.zeros((4, 6), int)
    for hue, turn, _ in some.factors.tolist():
        expected[turn, hue] += 1
    found = counts(some, ("turn", 0))
    assert found.dtype == torch.int64
    assert np.array_equal(found, expected)
    with pytest.raises(ValueError, match="no factor 'size'"):
        counts(some, ("size", "hue"))


def test_what_is_held_out_is_in_no_other_part() -> None:
    left, out = held_out(toy(), 200, generator())
    assert (len(left), len(out), out.name, left.name) == (1000, 200, "toy_held_out", "toy")
    assert sorted([*shown(left).tolist(), *shown(out).tolist()]) == list(range(1200))
    for n in (0, 1200, 1201, -3):
        with pytest.raises(ValueError, match=rf"toy: .* its 1,200 images, got {n:,}; give"):
            held_out(toy(), n, generator())


@pytest.mark.parametrize("n", [1, 7, 24_999])
def test_exactly_as_many_are_held_out_as_asked_for(n: int) -> None:
    images = torch.zeros(25_000, 1, 1, 1, dtype=torch.uint8)
    many = FactorData("many", images, torch.zeros(25_000, 1, dtype=torch.int64), ["a"], [1],
                      source="made up")  # fmt: skip
    assert len(held_out(many, n, generator())[1]) == n


def test_a_set_of_its_own_is_drawn_alike() -> None:
    tied = toy().weighted([0, 1, 0, 3, 0, 0], ["hue"])
    drawn = resampled(tied, 8000, generator(), name="drawn")
    assert (len(drawn), drawn.name, drawn.source) == (8000, "drawn", "made up")
    assert drawn.probabilities is None
    assert (drawn.nuisances, drawn.unordered) == (("rest",), ("hue",))
    assert torch.equal(shown(drawn), tied.draw_index(8000, generator()))
    assert torch.equal(drawn.factors, tied.factors[shown(drawn)])
    assert agrees(counts(drawn, ["hue"])[[1, 3]], torch.tensor([1.0, 3.0]))
    # with replacement: 400 images of which each has 5 to 15 chances to come
    assert len(shown(drawn).unique()) > 390


@pytest.mark.parametrize("correlation", [0.4, CORRELATION, 0.9])
def test_the_parts_follow_their_laws(correlation: float) -> None:
    parts = loaders(toy, DESIGN, correlation=correlation)
    correlated, independent, out = (load(None, 1) for load in parts)
    assert [some.name for some in (correlated, independent, out)] == [
        "toy_correlated", "toy_independent", "toy_held_out",
    ]  # fmt: skip
    assert [len(some) for some in (correlated, independent, out)] == [20_000, 20_000, 200]
    law = evenly_correlated((6, 4), correlation)
    assert agrees(counts(correlated, DESIGN.factors), law)
    assert agrees(counts(independent, DESIGN.factors), torch.ones(6, 4))
    # the twin differs in the dependence alone: one factor at a time they agree
    for factor, size in zip(DESIGN.factors, SIZES, strict=False):
        for some in (correlated, independent):
            assert agrees(counts(some, [factor]), torch.ones(size))
    realised = dependence(counts(correlated, DESIGN.factors))
    assert float(realised.correlation[0, 1]) == pytest.approx(correlation, abs=0.03)
    assert realised.nats == pytest.approx(dependence(law).nats, abs=0.03)
    assert dependence(counts(independent, DESIGN.factors)).nats < 0.002
    # nobody has seen what is held out, and all hold out the same
    unseen = set(shown(out).tolist())
    assert not unseen & set(shown(correlated).tolist())
    assert not unseen & set(shown(independent).tolist())
    assert torch.equal(shown(correlated), shown(parts.correlated(None, 1)))


def test_other_factors_stay_as_they_were() -> None:
    correlated = loaders(toy, DESIGN).correlated(None, 1)
    left, _ = held_out(toy(), 200, generator())
    law = left.weighted(evenly_correlated((6, 4), CORRELATION), DESIGN.factors)
    chance = torch.zeros(50, dtype=torch.float64)
    chance.index_add_(0, left.factors[:, 2], law.probabilities)
    assert agrees(counts(correlated, ["rest"]), chance)


def test_parts_come_at_the_size_asked_for() -> None:
    for load in loaders(toy, DESIGN):
        assert load(None, 4).images.shape[1:] == (2, 4, 4)


def test_sizes_are_those_of_the_paper() -> None:
    assert DSPRITES == (("position_x", "scale"), 200_000, 50_000)
    assert SHAPES3D == (("floor_hue", "wall_hue"), 100_000, 50_000)
    assert DSPRITES.part(0.1) == (("position_x", "scale"), 20_000, 5_000)


@pytest.mark.parametrize(
    ("sizes", "n_train"), [((32, 6), 200_000), ((10, 10), 100_000), ((10, 10), 60_000)]
)
def test_the_strength_leaves_no_combination_out(sizes, n_train) -> None:
    """The reason for it, and the figures of the module's table."""
    law = evenly_correlated(sizes, CORRELATION)
    assert float(law.min()) * n_train >= 1
    assert float(evenly_correlated(sizes, CORRELATION + 0.05).min()) * n_train < 1
    assert f"{dependence(law).nats:.3f}" == "0.384"


def test_parts_in_the_registry() -> None:
    """The Shapes3D twin's coarse grid: everything but the pictures is the real thing."""
    correlated = data.load("shapes3d_twin_grid_correlated", size=1)
    assert correlated.name == "shapes3d_twin_grid_correlated"
    assert (len(correlated), correlated.source) == (10_000, "twin")
    law = evenly_correlated((5, 5), CORRELATION)
    assert agrees(counts(correlated, SHAPES3D.factors), law)
    independent = data.load("shapes3d_twin_grid_independent", size=1)
    assert agrees(counts(independent, SHAPES3D.factors), torch.ones(5, 5))
    assert len(data.load("shapes3d_twin_grid_held_out", size=1)) == 5000
    entry, base = DATA_SETS["shapes3d_correlated"], DATA_SETS["shapes3d"]
    assert (entry.find, entry.get, entry.sizes) == (base.find, base.get, base.sizes)
