"""What every encoder promises, and the encoder of the U-Net."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from common.errors import UserError
from common.models.blocks import NORMS, Norm, initialise, normalise_visible, require_one_each, two_convolutions


class Encoder(nn.Module):
    """Turns a picture into a pyramid of feature maps, from fine to coarse.

    A subclass sets `channels` and `strides` (one entry a map, finest first) and writes `pyramid`, `levels` and
    `architecture`. Pictures come in [0, 1]; the encoder applies its own `mean` and `std`, which are saved
    with its weights.
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
        """The smallest side of a picture: normalisation needs more than one pixel in the coarsest map."""
        return 2 * self.strides[-1]

    def forward(self, image: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        """One map for each stride, finest first. Raises UserError for a size that does not fit."""
        self.check_size(*image.shape[-2:])
        return self.pyramid((image - self.mean) / self.std)

    def pyramid(self, normalised: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        """The maps of a picture that has been normalised already."""
        raise NotImplementedError

    def architecture(self) -> dict[str, Any]:
        """What `build_encoder` needs to rebuild this encoder, without its weights; fit for JSON."""
        raise NotImplementedError

    def load_pretrained(self, path: Path | None) -> int:
        """Load ImageNet weights from a file, or from where they are published; the number of tensors loaded.

        Raises UserError where the file does not fit, or the weights can't be had.
        """
        raise NotImplementedError("this encoder has no pretrained weights")

    def check_size(self, height: int, width: int) -> None:
        """Raise UserError, naming the nearest size that works, unless a picture of this size fits."""
        fitting = tuple(self._nearest_side(side) for side in (height, width))
        if fitting != (height, width):
            raise UserError(
                f"the images are {height} x {width} pixels, but this encoder needs sides that are multiples "
                f"of {self.strides[-1]} and at least {self.min_size}; the nearest size that works is "
                f"{fitting[0]} x {fitting[1]} (--image_size {max(fitting)})"
            )

    def _nearest_side(self, side: int) -> int:
        stride = self.strides[-1]
        return max(self.min_size, (side + stride // 2) // stride * stride)

    def levels(self) -> list[Sequence[nn.Module]]:
        """The layers between one map and the next, finest first; together they are all that learns."""
        raise NotImplementedError

    def freeze(self, levels: int | None = None) -> None:
        """Let the finest `levels` (None: all) stay as they are, and the others learn again.

        What is frozen keeps its weights, normalisation statistics and dropout, whatever a parent's train() says.
        """
        self.frozen_levels = len(self.strides) if levels is None else levels
        for index, layers in enumerate(self.levels()):
            nn.ModuleList(layers).requires_grad_(index >= self.frozen_levels)
        self.train(self.training)

    def train(self, mode: bool = True):
        """As in torch, except that frozen levels stay in evaluation mode."""
        super().train(mode)
        for part in self.modules() if self.frozen_levels else ():
            learns = [parameter.requires_grad for parameter in part.parameters()]
            if learns and not any(learns) and part is not self:
                part.eval()
        return self


class UNetEncoder(Encoder):
    """Plain convolution stages, each half as large as the one before: the contracting half of a U-Net.

    A stage is two 3x3 convolutions with normalisation and LeakyReLU, then spatial dropout (whole channels).
    The first stage keeps the picture's size; the others halve it by the stride of their first convolution or by 2x2
    max pooling before it. With its defaults it has 9,437,856 parameters.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int] = (32, 64, 128, 256, 512, 512),
        norm: Norm = "instance",
        dropout: Sequence[float] = (0.0, 0.0, 0.05, 0.1, 0.15, 0.15),
        in_channels: int = 3,
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

    def forward(
        self, image: Float[Tensor, "n c h w"], *, visible: Float[Tensor, "n 1 h w"] | None = None
    ) -> list[Float[Tensor, "n _ _ _"]]:
        """As every encoder's; pixels where `visible` is 0 are hidden, and stay so at every scale.

        After every convolution the cells that lie wholly behind hidden pixels are zeroed, so that what is
        visible does not seep into them and the hiding pattern survives to the depth at which patches are whole.

        Source: Tian et al. 2023, SparK, arXiv 2301.03580, section 3.1 (sparse convolution).
        Deviation: zeroed features in place of sparse convolutions; the decoder is given these zeros, not a
        learned embedding.
        """
        self.check_size(*image.shape[-2:])
        return self.pyramid((image - self.mean) / self.std, visible)

    def pyramid(
        self, normalised: Float[Tensor, "n c h w"], visible: Float[Tensor, "n 1 h w"] | None = None
    ) -> list[Float[Tensor, "n _ _ _"]]:
        maps = [normalised if visible is None else normalised * visible]
        for stage, stride in zip(self.stages, self.strides, strict=True):
            cells = None if visible is None else F.max_pool2d(visible, stride)
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


def _through(stage: nn.Sequential, x: Tensor, cells: Tensor | None) -> Tensor:
    """Run a stage; where cells are given, others enter no statistics and are zeroed after every activation."""
    if cells is None:
        return stage(x)
    for layer in stage:
        x = normalise_visible(layer, x, cells) if isinstance(layer, NORMS) else layer(x)
        if isinstance(layer, nn.LeakyReLU):
            x = x * cells
    return x
