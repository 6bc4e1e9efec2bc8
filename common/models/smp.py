"""Encoders of segmentation_models_pytorch behind our `Encoder` interface (optional)."""

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from common.errors import UserError, nearest
from common.models.blocks import Channels
from common.models.channels import adapt_channels, channel_statistics
from common.models.encoder import Encoder
from common.models.given import Pretrained
from common.models.hub import hub_file
from common.models.inspect import eval_mode
from common.models.weights import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    load_exactly,
)

INSTALL = "pip install segmentation-models-pytorch"


class SMPEncoder(Encoder):
    """A randomly initialised encoder of the library, with ImageNet's mean and standard deviation for its input.

    At `output_stride` 16 or 8 the coarser stages are dilated instead of strided, and only the last map of that stride
    is kept. Empty maps and the image itself are left out. Raises UserError for an unknown name.
    """

    def __init__(self, *, encoder: str, in_channels: Channels = 3, output_stride: int = 32) -> None:
        mean, std = (channel_statistics(imagenet, in_channels) for imagenet in (IMAGENET_MEAN, IMAGENET_STD))
        super().__init__(mean=mean, std=std)
        library = _library()
        if encoder not in smp_names():
            raise UserError(f"there is no encoder called {encoder!r}{nearest(encoder, smp_names())}")
        self.name, self.output_stride = encoder, output_stride
        try:
            with torch.device("cpu"):  # of its own size, whatever a file says; and some can't be built on meta
                self.network = library.get_encoder(encoder, in_channels=in_channels, output_stride=output_stride)
        except (ValueError, NotImplementedError) as error:
            raise UserError(f"the encoder {encoder} has no form of stride {output_stride} ({error})") from None
        listed = list(self.network.out_channels)
        strides = [min(2**level, output_stride) for level in range(len(listed))]
        self.kept = [
            level
            for level, (stride, channels) in enumerate(zip(strides, listed, strict=True))
            if channels > 0
            and strides[level + 1 : level + 2] != [stride]
            and not (level == 0 and channels == in_channels)
        ]
        self.strides = tuple(strides[level] for level in self.kept)
        self.channels = tuple(listed[level] for level in self.kept)
        self._levels: list[list[nn.Module]] = []

    def pyramid(self, normalised: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        maps = self.network(normalised)
        return [maps[level] for level in self.kept]

    def levels(self) -> list[Sequence[nn.Module]]:
        """Return the layers of each level: those that its map is the first to depend on; unused layers come last."""
        if not self._levels:
            self._levels = _by_dependence(self)
        return [*self._levels]

    def architecture(self) -> dict[str, Any]:
        return {
            "name": "smp",
            "encoder": self.name,
            "in_channels": len(self.mean),
            "output_stride": self.output_stride,
        }

    @property
    def word(self) -> str:
        return self.name

    @property
    def published(self) -> nn.Module:
        return self.network

    def load_pretrained(self, path: Path | None) -> Pretrained:
        """Load weights from a file, or ImageNet weights from the library's hub; return what was loaded.

        Raises UserError as `load_given`, and if the weights do not exist, or the hub cannot be reached.
        """
        if path is not None:
            return self.load_file(path)
        library = _library()
        try:
            published = library.encoders[self.name]["pretrained_settings"]["imagenet"]
            for file in ("config.json", "model.safetensors"):  # for the library asks an absent hub again and again
                hub_file(published["repo_id"], file, revision=published["revision"])
            state = library.get_encoder(self.name, weights="imagenet").state_dict()
            preprocessing = library.get_preprocessing_params(self.name, "imagenet")
        except (OSError, KeyError, ValueError) as error:
            raise UserError(
                f"cannot get ImageNet weights of {self.name} ({' '.join(str(error).split())}): connect to the "
                "internet, give a file of its weights with --encoder_weights_path, or set --encoder_weights none"
            ) from None
        scale = max(preprocessing["input_range"])
        self.take_statistics(*([value / scale for value in preprocessing[name]] for name in ("mean", "std")))
        fitted = adapt_channels(state, self.network)
        return Pretrained(load_exactly(self.network, fitted, f"the ImageNet weights of {self.name}"))


@cache
def smp_names() -> tuple[str, ...]:
    """Return the names of the library's encoders. Raises UserError if it is not installed."""
    return tuple(_library().get_encoder_names())


def bare_network(name: str, channels: int) -> nn.Module:
    """Return an encoder of the library as the library makes it, with fresh weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of names that begin with timm-
        return _library().get_encoder(name, in_channels=channels, weights=None)


def _library() -> ModuleType:
    try:
        from segmentation_models_pytorch import encoders
    except ImportError:
        raise UserError(f"encoders beside unet and mobilenet_v2 come from another package: {INSTALL}") from None
    return encoders


def _by_dependence(encoder: SMPEncoder) -> list[list[nn.Module]]:
    """Group the layers that own parameters by the finest map that depends on them."""
    layers = [layer for layer in encoder.network.modules() if list(layer.parameters(recurse=False))]
    trainable = [(parameter, parameter.requires_grad) for parameter in encoder.network.parameters()]
    encoder.network.requires_grad_()
    levels: list[list[nn.Module]] = []
    with eval_mode(encoder.network), torch.enable_grad():
        probe = torch.zeros(1, len(encoder.mean), encoder.min_size, encoder.min_size, device=encoder.mean.device)
        for features in encoder.pyramid(probe):
            own = [next(layer.parameters(recurse=False)) for layer in layers]
            gradients = torch.autograd.grad(features.sum(), own, retain_graph=True, allow_unused=True) if own else ()
            levels.append([layer for layer, gradient in zip(layers, gradients, strict=True) if gradient is not None])
            layers = [layer for layer in layers if layer not in levels[-1]]
    levels[-1] += layers
    for parameter, learns in trainable:
        parameter.requires_grad_(learns)
    return levels
