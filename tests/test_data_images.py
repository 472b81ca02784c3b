"""All kinds of images are read, moved and thinned out like the tensor that they stand for."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from disentangled.data import FactorData, Images, PackedImages
from disentangled.data.hdf5 import Hdf5Images
from disentangled.data.images import as_images
from disentangled.data.palette import PaletteImages

N, SIDE = 12, 3
PLAIN = 255 * torch.randint(
    2, (N, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
)


def in_file(folder: Path) -> Hdf5Images:
    with h5py.File(folder / "images.h5", "w") as file:
        file["images"] = PLAIN.numpy()
    return Hdf5Images(folder / "images.h5", "images")


def palette() -> PaletteImages:
    """Each image a geometry, lit where it is white; two colours, of which the second is used."""
    paint = torch.ones(N, 1, dtype=torch.int64)
    return PaletteImages(PLAIN, torch.arange(N), torch.tensor([[9], [255]]).byte(), paint)


KINDS = ("tensor", "packed", "palette", "hdf5")


@pytest.fixture(params=KINDS)
def images(request: pytest.FixtureRequest, tmp_path: Path) -> Images:
    kind = request.param
    if kind == "hdf5":
        return in_file(tmp_path)
    return {"tensor": PLAIN, "packed": PackedImages.pack(PLAIN), "palette": palette()}[kind]


INDICES = {
    "integer": 5,
    "negative integer": -1,
    "integer of numpy": np.int64(3),
    "slice": slice(2, 9),
    "slice in steps": slice(1, None, 4),
    "slice from the end": slice(-3, None),
    "empty slice": slice(4, 4),
    "all": slice(None),
    "dots": ...,
    "list": [3, 3, 0],
    "empty list": [],
    "range": range(2, 5),
    "repeated": torch.tensor([7, 2, 2, 7, 7]),
    "negative": torch.tensor([-1, 0, -12, -1]),
    "two axes": torch.tensor([[11, 0, 3], [3, 3, 0]]),
    "no axis": torch.tensor(4),
    "int32": torch.tensor([5, 1], dtype=torch.int32),
    "array": np.array([[1, 0], [0, 8]]),
    "mask": torch.arange(N) % 5 == 2,
    "mask of none": torch.zeros(N, dtype=torch.bool),
    "empty": torch.zeros(0, dtype=torch.int64),
    "empty, two axes": torch.zeros(2, 0, dtype=torch.int64),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=list(INDICES))
def test_reading_is_that_of_a_tensor(images: Images, index) -> None:
    found = images[index]
    assert isinstance(found, torch.Tensor)
    assert found.dtype == torch.uint8
    assert torch.equal(found, PLAIN[list(index) if isinstance(index, range) else index])


def test_facts_are_those_of_a_tensor(images: Images) -> None:
    assert isinstance(images, Images)
    assert as_images(images) is images
    assert (images.shape, images.dtype, images.device) == (PLAIN.shape, torch.uint8, PLAIN.device)
    assert len(images) == N
    assert torch.equal(torch.stack(list(images)), PLAIN)  # a loop ends where the images do


@pytest.mark.parametrize("index", [12, -13, torch.tensor([0, 12]), torch.tensor([[-13]]), [12]])
def test_an_image_that_is_not_there_is_an_index_error(images: Images, index) -> None:
    with pytest.raises(IndexError, match=r"12|13"):
        images[index]


def test_a_mask_of_another_length_is_an_index_error(images: Images) -> None:
    with pytest.raises(IndexError, match="shape"):
        images[torch.ones(11, dtype=torch.bool)]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ((3, 0), r"images alone, got one of 2 axes.*images\[i\]\[:, row, column\]"),
        (torch.tensor([1, 0], dtype=torch.uint8), r"got torch.uint8; use index.long\(\)"),
        (np.array([1, 0], np.uint8), "torch.uint8"),
        (torch.tensor([1.0]), "torch.float32"),
        ([0.5], "torch.float"),
        (torch.ones(N, 2, dtype=torch.bool), r"one value an image \(N,\), got shape \(12, 2\)"),
    ],
)
@pytest.mark.parametrize("kind", KINDS[1:])
def test_an_index_that_could_mean_something_else(
    kind: str, index, message: str, tmp_path: Path
) -> None:
    made = {"packed": PackedImages.pack(PLAIN), "palette": palette(), "hdf5": in_file(tmp_path)}
    with pytest.raises(ValueError, match=message):
        made[kind][index]


def test_a_subset_is_kept_in_the_same_way(images: Images) -> None:
    index = torch.tensor([8, 1, 1, 5])
    subset = images.index_select(0, index)
    assert type(subset) is type(images)
    assert torch.equal(subset[:], PLAIN[index])
    assert torch.equal(subset[torch.tensor([-1, 0])], PLAIN[[5, 8]])
    again = subset.index_select(0, torch.tensor([2, 0]))
    assert torch.equal(again[:], PLAIN[[1, 8]])
    assert len(images.index_select(0, torch.zeros(0, dtype=torch.int64))) == 0
    assert torch.equal(images[:], PLAIN)
    with pytest.raises((IndexError, RuntimeError), match=r"range|bounds"):
        subset.index_select(0, torch.tensor([4]))


@pytest.mark.parametrize("kind", KINDS[1:])
def test_subsets_are_of_images_alone(kind: str, tmp_path: Path) -> None:
    made = {"packed": PackedImages.pack(PLAIN), "palette": palette(), "hdf5": in_file(tmp_path)}
    with pytest.raises(ValueError, match=r"expected dim 0.*got 2"):
        made[kind].index_select(2, torch.tensor([0]))


def test_a_move_takes_all_along(images: Images) -> None:
    moved = images.to("meta")
    assert moved.device.type == "meta"
    assert moved.shape == PLAIN.shape
    for index in (torch.tensor([[1, 3]]).to("meta"), torch.tensor([[1, 3]])):
        assert moved[index].device.type == "meta"
        assert moved[index].shape == (1, 2, 1, SIDE, SIDE)
    assert torch.equal(images.to("cpu")[2:4], PLAIN[2:4])
    assert images.device.type == "cpu"
    part = moved.index_select(0, torch.tensor([4, 4]).to("meta"))
    assert part.shape == (2, 1, SIDE, SIDE)
    with pytest.raises(NotImplementedError, match="meta"):
        part.to("cpu")


def data(images) -> FactorData:
    factors = torch.cartesian_prod(torch.arange(3), torch.arange(4))
    return FactorData("d", images, factors, ("hue", "turn"), (3, 4), source="made up")


def test_data_are_the_same_whatever_their_images_are_kept_as(images: Images) -> None:
    some, plain = data(images), data(PLAIN)
    assert some.images is images
    one, other = (each.draw(50, torch.Generator().manual_seed(3)) for each in (some, plain))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    index = torch.tensor([[-1, 0], [3, 3]])
    assert torch.equal(some.pixels(index), PLAIN[index].float() / 255)
    for chosen in (torch.tensor([5, -1, 5]), torch.arange(N) > 8, [2, 7]):
        left, right = (each.select(chosen) for each in (some, plain))
        assert torch.equal(left.images[:], right.images[:])
        assert torch.equal(left.images[:], PLAIN[chosen])
        assert torch.equal(left.factors, right.factors)
    for left, right in zip(
        *(each.split(0.4, torch.Generator().manual_seed(1)) for each in (some, plain)),
        strict=True,
    ):
        assert torch.equal(left.images[:], right.images[:])
    far = some.to("meta").draw(5, torch.Generator().manual_seed(0))
    assert far.x.shape == (5, 1, SIDE, SIDE)
    assert len(some.to("meta").select(torch.tensor([1, 2]))) == 2


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        ([], ValueError, "at least one image"),
        (torch.zeros(N, dtype=torch.bool), ValueError, "at least one image"),
        (3, ValueError, r"an index \(n,\)"),
        ([[0, 1]], ValueError, r"an index \(n,\).*got shape \(1, 2\)"),
        (torch.tensor([1, 0], dtype=torch.uint8), ValueError, "uint8"),
        ([0.5], ValueError, "float"),
        ([0, 12], IndexError, "12"),
        ([True], IndexError, "shape"),
    ],
)
def test_bad_selections_are_errors(images: Images, index, error, message: str) -> None:
    with pytest.raises(error, match=message):
        data(images).select(index)


def test_pixels_of_one_image_by_its_number() -> None:
    assert torch.equal(data(PLAIN).pixels(-2), PLAIN[10].float() / 255)
    assert torch.equal(data(PLAIN).batch([3]).x, PLAIN[[3]].float() / 255)


def test_numbers_that_torch_takes_for_a_mask_are_an_error_in_data() -> None:
    with pytest.raises(ValueError, match=r"index.long\(\)"):
        data(PLAIN).pixels(torch.tensor([1, 0], dtype=torch.uint8))


def test_images_of_another_type_or_shape_are_errors(images: Images) -> None:
    factors = [[0]] * (N - 1)
    with pytest.raises(ValueError, match=r"factors as integers of shape \(12, 1\)"):
        FactorData("d", images, factors, ["a"], [1], source="made up")
    for nonsense in (None, "images", [PLAIN, 1]):
        with pytest.raises(ValueError, match=r"methods of data.Images, got (NoneType|str|list)"):
            data(nonsense)
    with pytest.raises(ValueError, match=r"got torch.float32"):
        data(PLAIN.float())
    with pytest.raises(ValueError, match=r"images\[:, None\]"):
        PackedImages.pack(PLAIN[:, 0])
