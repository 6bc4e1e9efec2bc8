"""MobileNetV2's convolutions, which never learn: for the perceptual term and for features as a target."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from common.models.blocks import initialise
from common.models.depthwise import spare_depthwise
from common.models.folded import fold
from common.models.inspect import collect_outputs
from common.models.weights import IMAGENET_MEAN, IMAGENET_STD, checked_state, imagenet_state, load_features
from common.tensor_files import load_tensors
from pretrain.targets.registry import FIXED_NETWORK, LossConfig

TAPS = (1, 3, 6, 13)
"""The last blocks at strides 2, 4, 8 and 16."""
LATE_TAPS = (13, 17)
"""The last blocks at strides 16 and 32."""


class FixedNetwork(nn.Module):
    """The convolutions of a MobileNetV2, which never learns and stays in evaluation mode.

    Its normalisations are folded into its convolutions, and its maps are channels-last, for speed.
    `state` is torchvision's file of weights, whose classifier is left out; with None the network is random. `taps` are
    the layers whose outputs are its maps. Raises UserError where the file does not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, state: Mapping[str, Tensor] | None, taps: Sequence[int] = TAPS) -> None:
        super().__init__()
        from torchvision.models import mobilenet_v2  # here: it takes as long to import as torch

        features = mobilenet_v2(weights=None).features
        if state is None:
            initialise(features)
        else:
            load_features(features, state, f"the ImageNet weights of {FIXED_NETWORK}")
        self.taps = tuple(taps)
        self.layers = fold(features[: self.taps[-1] + 1])
        spare_depthwise(self.layers)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(-1, 1, 1))
        self.requires_grad_(False)
        self.eval().to(memory_format=torch.channels_last)

    def maps(self, image: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        """The maps of images, RGB in [0, 1]."""
        normalised = (image - self.mean) / self.std
        return collect_outputs(self.layers, self.taps, normalised.contiguous(memory_format=torch.channels_last))

    def train(self, mode: bool = True):  # noqa: ARG002
        """Stay in evaluation mode, whatever a parent's train() says."""
        return super().train(False)


def perceptual_state(config: LossConfig) -> Mapping[str, Tensor] | None:
    """The weights that the settings name; None for random ones. Raises UserError where they can't be had."""
    path = config.perceptual_weights_path
    match config.perceptual_init:
        case "random":
            return None
        case "own":
            assert path is not None, "LossConfig.check refuses that"
            return checked_state(load_tensors(path), path)
        case "imagenet":
            return imagenet_state(FIXED_NETWORK, path)
