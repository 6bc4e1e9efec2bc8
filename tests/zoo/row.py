"""A row of the zoo: bad input that code makes, the command that meets it, and what it must say."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from datasets import photo, square_mask, write_tree
from tiny import TINY

TRAIN = [*TINY, "--batch_size", "2", "--epochs", "1", "--num_workers", "1", "--output_dir", "out"]
"""Flags of a training that would end within a second."""
DATA = [*TRAIN, "--data_dir", "data", "--split_seed", "9"]
MODEL = "MODEL"
"""Stands, in flags, for the file of a trained segmentation network."""
PREDICT = ["--model_path", MODEL, "--device", "cpu", "--num_workers", "1", "--output", "out"]


@dataclass(frozen=True)
class Row:
    """One kind of bad input."""

    id: str
    make: Callable[[], object]
    """Makes the input in the working folder."""
    command: str
    flags: list[str]
    said: str
    """A part of the sentence."""
    leaves: tuple[str, ...] = ()
    """What stays in the working folder, of work that was done before."""
    env: Mapping[str, str | None] = field(default_factory=dict)
    """Variables of the environment; None takes one away."""
    limit: tuple[int, int] | None = None
    """A resource of `resource.setrlimit`, and its soft limit while the command runs."""


def nothing() -> None:
    """No input but the flags."""


def pairs(count: int = 8, root: str = "data") -> Path:
    """Images with binary masks, enough for the three parts of a data set."""
    for name, content in _files(count).items():
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Path(root)


@cache
def _files(count: int) -> dict[str, bytes]:
    """Names and contents, encoded once."""
    images = {f"images/{i}.png": photo(i, height=16, width=20) for i in range(count)}
    masks = {f"masks/{i}.png": square_mask(255, height=16, width=20) for i in range(count)}
    with TemporaryDirectory() as folder:
        return {
            name: (write_tree(Path(folder), {name: array}) / name).read_bytes()
            for name, array in (images | masks).items()
        }


def with_file(name: str, content: bytes | Callable[[], bytes]) -> Callable[[], None]:
    """`pairs`, and one file there of other content."""

    def make() -> None:
        path = pairs() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content())

    return make


def text(name: str, content: str | bytes) -> Callable[[], None]:
    """A file in the working folder."""

    def make() -> None:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def both(*makers: Callable[[], object]) -> Callable[[], None]:
    """One after the other."""

    def make() -> None:
        for maker in makers:
            maker()

    return make


def bytes_name(name: bytes) -> str:
    """A name of a file by its bytes."""
    return os.fsdecode(name)
