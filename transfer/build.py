"""From settings to the objects of phase 2: the network with what was handed to it, and the parts it is trained in."""

from collections.abc import Sequence
from dataclasses import replace

from common.engine.optim import ParameterGroup
from common.errors import UserError
from common.models.decoder import Decoder, rates_of_steps
from common.models.encoder import Encoder
from common.models.parts import DECODERS
from common.run.records import Receipt
from transfer.config import TransferConfig
from transfer.model import SegmentationNet
from transfer.receipt import count_parameters, learnt_tensors
from transfer.source import Classifier, Source, find_source


def build_network(
    config: TransferConfig, names: Sequence[str], background: int | None = 0
) -> tuple[SegmentationNet, Receipt, Source]:
    """The segmentation network of classes by their names, with its encoder filled, and the receipt for that.

    Raises UserError when the encoder's file is not one, or does not fit, or ImageNet weights can't be had, and for
    outlines without a `background`.
    """
    source = find_source(config, background=background)
    encoder = source.encoder
    encoder.check_size(config.data.image_size, config.data.image_size)
    if config.data.fit == "crop":
        encoder.check_any_size()
    decoder = source.decoder or fresh_decoder(encoder, config)
    if source.classifier is not None:
        return _trained_further(source, encoder, decoder, source.classifier, names, config)
    if config.decoder.one_logit and len(names) != 2:
        raise UserError(f"--one_logit tells two classes apart, the data has {len(names)}: leave it out")
    net = SegmentationNet(encoder, decoder, num_classes=len(names), one_logit=config.decoder.one_logit)
    if source.foreground_head is not None:
        if background is None:
            raise UserError(
                f"--transfer {config.encoder.transfer} tells foreground from background, and the classes have no "
                "background: use --transfer encoder+decoder, or name it in the file of --classes"
            )
        net.initialise_from_foreground(source.foreground_head, background)
    return net, _receipt(net, source, config), source


def _trained_further(
    source: Source,
    encoder: Encoder,
    decoder: Decoder,
    before: Classifier,
    names: Sequence[str],
    config: TransferConfig,
) -> tuple[SegmentationNet, Receipt, Source]:
    """The network of an earlier run; of its head those classes are kept that the data has, too."""
    kept, told = before.kept(names), before.told(names)
    one_logit = before.one_logit and len(names) == len(kept) == 2
    net = SegmentationNet(encoder, decoder, num_classes=len(names), one_logit=one_logit)
    net.initialise_from_head(before.state, kept)
    whole = len(kept) == len(names)
    loaded = source.loaded + (len(before.state) if whole else 0)
    source = replace(source, name=f"{source.name} ({told})" if told else source.name, loaded=loaded)
    return net, _receipt(net, source, config, with_head=whole), source


def _receipt(net: SegmentationNet, source: Source, config: TransferConfig, *, with_head: bool = False) -> Receipt:
    plan, parameters = config.encoder, count_parameters(net)
    parts = ("encoder", "decoder") if source.decoder is not None else ("encoder",)
    parts = (*parts, "head") if with_head else parts
    pretrained = source.loaded > 0
    receipt = Receipt(
        source=source.name,
        parts=parts,
        tensors=learnt_tensors(net, parts),
        loaded=source.loaded,
        part_parameters=count_parameters(*(net.get_submodule(part) for part in parts)),
        parameters=parameters,
        trained_parameters=parameters,
        frozen_epochs=plan.freeze_epochs if pretrained else 0,
        thaw_every=plan.thaw_every if pretrained else 0,
        lr_factor=_lr_factor(source, config) if pretrained else 1.0,
        epochs=config.training.epochs,
        pretraining=source.pretraining,
        uses_imagenet_labels=source.uses_imagenet_labels,
        unknown_labels=source.unknown_labels,
        earlier_masks=source.earlier_masks,
        transfer=source.transfer,
        chosen=plan.transfer == "auto" and source.transfer is not None,
        uses_labels=source.pretraining is not None and source.pretraining.uses_labels,
    )
    levels = net.encoder.levels()
    never = levels[: receipt.frozen_levels(config.training.epochs - 1, len(levels))]
    return replace(
        receipt, trained_parameters=parameters - count_parameters(*(layer for level in never for layer in level))
    )


def _lr_factor(source: Source, config: TransferConfig) -> float:
    """The rate of pretrained parts over that of fresh ones: the one that is named, or one by what taught them.

    ImageNet weights bear less change than those of a pretraining of one's own. What pseudo-masks taught, with its
    decoder, may change at the full rate where many photographs say how; an encoder alone may not (docs/log.md).
    """
    plan = config.encoder
    if plan.encoder_lr_factor is not None:
        return plan.encoder_lr_factor
    if plan.pretrained_encoder is None and plan.init_from is None:
        return 0.1
    labels = source.uses_imagenet_labels or source.unknown_labels or source.classifier is not None
    return 0.3 if config.pool.unlabelled_dir is None or labels or source.decoder is None else 1.0


def fresh_decoder(encoder: Encoder, config: TransferConfig) -> Decoder:
    """The decoder that the settings name, with fresh weights. Raises UserError where it does not fit the encoder."""
    plan = config.decoder
    pyramid = {"encoder_channels": encoder.channels, "encoder_strides": encoder.strides}
    dropout = rates_of_steps(plan.decoder_dropout, encoder.strides[-1])
    own = {"widths": plan.decoder_widths, "dropout": dropout, "norm": plan.decoder_norm, "up": plan.up}
    return DECODERS[plan.decoder].make({**pyramid, **own})


def training_parts(net: SegmentationNet, receipt: Receipt, layer_decay: float) -> list[ParameterGroup]:
    """The levels of the encoder, each at its own rate, the decoder, and the head at the full rate.

    The coarsest level of a pretrained encoder is trained at the receipt's factor, every finer one at `layer_decay`
    times the rate of the next; a decoder that came along at that factor too. What is fresh has the full rate.

    Source: Clark et al. 2020 (ELECTRA), arXiv 2003.10555, appendix A (layer-wise decay of the rate).
    Deviation: a level of the pyramid stands for a layer.
    """
    levels = net.encoder.levels()
    decay = layer_decay if receipt.pretrained else 1.0
    factors = [receipt.lr_factor * decay**depth for depth in reversed(range(len(levels)))]
    parts = [ParameterGroup(layers, factor) for layers, factor in zip(levels, factors, strict=True)]
    decoder = ParameterGroup([net.decoder], receipt.lr_factor if "decoder" in receipt.parts else 1.0)
    return [*parts, decoder, ParameterGroup([net.head])]
