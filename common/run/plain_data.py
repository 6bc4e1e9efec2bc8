"""Records as the plain data of a file: one reader and one writer, by the types of their fields."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from common.errors import UserError, brief

Record = TypeVar("Record")
Count = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]

adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
"""What checks data against a type, made once a type, which takes longer than a check."""


def to_dict(record: Any) -> dict[str, Any]:
    """A record as the plain data of a file."""
    return adapter(type(record)).dump_python(record, mode="json", by_alias=True)


def from_dict(kind: type[Record], content: Any, *, source: Path) -> Record:
    """Read a record back from the plain data of `source`; entries that this version does not know are left out.

    Raises UserError for an entry that is missing or of the wrong type.
    """
    try:
        return adapter(kind).validate_python(content)
    except ValidationError as error:
        raise _unusable(source, error) from None


def from_json(kind: type[Record] | Any, path: Path) -> Record:
    """Read a record, or anything else that has a type, back from a JSON file, as `from_dict`.

    Raises UserError where there is no such file, too, and where it is not JSON.
    """
    try:
        return adapter(kind).validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except ValidationError as error:
        raise _unusable(path, error) from None


def first_fault(error: ValidationError) -> str:
    """The first entry that pydantic refuses, and why, in one line."""
    first = error.errors(include_url=False)[0]
    entry = ".".join(map(_one_line, first["loc"])) or "its contents"
    if first["type"] == "missing":
        return f"{entry} is missing"
    if first["type"] == "json_invalid":
        return f"it is not JSON ({first['msg'].removeprefix('Invalid JSON: ')})"
    return f"{entry} is {_one_line(brief(first['input']))}: {first['msg'].removeprefix('Value error, ')}"


def _one_line(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:60]}..."


def _unusable(source: Path, error: ValidationError) -> UserError:
    return UserError(f"{source} cannot be used, {first_fault(error)}: make it again, or take another run's")
