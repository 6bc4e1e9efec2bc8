"""What a call writes into its folder, and how the next one removes it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from common.data.samples import PAGE
from common.errors import UserError
from common.files import write_json
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


def begin(folder: Path, call: Call, *, overwrite: bool) -> None:
    """Remove what the same call left, or with `overwrite` any call. Raises UserError for the results of another one."""
    record = folder / RECORD
    if not record.exists():
        return
    before = from_json(Call, record)
    if (before.models, before.input) != (call.models, call.input) and not overwrite:
        raise UserError(
            f"{folder} holds suggestions of {', '.join(before.models)} for {before.input}: use another --output, or "
            "--overwrite to replace them"
        )
    for name in before.files:
        (folder / name).unlink(missing_ok=True)


def end(folder: Path, call: Call) -> None:
    """Record what was written."""
    write_json(folder / RECORD, vars(call))


def copy_image(photo: Original, folder: Path) -> str:
    """Copy an image by its name, a page of a stack as a file of its own; returns where it is in the folder."""
    page = PAGE in photo.key
    name = f"{IMAGES}/{photo.key}{'.png' if page else photo.sample.image.suffix}"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if page:
        Image.fromarray(photo.full.squeeze()).save(path)
    else:
        shutil.copyfile(photo.sample.image, path)
    return name


def write_draft(mask: UInt8[np.ndarray, "h w"], photo: Original, folder: Path, *, classes: int) -> str:
    """Write a mask as a PNG of class numbers with their colours as palette; returns where it is in the folder."""
    name = f"{DRAFTS}/{photo.key}.png"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_palette(path, mask, classes)
    return name
