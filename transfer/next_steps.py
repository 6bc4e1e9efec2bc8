"""What to do after a training of phase 2."""

from pathlib import Path

from common.run.next_step import command_line
from transfer.config import TransferConfig

FEW = 50
"""Below so many labelled images the test part says little."""


def after_training(config: TransferConfig, folder: Path, *, images: int) -> list[str]:
    """Return one or two commands: masks of new photographs, and a surer answer where there is one to have."""
    data = config.data.data_dir
    if data is None:
        return [command_line("transfer.evaluate", model_path=folder)]
    steps = [command_line("transfer.predict", model_path=folder, input="IMAGES", output="predictions")]
    if images < FEW and config.data.folds is None:
        steps.append(command_line("transfer.main", data_dir=data, folds=5, output_dir="runs/folds"))
    elif (own := config.encoder.pretrained_encoder) is not None:
        size = config.data.image_size
        starts = ["scratch", f"own={own}"]
        steps.append(command_line("transfer.study", data_dir=data, image_size=size, initialisations=starts))
    return steps
