"""A segmented image, and what kinds of files are made of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, UInt8, UInt16

from transfer.predict.objects import Found, Part, cut_out
from transfer.predict.photos import Original
from transfer.predict.probabilities import MOST


@dataclass(frozen=True, eq=False)
class Result:
    """An image and its mask at the image's own size."""

    photo: Original
    mask: UInt8[np.ndarray, "h w"]
    """The class of each pixel; 255 where it is too unsure for one."""
    found: Found
    """Connected parts of the classes."""
    confidence: UInt16[np.ndarray, "h w"] | None = None
    """The probability of the likeliest class, of `MOST`; None where no file tells it."""
    uncertainty: UInt16[np.ndarray, "h w"] | None = None
    """How much networks, or views of the image, disagree, of `MOST`; None where there is one of them."""

    @cached_property
    def shapes(self) -> list[tuple[Part, Bool[np.ndarray, "p q"]]]:
        """Each part, with its pixels in the rectangle around it."""
        return list(cut_out(self.mask, self.found.parts))

    @property
    def mean_uncertainty(self) -> float | None:
        """Over all pixels; None where there is one network, and one view."""
        return None if self.uncertainty is None else float(self.uncertainty.mean()) / MOST

    def sureness(self, part: Part, shape: Bool[np.ndarray, "p q"]) -> float:
        """The mean probability of the class in the pixels of a part."""
        assert self.confidence is not None, "formats with scores ask for it"
        rows, columns = slice(part.top, part.top + part.height), slice(part.left, part.left + part.width)
        return round(float(self.confidence[rows, columns][shape].mean()) / MOST, 4)


@dataclass(frozen=True)
class Kind(ABC):
    """A kind of files, for networks of these classes. Raises UserError where it can't hold them."""

    names: tuple[str, ...]
    background: int | None
    scored: ClassVar[bool] = False
    """Whether it tells probabilities."""


class FileEach(Kind):
    """A file for each image."""

    folder: ClassVar[str]
    suffix: ClassVar[str] = ".png"

    @abstractmethod
    def write(self, result: Result, path: Path) -> None:
        """Write the file of an image; what it can't write raises OSError."""


@dataclass(frozen=True)
class Entry:
    """What one image adds to a file of all images."""

    key: str
    image: str
    """The path of its file."""
    width: int
    height: int
    content: Any
    """Plain data of JSON."""

    @property
    def name(self) -> str:
        """The path of its file within the folder of the images."""
        return f"{self.key}{Path(self.image).suffix}"


class OneFile(Kind):
    """One file of all images."""

    file: ClassVar[str]
    beside: ClassVar[tuple[str, ...]] = ()
    """Files that are written with it."""

    @abstractmethod
    def entry(self, result: Result) -> Any:
        """What an image adds to it, as plain data of JSON."""

    @abstractmethod
    def write(self, path: Path, entries: Callable[[], Iterable[Entry]]) -> None:
        """Write the file, an entry at a time; `entries` begins with the first again."""
