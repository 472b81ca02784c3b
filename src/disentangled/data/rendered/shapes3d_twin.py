"""The Shapes3D twin: one of four solids in a room, drawn once for all colours.

It shares factor names, sizes and values with Shapes3D, and never a pixel. The scene was measured
on a moving picture of some of the real images: a floor, walls 4 high at a distance of 7 from the
middle, above them sky, and in the middle a cube, a cylinder, a ball or a capsule. At scale 1 the
cube's edge is 1.34, the cylinder is 1.5 across and 1.4 high, the ball 1.6 across, and the capsule
1.2 across and 2.5 high. The camera looks straight ahead at height 1.43 and distance 5, with a
field of view of 47.6 degrees. Orientation moves the camera around the middle, so that the room
turns with the solid; were it the solid alone, the three round ones would look the same from
everywhere.

What a ray sees belongs to one of five regions and has a light from 0 to 1:

    floor    (0.34 + 0.66 lit) (1.16 - 0.06 |p - bright|, at most 1)
    wall     0.93 + 0.02 z, less 0.20 on the left wall and 0.32 on the right
    object   (0.82 + 0.11 n_x - 0.16 n_y + 0.18 n_z, at most 1) (1 - white)
    sky      1
    white    0.16 max(n·h, 0)^4, the highlight on the object

with the place p, z its height, the normal n, h halfway between the ways to the light and to the
eye, the share `lit` of the light that no shadow takes, and the brightest place of the floor. The
first three regions have the hues of the image, the last two a colour of their own. So 480 lights,
one a geometry, and a palette make all 480,000 images.
"""

from __future__ import annotations

import colorsys
import itertools
from collections.abc import Sequence
from os import PathLike

import torch
from torch import Tensor

from disentangled.data.factor_data import FactorData
from disentangled.data.layout import Layout
from disentangled.data.palette import PaletteImages, pooled_light, whole_light
from disentangled.data.rendered.cameras import Camera, Rays, orbit
from disentangled.data.rendered.kept import kept
from disentangled.data.rendered.rendering import (
    Bounds,
    bounds,
    normal,
    on_all_threads,
    shadow,
    trace,
)
from disentangled.data.rendered.solids import Part, Place, Point, Solid, ball, box, limb, rod
from disentangled.data.resampled import SHAPES3D, loaders
from disentangled.data.shapes3d import LAYOUT, NATIVE_SIZE

VERSION = 1
"""Raised whenever pictures change."""
REGIONS = ("floor", "wall", "object", "sky", "white")
N_HUES = 10
SCALES = tuple(0.75 + 0.5 * k / 7 for k in range(8))
ORIENTATIONS = tuple(-30 + 60 * k / 14 for k in range(15))
GRID = LAYOUT.part(
    floor_hue=range(0, 10, 2),
    wall_hue=range(0, 10, 2),
    object_hue=range(0, 10, 2),
    scale=range(0, 8, 2),
    orientation=range(0, 15, 2),
)
WALL, TOP = 7.0, 4.0
BRIGHT: Place = (1.5, -1.5, 0)
TO_LIGHT: Place = (-0.17, -0.30, 0.94)
SKY = (153, 226, 249)
REACH = 3.6
PENUMBRA = 0.2
HARDNESS = 40.0


def _cube(p: Point) -> Tensor:
    return box(p, (0, 0, 0.67), (0.67, 0.67, 0.67))


def _cylinder(p: Point) -> Tensor:
    return rod(p, (0, 0, 0.7), 0.75, 0.7, "z")


def _ball(p: Point) -> Tensor:
    return ball(p, (0, 0, 0.8), 0.8)


def _capsule(p: Point) -> Tensor:
    return limb(p, (0, 0, 0.6), (0, 0, 1.9), 0.6)


SHAPES = (_cube, _cylinder, _ball, _capsule)


def solid(scale: int, shape: int) -> Solid:
    """What stands in the room, by the numbers of its scale and shape."""
    factor = SCALES[scale]
    return lambda p: [Part(SHAPES[shape](p.scaled(1 / factor)) * factor, (1.0,))]


def views(orientations: Sequence[int]) -> Camera:
    """A camera for each number of an orientation."""
    azimuths = [ORIENTATIONS[k] for k in orientations]
    return orbit(azimuths, [0], distance=5, height=1.43, field_of_view=47.6)


def lights(
    thing: Solid, camera: Camera, size: int = NATIVE_SIZE, device: torch.device | str = "cpu"
) -> Tensor:
    """The light of every region in every view of a camera: uint8 (V, R, size, size)."""
    inside = bounds(thing, REACH, device)
    shots = [_shot(thing, inside, some.rays(size, device)) for some in camera.batches(size)]
    first, second, third, fourth = torch.cat(shots).view(-1, size, size, 4, 5).unbind(3)
    mean = (first + second + third + fourth) / 4
    return whole_light(mean.movedim(-1, 1) * 255)


def _shot(thing: Solid, inside: Bounds, rays: Rays) -> Tensor:
    """The light of each region that each ray sees: (n, R), 0 to 1."""
    depth = trace(thing, inside, rays)
    floor = torch.where(rays.direction.z < 0, -rays.start.z / rays.direction.z, torch.inf)
    wall, shade = _walls(rays)
    p = rays.at(torch.minimum(floor, wall))
    on_object = depth < torch.minimum(floor, wall)
    on_floor = ~on_object & (floor <= wall)
    on_wall = ~on_object & ~on_floor & (p.z <= TOP)
    seen = torch.zeros(len(depth), len(REGIONS), device=depth.device)
    seen[on_floor, 0] = _floor(thing, inside, p.take(on_floor))
    seen[on_wall, 1] = (0.93 + 0.02 * p.z - shade)[on_wall]
    seen[on_object, 2], seen[on_object, 4] = _object(thing, rays.take(on_object), depth[on_object])
    seen[:, 3] = (~(on_object | on_floor | on_wall)).float()
    return seen.clamp(0, 1)


def _walls(rays: Rays) -> tuple[Tensor, Tensor]:
    """The depth (n,) at which rays meet a wall, and how much darker it is than the back wall."""
    depths = [
        (torch.where(way < 0, -WALL, WALL) - start) / torch.where(way.abs() < 1e-9, 1e-9, way)
        for start, way in zip(rays.start[:2], rays.direction[:2], strict=True)
    ]
    shade = torch.where(rays.direction.y < 0, 0.20, 0.32)
    return torch.minimum(*depths), torch.where(depths[1] < depths[0], shade, 0)


def _floor(thing: Solid, inside: Bounds, p: Point) -> Tensor:
    """The light of the floor at points (n,)."""
    way = Point(*(torch.full_like(p.x, part) for part in TO_LIGHT))
    lit = shadow(thing, inside.padded(PENUMBRA), Rays(p, way), HARDNESS)
    return (0.34 + 0.66 * lit) * (1.16 - 0.06 * p.seen_from(BRIGHT).length()).clamp(max=1)


def _object(thing: Solid, rays: Rays, depth: Tensor) -> tuple[Tensor, Tensor]:
    """The light of the object where rays meet it, and of the highlight on it: (n,) each."""
    n = normal(thing, rays.at(depth))
    middle = Point(*(light - way for light, way in zip(TO_LIGHT, rays.direction, strict=True)))
    facing = (n.dot(middle) / middle.length()).clamp(min=0)
    white = 0.16 * (facing * facing) * (facing * facing)
    shade = 0.82 + 0.11 * n.x - 0.16 * n.y + 0.18 * n.z
    return shade.clamp(max=1) * (1 - white), white


def palette() -> Tensor:
    """The ten hues in full colour, the sky's colour and white: uint8 (12, 3)."""
    hues = [colorsys.hsv_to_rgb(k / N_HUES, 1, 1) for k in range(N_HUES)]
    colours = torch.tensor([*hues, (1.0, 1.0, 1.0)]).mul(255).round().to(torch.uint8)
    return torch.cat([colours[:-1], torch.tensor([SKY], dtype=torch.uint8), colours[-1:]])


def geometries(root: str | PathLike[str] | None) -> Tensor:
    """The lights of all 480 geometries at 64 px, scale first and orientation fastest, rendered
    once and kept on disk: uint8 (480, R, 64, 64)."""
    n_scales, n_shapes, n_orientations = LAYOUT.sizes[3:]

    def render() -> Tensor:
        camera = views(range(n_orientations))
        solids = list(itertools.product(range(n_scales), range(n_shapes)))
        about = "shapes3d_twin, 480 geometries, once: solids"
        parts = on_all_threads(lambda one: lights(solid(*one), camera), solids, about)
        return torch.cat(parts)

    shape = (n_scales * n_shapes * n_orientations, len(REGIONS), NATIVE_SIZE, NATIVE_SIZE)
    return kept("shapes3d_twin_light", shape, VERSION, root, render)


def compose(layout: Layout, light: Tensor) -> PaletteImages:
    """The images of a grid in its order, put together when they are read.

    Args:
        layout: values used of the six factors.
        light: of all geometries, as of `geometries`, at any size.
    """
    *hues, scales, shapes, orientations = (torch.tensor(used) for used in layout.used.values())
    numbers = torch.arange(len(light)).view(LAYOUT.sizes[3:])
    numbers = numbers[scales][:, shapes][:, :, orientations].flatten()
    colours = torch.cartesian_prod(*hues)
    always = torch.tensor([N_HUES, N_HUES + 1]).expand(len(colours), 2)  # sky and white
    paint = torch.cat([colours, always], dim=1).repeat_interleave(len(numbers), 0)
    geometry = torch.arange(len(numbers)).repeat(len(colours))
    return PaletteImages(light[numbers], geometry, palette(), paint)


def load_full(root: str | PathLike[str] | None, size: int) -> FactorData:
    """All 480,000 images, put together when they are read: 34 MB at 64 px."""
    return load_part("shapes3d_twin", LAYOUT, root, size)


def load_grid(root: str | PathLike[str] | None, size: int) -> FactorData:
    """16,000 images: every second hue, scale and orientation, and all shapes."""
    return load_part("shapes3d_twin_grid", GRID, root, size)


def load_part(
    name: str, layout: Layout, root: str | PathLike[str] | None, size: int
) -> FactorData:
    """Any part of the grid, as LAYOUT.part(shape=(0, 3)), under a name of its own."""
    light = pooled_light(geometries(root), size)
    return layout.data(name, compose(layout, light), "twin")


load_full_correlated, load_full_independent, load_full_held_out = loaders(load_full, SHAPES3D)
load_grid_correlated, load_grid_independent, load_grid_held_out = loaders(
    load_grid, SHAPES3D.part(0.1)
)
