"""The settings of `python -m transfer.gradcam`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from common.config.network import ImageOptions, NetworkOption


@dataclass(frozen=True)
class GradCamOptions(ImageOptions, NetworkOption):
    """The trained network, the images, and the maps that are drawn."""

    output: Path | None = None
    """Folder of maps/, sheets/ and maps.json (required)."""
    layer: tuple[str, ...] = ()
    """Modules by dotted name; default the encoder's coarsest of 8 x 8 cells, and the decoder's last."""
    target_class: tuple[str, ...] = ()
    """Classes by name or number, the first 0; default all."""
    method: Literal["auto", "gradcam", "hirescam"] = "auto"
    """auto is Grad-CAM, but HiResCAM for layers before an InstanceNorm (Grad-CAM vanishes there)."""
    sanity_check: bool = False
    """Compare every map with those of five untrained networks of the same shape."""


@dataclass(frozen=True)
class GradCamConfig:
    """Show which parts of an image support each class (Grad-CAM), for every image of a folder."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.gradcam --model_path runs/seg --input a --output cam",
        "python -m transfer.gradcam --model_path runs/seg --input a.jpg --output b",
        "python -m transfer.gradcam --model_path best.pth --input a --output b --sanity_check",
    )

    gradcam: GradCamOptions = GradCamOptions()

    def check(self) -> None:
        """Raise UserError when a path is missing, and for a device that does not exist."""
        self.gradcam.check()
