"""The checker that executes annotations in the tests: beartype, with an int accepted for a float.

jaxtyping binds the arguments of every call, to keep its sizes, and checks them twice. That took a quarter of the time
of all tests, so it is kept to the functions whose annotations name a shape.
"""

import dataclasses
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import jaxtyping
from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeError))
_keeping_sizes = jaxtyping.jaxtyped


def install(packages: list[str]) -> None:
    """Check every function of these packages, which must not be imported yet."""
    jaxtyping.jaxtyped = partial(partial, checked)  # what the hook writes above each function and class
    jaxtyping.install_import_hook(packages, "typecheck.check")


def checked(thing: Any, *, typechecker: Callable[..., Any] = check) -> Any:
    """A function, or a dataclass, whose annotations are executed."""
    if dataclasses.is_dataclass(thing) and "__init__" in vars(thing):
        thing.__init__ = checked(thing.__init__, typechecker=typechecker)
        return thing
    if not inspect.isfunction(thing) or inspect.isgeneratorfunction(thing):
        return _keeping_sizes(thing, typechecker=typechecker)
    if _names_a_shape(list(thing.__annotations__.values())):
        return _keeping_sizes(check(thing), typechecker=None)
    return check(thing)


def _names_a_shape(hint: Any) -> bool:
    """Whether an annotation holds a type of jaxtyping; one in quotes may."""
    if isinstance(hint, list | tuple):
        return any(map(_names_a_shape, hint))
    if inspect.isclass(hint) and not get_args(hint):
        return issubclass(hint, jaxtyping.AbstractArray)
    return isinstance(hint, str) or _names_a_shape(get_args(hint))
