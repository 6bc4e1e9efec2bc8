"""A classifier's convolutions that never learn: for the perceptual term and for features as a target."""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import mobilenet_v2
from torchvision.models.vgg import cfgs, make_layers

from common.models.blocks import initialise
from common.models.inspect import collect_outputs
from common.models.weights import IMAGENET_MEAN, IMAGENET_STD, load_features

# Outputs of relu1_2, relu2_2, relu3_3, relu4_3, and of the last MobileNetV2 block at strides 2, 4, 8, 16.
TAPS = {"vgg16": (3, 8, 15, 22), "mobilenet_v2": (1, 3, 6, 13)}


# Outputs of relu4_3, relu5_3 (strides 8, 16), and of the last MobileNetV2 block at strides 16, 32.
LATE_TAPS = {"vgg16": (22, 29), "mobilenet_v2": (13, 17)}


class FixedNetwork(nn.Module):
    """A classifier's convolutions as they came: it never learns and stays in evaluation mode.

    `state` is torchvision's file of weights, whose classifier is left out; with None the network is random. `late`
    chooses its last maps in place of those at every stride. Raises UserError where the file does not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, net: Literal["mobilenet_v2", "vgg16"], state: Mapping[str, Tensor] | None, *, late: bool = False
    ) -> None:
        super().__init__()
        features = make_layers(cfgs["D"]) if net == "vgg16" else mobilenet_v2(weights=None).features
        if state is None:
            initialise(features)
        else:
            load_features(features, state, f"the ImageNet weights of {net}")
        self.taps = (LATE_TAPS if late else TAPS)[net]
        self.layers = features[: self.taps[-1] + 1]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(-1, 1, 1))
        self.requires_grad_(False)
        self.eval()

    def maps(self, image: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        """What it makes of pictures, RGB in [0, 1]."""
        return collect_outputs(self.layers, self.taps, (image - self.mean) / self.std)

    def train(self, mode: bool = True):  # noqa: ARG002
        """Stay in evaluation mode, whatever a parent's train() says."""
        return super().train(False)
