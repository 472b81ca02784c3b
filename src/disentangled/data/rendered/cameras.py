"""Pinhole cameras around a scene, and the rays that their pictures are made of."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from disentangled.data.rendered.solids import Place, Point

RAYS_AT_ONCE = 3 * 2**17
"""Rays that are traced together: few enough for a processor's caches."""


class Rays(NamedTuple):
    """Lines from start in a unit direction, each a `Point` of n."""

    start: Point
    direction: Point

    def at(self, depth: Tensor) -> Point:
        """The points at a depth (n,) along them."""
        return self.start.plus(self.direction, depth)

    def take(self, index: Tensor) -> Rays:
        return Rays(self.start.take(index), self.direction.take(index))


class Camera(NamedTuple):
    """Pinhole cameras at a distance from (0, 0, height), towards which they look.

    azimuth, elevation: V angles each, degrees, one a view. Azimuth 0 sees the front of what faces
        x; with growing azimuth the camera goes round to the left side of what it sees.
    field_of_view: degrees from edge to edge.
    """

    azimuth: tuple[float, ...]
    elevation: tuple[float, ...]
    distance: float
    height: float
    field_of_view: float

    def rays(self, size: int, device: torch.device | str) -> Rays:
        """The rays (V size² 4,) of all views: row by row from the top left, a pixel's four rays
        side by side."""
        reach = math.tan(math.radians(self.field_of_view) / 2)
        steps = ((torch.arange(2 * size, device=device) + 0.5) / size - 1) * reach
        steps = steps.view(size, 2)
        right, up = torch.broadcast_tensors(steps[None, :, None, :], -steps[:, None, :, None])
        right, up = right.flatten(), up.flatten()
        starts, ahead = [], []
        for azimuth, elevation in zip(self.azimuth, self.elevation, strict=True):
            back = direction(azimuth, elevation)
            u, v = direction(azimuth + 90, 0), direction(azimuth, elevation + 90)
            ahead.append(torch.stack([right * u[k] + up * v[k] - back[k] for k in range(3)]))
            eye = torch.tensor(back, device=device) * self.distance
            starts.append(eye[:, None].expand_as(ahead[-1]))
        way, start = Point(*torch.cat(ahead, dim=1)), Point(*torch.cat(starts, dim=1))
        start = Point(start.x, start.y, start.z + self.height)
        return Rays(start, way.scaled(1 / way.length()))

    def batches(self, size: int) -> Iterator[Camera]:
        """The same views, as many in turn as are traced together."""
        step = max(1, RAYS_AT_ONCE // (4 * size**2))
        for first in range(0, len(self.azimuth), step):
            part = slice(first, first + step)
            yield self._replace(azimuth=self.azimuth[part], elevation=self.elevation[part])


def orbit(
    azimuths: Sequence[float],
    elevations: Sequence[float],
    *,
    distance: float,
    height: float,
    field_of_view: float,
) -> Camera:
    """A camera for every elevation and azimuth, azimuth fastest."""
    elevation, azimuth = zip(*itertools.product(elevations, azimuths), strict=True)
    return Camera(azimuth, elevation, distance, height, field_of_view)


def direction(azimuth: float, elevation: float) -> Place:
    """The unit vector at an azimuth and an elevation in degrees."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)
