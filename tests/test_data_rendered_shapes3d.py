"""The Shapes3D twin: images put together from 480 lights, each part in its own colour."""

import colorsys
import math
from pathlib import Path

import pytest
import torch

from disentangled import data
from disentangled.data import shapes3d
from disentangled.data.images import averaged
from disentangled.data.palette import PaletteImages
from disentangled.data.rendered import cameras, shapes3d_twin
from disentangled.data.rendered.rendering import bounds
from disentangled.data.rendered.shapes3d_twin import GRID, LAYOUT, ORIENTATIONS, REGIONS, SCALES

FLOOR, WALL, OBJECT, SKY, WHITE = range(5)
CUBE, CYLINDER, BALL, CAPSULE = range(4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def light(folder: Path) -> torch.Tensor:
    """By scale, shape, orientation and region."""
    return shapes3d_twin.geometries(folder).view(8, 4, 15, 5, 64, 64)


@pytest.fixture(scope="module")
def whole(folder: Path) -> data.FactorData:
    return data.load("shapes3d_twin", root=folder)


def numbers(*values: int) -> int:
    """Of an image of the whole set, by plain arithmetic."""
    number = 0
    for value, size in zip(values, (10, 10, 10, 8, 4, 15), strict=True):
        number = number * size + value
    return number


def test_what_is_loaded(whole: data.FactorData, folder: Path) -> None:
    grid = data.load("shapes3d_twin_grid", root=folder)
    assert (whole.name, whole.source) == ("shapes3d_twin", "twin")
    assert (grid.name, grid.source) == ("shapes3d_twin_grid", "twin")
    names = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    assert whole.factor_names == grid.factor_names == names
    assert whole.factor_sizes == (10, 10, 10, 8, 4, 15)
    assert grid.factor_sizes == (5, 5, 5, 4, 4, 8)
    assert whole.images.shape == (480_000, 3, 64, 64)
    assert grid.images.shape == (16_000, 3, 64, 64)
    assert whole.unordered == grid.unordered == ("shape",)
    assert LAYOUT is shapes3d.LAYOUT


def test_the_whole_set_takes_little_memory(whole: data.FactorData) -> None:
    """None of it is an image: 33 MB, where the images would be 5.9 GB."""
    parts = whole.images
    assert isinstance(parts, PaletteImages)
    held = (parts.light, parts.geometry, parts.palette, parts.paint)
    assert sum(part.numel() * part.element_size() for part in held) < 34e6


def test_hues_scales_and_orientations_are_those_of_the_real_set() -> None:
    colours = shapes3d_twin.palette()
    assert colours.shape == (12, 3)
    assert colours[:3].tolist() == [[255, 0, 0], [255, 153, 0], [204, 255, 0]]
    for k, colour in enumerate(colours[:10].tolist()):
        hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in colour))
        assert (saturation, value) == (1, 1)
        assert hue == pytest.approx(k / 10, abs=1e-3)
    assert colours[10:].tolist() == [[153, 226, 249], [255, 255, 255]]
    assert SCALES[0] == 0.75
    assert SCALES[7] == 1.25
    assert (ORIENTATIONS[0], ORIENTATIONS[7], ORIENTATIONS[14]) == (-30, 0, 30)


def test_every_image_of_the_grid_is_the_composition_of_its_parts(
    light: torch.Tensor, folder: Path
) -> None:
    """Against integers, in an order of our own: a geometry at a time, all colours of it."""
    grid = data.load("shapes3d_twin_grid", root=folder)
    colours = shapes3d_twin.palette().long()
    hues = colours[:10:2]
    for scale, shape, turn in ((s, k, t) for s in range(4) for k in range(4) for t in range(8)):
        parts = light[2 * scale, shape, 2 * turn].long()  # (R, 64, 64)
        floor, wall, thing = (
            parts[region][None, None] * hues[:, :, None, None] for region in (FLOOR, WALL, OBJECT)
        )  # (5, 3, 64, 64)
        rest = sum(parts[r] * colours[10 + r - SKY][:, None, None] for r in (SKY, WHITE))
        total = floor[:, None, None] + wall[None, :, None] + thing[None, None] + rest
        expected = ((total + 127) // 255).to(torch.uint8)  # by floor, wall and object hue
        same = (grid.factors[:, 3:] == torch.tensor([scale, shape, turn])).all(1)
        index = same.nonzero().squeeze(1)
        assert grid.factors[index, :3].tolist() == [
            [f, w, o] for f in range(5) for w in range(5) for o in range(5)
        ]
        assert torch.equal(grid.images[index], expected.flatten(0, 2))


def test_an_image_of_the_grid_is_the_one_of_the_whole_set(
    whole: data.FactorData, folder: Path
) -> None:
    grid = data.load("shapes3d_twin_grid", root=folder)
    some = torch.randint(16_000, (300,), generator=torch.Generator().manual_seed(0))
    used = [torch.tensor(values) for values in GRID.used.values()]
    there = [
        numbers(*(int(values[v]) for values, v in zip(used, row, strict=True)))
        for row in grid.factors[some]
    ]
    assert torch.equal(grid.images[some], whole.images[there])


@pytest.mark.parametrize(
    ("factor", "region"), [("floor_hue", FLOOR), ("wall_hue", WALL), ("object_hue", OBJECT)]
)
def test_a_hue_changes_the_pixels_of_its_part_and_no_others(
    whole: data.FactorData, light: torch.Tensor, factor: str, region: int
) -> None:
    """From red to its opposite, cyan, every channel of every pixel of the part changes."""
    column = whole.factor_index(factor)
    for geometry in ((0, CUBE, 0), (3, CYLINDER, 7), (5, BALL, 11), (7, CAPSULE, 14)):
        values = [4, 7, 2, *geometry]
        red, cyan = (
            whole.images[numbers(*values[:column], hue, *values[column + 1 :])] for hue in (0, 5)
        )
        changed = (red != cyan).all(0)
        assert torch.equal(changed, (red != cyan).any(0))
        assert torch.equal(changed, light[geometry][region] > 0)


def test_no_geometry_comes_twice_and_no_image(
    light: torch.Tensor, whole: data.FactorData, folder: Path
) -> None:
    """Images of the grid, and those of one hue everywhere, where shade alone tells parts apart."""
    assert len(light.flatten(3).flatten(0, 2).unique(dim=0)) == 480
    grid = data.load("shapes3d_twin_grid", root=folder, size=16)
    assert len(grid.images[:].flatten(1).unique(dim=0)) == 16_000
    for hue in range(10):
        first = numbers(hue, hue, hue, 0, 0, 0)
        assert len(whole.images[first : first + 480].flatten(1).unique(dim=0)) == 480


def test_light_says_what_a_pixel_shows(light: torch.Tensor) -> None:
    """Beside edges one region a pixel; sky is full light, and every row above the walls is sky."""
    total = light.sum(-3, dtype=torch.int32)
    assert total.max() == 255
    assert (light[..., SKY, :10, :] == 255).flatten(-2).all(-1)[:, :CAPSULE].all()
    present = light[..., [FLOOR, WALL, OBJECT, SKY], :, :] > 0
    assert present.any(-1).any(-1).all()
    assert (present.sum(-3) == 1).float().mean() > 0.93
    assert ((light[..., WHITE, :, :] > 0) <= (light[..., OBJECT, :, :] > 0)).all()
    assert light[..., WALL, :, :].max() > 250
    assert light[..., FLOOR, :, :].max() == 255


def silhouette(light: torch.Tensor) -> torch.Tensor:
    """Pixels of the object, by rows and columns: the extent in each, in px."""
    on = light[..., OBJECT, :, :] > 0
    return torch.stack([on.any(-1).sum(-1), on.any(-2).sum(-1)], dim=-1)


def test_the_solids_are_as_large_as_their_measures_say(light: torch.Tensor) -> None:
    """A ball of radius r at distance 5, its centre at height r, seen from height 1.43.

    The half-angle is asin(r / distance); a pixel is 2 tan(47.6° / 2) / 64 wide.
    """
    pixel = 2 * math.tan(math.radians(47.6 / 2)) / 64
    for scale in range(8):
        radius = 0.8 * SCALES[scale]
        below = math.atan((1.43 - radius) / 5)
        half = math.asin(radius / math.hypot(5, 1.43 - radius))
        tall = (math.tan(half - below) + math.tan(half + below)) / pixel
        wide = 2 * radius / math.sqrt(25 - radius**2) / pixel
        for turn in (0, 7, 14):
            found = silhouette(light[scale, BALL, turn])
            assert abs(found[0] - tall) < 2
            assert abs(found[1] - wide) < 2
    # the front of the cube, seen straight: 1.34 / (5 - 0.67) wide at scale 1
    for scale in range(8):
        front = 1.34 * SCALES[scale] / (5 - 0.67 * SCALES[scale]) / pixel
        assert abs(silhouette(light[scale, CUBE, 7])[1] - front) < 2


def test_scale_makes_larger_and_orientation_turns_the_room(light: torch.Tensor) -> None:
    """Of round solids orientation changes no outline; of the room it does, and mirrors it."""
    size = silhouette(light).sum(-1)
    assert (size.diff(dim=0) >= 0).all()
    assert (size[7] > 1.3 * size[0]).all()
    for shape in (CYLINDER, BALL, CAPSULE):
        outline = light[:, shape, :, OBJECT] > 0
        assert (outline != outline[:, :1]).float().mean() < 1e-3
    wall = (light[:, CUBE, :, WALL] > 0).float()
    assert (wall - wall.flip(1).flip(-1)).abs().mean() < 0.02
    assert (wall[:, 0] - wall[:, 7]).abs().mean() > 0.02
    # the corner on the right at -30 degrees, on the left at 30: walls beyond it are darker
    shade = light[0, BALL, :, WALL, 20].float()
    assert shade[0, 60] < 0.8 * shade[0, 10]
    assert shade[14, 3] < 0.9 * shade[14, 50]


def test_the_shadow_falls_to_the_right_and_lies_on_the_floor_alone(light: torch.Tensor) -> None:
    """It takes all but 0.34 of the light of the same place beside a small solid."""
    floor = light[..., FLOOR, :, :].float()
    nothing_else = light[..., [WALL, OBJECT, SKY], :, :].sum(-3) == 0
    dark = nothing_else & (floor < 0.5 * 255)
    column = torch.arange(64.0)
    for shape in range(4):
        place = (dark[:, shape] * column).sum((-1, -2)) / dark[:, shape].sum((-1, -2))
        assert (place > 32).all()
    shadow, open_floor = (floor[scale, CAPSULE, 7, 57, 40:50] for scale in (7, 0))
    assert (shadow / open_floor - 0.34).abs().max() < 0.01


@pytest.mark.parametrize("size", [32, 16, 8])
def test_smaller_images_are_averages(whole: data.FactorData, folder: Path, size: int) -> None:
    small = data.load("shapes3d_twin", root=folder, size=size)
    some = torch.randint(480_000, (200,), generator=torch.Generator().manual_seed(1))
    difference = averaged(whole.images[some], size).float() - small.images[some].float()
    assert difference.abs().max() <= 3  # three regions in a pixel at most, or four
    assert difference.abs().mean() < 0.1


def test_any_part_of_the_grid(whole: data.FactorData, folder: Path) -> None:
    layout = LAYOUT.part(floor_hue=(9,), object_hue=(1, 4), shape=(3, 0), orientation=(2,))
    part = shapes3d_twin.load_part("mine", layout, folder, 64)
    assert part.name == "mine"
    assert part.factor_sizes == (1, 10, 2, 8, 2, 1)
    index = int((part.factors == torch.tensor([0, 6, 1, 5, 0, 0])).all(1).nonzero())
    assert torch.equal(part.images[index], whole.images[numbers(9, 6, 4, 5, CAPSULE, 2)])


def test_lights_do_not_depend_on_threads_and_batches(
    light: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cameras, "RAYS_AT_ONCE", 4 * 64**2)
    camera = shapes3d_twin.views([3, 8])
    for scale, shape in ((0, CAPSULE), (6, CYLINDER)):
        again = shapes3d_twin.lights(shapes3d_twin.solid(scale, shape), camera)
        assert torch.equal(again, light[scale, shape, [3, 8]])


def test_solids_stand_on_the_floor() -> None:
    for scale in (0, 7):
        for shape in range(4):
            low, high = bounds(shapes3d_twin.solid(scale, shape), shapes3d_twin.REACH)
            assert abs(low[2]) < 0.3
            assert high[2] < 4
    assert len(REGIONS) == 5


@pytest.mark.parametrize(
    ("used", "message"),
    [
        ({"colour": (0,)}, r"a property, one of \['floor_hue', .*, got 'colour'"),
        ({"shape": (0, 9)}, r"values of shape, each once, of \(0, 1, 2, 3\), got \(0, 9\)"),
        ({"shape": (-1,)}, r"got \(-1,\)"),
        ({"shape": (0, 0)}, r"got \(0, 0\)"),
        ({"shape": ()}, r"got \(\)"),
    ],
)
def test_a_part_of_the_grid_is_in_it(used, message):
    with pytest.raises(ValueError, match=message):
        shapes3d_twin.LAYOUT.part(**used)
