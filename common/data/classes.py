"""What the values in a mask file mean: class names, and the value of each class."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from common.config.yaml_file import load_yaml
from common.data.values import HIGHEST, IGNORE, UNKNOWN, Values, ValueTable, as_key, whole
from common.errors import UserError, brief, nearest


@dataclass(frozen=True)
class Classes:
    """The classes of a data set, and which value in a mask file stands for which of them.

    `values` maps what a mask file holds (`common.data.values`) to a class index or to `IGNORE`; a value that it does
    not hold is refused when the mask is read. Raises UserError for a mapping that cannot be.
    """

    names: tuple[str, ...]
    values: Values
    background: int | None = 0
    """The class that is no object; None where every class is one."""
    assumed: bool = field(default=False, compare=False)
    """Whether nobody said which class is the background."""

    def __post_init__(self) -> None:
        if not 2 <= len(self.names) < UNKNOWN or len(set(self.names)) < len(self.names):
            alone = "; what is none of it is a class, too: [background, ...]" if len(self.names) == 1 else ""
            raise UserError(f"classes need 2 to {UNKNOWN - 1} different names, got {list(self.names)}{alone}")
        allowed = {*range(self.num_classes), IGNORE}
        for value, index in self.values.items():
            if not 0 <= (value if isinstance(value, int) else 0) <= HIGHEST or index not in allowed:
                raise UserError(
                    f"the class mapping sends mask value {value} to {index}; it takes whole numbers from 0 to "
                    f"a class 0 to {self.num_classes - 1} or to {IGNORE} (ignored)"
                )
        ValueTable(self.values)

    @property
    def num_classes(self) -> int:
        return len(self.names)

    @property
    def table(self) -> ValueTable:
        """What the values mean, ready to be applied to masks."""
        return ValueTable(self.values)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence where the first class is taken for the background, and does not sound like one."""
        if not self.assumed or self.names[0].casefold() in SOUNDS_EMPTY:
            return ()
        return (
            f"{self.names[0]}, the first class, is taken for the background: write 'background: none' or the name of "
            "another class into the file of --classes if it is none",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data that survives JSON and YAML unchanged."""
        values = {str(key): index for key, index in self.values.items()}
        said = {} if self.assumed else {"background": None if self.background is None else self.names[self.background]}
        return {"names": list(self.names), "values": values, **said}

    @classmethod
    def from_dict(cls, data: Any) -> "Classes":
        """The inverse of `to_dict`; `ignore` also stands for 255. Raises UserError for other data."""
        match data:
            case {"names": [*names], "values": {**values}, **rest} if rest.keys() <= {"background"}:
                pass
            case {"names": [*names], "threshold": threshold, **rest} if rest.keys() <= {"background"}:
                values = _cut(threshold)
            case _:
                raise UserError(
                    "classes are given as 'names: [background, pet]' and 'values: {0: 0, 128: 1, 255: ignore}' (with "
                    f"colours: {{'#ff0000': 1}}; or 'threshold: 128'), got {brief(data)}"
                )
        named = tuple(map(_name, names))
        meant = {as_key(value): _index(word, named) for value, word in values.items()}
        if len(meant) < len(values):
            raise UserError(f"the class mapping names a mask value twice: {brief(list(values))}")
        return cls(named, meant, _background(rest.get("background", 0), named), assumed="background" not in rest)


def _cut(threshold: Any) -> dict[str, int]:
    """The two classes of grey values below a threshold, and from it on."""
    first = whole(threshold)
    if not 0 < first <= HIGHEST:
        raise UserError(f"the threshold of the classes is {first}: it is the lowest value of the second class, from 1")
    return {f"0-{first - 1}": 0, f"{first}-{HIGHEST}": 1}


def _background(word: Any, names: tuple[str, ...]) -> int | None:
    """The class that a file calls the background: 0 where it calls none, and None where it says that none is."""
    if word == 0 and not isinstance(word, bool):
        return 0
    if word in names:
        return names.index(word)
    if word in (None, "none", "null", "~", ""):
        return None
    raise UserError(f"the background is {brief(word)}: it is none, or one of {', '.join(names)}{_nearest(word, names)}")


def _index(word: Any, names: tuple[str, ...]) -> int:
    """The class that a file gives a value: its number, its name, or `ignore`."""
    if word == "ignore":
        return IGNORE
    return names.index(word) if word in names and not str(word).isdecimal() else whole(word)


def _nearest(word: Any, names: tuple[str, ...]) -> str:
    return nearest(word, list(names)) if isinstance(word, str) else ""


def _name(name: Any) -> str:
    """The name of a class."""
    plain = isinstance(name, str | int | float) and not isinstance(name, bool)
    if not plain or not str(name).isprintable() or not str(name).strip():
        raise UserError(f"a class is called {brief(name)}: a name is a text on one line; put it in quotes")
    return str(name)


SOUNDS_EMPTY = {"background", "bg", "none", "nothing", "other", "_background_"}
SPECIES_NAMES = ("background", "cat", "dog")
BINARY_NAMES = ("background", "foreground")
SPECIES = Classes(SPECIES_NAMES, {0: 0, 1: 1, 2: 2, IGNORE: IGNORE})
BINARY = Classes(BINARY_NAMES, {0: 0, 1: 1, 255: 1})
SPECIES_MASKS = {"species": SPECIES, "binary": Classes(BINARY_NAMES, {0: 0, 1: 1, 2: 1, IGNORE: IGNORE})}
"""What --classes can name where masks hold 0 background, 1 cat, 2 dog."""
TRIMAP_CLASSES = {"species": SPECIES, "binary": Classes(BINARY_NAMES, {1: 1, 2: 0, 3: IGNORE})}
"""What --classes can name where masks are trimaps: 1 pet, 2 background, 3 border."""


def classes_of_objects(names: Sequence[str]) -> Classes:
    """The classes of outlined objects, whose numbers are 1, 2, ... in their order; what is no object is 0.

    One that is called background is that.
    """
    objects = [name for name in names if name.casefold() != "background"]
    values = {number: objects.index(name) + 1 if name in objects else 0 for number, name in enumerate(names, start=1)}
    return Classes(("background", *objects), {0: 0, **values})


def read_classes(path: Path) -> Classes:
    """Read classes from a YAML file.

    It holds two keys, such as `names: [background, cell]` and `values: {0: 0, 128: 1, 255: ignore}`, and may hold
    `background: none` or the name of a class. Words such as no and yes are names like others. Raises UserError naming
    the file if it cannot be read or holds something else.
    """
    data = load_yaml(path, "classes file", as_text=True)
    try:
        return Classes.from_dict(data)
    except UserError as error:
        raise UserError(f"cannot read the classes file {path} (--classes): {error}") from error


class Translated(NamedTuple):
    """The classes of a network, by the values of a data set that names its own."""

    classes: Classes
    notes: tuple[str, ...] = ()


def as_known(known: Classes, own: Classes) -> Translated:
    """The classes `known` to a network, told by the values of a data set that names its `own`.

    Equal names are one class, whatever their values are here and there; what the network knows by no name stays
    unknown. But where no value of an equal name contradicts the network, and some names are not known to it, all values
    mean what they mean to the network, with a note: its --classes may have renamed or joined classes.
    """
    named = {value: IGNORE if index == IGNORE else own.names[index] for value, index in own.values.items()}
    shared = {value: known.names.index(name) for value, name in named.items() if name in known.names}
    others = sorted({str(name) for name in named.values() if name != IGNORE} - {*known.names})
    table = known.table
    meant = {value: table.index(value) if isinstance(value, int) else known.values.get(value) for value in shared}
    if others and meant == shared:
        note = (
            f"the data set names the classes {', '.join(own.names)}; its masks are read by their numbers, as "
            f"{', '.join(known.names)}: say with --classes what they mean, if that is wrong"
        )
        return Translated(known, (note,))
    ignored = {value: IGNORE for value, name in named.items() if name == IGNORE}
    return Translated(replace(known, values=shared | ignored))


@contextmanager
def classes_from(path: Path) -> Iterator[None]:
    """Inside, errors of classes name the file of the data set that they come from."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def resolve_classes(choice: str, auto: str, known: Mapping[str, Classes]) -> Classes:
    """Look up the word given as --classes, or read the YAML file that it names. Raises UserError for neither."""
    word = auto if choice == "auto" else choice
    if word in known:
        return known[word]
    if not Path(word).is_file():
        raise UserError(f"--classes takes auto, {', '.join(known)} or an existing YAML file, got {choice}")
    return read_classes(Path(word))
