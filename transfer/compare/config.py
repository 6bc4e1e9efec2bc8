"""The settings of `python -m transfer.compare`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro
from pydantic import Field

from common.config.groups import RunConfig
from common.errors import UserError
from common.run.claim import refuse_run


@dataclass(frozen=True)
class CompareOptions:
    """The runs, and the folder of the results."""

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN ...")] = ()
    """Folders of finished runs of transfer.main, tested on the same images."""
    output: Path = Path("comparison")
    """Folder of comparison.md, .csv and .json, and of the figures."""
    visualize_samples: Annotated[int, Field(ge=1)] = 6
    """Test images that are shown with the masks of every run."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""


@dataclass(frozen=True)
class CompareConfig:
    """Compare runs: one table, paired differences with intervals, and the masks side by side."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.compare runs/a runs/b runs/c",
        "python -m transfer.compare runs/a runs/b --output comparison",
        "python -m transfer.compare runs/a runs/b --visualize_samples 12",
    )

    compare: CompareOptions = CompareOptions()

    def check(self) -> None:
        """Raise UserError unless there are two runs to compare, and for a device that does not exist."""
        if len(self.compare.runs) < 2:
            raise UserError("give the folders of two runs or more: python -m transfer.compare RUN RUN")
        refuse_run(self.compare.output, "output")
        RunConfig(device=self.compare.device).check()
