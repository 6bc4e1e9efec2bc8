"""The encoder of a trained network, for use in a network of one's own."""

from pathlib import Path

from common.config.encoder import NamedEncoderConfig
from common.config.groups import UNetConfig
from common.models.encoder import Encoder
from common.models.layout import channels_last
from common.models.recognised import recognised_encoder
from common.models.registry import build_encoder
from common.models.weights import load_exactly
from common.run.checkpoint import Handover, handover_file, load_handover
from common.run.exported import read_export


def load_encoder(path: Path | str) -> Encoder:
    """Load the encoder in an ae.pth, a best.pth of either phase, a run folder, or a file of --export_encoder.

    It is on the CPU, in evaluation mode, and a feature pyramid: `channels` and `strides` (finest first), and
    `encoder(image)` gives a list of maps (n c h w) for images in [0, 1]. Raises UserError for a file that is not of
    this program.
    """
    file = handover_file(Path(path))
    if read_export(file) is not None:
        encoder, _ = recognised_encoder(file, NamedEncoderConfig(), UNetConfig(), channels=3)
        channels_last(encoder)
        return encoder.eval()
    return encoder_of(load_handover(file), file)


def encoder_of(handover: Handover, file: Path) -> Encoder:
    """The encoder of what was read from a file; on the CPU, in evaluation mode."""
    encoder = build_encoder(handover.architecture["encoder"])
    channels_last(encoder)
    load_exactly(encoder, handover.sections["encoder"], f"the encoder in {file}")
    return encoder.eval()
