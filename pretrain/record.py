"""What an encoder was taught, for its handover file and in words."""

from pathlib import Path
from typing import Any

from common.errors import UserError, brief
from common.models.named import Beginning
from common.run.label_use import TeacherRecord
from common.run.records import PretrainingRecord
from pretrain.config import PretrainConfig
from pretrain.losses.registry import SIDE_OBJECTIVES, ContrastSettings, PseudoMaskSettings
from pretrain.pretexts.registry import PRETEXTS, Pretext
from pretrain.pretexts.task import SKIP_DROP
from pretrain.targets.registry import FIXED_NETWORK, TARGETS


def task_record(
    config: PretrainConfig,
    before: PretrainingRecord | None = None,
    begun: Beginning | None = None,
    *,
    teacher: TeacherRecord | None = None,
    rounds: int = 1,
    picture: str = "",
) -> PretrainingRecord:
    """What the encoder was taught and whose labels helped, for its handover file.

    It began with the autoencoder of the record `before`, with the weights that `begun` names, or from scratch. The
    target is made of the features of `teacher`. `rounds`: those on pseudo-masks so far. `picture`: the terms of
    the decoder beside the task; their labels are not counted, for they reach no encoder.
    """
    earlier = [record for record in (before, begun, teacher) if record is not None]
    before = before or (begun.pretraining if begun is not None else None)
    weights = {entry.weight: config.weight(entry) for entry in SIDE_OBJECTIVES.values()}
    imagenet = config.perceptual and config.loss.perceptual_init == "imagenet"
    first = None if config.regresses else next(iter(config.side.items()))
    return PretrainingRecord(
        pretext=config.pretext.pretext,
        settings=_settings(config) | ({"pseudo_mask_rounds": rounds} if rounds > 1 else {}),
        target=config.target_name if first is None else first[1].recorded or first[0],
        pseudo_mask_weight=weights["pseudo_mask_weight"],
        pseudo_mask_from=config.settings(PseudoMaskSettings).pseudo_mask_from,
        contrast_weight=weights["contrast_weight"],
        skips=config.pretext.skips,
        norm=config.model.norm,
        perceptual=f"{FIXED_NETWORK} ({config.loss.perceptual_init})" if config.perceptual else None,
        teacher=teacher,
        uses_imagenet_labels=imagenet or any(record.uses_imagenet_labels for record in earlier),
        uses_labels=config.probe.monitor == "probe/miou"
        or any(one.uses_labels for one in (before, teacher) if one is not None),
        before=before,
        began_with=begun.source if begun is not None and begun.loaded else "",
        unknown_labels=any(record.unknown_labels for record in earlier),
        best_as="encoder" if first is None else first[1].best_as,
        picture=picture,
    )


def refuse_unknown(task: PretrainingRecord, source: Path) -> None:
    """Raise UserError for a pretext that this version does not have, which `task_words` has no words for."""
    if task.pretext not in PRETEXTS:
        raise UserError(f"{source} was taught by the pretext {brief(task.pretext)}; known are {', '.join(PRETEXTS)}")
    if task.before is not None:
        refuse_unknown(task.before, source)


def task_words(task: PretrainingRecord) -> str:
    """What the encoder was taught, in words, and what it was taught before that."""
    pretext, target = PRETEXTS[task.pretext], TARGETS.get(task.target)
    parts = [_regression(pretext, target.words.format(network=task.network))] if target is not None else []
    parts += [entry.words for entry in SIDE_OBJECTIVES.values() if _weight(task, entry.weight) > 0]
    parts[-1] += " of crops of the foreground" * (task.settings.get("contrast_views") == "foreground")
    seen = f" {pretext.seen}" if target is None and pretext.seen else ""
    after = f", after {task_words(task.before)}" if task.before is not None else ""
    begun = f", beginning with {task.began_with}" if task.began_with else ""
    rounds = task.settings.get("pseudo_mask_rounds", 1)
    told = f", in {rounds} rounds" if isinstance(rounds, int) and rounds > 1 else ""
    return ", and ".join(parts) + seen + told + begun + after


def _settings(config: PretrainConfig) -> dict[str, Any]:
    """Those of the pretext, and the weights that a record has no field for."""
    settings = config.settings(PRETEXTS[config.pretext.pretext].settings).recorded(config)
    dropped = {"skip_drop": SKIP_DROP} if config.pretext.skips == "drop" else {}
    others = {entry.weight: config.weight(entry) for entry in config.side.values()}
    views = config.settings(ContrastSettings)
    known = {"contrast_views": views.contrast_views, "contrast_swap": views.contrast_swap}
    crops = known if views.of_foreground else {}
    return settings | dropped | crops | {name: weight for name, weight in others.items() if not _has_field(name)}


def _has_field(weight: str) -> bool:
    return weight in PretrainingRecord.__dataclass_fields__


def _weight(task: PretrainingRecord, weight: str) -> float:
    return getattr(task, weight) if _has_field(weight) else task.settings.get(weight, 0.0)


def _regression(pretext: Pretext, target: str) -> str:
    if target and not pretext.drawn:  # nothing is corrupted, so nothing is rebuilt
        return f"predicting {target.removeprefix('as ')}"
    return f"{pretext.words}, {target}" if target else pretext.words
