"""What a call writes into its folder, and how the next one removes it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from common.data.samples import PAGE
from common.errors import UserError, abbreviate
from common.files import sha256_of, write_json
from common.run.plain_data import from_json
from transfer.predict.formats.pictures import write_palette
from transfer.predict.photos import Original

IMAGES, DRAFTS = "images", "drafts"
RECORD = "suggest.json"


@dataclass(frozen=True)
class Call:
    """The networks and the images of a call, and the files that it wrote."""

    models: tuple[str, ...]
    input: str
    files: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    """SHA-256 of the networks' files; calls of older versions tell none."""
    drafts: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the drafts as they were written."""

    def in_the_way(self, before: "Call", folder: Path) -> str:
        """What an earlier call left in the folder that this one must not replace, in words; "" for nothing."""
        if (before.models, before.input) != (self.models, self.input):
            return f"suggestions of {', '.join(before.models)} for {before.input}"
        if before.networks not in ((), self.networks):
            return f"suggestions of another training of {', '.join(before.models)}"
        there = [name for name in before.drafts if (folder / name).exists()]
        corrected = [name for name in there if sha256_of(folder / name) != before.drafts[name]]
        return f"drafts that were changed since: {abbreviate(corrected)}" if corrected else ""


def begin(folder: Path, call: Call, *, overwrite: bool) -> None:
    """Remove what the same call left, or with `overwrite` any call. Raises UserError for what is not to be replaced:
    the results of another call, corrected drafts, and images of no call.
    """
    before = from_json(Call, folder / RECORD) if (folder / RECORD).exists() else None
    if before is not None:
        other = call.in_the_way(before, folder)
    else:
        other = next((f"{name}/ of no such call" for name in (IMAGES, DRAFTS) if (folder / name).exists()), "")
    if other and not overwrite:
        raise UserError(f"{folder} holds {other}; use another --output, or --overwrite to replace them")
    for name in before.files if before is not None else ():
        (folder / name).unlink(missing_ok=True)


def record(folder: Path, call: Call) -> None:
    """Write down what a call writes, and which drafts are there."""
    drafts = [name for name in call.files if name.startswith(f"{DRAFTS}/") and (folder / name).exists()]
    digests = {name: sha256_of(folder / name) for name in drafts}
    write_json(folder / RECORD, vars(replace(call, drafts=digests)))


def copy_of(photo: Original) -> str:
    """Where the copy of an image is in the folder: a page of a stack is a file of its own."""
    return f"{IMAGES}/{photo.key}{'.png' if PAGE in photo.key else photo.sample.image.suffix}"


def draft_of(photo: Original) -> str:
    """Where the draft of an image is in the folder."""
    return f"{DRAFTS}/{photo.key}.png"


def copy_image(photo: Original, folder: Path) -> None:
    """Copy an image by its name."""
    path = folder / copy_of(photo)
    path.parent.mkdir(parents=True, exist_ok=True)
    if PAGE in photo.key:
        Image.fromarray(photo.full.squeeze()).save(path)
    else:
        shutil.copyfile(photo.sample.image, path)


def write_draft(mask: UInt8[np.ndarray, "h w"], photo: Original, folder: Path, *, classes: int) -> None:
    """Write a mask as a PNG of class numbers with their colours as palette."""
    path = folder / draft_of(photo)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_palette(path, mask, classes)
