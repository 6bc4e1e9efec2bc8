"""The settings of an encoder that either phase takes by its name. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class NamedEncoderConfig:
    """An encoder by its name, and the weights that it begins with."""

    encoder: str | None = None
    """Other encoder: unet (from scratch), mobilenet_v2, or one of segmentation_models_pytorch."""
    encoder_weights: Literal["imagenet", "none"] = "imagenet"
    """Weights of --encoder: imagenet, or none for a random initialisation."""
    encoder_weights_path: Path | None = None
    """File of the weights of --encoder; default torchvision's cache, or a download."""
    encoder_stride: Literal[8, 16, 32] = 32
    """Stride of the coarsest map of --encoder; below 32 it is dilated (DeepLabV3+ wants 16)."""

    @property
    def name(self) -> str:
        """The encoder's name, with the default resolved."""
        return self.encoder or "unet"
