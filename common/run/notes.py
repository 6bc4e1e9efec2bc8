"""Notes at the head of a report, shared by both phases."""

from collections.abc import Sequence

from common.config.groups import DataConfig, TrainingConfig
from common.rows import Row
from common.run.records import LabelUse


def data_name(config: DataConfig) -> str:
    """Return the name of the data set: that of its folder."""
    return "embedded synthetic pets" if config.data_dir is None else config.data_dir.resolve().name


def count_phrase(number: int, split: str) -> str:
    """Return a number of images of a split in words: "1 test image", "298 test images"."""
    return f"{number} {split} image{'s' * (number != 1)}"


def convergence_note(plan: TrainingConfig, *, epochs: int, best_epoch: int) -> list[str]:
    """Return a note if training stopped early, or may not have converged; `epochs` is the number completed."""
    if epochs < plan.epochs:
        return [
            f"Training stopped early, after {epochs} of at most {plan.epochs} epochs: none of the last "
            f"{epochs - best_epoch} was better on the validation images than epoch {best_epoch}"
        ]
    if epochs > 1 and best_epoch == epochs:
        return [f"The last of {epochs} epochs is the best: training may not have converged, more --epochs may help"]
    return []


def skipped_note(rows: Sequence[Row]) -> list[str]:
    """Return a note if updates were skipped because of a number that was not finite (--on_nonfinite skip)."""
    count = round(sum(row.get("train/skipped_updates", 0) for row in rows))
    return [f"{count} updates were skipped, since their loss or gradient was not finite"] if count else []


def external_labels(record: LabelUse) -> str:
    """Return the external labels that an encoder was pretrained with, or "none"."""
    labels = []
    if record.uses_imagenet_labels:
        labels.append("ImageNet")
    if record.uses_labels:
        labels.append("a probe's")
    return " and ".join(labels) or "none"
