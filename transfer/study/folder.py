"""Whose folder a study is given. Imports no torch."""

import re
from pathlib import Path

from common.errors import UserError, abbreviate
from common.run.claim import NO_RUN

TRIAL = re.compile(r"(search|score|double)-.+|\..+")
"""What lies in `cells`: the folders of trials, and their locks."""


def refuse_foreign(folder: Path) -> None:
    """Raise UserError for a folder with files but no study, some of which its tables and page would replace."""
    cells = folder / "cells"
    if not folder.is_dir() or (cells.is_dir() and all(TRIAL.fullmatch(path.name) for path in cells.iterdir())):
        return
    names = sorted(path.name for path in folder.iterdir())
    if holds := [name for name in names if name != "config.yaml" and not NO_RUN.fullmatch(name)]:
        raise UserError(f"{folder} holds {abbreviate(holds)}, which no study wrote: give a new folder as --output_dir")
