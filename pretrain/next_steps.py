"""What to do after a command of phase 1."""

from pathlib import Path
from typing import Any

from common.config.load import read_yaml
from common.config.network import EvaluateOptions
from common.config.recipes import recipe_file
from common.run.next_step import command_line, typed_flags
from pretrain.config import PretrainConfig

LABELLED = "IMAGES_AND_MASKS"
"""What a reader puts a folder of theirs in the place of."""
MASKS = ("classes", "images", "masks", "join")
"""Settings that say which masks images have, and what these hold."""


def after_pretraining(config: PretrainConfig, folder: Path) -> list[str]:
    """Return the command that puts the encoder into a segmentation network, and the one that looks into it.

    `config` is as it was typed: where --fit was not, or is that of its recipe, phase 2 chooses it by the masks.
    """
    recipe = read_yaml(recipe_file("pretrain", config.run.recipe)) if config.run.recipe else {}
    fit = () if recipe.get("fit") == config.data.fit else ("fit",)
    encoder, data = config.second_copy or folder, None if config.data.data_dir is None else LABELLED
    looked = {"model_path": folder, "data_dir": data, "split": None if data is None else "train"}
    return [
        _phase_2(config, data, encoder, *fit, "scale_to"),
        command_line("pretrain.evaluate", **looked, analyze_latent_space=True),
    ]


def after_evaluation(config: PretrainConfig, options: EvaluateOptions, *, labelled: bool) -> list[str]:
    """Return the command that trains on masks, of the images that were looked at where these are `labelled`.

    `config` is as it was settled, with the images that were looked at: phase 2 finds the same crops by the encoder, and
    never padding.
    """
    data = options.data_dir or config.data.data_dir
    more = (*(["fit"] if config.data.fit == "pad" else []), *(MASKS if labelled else ()))
    return [_phase_2(config, data if labelled or data is None else LABELLED, options.model_path, *more)]


def _phase_2(config: PretrainConfig, data: Any, encoder: Any, *more: str) -> str:
    """The training on masks, with images of the kind that the encoder saw; the embedded data has its own settings."""
    shape = ("image_size", "channels", *more)
    flags = {} if data is None else {n: value for n, value in typed_flags(config).items() if n in shape}
    return command_line("transfer.main", data_dir=data, **flags, pretrained_encoder=encoder)
