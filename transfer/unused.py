"""Settings of a command line that have no effect beside the encoder, the decoder and the losses of a run."""

from collections.abc import Iterator, Sequence

from common.config.groups import UNetConfig
from common.config.unused import Foreign, of_optimizer, without_effect
from common.models.parts import DECODERS, part_for
from transfer.config import EncoderConfig, TransferConfig

NAMED = ("encoder_weights_path", "encoder_stride")
"""Settings of an encoder that --encoder names."""
OF_PRETRAINED = ("freeze_epochs", "encoder_lr_factor", "layer_decay", "thaw_every")
"""Settings of the training of pretrained parts."""
OF_DECODER = {"decoder_widths": "widths", "decoder_norm": "norm", "decoder_dropout": "dropout", "up": "up"}
"""Settings of a fresh decoder, by what its class calls them."""


def unused(config: TransferConfig, words: Sequence[str]) -> list[str]:
    """A sentence for each reason why flags among the words have no effect, whichever way they are spelt."""
    return without_effect(TransferConfig, words, _foreign(config))


def _foreign(config: TransferConfig) -> Iterator[Foreign]:
    """The settings of what was not chosen, each time behind the choice."""
    yield from _of_encoder(config.encoder)
    decoder, loss = config.decoder.decoder, config.loss
    takes = DECODERS[decoder].takes
    yield f"--decoder is {decoder}", [name for name, theirs in OF_DECODER.items() if theirs not in takes]
    if config.encoder.transfer not in ("auto", "encoder"):
        yield f"--transfer {config.encoder.transfer} brings a decoder of its own", OF_DECODER
    if not loss.weighted_ce:
        yield "--no_weighted_ce leaves the classes unweighted", ["class_weights", "fixed_class_weights"]
    if not loss.ce_weight and not loss.focal_weight:
        yield "--ce_weight and --focal_weight are 0", ["weighted_ce", "class_weights", "fixed_class_weights"]
    if config.pool.unlabelled_dir is None:
        yield "it belongs to --unlabelled_dir", [name for name in vars(config.pool) if name != "unlabelled_dir"]
    yield from of_optimizer(config.optim)


def _of_encoder(source: EncoderConfig) -> Iterator[Foreign]:
    """The settings of another encoder than the chosen one, and of a pretrained one where it is not."""
    brought = next((name for name in ("pretrained_encoder", "init_from", "like") if getattr(source, name)), None)
    part = part_for(source.name)
    if brought is not None and source.encoder is None:
        yield f"--{brought} brings an encoder of its own", [*vars(UNetConfig()), *NAMED]
    else:
        foreign = [name for name in vars(UNetConfig()) if name not in part.takes]
        foreign += [] if part.pretrained else ["encoder_weights_path"]
        foreign += [] if "output_stride" in part.takes else ["encoder_stride"]
        yield f"--encoder {source.name} has no such setting", foreign
    begun = part.pretrained and (source.encoder_weights == "imagenet" or source.encoder_weights_path)
    if brought == "like" or (brought is None and not begun):
        yield "the encoder is not pretrained", OF_PRETRAINED
