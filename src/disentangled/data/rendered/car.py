"""The car of two twins: painted in the Cars3D twin, all grey in the SmallNORB twin.

It faces x, is mirror-symmetric, 1.6 to 2 long, and stands on z = 0.
"""

from __future__ import annotations

import colorsys
import math
from typing import NamedTuple

import torch
from torch import Tensor

from disentangled.data.rendered.solids import (
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
    dark_bumpers: bool
    white_roof: bool

    @property
    def top(self) -> float:
        """Height of the bonnet, where the cabin begins."""
        return self.gap + 2 * self.body

    @property
    def axle(self) -> float:
        """From the middle to either axle."""
        return 0.62 * self.length

    def along(self, ends: tuple[float, float]) -> tuple[float, float]:
        """Back and front, given in half lengths."""
        return ends[0] * self.length, ends[1] * self.length


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
    dark_bumpers, white_roof = draws.chance(0.3), draws.chance(0.25)
    return Car(kind, length, width, body, gap, wheel, cabin, paint, dark_bumpers, white_roof)


def car_solid(car: Car) -> Solid:
    """The parts of a car."""

    def parts(p: Point) -> list[Part]:
        p = p.mirrored()
        at_wheels = Point(p.x.abs(), p.y, p.z)
        tyre = (car.axle, car.width - 0.055, car.wheel)
        rim = (car.axle, car.width - 0.05, car.wheel)
        cabin, windows = _cabin(car, p)
        return [
            Part(_body(car, p, at_wheels), car.paint),
            Part(cabin, WHITE if car.white_roof else car.paint),
            Part(windows, GLASS),
            Part(rod(at_wheels, tyre, car.wheel, 0.055, "y", rounding=0.02), TYRE),
            Part(rod(at_wheels, rim, 0.6 * car.wheel, 0.058, "y"), RIM),
            *_front_and_back(car, p),
        ]

    return parts


def _body(car: Car, p: Point, at_wheels: Point) -> Tensor:
    """What is below the windows: its outline in the side view, leaning flanks, wheel arches."""
    length, width, top, rounding = car.length, car.width, car.top, 0.06
    foot_back, foot_front = car.along(CABINS[car.kind].foot)
    nose = edge(p, (length, car.gap + 0.1), (length - 0.04, top))
    tail = edge(p, (-length + 0.03, top), (-length, car.gap + 0.1))
    bonnet = edge(p, (length, top - 0.07), (foot_front, top))
    flank = torch.maximum(p.y - width, 0.96 * (p.y - width + 0.3 * (p.z - top + 0.12)))
    ends, faces = torch.maximum(nose, tail), torch.maximum(bonnet, p.z - top)
    faces = torch.maximum(faces, car.gap - p.z)
    whole = meet(ends + rounding, faces + rounding, flank + rounding) - rounding
    arch = rod(at_wheels, (car.axle, width, car.wheel), 1.2 * car.wheel, 0.12, "y")
    whole = carve(whole, arch, 0.02)
    if car.kind == "pickup":
        middle = ((foot_back - length) / 2, 0, top)
        bed = box(p, middle, (0.5 * (foot_back + length) - 0.07, width - 0.13, 0.17))
        whole = carve(whole, bed, 0.01)
    return whole


def _cabin(car: Car, p: Point) -> tuple[Tensor, Tensor]:
    """The cabin, and its windows, which are a thin layer on it between pillars."""
    top, roof, rounding = car.top, car.top + car.cabin, 0.045
    foot_back, foot_front = car.along(CABINS[car.kind].foot)
    roof_back, roof_front = car.along(CABINS[car.kind].roof)
    # below the bonnet the ends go straight down, not on along the slope
    upper = Point(p.x, p.y, p.z.clamp(min=top))
    windscreen = edge(upper, (foot_front, top), (roof_front, roof))
    rear = edge(upper, (roof_back, roof), (foot_back, top))
    ends = torch.maximum(windscreen, rear)
    side = 0.97 * (p.y - 0.90 * car.width + 0.22 * (p.z - top))
    above = torch.maximum(p.z - roof, top - 0.1 - p.z)
    # the factor makes up for slopes that do not meet at right angles
    cabin = 0.85 * (meet(ends + rounding, side + rounding, above + rounding) - rounding)

    middle, half = (roof - 0.055 + top + 0.035) / 2, (car.cabin - 0.09) / 2
    windows = torch.maximum(cabin - 0.002, (p.z - middle).abs() - half)
    corner = torch.minimum(ends, side) + 0.045
    door = 0.022 - (p.x - 0.5 * (roof_front + foot_front) + 0.30).abs()
    door = torch.minimum(door, side + 0.06)  # at the sides alone
    return cabin, torch.maximum(torch.maximum(windows, corner), door)


def _front_and_back(car: Car, p: Point) -> list[Part]:
    """Lamps, grille and bumpers: what tells the front from the back."""
    length, width, height = car.length, car.width, car.top - 0.13
    lamp = ellipsoid(p, (length - 0.045, 0.68 * width, height), (0.05, 0.085, 0.045))
    tail = box(p, (-length + 0.03, 0.78 * width, height), (0.045, 0.05, 0.055), 0.01)
    grille = box(p, (length - 0.05, 0, height - 0.02), (0.055, 0.36 * width, 0.035), 0.01)
    bumper = box(p, (0, 0, car.gap + 0.09), (length + 0.012, 0.85 * width, 0.035), 0.02)
    return [
        Part(lamp, LAMP),
        Part(tail, TAIL_LAMP),
        Part(grille, DARK),
        Part(bumper, DARK if car.dark_bumpers else car.paint),
    ]


def edge(p: Point, start: tuple[float, float], end: tuple[float, float]) -> Tensor:
    """Signed distance in the side view (x, z) from the line start-end, positive at its right."""
    run, rise = end[0] - start[0], end[1] - start[1]
    scale = 1 / math.hypot(run, rise)
    return (p.x - start[0]) * (rise * scale) - (p.z - start[1]) * (run * scale)
