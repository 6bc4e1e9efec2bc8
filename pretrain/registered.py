"""What pretexts, targets and side objectives have in common when they are registered. Imports no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, make_dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from common.config.groups import AugmentConfig, DataConfig
from common.errors import nearest

C = TypeVar("C")


@runtime_checkable
class Groups(Protocol):
    """The settings of a run that those of a registered part may exclude."""

    @property
    def data(self) -> DataConfig: ...

    @property
    def augment(self) -> AugmentConfig: ...

    @property
    def start_from(self) -> Path | None: ...


@dataclass(frozen=True)
class Settings:
    """The settings of a registered part, none so far: a subclass adds fields, each with one line of help."""

    def check(self, config: Groups) -> None:
        """Raise UserError for settings that exclude each other; called where the part is used."""


@dataclass(frozen=True)
class Registered:
    """A part of the method that is used by its name."""

    source: str | Callable[..., Any]
    """What makes it, or where that is, "package.module:name": a string keeps torch out of `--help`."""
    words: str
    """What it teaches an encoder, for pages: "filling in hidden patches"."""
    settings: type[Settings] = Settings

    def load(self) -> Any:
        """What makes it."""
        return resolve_name(self.source) if isinstance(self.source, str) else self.source


def with_settings(kind: type[C], *registries: Mapping[str, Registered]) -> type[C]:
    """A config class with a group for the settings of every registered part; the class itself where it has them all."""
    present = {field.type for field in fields(cast(Any, kind))}
    groups = {entry.settings: name for registry in registries for name, entry in registry.items()}
    missing = [
        (f"{name}_settings", group, group()) for group, name in groups.items() if group not in present and fields(group)
    ]
    if not missing:
        return kind
    namespace = {"__doc__": kind.__doc__, "__module__": kind.__module__}
    return cast(type[C], make_dataclass(kind.__name__, missing, bases=(kind,), namespace=namespace, frozen=True))


def known(registry: Mapping[str, Registered], *others: str) -> Callable[[str], str]:
    """A check for pydantic: that a name is registered, or one of the others."""

    def check(name: str) -> str:
        names = [*others, *registry]
        if name not in names:
            raise ValueError(f"it is one of {', '.join(names)}{nearest(name, names)}")
        return name

    return check
