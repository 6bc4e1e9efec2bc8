"""The side objectives by name: to add one, write its class in a file of its own and its entry here.

Imports no torch. A class is a `pretrain.losses.side_objective.SideObjective`. Its head is called as it is registered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from common.errors import UserError
from common.run.parts import Taken
from pretrain.registered import Groups, Registered, Settings

Weight = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class RegisteredObjective(Registered):
    """An error that may be added to that of the target."""

    weight: str = field(kw_only=True)
    """The one of its settings that is its weight; 0 leaves it out."""
    recorded: str = ""
    """Its name in handover files, where that is another."""
    views: int = 1
    """Views of each image that it compares: 1 or 2."""
    best_as: Taken = "encoder"
    """What phase 2 is best given, as --transfer, where nothing is regressed and this is the first in use."""


def _refuse_crops(config: Groups, flag: str) -> None:
    """Raise UserError for a flag that needs pseudo-masks, where images are cropped: crops may show no object."""
    if config.data.fit == "crop" or config.data.of_crops:
        raise UserError(f"{flag} takes whole photographs of a single object: give --fit squash or pad")


@dataclass(frozen=True)
class PseudoMaskSettings(Settings):
    """Learn the foreground of photographs of a single object from masks that are made without labels."""

    ALIASES: ClassVar[Mapping[str, str]] = {
        "saliency_weight": "pseudo_mask_weight",
        "saliency_size": "pseudo_mask_size",
        "saliency_from": "pseudo_mask_from",
    }

    pseudo_mask_weight: Weight = 0.0
    """Weight of the pseudo-mask loss: foreground found by GrabCut, without labels."""
    pseudo_mask_size: Annotated[int, Field(ge=32)] = 128
    """Side in pixels at which GrabCut runs, also where --image_size is smaller."""
    pseudo_mask_from: Literal["colours", "start_from"] = "colours"
    """Seeds of the pseudo-masks: colours, or predictions of the --start_from autoencoder (self-training)."""
    pseudo_mask_rounds: Annotated[int, Field(ge=1, le=100)] = 1
    """Equal parts of the run, each on new pseudo-masks whose seeds the best network so far predicts."""

    def check(self, config: Groups) -> None:
        """Raise UserError for seeds of an autoencoder where none is given, for crops, which may show no object, and for
        a length that the rounds do not divide.
        """
        if self.pseudo_mask_rounds > 1 and not self.pseudo_mask_weight:
            raise UserError("--pseudo_mask_rounds makes pseudo-masks anew: give --pseudo_mask_weight 1 too")
        told = len(config.training.updates)
        if told > 1 and told % self.pseudo_mask_rounds:
            raise UserError(
                f"--updates names {told} epochs, no multiple of --pseudo_mask_rounds {self.pseudo_mask_rounds}: give "
                "their sum"
            )
        if rest := config.training.epochs % self.pseudo_mask_rounds:
            raise UserError(
                f"--epochs {config.training.epochs} is no multiple of --pseudo_mask_rounds {self.pseudo_mask_rounds}: "
                f"give --epochs {config.training.epochs - rest + self.pseudo_mask_rounds}"
            )
        if self.pseudo_mask_weight:
            _refuse_crops(config, "--pseudo_mask_weight")
        if self.pseudo_mask_from == "start_from" and not (config.start_from and self.pseudo_mask_weight):
            raise UserError(
                "--pseudo_mask_from start_from takes its seeds from an autoencoder that was trained on pseudo-masks: "
                "give --start_from and --pseudo_mask_weight 1"
            )


@dataclass(frozen=True)
class ContrastSettings(Settings):
    """Tell the photographs of a batch apart by two views of each (SimCLR)."""

    contrast_weight: Weight = 0.0
    """Weight of the contrastive loss on the two coarsest levels; use it with --scale and --jitter."""
    contrast_views: Literal["image", "foreground"] = "image"
    """Views: augmented images, or crops of the foreground by pseudo-masks (they train the encoder alone)."""
    contrast_swap: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of foreground crops whose background is that of another photograph."""

    @property
    def of_foreground(self) -> bool:
        """Whether crops of the foreground are compared, which needs pseudo-masks."""
        return self.contrast_weight > 0 and self.contrast_views == "foreground"

    def check(self, config: Groups) -> None:
        """Raise UserError for views that hardly differ, and for crops of foreground where no image is whole."""
        augment = config.augment
        if self.contrast_views == "foreground":
            if not self.contrast_weight:
                raise UserError("--contrast_views foreground has views to compare: give --contrast_weight 1 too")
            _refuse_crops(config, "--contrast_views foreground")
        elif self.contrast_weight and not (augment.rotate or augment.scale or augment.translate or augment.jitter):
            raise UserError(
                "--contrast_weight compares two augmented views, and here they differ by flips at most: "
                "set --scale 0.4 --translate 0.1 --jitter 0.4"
            )


SIDE_OBJECTIVES: dict[str, RegisteredObjective] = {
    "pseudo_mask": RegisteredObjective(
        "pretrain.losses.pseudo_mask:PseudoMask",
        "segmenting the foreground",
        settings=PseudoMaskSettings,
        weight="pseudo_mask_weight",
        recorded="saliency",
        best_as="outlines",
    ),
    "contrast": RegisteredObjective(
        "pretrain.losses.contrastive:Contrast",
        "contrastive learning",
        settings=ContrastSettings,
        weight="contrast_weight",
        views=2,
    ),
}
"""The first in use gives a record its target where no regression target has a weight."""
