"""The network of a run's best epoch, with the temperature of its probabilities."""

from dataclasses import replace
from pathlib import Path

import torch

from common.data.pack import LabelledPack
from common.intervals import LEAST_IMAGES
from common.models.rebuild import load_sections
from common.run.checkpoint import load_handover, save_handover
from common.say import note
from common.words import counted
from transfer.calibration.temperature import PixelSample, fit_temperature
from transfer.config import TransferConfig
from transfer.model import SegmentationNet
from transfer.scoring import score_network
from transfer.segmenter import Segmenter


def best_network(
    folder: Path, net: SegmentationNet, val: LabelledPack, config: TransferConfig, *, device: torch.device
) -> Segmenter:
    """Load the best epoch into `net`; with --calibrate fit its temperature on validation images, into best.pth too.

    Too few images fit none, and a note says so.
    """
    file = folder / "best.pth"
    best = load_handover(file, kind="segmentation")
    load_sections(net.parts(), best.sections, "best.pth")
    model = Segmenter(net, replace(best, task=replace(best.task, temperature=1.0)), device)
    if not config.labels.calibrate:
        return model
    if len(val) < LEAST_IMAGES:
        known = counted(len(val), "validation image")
        note(f"confidence is not calibrated: {known}, and a temperature needs {LEAST_IMAGES}")
        return model
    temperature = temperature_of(model, val, seed=config.run.seed, batch_size=config.training.batch_size)
    calibrated = replace(best, task=replace(best.task, temperature=temperature))
    save_handover(calibrated, file)
    return Segmenter(net, calibrated, device)


def temperature_of(model: Segmenter, pack: LabelledPack, *, seed: int, batch_size: int) -> float:
    """The temperature that suits a network on labelled images, see `fit_temperature`."""
    sample = PixelSample(len(model.names), int(pack.class_pixels.sum()), seed=seed)
    score_network(model.fast, pack, model.names, batch_size=batch_size, watch=sample, bar=False)
    return fit_temperature(*sample.pixels())
