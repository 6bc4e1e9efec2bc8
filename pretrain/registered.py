"""What pretexts, targets and side objectives have in common when they are registered. Imports no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, make_dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from common import registered
from common.config.encoder import NamedEncoderConfig
from common.config.groups import AugmentConfig, DataConfig, TrainingConfig

C = TypeVar("C")


@runtime_checkable
class Groups(Protocol):
    """The settings of a run that those of a registered part may exclude."""

    @property
    def data(self) -> DataConfig: ...

    @property
    def encoder(self) -> NamedEncoderConfig: ...

    @property
    def training(self) -> TrainingConfig: ...

    @property
    def augment(self) -> AugmentConfig: ...

    @property
    def start_from(self) -> Path | None: ...


@dataclass(frozen=True)
class Settings:
    """The settings of a registered part, none so far: a subclass adds fields, each with one line of help."""

    def check(self, config: Groups) -> None:
        """Raise UserError for settings that exclude each other; called where the part is used."""

    def recorded(self, config: Groups) -> dict[str, Any]:  # noqa: ARG002
        """What a file says of them: by their names, with what is left open decided."""
        return asdict(self)


@dataclass(frozen=True)
class Registered(registered.Registered):
    """A part of the method; its words say what it teaches an encoder, for pages: "filling in hidden patches"."""

    settings: type[Settings] = Settings


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
