"""The `Encoder` interface, and the U-Net encoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from common.data.fitting import LEAST, STRIDE
from common.errors import UserError
from common.models.blocks import (
    NORMS,
    Channels,
    Norm,
    Rates,
    Widths,
    initialise,
    require_one_each,
    two_convolutions,
)
from common.models.channels import channel_statistics
from common.models.given import Pretrained, load_given
from common.models.visible import normalise_visible


class Encoder(nn.Module):
    """A network from an image to a pyramid of feature maps, from fine to coarse.

    A subclass sets `channels` and `strides` (one entry a map, finest first) and implements `pyramid`, `levels` and
    `architecture`; `visible_pyramid` too, where it keeps hidden pixels out of its maps. Images are in [0, 1]; the
    encoder normalises them by its own `mean` and `std`, which are saved with its weights.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    mean: Tensor
    std: Tensor

    def __init__(self, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.frozen_levels = 0
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    @property
    def min_size(self) -> int:
        """The smallest side of an image: normalisation needs more than one pixel in the coarsest map."""
        return 2 * self.strides[-1]

    def forward(
        self,
        image: Float[Tensor, "n c h w"],
        *,
        visible: Float[Tensor, "n 1 h w"] | None = None,
        everywhere: bool = True,
    ) -> list[Float[Tensor, "n _ _ _"]]:
        """Return one map for each stride, finest first.

        Pixels where `visible` is 0 have the mean colour, and with `everywhere` are kept out of the maps too by encoders
        that can. Raises UserError for a size that does not fit.
        """
        self.check_size(*image.shape[-2:])
        normalised = (image - self.mean) / self.std
        if visible is None:
            return self.pyramid(normalised)
        hidden = normalised * visible
        return self.visible_pyramid(hidden, visible) if everywhere else self.pyramid(hidden)

    def pyramid(self, normalised: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        """Return the maps of an image that is already normalised."""
        raise NotImplementedError

    def visible_pyramid(
        self,
        normalised: Float[Tensor, "n c h w"],
        visible: Float[Tensor, "n 1 h w"],  # noqa: ARG002
    ) -> list[Float[Tensor, "n _ _ _"]]:
        """Return the maps of a normalised image that is 0 where `visible` is: here it is hidden in the input alone.

        An encoder that keeps such pixels out of its maps says so in its entry, too (`hides_everywhere`).
        """
        return self.pyramid(normalised)

    def architecture(self) -> dict[str, Any]:
        """Return the arguments of `build_encoder` for this encoder, without its weights, as plain JSON data."""
        raise NotImplementedError

    @property
    def word(self) -> str:
        """The name of `--encoder` that means it."""
        return self.architecture()["name"]

    @property
    def published(self) -> nn.Module:
        """The network without its input's statistics, under the names that its publisher gives its tensors."""
        return nn.ModuleDict(dict(self.named_children()))

    def load_file(self, path: Path, *, flag: str = "--encoder_weights_path") -> Pretrained:
        """Load the weights in a file that `flag` named, and with an exported encoder its statistics of the input.

        Raises UserError as `load_given`.
        """
        given = load_given(self.published, path, self.word, flag=flag)
        if given.record is not None:
            self.take_statistics(given.record.mean, given.record.std)
        return given

    @torch.no_grad()
    def take_statistics(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Normalise images by these numbers; where channels differ, each by their average."""
        for own, given in ((self.mean, mean), (self.std, std)):
            own.copy_(torch.tensor(channel_statistics(given, len(own))).view(-1, 1, 1))

    def load_pretrained(self, path: Path | None) -> Pretrained:
        """Load the weights in a file, or ImageNet weights from their publisher; return what was loaded.

        Raises UserError if the file does not fit, or the weights are unavailable.
        """
        raise NotImplementedError("this encoder has no pretrained weights")

    def check_size(self, height: int, width: int) -> None:
        """Raise UserError, with the nearest valid size, unless images of this size fit."""
        fitting = tuple(self._nearest_side(side) for side in (height, width))
        if fitting != (height, width):
            raise UserError(
                f"the images are {height} x {width} pixels, but this encoder needs sides that are multiples "
                f"of {self.strides[-1]} and at least {self.min_size}; the nearest size that works is "
                f"{fitting[0]} x {fitting[1]} (--image_size {max(fitting)})"
            )

    def check_any_size(self) -> None:
        """Raise UserError unless whole images of any size fit once they are padded, see `common.data.gather`."""
        if STRIDE % self.strides[-1] or self.min_size > LEAST:
            raise UserError(
                f"--fit crop pads whole images to multiples of {STRIDE} pixels, and the coarsest map of this encoder "
                f"has stride {self.strides[-1]}: give fewer --widths, or --fit squash"
            )

    def _nearest_side(self, side: int) -> int:
        stride = self.strides[-1]
        return max(self.min_size, (side + stride // 2) // stride * stride)

    def levels(self) -> list[Sequence[nn.Module]]:
        """Return the layers of each level, finest first; together they hold all parameters."""
        raise NotImplementedError

    def freeze(self, levels: int | None = None) -> None:
        """Freeze the finest `levels` (None: all), and unfreeze the others.

        Frozen levels keep weights and normalisation statistics, without dropout, even after a parent's train().
        """
        self.frozen_levels = len(self.strides) if levels is None else levels
        for index, layers in enumerate(self.levels()):
            nn.ModuleList(layers).requires_grad_(index >= self.frozen_levels)
        self.train(self.training)

    def train(self, mode: bool = True):
        """Set training mode like torch, but keep frozen levels in evaluation mode."""
        super().train(mode)
        for part in self.modules() if self.frozen_levels else ():
            learns = [parameter.requires_grad for parameter in part.parameters()]
            if learns and not any(learns) and part is not self:
                part.eval()
        return self


class UNetEncoder(Encoder):
    """The contracting half of a U-Net: plain convolution stages, each at half the size of the one before.

    A stage is two 3x3 convolutions with normalisation and LeakyReLU, then spatial dropout (whole channels).
    The first stage keeps the image's size; the others halve it by the stride of their first convolution or by 2x2
    max pooling before it. The defaults give 9,437,856 parameters.
    """

    def __init__(
        self,
        *,
        widths: Widths = (32, 64, 128, 256, 512, 512),
        norm: Norm = "instance",
        dropout: Rates = (0.0, 0.0, 0.05, 0.1, 0.15, 0.15),
        in_channels: Channels = 3,
        down: Literal["stride", "max_pool"] = "stride",
    ) -> None:
        super().__init__(mean=[0.0] * in_channels, std=[1.0] * in_channels)
        require_one_each(len(widths), dropout=dropout)
        self.channels = tuple(widths)
        self.strides = tuple(2**stage for stage in range(len(widths)))
        self.norm: Norm = norm
        self.dropout = tuple(dropout)
        self.down: Literal["stride", "max_pool"] = down
        inputs = (in_channels, *widths[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(
                *([nn.MaxPool2d(2)] if stage and down == "max_pool" else []),
                *two_convolutions(inputs[stage], width, norm=norm, stride=2 if stage and down == "stride" else 1),
                nn.Dropout2d(dropout[stage]),
            )
            for stage, width in enumerate(widths)
        )
        initialise(self)

    def pyramid(self, normalised: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        maps = [normalised]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]

    def visible_pyramid(
        self, normalised: Float[Tensor, "n c h w"], visible: Float[Tensor, "n 1 h w"]
    ) -> list[Float[Tensor, "n _ _ _"]]:
        """Return the maps of a normalised image; pixels where `visible` is 0 stay hidden at every scale.

        Fully hidden cells are zeroed after every convolution. Visible pixels therefore do not leak into them, and the
        mask survives to the stride of the patches.

        Source: Tian et al. 2023, SparK, arXiv 2301.03580, section 3.1 (sparse convolution).
        Deviation: zeroed features in place of sparse convolutions; the decoder receives these zeros, not a
        learned embedding.
        """
        maps, cells = [normalised], visible
        for index, stage in enumerate(self.stages):
            cells = F.max_pool2d(cells, 2) if index else cells
            maps.append(_through(cast(nn.Sequential, stage), maps[-1], cells))
        return maps[1:]

    def levels(self) -> list[Sequence[nn.Module]]:
        return [[stage] for stage in self.stages]

    def architecture(self) -> dict[str, Any]:
        return {
            "name": "unet",
            "widths": list(self.channels),
            "norm": self.norm,
            "dropout": list(self.dropout),
            "in_channels": len(self.mean),
            "down": self.down,
        }


def _through(stage: nn.Sequential, x: Tensor, cells: Tensor) -> Tensor:
    """Run a stage; cells where `cells` is 0 are excluded from statistics and zero after every normalisation."""
    layers = iter(stage)
    for layer in layers:
        x = normalise_visible(layer, x, cells, then=next(layers)) if isinstance(layer, NORMS) else layer(x)
    return x
