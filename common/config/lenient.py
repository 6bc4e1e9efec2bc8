"""Values of settings as files also write them: one number for several, a number for a word, a switch for a number."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field


def number_of_states(value: Any) -> Any:
    """Studies of version 0.2.0 had a switch of this name, which is --keep_best now."""
    return 2 if isinstance(value, bool) else value


def several(value: Any) -> Any:
    """One number is a list of one."""
    return (value,) if type(value) in (int, float) else value


def text_of_number(value: Any) -> Any:
    """A whole number is the word for it."""
    return str(value) if type(value) is int else value


def _range(values: tuple[float, ...]) -> tuple[float, float]:
    """The ends of a range; the second is by default 1 over the first."""
    if not 1 <= len(values) <= 2:
        raise ValueError("give the least scale, and the largest")
    low, high = (*values, 1 / values[0])[:2]
    if low > high:
        raise ValueError("the least scale is above the largest")
    return low, high


ScaleRange = Annotated[tuple[Annotated[float, Field(gt=0)], ...], BeforeValidator(several), AfterValidator(_range)]
"""The least and the largest scale."""
