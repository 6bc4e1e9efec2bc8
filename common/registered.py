"""Parts that are used by their name: what an entry of a registry has, and names checked against one. No torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from common.errors import nearest


@dataclass(frozen=True)
class Registered:
    """An entry of a registry."""

    source: str | Callable[..., Any]
    """What makes the part, or where that is, "package.module:name": a string keeps torch out of `--help`."""
    words: str
    """What pages and help call it."""

    def load(self) -> Any:
        """What makes the part."""
        return resolve_name(self.source) if isinstance(self.source, str) else self.source


def known(registry: Mapping[str, Any], *others: str) -> Callable[[str], str]:
    """A check for pydantic: that a name is registered, or one of the others."""

    def check(name: str) -> str:
        names = [*others, *registry]
        if name not in names:
            raise ValueError(f"it is one of {', '.join(names)}{nearest(name, names)}")
        return name

    return check
