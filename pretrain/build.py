"""From settings to the objects of phase 1: network and loss."""

import sys
from collections.abc import Mapping

from torch import Tensor

from common.errors import UserError
from common.models.decoder import UNetDecoder, doublings
from common.models.encoder import UNetEncoder
from common.models.weights import imagenet_state, load_sections
from common.run.checkpoint import AutoencoderHandover, handover_file, load_handover, sections_of
from common.run.records import PretrainingRecord
from common.tensor_files import load_tensors
from pretrain.config import LossConfig, PretrainConfig
from pretrain.losses.objective import CellTerms, ImageTerms, Objective
from pretrain.losses.perceptual import PerceptualLoss
from pretrain.losses.reconstruction import ReconstructionLoss
from pretrain.model import Autoencoder
from pretrain.pretexts.pretext import PRETEXT_SETTINGS
from pretrain.targets.features import FeatureTarget
from pretrain.targets.hog import HogTarget
from pretrain.targets.target import Target

NARROW = 4
"""From how many numbers asked for, for each channel that the decoder has, it is told to be too narrow."""


def build_model(config: PretrainConfig, target: Target | None) -> Autoencoder:
    """The autoencoder that the settings name. Raises UserError for a size that does not fit."""
    model = config.model
    channels = config.data.channels
    settings = {"widths": model.widths, "norm": model.norm, "dropout": model.dropout, "down": model.down}
    encoder = UNetEncoder(**settings, in_channels=channels)
    encoder.check_size(config.data.image_size, config.data.image_size)
    stop, dropout = config.pretext.decoder_stride, model.decoder_dropout
    if stop > 1:  # a decoder that stops early has the first of the steps for which dropout is named
        dropout = dropout[: len(doublings(encoder.strides[-1], stop))]
    decoder = UNetDecoder(
        encoder.channels,
        encoder.strides,
        norm=model.norm,
        dropout=dropout,
        skips="none" if config.pretext.skips == "none" else "all",
        stop=stop,
    )
    if target is not None and stop < target.cell and target.channels > NARROW * decoder.out_channels:
        print(
            f"note: {target.channels} numbers a cell are asked of a decoder that ends in {decoder.out_channels} "
            "channels, which cannot tell that much apart: --decoder_stride 8 asks a wider map",
            file=sys.stderr,
        )
    cells = {"target_channels": target.channels, "target_cell": target.cell} if target is not None else {}
    return Autoencoder(
        encoder,
        decoder,
        out_channels=channels,
        saliency=config.loss.saliency_weight > 0,
        contrast=config.loss.contrast_weight > 0,
        **cells,
    )


def build_target(config: PretrainConfig) -> Target | None:
    """What is asked for in place of the image. Raises UserError when ImageNet weights are wanted and can't be had."""
    match config.pretext.asks_for:
        case "hog":
            return HogTarget(config.data.channels)
        case "features":
            return FeatureTarget("mobilenet_v2", _perceptual_state(config.loss))
        case "image":
            return None


def build_objective(config: PretrainConfig, target: Target | None) -> Objective:
    """What is minimised. Raises UserError when ImageNet weights are wanted and can't be had."""
    loss = config.loss
    weight = loss.perceptual_weight
    perceptual = PerceptualLoss("mobilenet_v2", _perceptual_state(loss)) if weight > 0 else None
    asked = None
    if target is not None:
        asked = CellTerms(target, weight, perceptual)
    elif loss.compares:
        terms = ReconstructionLoss(loss.mse_weight, weight, ssim_weight=loss.ssim_weight, perceptual=perceptual)
        asked = ImageTerms(terms)
    return Objective(asked, saliency_weight=loss.saliency_weight, contrast_weight=loss.contrast_weight)


def start_from(model: Autoencoder, config: PretrainConfig) -> AutoencoderHandover | None:
    """Begin with the autoencoder that the settings name, if any: its encoder and decoder, and the heads that fit.

    Raises UserError where it was made for other widths, channels or another stop of the decoder, and where outlines
    are to be cut from what it finds and it was never asked to find any.
    """
    if config.handover.start_from is None:
        return None
    path = handover_file(config.handover.start_from)
    before = load_handover(path, kind="autoencoder")
    if config.loss.saliency_from == "start_from" and "saliency_head" not in before.sections:
        raise UserError(
            f"{path} was not taught what stands out: teach it first (--saliency_weight 1), or leave --saliency_from out"
        )
    fresh = sections_of(model)
    taken = {
        name: section
        for name, section in before.sections.items()
        if name in ("encoder", "decoder") or (name in fresh and _shapes(section) == _shapes(fresh[name]))
    }
    load_sections(model, taken, str(path))
    print(f"begins with the {', '.join(taken)} of {path} (pretext {before.task.pretext})")
    return before


def _shapes(section: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in section.items()}


def _perceptual_state(config: LossConfig) -> Mapping[str, Tensor] | None:
    path = config.perceptual_weights_path
    match config.perceptual_init:
        case "random":
            return None
        case "own":
            assert path is not None, "PretrainConfig.check asks for it"
            return load_tensors(path)
        case "imagenet":
            return imagenet_state("mobilenet_v2", path)


def task_record(config: PretrainConfig, before: PretrainingRecord | None = None) -> PretrainingRecord:
    """What the encoder was taught and whose labels helped, also `before` this training, for its handover file."""
    pretext, loss = config.pretext, config.loss
    beside = "saliency" if loss.saliency_weight > 0 else "contrast"
    compares = loss.perceptual_weight > 0 or pretext.asks_for == "features"
    imagenet = compares and loss.perceptual_init == "imagenet"
    return PretrainingRecord(
        pretext=pretext.pretext,
        settings={name: getattr(pretext, name) for name in PRETEXT_SETTINGS[pretext.pretext]},
        target=pretext.asks_for if pretext.asks_for != "image" or loss.compares else beside,
        pseudo_mask_weight=loss.saliency_weight,
        pseudo_mask_from=loss.saliency_from,
        contrast_weight=loss.contrast_weight,
        skips=pretext.skips,
        norm=config.model.norm,
        perceptual=f"mobilenet_v2 ({loss.perceptual_init})" if compares else None,
        uses_imagenet_labels=imagenet or (before is not None and before.uses_imagenet_labels),
        uses_labels=config.probe.monitor == "probe/miou" or (before is not None and before.uses_labels),
        before=before,
    )
