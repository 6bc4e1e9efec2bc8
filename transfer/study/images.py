"""The images of a study, the same for all of its trainings."""

from dataclasses import replace

from common.config.load import read_yaml, unflatten
from common.data.load import LabelledSplits
from transfer.source import load_images
from transfer.study.config import StudyConfig
from transfer.study.initialisations import parse_initialisations


def with_one_fit(config: StudyConfig) -> tuple[StudyConfig, LabelledSplits]:
    """A study whose trainings all have one fit, and its images. `--fit auto` is what the study was begun with, and in a
    new one that of its first pretrained start of one's own.
    """
    saved, starts = config.folder / "config.yaml", parse_initialisations(config.study.initialisations)
    if config.data.fit == "auto" and not config.data.of_crops and saved.exists():
        begun = unflatten(StudyConfig, read_yaml(saved), source=saved).data
        config = replace(config, data=replace(config.data, fit=begun.fit, scale_to=begun.scale_to))
    first = next((start for start in starts if start.file is not None), starts[0])
    data = load_images(config.training_of(first))
    return replace(config, data=replace(config.data, **data.fitting.settings)), data
