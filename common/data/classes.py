"""What the values in a mask file mean: class names, and the value of each class."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import UInt8

from common.errors import UserError

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
        try:
            names = tuple(str(name) for name in data["names"])
            values = {
                int(value): IGNORE if index == "ignore" else int(index) for value, index in data["values"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                "classes are given as 'names: [background, pet]' and 'values: {0: 0, 128: 1, 255: ignore}', "
                f"got {data!r}"
            ) from error
        return cls(names, values)


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
    try:
        return Classes.from_dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, UserError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"cannot read the classes file {path} (--classes): {reason}") from error


def resolve_classes(choice: str, auto: str, known: Mapping[str, Classes]) -> Classes:
    """Look up the word given as --classes, or read the YAML file that it names. Raises UserError for neither."""
    word = auto if choice == "auto" else choice
    if word in known:
        return known[word]
    if not Path(word).is_file():
        raise UserError(f"--classes takes auto, {', '.join(known)} or an existing YAML file, got {choice}")
    return read_classes(Path(word))
