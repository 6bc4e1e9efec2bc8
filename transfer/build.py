"""From settings to the objects of phase 2: network with its encoder, optimizer, rates."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from common.checkpoint import Handover, load_handover
from common.models.decoder import UNetDecoder
from common.models.encoder import Encoder, UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from common.models.weights import imagenet_state, load_exactly
from common.models.zoo import build_encoder
from common.schedule import poly
from transfer.config import EncoderConfig, TransferConfig
from transfer.model import SegmentationNet
from transfer.receipt import CONSTANTS, Receipt, receipt


@dataclass(frozen=True)
class Source:
    """An encoder and where it came from."""

    encoder: Encoder
    name: str
    loaded: int
    """Tensors filled from a file; 0 from scratch."""
    task: dict[str, Any]
    """What it was pretrained on, in the words of its file."""
    train_images: frozenset[str] = frozenset()
    """Digests of the images that it has seen."""


def build_network(config: TransferConfig, num_classes: int) -> tuple[SegmentationNet, Receipt, Source]:
    """The segmentation network with its encoder filled, and the receipt for that.

    Raises UserError when the encoder's file is not one, or does not fit, or ImageNet weights can't be had.
    """
    source = find_encoder(config)
    encoder, plan = source.encoder, config.encoder
    encoder.check_size(config.data.image_size, config.data.image_size)
    decoder = UNetDecoder(
        encoder.channels,
        encoder.strides,
        widths=plan.decoder_widths,
        norm=plan.decoder_norm,
        dropout=config.model.decoder_dropout,
    )
    net = SegmentationNet(encoder, decoder, num_classes=num_classes)
    slip = receipt(net, source.name, source.loaded, frozen_epochs=plan.freeze_epochs, lr_factor=plan.encoder_lr_factor)
    return net, slip, source


def find_encoder(config: TransferConfig) -> Source:
    """The encoder that the settings name: from a handover file, MobileNetV2, or a U-Net from scratch."""
    plan = config.encoder
    if plan.pretrained_encoder is not None:
        return _handed_over(handover_file(plan.pretrained_encoder))
    if plan.encoder == "mobilenet_v2":
        return _mobilenet(plan)
    model = config.model
    return Source(UNetEncoder(widths=model.widths, norm=model.norm, dropout=model.dropout), "scratch", 0, {})


def handover_file(path: Path) -> Path:
    """The handover file that a path means: itself, or the ae.pth or best.pth of a run's folder."""
    if not path.is_dir():
        return path
    return next((path / name for name in ("ae.pth", "best.pth") if (path / name).exists()), path / "ae.pth")


def _handed_over(path: Path) -> Source:
    file: Handover = load_handover(path, kind="autoencoder")
    encoder = build_encoder(file.architecture["encoder"])
    loaded = load_exactly(encoder, file.sections["encoder"], f"the encoder in {path}") - len(CONSTANTS)
    images = frozenset(file.provenance.get("train_images", ()))
    return Source(encoder, f"{path} (pretext {file.task.get('pretext')})", loaded, file.task, images)


def _mobilenet(plan: EncoderConfig) -> Source:
    encoder = MobileNetV2Encoder()
    if plan.encoder_weights == "none":
        return Source(encoder, "scratch (mobilenet_v2)", 0, {})
    loaded = encoder.load_imagenet(imagenet_state("mobilenet_v2", plan.encoder_weights_path))
    return Source(encoder, "ImageNet (mobilenet_v2)", loaded, {"uses_imagenet_labels": True})


def build_optimizer(net: SegmentationNet, config: TransferConfig, encoder_factor: float) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum; the encoder's group moves at `encoder_factor` times the rate."""
    groups = [
        {"params": list(net.encoder.parameters()), "factor": encoder_factor},
        {"params": [*net.decoder.parameters(), *net.head.parameters()], "factor": 1.0},
    ]
    plan = config.training
    momentum = config.sgd.momentum
    return torch.optim.SGD(groups, lr=plan.lr, momentum=momentum, weight_decay=plan.weight_decay, nesterov=momentum > 0)


def rates(config: TransferConfig, updates_per_epoch: int) -> Callable[[int], float]:
    """The learning rate at each update: polynomial decay to 0."""
    total = config.training.epochs * updates_per_epoch
    return lambda update: poly(update, total=total, base=config.training.lr, power=config.sgd.poly_power)
