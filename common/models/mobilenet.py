"""MobileNetV2 as an encoder, optionally with ImageNet weights."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from common.models.blocks import Channels
from common.models.channels import channel_statistics
from common.models.encoder import Encoder
from common.models.given import Pretrained
from common.models.inspect import collect_outputs
from common.models.weights import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    imagenet_state,
    is_imagenet,
    load_features,
)


class MobileNetV2Encoder(Encoder):
    """MobileNetV2 without its classifier: 2,223,872 parameters, randomly initialised.

    Images are in [0, 1] and normalised with ImageNet's mean and standard deviation. Unless they have three channels,
    every channel uses the average of ImageNet's three; `adapt_channels` fits the weights.
    """

    channels = (16, 24, 32, 96, 1280)
    strides = (2, 4, 8, 16, 32)
    taps = (1, 3, 6, 13, 18)

    def __init__(self, *, in_channels: Channels = 3) -> None:
        mean, std = (channel_statistics(imagenet, in_channels) for imagenet in (IMAGENET_MEAN, IMAGENET_STD))
        super().__init__(mean=mean, std=std)
        from torchvision.models import mobilenet_v2  # here: it takes as long to import as torch

        self.features = mobilenet_v2(weights=None).features
        if in_channels != 3:
            stem = nn.Conv2d(in_channels, 32, 3, stride=2, padding=1, bias=False)
            nn.init.kaiming_normal_(stem.weight, mode="fan_out")
            self.features.set_submodule("0.0", stem)

    def pyramid(self, normalised: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        return collect_outputs(self.features, self.taps, normalised)

    def levels(self) -> list[Sequence[nn.Module]]:
        firsts = [0, *(tap + 1 for tap in self.taps)]
        return [list(self.features[first:last]) for first, last in pairwise(firsts)]

    def architecture(self) -> dict[str, Any]:
        return {"name": "mobilenet_v2", "in_channels": len(self.mean)}

    def load_pretrained(self, path: Path | None) -> Pretrained:
        """Load ImageNet weights, told by their digest where a file is given, or those of one's own in any other file.

        Raises UserError as `imagenet_state` and `load_given`.
        """
        if path is not None and not is_imagenet("mobilenet_v2", path):
            return self.load_file(path)
        return Pretrained(self.load_imagenet(imagenet_state("mobilenet_v2", path)))

    def load_imagenet(self, state: Mapping[str, Tensor]) -> int:
        """Load torchvision's weights, without the classifier; return the number of tensors loaded.

        Raises UserError if any other tensor is missing, unexpected or of another shape.
        """
        return load_features(self.features, state, "the ImageNet weights of mobilenet_v2")
