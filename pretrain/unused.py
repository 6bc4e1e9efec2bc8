"""Settings of a command line that have no effect beside the pretext, the target and the losses of a run."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from common.config.parse import value_of
from common.config.renames import renames
from pretrain.config import PretrainConfig
from pretrain.losses.registry import SIDE_OBJECTIVES
from pretrain.pretexts.registry import PRETEXTS


def unused(config: PretrainConfig, words: Sequence[str]) -> list[str]:
    """A sentence for each reason why flags among the words have no effect, whichever way they are spelt."""
    words, sentences = renames(type(config)).flags(words), []
    for why, names in _foreign(config):
        if typed := [f"--{name}" for name in names if value_of(words, f"--{name}") is not None]:
            sentences.append(f"{', '.join(typed)} without effect: {why}")
    return sentences


def _foreign(config: PretrainConfig) -> Iterator[tuple[str, list[str]]]:
    """The settings of what was not chosen, each time behind the choice."""
    pretext, target, optim = config.pretext.pretext, config.target_name, config.optim
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
    if optim.optimizer != "sgd":
        yield f"--optimizer is {optim.optimizer}", ["momentum"]
    if optim.schedule != "poly":
        yield f"--schedule is {optim.schedule}", ["poly_power"]
    if optim.schedule == "constant":
        yield "--schedule is constant", ["min_lr"]
