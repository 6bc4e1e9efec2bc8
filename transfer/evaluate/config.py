"""What can be set when a segmentation network is scored."""

from dataclasses import dataclass

from common.config.network import EvaluateOptions


@dataclass(frozen=True)
class ScoreOptions(EvaluateOptions):
    """What is measured of a segmentation network."""

    original_size: bool = False
    """Score at the size that each image came in too, as the ISIC challenge does (mean over images of the IoU)."""


@dataclass(frozen=True)
class EvaluateConfig:
    """Score a trained segmentation network; repeats the test figures of its run exactly."""

    evaluate: ScoreOptions = ScoreOptions()

    def check(self) -> None:
        """Raise UserError when no model is named."""
        self.evaluate.check(phase="transfer")
