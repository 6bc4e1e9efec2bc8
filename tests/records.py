"""What handover files say of themselves, for tests to which it is all the same."""

from typing import Any

from common.run.checkpoint import AutoencoderHandover, SegmentationHandover, sections_of
from common.run.input import Input
from common.run.records import PretrainingRecord, Provenance, Receipt, SegmentationProvenance, SegmentationRecord
from pretrain.model import Autoencoder
from transfer.model import SegmentationNet

ORIGIN: dict[str, Any] = {"config": {}, "environment": {}, "validation": {"epoch": 1}}
"""Settings, machine and figures of no run."""
RECEIPT = Receipt(
    source="scratch",
    parts=("encoder",),
    tensors=48,
    loaded=0,
    part_parameters=1,
    parameters=2,
    trained_parameters=2,
    frozen_epochs=0,
    epochs=20,
    lr_factor=1.0,
)


def autoencoder_handover(model: Autoencoder, task: PretrainingRecord) -> AutoencoderHandover:
    """An autoencoder for images of 64 x 64 pixels, as phase 1 hands it over."""
    return AutoencoderHandover(
        sections=model.sections(),
        architecture=model.architecture(),
        input=Input(64),
        task=task,
        provenance=Provenance(**ORIGIN),
    )


def segmentation_handover(net: SegmentationNet, task: SegmentationRecord) -> SegmentationHandover:
    """A segmentation network for images of 64 x 64 pixels, as phase 2 leaves it."""
    return SegmentationHandover(
        sections=sections_of(net),
        architecture=net.architecture(),
        input=Input(64),
        task=task,
        provenance=SegmentationProvenance(**ORIGIN, encoder=RECEIPT),
    )
