"""The settings of `python -m common.shards`. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from common.errors import UserError


@dataclass(frozen=True)
class ShardsOptions:
    """The photographs, and the tar files that they are written to."""

    data_dir: Path | None = None
    """Folder of photographs, read as phase 1 reads it (required)."""
    output: Path | None = None
    """New folder of 000000.tar, 000001.tar and so on (required)."""
    images_per_shard: Annotated[int, Field(ge=1)] = 1000
    """Photographs in each tar file; the last one has what is left."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the order in which photographs are dealt out to tar files."""


@dataclass(frozen=True)
class ShardsConfig:
    """Write the photographs of a folder into tar files (WebDataset), from which phase 1 reads them as a stream."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m common.shards --data_dir PHOTOGRAPHS --output shards",
        "python -m common.shards --data_dir PHOTOGRAPHS --output shards --images_per_shard 5000",
    )
    COMMON: ClassVar[Sequence[str]] = ("data_dir", "output", "images_per_shard", "seed")

    shards: ShardsOptions = ShardsOptions()

    def check(self) -> None:
        """Raise UserError when a path is missing."""
        missing = [name for name in ("data_dir", "output") if getattr(self.shards, name) is None]
        if missing:
            raise UserError(f"--{missing[0]} is missing: give the folder of photographs, and that of the tar files")
