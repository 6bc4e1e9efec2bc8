"""Settings of a command line that have no effect, because they belong to another encoder than the chosen one."""

from collections.abc import Sequence

from common.config.groups import UNetConfig
from common.config.parse import value_of
from common.config.renames import renames
from common.models.parts import part_for
from transfer.config import TransferConfig

NAMED = ("encoder_weights_path", "encoder_stride")
"""Settings of an encoder that --encoder names."""


def unused(config: TransferConfig, words: Sequence[str]) -> list[str]:
    """A sentence where flags among the words have no effect, whichever way they are spelt; [] where all have one."""
    source, words = config.encoder, renames(TransferConfig).flags(words)
    brought = next((name for name in ("pretrained_encoder", "init_from", "like") if getattr(source, name)), None)
    if brought is not None and source.encoder is None:
        foreign, why = [*vars(UNetConfig()), *NAMED], f"--{brought} brings an encoder of its own"
    else:
        part = part_for(source.name)
        foreign = [name for name in vars(UNetConfig()) if name not in part.takes]
        foreign += [] if part.pretrained else ["encoder_weights_path"]
        foreign += [] if "output_stride" in part.takes else ["encoder_stride"]
        why = f"--encoder {source.name} has no such setting"
    typed = [f"--{name}" for name in foreign if value_of(words, f"--{name}") is not None]
    return [f"{', '.join(typed)} without effect: {why}"] if typed else []
