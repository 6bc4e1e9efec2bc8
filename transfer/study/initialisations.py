"""The initialisations that a study compares."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from transfer.config import Taken

TRANSFERS: dict[str, Taken] = {"+decoder": "all", "+outlines": "outlines"}
"""What may stand behind a file of one's own, and the --transfer that it means."""


@dataclass(frozen=True)
class Initialisation:
    """One of the ways to begin."""

    name: str
    file: Path | None = None
    """The file of a pretraining of one's own."""
    transfer: Taken = "encoder"
    """What is taken from it, as --transfer has it."""
    encoder: str = "unet"
    """Where there is no file, the encoder by its name."""
    scratch: bool = False
    """Whether nothing is pretrained."""

    @property
    def flags(self) -> dict[str, Any]:
        """The settings of transfer.main that begin so."""
        if self.file is not None:
            return {"pretrained_encoder": self.file, "transfer": self.transfer}
        return {"encoder": self.encoder, "encoder_weights": "none" if self.scratch else "imagenet"}


def parse_inits(words: tuple[str, ...]) -> list[Initialisation]:
    """What the words of --inits mean. Raises UserError for one that means nothing."""
    if not words:
        raise UserError("--inits names no start: give scratch, imagenet, or NAME=ae.pth")
    return [_start(word) for word in words]


def _start(word: str) -> Initialisation:
    name, equals, path = word.partition("=")
    if re.search(r"[^\w.+-]", name):
        raise UserError(f"--inits {word}: a name is made of letters, digits and . + - _, for it names folders")
    if equals and name and path:
        ending = next((ending for ending in TRANSFERS if path.endswith(ending)), "")
        return Initialisation(name, Path(path.removesuffix(ending)), transfer=TRANSFERS.get(ending, "encoder"))
    kind, _, encoder = word.partition("_")
    if equals or kind not in ("scratch", "imagenet"):
        raise UserError(
            f"--inits {word}: a start is scratch, imagenet, scratch_ENCODER, imagenet_ENCODER or NAME=ae.pth"
        )
    if word == "imagenet_unet":
        raise UserError("--inits imagenet_unet: a U-Net has no ImageNet weights; take imagenet, or pretrain your own")
    usual = {"scratch": "unet", "imagenet": "mobilenet_v2"}[kind]
    return Initialisation(word, encoder=encoder or usual, scratch=kind == "scratch")
