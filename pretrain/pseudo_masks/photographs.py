"""The photographs of phase 1, with pseudo-masks where the foreground is learnt."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32

from common.data.batches import each_image
from common.data.load import Splits, load_splits
from common.data.pack import Pack
from common.files import default_cache_dir
from pretrain.config import PretrainConfig
from pretrain.losses.registry import PseudoMaskSettings
from pretrain.model import Autoencoder
from pretrain.pseudo_masks.grabcut import with_pseudo_masks
from pretrain.scoring import foreground_probability


def load_photographs(config: PretrainConfig, teacher: Autoencoder | None = None) -> Splits:
    """The images that the settings name, with pseudo-masks for training and validation if these have a weight.

    Their seeds are the predictions of `teacher`, or without it colours. Test images need none. Raises UserError as
    `load_splits` and `with_pseudo_masks` do.
    """
    settings, plan = config.data, config.settings(PseudoMaskSettings)
    if plan.pseudo_mask_weight and settings.fit == "auto":
        settings = replace(settings, fit="pad")  # crops may show no object
    data = load_splits(settings)
    if plan.pseudo_mask_weight == 0:
        return data
    large = replace(settings, image_size=max(settings.image_size, plan.pseudo_mask_size), download=False)
    embedded = settings.data_dir is None  # drawn at one size, and at another they would be other images
    larger = data if embedded or large == settings else load_splits(large)

    def masked(pack: Pack, larger: Pack) -> Pack:
        return with_pseudo_masks(
            pack,
            larger,
            side=plan.pseudo_mask_size,
            cache_dir=settings.cache_dir or default_cache_dir(),
            num_workers=settings.num_workers,
            teacher=NetworkTeacher(teacher) if teacher is not None else None,
        )

    return replace(data, train=masked(data.train, larger.train), val=masked(data.val, larger.val))


@dataclass(frozen=True)
class NetworkTeacher:
    """An autoencoder that was trained on pseudo-masks."""

    model: Autoencoder

    @property
    def fingerprint(self) -> str:
        """A digest of its weights."""
        digest = hashlib.blake2b(digest_size=16)
        for section, state in self.model.sections().items():
            for name, tensor in state.items():
                digest.update(f"{section}.{name}".encode() + tensor.numpy().tobytes())
        return digest.hexdigest()

    def probabilities(self, pack: Pack) -> Iterator[Float32[np.ndarray, "h w"]]:
        """The probability of foreground in each image: the mean of those in it and in its mirror image."""
        self.model.eval()
        device = next(self.model.parameters()).device
        for batch in each_image(pack, batch_size=32, device=device):
            both = foreground_probability(self.model, torch.cat([batch.image, batch.image.flip(-1)]))
            assert both is not None, "the teacher has no head for the foreground"
            straight, mirrored = np.split(both, 2)
            yield from (straight + mirrored[..., ::-1]) / 2
