"""The settings of `python -m transfer.predict`. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from common.config.network import ImageOptions, NetworksOption, SizeOptions
from common.config.ranks import Devices, check_devices
from common.errors import UserError
from common.registered import known
from transfer.predict.formats.registry import FORMATS

FormatName = Annotated[str, AfterValidator(known(FORMATS))]


@dataclass(frozen=True)
class PredictOptions(SizeOptions, ImageOptions, NetworksOption):
    """The trained networks, the images to segment, and the files that are written of them."""

    output: Path | None = None
    """Folder of masks/, overlays/, classes.json, predictions.csv and objects.csv (required)."""
    format: Annotated[tuple[FormatName, ...], Field(min_length=1)] = ("palette",)
    """Files of the masks: palette index 255 rgba npz geotiff geojson coco labelstudio cvat."""
    overlays: bool = True
    """Also write each image with its classes tinted."""
    probabilities: Literal["npy", "tiff"] | None = None
    """Also write the probability of each class: NumPy (float16), or TIFF (16 bits, a page a class)."""
    tta: Literal["none", "flip", "flips"] = "none"
    """Average with the image mirrored: left to right, or that, upside down and both; slower."""
    min_confidence: Annotated[float, Field(gt=0, le=1)] | None = None
    """Pixels whose class is less probable become 255, not labelled."""
    min_object_area: Annotated[int, Field(ge=0)] | None = None
    """Pixels of the smallest part that is counted; default as many as 4 of the network's input."""
    devices: Devices = "1"
    """Processes that share the images, a device each; auto is all GPUs."""
    overwrite: bool = False
    """Replace the masks of another network or of other images in --output."""

    def check(self) -> None:
        """Raise UserError when a path is missing, and for formats that hold no such mask."""
        super().check()
        check_devices(self.devices)
        if "255" in self.format and self.min_confidence is not None:
            raise UserError("--format 255 has no value left for pixels below --min_confidence: take index or palette")


@dataclass(frozen=True)
class PredictConfig:
    """Segment every image of a folder; masks have the original size."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.predict --model_path runs/seg --input a --output masks",
        "python -m transfer.predict --model_path best.pth --input a.tif --output b --tile 512",
        "python -m transfer.predict --model_path runs/seg --input a --output b --format coco",
    )

    COMMON: ClassVar[Sequence[str]] = (
        "model_path",
        "input",
        "output",
        "format",
        "overlays",
        "probabilities",
        "min_confidence",
        "tta",
        "tile",
        "pages",
        "batch_size",
        "device",
        "overwrite",
    )

    predict: PredictOptions = PredictOptions()

    def check(self) -> None:
        """Raise UserError for settings that cannot be, see `PredictOptions.check`."""
        self.predict.check()
