"""What a user can put right."""

import difflib
import errno
import reprlib
from collections.abc import Iterable, Sequence
from itertools import islice

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the operating system says when a file can't grow."""


class UserError(Exception):
    """Something the user can put right, as one sentence: what we got, what we wanted, what to do.

    Commands print it without a traceback and exit with code 2.
    """


class DivergedError(UserError):
    """The loss stopped being a number; raised before the optimizer moves."""


class LostRankError(Exception):
    """Another process of the training is gone. Commands say so, and exit with code 1: what was saved can be resumed."""


def nearest(word: str, known: Sequence[str]) -> str:
    """The end of an error sentence: the known word that comes closest, or nothing."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 80
_BRIEF.maxdict = _BRIEF.maxlist = _BRIEF.maxtuple = 12


def brief(value: object) -> str:
    """A value as in a program, short enough for a sentence."""
    return _BRIEF.repr(value)


def abbreviate(things: Iterable[object], shown: int = 3) -> str:
    """The first names of a list, and how many more there are."""
    rest = iter(things)
    names = ", ".join(str(thing) for thing in islice(rest, shown))
    more = sum(1 for _ in rest)
    return f"{names} and {more} more" if more else names
