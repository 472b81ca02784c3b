"""FactorData draws what its law says, wherever its images lie."""

import numpy as np
import pytest
import torch

from disentangled.data import FactorData, PackedImages


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def binary_images(n: int, side: int = 5) -> torch.Tensor:
    return 255 * torch.randint(2, (n, 1, side, side), generator=generator(7), dtype=torch.uint8)


@pytest.fixture
def toy() -> FactorData:
    """A 3 x 4 grid seen twice over: 24 images, the first factor slowest."""
    factors = torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(4))
    return FactorData(
        "toy", binary_images(24), factors[:, 1:], ("hue", "turn"), (3, 4), source="made up"
    )


def test_arrays_become_tensors() -> None:
    data = FactorData(
        "mine", np.full((2, 3, 4, 4), 51, np.uint8), [[0], [1]], ["a"], [2], source="mine"
    )
    assert len(data) == 2
    assert data.factors.dtype == torch.int64
    assert data.pixels(torch.tensor(1)).tolist() == torch.full((3, 4, 4), 0.2).tolist()
    assert repr(data) == "FactorData(mine, mine, 2 x 3 x 4 x 4; a 2; cpu)"


@pytest.mark.parametrize(
    ("images", "factors", "names", "sizes", "message"),
    [
        (np.zeros((2, 1, 4, 4)), [[0], [1]], ["a"], [2], "uint8"),
        (np.zeros((2, 4, 4), np.uint8), [[0], [1]], ["a"], [2], "channel axis"),
        (np.zeros((2, 1, 4, 4), np.uint8), [[0.0], [1.0]], ["a"], [2], "integers"),
        (np.zeros((2, 1, 4, 4), np.uint8), [[0]], ["a"], [2], r"shape \(2, 1\)"),
        (np.zeros((2, 1, 4, 4), np.uint8), [[0], [1]], ["a"], [2, 2], "one size for each"),
        (np.zeros((2, 1, 4, 4), np.uint8), [[0, 0], [1, 1]], ["a", "a"], [2, 2], "distinct"),
        (np.zeros((2, 1, 4, 4), np.uint8), [[0], [2]], ["a"], [2], "got 0 to 2"),
        (np.zeros((2, 1, 4, 4), np.uint8), [[-1], [1]], ["a"], [2], "got -1 to 1"),
        (np.zeros((0, 1, 4, 4), np.uint8), np.zeros((0, 1), int), ["a"], [2], "at least one"),
    ],
)
def test_bad_arrays_are_errors(images, factors, names, sizes, message) -> None:
    with pytest.raises(ValueError, match=message):
        FactorData("mine", images, factors, names, sizes, source="mine")


def test_pixels_keep_the_shape_of_the_index(toy: FactorData) -> None:
    index = torch.tensor([[3, 3, 0], [1, 23, 3]])
    pixels = toy.pixels(index)
    assert pixels.shape == (2, 3, 1, 5, 5)
    assert pixels.dtype == torch.float32
    assert torch.equal(pixels[1, 1], toy.images[23].float() / 255)


def test_draws_are_uniform_reproducible_and_on_the_cpu(toy: FactorData) -> None:
    index = toy.draw_index(24_000, generator())
    assert index.dtype == torch.int64
    # counts are binomial with mean 1,000 and sd 31
    assert torch.bincount(index, minlength=24).sub(1000).abs().max() < 150
    assert torch.equal(index, toy.draw_index(24_000, generator()))
    batch = toy.draw(5, generator())
    assert torch.equal(batch.index, toy.draw_index(5, generator()))
    assert torch.equal(batch.x, toy.pixels(batch.index))
    assert torch.equal(batch.factors, toy.factors[batch.index])


def test_holding_a_value_frees_the_rest(toy: FactorData) -> None:
    batch = toy.holding("turn", 6000, generator(), value=2)
    assert (batch.factors[:, 1] == 2).all()
    assert torch.bincount(batch.factors[:, 0]).sub(2000).abs().max() < 200
    assert len(batch.index.unique()) == 6
    assert torch.equal(batch.x, toy.pixels(batch.index))


def test_held_values_come_up_as_often_as_they_are_drawn(toy: FactorData) -> None:
    tied = toy.weighted([0.5, 0.0, 0.25, 0.25], ["turn"])
    stream = generator(3)
    values = [int(tied.holding("turn", 1, stream).factors[0, 1]) for _ in range(2000)]
    counts = np.bincount(values, minlength=4)
    assert counts[1] == 0
    np.testing.assert_allclose(counts, [1000, 0, 500, 500], atol=90)


def test_holding_what_is_not_there_is_an_error(toy: FactorData) -> None:
    with pytest.raises(ValueError, match="no factor 'size'; give one of"):
        toy.holding("size", 1, generator())
    with pytest.raises(ValueError, match=r"occur are \[0, 1, 2, 3\]"):
        toy.holding(1, 1, generator(), value=4)
    with pytest.raises(ValueError, match="no image to draw"):
        toy.weighted([1, 1, 1, 0], ["turn"]).holding("turn", 1, generator(), value=3)


def test_a_table_ties_factors(toy: FactorData) -> None:
    table = np.zeros((4, 3))
    table[0, 0], table[1, 1], table[3, 2] = 4, 2, 2  # counts; the axes in another order
    drawn = toy.weighted(table, ["turn", "hue"]).draw(8000, generator())
    joint = torch.zeros(3, 4).index_put_(
        (drawn.factors[:, 0], drawn.factors[:, 1]), torch.ones(8000), accumulate=True
    )
    expected = torch.zeros(3, 4)
    expected[0, 0], expected[1, 1], expected[2, 3] = 4000, 2000, 2000
    assert (joint[expected == 0] == 0).all()
    assert (joint - expected).abs().max() < 200
    # within a combination both images come up alike
    counts = torch.bincount(drawn.index)
    assert abs(int(counts[0] - counts[12])) < 250


def test_weighting_exactly(toy: FactorData) -> None:
    """Chances of each image, by hand: of a second table, after a first."""
    first = toy.weighted([1, 1, 2], ["hue"])
    torch.testing.assert_close(
        first.probabilities,
        torch.tensor([1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2] * 2, dtype=torch.float64) / 32,
    )
    second = first.weighted([1, 0, 0, 1], ["turn"])
    torch.testing.assert_close(
        second.probabilities,
        torch.tensor([1, 0, 0, 1, 1, 0, 0, 1, 2, 0, 0, 2] * 2, dtype=torch.float64) / 16,
    )


@pytest.mark.parametrize(
    ("table", "factors", "message"),
    [
        ([1, 1], ["hue"], r"shape \(3,\)"),
        (np.ones((3, 3)), ["hue", "hue"], "distinct"),
        ([1, -1, 1], ["hue"], "none negative"),
        ([1, np.nan, 1], ["hue"], "finite"),
        ([0, 0, 0], ["hue"], "not all 0"),
        ([1, 1, 1], ["size"], "no factor 'size'"),
    ],
)
def test_bad_tables_are_errors(toy: FactorData, table, factors, message) -> None:
    with pytest.raises(ValueError, match=message):
        toy.weighted(table, factors)


def test_a_table_cannot_ask_for_images_that_are_not_there(toy: FactorData) -> None:
    part = toy.select(torch.arange(0, 4))  # hue 0 alone
    with pytest.raises(ValueError, match="2 combinations"):
        part.weighted([1, 1, 1], ["hue"])
    assert part.weighted([1, 0, 0], ["hue"]).probabilities.tolist() == [0.25] * 4


def test_chance_zero_is_never_drawn() -> None:
    data = FactorData("d", binary_images(4), [[0], [1], [2], [3]], ["a"], [4], source="made up")
    tied = data.weighted([0, 1, 1, 0], ["a"])
    assert set(tied.draw_index(1000, generator()).tolist()) == {1, 2}


def test_split_is_disjoint_and_covers(toy: FactorData) -> None:
    numbered = FactorData(
        "n",
        np.arange(24, dtype=np.uint8).reshape(24, 1, 1, 1),
        toy.factors,
        toy.factor_names,
        toy.factor_sizes,
        source="made up",
    )
    train, test = numbered.split(0.75, generator())
    assert (len(train), len(test)) == (18, 6)
    both = torch.cat([train.images, test.images]).flatten().tolist()
    assert sorted(both) == list(range(24))
    assert torch.equal(train.factors, numbered.factors[train.images.flatten().long()])
    assert train.factor_sizes == (3, 4)
    again, _ = numbered.split(0.75, generator())
    assert torch.equal(train.images, again.images)
    for fraction in (0.0, 1.0, 1.5):
        with pytest.raises(ValueError, match="both sides"):
            numbered.split(fraction, generator())


def test_split_keeps_relative_chances(toy: FactorData) -> None:
    train, _ = toy.weighted([1, 2, 0], ["hue"]).split(0.5, generator())
    hue = train.factors[:, 0]
    assert train.probabilities.sum().item() == pytest.approx(1)
    ratio = train.probabilities[hue == 1][0] / train.probabilities[hue == 0][0]
    assert ratio.item() == pytest.approx(2)
    assert (train.probabilities[hue == 2] == 0).all()


@pytest.mark.parametrize("packed", [False, True])
def test_a_move_takes_images_and_factors_along(toy: FactorData, packed: bool) -> None:
    if packed:
        toy = FactorData(
            "toy",
            PackedImages.pack(toy.images),
            toy.factors,
            ("hue", "turn"),
            (3, 4),
            source="made up",
        )
    moved = toy.weighted([1, 0, 1], ["hue"]).to("meta")
    assert moved.draw_index(3, generator()).device.type == "cpu"
    batch = moved.draw(3, generator())
    assert {tensor.device.type for tensor in batch} == {"meta"}
    assert batch.x.shape == (3, 1, 5, 5)
    home = toy.to("cpu").draw(3, generator())
    assert torch.equal(home.x, toy.draw(3, generator()).x)


@pytest.mark.parametrize("side", [4, 5, 64])
def test_packing_there_and_back(side: int) -> None:
    images = binary_images(9, side)
    packed = PackedImages.pack(images)
    assert packed.shape == images.shape
    assert packed.dtype == torch.uint8
    assert torch.equal(packed[:], images)
    assert torch.equal(packed[3], images[3])
    assert torch.equal(packed[-2:], images[-2:])
    index = torch.tensor([[8, 0], [0, 3]])
    assert torch.equal(packed[index], images[index])
    assert torch.equal(packed.index_select(0, torch.tensor([5, 1]))[:], images[[5, 1]])
    # the layout is numpy's, and eight times smaller
    assert np.array_equal(packed.bits.numpy(), np.packbits(images.flatten(1) > 0, axis=1))
    assert packed.nbytes == 9 * -(-(side**2) // 8)


def test_packed_and_plain_data_draw_alike(toy: FactorData) -> None:
    packed = FactorData(
        "toy", PackedImages.pack(toy.images), toy.factors, ("hue", "turn"), (3, 4), source="m"
    )
    assert torch.equal(packed.draw(6, generator()).x, toy.draw(6, generator()).x)
    a, b = (data.split(0.5, generator())[1] for data in (packed, toy))
    assert torch.equal(a.images[:], b.images)


def test_bits_of_the_wrong_size_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(N, 512\)"):
        PackedImages(torch.zeros(3, 511, dtype=torch.uint8), (1, 64, 64))


def test_pixels_pass_through_vmap(toy: FactorData) -> None:
    index = torch.tensor([[1, 2], [5, 23]])
    packed = FactorData(
        "toy", PackedImages.pack(toy.images), toy.factors, ("hue", "turn"), (3, 4), source="m"
    )
    for some in (toy, packed):
        assert torch.equal(torch.func.vmap(some.pixels)(index), toy.pixels(index))


def test_facts_on_factors_are_kept(toy: FactorData) -> None:
    assert (toy.nuisances, toy.unordered) == ((), ())
    named = FactorData(
        "toy", toy.images, toy.factors, ("hue", "turn"), (3, 4), source="made up",
        nuisances=["hue"], unordered=("turn", "hue"),
    )  # fmt: skip
    parts = named.split(0.5, generator())
    for some in (named, named.to("cpu"), named.select([3]), named.weighted([1, 1, 2], ["hue"]),
                 *parts):  # fmt: skip
        assert (some.nuisances, some.unordered) == (("hue",), ("turn", "hue"))


@pytest.mark.parametrize("what", ["nuisances", "unordered"])
@pytest.mark.parametrize("names", ["hue", ("size",), ("hue", "hue"), ("hue", 1), [0], None])
def test_facts_on_unknown_factors_are_errors(toy: FactorData, what: str, names) -> None:
    message = rf"toy: expected {what} as distinct names of factors, of \('hue', 'turn'\)"
    with pytest.raises(ValueError, match=message):
        FactorData("toy", toy.images, toy.factors, ("hue", "turn"), (3, 4), source="made up",
                   **{what: names})  # fmt: skip


@pytest.mark.parametrize("factors", [np.zeros((24, 0), int), torch.zeros(24, 0), [[]] * 24])
def test_data_without_factors_do_what_needs_none(toy: FactorData, factors) -> None:
    faces = FactorData("faces", toy.images, factors, (), (), source="made up")
    assert repr(faces) == "FactorData(faces, made up, 24 x 1 x 5 x 5; no factors; cpu)"
    batch = faces.draw(7, generator())
    assert torch.equal(batch.x, toy.draw(7, generator()).x)
    assert batch.factors.shape == (7, 0)
    assert batch.factors.dtype == torch.int64
    assert torch.equal(faces.pixels(batch.index), batch.x)
    assert [len(part) for part in faces.split(0.25, generator())] == [6, 18]
    assert torch.equal(faces.select([2, 2]).images, toy.images[[2, 2]])
    assert faces.to("meta").draw(2, generator()).factors.shape == (2, 0)
    for needs in (
        lambda: faces.factor_index("hue"),
        lambda: faces.factor_index(0),
        lambda: faces.holding("hue", 1, generator()),
        lambda: faces.weighted([1.0], ["hue"]),
    ):
        with pytest.raises(ValueError, match=r"faces has no factor .*no factors .* are known"):
            needs()
    with pytest.raises(ValueError, match=r"as integers of shape \(24, 0\)"):
        FactorData("faces", toy.images, toy.factors, (), (), source="made up")
    with pytest.raises(ValueError, match=r"nuisances as distinct names of factors, of \(\)"):
        FactorData("f", toy.images, factors, (), (), source="made up", nuisances=("hue",))


def test_nuisances_leave_a_factor():
    """Scores that leave nuisances out would have none to read."""
    images, factors = torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4)[:, None]
    with pytest.raises(ValueError, match=r"leave a factor that scores can count, got all of \('h"):
        FactorData("f", images, factors, ("hue",), (4,), source="made up", nuisances=("hue",))
