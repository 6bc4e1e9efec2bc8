"""A public data set, fetched for those who have none at hand."""

import contextlib
import socket
from pathlib import Path

from common.errors import UserError

SECONDS = 30
"""Of silence after which a connection is given up."""


def fetch_oxford(root: Path) -> None:
    """Put the whole Oxford-IIIT Pet data set (7,349 images, 800 MB) into root/oxford-iiit-pet, unless it is there.

    The archives' MD5 sums are checked. Raises UserError where they can't be had.
    """
    if all((root / part).is_dir() for part in ("images", "annotations")):
        return
    from torchvision.datasets import OxfordIIITPet  # here: it takes as long to import as torch

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS)
    try:
        OxfordIIITPet(root, target_types="segmentation", download=True)
    except (OSError, RuntimeError) as error:
        for folder in (root / "oxford-iiit-pet", root):
            with contextlib.suppress(OSError):
                folder.rmdir()  # only if it is empty
        raise UserError(
            f"cannot download the Oxford-IIIT Pet data set ({' '.join(str(error).split())}): connect to the internet, "
            f"or put its folders images/ and annotations/ into {root}"
        ) from None
    finally:
        socket.setdefaulttimeout(before)
