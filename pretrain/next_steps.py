"""What to do after a training of phase 1."""

from pathlib import Path

from common.run.next_step import command_line
from pretrain.config import PretrainConfig


def after_pretraining(config: PretrainConfig, folder: Path) -> list[str]:
    """Return the command that puts the encoder into a segmentation network."""
    encoder = config.second_copy or folder
    if config.data.data_dir is None:
        return [command_line("transfer.main", pretrained_encoder=encoder)]
    flags = {"data_dir": "IMAGES_AND_MASKS", "image_size": config.data.image_size, "pretrained_encoder": encoder}
    return [command_line("transfer.main", **flags)]
