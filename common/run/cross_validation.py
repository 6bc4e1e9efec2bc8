"""The folder of a cross-validation where that of a single run is wanted."""

import re
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.run.claim import FOLD
from common.run.plain_data import from_json
from common.words import counted


@dataclass(frozen=True)
class Pooled:
    """What metrics.json of a cross-validation says of its folds."""

    middle: str = ""
    """The folder of the fold whose score is the middle one; "" in those of older versions."""


def refuse_cross_validation(folder: Path, *, compared: bool = False) -> None:
    """Raise UserError for the folder of a cross-validation, naming the fold to take.

    `compared`: with another run, which has to be of the same fold.
    """
    folds = sorted(path.name for path in folder.glob("fold_*") if re.fullmatch(FOLD, path.name))
    if not folds or (folder / "best.pth").exists():
        return
    told = folder / "metrics.json"
    middle = from_json(Pooled, told).middle if told.exists() else ""
    fold = folder / (middle or folds[0])
    advice = f"give {fold}, whose score is the middle one" if middle else f"give {fold}, or another one"
    if compared:
        advice = f"compare {fold} with the same fold of another run"
    raise UserError(f"{folder} is a cross-validation, and each of its {counted(len(folds), 'fold')} is a run: {advice}")
