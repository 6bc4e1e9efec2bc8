"""What is said of a data set before it is used."""

from collections.abc import Sequence

from common.data.lost import LOST, lost_notes
from common.data.pack import Pack
from common.data.samples import Dataset
from common.errors import abbreviate
from common.words import counted


def notes_of(dataset: Dataset, packs: Sequence[Pack]) -> tuple[str, ...]:
    """What the classes mean, what was left out, and what reading lost."""
    left_out = [f"left out: {reason}" for pack in packs for reason in pack.bad_files]
    lost = {kind: [key for pack in packs for key in pack.lost.get(kind, ())] for kind in LOST}
    meant = dataset.classes.notes if dataset.classes is not None else ()
    return *meant, *dataset.notes, *left_out, *lost_notes(lost)


def leaks(train: Pack, val: Pack, test: Pack) -> tuple[str, ...]:
    """A sentence if test images are, byte for byte, also used for training or for choosing the best epoch."""
    seen = {*train.digests, *val.digests}
    copies = [key for key, digest in zip(test.keys, test.digests, strict=True) if digest in seen]
    if not copies:
        return ()
    return (
        f"LEAK: the test scores are too high: {len(copies)} of {counted(len(test), 'test image')}, copies of training "
        f"or validation images: {abbreviate(copies)}",
    )
