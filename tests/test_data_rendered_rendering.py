"""The renderer on shapes whose distances, outlines and shadows are known."""

import math
import random

import pytest
import torch

from disentangled.data.rendered import cameras, rendering
from disentangled.data.rendered.cameras import Camera, Rays, direction, orbit
from disentangled.data.rendered.rendering import (
    Bounds,
    bounds,
    colour,
    develop,
    leaders,
    normal,
    on_all_threads,
    openness,
    shadow,
    trace,
)
from disentangled.data.rendered.solids import (
    Draws,
    Part,
    Point,
    ball,
    blend,
    box,
    carve,
    ellipsoid,
    limb,
    meet,
    nearest,
    rod,
    zoomed,
)


def points(*places: tuple[float, float, float]) -> Point:
    return Point(*torch.tensor(places, dtype=torch.float32).T)


def a_ball(centre: tuple[float, float, float], radius: float):
    return lambda p: [Part(ball(p, centre, radius), (1.0,))]


@pytest.mark.parametrize(
    ("distance", "place", "expected"),
    [
        (lambda p: ball(p, (1, 2, 3), 0.5), (1, 2, 5), 1.5),
        (lambda p: ball(p, (1, 2, 3), 0.5), (1, 2, 3), -0.5),
        (lambda p: ellipsoid(p, (0, 0, 0), (3, 2, 1)), (3, 0, 0), 0.0),
        (lambda p: ellipsoid(p, (0, 0, 0), (3, 2, 1)), (0, 0, 5), 4.0),
        (lambda p: ellipsoid(p, (0, 0, 0), (2, 2, 2)), (0, 3, 4), 3.0),
        (lambda p: box(p, (0, 0, 1), (1, 2, 3)), (2, 0, 1), 1.0),
        (lambda p: box(p, (0, 0, 1), (1, 2, 3)), (4, 6, 1), 5.0),
        (lambda p: box(p, (0, 0, 1), (1, 2, 3)), (2, 4, 6), 3.0),
        (lambda p: box(p, (0, 0, 1), (1, 2, 3)), (0.75, 0, 1), -0.25),
        (lambda p: box(p, (0, 0, 0), (1, 1, 1), rounding=1), (2, 2, 1), 2.0),
        (lambda p: rod(p, (0, 0, 0), 1, 2, "x"), (5, 0, 5), 5.0),
        (lambda p: rod(p, (0, 0, 0), 1, 2, "y"), (0, 5, 0), 3.0),
        (lambda p: rod(p, (0, 0, 0), 1, 2, "z"), (0.75, 0, 0), -0.25),
        (lambda p: limb(p, (0, 0, 0), (4, 0, 0), 1), (2, 3, 0), 2.0),
        (lambda p: limb(p, (0, 0, 0), (4, 0, 0), 1), (7, 4, 0), 4.0),
        (lambda p: limb(p, (0, 0, 0), (4, 0, 0), 1, 3), (2, 5, 0), 3.0),
        (lambda p: blend(p.x, p.y, 1.0), (2, 2, 0), 1.75),
        (lambda p: blend(p.x, p.y, 1.0), (2, 4, 0), 2.0),
        (lambda p: carve(p.x, p.y, 1.0), (2, -2, 0), 2.25),
        (lambda p: carve(p.x, p.y, 0.1), (-3, -2, 0), 2.0),
        (lambda p: meet(p.x, p.y, p.z), (-3, -2, -5), -2.0),
        (lambda p: nearest(zoomed(a_ball((0, 0, 1), 1), 3.0)(p)), (0, 0, 10), 4.0),
    ],
)
def test_distances_at_known_points(distance, place, expected) -> None:
    assert distance(points(place)).item() == pytest.approx(expected, abs=1e-5)


def test_mirrored_points_see_one_side_on_both() -> None:
    p = points((1, -2, 3), (1, 2, 3)).mirrored()
    assert ball(p, (1, 2, 3), 0.5).tolist() == [-0.5, -0.5]


def test_draws_follow_from_the_word() -> None:
    """The stream of random() that Python promises to keep, and nothing else of its module."""
    draws, stream = Draws("norb/0/0"), random.Random("norb/0/0")
    assert draws.between(2, 4) == 2 + 2 * stream.random()
    assert draws.one_of("abc") == "abc"[int(3 * stream.random())]
    assert draws.chance(0.5) == (stream.random() < 0.5)
    assert Draws("norb/0/0").between(0, 1) == 0.2077999092815067


@pytest.mark.parametrize("radius", [0.3, 0.7])
@pytest.mark.parametrize("field_of_view", [27, 40])
def test_a_balls_outline_is_that_of_a_pinhole(radius: float, field_of_view: float) -> None:
    """Half angle asin(r / d), so a disc of radius r / sqrt(d² - r²) at distance 1."""
    camera = Camera((20.0,), (35.0,), 4.0, 0.5, field_of_view)
    rays = camera.rays(64, "cpu")
    solid = a_ball((0, 0, 0.5), radius)
    depth = trace(solid, bounds(solid), rays)
    seen = depth.isfinite()
    half_side = math.tan(math.radians(field_of_view) / 2)

    def disc(radius: float) -> float:
        return math.pi * radius**2 / (4.0**2 - radius**2) / (2 * half_side) ** 2

    # a ray that passes within HIT has met the ball
    assert 0.995 * disc(radius) < seen.double().mean() < 1.005 * disc(radius + rendering.HIT)
    assert depth[seen].min().item() == pytest.approx(4.0 - radius, abs=0.01)
    at = rays.at(torch.where(seen, depth, 0.0)).take(seen.nonzero().squeeze(1))
    assert nearest(solid(at)).abs().max() < rendering.HIT


def test_where_the_camera_stands() -> None:
    """Balls on the axes, seen from the front, the left and above."""
    where = {"x": (0.8, 0, 0), "y": (0, 0.8, 0), "z": (0, 0, 0.8)}
    pixel = (torch.arange(32) + 0.5) / 16 - 1

    def centre(axis: str, azimuth: float, elevation: float) -> tuple[float, float]:
        """Mean column and row, -1 to 1 from left to right and from top to bottom."""
        solid = a_ball(where[axis], 0.1)
        rays = Camera((azimuth,), (elevation,), 4.0, 0.0, 40).rays(32, "cpu")
        seen = trace(solid, bounds(solid), rays).isfinite().double().view(32, 32, 4).sum(-1)
        weight = seen / seen.sum()
        return float((weight.sum(0) * pixel).sum()), float((weight.sum(1) * pixel).sum())

    edge = 0.8 / (4 * math.tan(math.radians(20)))
    for axis, azimuth, elevation, column, row in (
        ("x", 0, 0, 0, 0), ("y", 0, 0, edge, 0), ("z", 0, 0, 0, -edge),
        ("x", 90, 0, -edge, 0), ("y", 90, 0, 0, 0), ("x", 0, 90, 0, edge), ("y", 0, 90, edge, 0),
    ):  # fmt: skip
        assert centre(axis, azimuth, elevation) == pytest.approx((column, row), abs=0.01)


def test_normals_and_colours() -> None:
    places = torch.nn.functional.normalize(
        torch.randn(50, 3, generator=torch.manual_seed(0)), dim=1
    )
    p = Point(*(0.6 * places).T)
    out = torch.stack(normal(a_ball((0, 0, 0), 0.6), p), dim=1)
    torch.testing.assert_close(out, places, atol=5e-3, rtol=0)

    def two(p: Point) -> list[Part]:
        left, right = ball(p, (0, 1, 0), 0.5), ball(p, (0, -1, 0), 0.5)
        return [Part(left, (0.1, 0.2, 0.3)), Part(right, (0.7, 0.8, 0.9))]

    found = colour(two, points((0, 0.6, 0), (0, -0.6, 0)))
    torch.testing.assert_close(found, torch.tensor([[0.1, 0.2, 0.3], [0.7, 0.8, 0.9]]))


def test_bounds_hold_the_solid_closely() -> None:
    low, high = bounds(a_ball((0.3, -0.2, 0.5), 0.4))
    cell = 2 * 1.8 / rendering.LATTICE
    for got, exact in zip((*low, *high), (-0.1, -0.6, 0.1, 0.7, 0.2, 0.9), strict=True):
        outwards = got - exact if exact in (0.7, 0.2, 0.9) else exact - got
        assert 0 <= outwards <= 2 * cell
    for solid, found in ((a_ball((5, 0, 0), 1), "none"), (a_ball((0, 0, 1.5), 0.5), "beyond")):
        with pytest.raises(ValueError, match=rf"within 1\.8 of the origin, found .*{found}"):
            bounds(solid)


def floor_under(
    solid, elevation: float, hardness: float, padding: float = 0.35
) -> tuple[torch.Tensor, Point]:
    """Shares of a light from azimuth 0 on a floor of 200 x 200 points from -2 to 2."""
    steps = (torch.arange(200) + 0.5) / 50 - 2
    x, y = (axis.flatten() for axis in torch.meshgrid(steps, steps, indexing="ij"))
    p = Point(x, y, torch.zeros_like(x))
    way = Point(*(torch.full_like(x, c) for c in direction(0, elevation)))
    return shadow(solid, bounds(solid).padded(padding), Rays(p, way), hardness), p


def test_a_balls_shadow_lies_where_geometry_says() -> None:
    """Under a light at elevation e a ball at height h throws an ellipse of area π r² / sin e,
    centred h / tan e away from the light."""
    height, radius, elevation = 0.7, 0.3, 50.0
    sharp, p = floor_under(a_ball((0, 0, height), radius), elevation, hardness=200)
    dark = sharp < 0.5
    area = dark.sum().item() * (4 / 200) ** 2
    tilt = math.radians(elevation)
    assert area == pytest.approx(math.pi * radius**2 / math.sin(tilt), rel=0.03)
    assert p.x[dark].mean().item() == pytest.approx(-height / math.tan(tilt), abs=0.01)
    assert p.y[dark].mean().item() == pytest.approx(0, abs=0.01)


def test_a_soft_shadow_is_wider_and_ends_before_the_padded_box() -> None:
    solid = a_ball((0, 0, 0.7), 0.3)
    sharp, p = floor_under(solid, 50.0, hardness=200)
    soft, _ = floor_under(solid, 50.0, hardness=5)
    assert (soft <= sharp + 1e-4).all()
    assert ((soft > 0.01) & (soft < 0.99)).sum() > 4 * ((sharp > 0.01) & (sharp < 0.99)).sum()
    centre = (p.x + 0.7 / math.tan(math.radians(50))).square() + p.y.square()
    assert soft[centre < 0.15**2].max() < 1e-3
    assert soft[centre > 1.2**2].min() == 1
    # a wider box changes little, none at all would show
    wide, bare = (floor_under(solid, 50.0, 5, padding)[0] for padding in (1.5, 0.0))
    assert (soft - wide).abs().max() < 0.05
    assert (bare - wide).abs().max() > 0.3


def test_openness_beside_a_wall() -> None:
    """At a distance x from a wall: the mean of x / (0.4 reach) and x / reach, at most 1 each."""
    p = points((0.05, 0, 0), (0.1, 0, 0), (0.3, 0, 0), (0.0, 0, 0))
    up = Point(*(torch.full_like(p.x, c) for c in (0, 0, 1)))
    free = openness(lambda q: torch.minimum(q.x, q.z), p, up, reach=0.2)
    assert free.tolist() == pytest.approx([(0.05 / 0.08 + 0.05 / 0.2) / 2, 0.75, 1, 0])


def test_leaders_are_the_first_of_their_kind_in_a_pixel() -> None:
    kind = torch.tensor([0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1]).bool()
    leader, follows = leaders(kind)
    assert leader.tolist() == [0, 4, 5, 8, 12, 13]
    assert leader[follows].tolist() == [0, 0, 0, 0, 4, 5, 4, 5, 8, 8, 8, 8, 12, 13, 12, 12]
    leader, follows = leaders(torch.tensor([2, 0, 1, 1, 7, 2, 7, 2]))
    assert leader[follows].tolist() == [0, 1, 2, 2, 4, 5, 4, 5]


def test_developing_averages_four_rays() -> None:
    values = torch.zeros(2, 3, 2, 2, 4, 1)
    values[1, 2, 0, 1, :, 0] = torch.tensor([0.0, 1.0, 1.0, 0.5])
    values[0, 0, 1, 0] = 1.5
    pictures = develop(values.view(2, 48, 1), 2)
    assert pictures.shape == (2, 3, 1, 2, 2)
    assert pictures[1, 2, 0].tolist() == [[0, round(255 * 0.625)], [0, 0]]
    assert pictures[0, 0, 0].tolist() == [[0, 0], [255, 0]]
    assert pictures.sum().item() == round(255 * 0.625) + 255


def test_batches_are_the_views_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = orbit([0, 90, 180], [10, 20], distance=4, height=0.3, field_of_view=30)
    assert camera.azimuth == (0, 90, 180, 0, 90, 180)
    assert camera.elevation == (10, 10, 10, 20, 20, 20)
    monkeypatch.setattr(cameras, "RAYS_AT_ONCE", 4 * 8**2 * 4)
    first, second = camera.batches(8)
    assert (first.azimuth, first.elevation) == ((0, 90, 180, 0), (10, 10, 10, 20))
    whole = camera.rays(8, "cpu")
    for part, joined in ((0, whole.start), (1, whole.direction)):
        parts = [torch.stack(some.rays(8, "cpu")[part]) for some in (first, second)]
        assert torch.equal(torch.cat(parts, dim=1), torch.stack(joined))


def test_a_ray_that_misses_the_box_leaves_before_it_enters() -> None:
    start = points((-5, 0, 0), (-5, 3, 0), (0, 0, 0))
    ahead = points((1, 0, 0), (1, 0, 0), (1, 0, 0))
    enter, leave = Bounds((-1, -1, -1), (1, 2, 1)).crossing(Rays(start, ahead))
    assert enter[0].item() == pytest.approx(4)
    assert leave[0].item() == pytest.approx(6)
    assert enter[1] > leave[1]
    assert (enter[2].item(), leave[2].item()) == pytest.approx((0, 1))


def test_threads_keep_the_order_and_give_back_their_number() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert on_all_threads(lambda n: torch.tensor(n * n), range(7), "squares") == [
            torch.tensor(n * n) for n in range(7)
        ]
        assert torch.get_num_threads() == 3
        with pytest.raises(ZeroDivisionError):
            on_all_threads(lambda n: torch.tensor(1 / n), range(2), "inverses")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
