"""What stands at the head of a phase 2 page: what was trained on what, and what should be known of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.report.page import Notice
from common.train import Progress
from transfer.config import TransferConfig


def title(config: TransferConfig, source: str) -> str:
    """What was trained on what."""
    data = "embedded synthetic pets" if config.data.data_dir is None else config.data.data_dir.resolve().name
    decoder = "the handed-over decoder" if config.encoder.transfer == "all" else f"a {config.decoder.decoder} decoder"
    return f"{data}: {decoder} on {_short(source)}"


def course(config: TransferConfig, progress: Progress) -> list[str]:
    """Sentences on a training that stopped early, or was perhaps stopped too early."""
    epochs, best = config.training.epochs, progress.best_epoch
    if progress.epoch < epochs:
        return [
            f"Training stopped early, after {progress.epoch} of at most {epochs} epochs: none of the last "
            f"{progress.epoch - best} was better on the validation images than epoch {best}"
        ]
    if epochs > 1 and best == epochs:
        return [f"The last of {epochs} epochs is the best: training may not have converged, more --epochs may help"]
    return []


def origin(task: Mapping[str, Any]) -> list[Notice]:
    """Notices on labels that helped the encoder before it met this data."""
    found = []
    if task.get("uses_imagenet_labels"):
        found.append("ImageNet labels were used: the encoder, or the loss that it was pretrained by, learnt from them")
    if task.get("uses_labels"):
        found.append("Labels chose the best epoch of the pretraining (--monitor probe/miou)")
    return [Notice(one, "note") for one in found]


def _short(source: str) -> str:
    """The receipt's word for an encoder, with no more than the end of a path."""
    path, bracket, rest = source.partition(" (")
    if source.startswith("scratch"):
        return f"an encoder from {source}"
    if source.startswith("ImageNet"):
        return f"an encoder with {path} weights{bracket}{rest}"
    return f"the encoder of {'/'.join(Path(path).parts[-2:])}{bracket}{rest}"
