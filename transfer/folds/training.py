"""`transfer.main --folds K`: K trainings one after the other, and one table of all images, each tested once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from common.config.groups import TrainingConfig
from common.config.load import read_yaml, save_config, unflatten
from common.data.record import data_record
from common.errors import UserError
from common.files import write_json
from common.run.claim import AFTER_DIVERGENCE, IMAGES, LOGGED, RunFolder, read_marker
from common.run.environment import environment
from common.run.folder import refuse_other_images
from common.run.loggers import refuse_missing
from common.say import notes_once, say
from transfer.build import build_network
from transfer.config import TransferConfig
from transfer.folds.pooled import read_pooled
from transfer.folds.results import report_folds
from transfer.labels import training_part
from transfer.phase import train_run
from transfer.pool.open import refuse_pools
from transfer.source import load_images


def cross_validate(config: TransferConfig, held: RunFolder) -> None:
    """Train every fold in a folder of its own inside the run's, as far as it is not finished; score all together.

    Raises UserError before the first training where a fold leaves a class without a pixel to train on.
    """
    trainings = list(_trainings(config, held.path))
    _begin(config, held, trainings)
    with notes_once():
        for fold, training in enumerate(trainings, start=1):
            with RunFolder("transfer", training, whole=held.path) as one:
                if one.finished:
                    say(f"fold {fold} of {len(trainings)}: finished before")
                    continue
                say("", f"fold {fold} of {len(trainings)}:")
                train_run(training, one, folds=len(trainings))
    folders = [held.path / _name(fold) for fold in range(1, len(trainings) + 1)]
    report_folds(config, held.path, read_pooled(folders))
    held.finish()


def _name(fold: int) -> str:
    return f"fold_{fold}"


def _trainings(config: TransferConfig, folder: Path) -> Iterator[TransferConfig]:
    """The settings of each fold's training: it resumes what is there, with the rates of that unless it diverged."""
    for fold in range(1, (config.data.folds or 1) + 1):
        own = folder / _name(fold)
        there = (own / "config.yaml").exists() and not config.run.overwrite
        run = replace(config.run, output_dir=own, resume=there)
        plan = _as_begun(config.training, own) if there else config.training
        yield replace(config, data=replace(config.data, fold=fold), training=plan, run=run)


def _as_begun(plan: TrainingConfig, folder: Path) -> TrainingConfig:
    """The length and rates of a fold that is there: other rates, which one that diverged is given, are not its own."""
    marker, saved = read_marker(folder, phase="transfer"), folder / "config.yaml"
    if marker is not None and marker.diverged:
        return plan
    before = unflatten(TransferConfig, read_yaml(saved), source=saved).training
    return replace(plan, **{name: getattr(before, name) for name in AFTER_DIVERGENCE})


def _begin(config: TransferConfig, held: RunFolder, trainings: list[TransferConfig]) -> None:
    """Look at every fold, then record images and settings. An old run is removed only with --overwrite."""
    loaded = [load_images(training) for training in trainings]
    parts = []
    for fold, (training, data) in enumerate(zip(trainings, loaded, strict=True), start=1):
        with RunFolder("transfer", training):  # as it will be held
            pass
        try:
            parts.append(training_part(data.train, training, data.classes.names)[0])
        except UserError as error:
            raise UserError(f"fold {fold} of {len(trainings)}: {error}") from None
    refuse_pools(config, loaded, parts)
    first = loaded[0]
    images = data_record({"train": first.train, "val": first.val, "test": first.test})
    if config.run.resume:
        refuse_other_images(held.path, images)
    else:  # what the first fold would refuse
        refuse_missing(config.run.logger)
        build_network(trainings[0], first.classes.names, first.classes.background)
    held.begin()
    if config.run.overwrite:
        held.clear(LOGGED.get(config.run.logger, ()))
        held.clear()
        held.begin(anew=True)
    write_json(held.path / IMAGES, images)
    save_config(config, held.path / "config.yaml")
    write_json(held.path / "environment.json", environment())
