"""The settings of `python -m transfer.evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from common.config.network import EvaluateOptions


@dataclass(frozen=True)
class ScoreOptions(EvaluateOptions):
    """The trained network, the images it is scored on, and the folder of the results."""

    original_size: bool = False
    """Also score at each image's original size, as ISIC does (mean over images of the IoU)."""


@dataclass(frozen=True)
class EvaluateConfig:
    """Score a trained segmentation network; the test figures of its run are repeated exactly."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.evaluate --model_path runs/seg",
        "python -m transfer.evaluate --model_path runs/seg --split val",
        "python -m transfer.evaluate --model_path best.pth --data_dir data --original_size",
    )

    evaluate: ScoreOptions = ScoreOptions()

    def check(self) -> None:
        """Raise UserError when no model is named."""
        self.evaluate.check(phase="transfer")
