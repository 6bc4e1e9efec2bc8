"""A segmentation network with what was measured of it."""

from contextlib import nullcontext
from dataclasses import dataclass

from common.data.pack import LabelledPack
from common.embedding import Description
from common.report.run_info import RunInfo
from common.report.scatter import THUMBNAIL
from common.run.checkpoint import SegmentationHandover
from transfer.config import TransferConfig
from transfer.metrics.calibration import Calibration
from transfer.metrics.quality import Quality
from transfer.metrics.scores import Scores
from transfer.scoring import score_network
from transfer.segmenter import Segmenter

SegmentationRun = RunInfo[TransferConfig, SegmentationHandover, LabelledPack]
"""How a segmentation network was trained."""


@dataclass(frozen=True)
class ScoredModel:
    """A network and its scores on one split, image by image."""

    model: Segmenter
    pack: LabelledPack
    split: str
    scores: Scores
    calibration: Calibration
    quality: Quality | None
    """What its probabilities tell; None where no page is wanted."""
    batch_size: int
    description: Description | None = None
    """The encoder's vectors of images; None where neither a page nor a picture of them is wanted."""

    @property
    def described(self) -> Description:
        """The description, for those who draw it."""
        assert self.description is not None, "a picture of vectors needs them"
        return self.description

    @property
    def measured(self) -> Quality:
        """The quality, for those who draw it."""
        assert self.quality is not None, "a page needs the quality of the probabilities"
        return self.quality


def score_model(
    model: Segmenter,
    pack: LabelledPack,
    split: str,
    *,
    batch_size: int,
    quality: bool,
    description: Description | None = None,
) -> ScoredModel:
    """Score every image of one split; with `quality` also what a page tells of the probabilities.

    A `description` takes the encoder's vectors from the same pass.
    """
    calibration = Calibration(model.temperature)
    measured = Quality(len(model.names), thumbnail=THUMBNAIL, calibration=calibration) if quality else None
    watch = measured or calibration
    with nullcontext() if description is None else description.of(model.fast.encoder):
        scores = score_network(model.fast, pack, model.names, batch_size=batch_size, watch=watch)
    return ScoredModel(model, pack, split, scores, calibration, measured, batch_size, description)
