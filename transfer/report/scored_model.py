"""A segmentation network with what was measured of it."""

from dataclasses import dataclass

from common.data.pack import LabelledPack
from common.report.run_info import RunInfo
from common.report.scatter import THUMBNAIL
from common.run.checkpoint import SegmentationHandover
from transfer.config import TransferConfig
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
    quality: Quality | None
    """What its probabilities tell; None where no page is wanted."""
    batch_size: int

    @property
    def measured(self) -> Quality:
        """The quality, for those who draw it."""
        assert self.quality is not None, "a page needs the quality of the probabilities"
        return self.quality


def score_model(model: Segmenter, pack: LabelledPack, split: str, *, batch_size: int, quality: bool) -> ScoredModel:
    """Score every image of one split; with `quality` also what a page tells of the probabilities."""
    watch = Quality(len(model.names), thumbnail=THUMBNAIL) if quality else None
    scores = score_network(model.net, pack, model.names, batch_size=batch_size, watch=watch)
    return ScoredModel(model, pack, split, scores, watch, batch_size)
