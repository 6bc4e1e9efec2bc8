"""Outlines of cats, of dogs and of the things that lie about them: the only place where the species differ.

A shape is a list of parts, painted in order, in a frame of its own: x to the right, y down, a trunk about
one unit long.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

Species = Literal["cat", "dog"]
Colour = tuple[float, float, float]
Points = Float[np.ndarray, "k 2"]

BLACK: Colour = (0.06, 0.05, 0.05)
WHITE: Colour = (0.95, 0.95, 0.95)

_T = np.linspace(0, 1, 12)[:, None]
_CURVE = np.concatenate([(1 - _T) * (1 - 2 * _T), 4 * _T * (1 - _T), _T * (2 * _T - 1)], axis=1)
_SLOPE = np.concatenate([4 * _T - 3, 4 - 8 * _T, 4 * _T - 1], axis=1)
"""The parabola through three points (at 0, 1/2 and 1) and its derivative, as weights of the points."""
_CIRCLE = np.stack([np.cos(2 * np.pi * np.arange(32) / 32), np.sin(2 * np.pi * np.arange(32) / 32)], axis=1)
_ARC = _CIRCLE[1:16]


@dataclass(frozen=True)
class BodyPart:
    """One closed outline; `shade` multiplies the coat (below 1 darker), `colour` covers it."""

    points: Points
    shade: float = 1.0
    colour: Colour | None = None


def ellipse(x: float, y: float, rx: float, ry: float) -> Points:
    return (x, y) + _CIRCLE * (rx, ry)


def limb(spine: Sequence[tuple[float, float]], *widths: float) -> Points:
    """Outline of a rounded stroke: a straight line through two points, a parabola through three."""
    start, *middle, end = np.array(spine)
    knots = np.stack([start, middle[0] if middle else (start + end) / 2, end])
    points, along = _CURVE @ knots, _SLOPE @ knots
    along /= np.hypot(along[:, :1], along[:, 1:])
    across = along[:, ::-1] * (-1, 1)
    radius = np.interp(_T, np.linspace(0, 1, len(widths)), widths) / 2
    tip = points[-1] + radius[-1] * _ARC @ np.stack([across[-1], along[-1]])
    root = points[0] - radius[0] * _ARC @ np.stack([across[0], along[0]])
    return np.concatenate([points + radius * across, tip, (points - radius * across)[::-1], root])


def _shift(parts: Sequence[BodyPart], x: float, y: float, *, mirror: bool = False) -> list[BodyPart]:
    return [replace(part, points=part.points * (-1 if mirror else 1, 1) + (x, y)) for part in parts]


def _eye(x: float, y: float, radius: float) -> list[BodyPart]:
    return [
        BodyPart(ellipse(x, y, radius, radius), colour=BLACK),
        BodyPart(ellipse(x + radius * 0.3, y - radius * 0.3, radius * 0.35, radius * 0.35), colour=WHITE),
    ]


def _nose(x: float, y: float, radius: float) -> BodyPart:
    return BodyPart(ellipse(x, y, radius, radius * 0.75), colour=BLACK)


def pet(rng: np.random.Generator, species: Species) -> list[BodyPart]:
    """A pet from the side, anything from crouching to standing, or sitting and seen from the front."""
    views = (_cat_side, _cat_front) if species == "cat" else (_dog_side, _dog_front)
    return views[rng.integers(2)](rng)


def _legs(rng: np.random.Generator, shade: float, length: float, width: float) -> list[BodyPart]:
    legs = []
    for hip in (-0.34, 0.3):
        foot = hip + rng.uniform(-0.14, 0.14)
        legs.append(BodyPart(limb([(hip, 0.05), (foot, 0.05 + length)], width * 1.3, width * 0.8), shade))
        legs.append(BodyPart(ellipse(foot + width * 0.3, 0.05 + length, width * 0.6, width * 0.4), shade))
    return legs


def _cat_side(rng: np.random.Generator) -> list[BodyPart]:
    length, rise, curl = rng.uniform(0.25, 0.5), rng.uniform(0.1, 0.8), rng.uniform(-0.3, 0.3)
    head = [
        BodyPart(np.array([(0.02, -0.1), (0.12, -0.42), (0.22, -0.1)]), 0.75),
        BodyPart(np.array([(-0.21, -0.02), (-0.16, -0.42), (0.06, -0.15)]), 0.9),
        BodyPart(ellipse(0, 0, 0.23, 0.21)),
        BodyPart(ellipse(0.17, 0.08, 0.1, 0.08)),
        _nose(0.26, 0.05, 0.03),
        *_eye(0.09, -0.04, 0.042),
    ]
    return [
        BodyPart(
            limb([(-0.42, -0.06), (-0.85, -0.1 - rise / 3), (-0.85 + curl, -0.15 - rise)], 0.1, 0.08, 0.07),
            0.9,
        ),
        *_legs(rng, 0.7, length, 0.13),
        BodyPart(limb([(-0.3, 0.0), (0.0, -0.06), (0.3, 0.0)], 0.4, 0.34, 0.34)),
        *_legs(rng, 0.95, length, 0.13),
        *_shift(head, rng.uniform(0.46, 0.56), rng.uniform(-0.32, -0.08)),
    ]


def _dog_side(rng: np.random.Generator) -> list[BodyPart]:
    length, wag = rng.uniform(0.3, 0.6), rng.uniform(-0.35, 0.1)
    x, y = rng.uniform(0.52, 0.66), rng.uniform(-0.48, -0.2)
    muzzle, ear = rng.uniform(0.34, 0.46), rng.uniform(0.2, 0.36)
    head = [
        BodyPart(ellipse(0, 0, 0.21, 0.2)),
        BodyPart(limb([(0.08, 0.05), (muzzle, 0.09)], 0.24, 0.14)),
        _nose(muzzle + 0.05, 0.04, 0.05),
        *_eye(0.1, -0.06, 0.04),
        BodyPart(limb([(-0.08, -0.1), (-0.16, ear / 2), (-0.14, ear)], 0.12, 0.2, 0.14), 0.72),
    ]
    return [
        BodyPart(limb([(-0.42, -0.08), (-0.78, -0.2 + wag)], 0.16, 0.1), 0.9),
        *_legs(rng, 0.7, length, 0.17),
        BodyPart(limb([(0.3, 0.0), (x, y)], 0.36, 0.26)),
        BodyPart(limb([(-0.32, -0.02), (0.0, -0.03), (0.28, 0.04)], 0.34, 0.36, 0.46)),
        *_legs(rng, 0.95, length, 0.17),
        *_shift(head, x, y),
    ]


def _sitting(rng: np.random.Generator, width: float, leg: float) -> list[BodyPart]:
    """Trunk, paws and forelegs from the front."""
    stance, top = rng.uniform(0.1, 0.17), rng.uniform(-0.15, 0.05)
    parts = [BodyPart(limb([(0, top), (0, 0.45)], width * 0.7, width))]
    for side in (-1, 1):
        parts.append(BodyPart(ellipse(side * width * 0.45, 0.62, 0.15, 0.1), 0.8))
        parts.append(BodyPart(limb([(side * stance, 0.15), (side * stance, 0.65)], leg, leg * 0.9), 0.95))
        parts.append(BodyPart(ellipse(side * stance, 0.68, leg * 0.65, leg * 0.45)))
    return parts


def _cat_front(rng: np.random.Generator) -> list[BodyPart]:
    reach, lift, tilt = rng.uniform(0.4, 0.75), rng.uniform(-0.2, 0.5), rng.uniform(0.24, 0.34)
    ear = [
        BodyPart(np.array([(-0.31, -0.02), (-tilt, -0.5), (-0.03, -0.2)]), 0.9),
        BodyPart(np.array([(-0.25, -0.08), (-tilt + 0.02, -0.4), (-0.1, -0.2)]), 0.6),
    ]
    head = [
        *_shift(ear, 0, 0),
        *_shift(ear, 0, 0, mirror=True),
        BodyPart(ellipse(0, 0, 0.33, 0.28)),
        *_eye(-0.13, -0.04, 0.055),
        *_eye(0.13, -0.04, 0.055),
        BodyPart(ellipse(0, 0.13, 0.12, 0.08), 1.1),
        _nose(0, 0.07, 0.035),
    ]
    return [
        BodyPart(limb([(0.2, 0.55), (0.2 + reach, 0.6), (0.25 + reach, 0.5 - lift)], 0.1, 0.08, 0.07), 0.9),
        *_sitting(rng, rng.uniform(0.5, 0.62), 0.14),
        *_shift(head, rng.uniform(-0.1, 0.1), rng.uniform(-0.42, -0.28)),
    ]


def _dog_front(rng: np.random.Generator) -> list[BodyPart]:
    lift, drop, spread = rng.uniform(0, 0.35), rng.uniform(0.15, 0.38), rng.uniform(0.3, 0.42)
    ear = [BodyPart(limb([(-0.18, -0.2), (-spread, -0.05), (-spread, drop)], 0.14, 0.2, 0.18), 0.72)]
    head = [
        BodyPart(ellipse(0, 0, 0.27, 0.3)),
        *_shift(ear, 0, 0),
        *_shift(ear, 0, 0, mirror=True),
        *_eye(-0.11, -0.08, 0.045),
        *_eye(0.11, -0.08, 0.045),
        BodyPart(limb([(0, 0.08), (0, 0.24)], 0.26, 0.3), 1.1),
        _nose(0, 0.12, 0.075),
        BodyPart(limb([(0, 0.17), (0, 0.3)], 0.02, 0.02), 0.4),
    ]
    return [
        BodyPart(limb([(0.2, 0.55), (0.65, 0.5 - lift)], 0.15, 0.1), 0.9),
        *_sitting(rng, rng.uniform(0.54, 0.7), 0.19),
        *_shift(head, rng.uniform(-0.1, 0.1), rng.uniform(-0.46, -0.3)),
    ]


def _ball(x: float, y: float) -> list[BodyPart]:
    return [
        BodyPart(ellipse(0, 0, 0.5, 0.5)),
        BodyPart(limb([(-0.45, 0), (x - 0.45, y - 0.2), (0.45, 0)], 0.06), 0.7),
    ]


def _box(x: float, y: float) -> list[BodyPart]:
    rim = np.array([(-x, -y), (x, -y), (x, y), (-x, y)])
    return [BodyPart(rim), BodyPart(rim * (0.8, 0.3), 0.7)]


def _cone(x: float, y: float) -> list[BodyPart]:
    return [BodyPart(np.array([(-x, 0.5), (0, -2 * y), (x, 0.5)])), BodyPart(ellipse(0, 0.5, x, 0.1), 0.7)]


def _rope(x: float, y: float) -> list[BodyPart]:
    return [BodyPart(limb([(-0.7, 0), (0, x - 0.3), (0.7, y - 0.4)], 0.15, 0.12, 0.15))]


def _stool(x: float, y: float) -> list[BodyPart]:
    legs = [BodyPart(limb([(foot, 0), (foot, y * 1.5)], 0.12, 0.1), 0.8) for foot in (-0.8 * x, 0.8 * x)]
    return [*legs, BodyPart(ellipse(0, 0, x * 1.2, 0.2))]


def thing(rng: np.random.Generator) -> list[BodyPart]:
    """Something that is no pet, made of the same outlines."""
    build = (_ball, _box, _cone, _rope, _stool)[rng.integers(5)]
    return build(rng.uniform(0.3, 0.6), rng.uniform(0.3, 0.6))


def leaf() -> list[BodyPart]:
    """A pointed leaf with its midrib."""
    half = np.concatenate([_T * 2 - 1, np.sin(np.pi * _T) * 0.28], axis=1)
    return [
        BodyPart(np.concatenate([half, half[::-1] * (1, -1)])),
        BodyPart(limb([(-0.9, 0), (0.9, 0)], 0.06, 0.02), 0.7),
    ]
