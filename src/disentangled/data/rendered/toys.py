"""The toys of the SmallNORB twin that are no cars: animals, humans, planes and trucks.

They face x and stand on z = 0; animals, planes and trucks are mirror-symmetric, humans are not.
The measures of a toy are drawn from its word, so that a word is always the same toy.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from disentangled.data.rendered.solids import (
    Draws,
    Part,
    Place,
    Point,
    Solid,
    ball,
    blend,
    box,
    carve,
    ellipsoid,
    limb,
    rod,
    zoomed,
)

TOY = (0.62,)
DARK = (0.42,)


def animal(word: str) -> Solid:
    """Four legs, a neck, a snout, ears or horns, a tail: from a pig to a giraffe's foal."""
    draws = Draws(word)
    length, girth = draws.between(0.34, 0.52), draws.between(0.15, 0.25)
    slim = draws.between(0.65, 1.05)
    leg, foot = draws.between(0.22, 0.48), draws.between(0.045, 0.07)
    neck, rise = draws.between(0.08, 0.45), draws.between(0.2, 1.2)
    head, snout = draws.between(0.10, 0.15), draws.between(0.08, 0.22)
    horns, tail, hang = draws.chance(0.5), draws.between(0.15, 0.5), draws.between(-0.9, 0.3)
    back = leg + 0.7 * girth
    shoulder = (0.8 * length, 0.0, back + 0.2 * girth)
    poll = (shoulder[0] + neck * math.cos(rise), 0.0, shoulder[2] + neck * math.sin(rise))
    nose = (poll[0] + (head + snout) * 0.9, 0.0, poll[2] - 0.35 * (head + snout))
    rump = (-length - 0.02, 0.0, back + 0.4 * girth)
    tip = (rump[0] - tail * math.cos(hang), 0.0, rump[2] + tail * math.sin(hang))

    def parts(p: Point) -> list[Part]:
        p = p.mirrored()
        at_legs = Point(p.x.abs(), p.y, p.z)
        hip = (0.75 * length, 0.5 * girth, back)
        toe = (0.78 * length, 0.55 * girth, foot)
        chest, loin = (0.72 * length, 0, back), (-0.72 * length, 0, back + 0.1 * girth)
        body = limb(p, chest, loin, girth, slim * girth)
        body = blend(body, limb(at_legs, hip, toe, 0.5 * girth, foot), 0.06)
        body = blend(body, limb(p, shoulder, poll, 0.65 * girth, 0.8 * head), 0.10)
        body = blend(body, ball(p, poll, head), 0.04)
        body = blend(body, limb(p, poll, nose, 0.7 * head, 0.45 * head), 0.05)
        above = (poll[0] - 0.2 * head, 0.6 * head, poll[2] + 0.75 * head)
        if horns:
            end = (above[0] - 0.02, 1.4 * head, above[2] + 0.13)
            body = blend(body, limb(p, above, end, 0.035, 0.015), 0.02)
        else:
            body = blend(body, ellipsoid(p, above, (0.03, 0.05, 0.075)), 0.02)
        return [Part(blend(body, limb(p, rump, tip, 0.045, 0.02), 0.05), TOY)]

    return zoomed(parts, 1.3)


def human(word: str) -> Solid:
    """A standing figure with a rod in both hands, on a round base."""
    draws = Draws(word)
    hip, torso = draws.between(0.40, 0.60), draws.between(0.34, 0.44)
    lean, stance = draws.between(-0.08, 0.22), draws.between(0.06, 0.30)
    bend, hat = draws.between(0, 0.22), draws.chance(0.5)
    left, right = draws.between(-0.4, 1.2), draws.between(-0.9, 0.4)
    held = draws.between(0.3, 0.6)
    neck = (lean, 0.0, hip + torso)

    def leg(p: Point, side: float, step: float) -> Tensor:
        top, end = (0.0, 0.08 * side, hip), (step, 0.09 * side, 0.08)
        knee = (step / 2 + bend, 0.10 * side, (hip + 0.05) / 2)
        thigh = limb(p, top, knee, 0.08, 0.06)
        shin = limb(p, knee, end, 0.06, 0.045)
        shoe = limb(p, end, (end[0] + 0.09, end[1], 0.07), 0.045)
        return blend(blend(thigh, shin, 0.03), shoe, 0.03)

    def joints(side: float, raised: float) -> tuple[Place, Place, Place]:
        """Shoulder, elbow and hand of an arm raised by an angle from hanging down."""
        x, y, z = neck[0], 0.17 * side, neck[2] - 0.05
        u, v, w = x + 0.30 * math.sin(raised), y + 0.06 * side, z - 0.30 * math.cos(raised)
        bent = raised + 1.1
        hand = (u + 0.26 * math.sin(bent), v - 0.17 * side, w - 0.26 * math.cos(bent))
        return (x, y, z), (u, v, w), hand

    def arm(p: Point, shoulder: Place, elbow: Place, hand: Place) -> Tensor:
        return blend(limb(p, shoulder, elbow, 0.06, 0.05), limb(p, elbow, hand, 0.05, 0.045), 0.03)

    def on_rod(beyond: float) -> Place:
        """The place on the line through both hands so far beyond the left one."""
        share = 1 + beyond / math.dist(front[2], rear[2])
        x, y, z = (b + share * (a - b) for a, b in zip(front[2], rear[2], strict=True))
        return x, y, z

    front, rear = joints(1, left), joints(-1, right)
    muzzle, stock = on_rod(held), on_rod(-0.15 - math.dist(front[2], rear[2]))

    def parts(p: Point) -> list[Part]:
        body = limb(p, (0, 0, hip), neck, 0.105, 0.125)
        body = blend(body, blend(leg(p, 1, stance), leg(p, -1, -stance), 0.02), 0.05)
        body = blend(body, torch.minimum(arm(p, *front), arm(p, *rear)), 0.05)
        skull = (neck[0] + 0.02, 0.0, neck[2] + 0.19)
        body = blend(body, ball(p, skull, 0.115), 0.06)
        if hat:
            brim = (skull[0], 0.0, skull[2] + 0.05)
            body = torch.minimum(body, rod(p, brim, 0.17, 0.02, "z", 0.015))
            body = blend(body, rod(p, (brim[0], 0, brim[2] + 0.06), 0.11, 0.06, "z", 0.03), 0.02)
        body = torch.minimum(body, limb(p, stock, muzzle, 0.035, 0.025))
        return [Part(blend(body, rod(p, (0, 0, 0.02), 0.36, 0.02, "z", 0.01), 0.02), TOY)]

    return zoomed(parts, 1.18)


def plane(word: str) -> Solid:
    """A fuselage with swept wings, a tail with one fin or two, engines or none, on skids."""
    draws = Draws(word)
    half, radius = draws.between(0.75, 0.95), draws.between(0.09, 0.14)
    height, span = draws.between(0.20, 0.28), draws.between(0.55, 0.95)
    chord, sweep = draws.between(0.12, 0.26), draws.between(0, 0.9)
    tail_span, fin = draws.between(0.25, 0.42), draws.between(0.2, 0.36)
    twin, pods = draws.chance(0.3), draws.one_of((0.0, 0.045, 0.075))
    # a shear stretches lengths by up to this
    unstretched = 2 / (sweep + math.hypot(sweep, 2))

    def wing(p: Point, x: float, z: float, half_span: float, half_chord: float) -> Tensor:
        swept = Point(p.x + sweep * p.y, p.y, p.z)  # p.y is not negative
        blade = box(swept, (x, 0, z), (half_chord, half_span, 0.028), rounding=0.025)
        return unstretched * blade

    def parts(p: Point) -> list[Part]:
        p = p.mirrored()
        nose, tail = (half - 0.04, 0, height - 0.02), (0.04 - half, 0, height + 0.04)
        middle = (0.25 * half, 0, height)
        body = limb(p, middle, nose, radius, 0.04)
        body = blend(body, limb(p, middle, tail, radius, 0.05), 0.02)
        wings = wing(p, 0.12 + 0.3 * sweep, height, span, chord)
        tailplane = wing(p, 0.2 * sweep - half + 0.14, height + 0.03, tail_span, 0.10)
        body = blend(blend(body, wings, 0.06), tailplane, 0.03)
        leaning = Point(p.x + 0.7 * (p.z - height), p.y, p.z)
        foot = (-half + 0.20, 0.6 * tail_span if twin else 0.0, height + fin / 2)
        fins = 0.7 * box(leaning, foot, (0.11, 0.022, fin / 2 + 0.02), rounding=0.02)
        canopy = ellipsoid(p, (0.42 * half, 0, height + 0.8 * radius), (0.20, 0.07, 0.08))
        body = blend(blend(body, fins, 0.03), canopy, 0.02)
        if pods:
            x, y, z = 0.18 + 0.3 * sweep - 0.45 * sweep * span, 0.45 * span, height - 0.07
            body = blend(body, limb(p, (x, y, z), (x - 0.24, y, z), pods), 0.02)
        skids = limb(p, (0.35, 0.12, 0.03), (-0.3, 0.12, 0.03), 0.03)
        legs = limb(p, (0.05, 0.12, 0.03), (0.05, 0.04, height), 0.025)
        return [Part(torch.minimum(body, torch.minimum(skids, legs)), TOY)]

    return zoomed(parts, 1.08)


def truck(word: str) -> Solid:
    """A cab on six wheels with a box, a roll on a flat bed, a tank, or a dumper behind it."""
    draws = Draws(word)
    half, width = draws.between(0.80, 1.0), draws.between(0.26, 0.33)
    load, bonnet = draws.one_of(("box", "roll", "tank", "dumper")), draws.chance(1 / 3)
    cab, tall = draws.between(0.20, 0.30), draws.between(0.22, 0.32)
    wheel, high = draws.between(0.12, 0.16), draws.between(0.20, 0.34)
    bed = wheel + 0.10
    nose = half - (0.22 if bonnet else 0.0)
    behind = nose - 2 * cab - 0.04
    middle, reach = (behind - half) / 2, (behind + half) / 2
    axles = (nose - 0.9 * cab, 0.22 - half, 0.25 - half + 2.1 * wheel)

    def cargo(p: Point) -> Tensor:
        if load == "tank":
            return rod(p, (middle, 0, bed + 0.9 * width), 0.88 * width, reach, "x", 0.06)
        if load == "roll":
            flat = box(p, (middle, 0, bed + 0.05), (reach, width, 0.05), 0.015)
            top = (middle, 0, bed + 0.08 + 0.7 * width)
            return torch.minimum(flat, rod(p, top, 0.7 * width, 0.75 * reach, "x", 0.03))
        full = box(p, (middle, 0, bed + high), (reach, width + 0.01, high), 0.025)
        if load == "box":
            return full
        low = box(p, (middle, 0, bed + 0.7 * high), (reach, width + 0.01, 0.7 * high), 0.025)
        hollow = box(p, (middle, 0, bed + 1.5 * high), (reach - 0.06, width - 0.05, 1.2 * high))
        return carve(low, hollow, 0.015)

    def parts(p: Point) -> list[Part]:
        p = p.mirrored()
        house = (nose - cab, 0.0, bed + tall)
        front = box(p, house, (cab, width, tall), 0.05)
        if bonnet:
            hood = box(p, (half - 0.2, 0, bed + 0.13), (0.2, 0.85 * width, 0.15), 0.05)
            front = blend(front, hood, 0.03)
        frame = box(p, (0, 0, wheel + 0.06), (half - 0.03, 0.6 * width, 0.06), 0.01)
        mudguard = box(p, (half - 0.03, 0, wheel + 0.04), (0.04, width, 0.05), 0.02)
        screen = box(p, (nose, 0, bed + 1.35 * tall), (0.012, 0.82 * width, 0.42 * tall), 0.01)
        window = box(
            p, (nose - 0.9 * cab, width, bed + 1.35 * tall), (0.55 * cab, 0.012, 0.38 * tall), 0.01
        )
        wheels = [
            Part(rod(p, (axle, width - 0.05, wheel), wheel, 0.06, "y", 0.02), DARK)
            for axle in axles
        ]
        bodies = [Part(body, TOY) for body in (front, cargo(p), frame, mudguard)]
        return [*bodies, *wheels, Part(torch.minimum(screen, window), DARK)]

    return parts
