"""From settings to the objects of phase 2: the network with what was handed to it, and the parts it is trained in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from common.config.groups import UNetConfig
from common.data.pack import Pack
from common.engine.optim import Part
from common.errors import UserError, nearest
from common.models.decoder import Decoder, doublings
from common.models.encoder import Encoder, UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from common.models.registry import build_decoder, build_encoder
from common.models.smp import SMPEncoder, smp_names
from common.models.weights import imagenet_state, load_exactly
from common.run.checkpoint import handover_file, load_handover
from transfer.config import EncoderConfig, Taken, TransferConfig
from transfer.model import SegmentationNet
from transfer.receipt import CONSTANTS, Receipt, count_parameters, learnt_tensors


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
    task: Mapping[str, Any] = field(default_factory=dict)
    """What it was pretrained on, in the words of its file."""
    train_images: frozenset[str] = frozenset()
    """Digests of the images that it has seen."""

    def leaks(self, test: Pack) -> list[str]:
        """A sentence where it has seen images of the test set."""
        seen = sum(digest in self.train_images for digest in test.digests)
        return [f"LEAK: {seen} test images were among the images that the encoder was pretrained on"] if seen else []


def build_network(config: TransferConfig, num_classes: int) -> tuple[SegmentationNet, Receipt, Source]:
    """The segmentation network with its encoder filled, and the receipt for that.

    Raises UserError when the encoder's file is not one, or does not fit, or ImageNet weights can't be had.
    """
    source = find_source(config)
    encoder = source.encoder
    encoder.check_size(config.data.image_size, config.data.image_size)
    decoder = source.decoder or fresh_decoder(encoder, config)
    if config.decoder.one_logit and num_classes != 2:
        raise UserError(f"--one_logit tells two classes apart, the data has {num_classes}: leave it out")
    net = SegmentationNet(encoder, decoder, num_classes=num_classes, one_logit=config.decoder.one_logit)
    if source.outlines is not None:
        net.begin_with_outlines(source.outlines)
    return net, _receipt(net, source, config), source


def _receipt(net: SegmentationNet, source: Source, config: TransferConfig) -> Receipt:
    plan, parameters = config.encoder, count_parameters(net)
    parts = ("encoder", "decoder") if source.decoder is not None else ("encoder",)
    pretrained = source.loaded > 0
    slip = Receipt(
        source=source.name,
        parts=parts,
        tensors=learnt_tensors(net, parts),
        loaded=source.loaded,
        part_parameters=count_parameters(*(net.get_submodule(part) for part in parts)),
        parameters=parameters,
        trained_parameters=parameters,
        frozen_epochs=plan.freeze_epochs if pretrained else 0,
        thaw_every=plan.thaw_every if pretrained else 0,
        lr_factor=plan.pretrained_lr_factor if pretrained else 1.0,
        epochs=config.training.epochs,
    )
    levels = net.encoder.levels()
    never = levels[: slip.frozen_levels(config.training.epochs - 1, len(levels))]
    return replace(
        slip, trained_parameters=parameters - count_parameters(*(layer for level in never for layer in level))
    )


def fresh_decoder(encoder: Encoder, config: TransferConfig) -> Decoder:
    """The decoder that the settings name, with fresh weights. Raises UserError where it does not fit the encoder."""
    plan, dropout = config.decoder, config.model.decoder_dropout
    pyramid = {"encoder_channels": encoder.channels, "encoder_strides": encoder.strides}
    if dropout == UNetConfig().decoder_dropout:  # for five steps; where there are fewer they take the last of them
        dropout = dropout[-len(doublings(encoder.strides[-1])) :]
    settings: dict[str, Any] = {"widths": plan.decoder_widths, "dropout": dropout}
    match plan.decoder:
        case "unet":
            settings |= {"norm": plan.decoder_norm, "up": plan.up}
        case "deeplabv3plus":
            settings = {}
    return build_decoder({"name": plan.decoder, **pyramid, **settings})


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
    name, outlines = f"{path} (pretext {file.task.get('pretext')})", None
    if transfer == "outlines":
        name += ", its outlines as class 0 against the others"
        outlines = file.sections.get("saliency_head")
        if outlines is None:
            raise UserError(f"{path} has learnt no outlines: pretrain with --saliency_weight 1, or take --transfer all")
    seen = frozenset(file.provenance.get("train_images", ()))
    return Source(name, encoder, decoder, outlines, loaded, file.task, seen)


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
    return Source(f"ImageNet ({name}{fitted})", encoder, loaded=loaded, task={"uses_imagenet_labels": True})


def _from_library(plan: EncoderConfig, channels: int) -> SMPEncoder:
    name, known = plan.encoder or "", ("unet", "mobilenet_v2", *smp_names())
    if name not in known:
        raise UserError(f"--encoder {name}: there is no such encoder{nearest(name, known)}")
    return SMPEncoder(encoder=name, output_stride=plan.encoder_stride, in_channels=channels)


def training_parts(net: SegmentationNet, receipt: Receipt, layer_decay: float) -> list[Part]:
    """The levels of the encoder, each at its own rate, the decoder, and the head at the full rate.

    The coarsest level of a pretrained encoder is trained at the receipt's factor, every finer one at `layer_decay`
    times the rate of the next; a decoder that came along at that factor too. What is fresh has the full rate.

    Source: Clark et al. 2020 (ELECTRA), arXiv 2003.10555, appendix A (layer-wise decay of the rate).
    Deviation: a level of the pyramid stands for a layer.
    """
    levels = net.encoder.levels()
    decay = layer_decay if receipt.pretrained else 1.0
    factors = [receipt.lr_factor * decay**depth for depth in reversed(range(len(levels)))]
    parts = [Part(layers, factor) for layers, factor in zip(levels, factors, strict=True)]
    decoder = Part([net.decoder], receipt.lr_factor if "decoder" in receipt.parts else 1.0)
    return [*parts, decoder, Part([net.head])]
