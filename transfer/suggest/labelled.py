"""What is labelled already: the images that a run learnt from and was measured on."""

from dataclasses import dataclass

import numpy as np

from common.config.load import unflatten
from common.data.load import load_labelled
from common.data.pack import LabelledPack
from common.errors import UserError
from transfer.config import TransferConfig
from transfer.segmenter import Segmenter
from transfer.suggest.config import SuggestOptions


@dataclass(frozen=True, eq=False)
class Labelled:
    """The images that have masks, as far as they are known."""

    digests: frozenset[str]
    """Equal ones are files of equal bytes."""
    trained_on: LabelledPack | None
    """Those that the network was trained on; None where they are not where they were."""
    config: TransferConfig
    """The settings of the training."""
    measured_on: tuple[LabelledPack, ...] = ()
    """Those that validate and test it."""


def labelled_images(model: Segmenter, options: SuggestOptions) -> Labelled:
    """The images of the training of a network, read again where they still are."""
    known = model.handover.provenance
    config, trained = unflatten(TransferConfig, known.config, source=options.file), set(known.train_images)
    if config.data.data_dir is not None and not config.data.data_dir.is_dir():
        return Labelled(frozenset(trained), None, config)
    try:
        data = load_labelled(config.data, depth=model.handover.input.depth, classes=model.classes)
    except UserError:  # other files lie there now
        return Labelled(frozenset(trained), None, config)
    kept = np.array([digest in trained for digest in data.train.digests], dtype=bool)
    pack = data.train.take(np.flatnonzero(kept)) if kept.any() else None
    digests = frozenset(trained.union(data.val.digests, data.test.digests))
    return Labelled(digests, pack, config, measured_on=(data.val, data.test))
