"""The test images of compared runs, found again in their data: it may hold other images than when they were tested."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int64

from common.data.load import load_labelled, load_part
from common.data.pack import LabelledPack
from common.errors import UserError, abbreviate
from common.run.notes import data_name
from common.words import counted
from transfer.compare.finished_run import FinishedRun
from transfer.model import SegmentationNet
from transfer.scoring import ImageCounts, found_in
from transfer.segmenter import Segmenter, load_model


@dataclass(frozen=True, eq=False)
class Shown:
    """What the pictures of a comparison are drawn from."""

    runs: Sequence[FinishedRun]
    """The runs, with those of their test images that are there as they were tested."""
    networks: dict[str, tuple[SegmentationNet, LabelledPack]]
    """By the name of each run its network, and these images at the size that it takes."""
    left_out: str
    """A sentence on the images that are not there; "" for none."""


def shown_images(runs: Sequence[FinishedRun], device: torch.device) -> Shown:
    """Find the test images of runs that were tested on the same ones. Raises UserError where none is left."""
    found = [_images(run, load_model(run.folder, device)) for run in runs]
    there = np.all([at >= 0 for _, _, at in found], axis=0)
    if not there.any():
        places = dict.fromkeys(str(run.config.data.data_dir or data_name(run.config.data)) for run in runs)
        raise UserError(f"no test image of these runs is in {', '.join(places)} as it was tested: put them back there")
    shown = [_some(run, there) for run in runs]
    networks = {
        run.name: (net, _taken(pack, at[there], run)) for run, (net, pack, at) in zip(shown, found, strict=True)
    }
    missing = [key for key, inside in zip(runs[0].keys, there, strict=True) if not inside]
    said = f"{counted(len(missing), 'test image', 'has')} scores and no picture, being gone or changed since the tests"
    return Shown(shown, networks, f"{said}: {abbreviate(missing)}" if missing else "")


def _images(run: FinishedRun, model: Segmenter) -> tuple[SegmentationNet, LabelledPack, Int64[np.ndarray, " n"]]:
    """Its network, the images of its data, and where each test image of the run is among them, as `found_in`.

    They are the test part of today, and all images where that lacks some.
    """
    known = {"depth": model.handover.input.depth, "classes": model.classes}
    tested = ImageCounts(run.keys, run.digests, run.scores.counts)
    with suppress(UserError):  # images that are gone may leave a part empty
        test = load_labelled(run.config.data, **known).test
        if (at := found_in(tested, test)).min() >= 0:
            return model.net, test, at
    whole = load_part(run.config.data, "all", **known).pack
    return model.net, whole, found_in(tested, whole)


def _some(run: FinishedRun, there: np.ndarray) -> FinishedRun:
    """A run with some of its test images."""
    if there.all():
        return run
    at = np.flatnonzero(there)
    keys, digests = (tuple(words[index] for index in at) for words in (run.keys, run.digests))
    return replace(run, keys=keys, digests=digests, scores=replace(run.scores, counts=run.scores.counts[at]))


def _taken(pack: LabelledPack, at: Int64[np.ndarray, " m"], run: FinishedRun) -> LabelledPack:
    """The images of a run under the names that they were tested by."""
    same = np.array_equal(at, np.arange(len(pack)))
    return replace(pack if same else pack.take(at), keys=run.keys, background=run.scores.background)
