"""Phase 2: an encoder is put into a segmentation network and trained on masks.

From Python: `from transfer import load_model`, then `load_model("runs/seg").predict(image).mask`.
"""

from typing import TYPE_CHECKING, Any

from recon2seg.packages import refuse_foreign

if TYPE_CHECKING:
    from transfer.segmenter import Segmentation, Segmenter, load_model

refuse_foreign("common")

__all__ = ["Segmentation", "Segmenter", "load_model"]


def __getattr__(name: str) -> Any:
    """Import torch when it is needed, so that `--help` answers at once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from transfer import segmenter

    return getattr(segmenter, name)
