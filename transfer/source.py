"""Where the encoder of phase 2 comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from common.data.pack import Pack
from common.errors import UserError, nearest
from common.models.decoder import Decoder
from common.models.encoder import Encoder, UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from common.models.registry import build_decoder, build_encoder
from common.models.smp import SMPEncoder, smp_names
from common.models.weights import imagenet_state, load_exactly
from common.run.checkpoint import handover_file, load_handover
from common.run.records import PretrainingRecord
from transfer.config import EncoderConfig, Taken, TransferConfig
from transfer.receipt import CONSTANTS


@dataclass(frozen=True)
class Source:
    """The parts that a network is built from, and where they came from."""

    name: str
    encoder: Encoder
    decoder: Decoder | None = None
    """A decoder that was handed over too; None for a fresh one."""
    outlines: Mapping[str, Tensor] | None = None
    """Weights of a head of this decoder that tells what stands out; None for a fresh output head."""
    loaded: int = 0
    """Tensors filled from a file; 0 from scratch."""
    pretraining: PretrainingRecord | None = None
    """What phase 1 taught it; None for ImageNet weights and from scratch."""
    uses_imagenet_labels: bool = False
    train_images: frozenset[str] = frozenset()
    """Digests of the images that it has seen."""

    def leaks(self, test: Pack) -> list[str]:
        """A sentence where it has seen images of the test set."""
        seen = sum(digest in self.train_images for digest in test.digests)
        return [f"LEAK: {seen} test images were among the images that the encoder was pretrained on"] if seen else []


def find_source(config: TransferConfig) -> Source:
    """What the settings name: parts from a handover file, an encoder by its name, or a U-Net's from scratch."""
    plan, model = config.encoder, config.model
    if plan.pretrained_encoder is not None:
        source = _handed_over(handover_file(plan.pretrained_encoder), plan.transfer)
        _refuse_other_channels(source, config.data.channels)
        return source
    if plan.encoder in (None, "unet"):
        settings = {"widths": model.widths, "norm": model.norm, "dropout": model.dropout, "down": model.down}
        return Source("scratch", UNetEncoder(**settings, in_channels=config.data.channels))
    return _from_zoo(plan, config.data.channels)


def _refuse_other_channels(source: Source, channels: int) -> None:
    found = len(source.encoder.mean)
    if found != channels:
        raise UserError(
            f"{source.name} was pretrained on images of {found} channels, and --channels is {channels}: "
            f"set --channels {found}, or pretrain on such images"
        )


def _handed_over(path: Path, transfer: Taken) -> Source:
    file = load_handover(path, kind="autoencoder")
    encoder = build_encoder(file.architecture["encoder"])
    decoder = build_decoder(file.architecture["decoder"]) if transfer != "encoder" else None
    loaded = load_exactly(encoder, file.sections["encoder"], f"the encoder in {path}") - len(CONSTANTS)
    if decoder is not None:
        loaded += load_exactly(decoder, file.sections["decoder"], f"the decoder in {path}")
    name, outlines = f"{path} (pretext {file.task.pretext})", None
    if transfer == "outlines":
        name += ", its outlines as class 0 against the others"
        outlines = file.sections.get("saliency_head")
        if outlines is None:
            raise UserError(
                f"{path} has no foreground head: pretrain with --pseudo_mask_weight 1, "
                "or use --transfer encoder+decoder"
            )
    seen = frozenset(file.provenance.train_images)
    return Source(name, encoder, decoder, outlines, loaded, file.task, file.task.uses_imagenet_labels, seen)


def _from_zoo(plan: EncoderConfig, channels: int) -> Source:
    name, path = plan.encoder or "", plan.encoder_weights_path
    ours = name == "mobilenet_v2"
    encoder = MobileNetV2Encoder(in_channels=channels) if ours else _from_library(plan, channels)
    if plan.encoder_weights == "none":
        return Source(f"scratch ({name})", encoder)
    if isinstance(encoder, SMPEncoder):
        loaded = encoder.load_pretrained(path)
    else:
        loaded = encoder.load_imagenet(imagenet_state("mobilenet_v2", path))
    fitted = "" if channels == 3 else f", its first layer refitted from 3 channels to {channels}"
    return Source(f"ImageNet ({name}{fitted})", encoder, loaded=loaded, uses_imagenet_labels=True)


def _from_library(plan: EncoderConfig, channels: int) -> SMPEncoder:
    name, known = plan.encoder or "", ("unet", "mobilenet_v2", *smp_names())
    if name not in known:
        raise UserError(f"--encoder {name}: there is no such encoder{nearest(name, known)}")
    return SMPEncoder(encoder=name, output_stride=plan.encoder_stride, in_channels=channels)
