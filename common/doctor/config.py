"""The settings of `python -m common.doctor`. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from common.config.groups import AugmentConfig, DataConfig
from common.errors import UserError
from common.run.claim import refuse_run


@dataclass(frozen=True)
class CheckedDataConfig(DataConfig):
    """Images and masks: where they are, and how they are read."""

    data_dir: Path | None = None
    """Folder of images and masks (layouts: docs/data.md)."""


@dataclass(frozen=True)
class DoctorOptions:
    """What else is looked at, and what is written."""

    unlabelled_dir: Path | None = None
    """Folder of photographs for phase 1; none of them should be a test image."""
    fix: Path | None = None
    """New folder for a repaired copy of --data_dir, with a log of each change."""
    output_dir: Path | None = None
    """Folder of report.html, contact_sheet.png and findings.json; without it nothing is written."""
    json: bool = False
    """Print all that was found as JSON, and nothing else, on standard output."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the augmented images on the page."""


@dataclass(frozen=True)
class DoctorConfig:
    """Look at every file of a data set, and tell all that is wrong with it in one go.

    Exit code: 0 nothing, 1 warnings, 2 errors. The files are left as they are.
    """

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m common.doctor --data_dir IMAGES_AND_MASKS",
        "python -m common.doctor --data_dir IMAGES_AND_MASKS --unlabelled_dir PHOTOGRAPHS",
        "python -m common.doctor --data_dir IMAGES_AND_MASKS --fix REPAIRED",
    )
    COMMON: ClassVar[Sequence[str]] = (
        "data_dir",
        "unlabelled_dir",
        "output_dir",
        "fix",
        "json",
        "classes",
        "image_size",
        "images",
        "masks",
        "join",
        "pages",
    )
    HIDDEN: ClassVar[Sequence[str]] = ("download", "skip_bad_files", "synthetic_count", "verify_data")

    data: CheckedDataConfig = CheckedDataConfig()
    augment: AugmentConfig = AugmentConfig()
    doctor: DoctorOptions = DoctorOptions()

    def check(self) -> None:
        """Raise UserError where no folder is named, and for settings that exclude each other."""
        self.data.check()
        if self.data.data_dir is None and self.doctor.unlabelled_dir is None:
            raise UserError(
                "--data_dir is missing: give the folder of images and masks, or photographs with --unlabelled_dir"
            )
        if self.doctor.output_dir is not None:
            refuse_run(self.doctor.output_dir, "output_dir")
