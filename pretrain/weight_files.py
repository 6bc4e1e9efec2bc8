"""The files of weights that a pretraining reads."""

from collections.abc import Mapping
from pathlib import Path

from common.run.checkpoint import handover_file
from common.run.claim import BY_DIGEST
from pretrain.config import PretrainConfig


def weight_files(config: PretrainConfig) -> Mapping[str, Path]:
    """The files that the settings name and that are there, by their flags; a folder of a run means its network."""
    named = {**vars(config.handover), **vars(config.encoder), **vars(config.loss)}
    files = {flag: handover_file(Path(named[flag])) for flag in sorted(BY_DIGEST) if named[flag] is not None}
    return {flag: path for flag, path in files.items() if path.is_file()}
