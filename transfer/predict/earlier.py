"""What an earlier call left in the folder of predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.files import write_json
from common.run.plain_data import from_json

RECORD = "predict.json"
LEFT = ("predictions.csv", "masks")
"""What calls of older versions left, which wrote no record."""


@dataclass(frozen=True)
class Call:
    """The network and the images of a call, and the names of these."""

    model: str
    input: str
    images: tuple[str, ...]


def begin(folder: Path, call: Call, parts: Sequence[str], *, overwrite: bool) -> None:
    """Remove the pictures that the same call left, or with `overwrite` any call, so that no two are mixed; record this.

    `parts` are the folders of pictures. Raises UserError for a folder that holds the results of another call.
    """
    before = from_json(Call, folder / RECORD) if (folder / RECORD).exists() else None
    there = before is not None or any((folder / name).exists() for name in LEFT)
    same = before is not None and (before.model, before.input) == (call.model, call.input)
    if there and not same and not overwrite:
        whose = "an older version" if before is None else f"{before.model} for {before.input}"
        raise UserError(f"{folder} holds the masks of {whose}: use another --output, or --overwrite to replace them")
    for name in before.images if before is not None else ():
        for part in parts:
            (folder / part / f"{name}.png").unlink(missing_ok=True)
    write_json(folder / RECORD, vars(call))
