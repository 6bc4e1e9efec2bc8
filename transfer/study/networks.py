"""The networks of a study, each of which is made once before the first training."""

from collections.abc import Iterable

from common.data.load import LabelledSplits
from common.errors import UserError
from transfer.build import build_network
from transfer.study.config import StudyConfig
from transfer.study.initialisations import Initialisation


def refuse_untrainable(starts: Iterable[Initialisation], config: StudyConfig, data: LabelledSplits) -> None:
    """Raise UserError for a start whose network can't be made, as of a file without the parts that are asked for."""
    for start in starts:
        try:
            build_network(config.training_of(start), data.classes.names, data.classes.background)
        except UserError as error:
            raise UserError(f"--initialisations {start.name} can't be trained: {error}") from error
