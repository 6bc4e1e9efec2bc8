"""Pseudo-masks: foreground and background of a photograph, from colours and place, without a label."""

import hashlib
import itertools
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Shaped, UInt8
from scipy.ndimage import gaussian_filter

from common.data.classes import IGNORE
from common.data.pack import Pack
from common.data.pack_files import file_checksum
from common.data.parallel import map_in_order, reading_pool, reading_threads, with_progress
from common.data.ragged import of_one_size
from common.data.row_file import open_rows
from common.errors import UserError
from common.files import replace_text, replacing
from common.say import note

FORMAT = 2  # to be raised when the same images would give other masks
CHECKSUM = ".crc32"
"""Suffix of the file beside masks in the cache, which has the checksum of theirs."""
SURE_FOREGROUND, LIKELY_FOREGROUND, SURE_BACKGROUND = 0.10, 0.35, 0.30
"""GrabCut's seeds from colours, as shares of the pixels: those of the highest and of the lowest scores."""
TEACHER_SURE, TEACHER_LIKELY, TEACHER_BACKGROUND = 0.6, 0.2, 0.02
"""GrabCut's seeds from a teacher, as its probabilities of foreground. They are low, because networks that learn from
pseudo-masks predict too little foreground rather than too much."""
ROUNDS = 2
FOREGROUND = (cv2.GC_FGD, cv2.GC_PR_FGD)

Probability = Float32[np.ndarray, "p q"]
"""The probability of foreground in each pixel."""
Seeded = tuple[Shaped[np.ndarray, "h w c"], Probability | None]
"""An image, and what a teacher predicts for it."""


@runtime_checkable
class Teacher(Protocol):
    """A network whose predictions are the seeds of pseudo-masks."""

    @property
    def fingerprint(self) -> str:
        """What tells it from others."""
        ...

    def probabilities(self, pack: Pack) -> Iterable[Probability]:
        """Its prediction for each image."""
        ...


def foreground(
    image: UInt8[np.ndarray, "h w 3"], probability: Probability | None = None, *, side: int = 128
) -> Bool[np.ndarray, "h w"]:
    """The foreground of an RGB image; equal images give equal masks. Images larger than `side` are segmented at
    that side, and their masks enlarged.

    GrabCut starts from seeds and finds a boundary along which colours change. Seeds are the pixels whose colour is
    farthest from that of the nearest of the four borders, and that are near the middle: a prior on photographs of a
    single object, wrong where objects are many, small or at the border. With `probability`, of any size, seeds are the
    pixels to which a teacher gives a high probability of foreground.

    Source: Wei et al. 2012, Geodesic saliency using background priors, doi 10.1007/978-3-642-33712-3_3 (borders are
    background); Rother et al. 2004, GrabCut, doi 10.1145/1015706.1015720 (the cut); Simeoni et al. 2021, LOST, arXiv
    2109.14279 (a network trained on pseudo-masks outperforms them).
    Deviation: Mahalanobis distances in CIELAB where the first has geodesic ones; nobody draws GrabCut's rectangle; a
    teacher's predictions are refined by GrabCut before a network learns them.
    """
    side = min(max(image.shape[:2]), side)
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    seeds = _from_colours(small) if probability is None else _from_teacher(cv2.resize(probability, (side, side)))
    cv2.setRNGSeed(0)  # of this thread: colours are clustered from random centres
    cv2.grabCut(small, seeds, (0, 0, side, side), np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    mask = np.isin(seeds, FOREGROUND).astype(np.float32)
    return cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5


def _from_colours(image: UInt8[np.ndarray, "h h 3"]) -> UInt8[np.ndarray, "h h"]:
    """GrabCut's seeds, by shares of the pixels."""
    score = _colour_contrast(image)
    most, likely, least = np.quantile(score, (1 - SURE_FOREGROUND, 1 - LIKELY_FOREGROUND, SURE_BACKGROUND))
    seeds = np.full(score.shape, cv2.GC_PR_BGD, np.uint8)
    seeds[score > likely] = cv2.GC_PR_FGD
    seeds[score < least] = cv2.GC_BGD
    seeds[[0, -1]] = cv2.GC_BGD
    seeds[score > most] = cv2.GC_FGD
    return seeds


def _from_teacher(probability: Probability) -> UInt8[np.ndarray, "p q"]:
    """GrabCut's seeds, by probability; a tenth is likely foreground, or background, where the teacher predicts none."""
    seeds = np.full(probability.shape, cv2.GC_PR_BGD, np.uint8)
    seeds[probability > TEACHER_LIKELY] = cv2.GC_PR_FGD
    seeds[probability > TEACHER_SURE] = cv2.GC_FGD
    seeds[probability < TEACHER_BACKGROUND] = cv2.GC_BGD
    order = np.argsort(probability, axis=None, kind="stable")
    tenth = len(order) // 10
    if not np.isin(seeds, FOREGROUND).any():
        seeds.flat[order[-tenth:]] = cv2.GC_PR_FGD
    if np.isin(seeds, FOREGROUND).all():
        seeds.flat[order[:tenth]] = cv2.GC_PR_BGD
    return seeds


def _colour_contrast(image: UInt8[np.ndarray, "h h 3"]) -> Float32[np.ndarray, "h h"]:
    """The distance of each colour from those of the nearest border, blurred, times a Gaussian around the middle."""
    side = len(image)
    colours = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    strip = max(side // 16, 1)
    borders = (colours[:strip], colours[-strip:], colours[:, :strip], colours[:, -strip:])
    distance = np.min([_distance(colours, border.reshape(-1, 3)) for border in borders], axis=0)
    place = np.linspace(-1, 1, side, dtype=np.float32) ** 2
    middle = np.exp(-2 * (place[:, None] + place))
    # An image of one colour has no distances: there the middle alone decides.
    return (gaussian_filter(distance, 1.5 * side / 64) + 1e-3) * middle


def _distance(colours: Float32[np.ndarray, "h h 3"], border: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "h h"]:
    """Mahalanobis distance from a Gaussian of these colours, none narrower than 5 of 255 CIELAB steps."""
    inverse = np.linalg.inv(np.cov(border.T) + 25 * np.eye(3)).astype(np.float32)
    apart = colours - border.mean(0)
    return np.sqrt(np.einsum("hwi,ij,hwj->hw", apart, inverse, apart))


def with_pseudo_masks(
    pack: Pack,
    larger: Pack,
    *,
    side: int,
    cache_dir: Path,
    num_workers: int,
    teacher: Teacher | None = None,
    doing: str = "making pseudo-masks",
) -> Pack:
    """The pack with the `foreground` of each image as its mask (1, else 0); taken from the cache at a second call.

    GrabCut sees `larger`, the same photographs as large as the pack's or larger, at `side` at most. Of four channels
    the first three count, a grey image is grey in all three. `num_workers` 0 takes a thread for every core. `doing`
    names the work. A damaged file of the cache is made again, with a note. Raises UserError where the cache folder
    cannot be written.
    """
    assert pack.digests == larger.digests, "pseudo-masks are made of the same photographs"
    shapes = (of_one_size(one.images).shape for one in (pack, larger))
    content = repr((FORMAT, *shapes, side, pack.digests))
    content += "padded" if pack.boxes is not None else ""
    content += teacher.fingerprint if teacher is not None else ""
    # the name of version 0.1.0, whose caches are still good
    path = cache_dir / f"saliency-{hashlib.blake2b(content.encode(), digest_size=16).hexdigest()}.npy"
    kept = _kept(path, of_one_size(pack.images).shape[:3])
    if kept is None:
        probabilities = teacher.probabilities(pack) if teacher is not None else itertools.repeat(None, len(pack))
        photographs = (larger.content(index) for index in range(len(larger)))
        seeded = zip(photographs, probabilities, strict=True)
        kept = _masks(pack, seeded, side=side, workers=num_workers, doing=doing)
        try:
            cache_dir.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, kept)
            replace_text(path.with_suffix(CHECKSUM), str(file_checksum(path)))
        except OSError as error:
            raise UserError(
                f"cannot write pseudo-masks to the cache folder {cache_dir}: {error.strerror or error}; "
                "make room or give another folder with --cache_dir"
            ) from error
        kept = open_rows(path, kept.shape)
    return replace(pack, masks=kept)


def _kept(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "n s s"] | None:
    """The masks that an earlier call left in the cache; None without them, and where they are not what was written.

    Masks of older versions have no checksum, and are believed where their size is right.
    """
    told = path.with_suffix(CHECKSUM)
    try:
        masks = open_rows(path, shape)
        if told.exists() and told.read_text(encoding="ascii") != str(file_checksum(path)):
            raise ValueError(f"{path.name} is not what was written")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        note(f"the pseudo-masks in {path} are damaged ({error}), and made again")
        return None
    return masks


def _masks(pack: Pack, seeded: Iterable[Seeded], *, side: int, workers: int, doing: str) -> UInt8[np.ndarray, "n s s"]:
    """The masks of a pack, from its photographs of any size without padding, and what is predicted for it."""
    masks, workers = np.full(of_one_size(pack.images).shape[:3], IGNORE, np.uint8), reading_threads(workers)

    def segment(numbered: tuple[int, Seeded]) -> Bool[np.ndarray, "r s"]:
        index, (pixels, probability) = numbered
        box = pack.box(index)
        probability = None if probability is None else np.ascontiguousarray(box.cut(probability))
        coloured = np.ascontiguousarray(np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3)))
        mask = foreground(coloured, probability, side=side)
        return cv2.resize(mask.astype(np.float32), (box.width, box.height), interpolation=cv2.INTER_AREA) > 0.5

    with (
        reading_pool(workers) as pool,
        closing(
            with_progress(map_in_order(pool, segment, enumerate(seeded), ahead=4 * workers), len(pack), doing)
        ) as segmented,
    ):
        for index, mask in enumerate(segmented):
            pack.box(index).cut(masks[index])[...] = mask
    return masks
