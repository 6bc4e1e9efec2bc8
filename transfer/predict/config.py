"""The settings of `python -m transfer.predict`. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from common.config.network import ImageOptions, SizeOptions


@dataclass(frozen=True)
class PredictOptions(SizeOptions, ImageOptions):
    """The trained network, the images to segment, and the folder of the masks."""

    output: Path | None = None
    """Folder of masks/, overlays/, classes.json, predictions.csv and objects.csv (required)."""
    overlays: bool = True
    """Also write each image with its classes tinted."""
    min_object_area: Annotated[int, Field(ge=0)] | None = None
    """Pixels of the smallest part that is counted; default as many as 4 of the network's input."""
    overwrite: bool = False
    """Replace the masks of another network or of other images in --output."""


@dataclass(frozen=True)
class PredictConfig:
    """Segment every image of a folder; masks have the original size."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.predict --model_path runs/seg --input a --output masks",
        "python -m transfer.predict --model_path best.pth --input a.tif --output b --tile 512",
        "python -m transfer.predict --model_path runs/seg --input a --output b --no_overlays",
    )

    predict: PredictOptions = PredictOptions()

    def check(self) -> None:
        """Raise UserError when a path is missing, and for a device that does not exist."""
        self.predict.check()
