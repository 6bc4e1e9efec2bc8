"""What a handover file says of the images that its network takes."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from common.data.fit import Fit
from common.data.fitting import Fitting
from common.run.plain_data import Finite


@dataclass(frozen=True)
class Input:
    """The images that a network was trained on."""

    image_size: Annotated[int, Field(ge=1, le=2**16)]
    """Height and width, in pixels."""
    channels: Annotated[int, Field(ge=1, le=4)] = 3
    range: tuple[Finite, Finite] = (0.0, 1.0)
    """The lowest and the highest value of a pixel."""
    depth: tuple[Finite, Finite] | None = None
    """The values of images of more than 8 bits that became these; None where there were none."""
    fit: Fit = "squash"
    """How images became squares; files before 0.4 do not say, and mean squash."""
    scale_to: Annotated[int, Field(ge=1, le=2**16)] | None = None
    """Short side in pixels to which images were resized before they were cropped; None for their own."""

    @property
    def fitting(self) -> Fitting:
        """What makes such an image of any other."""
        return Fitting(self.image_size, self.fit, self.scale_to)
