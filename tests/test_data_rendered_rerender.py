"""The renderer against known areas, symmetries and layout; the real images where there are any."""

import math

import pytest
import torch

from disentangled import data
from disentangled.data.dsprites import (
    COARSE,
    FULL,
    N_IMAGES,
    ORIENTATIONS,
    POSITIONS,
    SCALES,
    SHAPES,
    Grid,
    flat_index,
)
from disentangled.data.images import pool
from disentangled.data.rendered import calibration, dsprites_rerender
from disentangled.data.rendered.dsprites_rerender import blocks, render

CORNERS = torch.tensor([0.0, 1.0], dtype=torch.float64)
CENTRE = torch.tensor([0.5], dtype=torch.float64)


@pytest.fixture(scope="module")
def grid() -> data.FactorData:
    return data.load("dsprites_rerender_grid")


@pytest.fixture(scope="module")
def real_grid() -> data.FactorData:
    return real("dsprites_grid")


def real(name: str) -> data.FactorData:
    try:
        return data.load(name)
    except FileNotFoundError as error:
        pytest.skip(f"no real images to compare with: {error}")


@pytest.mark.parametrize(
    ("shape", "scale", "area"),
    [
        ("square", 1.0, 400),
        ("square", 0.5, 100),
        ("ellipse", 1.0, 288),
        ("ellipse", 0.5, 76),
        ("heart", 1.0, 222),
        ("heart", 0.5, 58),
    ],
)
def test_upright_areas_on_whole_pixels(shape: str, scale: float, area: int) -> None:
    """The areas of the real images at these places."""
    images = render(shape, scale, 0.0, CORNERS, CORNERS)
    assert images.shape == (2, 2, 64, 64)
    assert images.sum((-1, -2)).unique().tolist() == [area]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [16, 48, 64, 256])
def test_any_size_shows_the_same_scene(shape: str, size: int) -> None:
    """The shape's share of the canvas, to the error of counting pixel centres on its edge."""
    true_area = {
        "square": 19.2**2,
        "ellipse": math.pi * math.prod(dsprites_rerender.SEMI_AXES),
        "heart": (dsprites_rerender.heart_outline() ** 2).mean().item() * math.pi,
    }[shape]
    positions = torch.linspace(0, 1, 8, dtype=torch.float64)
    images = render(shape, 1.0, 0.7, positions, positions, size=size)
    assert images.shape == (8, 8, size, size)
    share = images.double().mean().item() * 64**2 / true_area
    assert share == pytest.approx(1, abs=0.3 / size)


def test_pooling_a_large_rendering_approaches_the_same_grey() -> None:
    large = render("heart", 1.0, 0.4, CENTRE, CENTRE, size=512)[0].double()
    small = render("heart", 1.0, 0.4, CENTRE, CENTRE, size=128)[0].double()
    shrunk = torch.nn.functional.avg_pool2d(large, 32) - torch.nn.functional.avg_pool2d(small, 8)
    assert shrunk.abs().max() < 0.06


@pytest.mark.parametrize("shape", SHAPES)
def test_position_zero_is_top_left_and_centres_are_16_plus_32(shape: str) -> None:
    images = render(shape, 1.0, 0.9, CORNERS, CORNERS)  # (x, y, row, column)
    weight = images.double() / images.double().sum((-1, -2), keepdim=True)
    pixel = torch.arange(64) + 0.5
    column, row = (weight.sum(-2) * pixel).sum(-1), (weight.sum(-1) * pixel).sum(-1)
    moved_right, moved_down = column[1] - column[0], row[:, 1] - row[:, 0]
    torch.testing.assert_close(moved_right, torch.full((2,), 32.0, dtype=torch.float64))
    torch.testing.assert_close(moved_down, torch.full((2,), 32.0, dtype=torch.float64))
    if shape != "heart":  # whose centroid is not its centre
        assert column[0].sub(16).abs().max() < 0.1
        assert row[:, 0].sub(16).abs().max() < 0.1


def test_turns_counter_clockwise_on_the_screen() -> None:
    image = render("ellipse", 1.0, math.pi / 4, CENTRE, CENTRE)[0, 0]
    assert image[32 - 7, 32 + 7]  # the wide axis points up and right
    assert not image[32 + 7, 32 + 7]
    upright = render("heart", 1.0, 0.0, CENTRE, CENTRE)[0, 0]
    assert upright[32 + 8].sum() < upright[32 - 8].sum()  # tip down, lobes up
    assert torch.equal(upright, upright.flip(-1))


@pytest.mark.parametrize(("shape", "period"), [("square", math.pi / 2), ("ellipse", math.pi)])
def test_symmetric_shapes_repeat_within_a_turn(shape: str, period: float) -> None:
    for angle in (0.3, 1.1):
        first = render(shape, 0.8, angle, POSITIONS, POSITIONS)
        assert torch.equal(first, render(shape, 0.8, angle + period, POSITIONS, POSITIONS))
        assert not torch.equal(first, render(shape, 0.8, angle + period / 2, POSITIONS, POSITIONS))


def test_the_heart_repeats_only_after_a_turn() -> None:
    first = render("heart", 0.8, 0.3, CENTRE, CENTRE)
    for angle in (math.pi / 2, math.pi, 3 * math.pi / 2):
        assert (first != render("heart", 0.8, 0.3 + angle, CENTRE, CENTRE)).sum() > 20


@pytest.mark.parametrize("shape", range(3))
def test_orientations_0_and_39_are_the_same_images(shape: int) -> None:
    first, last = blocks(Grid(shape=(shape,), scale=(4,), orientation=(0, 39)))
    assert torch.equal(first, last)
    assert ORIENTATIONS[39] == ORIENTATIONS[0]
    assert len(ORIENTATIONS.unique()) == 39


def test_full_layout() -> None:
    factors = FULL.factors()
    assert factors.shape == (N_IMAGES, 5)
    assert N_IMAGES == 737_280
    assert factors[1].tolist() == [0, 0, 0, 0, 1]  # position_y is fastest
    assert factors[32].tolist() == [0, 0, 0, 1, 0]
    assert factors[32 * 32].tolist() == [0, 0, 1, 0, 0]
    assert factors[-1].tolist() == [2, 5, 39, 31, 31]
    assert torch.equal(flat_index(factors), torch.arange(N_IMAGES))
    assert SCALES.tolist() == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert POSITIONS[[0, 31]].tolist() == [0, 1]


def test_grid_of_46080(grid: data.FactorData) -> None:
    assert grid.images.shape == (46_080, 1, 64, 64)
    assert grid.factor_sizes == (3, 6, 10, 16, 16)
    assert grid.factor_names == ("shape", "scale", "orientation", "position_x", "position_y")
    assert (grid.name, grid.source) == ("dsprites_rerender_grid", "re-render")
    assert ((grid.images == 0) | (grid.images == 255)).all()
    # one image by itself: heart, scale 0.9, orientation 12 of 40, x 6 and y 28 of 32
    index = int((grid.factors == torch.tensor([2, 4, 3, 3, 14])).all(1).nonzero())
    alone = render("heart", 0.9, float(ORIENTATIONS[12]), POSITIONS[[6]], POSITIONS[[28]])
    assert torch.equal(grid.images[index], alone[0] * 255)
    assert COARSE.official_index()[index] == flat_index(torch.tensor([2, 4, 12, 6, 28]))


@pytest.mark.parametrize("name", ["grid", "real_grid"])
def test_fourteen_small_ellipses_have_a_double(name: str, request: pytest.FixtureRequest) -> None:
    """Half a step off half a turn some of the smallest ellipses coincide, real or rendered."""
    grid = request.getfixturevalue(name)
    bits = data.PackedImages.pack(grid.images).bits
    _, scene, counts = bits.unique(dim=0, return_inverse=True, return_counts=True)
    assert (counts.max(), len(counts)) == (2, 46_080 - 14)
    doubled = grid.factors[counts[scene] == 2]
    assert doubled[:, :2].unique(dim=0).tolist() == [[1, 0]]


def test_packed_set_is_the_rendered_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    small = Grid(shape=(0, 2), scale=(1,), orientation=(0, 5), position_x=(0, 9), position_y=(3,))
    monkeypatch.setattr(dsprites_rerender, "FULL", small)
    loaded = data.load("dsprites_rerender")
    assert isinstance(loaded.images, data.PackedImages)
    assert loaded.images.nbytes == 8 * 512
    assert torch.equal(loaded.images[:], torch.cat(list(blocks(small))) * 255)
    grey = data.load("dsprites_rerender", size=32)
    assert isinstance(grey.images, torch.Tensor)
    assert torch.equal(grey.images, pool(loaded.images[:], 32))


def test_nothing_strays_to_the_cpu() -> None:
    for block in blocks(Grid(scale=(0,), orientation=(3,)), device="meta"):
        assert block.device.type == "meta"
        assert block.shape == (1024, 1, 64, 64)


def test_pooling_rounds_to_nearest_with_halves_up() -> None:
    on = torch.zeros(4, 1, 64, 64, dtype=torch.uint8)
    for image, count in enumerate((1, 3, 8, 16)):
        on[image, 0, :4, :4] = (torch.arange(16).view(4, 4) < count).to(torch.uint8)
    pooled = pool(on, 16)
    assert pooled.shape == (4, 1, 16, 16)
    assert pooled[:, 0, 0, 0].tolist() == [16, 48, 128, 255]  # 255/16, 3*255/16, 127.5, 255
    assert pooled[:, 0, 1:].max() == 0
    assert torch.equal(pool(on, 64), on * 255)


def test_loading_smaller_is_pooling(grid: data.FactorData) -> None:
    small = data.load("dsprites_rerender_grid", size=16)
    assert small.images.shape == (46_080, 1, 16, 16)
    assert torch.equal(small.images[::97], pool(grid.images[::97], 16))
    assert torch.equal(small.factors, grid.factors)


@pytest.mark.parametrize("size", [0, 3, 65, 128, 16.5])
def test_sizes_that_do_not_divide_are_errors(size: float) -> None:
    with pytest.raises(ValueError, match=r"\[1, 2, 4, 8, 16, 32, 64\]"):
        data.load("dsprites_rerender_grid", size=size)


def test_unknown_names_are_errors_that_list_the_known() -> None:
    with pytest.raises(ValueError, match=r"dsprites_rerender_grid.*got 'dsprite'"):
        data.load("dsprite")


@pytest.mark.parametrize("shape", range(3))
def test_agreement_with_the_real_grid(
    grid: data.FactorData, real_grid: data.FactorData, shape: int
) -> None:
    rows = calibration.stated_agreement()
    stated = next(r for r in rows if r["shape"] == SHAPES[shape] and r["on_coarse_grid"])
    assert torch.equal(real_grid.factors, grid.factors)
    members = grid.factors[:, 0] == shape
    wrong = (real_grid.images[members] != grid.images[members]).flatten(1).sum(1)
    assert stated["n_images"] == len(wrong)
    # another processor's cosine may move a pixel or two
    assert (wrong == 0).double().mean().item() == pytest.approx(stated["exact_share"], abs=2e-4)
    assert wrong.double().mean().item() == pytest.approx(stated["mean_wrong_pixels"], abs=2e-4)


def test_agreement_with_real_images_off_the_grid() -> None:
    """On images that no figure of the renderer was fitted to: close to the stated shares."""
    subset = real("dsprites_subset")
    stated = {
        r["shape"]: r["exact_share"]
        for r in calibration.stated_agreement()
        if not r["on_coarse_grid"]
    }
    off_grid = (subset.factors[:, 2:] % torch.tensor([4, 2, 2]) != 0).any(1).nonzero().squeeze(1)
    chosen = subset.select(off_grid[:: len(off_grid) // 1500])
    exact: dict[str, list[bool]] = {shape: [] for shape in SHAPES}
    for image, (shape, scale, orientation, x, y) in zip(
        chosen.images, chosen.factors.tolist(), strict=True
    ):
        rendered = render(
            SHAPES[shape],
            float(SCALES[scale]),
            float(ORIENTATIONS[orientation]),
            POSITIONS[[x]],
            POSITIONS[[y]],
        )
        wrong = int((rendered[0] * 255 != image).sum())
        assert wrong <= 2
        exact[SHAPES[shape]].append(wrong == 0)
    for shape, share in stated.items():
        spread = 4 * math.sqrt(share * (1 - share) / len(exact[shape])) + 0.002
        assert sum(exact[shape]) / len(exact[shape]) == pytest.approx(share, abs=spread)


def test_the_outline_in_the_package_is_the_fitted_one(real_grid: data.FactorData) -> None:
    text = calibration.outline_table(calibration.fit_heart_outline())
    radii = torch.tensor([float(line) for line in text.splitlines()[5:]], dtype=torch.float64)
    outline = dsprites_rerender.heart_outline()
    assert len(outline) == calibration.N_ANGLES
    assert (radii - outline).abs().max() < 2e-4
    assert outline.max() < dsprites_rerender.REACH["heart"]


def test_agreement_counts_by_shape_and_grid() -> None:
    """On made-up real images with known mistakes: three pixels in one heart off the grid."""
    rendered = data.FactorData(
        "all",
        torch.zeros(N_IMAGES, 1, 1, 8, dtype=torch.uint8),
        FULL.factors(),
        ("a", "b", "c", "d", "e"),
        FULL.sizes,
        source="re-render",
    )
    factors = torch.tensor([[0, 0, 0, 0, 0], [2, 0, 4, 2, 2], [2, 0, 1, 0, 0], [2, 1, 4, 0, 1]])
    images = torch.zeros(4, 1, 1, 8, dtype=torch.uint8)
    images[3, 0, 0, :3] = 255
    some = data.FactorData("s", images, factors, rendered.factor_names, FULL.sizes, source="real")
    rows = calibration.agreement([some], rendered)
    assert [(r["shape"], r["on_coarse_grid"], r["n_images"]) for r in rows] == [
        ("square", True, 1),
        ("heart", True, 1),
        ("heart", False, 2),
    ]
    assert [r["exact_share"] for r in rows] == [1, 1, 0.5]
    assert [r["mean_wrong_pixels"] for r in rows] == [0, 0, 1.5]
    assert [r["max_wrong_pixels"] for r in rows] == [0, 0, 3]
