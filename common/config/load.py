"""Frozen dataclasses <- a YAML file <- flags: the only road by which a setting reaches the code.

A config class is a dataclass of groups, with a method `check` for settings that exclude each other; a group is a
dataclass of fields. Groups exist in the code and in `--help`; flags and YAML keys are flat (`--lr`, `lr: 0.1`) and
equal the field names.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from common.config.help import full_help, short_help
from common.config.parse import parse_flags, value_of, values_of
from common.config.recipes import list_of, recipe_file
from common.config.renames import renames
from common.config.settings import PLAIN, Setting, settings_of
from common.config.yaml_file import load_yaml
from common.errors import UserError, brief, nearest
from common.files import replace_text
from common.run.plain_data import adapter
from common.say import aside, say

C = TypeVar("C")

MOST = 1e18
"""No setting is as large: sums and products of such numbers stay finite."""


def load_config(kind: type[C], argv: Sequence[str], *, prog: str, demo: Path | None = None) -> C:
    """Read the settings of a command: the flags in `argv` over a YAML file over the defaults of `kind`.

    The YAML file is `--config` or that of `--recipe`; with `--resume`, the run's own; and `demo` when no data is named
    at all.
    Words of older versions are understood, with a note on stderr (`common.config.renames`).
    `--help`, `--help_all` and `--list_recipes` print and raise SystemExit(0). Raises UserError for an unknown flag or
    key (with the nearest one), a value of the wrong type or out of its range, or settings that exclude one another.
    """
    former = renames(kind)
    words = former.flags(argv)
    phase = getattr(kind, "RECIPES", "")
    if phase and "--list_recipes" in words:
        say(*list_of(phase))
        raise SystemExit(0)
    flat = former.settings(_base_settings(words, phase, demo))
    if "--resume" in words or _is_record(kind, flat):
        flat = former.recorded(flat)
    flat = _of_use(kind, flat, words)
    base = _validated(kind, _nested(kind, flat))
    _refuse_empty_paths(settings_of(kind, base), words, flat)
    for flag, page in HELP.items():
        if flag in words:
            say(*page(kind, base, prog).splitlines())
            raise SystemExit(0)
    former.tell()
    config: Any = parse_flags(kind, words, base, prog)
    config = _validated(kind, dataclasses.asdict(config))
    config.check()
    if demo is not None and (config.run.config or config.run.recipe) and config.data.data_dir is None:
        aside("no --data_dir: using the embedded data")
    return config


def flatten(config: Any) -> dict[str, Any]:
    """The settings as plain YAML data under their flag names; what only steers one call is left out."""
    plain = adapter(type(config)).dump_python(config, mode="json")
    flat = {name: value for group in plain.values() for name, value in group.items()}
    return {name: value for name, value in flat.items() if name not in ONE_CALL}


HELP = {"-h": short_help, "--help": short_help, "--help_all": full_help}
ONE_CALL = {"config", "recipe", "resume", "overwrite"}  # these flags say what to do now, not what the run is


def unflatten(kind: type[C], flat: Mapping[str, Any], *, source: Path) -> C:
    """The inverse of `flatten`: the config that a run or a handover file recorded, in this or an older version.

    Raises UserError, with `source` as its subject, for settings that this version does not have.
    """
    try:
        return _validated(kind, _nested(kind, renames(kind).recorded(flat)))
    except UserError as error:
        raise UserError(f"{source} has other settings than this version: {error}") from None


def save_config(config: Any, path: Path) -> None:
    """Write the resolved settings so that `--config path` repeats them."""
    replace_text(path, yaml.safe_dump(flatten(config), sort_keys=False, allow_unicode=True))


def changes(config: Any, saved: Path, *, free: Collection[str]) -> str:
    """What differs between settings and those that were saved, in words; "" if nothing but what is `free` does."""
    kind, now = type(config), flatten(config)
    names = renames(kind).recorded(read_yaml(saved))
    before = {name: value for name, value in flatten(unflatten(kind, names, source=saved)).items() if name in names}
    changed = [name for name in now if name in before and name not in free and now[name] != before[name]]
    return ", ".join(f"--{name} was {as_typed(before[name])}, is {as_typed(now[name])}" for name in changed)


def as_typed(value: Any) -> str:
    """A value as it is typed behind its flag."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file of flat settings; an empty file is no settings."""
    settings = load_yaml(path)
    if not isinstance(settings, dict | None):
        raise UserError(f"{path} should hold lines like 'lr: 0.1', not a {type(settings).__name__}")
    if other := [name for name in settings or {} if not isinstance(name, str)]:
        raise UserError(f"{path} has the key {brief(other[0])}, and settings have names: write lines like 'lr: 0.1'")
    return settings or {}


def _base_settings(argv: Sequence[str], phase: str, demo: Path | None) -> dict[str, Any]:
    if "--resume" in argv:
        folder = value_of(argv, "--output_dir")
        if folder is None:
            raise UserError("--resume needs --output_dir, the folder of the run to continue")
        for flag in ("--config", "--recipe"):
            if value_of(argv, flag) is not None:
                raise UserError(
                    f"{flag} is for a new run: --resume goes on with the settings of {folder}, leave it out"
                )
        saved = _expanded(Path(folder)) / "config.yaml"
        if not saved.is_file():
            raise UserError(f"there is no run to resume in {folder}: it has no config.yaml")
        return read_yaml(saved)
    given, recipe = value_of(argv, "--config"), value_of(argv, "--recipe")
    if given is not None and recipe is not None:
        raise UserError("--config and --recipe both name a file of settings: leave one of them out")
    if given is not None:
        settings = read_yaml(_expanded(Path(given)))
        if typed := next((name for name in ("config", "recipe", "resume") if settings.get(name)), None):
            raise UserError(f"{given} has the key {typed}, which counts on the command line alone: leave it out")
        return settings
    if phase and recipe is not None:
        return read_yaml(recipe_file(phase, recipe))
    if demo is not None and value_of(argv, "--data_dir") is None and not HELP.keys() & set(argv):
        aside(f"no --data_dir: using the embedded data with {demo}")
        return read_yaml(demo)
    return {}


def _is_record(kind: type, flat: Mapping[str, Any]) -> bool:
    """Whether a file is the record of a run, which names all settings that its version had, and not differences."""
    return len(flat) > len(_groups(kind)) / 2


def _of_use(kind: type, flat: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """The settings of a file without those that belong to another value of a flag than the typed one.

    A config class says them in `OWN_OF`: by flag, and by its value, the names of the settings. Of its `RIVALS` one that
    is typed replaces the others; not in a run that goes on, which is what it was, but for `RIVALS_ON_RESUME`.
    """
    rivals = getattr(kind, "RIVALS_ON_RESUME" if "--resume" in words else "RIVALS", ())
    typed = {name for name in rivals if value_of(words, f"--{name}") is not None}
    unused = {
        name
        for flag, values in getattr(kind, "OWN_OF", {}).items()
        for value, names in values.items()
        if value_of(words, f"--{flag}") not in (None, value)
        for name in names
    }
    unused |= set(rivals) - typed if typed else set()
    return {name: value for name, value in flat.items() if name not in unused}


def _defaults(kind: type) -> dict[str, dict[str, Any]]:
    return dataclasses.asdict(kind())


def _groups(kind: type) -> dict[str, str]:
    return {name: group for group, fields in _defaults(kind).items() for name in fields}


def _nested(kind: type, flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    groups, nested = _groups(kind), _defaults(kind)
    for name, value in flat.items():
        if name not in groups:
            raise UserError(f"unknown config key '{name}'{nearest(str(name), list(groups))}")
        nested[groups[name]][name] = value
    return nested


IN_OUR_WORDS = {
    "tuple_type": "it takes numbers without quotation marks, in a list such as [1, 2]",
    "path_type": "it takes the path of a file or folder, in quotation marks if it is a number",
    "bool_parsing": "it takes true or false",
    "bool_type": "it takes true or false",
    "float_parsing": "it takes a number",
    "float_type": "it takes a number",
    "int_parsing": "it takes a whole number",
    "int_type": "it takes a whole number",
    "int_from_float": "it takes a whole number",
}
"""By pydantic's type of a fault, what a setting takes."""


def _validated(kind: type[C], nested: Mapping[str, Any]) -> C:
    try:
        config = adapter(kind).validate_python(nested)
    except ValidationError as error:
        first = error.errors()[0]
        name = next(str(part) for part in reversed(first["loc"]) if str(part) in _groups(kind))
        message = IN_OUR_WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise UserError(f"--{name} is {brief(first['input'])}: {message[0].lower()}{message[1:]}") from None
    for title, group in vars(config).items():
        for name, value in vars(group).items():
            _refuse_unusable(name, value)
            _refuse_answer(name, nested.get(title, {}).get(name), value)
    groups: Any = {name: _at_home(group) for name, group in vars(config).items()}
    return dataclasses.replace(config, **groups)


def _refuse_answer(name: str, given: Any, value: Any) -> None:
    """Raise UserError for the yes or no of a YAML file where a number is wanted, which pydantic takes for 1 or 0."""
    several = given if isinstance(given, list) else [given]
    if any(isinstance(one, bool) for one in several) and not isinstance(value, bool):
        raise UserError(f"--{name} is {brief(given)}: it takes neither yes nor no")


def _at_home(group: Any) -> Any:
    """The settings with ~ written out in their paths, as shells do it for most words of a command line."""
    return dataclasses.replace(group, **{name: _expanded(value) for name, value in vars(group).items()})


def _expanded(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_expanded, value))
    with suppress(RuntimeError):  # no such user: then it is the name of a folder
        return value.expanduser() if isinstance(value, Path) else value
    return value


def _refuse_empty_paths(settings: Sequence[Setting], words: Sequence[str], flat: Mapping[str, Any]) -> None:
    """Raise UserError for an empty path: the working folder to Python, to a shell a variable that is not set."""
    for setting in settings:
        given = (*values_of(words, f"--{setting.name}"), flat.get(setting.name))
        if setting.metavar.startswith(PLAIN[Path]) and "" in given:
            raise UserError(f"--{setting.name} is empty: give a path, or leave it out")


def _refuse_unusable(name: str, value: Any) -> None:
    """Raise UserError for what no setting takes: numbers that are infinite or next to it, and letters no file has."""
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, int | float) and not abs(part) <= MOST:
            raise UserError(f"--{name} is {brief(part)}: it takes numbers up to {MOST:g}")
        if isinstance(part, str | Path) and "\0" in str(part):
            raise UserError(f"--{name} is {brief(str(part))}: it takes no NUL character")
