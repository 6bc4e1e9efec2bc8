"""Drawn cats and dogs for demonstrations and tests: any number of them, at any size, with exact masks.

Cats and dogs differ in shape alone; coats, poses, scenes and light come from the same distributions for both.
"""

from functools import lru_cache
from hashlib import blake2b

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from common.data.classes import IGNORE
from common.data.pack import LabelledPack
from common.data.synthetic.shapes import BodyPart, Species, ellipse, leaf, limb, pet, thing

Field = Float32[np.ndarray, "s s"]
Canvas = Float32[np.ndarray, "s s 3"]

SPECIES: tuple[Species, Species] = ("dog", "cat")
"""Species of even and of odd pictures."""
SUPERSAMPLING = 2
LEAST_VISIBLE = 0.65
"""Occluders leave at least this share of the pet in sight."""
FULL_TONE = 160
"""Tones are bytes while parts are painted; this one leaves the coat as it is."""
SUBPIXEL_BITS = 6


@lru_cache(maxsize=4)
def synthetic_pets(count: int, size: int, *, seed: int) -> LabelledPack:
    """Draw `count` pictures of pets, every other one a cat, `size` pixels a side (at least 64).

    Masks hold 0 background, 1 cat, 2 dog, and 255 on a thin band along the outline. Picture i depends on
    `seed` (0 or more) and i alone: more pictures never change earlier ones, and `size` changes only how
    finely they are drawn. The arrays are read-only: the same call gives the same ones.
    """
    images = np.empty((count, size, size, 3), np.uint8)
    masks = np.empty((count, size, size), np.uint8)
    for i in range(count):
        images[i], masks[i] = _draw(SPECIES[i % 2], size, np.random.default_rng((seed, i)))
    images.flags.writeable = masks.flags.writeable = False
    return LabelledPack(
        images=images,
        masks=masks,
        keys=tuple(f"{SPECIES[i % 2]}_{i:04}" for i in range(count)),
        class_pixels=np.stack([(masks == k).sum((1, 2), dtype=np.int64) for k in range(3)], axis=1),
        digests=_digests(images),
        mask_digests=_digests(masks),
        bad_files=(),
    )


def _digests(pictures: UInt8[np.ndarray, "n ..."]) -> tuple[str, ...]:
    return tuple(blake2b(picture.tobytes(), digest_size=8).hexdigest() for picture in pictures)


def _draw(
    species: Species, size: int, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    side = size * SUPERSAMPLING
    coat, scene = _coat(rng, side), _background(rng, side)
    for _ in range(rng.integers(1, 4)):
        shape, own = _place(rng, thing(rng), rng.uniform(0.15, 0.45)), rng.random() < 0.4
        _paint(scene, shape, coat if own else _coat(rng, side))
    visible = _paint(scene, _place(rng, pet(rng, species), rng.uniform(0.6, 1.05)), coat)
    _occlude(rng, scene, visible)
    picture = cv2.resize(_light(rng, scene), (size, size), interpolation=cv2.INTER_AREA)
    coverage = cv2.resize(visible, (size, size), interpolation=cv2.INTER_AREA)
    return (picture * 255 + 0.5).astype(np.uint8), _trimap(coverage > 0.5, 1 if species == "cat" else 2)


def _trimap(inside: np.ndarray, label: int) -> UInt8[np.ndarray, "h w"]:
    """Label inside, 0 outside, 255 on a band of 2 to 3 % of the side that straddles the outline."""
    reach = max(1, round(len(inside) / 80))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    core, near = cv2.erode(inside.astype(np.uint8), disc), cv2.dilate(inside.astype(np.uint8), disc)
    return np.where(core > 0, label, np.where(near > 0, IGNORE, 0)).astype(np.uint8)


def _place(rng: np.random.Generator, parts: list[BodyPart], extent: float) -> list[BodyPart]:
    """Turn, mirror and move a shape into the picture (0 to 1): longer side `extent`, up to 0.06 outside."""
    angle, mirror = rng.normal(0, 0.2), rng.choice((-1, 1))
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    turned = [part.points * (mirror, 1) @ turn for part in parts]
    everything = np.concatenate(turned)
    low, span = everything.min(axis=0), np.ptp(everything, axis=0)
    scale = extent / span.max()
    corner = rng.uniform(-0.06, 1.06 - span * scale)
    return [
        BodyPart((points - low) * scale + corner, part.shade, part.colour)
        for part, points in zip(parts, turned, strict=True)
    ]


def _paint(canvas: Canvas, parts: list[BodyPart], coat: Canvas) -> Field:
    """Paint a shape onto `canvas`, shaded by part and towards its rim; returns its cover of each pixel."""
    side = len(canvas)
    cover, tones = np.zeros((side, side), np.uint8), np.full((side, side), FULL_TONE, np.uint8)
    tint = coat.copy()
    for part in parts:
        outline = [np.round((part.points * side - 0.5) * 2**SUBPIXEL_BITS).astype(np.int32)]
        tone = FULL_TONE * part.shade
        cv2.fillPoly(cover, outline, 255, cv2.LINE_AA, SUBPIXEL_BITS)
        cv2.fillPoly(tones, outline, tone, cv2.LINE_AA, SUBPIXEL_BITS)
        if part.colour:
            cv2.fillPoly(tint, outline, part.colour, cv2.LINE_8, SUBPIXEL_BITS)
        else:
            cv2.polylines(tones, outline, True, tone * 0.72, max(1, side // 90), cv2.LINE_AA, SUBPIXEL_BITS)
    alpha = cover.astype(np.float32) / 255
    relief = 0.65 + 0.4 * cv2.blur(alpha, (side // 16, side // 16))
    tint *= cv2.merge([relief * tones * np.float32(1 / FULL_TONE)] * 3)
    canvas += cv2.merge([alpha] * 3) * (tint - canvas)
    return alpha


def _occlude(rng: np.random.Generator, canvas: Canvas, visible: Field) -> None:
    """Put bars and leaves before the pet, leaving enough of it in sight; updates both arrays."""
    least = LEAST_VISIBLE * visible.sum()
    for _ in range(rng.integers(0, 4)):
        if rng.random() < 0.3:
            top, bottom = rng.uniform(-0.1, 1.1, 2)
            shape = [BodyPart(limb([(top, -0.1), (bottom, 1.1)], rng.uniform(0.03, 0.08)))]
        else:
            shape = _place(rng, leaf(), rng.uniform(0.2, 0.4))
        trial = canvas.copy()
        remaining = visible * (1 - _paint(trial, shape, _tones(rng, len(canvas))))
        if remaining.sum() >= least:
            canvas[:], visible[:] = trial, remaining


def _noise(rng: np.random.Generator, cells: int, side: int) -> Field:
    """Smooth noise from -1 to 1 with `cells` cells a side, the same at every resolution."""
    grid = rng.random((cells, cells), dtype=np.float32) * 2 - 1
    return cv2.resize(grid, (side, side), interpolation=cv2.INTER_LINEAR)


def _ramp(rng: np.random.Generator, side: int) -> Field:
    """Rises across the picture in a random direction, from -1 to 1 at the most."""
    angle, t = rng.uniform(0, 2 * np.pi), np.linspace(-0.7, 0.7, side, dtype=np.float32)
    return np.float32(np.cos(angle)) * t[None, :] + np.float32(np.sin(angle)) * t[:, None]


def _fur_colour(rng: np.random.Generator) -> Float32[np.ndarray, "3"]:
    """Black, grey, white, cream, ginger or brown."""
    value, saturation = rng.uniform(0.12, 0.95), rng.uniform(0, 0.65)
    return np.float32(value) * (1 - saturation * np.array((0, rng.uniform(0.35, 0.6), 1), np.float32))


def _any_colour(rng: np.random.Generator) -> Float32[np.ndarray, "3"]:
    """A fur's colour or, as often, one of any hue but muted."""
    if rng.random() < 0.5:
        return _fur_colour(rng)
    colour = rng.uniform(0.1, 0.9, 3).astype(np.float32)
    return colour + np.float32(rng.uniform(0, 0.7)) * (colour.mean() - colour)


def _blend(rng: np.random.Generator, first: np.ndarray, second: np.ndarray, grain: Field) -> Canvas:
    """Two colours in one of four patterns (one alone, stripes, patches, gradient), roughened by `grain`."""
    side, kind = len(grain), rng.integers(4)
    if kind == 0:
        share = np.zeros_like(grain)
    elif kind == 1:
        share = 0.5 + 3 * np.sin(rng.uniform(20, 45) * _ramp(rng, side) + 2.5 * _noise(rng, 6, side))
    elif kind == 2:
        share = 0.5 + 8 * _noise(rng, 5, side)
    else:
        share = 0.5 + 2 * _ramp(rng, side) + 0.5 * _noise(rng, 6, side)
    share = np.clip(share, 0, 1)
    return cv2.merge([(a + share * (b - a)) * grain for a, b in zip(first, second, strict=True)])


def _coat(rng: np.random.Generator, side: int) -> Canvas:
    """Fur of one or two colours."""
    grain = 1 + 0.12 * _noise(rng, 64, side) + 0.12 * _noise(rng, 20, side)
    return _blend(rng, _fur_colour(rng), _fur_colour(rng), grain)


def _tones(rng: np.random.Generator, side: int) -> Canvas:
    """A surface of one or two colours of any hue, rough at several scales."""
    grain = np.ones((side, side), np.float32)
    for cells in (4, 12, 32, 64):
        grain += np.float32(rng.uniform(0, 0.25)) * _noise(rng, cells, side)
    return _blend(rng, _any_colour(rng), _any_colour(rng), grain)


def _background(rng: np.random.Generator, side: int) -> Canvas:
    """A wall and a floor with blobs on them, more or less out of focus."""
    scene, floor = _tones(rng, side), _tones(rng, side)
    horizon = int(rng.uniform(0.3, 1.1) * side)
    scene[horizon:] = floor[horizon:]
    spots = [(*rng.uniform(0, 1, 2), *rng.uniform(0.03, 0.2, 2), rng.uniform(0.6, 1.4)) for _ in range(5)]
    _paint(scene, [BodyPart(ellipse(x, y, rx, ry), shade) for x, y, rx, ry, shade in spots], _tones(rng, side))
    return cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.002, 0.012) * side)


def _light(rng: np.random.Generator, canvas: Canvas) -> Canvas:
    """Uneven light, a colour cast and a random exposure; values end between 0 and 1."""
    lamp = 1 + np.float32(rng.uniform(0, 0.4)) * _ramp(rng, len(canvas))
    lit = canvas * cv2.merge([lamp * cast for cast in rng.uniform(0.92, 1.08, 3).astype(np.float32)])
    return np.clip(lit, 0, 1) ** np.float32(np.exp(rng.uniform(-0.4, 0.4)))
