"""What the values in a mask file mean: class names, and the value of each class."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from common.config.yaml_file import load_yaml
from common.errors import UserError, brief

IGNORE = 255
UNKNOWN = 254


@dataclass(frozen=True)
class Classes:
    """The classes of a data set, and which value in a mask file stands for which of them.

    `values` maps a mask file's value (0 to 255) to a class index or to `IGNORE`; a value that it does not
    hold is refused when the mask is read. Raises UserError for a mapping that cannot be.
    """

    names: tuple[str, ...]
    values: Mapping[int, int]

    def __post_init__(self) -> None:
        if not 2 <= len(self.names) < UNKNOWN or len(set(self.names)) < len(self.names):
            raise UserError(f"classes need 2 to {UNKNOWN - 1} different names, got {list(self.names)}")
        allowed = {*range(self.num_classes), IGNORE}
        for value, index in self.values.items():
            if not 0 <= value <= 255 or index not in allowed:
                raise UserError(
                    f"the class mapping sends mask value {value} to {index}; it takes values 0 to 255 to "
                    f"a class 0 to {self.num_classes - 1} or to {IGNORE} (ignored)"
                )

    @property
    def num_classes(self) -> int:
        return len(self.names)

    @property
    def lookup(self) -> UInt8[np.ndarray, " 256"]:
        return lookup_table(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that survives JSON and YAML unchanged."""
        return {"names": list(self.names), "values": {str(key): index for key, index in self.values.items()}}

    @classmethod
    def from_dict(cls, data: Any) -> "Classes":
        """The inverse of `to_dict`; `ignore` also stands for 255. Raises UserError for other data."""
        match data:
            case {"names": [*names], "values": {**values}, **rest} if not rest:
                pass
            case _:
                raise UserError(
                    "classes are given as 'names: [background, pet]' and 'values: {0: 0, 128: 1, 255: ignore}', "
                    f"got {brief(data)}"
                )
        meant = {_whole(value): IGNORE if index == "ignore" else _whole(index) for value, index in values.items()}
        if len(meant) < len(values):
            raise UserError(f"the class mapping names a mask value twice: {brief(list(values))}")
        return cls(tuple(map(_name, names)), meant)


def _name(name: Any) -> str:
    """The name of a class. YAML takes the words no and yes for False and True."""
    if not isinstance(name, str | int | float) or isinstance(name, bool) or not str(name).isprintable():
        raise UserError(f"a class is called {brief(name)}: a name is a text on one line; put it in quotes")
    return str(name)


def _whole(number: Any) -> int:
    """A whole number; JSON keeps those that are keys as text."""
    if isinstance(number, str) and number.isascii() and number.isdecimal() and len(number) < 4:
        return int(number)
    if not isinstance(number, int | float) or isinstance(number, bool) or not (number % 1 == 0):
        raise UserError(f"the class mapping holds {brief(number)}: it takes whole numbers, and ignore for a class")
    return int(number)


SPECIES_NAMES = ("background", "cat", "dog")
BINARY_NAMES = ("background", "foreground")
SPECIES = Classes(SPECIES_NAMES, {0: 0, 1: 1, 2: 2, IGNORE: IGNORE})
BINARY = Classes(BINARY_NAMES, {0: 0, 1: 1, 255: 1})
SPECIES_MASKS = {"species": SPECIES, "binary": Classes(BINARY_NAMES, {0: 0, 1: 1, 2: 1, IGNORE: IGNORE})}
"""What --classes can name where masks hold 0 background, 1 cat, 2 dog."""
TRIMAP_CLASSES = {"species": SPECIES, "binary": Classes(BINARY_NAMES, {1: 1, 2: 0, 3: IGNORE})}
"""What --classes can name where masks are trimaps: 1 pet, 2 background, 3 border."""


def lookup_table(values: Mapping[int, int]) -> UInt8[np.ndarray, " 256"]:
    """A table from mask value to class, to be indexed with a whole mask; `UNKNOWN` for a refused value."""
    table = np.full(256, UNKNOWN, dtype=np.uint8)
    for value, index in values.items():
        table[value] = index
    return table


def read_classes(path: Path) -> Classes:
    """Read classes from a YAML file.

    It holds two keys, such as `names: [background, cell]` and `values: {0: 0, 128: 1, 255: ignore}`. Raises
    UserError naming the file if it cannot be read or holds something else.
    """
    data = load_yaml(path, "classes file")
    try:
        return Classes.from_dict(data)
    except UserError as error:
        raise UserError(f"cannot read the classes file {path} (--classes): {error}") from error


def resolve_classes(choice: str, auto: str, known: Mapping[str, Classes]) -> Classes:
    """Look up the word given as --classes, or read the YAML file that it names. Raises UserError for neither."""
    word = auto if choice == "auto" else choice
    if word in known:
        return known[word]
    if not Path(word).is_file():
        raise UserError(f"--classes takes auto, {', '.join(known)} or an existing YAML file, got {choice}")
    return read_classes(Path(word))
