"""What stands out of a photograph: figure and ground, guessed from colours and place, without a label."""

import hashlib
import itertools
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Shaped, UInt8
from scipy.ndimage import gaussian_filter

from common.data.pack import Pack
from common.data.parallel import map_in_order, one_quiet_opencv_thread, with_progress
from common.errors import UserError
from common.files import replacing

FORMAT = 2  # to be raised when the same pictures would give other masks
SURE_FIGURE, LIKELY_FIGURE, SURE_GROUND = 0.10, 0.35, 0.30
"""Shares of the pixels, those that stand out most and least, with which GrabCut begins."""
FOUND_FIGURE, MAYBE_FIGURE, FOUND_GROUND = 0.6, 0.2, 0.02
"""Probabilities of standing out, a network's, with which GrabCut begins. Low, for networks that learn from guesses find
too little rather than too much."""
ROUNDS = 2
FIGURE = (cv2.GC_FGD, cv2.GC_PR_FGD)

Found = Float32[np.ndarray, "p q"]


def salient(
    picture: UInt8[np.ndarray, "h w 3"], found: Found | None = None, *, side: int = 128
) -> Bool[np.ndarray, "h w"]:
    """Whether each pixel of a square RGB picture belongs to what stands out; equal pictures give equal masks. Pictures
    larger than `side` are cut at that side, and their masks enlarged.

    Without `found` a pixel stands out by its colour's distance from the nearest of the picture's four borders and by
    its nearness to the middle. That is a prior on photographs of one thing each. It holds for no picture whose objects
    are many, small or at the border. With `found`, of any size, it is the probability that a network gives each pixel.
    From there GrabCut finds an outline along which colours change.

    Source: Wei et al. 2012, Geodesic saliency using background priors, doi 10.1007/978-3-642-33712-3_3 (borders are
    ground); Rother et al. 2004, GrabCut, doi 10.1145/1015706.1015720 (the cut); Simeoni et al. 2021, LOST, arXiv
    2109.14279 (a network that is trained on guesses finds more than they do).
    Deviation: Mahalanobis distances in CIELAB where the first has geodesic ones; nobody draws GrabCut's rectangle; what
    a network finds is cut before the next one learns it.
    """
    side = min(len(picture), side)
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    guess = _by_colours(small) if found is None else _by_network(cv2.resize(found, (side, side)))
    cv2.setRNGSeed(0)  # of this thread: colours are clustered from random centres
    cv2.grabCut(small, guess, (0, 0, side, side), np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    figure = np.isin(guess, FIGURE).astype(np.float32)
    return cv2.resize(figure, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5


def _by_colours(picture: UInt8[np.ndarray, "h h 3"]) -> UInt8[np.ndarray, "h h"]:
    """What GrabCut begins with, by shares of the pixels."""
    score = _standing_out(picture)
    most, likely, least = np.quantile(score, (1 - SURE_FIGURE, 1 - LIKELY_FIGURE, SURE_GROUND))
    guess = np.full(score.shape, cv2.GC_PR_BGD, np.uint8)
    guess[score > likely] = cv2.GC_PR_FGD
    guess[score < least] = cv2.GC_BGD
    guess[[0, -1]] = cv2.GC_BGD
    guess[score > most] = cv2.GC_FGD
    return guess


def _by_network(found: Found) -> UInt8[np.ndarray, "p q"]:
    """What GrabCut begins with, by probability; a tenth is likely figure, or ground, where the network finds none."""
    guess = np.full(found.shape, cv2.GC_PR_BGD, np.uint8)
    guess[found > MAYBE_FIGURE] = cv2.GC_PR_FGD
    guess[found > FOUND_FIGURE] = cv2.GC_FGD
    guess[found < FOUND_GROUND] = cv2.GC_BGD
    order = np.argsort(found, axis=None, kind="stable")
    tenth = len(order) // 10
    if not np.isin(guess, FIGURE).any():
        guess.flat[order[-tenth:]] = cv2.GC_PR_FGD
    if np.isin(guess, FIGURE).all():
        guess.flat[order[:tenth]] = cv2.GC_PR_BGD
    return guess


def _standing_out(picture: UInt8[np.ndarray, "h h 3"]) -> Float32[np.ndarray, "h h"]:
    """How unlike each border a pixel's colour is, blurred, times a Gaussian around the middle."""
    side = len(picture)
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    strip = max(side // 16, 1)
    borders = (colours[:strip], colours[-strip:], colours[:, :strip], colours[:, -strip:])
    distance = np.min([_distance(colours, border.reshape(-1, 3)) for border in borders], axis=0)
    place = np.linspace(-1, 1, side, dtype=np.float32) ** 2
    middle = np.exp(-2 * (place[:, None] + place))
    # A picture of one colour has no distances: there the middle alone decides.
    return (gaussian_filter(distance, 1.5 * side / 64) + 1e-3) * middle


def _distance(colours: Float32[np.ndarray, "h h 3"], ground: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "h h"]:
    """Mahalanobis distance from a Gaussian of these colours, none narrower than 5 of 255 CIELAB steps."""
    inverse = np.linalg.inv(np.cov(ground.T) + 25 * np.eye(3)).astype(np.float32)
    apart = colours - ground.mean(0)
    return np.sqrt(np.einsum("hwi,ij,hwj->hw", apart, inverse, apart))


def with_salient_masks(
    pack: Pack,
    pictures: Pack,
    *,
    side: int,
    cache_dir: Path,
    num_workers: int,
    found: Iterable[Found] | None = None,
    finder: str = "",
) -> Pack:
    """The pack with a mask of `salient` (1 figure, 0 ground) for each image; found in the cache at a second call.

    Masks are drawn on `pictures`, the same photographs as large as the pack's or larger, at `side` at most. Of four
    channels the first three count, a grey picture is grey in all three. `found` is what a network finds in each, and
    `finder` tells that network from others. `num_workers` 0 takes a thread for every core. Raises UserError where the
    cache folder cannot be written.
    """
    assert pack.digests == pictures.digests, "outlines are drawn on the same photographs"
    content = repr((FORMAT, pack.images.shape, pictures.images.shape, side, pack.digests)) + finder
    path = cache_dir / f"saliency-{hashlib.blake2b(content.encode(), digest_size=16).hexdigest()}.npy"
    if not path.exists():
        masks = _outlines(pictures, found, side, pack.images.shape[1], num_workers or os.cpu_count() or 1)
        try:
            cache_dir.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, masks)
        except OSError as error:
            raise UserError(
                f"cannot write outlines to the cache folder {cache_dir}: {error.strerror or error}; "
                "make room or give another folder with --cache_dir"
            ) from error
    return replace(pack, masks=np.load(path, mmap_mode="r"))


def _outlines(
    pictures: Pack, found: Iterable[Found] | None, side: int, size: int, workers: int
) -> UInt8[np.ndarray, "k n n"]:
    """The masks of pictures, cut at `side` and brought to `size`."""
    masks = np.empty((len(pictures), size, size), np.uint8)

    def outline(one: tuple[Shaped[np.ndarray, "h w c"], Found | None]) -> Bool[np.ndarray, "n n"]:
        pixels, probability = one
        coloured = np.ascontiguousarray(np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3)))
        mask = salient(coloured, probability, side=side)
        return cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) > 0.5

    nothing = itertools.repeat(None, len(pictures))
    each = zip(pictures.images, nothing if found is None else found, strict=True)
    with (
        ThreadPoolExecutor(workers) as pool,
        one_quiet_opencv_thread(),
        closing(with_progress(map_in_order(pool, outline, each, ahead=4 * workers), len(pictures), "outlining")) as cut,
    ):
        for index, mask in enumerate(cut):
            masks[index] = mask
    return masks
