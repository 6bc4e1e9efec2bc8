"""What can be set when a data set is analysed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from common.config.groups import AugmentConfig, DataConfig


@dataclass(frozen=True)
class AnalyzeOptions:
    """Where the analysis goes."""

    output: Path = Path("analysis")
    """Folder for analysis.json and analysis.png."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the augmented samples."""


@dataclass(frozen=True)
class AnalyzeConfig:
    """Count and draw what is in a labelled data set: sizes, colours, classes, samples as training sees them."""

    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    analyze: AnalyzeOptions = AnalyzeOptions()

    def check(self) -> None:
        """Nothing excludes anything here."""
