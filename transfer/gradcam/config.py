"""What can be set when a network's decisions are explained."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.config.network import ImageOptions


@dataclass(frozen=True)
class GradCamOptions(ImageOptions):
    """What is asked about which images, and of which network."""

    output: Path | None = None
    """Folder for maps/, sheets/ and maps.json (required)."""
    layer: tuple[str, ...] = ()
    """Modules of the network by their dotted names; default the encoder's last and the decoder's last."""
    target_class: tuple[str, ...] = ()
    """Classes by name or number, background 0; default all."""
    method: Literal["auto", "gradcam", "hirescam"] = "auto"
    """auto is Grad-CAM, and HiResCAM for a layer after which an InstanceNorm runs: there Grad-CAM's weights vanish."""
    sanity_check: bool = False
    """Compare every map with those of five networks of the same shape that have learnt nothing."""


@dataclass(frozen=True)
class GradCamConfig:
    """Draw where a trained network finds what speaks for each class (Grad-CAM), for every image of a folder."""

    gradcam: GradCamOptions = GradCamOptions()

    def check(self) -> None:
        """Raise UserError when a path is missing, and for a device that does not exist."""
        self.gradcam.check()
