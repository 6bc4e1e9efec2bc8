"""A loss that compares pictures as a trained network sees them."""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import mobilenet_v2
from torchvision.models.vgg import cfgs, make_layers

from common.models.blocks import initialise
from common.models.inspect import tapped
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
        return tapped(self.layers, self.taps, (image - self.mean) / self.std)

    def train(self, mode: bool = True):  # noqa: ARG002
        """Stay in evaluation mode, whatever a parent's train() says."""
        return super().train(False)


class PerceptualLoss(FixedNetwork):
    """How differently a fixed ImageNet network sees a reconstruction and its image; 0 for the same picture.

    Both are RGB in [0, 1]; the reconstruction may leave that range. Gradients reach the reconstruction alone.

    Source: Johnson et al. 2016, arXiv 1603.08155, eq. 2, averaged over four layers.
    Deviation: each layer's squared error is divided by the mean square of the image's own features there, for
    each image, because the layers differ in scale by orders of magnitude; predicting zeros costs 1 a layer.
    """

    def forward(self, reconstruction: Float[Tensor, "n 3 h w"], image: Float[Tensor, "n 3 h w"]) -> Float[Tensor, ""]:
        """The mean over layers and images, in float32 also under autocast."""
        with torch.no_grad():
            wanted = self.maps(image)
        errors = [
            _relative_error(_at_least_float32(got), _at_least_float32(want))
            for got, want in zip(self.maps(reconstruction), wanted, strict=True)
        ]
        return torch.stack(errors).mean()


def _relative_error(got: Float[Tensor, "n c h w"], want: Float[Tensor, "n c h w"]) -> Float[Tensor, ""]:
    error = (got - want).square().mean(dim=(1, 2, 3))
    scale = want.square().mean(dim=(1, 2, 3))
    # Far below any features but those of a map of zeros.
    return (error / scale.clamp_min(1e-12)).mean()


def _at_least_float32(features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    return features.to(torch.promote_types(features.dtype, torch.float32))
