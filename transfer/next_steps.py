"""What to do after a command of phase 2."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.config.groups import LabelledDataConfig
from common.config.load import read_yaml, unflatten
from common.data.split import folds_for
from common.errors import UserError
from common.intervals import FEW
from common.run.next_step import command_line, predict_with, typed_flags
from transfer.config import TransferConfig
from transfer.evaluate.config import ScoreOptions
from transfer.gradcam.config import GradCamOptions
from transfer.predict.config import PredictOptions
from transfer.study.config import OWN, StudyConfig
from transfer.study.initialisations import POOL, TRANSFERS

OF_PRETRAINED = ("encoder_lr_factor", "freeze_epochs", "layer_decay", "thaw_every")
"""Settings of a pretrained encoder's training, which one from scratch does not have."""


def after_training(config: TransferConfig, folder: Path, *, images: int, masks: int = FEW) -> list[str]:
    """Return what may follow a training with these settings, as they were typed: masks of new photographs, a surer
    answer where there is one to have, and for a baseline the comparison with the run that it is one of. After a
    training on few `masks` also one with the photographs of the pretraining, where these are still there.
    """
    if config.data.data_dir is None:
        return [command_line("transfer.evaluate", model_path=folder)]
    predict = predict_with(folder)
    if config.encoder.like is not None:
        return [command_line("transfer.compare", "RUN_WITH_PRETRAINED_ENCODER", folder), predict]
    return [predict, *_with_photographs(config, masks), *_surer(config, images)]


def typed_settings(file: Path, trained: TransferConfig) -> TransferConfig:
    """The settings of a run as they were typed, if they lie beside its file; else those that the file knows."""
    saved = file.parent / "config.yaml"
    return unflatten(TransferConfig, read_yaml(saved), source=saved) if saved.exists() else trained


def _with_photographs(config: TransferConfig, masks: int) -> list[str]:
    from common.run.checkpoint import handover_file, load_handover  # now: predict may run without torch

    own, possible = config.encoder.pretrained_encoder, not (config.training.ema or config.data.folds)
    if own is None or config.pool.unlabelled_dir is not None or masks >= FEW or not possible:
        return []
    try:
        before = load_handover(handover_file(own), kind="autoencoder").provenance
    except UserError:  # weights of another program
        return []
    place = before.config.get("data_dir")
    if place is None or not Path(place).is_dir() or len(before.train_images) < config.pool.pool_batch_size:
        return []
    new = {"unlabelled_dir": place, "leave_out_tests": True, "output_dir": "runs/photographs"}
    return [command_line("transfer.main", **typed_flags(config), **new)]


def after_evaluation(config: TransferConfig, model_path: Path, *, images: int) -> list[str]:
    """Return what may follow the scores of a network: where it looks, and its baseline or a surer answer."""
    own = config.encoder.pretrained_encoder
    if config.data.data_dir is None:
        return [command_line("transfer.main", data_dir="IMAGES_AND_MASKS", pretrained_encoder=own)]
    look = command_line("transfer.gradcam", model_path=model_path, input="IMAGES", output="activation_maps")
    if own is None or config.data.folds is not None:
        return [look, *_surer(config, images)]
    flags = typed_flags(config, without=("pretrained_encoder", *OF_PRETRAINED))
    return [look, command_line("transfer.main", **flags, like=own, output_dir="runs/scratch")]


def after_elsewhere(options: ScoreOptions, trained: LabelledDataConfig) -> list[str]:
    """Return what may follow the scores on another data set: where the network looks, and a training on these masks.

    That finds and reads them as the evaluation did.
    """
    look = command_line("transfer.gradcam", model_path=options.model_path, input="IMAGES", output="activation_maps")
    data, usual = options.data(trained), vars(LabelledDataConfig())
    data = replace(data, classes=options.classes or data.classes)
    names = ("image_size", "channels", "classes", "images", "masks", "join", "pages")
    flags = {name: value for name in names if (value := getattr(data, name)) != usual[name]}
    further = {"init_from": options.model_path, "output_dir": "runs/further"}
    return [look, command_line("transfer.main", data_dir=options.data_dir, **flags, **further)]


def after_prediction(options: PredictOptions) -> list[str]:
    """Return what may follow masks of images: which parts of these images support them, if torch runs the network.

    Of several networks it is the first.
    """
    output, place, model = _beside(options.folder, "activation_maps"), options.input, options.model_path[0]
    if str(place) == "-" or model.suffix == ".onnx":  # the names of the images are read
        return []
    return [command_line("transfer.gradcam", model_path=model, input=place, **_pages(options), output=output)]


def after_explanation(options: GradCamOptions, *, checked: bool) -> list[str]:
    """Return what may follow activation maps: whether they depend on the training, and the masks."""
    same = {"model_path": options.model_path, "input": options.input, **_pages(options)}
    if checked:
        return [command_line("transfer.predict", **same, output=_beside(options.folder, "predictions"))]
    return [command_line("transfer.gradcam", **same, output=options.folder, sanity_check=True)]


def _pages(options: PredictOptions | GradCamOptions) -> dict[str, Any]:
    """What was said of the pages of images, without which another command refuses them."""
    return {} if options.pages == type(options).pages else {"pages": options.pages}


def _beside(folder: Path, name: str) -> Path:
    """Another folder in the one that holds a folder, which may be `.` or `..`."""
    return (folder if folder.name.strip(".") else folder.resolve()).parent / name


def _surer(config: TransferConfig, images: int) -> Sequence[str]:
    """The command whose answer is surer than that of a single training; [] where it is one of several."""
    own = config.encoder.pretrained_encoder
    if config.data.folds is not None or config.encoder.init_from is not None:
        return []
    if folds := folds_for(images):
        tested = {} if config.pool.unlabelled_dir is None else {"leave_out_tests": True}  # each image, in one fold
        shared = {"minutes": folds * config.training.minutes} if config.training.minutes else {}  # by all trainings
        flags = {**typed_flags(config), **shared, **tested, "folds": folds, "output_dir": "runs/folds"}
        return [command_line("transfer.main", **flags)]
    if own is None:
        return []
    parts = {taken: suffix for suffix, taken in TRANSFERS.items()}.get(config.encoder.transfer, "")
    photographs = "" if config.pool.unlabelled_dir is None else POOL
    starts = [f"scratch{photographs}", f"own={own}{parts}{photographs}"]
    return [command_line("transfer.study", **_of_study(config), initialisations=starts, output_dir="runs/study")]


def _of_study(config: TransferConfig) -> dict[str, Any]:
    """The typed settings that a study takes, with as many updates, rounded up to a multiple of its validations."""
    flags, validations = typed_flags(config, without=OWN), StudyConfig().study.validations
    if "updates" in flags:
        flags["updates"] = -(-sum(flags["updates"]) // validations) * validations
    return flags
