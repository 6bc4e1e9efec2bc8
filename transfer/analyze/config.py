"""The settings of `python -m transfer.analyze`, which is `common.doctor` by its old name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from common.doctor.config import DoctorConfig, DoctorOptions


@dataclass(frozen=True)
class AnalyzeConfig(DoctorConfig):
    """Look at every file of a data set, and write a page of it: the old name of common.doctor."""

    ALIASES: ClassVar[Mapping[str, str]] = {"output": "output_dir"}
    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.analyze --data_dir data",
        "python -m transfer.analyze --data_dir data --output_dir analysis",
        "python -m transfer.analyze --data_dir data --classes binary --scale 0.4",
    )

    doctor: DoctorOptions = DoctorOptions(output_dir=Path("analysis"))
