"""Scores of a network on a data set."""

import math
import pickle
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from common.data.batches import LabelledBatch, each_image
from common.data.fitting import LEAST, STRIDE
from common.data.gather import ONE_PIECE, larger
from common.data.pack import LabelledPack, Pack
from common.errors import UserError
from common.metrics import PER_CLASS, classes_of, confusion
from common.ranks.group import collected, dealt
from common.rows import Means, Row
from common.say import say
from common.tiles import blended
from common.windows import Block, Tiling
from common.words import counted
from transfer.losses.segmentation import SegmentationLoss
from transfer.metrics.scores import Scores
from transfer.model import SegmentationNet

IMAGES_FILE = "test_images.npz"
UNREADABLE = (EOFError, MemoryError, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, NotImplementedError)
"""What NumPy raises for other files, also for a size that is no array's."""
AGAIN = "make it again by python -m transfer.evaluate"


class LossMeans:
    """Means of a loss and its terms over images; the loss must be in eval mode."""

    def __init__(self, loss: SegmentationLoss) -> None:
        self._loss, self._terms = loss, list[tuple[Row, int]]()

    def __call__(self, logits: Float[Tensor, "n k h w"], batch: LabelledBatch) -> None:
        """Add a batch."""
        terms = {name: term.item() for name, term in self._loss(logits, batch.mask).items()}
        self._terms.append((terms, len(batch)))

    def row(self) -> Row:
        """Return the means by name, see `SegmentationLoss`."""
        means = Means()
        for terms, images in collected(self._terms):
            means.add(terms, images)
        return means.row()


@torch.no_grad()
def score_network(
    net: SegmentationNet,
    pack: LabelledPack,
    names: tuple[str, ...],
    *,
    batch_size: int,
    watch: Callable[[Tensor, LabelledBatch], object] | None = None,
    bar: bool = True,
) -> Scores:
    """Score a network on every image of a pack, in file order and float32, on the network's device.

    `names` are the classes. `watch` is called with the logits of every batch; `bar` shows progress. Images larger than
    `ONE_PIECE` are scored by windows, and `watch` sees their middle.
    """
    net.eval()
    matrices: list[Int64[np.ndarray, "n k k"]] = []
    device = next(net.parameters()).device
    for batch in dealt(each_image(pack, batch_size=batch_size, device=device, doing="scoring" if bar else "")):
        logits = net(batch.image)
        if watch is not None:
            watch(logits, batch)
        matrices.append(confusion(classes_of(logits), batch.mask, logits.shape[1]).cpu().numpy())
    counts, large = np.concatenate(collected(matrices)), larger(pack)
    for index, own in zip(
        large, collected([_by_windows(net, pack, index, device) for index in dealt(large)]), strict=True
    ):
        counts[index] = own
    return Scores(counts, names, pack.background)


def _by_windows(net: SegmentationNet, pack: LabelledPack, index: int, device: torch.device) -> Int64[np.ndarray, "k k"]:
    """The confusion matrix of the whole of a large image."""
    tiling = Tiling.of(STRIDE, LEAST, tile=ONE_PIECE)
    blocks = blended(net, pack.images[index], tiling, device=device)
    return confusion_of_blocks(blocks, pack.masks[index])[0].cpu().numpy()


def confusion_of_blocks(blocks: Iterable[Block], mask: UInt8[np.ndarray, "h w"]) -> Int64[Tensor, "1 k k"]:
    """The confusion matrix of an image whose logits come a block at a time."""
    parts = []
    for rows, columns, logits in blocks:
        truth = torch.from_numpy(np.array(mask[None, rows, columns])).to(logits.device).long()
        parts.append(confusion(classes_of(logits[None]), truth, len(logits)))
    return torch.stack(parts).sum(0)


def save_images(folder: Path, pack: Pack, scores: Scores) -> None:
    """Save the confusion matrix of every test image, for paired comparisons of runs."""
    save_counts(folder, pack.keys, pack.digests, scores)


def save_counts(folder: Path, keys: Sequence[str], digests: Sequence[str], scores: Scores) -> None:
    """`save_images` of the images of these names and digests."""
    names, files = np.array(keys), np.array(digests)
    np.savez_compressed(folder / IMAGES_FILE, keys=names, digests=files, confusions=scores.counts)


@dataclass(frozen=True, eq=False)
class ImageCounts:
    """The record of `save_images`."""

    keys: tuple[str, ...]
    digests: tuple[str, ...]
    counts: Int64[np.ndarray, "n k k"]
    """Pixels of each image by class and prediction."""


def read_images(path: Path) -> ImageCounts:
    """Read the record of `save_images`. Raises UserError for a file that holds anything else."""
    try:
        with path.open("rb") as raw, np.load(raw) as file:  # without pickles, whose code would run
            keys, digests, counts = (file[name] for name in ("keys", "digests", "confusions"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, *UNREADABLE) as error:
        raise UserError(f"{path} is no record of test images ({_reason(error)}): {AGAIN}") from None
    if keys.dtype.kind != "U" or digests.dtype.kind != "U" or keys.ndim != 1 or not len(keys):
        raise UserError(f"{path} is no record of test images (keys and digests are no lists of words): {AGAIN}")
    if counts.dtype.kind not in "iu" or counts.ndim != 3 or counts.shape[1] != counts.shape[2] or not counts.size:
        raise UserError(f"{path} is no record of test images (confusions counts no pixels by class): {AGAIN}")
    if counts.min() < 0 or not len(keys) == len(digests) == len(counts):
        raise UserError(f"{path} is no record of test images (not every image has its counts of pixels): {AGAIN}")
    return ImageCounts(tuple(keys.tolist()), tuple(digests.tolist()), counts.astype(np.int64))


def found_in(images: ImageCounts, pack: LabelledPack) -> Int64[np.ndarray, " n"]:
    """Where each of the images lies in a pack: the same file, with as many true pixels of each class; -1 for none.

    Of several it is the one of the same name.
    """
    of_file: dict[str, list[int]] = {}
    for index, digest in enumerate(pack.digests):
        of_file.setdefault(digest, []).append(index)

    def place(key: str, digest: str, pixels: Int64[np.ndarray, " k"]) -> int:
        same = [index for index in of_file.get(digest, ()) if np.array_equal(pack.class_pixels[index], pixels)]
        named = [index for index in same if pack.keys[index] == key] or same
        return named[0] if len(named) == 1 else -1

    images_of = zip(images.keys, images.digests, images.counts.sum(2), strict=True)
    return np.array([place(*image) for image in images_of], dtype=np.int64)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def score_row(scores: Scores) -> Row:
    """Return scores as columns of metrics.csv; NaN for a class in neither target nor prediction.

    "predicted_<class>" is the class's share of the predictions at labelled pixels, in float32.
    """
    means = {name: scores.means[name] for name in ("mean_iou", "pixel_accuracy", "mean_foreground_dice")}
    per_class = {f"iou_{n}": float(iou) for n, iou in zip(scores.names, scores.per_class["iou"], strict=True)}
    predicted = scores.total.sum(0).astype(np.float32) / np.float32(max(scores.total.sum(), 1))
    return {**means, **per_class, **{f"predicted_{n}": float(p) for n, p in zip(scores.names, predicted, strict=True)}}


def newly_silent(rows: Sequence[Row], names: tuple[str, ...], epochs: int = 3) -> list[str]:
    """Return the classes of the validation masks that were not predicted for so many epochs, now for the first time.

    It depends on the rows alone, so that a run that goes on says nothing twice.
    """

    def silent(row: Row, name: str) -> bool:
        return row[f"val/predicted_{name}"] == 0 and row[f"val/iou_{name}"] == 0

    def since(name: str) -> int:
        """The epoch, counted from 1, in which it is silent for the first time for so long; 0 if it never is."""
        ends = range(epochs, len(rows) + 1)
        return next((end for end in ends if all(silent(row, name) for row in rows[end - epochs : end])), 0)

    return [name for name in names if rows and since(name) == len(rows)]


def print_table(scores: Scores, split: str) -> None:
    """Print the scores of a data set, one line per class."""
    head = f"{split} ({counted(len(scores), 'image')})"
    wide = max(len(head), 20, *(len(name) + 2 for name in scores.names))
    say("", f"{head:<{wide}} IoU     Dice    precision  recall")
    for name, *values in zip(scores.names, *(scores.per_class[metric] for metric in PER_CLASS), strict=True):
        iou, dice, precision, recall = map(_four_digits, values)
        say(f"  {name:<{wide - 2}} {iou}  {dice}  {precision:<9}  {recall}")
    means = {"mean IoU": "mean_iou", scores.dice_words: "mean_foreground_dice", "pixel accuracy": "pixel_accuracy"}
    say("  " + ", ".join(f"{words} {_four_digits(scores.means[key])}" for words, key in means.items()), "")


def challenge_words(scores: Scores) -> str:
    """The images' own scores in mean: of the foreground where that is one class, as ISIC 2016 ranks, else of all."""
    means, others = scores.image_means, [k for k in range(len(scores.names)) if k != scores.background]
    if len(others) == 1:
        [k] = others
        told = {f"IoU of {scores.names[k]}": means["iou"][k], "Dice": means["dice"][k]}
    else:
        told = {"mean IoU": means["mean_iou"], "mean Dice": means["mean_dice"]}
    told["pixel accuracy"] = means["pixel_accuracy"]
    return ", ".join(f"{words} {_four_digits(float(value))}" for words, value in told.items())


def _four_digits(value: float) -> str:
    return "   -  " if math.isnan(value) else f"{value:.4f}"
