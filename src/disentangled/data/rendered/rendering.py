"""A small renderer for the twins: sphere tracing and soft light, on any device.

A ray steps by the distance to the nearest surface until it meets it (J. C. Hart, *Sphere tracing*,
1996). One that has met it leaves the batch at once, so that a picture does not depend on how
views are batched. Four rays a pixel, averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from disentangled import progress
from disentangled.data.rendered.cameras import Rays
from disentangled.data.rendered.solids import Place, Point, Solid, nearest

HIT = 0.002
"""The distance at which a ray has met a surface, in the scene's units; a car is 1.6 to 2 long."""
STEPS = 96
"""More would be wasted; with half as many, rays that graze a roof end before they meet it."""
LATTICE = 48
Scene = TypeVar("Scene")


class Bounds(NamedTuple):
    """A box around a solid; rays march inside it alone."""

    low: Place
    high: Place

    def padded(self, margin: float) -> Bounds:
        (a, b, c), (d, e, f) = self
        return Bounds((a - margin, b - margin, c - margin), (d + margin, e + margin, f + margin))

    def crossing(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Depths (n,) at which rays enter and leave; one that misses leaves before it enters."""
        enter = torch.zeros_like(rays.start.x)
        leave = torch.full_like(enter, math.inf)
        for start, way, low, high in zip(*rays, self.low, self.high, strict=True):
            inverse = 1 / torch.where(way.abs() < 1e-9, 1e-9, way)
            first, second = (low - start) * inverse, (high - start) * inverse
            enter = torch.maximum(enter, torch.minimum(first, second))
            leave = torch.minimum(leave, torch.maximum(first, second))
        return enter, leave


def bounds(solid: Solid, reach: float = 1.8, device: torch.device | str = "cpu") -> Bounds:
    """The box around a solid, found on a lattice of 48³ cells from -reach to reach.

    Raises:
        ValueError: nothing of the solid is there, or not all of it.
    """
    cell = 2 * reach / LATTICE
    steps = (torch.arange(LATTICE, device=device) + 0.5) * cell - reach
    lattice = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij")).flatten(1)
    # a surface in a cell is at most half its diagonal away from its middle
    touched = lattice[:, nearest(solid(Point(*lattice))) <= cell * math.sqrt(3) / 2]
    if touched.shape[1] == 0 or touched.abs().max() > reach - cell:
        found = "none" if touched.shape[1] == 0 else "one that reaches beyond"
        raise ValueError(f"expected a solid within {reach} of the origin, found {found}")
    low, high = (touched.amin(1) - cell / 2).tolist(), (touched.amax(1) + cell / 2).tolist()
    return Bounds((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def trace(solid: Solid, inside: Bounds, rays: Rays) -> Tensor:
    """The depth (n,) at which each ray meets the solid, infinite where it does not."""
    start, end = inside.crossing(rays)
    depth = torch.full_like(start, math.inf)
    index = (start < end).nonzero().squeeze(1)
    at, end, rays = start[index], end[index], rays.take(index)
    for _ in range(STEPS):
        step = nearest(solid(rays.at(at)))
        met = step < HIT
        depth[index[met]] = at[met]
        at = at + step
        left = (~met & (at < end)).nonzero().squeeze(1)
        index, at, end, rays = index[left], at[left], end[left], rays.take(left)
        if len(index) == 0:
            break
    return depth


def normal(solid: Solid, p: Point, reach: float = 0.004) -> Point:
    """The unit normal that points out, from central differences of the distance."""

    def slope(x: float, y: float, z: float) -> Tensor:
        ahead = nearest(solid(p.seen_from((-x, -y, -z))))
        return ahead - nearest(solid(p.seen_from((x, y, z))))

    way = Point(slope(reach, 0, 0), slope(0, reach, 0), slope(0, 0, reach))
    return way.scaled(1 / way.length().clamp(min=1e-9))


def colour(solid: Solid, p: Point) -> Tensor:
    """The colour (n, C) of the part that is nearest to each point."""
    parts = solid(p)
    table = torch.tensor([part.colour for part in parts], device=p.x.device)
    return table[torch.stack([part.distance for part in parts]).argmin(0)]


def openness(distance: Callable[[Point], Tensor], p: Point, out: Point, reach: float) -> Tensor:
    """How free the space above a surface is (ambient occlusion): (n,), 0 to 1.

    mean over h in (0.4 reach, reach) of distance(p + h out) / h, at most 1
    """
    low, high = (
        (distance(p.plus(out, height)) / height).clamp(0, 1) for height in (0.4 * reach, reach)
    )
    return (low + high) / 2


def shadow(solid: Solid, inside: Bounds, rays: Rays, hardness: float) -> Tensor:
    """The share of a light that rays towards it, from where it falls, let through: (n,), 0 to 1.

        s² (3 - 2 s)   with   s = min over the way of hardness distance / way, at most 1

    inside: bounds padded by the reach of the penumbra, or the box would show on the floor.
    """
    start, end = inside.crossing(rays)
    share = torch.ones_like(start)
    start = start.clamp(min=0.02)
    index = (start < end).nonzero().squeeze(1)
    at, end, rays = start[index], end[index], rays.take(index)
    for _ in range(STEPS):
        distance = nearest(solid(rays.at(at)))
        lit = torch.minimum(share[index], (hardness * distance / at).clamp(min=0))
        share[index] = lit
        at = at + distance.clamp(0.02, 0.25)
        left = ((lit > 0.004) & (at < end)).nonzero().squeeze(1)
        index, at, end, rays = index[left], at[left], end[left], rays.take(left)
        if len(index) == 0:
            break
    return share * share * (3 - 2 * share)


def leaders(kind: Tensor) -> tuple[Tensor, Tensor]:
    """Of a pixel's four rays, the first of each kind leads the others of its kind.

    What changes slowly over a surface, a soft shadow say, is found for the leaders alone, at most
    half a pixel aside.

    Args:
        kind: integers or bool (n,), four rays a pixel side by side.

    Returns:
        The leaders' rays (m,), and which of the leaders each ray follows (n,).
    """
    of_pixel = kind.view(-1, 4)
    first = (of_pixel[:, :, None] == of_pixel[:, None, :]).int().argmax(2)
    pixel = torch.arange(len(of_pixel), device=kind.device)[:, None]
    leader = (4 * pixel + first).flatten()
    leads = leader == torch.arange(len(kind), device=kind.device)
    return leads.nonzero().squeeze(1), (leads.cumsum(0) - 1)[leader]


def develop(values: Tensor, size: int) -> Tensor:
    """Rays' values (..., V size² 4, C), 0 to 1, as pictures: uint8 (..., V, C, size, size)."""
    first, second, third, fourth = values.unflatten(-2, (-1, size, size, 4)).unbind(-2)
    mean = (first + second + third + fourth) / 4
    return (mean.clamp(0, 1) * 255 + 0.5).to(torch.uint8).movedim(-1, -3)


def on_all_threads(
    render: Callable[[Scene], Tensor], scenes: Sequence[Scene], about: str
) -> list[Tensor]:
    """Render scenes side by side with a bar on the terminal, as many at once as torch has threads.

    One thread a scene is faster than all threads on each: the operations are small.
    """
    n_threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(n_threads)
    torch.set_num_threads(1)
    try:
        images = []
        with progress.bar(about, len(scenes), unit="scene") as bar:
            for image in pool.map(render, scenes):
                images.append(image)
                bar.update()
        return images
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(n_threads)
