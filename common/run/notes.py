"""Words at the head of a page that both phases need."""

from collections.abc import Mapping
from typing import Any

from common.config.groups import DataConfig, TrainingConfig


def data_name(config: DataConfig) -> str:
    """The data set as people call it: its folder."""
    return "embedded synthetic pets" if config.data_dir is None else config.data_dir.resolve().name


def count_phrase(number: int, split: str) -> str:
    """So many images of a part: "1 test image", "298 test images"."""
    return f"{number} {split} image{'s' * (number != 1)}"


def convergence_note(plan: TrainingConfig, *, epochs: int, best_epoch: int) -> list[str]:
    """A sentence on a training that stopped early, or was perhaps stopped too early; `epochs` were made."""
    if epochs < plan.epochs:
        return [
            f"Training stopped early, after {epochs} of at most {plan.epochs} epochs: none of the last "
            f"{epochs - best_epoch} was better on the validation images than epoch {best_epoch}"
        ]
    if epochs > 1 and best_epoch == epochs:
        return [f"The last of {epochs} epochs is the best: training may not have converged, more --epochs may help"]
    return []


def external_labels(task: Mapping[str, Any]) -> str:
    """Whose labels helped an encoder before it met these images, by the record of its handover file, or "none"."""
    found = ["ImageNet"] * bool(task.get("uses_imagenet_labels")) + ["a probe's"] * bool(task.get("uses_labels"))
    return " and ".join(found) or "none"
