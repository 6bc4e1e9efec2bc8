"""From settings to the objects of phase 1: network and loss."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from torch import Tensor

from common.engine.precision import Precision
from common.errors import UserError
from common.models.decoder import UNetDecoder, rates_of_steps
from common.models.named import Beginning, first_weights, fresh_encoder
from common.models.rebuild import load_sections, planned, refuse_other_sections
from common.models.registry import encoder_word
from common.run.checkpoint import AutoencoderHandover, handover_file, load_handover
from common.say import note, say
from pretrain.config import PretrainConfig
from pretrain.losses.objective import Objective
from pretrain.losses.perceptual import PerceptualTerm, perceptual_loss
from pretrain.losses.picture import picture_loss
from pretrain.losses.registry import PseudoMaskSettings
from pretrain.model import SECTIONS, Autoencoder
from pretrain.picture import WIDTH, PictureLearner
from pretrain.pretexts.registry import PRETEXTS
from pretrain.pretexts.task import TaskMaker
from pretrain.targets.registry import TARGETS
from pretrain.targets.target import CELL, Target

NARROW = 4
"""From how many numbers a cell, for each channel of the decoder, a note says that the decoder is too narrow."""


def build_model(config: PretrainConfig, target: Target | None) -> Autoencoder:
    """The autoencoder that the settings name. Raises UserError for a size that does not fit."""
    channels = config.data.channels
    encoder = fresh_encoder(config.encoder, config.model, channels)
    encoder.check_size(config.data.image_size, config.data.image_size)
    if config.data.fit == "crop":
        encoder.check_any_size()
    stop = config.pretext.decoder_stride
    if stop >= encoder.strides[-1]:
        raise UserError(
            f"--decoder_stride {stop} leaves the decoder nothing to do: the coarsest map of --encoder "
            f"{config.encoder.name} has stride {encoder.strides[-1]}"
        )
    decoder = UNetDecoder(
        encoder.channels,
        encoder.strides,
        norm=config.model.norm,
        dropout=rates_of_steps(config.decoder.decoder_dropout, encoder.strides[-1], stop),
        skips="none" if config.pretext.skips == "none" else "all",
        stop=stop,
    )
    numbers, cell = (target.channels, target.cell) if target is not None else (0, CELL)
    by_product = target is None or numbers > 0
    if stop < cell and numbers > NARROW * decoder.out_channels:
        note(
            f"the target has {numbers} numbers a cell, and the decoder ends in {decoder.out_channels} "
            "channels, which cannot tell that much apart: --decoder_stride 8 takes a wider map"
        )
    return Autoencoder(
        encoder,
        decoder,
        out_channels=channels,
        target_channels=numbers,
        target_cell=cell,
        side=tuple(config.side),
        pixels=not by_product or config.loss.perceptual_weight > 0,
        picture_width=WIDTH if by_product else 0,
    )


def begin(model: Autoencoder, config: PretrainConfig) -> Beginning:
    """Fill the encoder with the weights that the settings name, if any; those of --start_from come on their own.

    Raises UserError where they can't be had, or do not fit.
    """
    plan = config.encoder if config.start_from is None else replace(config.encoder, encoder_weights="none")
    return first_weights(model.encoder, plan)


def build_tasks(config: PretrainConfig) -> TaskMaker:
    """The pretext that the settings name."""
    name = config.pretext.pretext
    return TaskMaker(name, config.settings(PRETEXTS[name].settings), drop_skips=config.pretext.skips == "drop")


def build_target(config: PretrainConfig) -> Target | None:
    """The target that the settings name. Raises UserError when ImageNet weights are wanted and can't be had."""
    if not config.regresses:
        return None
    entry = TARGETS[config.target_name]
    return entry.load()(config.settings(entry.settings), config.data.channels)


def build_objective(config: PretrainConfig, target: Target | None) -> Objective:
    """The pretraining loss. Raises UserError when ImageNet weights are wanted and can't be had."""
    side = [entry.load()(config.weight(entry), config.settings(entry.settings)) for entry in config.side.values()]
    if target is not None and target.channels and (perceptual := perceptual_loss(config.loss)) is not None:
        side.insert(0, PerceptualTerm(config.loss.perceptual_weight, perceptual))
    return Objective(target, side)


def build_painter(
    model: Autoencoder, config: PretrainConfig, *, precision: Precision, progress: Callable[[int], float]
) -> PictureLearner | None:
    """What teaches the network's picture decoder; None without one. Raises UserError as `picture_loss`."""
    if model.picture is None:
        if config.loss.perceptual_weights_path is not None and not config.perceptual:
            note("--perceptual_weights_path without effect: no term compares features (--perceptual_weight above 0)")
        return None
    loss = picture_loss(config.loss, channels=config.data.channels, needed=config.perceptual)
    loss.to(precision.device)
    return PictureLearner(model.encoder, model.picture, loss, precision=precision, progress=progress)


def start_from(model: Autoencoder, config: PretrainConfig) -> AutoencoderHandover | None:
    """Begin with the autoencoder that the settings name, if any: its encoder and decoder, and the heads that fit.

    Raises UserError where it was made for other widths, channels or another stop of the decoder, and where its
    predictions are the seeds of pseudo-masks and it was not trained on any.
    """
    if config.start_from is None:
        return None
    path = handover_file(config.start_from)
    before = load_handover(path, kind="autoencoder")
    theirs, ours = (encoder_word(one) for one in (before.architecture["encoder"], model.encoder.architecture()))
    if theirs != ours:
        raise UserError(f"{path} has the encoder {theirs}, and --encoder is {ours}: give --encoder {theirs}")
    whole = planned(lambda: Autoencoder.from_architecture(before.architecture), path)
    refuse_other_sections(whole.parts(), before.sections, path)
    seeds = config.settings(PseudoMaskSettings).pseudo_mask_from
    if seeds == "start_from" and SECTIONS["pseudo_mask"] not in before.sections:
        raise UserError(
            f"{path} was not trained on pseudo-masks: train it with --pseudo_mask_weight 1 first, or leave out "
            "--pseudo_mask_from"
        )
    fresh = model.sections()
    taken = {
        name: section
        for name, section in before.sections.items()
        if name in ("encoder", "decoder") or (name in fresh and _shapes(section) == _shapes(fresh[name]))
    }
    load_sections({name: model.parts()[name] for name in taken}, taken, path)
    say(f"begins with the {', '.join(taken)} of {path} (pretext {before.task.pretext})")
    return before


def _shapes(section: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in section.items()}
