"""A linear probe: a classifier of pixels on the frozen features of an encoder."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from common.config.groups import DataConfig
from common.data.batches import each_image
from common.data.classes import IGNORE
from common.data.deep import Depth
from common.data.load import load_labelled
from common.data.pack import LabelledPack
from common.data.ragged import of_one_size
from common.metrics import chance_level, classes_of, confusion, confusion_scores
from common.models.encoder import Encoder
from common.models.inspect import eval_mode
from common.rows import Row
from pretrain.probe.ridge import GramMatrix, LinearClassifier

PIXELS = 2**14
"""Training pixels of a classifier, spread evenly over the images."""
PENALTIES = (0.01, 0.1, 1.0, 10.0)
"""Of the ridge. Strong encoders prefer 1, weak ones 0.1 or 0.01; a single one for all changed the mean IoU by 0.05."""


class Probe:
    """Mean IoU of linear pixel classifiers on the validation images, with the encoder frozen.

    One classifier takes all levels of the pyramid, and one each level alone. They are fitted on a sample of pixels of
    the training images, the same in every call. Test images are not used.

    Source: linear probes, Alain & Bengio 2016, arXiv 1610.01644.
    Deviation: of pixels, on maps enlarged to the mask; solved by ridge regression (see `GramMatrix`), with the best
    of four penalties on the same validation images.
    """

    def __init__(
        self,
        train: LabelledPack,
        val: LabelledPack,
        *,
        num_classes: int,
        device: torch.device,
        batch_size: int = 64,
        background: int | None = 0,
    ) -> None:
        self.background = background
        self.train, self.val, self.num_classes = train, val, num_classes
        self.device, self.batch_size = device, batch_size
        masks = of_one_size(train.masks)
        self.pixels = balanced_pixels(masks, max(1, PIXELS // len(train)))
        labels = np.take_along_axis(masks.reshape(len(train), -1), self.pixels, axis=1)
        self.labels = torch.from_numpy(labels.astype(np.int64)).flatten()

    @classmethod
    def load(cls, config: DataConfig, *, device: torch.device, depth: Depth | None = None) -> "Probe":
        """The probe of a labelled data set, which is read once; it shows whole images, as squares.

        Raises UserError where there are no masks.
        """
        if config.fit in ("auto", "crop"):
            fit = "pad" if config.fit == "crop" else "squash"
            config = replace(config, fit=fit, scale_to=None, crop_scale=(1.0, 1.0))
        data = load_labelled(config, depth=depth)
        count, background = data.classes.num_classes, data.classes.background
        return cls(data.train, data.val, num_classes=count, device=device, background=background)

    def __call__(self, encoder: Encoder) -> Row:
        """ "probe/miou" of all levels together, "probe/miou_s4" of the map of stride 4 alone, and so on.

        "probe/chance" is that of naming the commonest class for every pixel.
        The encoder's mode and torch's random numbers stay as they are.
        """
        bounds = np.cumsum([0, *encoder.channels]).tolist()
        levels = {"": range(len(encoder.strides))} | {
            f"_s{stride}": range(level, level + 1) for level, stride in enumerate(encoder.strides)
        }
        with eval_mode(encoder):
            moments = GramMatrix.of(self._features(encoder), self.labels, self.num_classes)
            columns = {level: slice(bounds[level.start], bounds[level.stop]) for level in levels.values()}
            solved = {
                (level, penalty): moments.solve(part, penalty=penalty).to(self.device)
                for level, part in columns.items()
                for penalty in PENALTIES
            }
            counts = self._confusions(encoder, solved)
        means = {key: float(confusion_scores(matrix.numpy())["mean_iou"]) for key, matrix in counts.items()}
        best = {name: max(means[level, penalty] for penalty in PENALTIES) for name, level in levels.items()}
        _, chance = chance_level(self.val.class_pixels.sum(0))
        return {**{f"probe/miou{name}": value for name, value in best.items()}, "probe/chance": chance}

    def _features(self, encoder: Encoder) -> Float[Tensor, "m d"]:
        """The features of the sampled pixels, images in file order."""
        batches = each_image(self.train, batch_size=self.batch_size, device=self.device)
        rows = [features_at(encoder(batch.image), self.pixels[batch.index], batch.image.shape[-1]) for batch in batches]
        return torch.cat([row.cpu() for row in rows])

    def _confusions(
        self, encoder: Encoder, classifiers: dict[tuple[range, float], LinearClassifier]
    ) -> dict[tuple[range, float], Int64[Tensor, "k k"]]:
        """The confusion matrix over the validation images of each classifier, named by its levels and its penalty."""
        counts = {key: torch.zeros(self.num_classes, self.num_classes, dtype=torch.int64) for key in classifiers}
        for batch in each_image(self.val, batch_size=self.batch_size, device=self.device):
            maps, size = encoder(batch.image), (batch.mask.shape[-2], batch.mask.shape[-1])
            for (levels, penalty), classifier in classifiers.items():
                logits = classifier(maps[levels.start : levels.stop], size)
                matrices = confusion(classes_of(logits), batch.mask, self.num_classes)
                counts[levels, penalty] += matrices.sum(0).cpu()
        return counts


def balanced_pixels(masks: UInt8[np.ndarray, "n h w"], count: int, *, seed: int = 0) -> Int64[np.ndarray, "n p"]:
    """`count` pixels of every image, as many of each class that it has; row * width + column.

    Where nothing is labelled they are the first pixel, whose label says so.
    """
    random = np.random.default_rng(seed)
    chosen = np.zeros((len(masks), count), dtype=np.int64)
    for row, mask in zip(chosen, masks.reshape(len(masks), -1), strict=True):
        present = [k for k in np.unique(mask) if k != IGNORE]
        for start, k in enumerate(random.permutation(present)):
            share = row[start :: len(present)]
            share[:] = random.choice(np.flatnonzero(mask == k), len(share))
    return chosen


def features_at(maps: list[Tensor], pixels: Int64[np.ndarray, "n p"], width: int) -> Float[Tensor, "m d"]:
    """The features of these pixels: the maps of a pyramid, enlarged bilinearly to the image's size and stacked.

    Pixels are numbered along the rows of a square image of this width.
    """
    at = torch.from_numpy(np.stack([pixels % width, pixels // width], -1)).to(maps[0].device)
    places = ((at + 0.5) / width * 2 - 1)[:, None]
    # padding "border" is what interpolate does beyond the outermost centres
    levels = [
        F.grid_sample(features, places, mode="bilinear", padding_mode="border", align_corners=False)[:, :, 0]
        for features in maps
    ]
    return torch.cat(levels, 1).transpose(1, 2).flatten(0, 1)
