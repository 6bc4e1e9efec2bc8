"""What an encoder was taught, for its handover file and in words."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from common.run.checkpoint import Handover
from pretrain.config import PretrainConfig
from pretrain.fixed_network import NAME
from pretrain.losses.registry import SIDE_OBJECTIVES, PseudoMaskSettings, RegisteredObjective
from pretrain.pretexts.registry import PRETEXTS
from pretrain.pretexts.task import SKIP_DROP
from pretrain.targets.registry import TARGETS


def task_record(config: PretrainConfig, before: Handover | None = None) -> dict[str, Any]:
    """What the encoder was taught and whose labels helped, also `before` this training, for its handover file."""
    earlier = before.task if before is not None else {}
    pretext, loss = config.pretext, config.loss
    settings = asdict(config.settings(PRETEXTS[pretext.pretext].settings))
    return {
        "pretext": pretext.pretext,
        "settings": settings | ({"skip_drop": SKIP_DROP} if pretext.skips == "drop" else {}),
        "target": config.target_name if config.regresses else _recorded(next(iter(config.side))),
        **{f"{_recorded(name)}_weight": config.weight(entry) for name, entry in SIDE_OBJECTIVES.items()},
        "saliency_from": config.settings(PseudoMaskSettings).pseudo_mask_from,
        "skips": pretext.skips,
        "norm": config.model.norm,
        "perceptual": f"{NAME} ({loss.perceptual_init})" if config.perceptual else None,
        "uses_imagenet_labels": (config.perceptual and loss.perceptual_init == "imagenet")
        or bool(earlier.get("uses_imagenet_labels")),
        "uses_labels": config.probe.monitor == "probe/miou" or bool(earlier.get("uses_labels")),
        "before": earlier or None,
    }


def task_words(task: Mapping[str, Any]) -> str:
    """What the encoder was taught, in words, and what it was taught before that."""
    pretext, target = PRETEXTS[task["pretext"]], TARGETS.get(task["target"])
    parts = [_regression(pretext.words, target.words, task)] if target is not None else []
    parts += [entry.words for name, entry in SIDE_OBJECTIVES.items() if task.get(f"{_recorded(name)}_weight")]
    seen = f" {pretext.seen}" if target is None and pretext.seen else ""
    after = f", after {task_words(task['before'])}" if task.get("before") else ""
    return ", and ".join(parts) + seen + after


def _regression(pretext: str, target: str, task: Mapping[str, Any]) -> str:
    return f"{pretext}, {target.format(perceptual=task['perceptual'])}" if target else pretext


def _recorded(name: str) -> str:
    entry: RegisteredObjective = SIDE_OBJECTIVES[name]
    return entry.recorded or name
