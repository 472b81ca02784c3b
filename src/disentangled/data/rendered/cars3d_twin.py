"""The Cars3D twin: 183 cars of our own, seen from 4 elevations and 24 azimuths.

It shares factor names and sizes with Cars3D, and never a pixel. The scene: a car on white without
a floor, a camera at distance 4.6 that looks at height 0.33 with a field of view of 27 degrees,
elevations 5, 15, 25, 35 and azimuths 0, 15 .. 345 degrees. The light comes from all around and a
little from the camera, so that the pictures at azimuth a and -a mirror each other:

    value = colour free (0.30 + 0.35 (1 + n_z) / 2 + 0.40 n·v) + 0.22 free max(r_z, 0)^6

with the normal n, the way v to the camera, r its reflection, and free the openness.
"""

from __future__ import annotations

from os import PathLike

import torch
from torch import Tensor

from disentangled.data.cars3d import LAYOUT
from disentangled.data.factor_data import FactorData
from disentangled.data.layout import Layout
from disentangled.data.rendered.cameras import Camera, orbit
from disentangled.data.rendered.car import car_solid, draw_car
from disentangled.data.rendered.kept import kept
from disentangled.data.rendered.rendering import (
    Bounds,
    bounds,
    colour,
    develop,
    normal,
    on_all_threads,
    openness,
    trace,
)
from disentangled.data.rendered.solids import Solid, nearest

VERSION = 2
"""Raised whenever pictures change."""
ELEVATIONS = (5, 15, 25, 35)
AZIMUTHS = tuple(range(0, 360, 15))
REACH = 0.18
GRID = LAYOUT.part(azimuth=range(0, 24, 2), object=range(20))


def views(layout: Layout) -> Camera:
    """A camera for every elevation and azimuth of a grid, azimuth fastest."""
    azimuths = [AZIMUTHS[k] for k in layout.used["azimuth"]]
    elevations = [ELEVATIONS[k] for k in layout.used["elevation"]]
    return orbit(azimuths, elevations, distance=4.6, height=0.33, field_of_view=27)


def pictures(
    solid: Solid, camera: Camera, size: int, device: torch.device | str = "cpu"
) -> Tensor:
    """A car from every view of a camera: uint8 (V, 3, size, size)."""
    inside = bounds(solid, device=device)
    return torch.cat([_shot(solid, inside, some, size, device) for some in camera.batches(size)])


def _shot(
    solid: Solid, inside: Bounds, camera: Camera, size: int, device: torch.device | str
) -> Tensor:
    rays = camera.rays(size, device)
    depth = trace(solid, inside, rays)
    seen = depth.isfinite().nonzero().squeeze(1)
    rays = rays.take(seen)
    p = rays.at(depth[seen])
    out = normal(solid, p)
    free = openness(lambda q: nearest(solid(q)), p, out, REACH)
    facing = -out.dot(rays.direction)
    sky = (rays.direction.z + 2 * facing * out.z).clamp(min=0)
    diffuse = 0.30 + 0.35 * (1 + out.z) / 2 + 0.40 * facing.clamp(min=0)
    glint = 0.22 * (sky * sky) * (sky * sky) * (sky * sky)
    values = torch.ones(len(depth), 3, device=device)
    values[seen] = (colour(solid, p) * diffuse[:, None] + glint[:, None]) * free[:, None]
    return develop(values, size)


def render(layout: Layout, size: int, about: str) -> Tensor:
    """All images of a grid in its order: uint8 (N, 3, size, size)."""
    camera = views(layout)

    def one(number: int) -> Tensor:
        return pictures(car_solid(draw_car(f"cars3d/{number}")), camera, size)

    return torch.stack(on_all_threads(one, layout.used["object"], about), dim=1).flatten(0, 1)


def load_full(root: str | PathLike[str] | None, size: int) -> FactorData:
    """All 17,568 images, rendered once and kept on disk."""
    return _load("cars3d_twin", LAYOUT, root, size)


def load_grid(root: str | PathLike[str] | None, size: int) -> FactorData:
    """960 images: the first 20 cars, every second azimuth; seconds at 16 px."""
    return _load("cars3d_twin_grid", GRID, root, size)


def _load(name: str, layout: Layout, root: str | PathLike[str] | None, size: int) -> FactorData:
    shape = (layout.n_images, 3, size, size)
    about = f"{name}, {layout.n_images:,} images of {size} px, once: cars"
    images = kept(name, shape, VERSION, root, lambda: render(layout, size, about))
    return layout.data(name, images, "twin")
