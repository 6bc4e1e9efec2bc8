"""What a file of an encoder alone says of it: safetensors for other programs, whose header holds our record."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.run.input import Input
from common.run.plain_data import Finite, from_dict
from common.run.records import PretrainingRecord
from common.run.safe_file import SUFFIX, read_header

ENTRY = "recon2seg"
"""The entry of the header that holds the record; the others are for people and for other programs."""


@dataclass(frozen=True, kw_only=True)
class ExportRecord:
    """An encoder without its weights: how it is built, what it was taught, and on what."""

    architecture: Mapping[str, Any]
    """What rebuilds the encoder."""
    mean: tuple[Finite, ...]
    """What is subtracted from each channel of an image in [0, 1]."""
    std: tuple[Finite, ...]
    """What it is then divided by."""
    input: Input
    task: PretrainingRecord
    train_images: tuple[str, ...] = ()
    """Digests of the images that taught it, and what it began with."""


def refuse_other_format(path: Path) -> None:
    """Raise UserError where --export_encoder names a file of another format."""
    if path.suffix != SUFFIX:
        raise UserError(f"--export_encoder {path} is a file of safetensors: let its name end in {SUFFIX}")


def read_export(path: Path) -> ExportRecord | None:
    """The record in a file that this program exported; None for any other file, whatever it holds.

    Raises UserError for a file that is no safetensors though its name says so, and for a damaged record.
    """
    header = read_header(path, ENTRY)
    return from_dict(ExportRecord, header[ENTRY], source=path) if ENTRY in header else None
