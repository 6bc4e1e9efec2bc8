"""Words of older versions: settings that have another name now, values that do, and settings that are gone.

A config class or one of its groups says them in class variables, which all are optional:
`ALIASES` (old name -> new name), `OLD_VALUES` (name -> old value -> new value),
`REMOVED` (old name -> the one value that the code still means), and
`BEFORE` (name -> the value that versions without the setting meant, where that is not today's default).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.config.yaml_file import parse_yaml
from common.errors import UserError
from common.say import note


@dataclass(frozen=True)
class Renames:
    """The old words of one config class."""

    aliases: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]
    removed: Mapping[str, Any]
    before: Mapping[str, Any]
    notes: set[str] = field(default_factory=set)
    """What was read by an old word, in sentences."""

    def settings(self, flat: Mapping[str, Any]) -> dict[str, Any]:
        """Put flat settings into today's words. Raises UserError for a removed setting with any but its one value."""
        present = {}
        for old, value in flat.items():
            if old in self.removed:
                self._refuse_unless_kept(old, value)
                continue
            name = self._name(old)
            if name in present or (name != old and name in flat):
                raise UserError(f"{old} and {name} are one setting: keep {name}")
            present[name] = self._value(name, value)
        return present

    def recorded(self, flat: Mapping[str, Any]) -> dict[str, Any]:
        """Put the settings of a record, which names all that its version had, into today's words; see `settings`."""
        return {**self.before, **self.settings(flat)}

    def flags(self, argv: Sequence[str]) -> list[str]:
        """Put a command line into today's words, with underscores in every flag; see `settings`."""
        present, last, words = [], "", iter(argv)
        for word in words:
            if not word.startswith("--") or word == "--":
                present.append(self._value(last, word))
                continue
            flag, equals, value = underscored(word).partition("=")
            name = flag.removeprefix("--")
            if name in self.removed:
                self._refuse_unless_kept(name, parse_yaml(value if equals else next(words, ""), flag))
                continue
            last = self._flag(name)
            present.append(f"--{last}{equals}{self._value(last, value)}")
        return present

    def tell(self) -> None:
        """Print what was read by an old word, on stderr."""
        for sentence in sorted(self.notes):
            note(sentence)

    def _flag(self, name: str) -> str:
        negated = name.removeprefix("no_")
        return f"no_{self._name(negated)}" if negated != name and negated in self.aliases else self._name(name)

    def _name(self, name: str) -> str:
        if name in self.aliases:
            self.notes.add(f"--{name} is now --{self.aliases[name]}")
        return self.aliases.get(name, name)

    def _value(self, name: str, value: Any) -> Any:
        renamed = self.values.get(name, {})
        if not isinstance(value, str) or value not in renamed:
            return value
        self.notes.add(f"--{name} {value} is now --{name} {renamed[value]}")
        return renamed[value]

    def _refuse_unless_kept(self, name: str, value: Any) -> None:
        if value != self.removed[name]:
            raise UserError(
                f"--{name} {value} is no longer supported, only {self.removed[name]}: leave the setting out"
            )


def underscored(word: str) -> str:
    """A flag as settings are spelt, `--data_dir` for `--data-dir`; its value and any other word stay as they are."""
    if not word.startswith("--"):
        return word
    flag, equals, value = word.partition("=")
    return f"--{flag[2:].replace('-', '_')}{equals}{value}"


def renames(kind: type) -> Renames:
    """The old words that a config class and its groups declare."""
    classes = [kind, *map(type, vars(kind()).values())]
    words = ("ALIASES", "OLD_VALUES", "REMOVED", "BEFORE")
    aliases, values, removed, before = (_declared(classes, name) for name in words)
    return Renames(aliases, values, removed, before)


def _declared(classes: Sequence[type], variable: str) -> dict[str, Any]:
    return {old: new for declaring in classes for old, new in getattr(declaring, variable, {}).items()}
