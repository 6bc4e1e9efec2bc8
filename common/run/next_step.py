"""The last lines of a command: what happened, what to beware of, and what to do next, fit for copying."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.config.groups import TrainingConfig
from common.config.load import flatten, read_yaml
from common.engine.budget import MINUTES, settled, updates_of
from common.run.claim import MAY_CHANGE, REPEAT
from common.say import say, say_command


def command_line(module: str, *places: Any, **flags: Any) -> str:
    """Return `python -m MODULE PLACE ... --FLAG VALUE ...`.

    A list is several values; True is the flag alone, False its --no_FLAG; a flag that is None is left out.
    """
    return shlex.join(["python", "-m", module, *map(str, places), *flag_words(**flags)])


def flag_words(**flags: Any) -> list[str]:
    """The words of the flags in a command line, as `command_line` has them."""
    words: list[str] = []
    for name, value in flags.items():
        match value:
            case None:
                continue
            case bool():
                words.append(f"--{name}" if value else f"--no_{name}")
            case _:
                words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return words


def predict_with(folder: Path) -> str:
    """The command that segments a reader's images with the network of a run."""
    return command_line("transfer.predict", model_path=folder, input="IMAGES", output="predictions")


def typed_flags(config: Any, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The settings that are not the defaults, for `command_line` to repeat them in another run."""
    defaults, left_out = flatten(type(config)()), {*MAY_CHANGE, *without}
    return {n: value for n, value in flatten(config).items() if value != defaults[n] and n not in left_out}


def longer(module: str, config: Any, folder: Path, *, images: int, done: int | None = None) -> list[str]:
    """The training of a folder again, as long as is usual for so many images; nothing where it was as long.

    `config`: as it was typed. `done`: the updates that it had, if the folder is not that of a single training.
    """
    plan: TrainingConfig = config.training
    if config.data.data_dir is None or plan.epoch_updates:
        return []
    told, timed = bool(plan.epochs or plan.updates or plan.minutes), folder / REPEAT
    usual = sum(settled(replace(plan, epochs=0, updates=(), minutes=0.0), images).updates)
    if done is None:
        done = sum(read_yaml(timed)["updates"]) if timed.exists() else updates_of(settled(plan, images), images)
    if done >= usual:
        return []
    minutes = round(MINUTES) if told and plan.minutes < MINUTES else 0
    length = {"updates": usual, "minutes": minutes, "output_dir": "runs/longer"}
    return [command_line(module, config=folder / "config.yaml", **length)]


def last_lines(
    *told: str,
    warnings: Sequence[str] = (),
    notes: Sequence[str] = (),
    places: Mapping[str, object] | None = None,
    steps: Sequence[str] = (),
) -> None:
    """Print what happened, what to beware of, where the results are, and the commands that may follow."""
    say(*filter(None, told), *(f"warning: {sentence}" for sentence in warnings))
    say(*(f"{what}: {where}" for what, where in (places or {}).items()))
    say(*(f"note: {sentence}" for sentence in notes))
    for command in steps:
        say_command("next: ", command)
