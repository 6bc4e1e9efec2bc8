"""From settings to the objects of phase 2: the network with what was handed to it, and the parts it is trained in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.checkpoint import load_handover
from common.models.decoder import UNetDecoder
from common.models.encoder import Encoder, UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from common.models.weights import imagenet_state, load_exactly
from common.models.zoo import build_decoder, build_encoder
from common.optim import Part
from transfer.config import EncoderConfig, TransferConfig
from transfer.model import SegmentationNet
from transfer.receipt import CONSTANTS, Receipt, count_parameters, learnt_tensors


@dataclass(frozen=True)
class Source:
    """The parts that a network is built from, and where they came from."""

    name: str
    encoder: Encoder
    decoder: UNetDecoder | None = None
    """A decoder that was handed over too; None for a fresh one."""
    loaded: int = 0
    """Tensors filled from a file; 0 from scratch."""
    task: Mapping[str, Any] = field(default_factory=dict)
    """What it was pretrained on, in the words of its file."""
    train_images: frozenset[str] = frozenset()
    """Digests of the images that it has seen."""


def build_network(config: TransferConfig, num_classes: int) -> tuple[SegmentationNet, Receipt, Source]:
    """The segmentation network with its encoder filled, and the receipt for that.

    Raises UserError when the encoder's file is not one, or does not fit, or ImageNet weights can't be had.
    """
    source = find_source(config)
    encoder, plan = source.encoder, config.encoder
    encoder.check_size(config.data.image_size, config.data.image_size)
    decoder = source.decoder or UNetDecoder(
        encoder.channels,
        encoder.strides,
        widths=plan.decoder_widths,
        norm=plan.decoder_norm,
        dropout=config.model.decoder_dropout,
    )
    net = SegmentationNet(encoder, decoder, num_classes=num_classes)
    return net, _receipt(net, source, plan), source


def _receipt(net: SegmentationNet, source: Source, plan: EncoderConfig) -> Receipt:
    parts = ("encoder", "decoder") if source.decoder is not None else ("encoder",)
    pretrained = source.loaded > 0
    return Receipt(
        source=source.name,
        parts=parts,
        tensors=learnt_tensors(net, parts),
        loaded=source.loaded,
        part_parameters=count_parameters(*(net.get_submodule(part) for part in parts)),
        parameters=count_parameters(net),
        frozen_epochs=plan.freeze_epochs if pretrained else 0,
        thaw_every=plan.thaw_every if pretrained else 0,
        lr_factor=plan.encoder_lr_factor if pretrained else 1.0,
    )


def find_source(config: TransferConfig) -> Source:
    """What the settings name: parts from a handover file, MobileNetV2, or a U-Net's encoder from scratch."""
    plan, model = config.encoder, config.model
    if plan.pretrained_encoder is not None:
        return _handed_over(handover_file(plan.pretrained_encoder), decoder_too=plan.transfer == "all")
    if plan.encoder == "mobilenet_v2":
        return _mobilenet(plan)
    return Source("scratch", UNetEncoder(widths=model.widths, norm=model.norm, dropout=model.dropout))


def handover_file(path: Path) -> Path:
    """The handover file that a path means: itself, or the ae.pth or best.pth of a run's folder."""
    if not path.is_dir():
        return path
    return next((path / name for name in ("ae.pth", "best.pth") if (path / name).exists()), path / "ae.pth")


def _handed_over(path: Path, *, decoder_too: bool) -> Source:
    file = load_handover(path, kind="autoencoder")
    encoder = build_encoder(file.architecture["encoder"])
    decoder = build_decoder(file.architecture["decoder"]) if decoder_too else None
    loaded = load_exactly(encoder, file.sections["encoder"], f"the encoder in {path}") - len(CONSTANTS)
    if decoder is not None:
        loaded += load_exactly(decoder, file.sections["decoder"], f"the decoder in {path}")
    name = f"{path} (pretext {file.task.get('pretext')})"
    return Source(name, encoder, decoder, loaded, file.task, frozenset(file.provenance.get("train_images", ())))


def _mobilenet(plan: EncoderConfig) -> Source:
    encoder = MobileNetV2Encoder()
    if plan.encoder_weights == "none":
        return Source("scratch (mobilenet_v2)", encoder)
    loaded = encoder.load_imagenet(imagenet_state("mobilenet_v2", plan.encoder_weights_path))
    return Source("ImageNet (mobilenet_v2)", encoder, loaded=loaded, task={"uses_imagenet_labels": True})


def training_parts(net: SegmentationNet, receipt: Receipt, layer_decay: float) -> list[Part]:
    """The levels of the encoder, each at its own rate, and the rest of the network at the full rate.

    The coarsest level of a pretrained encoder is trained at the receipt's factor, every finer one at `layer_decay`
    times the rate of the next. From scratch all is trained at the full rate.

    Source: Clark et al. 2020 (ELECTRA), arXiv 2003.10555, appendix A (layer-wise decay of the rate).
    Deviation: a level of the pyramid stands for a layer.
    """
    levels = net.encoder.levels()
    decay = layer_decay if receipt.pretrained else 1.0
    factors = [receipt.lr_factor * decay**depth for depth in reversed(range(len(levels)))]
    parts = [Part(layers, factor) for layers, factor in zip(levels, factors, strict=True)]
    return [*parts, Part([net.decoder, net.head])]
