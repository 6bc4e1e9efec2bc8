"""The settings of `python -m transfer.analyze`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from common.config.groups import AugmentConfig, DataConfig


@dataclass(frozen=True)
class AnalyzeOptions:
    """The folder of the analysis."""

    output: Path = Path("analysis")
    """Folder of analysis.json and analysis.png."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the augmented samples."""


@dataclass(frozen=True)
class AnalyzeConfig:
    """Count and draw the contents of a labelled data set: sizes, colours, classes, augmented samples."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.analyze",
        "python -m transfer.analyze --data_dir data --output analysis",
        "python -m transfer.analyze --data_dir data --classes binary --scale 0.4",
    )
    COMMON: ClassVar[Sequence[str]] = (
        "data_dir",
        "image_size",
        "classes",
        "output",
        "hflip",
        "rotate",
        "scale",
        "translate",
        "jitter",
        "seed",
    )

    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    analyze: AnalyzeOptions = AnalyzeOptions()

    def check(self) -> None:
        """Accept every combination."""
