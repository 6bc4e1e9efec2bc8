"""Settings of a command line that have no effect beside the pretext, the target and the losses of a run."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from common.config.unused import Foreign, of_optimizer, without_effect
from pretrain.config import PretrainConfig
from pretrain.losses.registry import SIDE_OBJECTIVES
from pretrain.pretexts.registry import PRETEXTS


def unused(config: PretrainConfig, words: Sequence[str]) -> list[str]:
    """A sentence for each reason why flags among the words have no effect, whichever way they are spelt."""
    return without_effect(PretrainConfig, words, _foreign(config))


def _foreign(config: PretrainConfig) -> Iterator[Foreign]:
    """The settings of what was not chosen, each time behind the choice."""
    pretext, target = config.pretext.pretext, config.target_name
    others = [entry.settings for name, entry in PRETEXTS.items() if name != pretext]
    yield f"--pretext is {pretext}", [field.name for settings in others for field in fields(settings)]
    if target != "image":
        yield f"--target is {target}", ["mse_weight", "ssim_weight"]
    if not config.has_teacher:
        yield f"--target is {target}", ["teacher_cache"]
    for objective in SIDE_OBJECTIVES.values():
        if not config.weight(objective):
            names = [field.name for field in fields(objective.settings) if field.name != objective.weight]
            used = ["pseudo_mask_size"] if config.takes_pseudo_masks else []
            yield f"--{objective.weight} is 0", [name for name in names if name not in used]
    yield from of_optimizer(config.optim)
