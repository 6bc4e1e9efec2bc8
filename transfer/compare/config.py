"""What can be set when runs are compared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from pydantic import Field

from common.config.groups import RunConfig
from common.errors import UserError


@dataclass(frozen=True)
class CompareOptions:
    """Which runs stand beside each other."""

    runs: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Folders of finished runs of transfer.main, tested on the same images."""
    output: Path = Path("comparison")
    """Folder for comparison.md, .csv and .json, and the figures."""
    visualize_samples: Annotated[int, Field(ge=1)] = 6
    """How many test images are shown with the masks of every run."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""


@dataclass(frozen=True)
class CompareConfig:
    """One table of several runs, the differences with their intervals, and their masks side by side."""

    compare: CompareOptions = CompareOptions()

    def check(self) -> None:
        """Raise UserError unless there are two runs to compare, and for a device that does not exist."""
        if len(self.compare.runs) < 2:
            raise UserError("give the folders of two runs or more: python -m transfer.compare RUN RUN")
        RunConfig(device=self.compare.device).check()
