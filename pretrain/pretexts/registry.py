"""The pretexts by name: to add one, write its function in a file of its own and its entry here.

Imports no torch. A function takes images in [0, 1] and its settings, and gives a `pretrain.pretexts.task.Task`.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from common.config.groups import Share
from common.errors import UserError
from common.models.parts import part_for
from pretrain.registered import Groups, Registered, Settings


@dataclass(frozen=True)
class Pretext(Registered):
    """A way to corrupt images, so that an encoder learns by restoring them."""

    seen: str = ""
    """What a side objective sees of the images, for pages: "behind hidden patches"; "" where it sees them whole."""
    target: str = "image"
    """The target that --target auto takes."""
    drawn: bool = True
    """Whether figures and pages show what the network saw and what it made of that."""


@dataclass(frozen=True)
class DenoiseSettings(Settings):
    """Settings of --pretext denoise."""

    noise_sigma: Annotated[float, Field(ge=0)] = 0.22
    """Standard deviation of the noise, for values in [0, 1]."""


@dataclass(frozen=True)
class MaskSettings(Settings):
    """Settings of --pretext mask."""

    mask_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.6
    """Share of the patches that is hidden."""
    patch_size: Annotated[int, Field(ge=1)] = 8
    """Side of a patch in pixels; it divides --image_size."""
    hidden_at: Literal["auto", "input", "every_level"] = "auto"
    """Where patches are hidden: the input, or every map too (SparK), which auto takes for the unet."""

    def recorded(self, config: Groups) -> dict[str, Any]:
        """The settings, with the place that auto takes."""
        everywhere = self.hidden_at != "input" and part_for(config.encoder.name).hides_everywhere
        return super().recorded(config) | {"hidden_at": "every_level" if everywhere else "input"}

    def check(self, config: Groups) -> None:
        """Raise UserError for patches that do not tile the image, and for maps in which none can be hidden."""
        if self.hidden_at == "every_level" and not part_for(config.encoder.name).hides_everywhere:
            raise UserError(
                f"--hidden_at every_level needs the encoder unet, and --encoder is {config.encoder.name}: "
                "leave it out, and patches are hidden in the input"
            )
        size, told = config.data.image_size, f"--image_size {config.data.image_size}"
        if config.data.fit == "crop":
            size, told = math.gcd(size, 32), "the 32 pixels that sides of whole images are multiples of (--fit crop)"
        if size % self.patch_size or self.patch_size == size:
            nearest = min(
                (side for side in range(1, size) if size % side == 0), key=lambda side: abs(side - self.patch_size)
            )
            raise UserError(
                f"--patch_size {self.patch_size} does not divide {told} into patches: "
                f"the nearest that does is --patch_size {nearest}"
            )


@dataclass(frozen=True)
class RestoreSettings(Settings):
    """Settings of --pretext restore (Models Genesis): the probability of each corruption."""

    inpaint: Share = 0.18
    """Probability that boxes inside the image are replaced by noise."""
    outpaint: Share = 0.72
    """Probability that all but boxes inside the image is replaced by noise; never together with inpaint."""
    shuffle: Share = 0.5
    """Probability that pixels change places within small windows."""
    intensity: Share = 0.9
    """Probability that intensities go through a random monotonic curve."""

    def check(self, config: Groups) -> None:  # noqa: ARG002
        """Raise UserError for probabilities of exclusive corruptions that add up to more than 1."""
        if self.inpaint + self.outpaint > 1:
            raise UserError(
                f"--inpaint {self.inpaint} and --outpaint {self.outpaint} exclude each other in an image: "
                "their sum must be at most 1"
            )


PRETEXTS: dict[str, Pretext] = {
    "plain": Pretext("pretrain.pretexts.task:plain", "rebuilding images", drawn=False),
    "denoise": Pretext(
        "pretrain.pretexts.corrupt:denoise", "denoising images", settings=DenoiseSettings, seen="in noisy images"
    ),
    "mask": Pretext(
        "pretrain.pretexts.corrupt:mask",
        "filling in hidden patches",
        settings=MaskSettings,
        seen="behind hidden patches",
        target="hog",
    ),
    "restore": Pretext(
        "pretrain.pretexts.restore:restore",
        "restoring corrupted images",
        settings=RestoreSettings,
        seen="in corrupted images",
    ),
}
