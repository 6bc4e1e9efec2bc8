"""The settings of the photographs without masks. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

LEAST_UPDATES = 400
"""Of a training with photographs where no length is told: few masks alone would ask for less."""


@dataclass(frozen=True)
class PoolConfig:
    """Photographs without masks, from which the network learns beside the masks."""

    unlabelled_dir: Path | None = None
    """Folder of photographs without masks, from which the network learns, too."""
    leave_out_tests: bool = False
    """Leave photographs out that are the files of test images, instead of stopping."""
    vote: Literal["auto", "image", "pixel"] = "auto"
    """Class of a photograph's foreground: one for the image, or one for each pixel; auto by the masks."""
    pool_batch_size: Annotated[int, Field(ge=2)] = 24
    """Photographs per batch, beside the images with masks."""
    pool_weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of the photographs in the loss."""
    pool_threshold: Annotated[float, Field(gt=0.5, lt=1)] = 0.8
    """Probability from which a pixel of a photograph counts."""
    pool_teacher: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """Decay per update of the average of weights that teaches what photographs show."""

    @property
    def least_updates(self) -> int:
        """Updates that a training has at least where no length is told."""
        return LEAST_UPDATES if self.unlabelled_dir is not None else 0
