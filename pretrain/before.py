"""Pretrainings in a row: each begins with the network of the one before."""

from dataclasses import fields, replace
from pathlib import Path

from common.cli import Command
from common.config.load import changes, flatten
from common.errors import UserError
from common.ranks.place import Place
from common.run.claim import MAY_CHANGE
from common.run.next_step import flag_words
from common.say import aside, say
from pretrain.config import PretrainConfig

SHARED = ("data", "run", "model", "decoder", "encoder")
"""Groups of settings that all trainings of a row have in common."""
SIGNALLED = 128
"""Exit codes above it are those of signals, such as Ctrl-C."""


def refuse_many(config: PretrainConfig, place: Place) -> None:
    """Raise UserError for a row of trainings in several processes."""
    if config.handover.before and not place.is_alone:
        raise UserError(
            f"--before trains one recipe after the other in one process, not {place.world}: give --devices 1, or "
            "train each with a command of its own, and --start_from the run before"
        )


def train_before(config: PretrainConfig, folder: Path, train: Command) -> tuple[PretrainConfig, int]:
    """Train the recipes of --before by `train`, in folders beside that of the run; those that are done are left.

    Returns the settings of the last training, which begins with the network of the one before, and an exit code that
    is not 0 where a training did not end.
    """
    plan, begun, count = config.handover, config.start_from, len(config.handover.before) + 1
    minutes = config.training.minutes / count
    for number, recipe in enumerate(plan.before, 1):
        own = folder.with_name(f"{folder.name}-{number}-{recipe}")
        say(f"training {number} of {count}: --recipe {recipe}, in {own}")
        if code := train(_words(config, recipe, own, begun=begun, minutes=minutes)):
            if code > SIGNALLED:
                aside("the same command goes on with what is there")
            return config, code
        begun = own
    say(f"training {count} of {count}, in {folder}")
    handover = replace(plan, before=(), start_from=begun)
    return replace(config, handover=handover, training=replace(config.training, minutes=minutes)), 0


def _words(config: PretrainConfig, recipe: str, own: Path, *, begun: Path | None, minutes: float) -> list[str]:
    """The flags of a training in its folder. Raises UserError where that holds one with other settings."""
    usual = flatten(type(config)())
    shared = {field.name for group in SHARED for field in fields(getattr(config, group))}
    flags = {name: value for name, value in flatten(config).items() if name in shared and value != usual[name]}
    flags |= {"output_dir": own, "start_from": begun, "minutes": minutes or None}
    saved = own / "config.yaml"
    if not saved.exists() or config.run.overwrite:
        flags |= {"recipe": recipe, "overwrite": config.run.overwrite or None}
    elif was := changes(config, saved, free=(usual.keys() - shared) | MAY_CHANGE | {"data_dir"}):
        raise UserError(f"{own} was trained with other settings ({was}): give --overwrite, or another --output_dir")
    else:
        flags |= {"resume": True}
    return flag_words(**flags)
