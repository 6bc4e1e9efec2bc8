"""What makes the decoded images of some files differ from those of others: the files' bytes, and how they are read."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common.data.known import KnownFiles, file_digest
from common.data.samples import PLAIN, Reading, Sample, mask_files


class Identity(NamedTuple):
    """What a sample is, wherever its files lie."""

    image: str
    """A digest of the image file."""
    mask: str
    """A digest of the files of its mask; "" for none."""
    values: list[tuple[int | str, int]]
    """What the values of the mask mean."""
    reading: Reading

    @property
    def content(self) -> list[Any]:
        """All of it as plain data; of how the files are read only what is not plain."""
        reading = self.reading._replace(refused=bool(self.reading.refused))  # which names files where they lie
        return [self.image, self.mask, self.values, *([reading] if self.reading != PLAIN else [])]

    @property
    def truth(self) -> str:
        """Equal ones are masks of equal bytes whose values mean the same."""
        return digest_of(self.content[1:])


def identities(samples: Sequence[Sample], known: KnownFiles) -> list[Identity]:
    """What each sample is; only files without a record in `known` are read."""
    images = known.digests([sample.image for sample in samples], file_digest)
    of_files = iter(known.digests([path for sample in samples for path in mask_files(sample)], file_digest))
    masks = [_mask_digest(sample, [next(of_files) for _ in mask_files(sample)]) for sample in samples]
    values = [sorted(sample.values.items(), key=_by_key) for sample in samples]
    readings = [sample.reading for sample in samples]
    return [Identity(*parts) for parts in zip(images, masks, values, readings, strict=True)]


def digest_of(content: list[Any]) -> str:
    """A digest of plain data."""
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()


def without_paths(reason: str, sample: Sample) -> str:
    """A reason that holds wherever the files lie, because a pack is found by the content of its files alone."""
    for path, name in _places(sample):
        reason = reason.replace(str(path), name)
    return reason


def with_paths(reason: str, sample: Sample) -> str:
    """The inverse of `without_paths`, for files that lie elsewhere."""
    for path, name in _places(sample):
        reason = reason.replace(name, str(path))
    return reason


def _mask_digest(sample: Sample, digests: list[str]) -> str:
    content = sample.mask.content if sample.mask else []
    return digest_of([*digests, content]) if content or len(digests) > 1 else "".join(digests)


def _by_key(entry: tuple[int | str, int]) -> tuple[bool, int | str]:
    """Numbers in their order, and after them ranges, colours and the rest."""
    return isinstance(entry[0], str), entry[0]


def _places(sample: Sample) -> list[tuple[Path, str]]:
    """The files of a sample, and what stands for each in a reason."""
    masks = [(path, f"{{mask{number or ''}}}") for number, path in enumerate(mask_files(sample))]
    return [*masks, (sample.image, "{image}")]
