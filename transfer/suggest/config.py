"""The settings of `python -m transfer.suggest`. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from common.config.network import PIXELS, ImageOptions, NetworksOption


@dataclass(frozen=True)
class SuggestOptions(ImageOptions, NetworksOption):
    """The trained networks, the images without masks, and the folder of those to label next."""

    output: Path | None = None
    """Folder of images/, drafts/, suggestions.csv, contact_sheet.png and report.html (required)."""
    count: Annotated[int, Field(ge=1)] = 20
    """Images to suggest."""
    among: Annotated[int, Field(ge=1)] = 5
    """The most uncertain images that are looked at for each suggestion; 1 leaves out their spread."""
    drafts: bool = True
    """Also write the network's masks, to be corrected in an annotation tool."""
    max_pixels: Annotated[int, Field(ge=1, le=2**30)] = PIXELS
    """Pixels of the largest image that is read."""
    overwrite: bool = False
    """Replace what is in --output: other suggestions, drafts that were corrected, other images."""

    @property
    def file(self) -> Path:
        """The file of the first network, whose training goes on with the new masks."""
        return self.files[0]


@dataclass(frozen=True)
class SuggestConfig:
    """Rank images without masks by what a network would learn of them, and copy the best to label next."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.suggest --model_path runs/seg --input a --output next",
        "python -m transfer.suggest --model_path runs/seg --input a --output b --count 50",
        "python -m transfer.suggest --model_path r1 r2 r3 --input a --output b",
    )

    suggest: SuggestOptions = SuggestOptions()

    def check(self) -> None:
        """Raise UserError when a path is missing, and for a device that does not exist."""
        self.suggest.check()
