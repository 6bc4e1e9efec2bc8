"""From settings to the objects of phase 1: network and loss."""

from typing import Any

from common.checkpoint import load_tensors
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.models.weights import imagenet_state
from pretrain.config import LossConfig, PretrainConfig
from pretrain.hog import CELL, ORIENTATIONS
from pretrain.losses import ReconstructionLoss
from pretrain.model import Autoencoder
from pretrain.objective import HogObjective, ImageObjective
from pretrain.perceptual import PerceptualLoss


def build_model(config: PretrainConfig) -> Autoencoder:
    """System A's autoencoder, or what the settings make of it. Raises UserError for a size that does not fit."""
    model = config.model
    channels = config.data.channels
    settings = {"widths": model.widths, "norm": model.norm, "dropout": model.dropout, "down": model.down}
    encoder = UNetEncoder(**settings, in_channels=channels)
    encoder.check_size(config.data.image_size, config.data.image_size)
    decoder = UNetDecoder(
        encoder.channels,
        encoder.strides,
        norm=model.norm,
        dropout=model.decoder_dropout,
        skips="none" if config.pretext.skips == "none" else "all",
    )
    target_channels = channels * ORIENTATIONS if config.pretext.target == "hog" else 0
    return Autoencoder(encoder, decoder, out_channels=channels, target_channels=target_channels, target_cell=CELL)


def build_objective(config: PretrainConfig) -> ImageObjective | HogObjective:
    """What is minimised. Raises UserError when ImageNet weights are wanted and can't be had."""
    loss, perceptual = config.loss, _perceptual(config.loss)
    if config.pretext.target == "hog":
        return HogObjective(loss.perceptual_weight, perceptual)
    return ImageObjective(
        ReconstructionLoss(loss.mse_weight, loss.perceptual_weight, ssim_weight=loss.ssim_weight, perceptual=perceptual)
    )


def _perceptual(config: LossConfig) -> PerceptualLoss | None:
    if config.perceptual_weight == 0:
        return None
    path = config.perceptual_weights_path
    match config.perceptual_init:
        case "random":
            state = None
        case "own":
            assert path is not None, "PretrainConfig.check asks for it"
            state = load_tensors(path)
        case "imagenet":
            state = imagenet_state(config.perceptual_net, path)
    return PerceptualLoss(config.perceptual_net, state)


PRETEXT_SETTINGS = {
    "plain": (),
    "denoise": ("noise_sigma",),
    "mask": ("mask_ratio", "patch_size", "hidden_at"),
    "restore": ("inpaint", "outpaint", "shuffle", "intensity"),
}


def task_record(config: PretrainConfig) -> dict[str, Any]:
    """What the encoder was taught and whose labels helped, for its handover file."""
    pretext, loss = config.pretext, config.loss
    names = PRETEXT_SETTINGS[pretext.pretext] + (("skip_drop",) if pretext.skips == "drop" else ())
    return {
        "pretext": pretext.pretext,
        "settings": {name: getattr(pretext, name) for name in names},
        "target": pretext.target,
        "skips": pretext.skips,
        "norm": config.model.norm,
        "perceptual": f"{loss.perceptual_net} ({loss.perceptual_init})" if loss.perceptual_weight > 0 else None,
        "uses_imagenet_labels": loss.perceptual_weight > 0 and loss.perceptual_init == "imagenet",
        "uses_labels": config.probe.monitor == "probe/miou",
    }
