"""Cross-validation: which images each of several trainings tests, validates on, and trains on."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from common.data.samples import SplitName
from common.data.split import unit_hash
from common.errors import UserError
from common.words import counted


def fold_parts(
    keys: Sequence[str],
    digests: Sequence[str],
    class_pixels: Int[np.ndarray, "n k"],
    *,
    folds: int,
    fold: int,
    seed: int,
    val_share: float,
) -> dict[SplitName, Int[np.ndarray, " _"]]:
    """The positions of the images of each part in one fold (from 1): over all folds, each image is tested once.

    Folds are stratified by the classes that an image shows, and equal in size but for copies, which stay together.
    `val_share` of all images are drawn from those that are not tested, stratified too. Raises UserError where a part
    stays empty, and where fewer than two images are left to train on.
    """
    first = {digest: position for position, digest in reversed(list(enumerate(digests)))}
    order = _stratified([first[d] for d in dict.fromkeys(digests)], keys, class_pixels, seed, "")
    tested, rest = order[fold - 1 :: folds], np.delete(order, np.s_[fold - 1 :: folds])
    count = max(round(val_share * len(order)), 1)
    if not len(tested) or len(rest) < count + 2:
        raise UserError(
            f"--folds {folds} of {counted(len(order), 'different image')} leaves too few: each fold needs one image "
            f"to test, {count} for validation and two to train on; use fewer folds, or add images"
        )
    rest = _stratified(rest, keys, class_pixels, seed, "validation/")
    validated = rest[((np.arange(count) + 0.5) * len(rest) / count).astype(np.int64)]
    homes = np.array([first[digest] for digest in digests])
    is_test, is_val = np.isin(homes, tested), np.isin(homes, validated)
    parts: dict[SplitName, np.ndarray] = {"train": ~(is_test | is_val), "val": is_val, "test": is_test}
    return {split: np.flatnonzero(inside) for split, inside in parts.items()}


def _stratified(
    positions: Sequence[int] | np.ndarray, keys: Sequence[str], class_pixels: np.ndarray, seed: int, salt: str
) -> Int[np.ndarray, " m"]:
    """Positions in groups of images that show the same classes; each group in the order of a hash of the names."""
    shows = class_pixels > 0
    order = sorted(positions, key=lambda index: (shows[index].tobytes(), unit_hash(seed, salt + keys[index])))
    return np.array(order, dtype=np.int64)
