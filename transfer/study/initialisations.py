"""The initialisations that a study compares."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.run.parts import Taken, Transfer

TRANSFERS: dict[str, Taken] = {"+encoder": "encoder", "+decoder": "encoder+decoder", "+outlines": "outlines"}
"""Suffixes of a file, and the --transfer that they mean."""
POOL = "+pool"
"""Suffix of a start that learns from the photographs of --unlabelled_dir, too."""


@dataclass(frozen=True)
class Initialisation:
    """One way to initialise a segmentation network."""

    name: str
    file: Path | None = None
    """The ae.pth of a pretraining."""
    transfer: Transfer = "encoder"
    """The parts that are loaded from it, as --transfer."""
    encoder: str = "unet"
    """The name of the encoder, without a file."""
    scratch: bool = False
    """Whether nothing is pretrained."""
    like: "Initialisation | None" = None
    """From scratch: the pretrained start whose network it has."""
    pool: bool = False
    """Whether it learns from photographs without masks, too."""

    @property
    def flags(self) -> dict[str, Any]:
        """The settings of transfer.main for it."""
        if self.like is not None and self.like.file is not None:
            return {"like": self.like.file, "transfer": self.like.transfer}
        if self.file is not None:
            return {"pretrained_encoder": self.file, "transfer": self.transfer}
        return {"encoder": self.encoder, "encoder_weights": "none" if self.scratch else "imagenet"}


def parse_initialisations(words: tuple[str, ...], usual: Transfer = "auto") -> list[Initialisation]:
    """Read the words of --initialisations; `usual` is the --transfer of a file without a suffix.

    Raises UserError for a word that is not understood.
    """
    if not words:
        raise UserError("--initialisations is empty: give scratch, imagenet, or NAME=ae.pth")
    starts = [_start(word, usual) for word in words]
    pretrained = (start for start in starts if not start.scratch)
    first = min(pretrained, key=lambda start: start.file is None, default=None)
    plain = ("scratch", f"scratch{POOL}")
    return [_shaped(start, first, starts) if start.name in plain and first else start for start in starts]


def baseline_of(start: Initialisation, starts: Sequence[Initialisation]) -> Initialisation | None:
    """The baseline of an initialisation: its own network from scratch, of a file that with the network of a file; else
    the first from scratch, on masks alone where there is one; None for that one.
    """
    scratch = sorted((other for other in starts if other.scratch), key=lambda other: other.pool)
    same = [other for other in scratch if other.encoder == start.encoder and not (other.pool and not start.pool)]
    of_files = [other for other in same if start.file is not None and other.like is not None]
    baseline = next(iter([*of_files, *same, *scratch]), None)
    return None if start.scratch and (not start.pool or baseline == start) else baseline


def own_baseline(start: Initialisation, starts: Sequence[Initialisation]) -> str:
    """The start from scratch that the ImageNet weights of a library lack as baseline; "" where it is there, and for
    files, whose network only the file knows.
    """
    baseline = baseline_of(start, starts)
    if start.scratch or start.file is not None or baseline is None:
        return ""
    of_a_file = baseline.like is not None and baseline.like.file is not None
    return "" if baseline.encoder == start.encoder and not of_a_file else f"scratch_{start.encoder}"


def _shaped(scratch: Initialisation, first: Initialisation, starts: list[Initialisation]) -> Initialisation:
    """`scratch` with the network of a pretrained start, unless another start from scratch has that already."""
    if first.file is not None:
        return replace(scratch, like=first)
    rest = [start for start in starts if start.scratch and start.pool == scratch.pool and start is not scratch]
    taken = any(start.encoder == first.encoder for start in rest)
    return scratch if taken else replace(scratch, encoder=first.encoder, like=first)


def _start(word: str, usual: Transfer) -> Initialisation:
    name, equals, path = word.partition("=")
    if re.search(r"[^\w.+-]", name):
        raise UserError(
            f"--initialisations {word}: a name has letters, digits and . + - _ only, because folders are named after it"
        )
    pool = word.endswith(POOL)
    path = path.removesuffix(POOL)
    if equals and name and path:
        ending = next((ending for ending in TRANSFERS if path.endswith(ending)), "")
        return Initialisation(name, Path(path.removesuffix(ending)), TRANSFERS[ending] if ending else usual, pool=pool)
    kind, _, encoder = word.removesuffix(POOL).partition("_")
    if equals or kind not in ("scratch", "imagenet"):
        raise UserError(
            f"--initialisations {word}: give scratch, imagenet, scratch_ENCODER, imagenet_ENCODER or NAME=ae.pth, "
            f"with {POOL} behind it for photographs"
        )
    if (kind, encoder) == ("imagenet", "unet"):
        raise UserError("--initialisations imagenet_unet: there are no ImageNet weights of a U-Net; use imagenet")
    common = {"scratch": "unet", "imagenet": "mobilenet_v2"}[kind]
    return Initialisation(word, encoder=encoder or common, scratch=kind == "scratch", pool=pool)
