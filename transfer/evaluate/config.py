"""The settings of `python -m transfer.evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from common.config.network import EvaluateOptions, SizeOptions
from common.errors import UserError


@dataclass(frozen=True)
class ScoreOptions(SizeOptions, EvaluateOptions):
    """The trained network, the images it is scored on, and the folder of the results."""

    split: Literal["train", "val", "test", "all"] | None = None
    """Part of the data to score; default test, but all images of another data set."""
    classes: str | None = None
    """Classes of the masks, as in transfer.main; default those that the network's file knows."""
    original_size: bool = False
    """Also score at each image's original size, as ISIC does (mean over images of the IoU)."""

    @property
    def what(self) -> str:
        """The images that are scored, in a word for the name of a folder."""
        if self.data_dir is None:
            return self.split or "test"
        place = self.data_dir.resolve().name
        return f"{place}-{self.split}" if self.split else place


@dataclass(frozen=True)
class EvaluateConfig:
    """Score a trained segmentation network; the test figures of its run are repeated exactly."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.evaluate --model_path runs/seg",
        "python -m transfer.evaluate --model_path runs/seg --split val",
        "python -m transfer.evaluate --model_path best.pth --data_dir elsewhere",
    )

    COMMON: ClassVar[Sequence[str]] = (
        "model_path",
        "data_dir",
        "split",
        "classes",
        "original_size",
        "output_dir",
        "visualize_samples",
        "analyze_latent_space",
        "report",
        "batch_size",
        "device",
    )

    evaluate: ScoreOptions = ScoreOptions()

    def check(self) -> None:
        """Raise UserError when no model is named, and for windows without --original_size."""
        options = self.evaluate
        options.check(phase="transfer")
        if not options.original_size and (options.tile, options.overlap) != (None, None):
            raise UserError("--tile and --overlap are for scores at the images' own size: give --original_size too")
