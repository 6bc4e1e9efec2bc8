"""What the numbers and colours in a mask file mean: the table that a file of classes writes down."""

import re
from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Integer, UInt8

from common.errors import UserError, brief

Values = Mapping[int | str, int]
"""The class of what a mask holds: of a number (7), of numbers ("1-255"), of a colour ("#ff0000"), of all else
("rest")."""

IGNORE = 255
UNKNOWN = 254
REST = "rest"
HIGHEST = 2**31 - 1
"""The largest number that a mask may hold."""
FEW = 2**16
"""Numbers below this are looked up at once."""
LONGEST = len(str(HIGHEST))
RANGE = re.compile(rf"(\d{{1,{LONGEST}}})\s*-\s*(\d{{1,{LONGEST}}})", re.ASCII)
GREY = 0x010101
"""A colour, 0xRRGGBB, is grey where it is this times a brightness from 0 to 255."""
COLOUR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)


class _Range(NamedTuple):
    low: int
    high: int
    to: int


class ValueTable:
    """A table of values, ready to be applied to masks. A single number goes before a range, and both before the rest.

    With a colour among its keys it is a table of colours: a number in it, and in a mask of grey values, is the grey of
    that brightness.
    """

    def __init__(self, values: Values) -> None:
        """Raises UserError for a key that is none, and for ranges that overlap."""
        self.colours = any(isinstance(key, str) and COLOUR.fullmatch(key) for key in values)
        self.rest: int | None = values.get(REST)
        self.singles: dict[int, int] = {}
        """By number, or by colour as 0xRRGGBB."""
        self.ranges: list[_Range] = []
        for key, index in values.items():
            if key != REST:
                self._add(key, index)
        self.ranges.sort()
        for before, after in pairwise(self.ranges):
            if after.low <= before.high:
                raise UserError(f"the ranges {before.low}-{before.high} and {after.low}-{after.high} overlap")

    def _add(self, key: int | str, index: int) -> None:
        if isinstance(key, str) and (range_ := RANGE.fullmatch(key)):
            low, high = int(range_[1]), int(range_[2])
            if not low <= high <= HIGHEST:
                raise UserError(f"{key} is no range of numbers such as 1-255")
            if self.colours:
                raise UserError(f"the class mapping holds colours and the range {key}: it takes one or the other")
            self.ranges.append(_Range(low, high, index))
        elif isinstance(key, str):
            self.singles[int(key[1:], 16)] = index
        else:
            self.singles[key * GREY if self.colours else key] = index

    def knows(self, number: int) -> bool:
        """Whether the table gives a number (or a colour, 0xRRGGBB) a class by its own name."""
        return number in self.singles or any(low <= number <= high for low, high, _ in self.ranges)

    def tells(self, number: int) -> bool:
        """Whether a number that may stand for 255 has a class of its own: by name, or the rest where 255 is ignored."""
        return self.knows(number) or (self.index(IGNORE) == IGNORE and self.index(number) != UNKNOWN)

    def index(self, number: int) -> int:
        """The class of a number or a colour; `UNKNOWN` if the table doesn't know it."""
        if number in self.singles:
            return self.singles[number]
        rest = UNKNOWN if self.rest is None else self.rest
        return next((index for low, high, index in self.ranges if low <= number <= high), rest)

    @cached_property
    def foreground(self) -> int:
        """A number whose class is not the first: 1 where it can be, else one of the lowest class; 0 for none."""
        ends = [end for low, high, _ in self.ranges for end in (low, high)]
        numbers = (1, *self.singles, *ends, HIGHEST)  # which is of the rest, if any is
        shown = [number for number in numbers if 0 < self.index(number) < UNKNOWN]
        return min(shown, key=lambda number: (number != 1, self.index(number), number), default=0)

    @property
    def leaves_out(self) -> bool:
        """Whether any number but 0 may be of the first class, or ignored."""
        named = [index for number, index in self.singles.items() if number]
        return bool({*named, *(range_.to for range_ in self.ranges), self.rest} & {0, IGNORE})

    @cached_property
    def few(self) -> UInt8[np.ndarray, " n"]:
        """The classes of the first numbers, to be indexed with a whole mask."""
        table = np.full(FEW, UNKNOWN if self.rest is None else self.rest, dtype=np.uint8)
        for low, high, index in self.ranges:
            table[low : high + 1] = index
        for number, index in self.singles.items():
            if number < FEW:
                table[number] = index
        return table

    def apply(self, numbers: Integer[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
        """The class of each pixel; `UNKNOWN` where the table doesn't know its number."""
        if not numbers.size or numbers.max() < FEW:
            return self.few[numbers]
        found, where = np.unique(numbers, return_inverse=True)
        return np.array([self.index(number) for number in found.tolist()], dtype=np.uint8)[where.reshape(numbers.shape)]


def as_key(key: Any) -> int | str:
    """A key of a table as a person, YAML or JSON writes it. Raises UserError for anything else."""
    if isinstance(key, str):
        word = key.strip().lower()
        if word == REST or COLOUR.fullmatch(word):
            return word
        if RANGE.fullmatch(word):
            return re.sub(r"\s", "", word)
    return whole(key)


def whole(number: Any) -> int:
    """A whole number; JSON keeps those that are keys as text. Raises UserError for anything else."""
    if isinstance(number, str) and number.isascii() and number.isdecimal() and len(number) <= 10:
        return int(number)
    if not isinstance(number, int | float) or isinstance(number, bool) or not (number % 1 == 0):
        raise UserError(
            f"the class mapping holds {brief(number)}: it takes whole numbers, ranges (1-255), colours "
            "('#ff0000') and rest, and ignore for a class"
        )
    return int(number)
