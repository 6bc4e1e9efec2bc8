"""Records as the plain data of a file: one reader and one writer, by the types of their fields."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from common.errors import UserError

Record = TypeVar("Record")
_adapter: Callable[[type], TypeAdapter[Any]] = cache(TypeAdapter)


def to_dict(record: Any) -> dict[str, Any]:
    """A record as the plain data of a file."""
    return _adapter(type(record)).dump_python(record, mode="json", by_alias=True)


def from_dict(kind: type[Record], content: Any, *, source: Path) -> Record:
    """Read a record back from the plain data of `source`; entries that this version does not know are left out.

    Raises UserError for an entry that is missing or of the wrong type.
    """
    try:
        return _adapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        entry = ".".join(map(str, first["loc"])) or "its contents"
        reason = "is missing" if first["type"] == "missing" else f"is {_brief(first['input'])}: {first['msg']}"
        raise UserError(f"{source} cannot be used, {entry} {reason}: make it again, or take another run's") from None


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
