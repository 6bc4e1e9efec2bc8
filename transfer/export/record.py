"""What an exported file says of itself: classes, colours, and how images become its input. Imports no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from common.errors import UserError
from common.run.input import Input
from common.run.plain_data import Count, from_dict, to_dict
from common.run.records import SegmentationRecord

ENTRY = "recon2seg"
"""The entry of the metadata that holds the record; the others are for people and for other programs."""
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class DeployedRecord:
    """A network that another program runs, without its weights."""

    version: Annotated[int, Field(ge=1)] = VERSION
    """The version of this record."""
    task: SegmentationRecord
    """The classes with the values of their masks, the background, and the temperature of probabilities."""
    palette: tuple[str, ...]
    """The colour of each class, as #rrggbb."""
    input: Input
    """What images become before the network sees them."""
    stride: Annotated[int, Field(ge=1)]
    """Sides of an input are multiples of it."""
    least: Annotated[int, Field(ge=1)]
    """The smallest side of an input."""
    labels: str
    """Whose labels and weights helped beside its own masks."""
    program: str
    """What wrote the file."""
    weights: str
    """SHA-256 of the file of the run that it was made of."""
    masks: Count
    """Images with masks that it was trained on."""

    @property
    def metadata(self) -> dict[str, str]:
        """The record as words by their names: the whole as JSON, and the main parts for other programs."""
        return {
            ENTRY: json.dumps(to_dict(self)),
            "classes": json.dumps(self.task.names),
            "palette": json.dumps(self.palette),
            "usage": self.usage,
        }

    @property
    def usage(self) -> str:
        """How to use the graph, in a few sentences for people."""
        seen, side = self.input, self.input.image_size
        colours = {1: "grey", 3: "RGB"}.get(seen.channels, "as in the file")
        deep = "Of more than 8 bits, values from {:g} to {:g} become 0 to 255. "
        scaled = "" if seen.depth is None else deep.format(*seen.depth)
        fit = {
            "squash": f"Squash an image to {side} x {side} pixels (average when shrinking).",
            "pad": f"Shrink an image to fit into {side} x {side} pixels, in the middle, with a reflection around it.",
            "crop": f"Show an image at its own size{_scaled(seen.scale_to)}, by windows of at most 1024 pixels a side.",
        }[seen.fit]
        return (
            f"image: uint8, batch x height x width x {seen.channels} ({colours}), sides multiples of "
            f"{self.stride} from {self.least} on; the graph divides by 255 and normalises. {scaled}{fit} Enlarge the "
            "logits bilinearly to the image's size, then take the argmax."
        )


def _scaled(side: int | None) -> str:
    return "" if side is None else f" (short side resized to {side} pixels)"


def read_record(metadata: Mapping[str, str], path: Path) -> DeployedRecord:
    """The record in a file's metadata.

    Raises UserError for a file of another program, of a newer version, and for a damaged record.
    """
    if ENTRY not in metadata:
        raise UserError(f"{path} is not a network of this program: give a file of transfer.export")
    try:
        content = json.loads(metadata[ENTRY])
    except ValueError:
        content = None
    if isinstance(content, dict) and content.get("version") not in (None, VERSION):
        known = f"{path} has version {content['version']} of the record, this program reads {VERSION}"
        raise UserError(f"{known}: export the network again")
    return from_dict(DeployedRecord, content, source=path)
