"""The origin of the encoder: a handover file of phase 1, ImageNet weights, or scratch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from common.data.pack import Pack
from common.errors import UserError
from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.models.registry import build_decoder, build_encoder, encoder_part
from common.models.weights import load_exactly
from common.run.checkpoint import handover_file, load_handover
from common.run.records import PretrainingRecord
from common.words import counted
from transfer.config import Taken, TransferConfig
from transfer.receipt import CONSTANTS


@dataclass(frozen=True)
class Source:
    """The parts of a new network, and their origin."""

    name: str
    encoder: Encoder
    decoder: Decoder | None = None
    """A pretrained decoder; None for random initialisation."""
    foreground_head: Mapping[str, Tensor] | None = None
    """Weights of a foreground head on this decoder, for initialising the classifier; None for a random classifier."""
    loaded: int = 0
    """Number of tensors loaded from a file; 0 from scratch."""
    pretraining: PretrainingRecord | None = None
    """Record of phase 1; None for ImageNet weights and from scratch."""
    uses_imagenet_labels: bool = False
    unknown_labels: bool = False
    """Whether its file does not say whose labels helped."""
    train_images: frozenset[str] = frozenset()
    """Digests of the pretraining images."""

    def leaks(self, test: Pack) -> list[str]:
        """Return a warning if test images were among the pretraining images, else []."""
        seen = sum(digest in self.train_images for digest in test.digests)
        told = f"LEAK: {counted(seen, 'test image', 'was')} among the images that the encoder was pretrained on"
        return [told] if seen else []


def find_source(config: TransferConfig) -> Source:
    """Return the parts from a handover file, or an encoder by its name; the default is the U-Net encoder."""
    plan = config.encoder
    if plan.like is not None:
        source = _shaped_like(handover_file(plan.like), plan.transfer)
    elif plan.pretrained_encoder is None:
        return _by_name(config)
    else:
        source = _handed_over(handover_file(plan.pretrained_encoder), plan.transfer)
    _refuse_other_channels(source, config.data.channels)
    return source


def _refuse_other_channels(source: Source, channels: int) -> None:
    expected = len(source.encoder.mean)
    if expected != channels:
        raise UserError(
            f"{source.name} was pretrained on images of {expected} channels, and --channels is {channels}: "
            f"set --channels {expected}, or pretrain on such images"
        )


def _handed_over(path: Path, transfer: Taken) -> Source:
    file = load_handover(path, kind="autoencoder")
    encoder = build_encoder(file.architecture["encoder"])
    decoder = build_decoder(file.architecture["decoder"]) if transfer != "encoder" else None
    loaded = load_exactly(encoder, file.sections["encoder"], f"the encoder in {path}") - len(CONSTANTS)
    if decoder is not None:
        loaded += load_exactly(decoder, file.sections["decoder"], f"the decoder in {path}")
    name, foreground_head = f"{path} (pretext {file.task.pretext})", None
    if transfer == "outlines":
        name += ", its foreground head as initialisation of the classifier"
        foreground_head = file.sections.get("saliency_head")
        if foreground_head is None:
            raise UserError(
                f"{path} has no foreground head: pretrain with --pseudo_mask_weight 1, "
                "or use --transfer encoder+decoder"
            )
    seen = frozenset(file.provenance.train_images)
    labels = {"uses_imagenet_labels": file.task.uses_imagenet_labels}
    return Source(name, encoder, decoder, foreground_head, loaded, file.task, **labels, train_images=seen)


def _shaped_like(path: Path, transfer: Taken) -> Source:
    """The parts of a file with fresh weights: the network that a pretraining is to be compared with."""
    architecture = load_handover(path, kind="autoencoder").architecture
    decoder = build_decoder(architecture["decoder"]) if transfer != "encoder" else None
    return Source(f"scratch (shaped like {path})", build_encoder(architecture["encoder"]), decoder)


def _by_name(config: TransferConfig) -> Source:
    plan, unet, channels = config.encoder, config.model, config.data.channels
    name = plan.encoder or "unet"
    part = encoder_part(name)
    own = {"widths": unet.widths, "norm": unet.norm, "dropout": unet.dropout, "down": unet.down}
    encoder = part.make({"encoder": name, "in_channels": channels, "output_stride": plan.encoder_stride, **own})
    if not part.pretrained or plan.encoder_weights == "none":
        return Source("scratch" if name == "unet" else f"scratch ({name})", encoder)
    given = encoder.load_pretrained(plan.encoder_weights_path)
    fitted = "" if channels == 3 else f", its first layer refitted from 3 channels to {channels}"
    where = given.where and f", {given.where}"
    told = {"uses_imagenet_labels": given.imagenet, "unknown_labels": not given.imagenet}
    return Source(f"{given.origin} ({name}{where}{fitted})", encoder, loaded=given.tensors, **told)
