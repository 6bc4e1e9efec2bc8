"""Which image belongs to training, validation and test; and which training images keep their labels."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from common.config.groups import DataConfig
from common.data.samples import PAGE, SPLITS, Sample, SplitName
from common.errors import UserError
from common.intervals import FEW
from common.words import counted

LABELLED_FRACTIONS = (0.70, 0.15, 0.15)
FOLDER_FRACTIONS = (0.90, 0.05, 0.05)
SCARCE = 0.125
"""Share of its share below which a split gets images of training."""
USUAL_FOLDS = 5
SEEDS_TRIED = 200
GROUPS = 8
"""Combinations of classes in a data set, up to which each is a group: all that three classes have."""
CANDIDATES = 32
"""Images among which one is chosen."""


def unit_hash(seed: int, key: str) -> float:
    """A number in [0, 1) that depends on seed and key alone, so that nothing else can move an image."""
    name = f"{seed}/{key}".encode(errors="surrogatepass")  # names of files need not be UTF-8
    digest = hashlib.blake2b(name, digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53  # 53 bits: more would round up to 1.0


def split_fractions(config: DataConfig, layout: str) -> tuple[float, float, float]:
    """The shares of train, val and test images. Raises UserError where nothing is left to train on."""
    _, val, test = FOLDER_FRACTIONS if layout == "folder" else LABELLED_FRACTIONS
    val = config.val_share or val
    if val + test >= 1:
        raise UserError(f"--val_share {val} leaves nothing to train on beside {test:.0%} for testing: lower it")
    return 1 - val - test, val, test


def split_samples(
    samples: Sequence[Sample],
    *,
    seed: int,
    fractions: tuple[float, float, float] = LABELLED_FRACTIONS,
    needed: Sequence[SplitName] = SPLITS,
    fill: bool = False,
) -> dict[SplitName, list[Sample]]:
    """Sort samples into train, val and test: as the data set says, and by a hash of the key where it does
    not.

    `fractions` are the shares of train, val and test. A missing validation or test split is carved from the
    training images, so adding images never moves old ones. With `fill` a split that got far less than its share takes
    the training images that are next to it, which further images may give back. Raises UserError if a split that is
    `needed` stays empty.
    """
    indices = split_keys(
        [sample.key.rpartition(PAGE)[0] if sample.reading.page is not None else sample.key for sample in samples],
        [sample.split for sample in samples],
        seed=seed,
        fractions=fractions,
        needed=needed,
        fill=fill,
    )
    return {split: [samples[index] for index in indices[split]] for split in SPLITS}


def split_keys(
    keys: Sequence[str],
    official: Sequence[SplitName | None],
    *,
    seed: int,
    fractions: tuple[float, float, float] = LABELLED_FRACTIONS,
    needed: Sequence[SplitName] = SPLITS,
    fill: bool = False,
) -> dict[SplitName, Int[np.ndarray, " _"]]:
    """`split_samples` on names alone: the positions in `keys` of each split's images, in order."""
    assigned = np.array(_assign(keys, official, seed, fractions))
    if fill and (wanted := _wanted(assigned, fractions)):
        _fill(assigned, np.array([unit_hash(seed, key) for key in keys]), wanted)
    indices: dict[SplitName, np.ndarray] = {split: np.flatnonzero(assigned == split) for split in SPLITS}
    if not all(len(indices[split]) for split in needed):
        few = f"{counted(len(set(keys)), 'image')} to train on, to validate and to test: add images, four at least"
        raise UserError(few if fill else _empty_split_message(keys, official, seed, fractions))
    return indices


def _wanted(assigned: np.ndarray, fractions: tuple[float, float, float]) -> dict[SplitName, int]:
    """How many images each scarce split should have.

    Few images may leave a split empty by chance: it should have one. Of many a split is scarce that has less than
    SCARCE of its share, as where the images are the training part of a data set that was split by the same hash.
    """
    shares: dict[SplitName, float] = {"test": fractions[2], "val": fractions[1]}
    wanted: dict[SplitName, int] = {}
    for split, fraction in shares.items():
        count, share = int((assigned == split).sum()), fraction * len(assigned)
        least = int(share) if max(count, 1) < SCARCE * share else 1
        if count < least:
            wanted[split] = least
    return wanted


def _fill(assigned: np.ndarray, places: Float[np.ndarray, " n"], wanted: Mapping[SplitName, int]) -> None:
    """Give splits the training images with the smallest hashes, with all of their pages, while others train."""
    for split, least in wanted.items():
        while (assigned == split).sum() < least and len(np.unique(places[assigned == "train"])) > 1:
            trains = assigned == "train"
            assigned[trains & (places == places[trains].min())] = split


def folds_for(count: int) -> int | None:
    """How many --folds suit few images; None for many, and for fewer than four: one tests, one validates, two train."""
    return min(count, USUAL_FOLDS) if 4 <= count < FEW else None


def label_subset(
    keys: Sequence[str], foreground_pixels: Int[np.ndarray, "n k"], *, fraction: float, seed: int
) -> Int[np.ndarray, " m"]:
    """Choose the training images that keep their labels: sorted positions in `keys`.

    Images are grouped by the foreground classes that they show (`foreground_pixels` above zero), and of each
    group the same share is kept, rounded, but at least one. Of more than GROUPS groups, `_balanced` chooses, with at
    least one image of each class. Smaller fractions lie inside larger ones. Raises UserError unless the fraction is
    above 0 and at most 1.
    """
    if not 0 < fraction <= 1:
        raise UserError(f"--label_fraction must be above 0 and at most 1, got {fraction}")
    groups: dict[bytes, list[int]] = {}
    order = sorted(range(len(keys)), key=lambda index: unit_hash(seed, keys[index]))
    for index in order:
        groups.setdefault((foreground_pixels[index] > 0).tobytes(), []).append(index)
    if len(groups) <= GROUPS:
        chosen = [index for group in groups.values() for index in group[: max(1, _share(fraction, len(group)))]]
    else:
        places = _balanced((foreground_pixels > 0)[order], max(1, _share(fraction, len(keys))))
        chosen = [order[place] for place in places]
    return np.array(sorted(chosen), dtype=np.int64)


def _share(fraction: float, count: int) -> int:
    return int(fraction * count + 0.5)


def _balanced(shows: Bool[np.ndarray, "n k"], count: int) -> list[int]:
    """So many rows, of which the first ones show every class, and the next ones keep the classes' shares.

    More where not every class is shown by so many. Each of the next ones is that of the first CANDIDATES left which
    brings the numbers of images with each class closest to their shares in all rows.

    Source: Sechidis, Tsoumakas & Vlahavas 2011, doi 10.1007/978-3-642-23808-6_10 (iterative stratification). Deviation:
    one order for all counts, so that smaller subsets lie inside larger ones.
    """
    shows = shows[:, shows.any(0)]
    chosen, left = _covering(shows), np.ones(len(shows), dtype=bool)
    left[chosen] = False
    shares, seen = shows.mean(0), shows[chosen].sum(0)
    rest = np.flatnonzero(left).tolist()
    while len(chosen) < count:
        near = rest[:CANDIDATES]
        off = (seen + shows[near] - shares * (len(chosen) + 1)) ** 2 / shares
        best = near[int(off.sum(1).argmin())]
        rest.remove(best)
        chosen.append(best)
        seen = seen + shows[best]
    return chosen


def _covering(shows: Bool[np.ndarray, "n k"]) -> list[int]:
    """Rows that show every class together, each the first of those with most classes that none before it shows."""
    chosen, missing = [], np.ones(shows.shape[1], dtype=bool)
    while missing.any():
        chosen.append(int((shows & missing).sum(1).argmax()))
        missing &= ~shows[chosen[-1]]
    return chosen


def _assign(
    keys: Sequence[str],
    official: Sequence[SplitName | None],
    seed: int,
    fractions: tuple[float, float, float],
) -> list[SplitName]:
    _, val, test = fractions
    carve_val, carve_test = "val" not in official, "test" not in official

    def split_of(key: str, given: SplitName | None) -> SplitName:
        if given in ("val", "test"):
            return given
        position = unit_hash(seed, key)
        if position < test:
            return "test" if carve_test else "train"
        return "val" if carve_val and position < test + val else "train"

    return [split_of(key, given) for key, given in zip(keys, official, strict=True)]


def _empty_split_message(
    keys: Sequence[str],
    official: Sequence[SplitName | None],
    seed: int,
    fractions: tuple[float, float, float],
) -> str:
    assigned = _assign(keys, official, seed, fractions)
    counts = ", ".join(f"{split} {assigned.count(split)}" for split in SPLITS)
    works = next(
        (other for other in range(SEEDS_TRIED) if len(set(_assign(keys, official, other, fractions))) == 3),
        None,
    )
    files = len(set(keys))
    folds = folds_for(files)
    advice = "" if folds is None else f"test each image once with --folds {folds}, "
    advice += "" if works is None else f"try --split_seed {works}, "
    return (
        f"{counted(files, 'image')} and --split_seed {seed} leave a split without images ({counts}); "
        f"{advice}add images, or lay them out in folders train/, val/ and test/ (masks in train_masks/, val_masks/ "
        "and test_masks/)"
    )
