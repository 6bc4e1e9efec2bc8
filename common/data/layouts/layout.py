"""What every way of laying out a data set in folders has to answer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.data.classes import BINARY, SPECIES, Classes
from common.data.listing import IMAGE_SUFFIXES
from common.data.samples import Dataset
from common.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Layout(ABC):
    """A way of laying out images and masks in folders; an entry of `common.data.layouts.registry.LAYOUTS`."""

    words: str
    """The layout in a few words, for the error that lists those that are understood."""
    auto: str
    """The word among `known` for the classes that the masks hold unless --classes says otherwise."""
    known: Mapping[str, Classes] = field(default_factory=lambda: {"species": SPECIES, "binary": BINARY})

    @abstractmethod
    def matches(self, root: Path) -> bool:
        """Whether a folder is laid out like this."""

    @abstractmethod
    def find(self, root: Path, name: str, *, classes: str, labelled: bool) -> Dataset:
        """List the images of a folder that matches, with their masks if `labelled`.

        `name` is that of the layout, `classes` the value of --classes. Raises UserError for a folder without images,
        and for images and masks that do not pair up.
        """


def no_images(root: Path) -> UserError:
    """The error for a folder without images."""
    return UserError(f"{root} holds no images ({', '.join(IMAGE_SUFFIXES)}); check --data_dir")
