"""A network's figures beside other scorers': `python -m benchmarks.scorers --model_path RUN --masks predictions/masks`.

The test images of a run, at their original size: what `transfer.evaluate --original_size` says, and what scikit-learn
and segmentation_models_pytorch say of the masks that `transfer.predict` wrote for the same images.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
from jaxtyping import UInt8
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from common.config.load import unflatten
from common.data.classes import IGNORE
from common.data.decode import image_of, labels_of
from common.data.opened import read_bytes
from common.data.samples import Sample
from transfer.config import TransferConfig
from transfer.evaluate.config import ScoreOptions
from transfer.evaluate.images import images_to_score
from transfer.evaluate.original_size import original_size_scores
from transfer.segmenter import Segmenter, load_model

Mask = UInt8[np.ndarray, "h w"]


def main() -> None:
    """Print the figures of each scorer, one a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model_path", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    options = parser.parse_args()
    model = load_model(options.model_path, "cpu")
    samples = tested(model, options.model_path)
    pairs = [(truth_of(sample), written(options.masks / f"{sample.image.stem}.png")) for sample in samples]
    scores = original_size_scores(model, samples)
    ours = [scores.mean_iou, scores.means["mean_dice"], scores.means["pixel_accuracy"], scores.image_means["mean_iou"]]
    print(f"{len(pairs)} images     mean IoU   mean Dice  accuracy   IoU by image")
    for name, row in {
        "recon2seg": ours,
        "scikit-learn": by_scikit_learn(pairs),
        "smp": by_smp(pairs, len(model.names)),
    }.items():
        print(f"{name:14}", *(f"{float(value):.8f}" for value in row))


def tested(model: Segmenter, path: Path) -> list[Sample]:
    """The test images of the run, with their masks."""
    trained = unflatten(TransferConfig, model.handover.provenance.config, source=path)
    images = images_to_score(ScoreOptions(model_path=path), trained.data, model).images
    return [sample for sample in images.samples if sample.key in set(images.pack.keys)]


def truth_of(sample: Sample) -> Mask:
    """The mask of an image at its original size, as classes."""
    data = read_bytes(sample.image)
    return labels_of(sample, data, image_of(sample, data, 3)).classes


def written(path: Path) -> Mask:
    """A mask of `transfer.predict`."""
    with Image.open(path) as mask:
        return np.asarray(mask)


def by_scikit_learn(pairs: list[tuple[Mask, Mask]]) -> list[float]:
    """Mean IoU, mean Dice and accuracy of all labelled pixels together, and the mean over images of the mean IoU."""
    labelled = [(truth[truth != IGNORE], guess[truth != IGNORE]) for truth, guess in pairs]
    pixels = [np.concatenate(values) for values in zip(*labelled, strict=True)]
    by_image = [jaccard_score(*pair, average="macro") for pair in labelled]
    together = [jaccard_score(*pixels, average="macro"), f1_score(*pixels, average="macro"), accuracy_score(*pixels)]
    return [*together, float(np.mean(by_image))]


def as_tensor(mask: Mask) -> Any:
    """A batch of one mask."""
    return torch.from_numpy(mask[None].astype(np.int64))


def smp_counts(pairs: Sequence[tuple[Mask, Mask]], classes: int) -> list[Any]:
    """Segmentation_models_pytorch's counts of each image and class, of truth and guess: tp, fp, fn, tn (n k)."""
    each = [
        smp.metrics.get_stats(
            *map(as_tensor, (guess, truth)),
            mode="multiclass",
            num_classes=classes,
            ignore_index=IGNORE,
        )
        for truth, guess in pairs
    ]
    return [torch.cat(counts) for counts in zip(*each, strict=True)]


def by_smp(pairs: list[tuple[Mask, Mask]], classes: int) -> list[float]:
    """The same by segmentation_models_pytorch; of an image the classes that it shows or that were predicted."""
    stats = smp_counts(pairs, classes)
    scores = smp.metrics.iou_score, smp.metrics.f1_score
    together = [score(*(count.double() for count in stats), reduction="macro").item() for score in scores]
    right, total = stats[0].sum(), stats[0].sum() + stats[2].sum()
    ious = smp.metrics.iou_score(*stats, reduction=None, zero_division=float("nan")).double()
    return [*together, (right.double() / total).item(), ious.nanmean(1).mean().item()]


if __name__ == "__main__":
    main()
