"""Notes at the head of a report, shared by both phases."""

from collections.abc import Sequence

from common.config.groups import DataConfig, TrainingConfig
from common.rows import Row
from common.run.label_use import LabelUse
from common.words import counted


def data_name(config: DataConfig) -> str:
    """Return the name of the data set: that of its folder."""
    return "embedded synthetic pets" if config.data_dir is None else config.data_dir.resolve().name


def stopped_early(plan: TrainingConfig, rows: Sequence[Row], best_epoch: int) -> list[str]:
    """Return a note if --patience ended the training before its last epoch; `rows` are those of metrics.csv."""
    epochs = len(rows)
    if not 0 < epochs < plan.epochs:
        return []
    left = rows[-1].get("lr", 0.0) / plan.lr
    return [
        f"Training stopped early, after {epochs} of at most {counted(plan.epochs, 'epoch')}: none of the last "
        f"{epochs - best_epoch} was better on the validation images than epoch {best_epoch}. Its learning rate was "
        f"still {left:.0%} of --lr; without --patience it falls to its end"
    ]


def outcome(plan: TrainingConfig, epochs: int, best_epoch: int) -> str:
    """Return how a training ended, in a sentence."""
    told = counted(plan.epochs, "epoch")
    if epochs < plan.epochs:
        return f"Training stopped after {epochs} of {told}; epoch {best_epoch} is the best and is kept"
    if best_epoch == epochs > 1:
        return f"The last of {told} is the best on the validation images: a longer training may help"
    return f"Trained {told}; epoch {best_epoch} is the best on the validation images, and is kept"


def skipped_note(rows: Sequence[Row]) -> list[str]:
    """Return a note if updates were skipped because of a number that was not finite (--on_nonfinite skip)."""
    count = round(sum(row.get("train/skipped_updates", 0) for row in rows))
    return [f"skipped {counted(count, 'update')}, since the loss or gradient was not finite"] if count else []


def external_labels(record: LabelUse) -> str:
    """Return the external labels that an encoder was pretrained with, and its teachers with their licences.

    "none" without labels, "unknown" of weights of one's own.
    """
    labels = []
    if record.uses_imagenet_labels:
        labels.append("ImageNet")
    if record.uses_labels:
        labels.append("a probe's")
    if record.unknown_labels:
        labels.append("unknown")
    if record.earlier_masks:
        labels.append(f"{counted(record.earlier_masks, 'mask')} of an earlier run")
    told = " and ".join(labels) or "none"
    return f"{told} (teacher {record.taught_by})" if record.taught_by else told
