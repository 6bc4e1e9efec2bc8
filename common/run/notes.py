"""Words at the head of a page that both phases need."""

from common.config.groups import DataConfig, TrainingConfig
from common.run.records import LabelUse


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


def external_labels(record: LabelUse) -> str:
    """Whose labels helped an encoder before it met these images, or "none"."""
    labels = []
    if record.uses_imagenet_labels:
        labels.append("ImageNet")
    if record.uses_labels:
        labels.append("a probe's")
    return " and ".join(labels) or "none"
