"""The car of two twins: painted in the Cars3D twin, all grey in the SmallNORB twin.

It faces x, is mirror-symmetric, 1.6 to 2 long, and stands on z = 0.
"""

from __future__ import annotations

import colorsys
import math
from typing import NamedTuple

import torch
from torch import Tensor

from disentangled.data.solids import (
    Draws,
    Part,
    Point,
    Solid,
    box,
    carve,
    ellipsoid,
    meet,
    rod,
)

Colour = tuple[float, float, float]


class Cabin(NamedTuple):
    """Side view of a cabin: the ends of its foot and of its roof, in half lengths of the car from
    its middle, and how high the roof is above the bonnet."""

    foot: tuple[float, float]
    roof: tuple[float, float]
    height: float


CABINS = {
    "sedan": Cabin((-0.66, 0.42), (-0.36, 0.04), 0.23),
    "hatch": Cabin((-0.94, 0.40), (-0.70, 0.00), 0.26),
    "van": Cabin((-0.97, 0.72), (-0.92, 0.40), 0.40),
    "coupe": Cabin((-0.80, 0.30), (-0.30, -0.06), 0.18),
    "pickup": Cabin((-0.16, 0.44), (-0.10, 0.12), 0.27),
    "wagon": Cabin((-0.96, 0.40), (-0.84, 0.02), 0.24),
}
GREYS = (0.28, 0.5, 0.75, 0.95)
TYRE: Colour = (0.09, 0.09, 0.10)
RIM: Colour = (0.62, 0.63, 0.65)
GLASS: Colour = (0.11, 0.13, 0.16)
DARK: Colour = (0.13, 0.13, 0.14)
LAMP: Colour = (0.98, 0.95, 0.78)
TAIL_LAMP: Colour = (0.75, 0.05, 0.05)
WHITE: Colour = (0.92, 0.92, 0.92)


class Car(NamedTuple):
    """The measures of a car: half its length, width and body height, its gap to the ground, the
    radius of its wheels, the height of its cabin, and how it is painted."""

    kind: str
    length: float
    width: float
    body: float
    gap: float
    wheel: float
    cabin: float
    paint: Colour
    sills: bool
    white_roof: bool


def draw_car(word: str) -> Car:
    """The car that belongs to a word."""
    draws = Draws(word)
    kind = draws.one_of(list(CABINS))
    length, width = draws.between(0.78, 1.0), draws.between(0.34, 0.42)
    body, gap = draws.between(0.15, 0.20), draws.between(0.10, 0.14)
    # the arch of a larger wheel would cut through the bonnet
    wheel = min(draws.between(0.15, 0.20), (gap + 2 * body - 0.08) / 2.22)
    cabin = CABINS[kind].height * draws.between(0.9, 1.12)
    hue, saturation = draws.between(0, 1), draws.one_of((0.0, 0.7, 0.85, 0.95))
    value, grey = draws.between(0.55, 1), draws.one_of(GREYS)
    paint = colorsys.hsv_to_rgb(hue, saturation, value if saturation else grey)
    sills, white_roof = draws.chance(0.3), draws.chance(0.25)
    return Car(kind, length, width, body, gap, wheel, cabin, paint, sills, white_roof)


def car(measures: Car) -> Solid:
    """A car as a solid."""
    m = measures
    top = m.gap + 2 * m.body
    (foot_back, foot_front), (roof_back, roof_front) = (
        [x * m.length for x in ends] for ends in CABINS[m.kind][:2]
    )
    roof = top + m.cabin
    axle = 0.62 * m.length

    def body(p: Point, at_wheels: Point) -> Tensor:
        rounding = 0.06
        nose = edge(p, (m.length, m.gap + 0.1), (m.length - 0.04, top))
        tail = edge(p, (-m.length + 0.03, top), (-m.length, m.gap + 0.1))
        bonnet = edge(p, (m.length, top - 0.07), (foot_front, top))
        flank = torch.maximum(p.y - m.width, 0.96 * (p.y - m.width + 0.3 * (p.z - top + 0.12)))
        ends, faces = torch.maximum(nose, tail), torch.maximum(bonnet, p.z - top)
        faces = torch.maximum(faces, m.gap - p.z)
        whole = meet(ends + rounding, faces + rounding, flank + rounding) - rounding
        arch = rod(at_wheels, (axle, m.width, m.wheel), 1.2 * m.wheel, 0.12, "y")
        whole = carve(whole, arch, 0.02)
        if m.kind == "pickup":
            inner = (foot_back - m.length) / 2
            bed = box(
                p, (inner, 0, top), (0.5 * (foot_back + m.length) - 0.07, m.width - 0.13, 0.17)
            )
            whole = carve(whole, bed, 0.01)
        return whole

    def parts(p: Point) -> list[Part]:
        p = p.mirrored()
        at_wheels = Point(p.x.abs(), p.y, p.z)
        # below the bonnet the ends go straight down, not on along the slope
        upper = Point(p.x, p.y, p.z.clamp(min=top))
        windscreen = edge(upper, (foot_front, top), (roof_front, roof))
        rear = edge(upper, (roof_back, roof), (foot_back, top))
        ends = torch.maximum(windscreen, rear)
        side = 0.97 * (p.y - 0.90 * m.width + 0.22 * (p.z - top))
        above = torch.maximum(p.z - roof, top - 0.1 - p.z)
        rounding = 0.045
        cabin = 0.85 * (meet(ends + rounding, side + rounding, above + rounding) - rounding)

        middle, half = (roof - 0.055 + top + 0.035) / 2, (m.cabin - 0.09) / 2
        windows = torch.maximum(cabin - 0.002, (p.z - middle).abs() - half)
        windows = torch.maximum(windows, torch.minimum(ends, side) + 0.045)
        door = 0.022 - (p.x - 0.5 * (roof_front + foot_front) + 0.30).abs()
        windows = torch.maximum(windows, torch.minimum(door, side + 0.06))

        tyre = rod(at_wheels, (axle, m.width - 0.055, m.wheel), m.wheel, 0.055, "y", rounding=0.02)
        rim = rod(at_wheels, (axle, m.width - 0.05, m.wheel), 0.6 * m.wheel, 0.058, "y")
        height = top - 0.13
        lamp = ellipsoid(p, (m.length - 0.045, 0.68 * m.width, height), (0.05, 0.085, 0.045))
        tail = box(p, (-m.length + 0.03, 0.78 * m.width, height), (0.045, 0.05, 0.055), 0.01)
        grille = box(p, (m.length - 0.05, 0, height - 0.02), (0.055, 0.36 * m.width, 0.035), 0.01)
        bumper = box(p, (0, 0, m.gap + 0.09), (m.length + 0.012, 0.85 * m.width, 0.035), 0.02)
        return [
            Part(body(p, at_wheels), m.paint),
            Part(cabin, WHITE if m.white_roof else m.paint),
            Part(windows, GLASS),
            Part(tyre, TYRE),
            Part(rim, RIM),
            Part(lamp, LAMP),
            Part(tail, TAIL_LAMP),
            Part(grille, DARK),
            Part(bumper, DARK if m.sills else m.paint),
        ]

    return parts


def edge(p: Point, start: tuple[float, float], end: tuple[float, float]) -> Tensor:
    """Signed distance in the side view (x, z) from the line start-end, positive at its right."""
    run, rise = end[0] - start[0], end[1] - start[1]
    scale = 1 / math.hypot(run, rise)
    return (p.x - start[0]) * (rise * scale) - (p.z - start[1]) * (run * scale)
