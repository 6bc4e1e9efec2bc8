"""Training images as a network sees them, and as augmentation changes them."""

import numpy as np
import torch

from common.data.augment import Augment
from common.data.batches import to_images
from common.data.decode import Decoded, try_decode
from common.data.fitting import Fitting
from common.doctor.evidence import Evidence
from common.doctor.pictures import chosen
from common.engine.seeding import seed_update
from common.overlay import overlay_mask
from common.report.blocks import sheet
from common.report.images import photograph, three_channels
from common.report.page import Block

SHOWN, VARIANTS = 4, 5


def augmented(evidence: Evidence) -> Block:
    """Some training images at the size of the network under their masks, and versions of them; whole ones for crops."""
    config, classes = evidence.config, evidence.classes
    assert classes is not None, "images that are used have masks"
    fitting = Fitting(config.data.image_size, "pad" if evidence.fit == "crop" else evidence.fit)
    some = chosen(evidence.splits["train"] or evidence.used, SHOWN)
    read = [(one.name, try_decode(one.sample, fitting, config.data.channels)) for one in some]
    decoded = {name: one for name, one in read if isinstance(one, Decoded)}
    image = to_images(np.stack([one.image for one in decoded.values()]))
    mask = torch.from_numpy(np.stack([one.mask for one in decoded.values() if one.mask is not None])).long()
    seed_update(config.doctor.seed, 0)
    augment = Augment(config.augment, channels=config.data.channels)
    versions = [(image, mask), *(augment(image, mask) for _ in range(VARIANTS))]
    rows = [
        [_picture(images[index], masks[index], classes.background) for images, masks in versions]
        for index in range(len(decoded))
    ]
    heads = ["as it is", *["augmented"] * VARIANTS]
    shown = "Whole images, of which the training takes crops" if evidence.fit == "crop" else "As the network gets them"
    note = f"{shown}. Hatched pixels count for nothing. Every flag of augmentation changes these pictures."
    return sheet("", heads, rows, list(decoded), note=note)


def _picture(image: torch.Tensor, mask: torch.Tensor, background: int | None) -> str:
    pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()
    return photograph(overlay_mask(three_channels(pixels), mask.byte().numpy(), background))
