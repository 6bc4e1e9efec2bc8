"""Phase 1: an autoencoder learns from photographs without masks.

From Python: `from pretrain import load_encoder`, then `load_encoder("runs/pretrain")(image)`, a list of feature maps.
"""

from typing import TYPE_CHECKING, Any

from recon2seg.packages import refuse_foreign

if TYPE_CHECKING:
    from pretrain.encoder import load_encoder

refuse_foreign("common")

__all__ = ["load_encoder"]


def __getattr__(name: str) -> Any:
    """Import torch when it is needed, so that `--help` answers at once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pretrain import encoder

    return getattr(encoder, name)
