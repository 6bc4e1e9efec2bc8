"""What stands out of a photograph: figure and ground, guessed from colours and place, without a label."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy.ndimage import gaussian_filter

from common.data.crowd import one_quiet_opencv_thread, shown
from common.data.pack import Pack
from common.errors import UserError
from common.files import replacing

FORMAT = 2  # to be raised when the same pictures would give other masks
SURE_FIGURE, LIKELY_FIGURE, SURE_GROUND = 0.10, 0.35, 0.30
"""Shares of the pixels, those that stand out most and least, with which GrabCut begins."""
ROUNDS = 2


def salient(picture: UInt8[np.ndarray, "h w 3"], *, side: int = 128) -> Bool[np.ndarray, "h w"]:
    """Whether each pixel of a square RGB picture belongs to what stands out; equal pictures give equal masks. Pictures
    larger than `side` are cut at that side, and their masks enlarged.

    A pixel stands out by its colour's distance from the nearest of the picture's four borders and by its nearness to
    the middle; from there GrabCut finds an outline along which colours change. That is a prior on photographs of one
    thing each. It holds for no picture whose objects are many, small or at the border.

    Source: Wei et al. 2012, Geodesic saliency using background priors, doi 10.1007/978-3-642-33712-3_3 (borders are
    ground); Rother et al. 2004, GrabCut, doi 10.1145/1015706.1015720 (the cut).
    Deviation: Mahalanobis distances in CIELAB where the former has geodesic ones; nobody draws GrabCut's rectangle.
    """
    side = min(len(picture), side)
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    score = _standing_out(small)
    most, likely, least = np.quantile(score, (1 - SURE_FIGURE, 1 - LIKELY_FIGURE, SURE_GROUND))
    guess = np.full(score.shape, cv2.GC_PR_BGD, np.uint8)
    guess[score > likely] = cv2.GC_PR_FGD
    guess[score < least] = cv2.GC_BGD
    guess[[0, -1]] = cv2.GC_BGD
    guess[score > most] = cv2.GC_FGD
    cv2.setRNGSeed(0)  # of this thread: colours are clustered from random centres
    cv2.grabCut(small, guess, (0, 0, side, side), np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    figure = ((guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)).astype(np.float32)
    return cv2.resize(figure, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5


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


def with_salient_masks(pack: Pack, pictures: Pack, *, side: int, cache_dir: Path, num_workers: int) -> Pack:
    """The pack with a mask of `salient` (1 figure, 0 ground) for each image; found in the cache at a second call.

    Masks are drawn on `pictures`, the same photographs as large as the pack's or larger, at `side` at most. Of four
    channels the first three count, a grey picture is grey in all three. `num_workers` 0 takes a thread for every core.
    Raises UserError where the cache folder cannot be written.
    """
    assert pack.digests == pictures.digests, "outlines are drawn on the same photographs"
    content = repr((FORMAT, pack.images.shape, pictures.images.shape, side, pack.digests)).encode()
    path = cache_dir / f"saliency-{hashlib.blake2b(content, digest_size=16).hexdigest()}.npy"
    if not path.exists():
        masks = _outlines(pictures, side, pack.images.shape[1], num_workers or os.cpu_count() or 1)
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


def _outlines(pictures: Pack, side: int, size: int, workers: int) -> UInt8[np.ndarray, "k n n"]:
    """The masks of pictures, cut at `side` and brought to `size`."""
    masks = np.empty((len(pictures), size, size), np.uint8)

    def outline(pixels: UInt8[np.ndarray, "h w c"]) -> Bool[np.ndarray, "n n"]:
        found = salient(np.ascontiguousarray(np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3))), side=side)
        return cv2.resize(found.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) > 0.5

    with (
        ThreadPoolExecutor(workers) as pool,
        one_quiet_opencv_thread(),
        closing(shown(pool.map(outline, pictures.images), len(pictures), "outlining")) as cut,
    ):
        for index, mask in enumerate(cut):
            masks[index] = mask
    return masks
