"""What can be set when a trained network is shown images that have no masks. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path

from common.config.network import ImageOptions


@dataclass(frozen=True)
class PredictOptions(ImageOptions):
    """Which images are segmented, and by which network."""

    output: Path | None = None
    """Folder for masks/, overlays/, classes.json and predictions.csv (required)."""
    overlays: bool = True
    """Write each image with its classes tinted beside its mask."""


@dataclass(frozen=True)
class PredictConfig:
    """Write a mask at its original size for every image of a folder; the network's file knows all it needs."""

    predict: PredictOptions = PredictOptions()

    def check(self) -> None:
        """Raise UserError when a path is missing, and for a device that does not exist."""
        self.predict.check()
