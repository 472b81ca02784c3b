"""The SmallNORB twin: ten toys of our own in each of five categories, under six lights.

It shares factor names and sizes with SmallNORB, and never a pixel. The scene: a toy on an endless
floor, a camera at distance 4.6 that looks at height 0.36 with a field of view of 34 degrees,
elevations 30, 35 .. 70 and azimuths 0, 20 .. 340 degrees. The lights go round with the camera, as
if the toy stood on a turntable:

    value = scale albedo (ambient (0.3 + 0.7 free) + sun lit max(n·l, 0))

with the normal n, the way l to the light, the share `lit` of it that no shadow takes, and free the
openness. A light's scale gives the open floor its level of grey.
"""

from __future__ import annotations

import itertools
from os import PathLike
from typing import NamedTuple

import torch
from torch import Tensor

from disentangled.data.factor_data import FactorData
from disentangled.data.layout import Layout
from disentangled.data.rendered.cameras import Camera, Rays, direction, orbit
from disentangled.data.rendered.car import car_solid, draw_car
from disentangled.data.rendered.kept import kept
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
from disentangled.data.rendered.solids import Part, Point, Solid, nearest
from disentangled.data.rendered.toys import TOY, animal, human, plane, truck
from disentangled.data.smallnorb import LAYOUT

VERSION = 2
"""Raised whenever pictures change."""
ELEVATIONS = tuple(range(30, 71, 5))
AZIMUTHS = tuple(range(0, 360, 20))
FLOOR = 0.80
REACH = 0.18
PENUMBRA = 0.35
HARDNESS = 5.0
GRID = LAYOUT.part(instance=range(2), elevation=(0, 4, 8), azimuth=range(0, 18, 3))


class Light(NamedTuple):
    """Where a light comes from, in degrees and seen from the camera, how much of it is sun and how
    much comes from everywhere, and the level of grey that it gives the open floor."""

    azimuth: float
    elevation: float
    sun: float
    ambient: float
    level: float


LIGHTS = (
    Light(60, 35, 0.60, 0.55, 0.86),
    Light(-60, 35, 0.60, 0.55, 0.80),
    Light(170, 30, 0.65, 0.50, 0.70),
    Light(-120, 60, 0.45, 0.35, 0.54),
    Light(20, 70, 0.75, 0.65, 0.98),
    Light(-20, 25, 0.40, 0.62, 0.90),
)


def grey_car(word: str) -> Solid:
    """The car of a word, its colours as shades of a toy's grey."""
    painted = car_solid(draw_car(word))

    def parts(p: Point) -> list[Part]:
        return [Part(d, (TOY[0] * (0.6 + 0.4 * max(paint)),)) for d, paint in painted(p)]

    return parts


CATEGORIES = (animal, human, plane, truck, grey_car)


def views(layout: Layout) -> Camera:
    """A camera for every elevation and azimuth of a grid, azimuth fastest."""
    azimuths = [AZIMUTHS[k] for k in layout.used["azimuth"]]
    elevations = [ELEVATIONS[k] for k in layout.used["elevation"]]
    return orbit(azimuths, elevations, distance=4.6, height=0.36, field_of_view=34)


def pictures(
    solid: Solid,
    camera: Camera,
    lights: tuple[Light, ...],
    size: int,
    device: torch.device | str = "cpu",
) -> Tensor:
    """A toy from every view of a camera under each light: uint8 (V, L, 1, size, size).

    The toy is traced once a view for all lights; openness and shadows are found once a pixel.
    """
    inside = bounds(solid, device=device)
    shots = [_shot(solid, inside, some, lights, size, device) for some in camera.batches(size)]
    return torch.cat(shots)


def _shot(
    solid: Solid,
    inside: Bounds,
    camera: Camera,
    lights: tuple[Light, ...],
    size: int,
    device: torch.device | str,
) -> Tensor:
    p, out, albedo, on_toy = _surface(solid, inside, camera.rays(size, device))
    free = 0.3 + 0.7 * _free(solid, inside.padded(REACH), p, out, on_toy)
    view = torch.arange(len(camera.azimuth), device=device).repeat_interleave(4 * size**2)
    values = []
    for light in lights:
        ways = [direction(light.azimuth + turn, light.elevation) for turn in camera.azimuth]
        way = Point(*torch.tensor(ways, device=device)[view].unbind(1))
        facing = out.dot(way).clamp(min=0)
        leader, follows = leaders(torch.where(on_toy, 1 + (facing > 0).int(), 0))
        reached = (facing[leader] > 0).nonzero().squeeze(1)
        source = leader[reached]
        rays = Rays(p.take(source).plus(out.take(source), 0.004), way.take(source))
        lit = torch.zeros(len(leader), device=device)
        lit[reached] = shadow(solid, inside.padded(PENUMBRA), rays, HARDNESS)
        open_floor = FLOOR * (light.ambient + light.sun * direction(0, light.elevation)[2])
        value = albedo * (light.ambient * free + light.sun * lit[follows] * facing)
        values.append(value * (light.level / open_floor))
    return develop(torch.stack(values)[..., None], size).transpose(0, 1)


def _surface(solid: Solid, inside: Bounds, rays: Rays) -> tuple[Point, Point, Tensor, Tensor]:
    """What rays end on: places, normals, albedo (n,), and whether it is the toy (n,)."""
    depth = trace(solid, inside, rays)
    on_toy = depth.isfinite()
    p = rays.at(torch.where(on_toy, depth, -rays.start.z / rays.direction.z))
    toy = on_toy.nonzero().squeeze(1)
    on = p.take(toy)
    floor = (torch.zeros_like(p.x), torch.zeros_like(p.x), torch.ones_like(p.x))
    sides = normal(solid, on)
    out = Point(*(f.index_copy(0, toy, side) for f, side in zip(floor, sides, strict=True)))
    albedo = torch.full_like(p.x, FLOOR).index_copy(0, toy, colour(solid, on)[:, 0])
    return p, out, albedo, on_toy


def _free(solid: Solid, near: Bounds, p: Point, out: Point, on_toy: Tensor) -> Tensor:
    """Openness above toy and floor (n,); the floor far from the toy is open."""
    leader, follows = leaders(on_toy)
    p, out, on_toy = p.take(leader), out.take(leader), on_toy[leader]
    inside = [(p[k] > near.low[k]) & (p[k] < near.high[k]) for k in range(2)]
    close = (on_toy | (inside[0] & inside[1])).nonzero().squeeze(1)

    def distance(q: Point) -> Tensor:
        return torch.minimum(nearest(solid(q)), q.z)

    free = openness(distance, p.take(close), out.take(close), REACH)
    return torch.ones_like(p.x).index_copy(0, close, free)[follows]


def render(layout: Layout, size: int, about: str) -> Tensor:
    """All images of a grid in its order: uint8 (N, 1, size, size)."""
    camera = views(layout)
    lights = tuple(LIGHTS[k] for k in layout.used["lighting"])

    def one(toy: tuple[int, int]) -> Tensor:
        category, instance = toy
        solid = CATEGORIES[category](f"norb/{category}/{instance}")
        return pictures(solid, camera, lights, size)

    toys = list(itertools.product(layout.used["category"], layout.used["instance"]))
    return torch.stack(on_all_threads(one, toys, about)).flatten(0, 2)


def load_full(root: str | PathLike[str] | None, size: int) -> FactorData:
    """All 48,600 images, rendered once and kept on disk."""
    return _load("smallnorb_twin", LAYOUT, root, size)


def load_grid(root: str | PathLike[str] | None, size: int) -> FactorData:
    """1,080 images: two toys a category, three elevations, six azimuths; seconds at 16 px."""
    return _load("smallnorb_twin_grid", GRID, root, size)


def _load(name: str, layout: Layout, root: str | PathLike[str] | None, size: int) -> FactorData:
    shape = (layout.n_images, 1, size, size)
    about = f"{name}, {layout.n_images:,} images of {size} px, once: toys"
    images = kept(name, shape, VERSION, root, lambda: render(layout, size, about))
    return layout.data(name, images, "twin")
