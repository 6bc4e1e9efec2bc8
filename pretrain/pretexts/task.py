"""Tasks: images that a pretext has corrupted, to be rebuilt.

Random numbers come from torch's global generator of the device that holds the batch, which is seeded for every
batch: the same seed gives the same task on the same kind of device.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from pretrain.pretexts.registry import PRETEXTS
from pretrain.registered import Settings

SKIP_DROP = 0.5
"""Probability with which a sample loses its skips, with --skips drop."""

View = tuple[Float[Tensor, "n c h w"], Int64[Tensor, "n h w"] | None]
"""Images, and their foreground where it is known."""


@dataclass(frozen=True)
class Task:
    """A batch of images to rebuild."""

    seen: Float[Tensor, "n c h w"]
    """The input of the network."""
    image: Float[Tensor, "n c h w"]
    """The clean images."""
    weight: Float[Tensor, "n 1 h w"] | None = None
    """1 for the pixels that enter the loss, 0 for others; None for all."""
    visible: Float[Tensor, "n 1 h w"] | None = None
    """0 for the pixels that the encoder hides; None for none."""
    everywhere: bool = True
    """Whether it keeps them out of all its maps, too, where it can."""
    keep: Float[Tensor, " n"] | None = None
    """0 for the samples whose skips are dropped, 1 for others; None for none."""
    valid: Float[Tensor, "n 1 h w"] | None = None
    """1 for the pixels of the images, 0 for their padding; None where there is none."""
    foreground: Int64[Tensor, "n h w"] | None = None
    """The pseudo-mask: 1 foreground, 0 background, 255 ignored; None without pseudo-masks."""
    other: View | None = None
    """Another view of the same images, for objectives that compare two; None for none."""
    asked: Float[Tensor, "n d p q"] | None = None
    """The target's vectors for the images, where they are known; None for the target to compute."""


def plain(image: Float[Tensor, "n c h w"], settings: Settings) -> Task:  # noqa: ARG001
    """The images as they are, all pixels of which count."""
    return Task(image, image)


@dataclass(frozen=True)
class TaskMaker:
    """Makes tasks by a registered pretext."""

    pretext: str
    settings: Settings
    drop_skips: bool = False

    @property
    def drawn(self) -> bool:
        """Whether figures and pages show the tasks."""
        return PRETEXTS[self.pretext].drawn

    @torch.no_grad()
    def __call__(
        self,
        image: Float[Tensor, "n c h w"],
        foreground: Int64[Tensor, "n h w"] | None = None,
        other: View | None = None,
        *,
        valid: Bool[Tensor, "n 1 h w"] | None = None,
    ) -> Task:
        """The task on clean images in [0, 1], with their foreground and another view of them where these are needed.

        With `valid` no other pixels count.
        """
        task: Task = PRETEXTS[self.pretext].load()(image, self.settings)
        if self.drop_skips:
            kept = torch.rand(len(image), device=image.device) >= SKIP_DROP
            task = replace(task, keep=kept.to(image.dtype))
        if valid is not None:
            inside = valid.to(image.dtype)
            task = replace(task, valid=inside, weight=inside if task.weight is None else task.weight * inside)
        return replace(task, foreground=foreground, other=other)
