"""From a folder of photographs to tar files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from common.data.layouts.registry import find_dataset
from common.data.opened import read_bytes
from common.data.parallel import with_progress
from common.data.samples import Sample
from common.data.shards.files import tar_writer
from common.errors import UserError
from common.files import replacing
from common.say import note, say
from common.words import counted

DIGITS = 6
"""Of the number in the name of a tar file."""


def write_shards(folder: Path, output: Path, *, size: int, seed: int) -> str:
    """Write the photographs of a folder into tar files of `size` each, in a random order; return their pattern.

    Files are copied byte for byte, by the names that phase 1 gives them in the folder, so that the same ones validate.
    Tar files appear complete, and all of them or none. Raises UserError for a folder without images, an image that
    can't be read, and for an output folder that holds tar files.
    """
    if any(output.glob("*.tar")):
        raise UserError(f"{output} holds tar files already: give a new folder as --output")
    dataset = find_dataset(folder, labelled=False)
    for sentence in dataset.notes:
        note(sentence)
    samples = [sample for sample in dataset.samples if sample.split in (None, "train")]
    if left := len(dataset.samples) - len(samples):
        note(f"{counted(left, 'image', 'is')} left out, of the splits that validate and test")
    order = np.random.default_rng(seed).permutation(len(samples))
    shards = np.split(order, range(size, len(order), size))
    parts = {output / f"{number:0{DIGITS}}.tar": [samples[i] for i in part] for number, part in enumerate(shards)}
    try:
        with closing(with_progress(_written(parts), len(order), "writing")) as written:
            count = sum(1 for _ in written)
    except BaseException:  # a part of them would pass for all
        for file in parts:
            file.unlink(missing_ok=True)
        raise
    say(f"wrote {counted(count, 'photograph')} into {counted(len(parts), 'shard')} in {output}")
    return f"{output}/{{{0:0{DIGITS}}..{len(parts) - 1:0{DIGITS}}}}.tar"


def _written(parts: Mapping[Path, Sequence[Sample]]) -> Iterator[Sample]:
    """Photographs that were written, one after the other."""
    for file, samples in parts.items():
        with replacing(file) as temporary, tar_writer(temporary) as tar:
            for sample in samples:
                name = sample.key.replace("%", "%25").replace(".", "%2E")  # readers end a name at its first dot
                tar.write({"__key__": name, sample.image.suffix[1:].lower(): read_bytes(sample.image)})
                yield sample
