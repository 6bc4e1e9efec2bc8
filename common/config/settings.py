"""What can be set in a config class, read off its groups: name, type, default and the sentence under each field."""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Collection
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro

PLAIN = {int: "N", float: "X", Path: "PATH", str: "TEXT"}
NOUNS = {"N": "a whole number", "X": "a number", "PATH": "a path", "TEXT": "a text"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One field of a group: a flag, and a key of a YAML file."""

    name: str
    group: str
    help: str
    default: Any
    metavar: str
    """What stands behind the flag: N, X, PATH, TEXT, {a,b}, "N ..." for several; "" for a switch."""
    positional: bool = False
    """Whether its values stand alone, without the flag."""

    @property
    def flag(self) -> str:
        """How it is typed."""
        if self.positional:
            return self.metavar
        if self.metavar:
            return f"--{self.name} {self.metavar}"
        return f"--[no_]{self.name}" if self.default else f"--{self.name}"

    @property
    def takes(self) -> str:
        """What a value must be, in words."""
        one, _, several = self.metavar.partition(" ")
        if not one:
            return "no value"
        noun = NOUNS.get(one) or f"one of {', '.join(self.choices)}"
        return f"{noun.removeprefix('a ')}s" if several and one in NOUNS else noun

    @property
    def choices(self) -> list[str]:
        """The words that it takes, where there are few."""
        return self.metavar.partition(" ")[0].strip("{}").split(",") if "{" in self.metavar else []


def settings_of(kind: type, base: Any) -> list[Setting]:
    """Every setting of a config class in the order of its groups, with the defaults of the config `base`."""
    hidden: Collection[str] = getattr(kind, "HIDDEN", ())
    return [
        setting
        for group in dataclasses.fields(kind)
        for setting in _group_settings(group.name, getattr(base, group.name))
        if setting.name not in hidden
    ]


def _group_settings(name: str, group: Any) -> list[Setting]:
    hints, docs = get_type_hints(type(group), include_extras=True), field_docs(type(group))
    return [
        Setting(
            field.name,
            name,
            docs.get(field.name, ""),
            getattr(group, field.name),
            _metavar(hints[field.name]),
            positional=tyro.conf.Positional in get_args(hints[field.name]),
        )
        for field in dataclasses.fields(group)
    ]


@cache
def field_docs(kind: type) -> dict[str, str]:
    """The string under each field of a dataclass, on one line; a class's own wins over its base's."""
    docs: dict[str, str] = {}
    for declaring in (base for base in reversed(kind.__mro__) if "__dataclass_fields__" in vars(base)):
        [definition] = ast.parse(textwrap.dedent(inspect.getsource(declaring))).body
        assert isinstance(definition, ast.ClassDef), "a dataclass is a class"
        for field, text in pairwise(definition.body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    docs[name] = " ".join(words.split())
    return docs


def _metavar(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return next(filter(None, (getattr(mark, "metavar", None) for mark in arguments)), _metavar(arguments[0]))
    if origin in (Union, UnionType):
        return next(_metavar(argument) for argument in arguments if argument is not NoneType)
    if origin is Literal:
        return f"{{{','.join(map(str, arguments))}}}"
    if origin is tuple:
        return f"{_metavar(arguments[0])} ..."
    return PLAIN.get(hint, "")
