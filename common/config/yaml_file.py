"""The one reader of YAML, for settings and classes; what it refuses is a sentence with the file and the line."""

from pathlib import Path
from typing import Any

import yaml

from common.errors import UserError

LONGEST = 2**20
"""Letters of a file of settings; what is longer is something else."""
OF_PYYAML = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What PyYAML raises for text that is no YAML, values such as `!!float ""` and 5,000 brackets among it."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which PyYAML would take the last, and whole numbers that no setting takes."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)
            if name in lines:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value} stands here and in line {lines[name]}", problem_mark=key.start_mark
                )
            lines[name] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        number = super().construct_yaml_int(node)
        if abs(number) >= 2**63:
            raise yaml.MarkedYAMLError(problem="this number is too large", problem_mark=node.start_mark)
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


class _TextLoader(_Loader):
    """Takes every word for a text: no is a name, and not False."""


_TextLoader.yaml_implicit_resolvers = {}


NAMELESS = ' in "<unicode string>",'
"""How PyYAML calls a text in memory."""


def parse_yaml(text: str, source: object, *, as_text: bool = False) -> Any:
    """The data in a YAML text, with `as_text` all of them texts.

    Raises UserError, with the source's name and the line, for any other text.
    """
    try:
        return yaml.load(text, _TextLoader if as_text else _Loader)
    except OF_PYYAML as error:
        reason = "its brackets are nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UserError(f"{source} is not YAML: {' '.join(reason.split()).replace(NAMELESS, ',')}") from None


def load_yaml(path: Path, what: str = "config", *, as_text: bool = False) -> Any:
    """The data in a YAML file, with `as_text` all of them texts; None if it is empty.

    Raises UserError where the file can't be read, or is no YAML.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(LONGEST + 1)
    except UnicodeDecodeError:
        raise UserError(f"cannot read the {what} {path}: it is not UTF-8 text: save it in UTF-8") from None
    except OSError as error:
        raise UserError(f"cannot read the {what} {path}: {error.strerror or error}") from None
    if len(text) > LONGEST:
        raise UserError(f"cannot read the {what} {path}: it is too long for one, over 1 MB")
    return parse_yaml(text, path, as_text=as_text)
