"""Scores at the original size of images and masks, as in challenges."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, UInt8
from numpy import ndarray
from torch import Tensor

from common.data.decode import image_of, labels_of
from common.data.fitting import Fitting
from common.data.opened import read_bytes
from common.data.parallel import map_in_order, one_quiet_opencv_thread, reading_pool, with_progress
from common.data.samples import Sample
from common.metrics import confusion
from common.strips import row_strips
from transfer.metrics.scores import Scores
from transfer.scoring import confusion_of_blocks
from transfer.segmenter import Segmenter, predict_at_size

SCORING = "scoring at original size"


class Pair(NamedTuple):
    """An image, at the original size or the network's input size, and its mask as classes at the original size."""

    image: UInt8[ndarray, "p q c"]
    mask: UInt8[ndarray, "h w"]


def original_size_scores(model: Segmenter, samples: Sequence[Sample]) -> Scores:
    """Score a network at the original size of the images: logits are resized, masks stay as they are.

    With `model.tiling` images are not resized either, and are segmented in one piece or by windows.

    The foreground IoU, averaged over images, is the Jaccard index that ranks the ISIC 2016 challenge.
    Samples need masks and readable files.

    Source: Gutman et al. 2016, Skin Lesion Analysis toward Melanoma Detection, arXiv 1605.01397.
    """
    if model.tiling is not None:
        with one_quiet_opencv_thread():
            matrices = list(with_progress(map(partial(_at_own_size, model), samples), len(samples), SCORING))
        return Scores(torch.cat(matrices).numpy(), model.names, model.background)
    threads, read = torch.get_num_threads(), partial(_read, fitting=model.fitting, channels=model.channels)
    matrices = []
    with reading_pool(threads) as pool:
        pairs = map_in_order(pool, read, samples, ahead=4 * threads)
        with closing(with_progress(pairs, len(samples), SCORING)) as scored:
            for image, mask in scored:
                logits = model.fitting.box(*mask.shape).cut(model.logits(image[None])[0])
                matrices.append(_confusion(logits, torch.from_numpy(mask).to(model.device)))
    return Scores(torch.cat(matrices).numpy(), model.names, model.background)


def _confusion(logits: Float[Tensor, "k p q"], mask: UInt8[Tensor, "h w"]) -> Int64[Tensor, "1 k k"]:
    """Counted in strips of rows, because counting takes many bytes for each pixel."""
    guess = predict_at_size(logits, mask.shape)
    strips = row_strips(*mask.shape)
    parts = [confusion(guess[None, rows].long(), mask[None, rows].long(), len(logits)) for rows in strips]
    return torch.stack(parts).sum(0).cpu()


def _at_own_size(model: Segmenter, sample: Sample) -> Int64[Tensor, "1 k k"]:
    image, mask = _read_whole(sample, channels=model.channels)
    return confusion_of_blocks(model.blocks(image), mask).cpu()


def _read(sample: Sample, *, fitting: Fitting, channels: int) -> Pair:
    image, mask = _read_whole(sample, channels=channels)
    return Pair(fitting.image(image), mask)


def _read_whole(sample: Sample, *, channels: int) -> Pair:
    data = read_bytes(sample.image)
    image = image_of(sample, data, channels)
    return Pair(image, labels_of(sample, data, image).classes)
