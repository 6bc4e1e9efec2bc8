"""The photographs of phase 1, with pseudo-masks where the foreground is learnt."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from common.data.batches import each_image
from common.data.cache import writing
from common.data.load import Splits, load_splits
from common.data.pack import Pack
from common.files import default_cache_dir
from pretrain.config import PretrainConfig
from pretrain.losses.registry import ContrastSettings, PseudoMaskSettings
from pretrain.model import Autoencoder
from pretrain.pseudo_masks.doubts import doubts
from pretrain.pseudo_masks.grabcut import with_pseudo_masks
from pretrain.scoring import foreground_probability

TIMED = 32
"""Images whose pseudo-masks are timed."""
ONE_VALIDATES = (
    "One image alone validates, and the contrast tells images apart: every epoch scores 0 and the first is kept; a "
    "larger --val_share mends that"
)


class Photographs:
    """The images that the settings name, and the same ones as large as pseudo-masks are made on."""

    def __init__(self, config: PretrainConfig) -> None:
        """Raise UserError as `load_splits` does."""
        settings, self.plan = config.data, config.settings(PseudoMaskSettings)
        self.wanted, self.cropped = config.takes_pseudo_masks, config.settings(ContrastSettings).of_foreground
        if self.wanted and settings.fit == "auto":
            settings = replace(settings, fit="squash")  # crops may show no object
        self.settings, self.splits = settings, load_splits(settings)
        if len(self.splits.val) == 1 and not config.regresses and list(config.side) == ["contrast"]:
            self.splits = replace(self.splits, notes=(*self.splits.notes, ONE_VALIDATES))
        large = replace(settings, image_size=max(settings.image_size, self.plan.pseudo_mask_size), download=False)
        embedded = settings.data_dir is None  # drawn at one size, and at another they would be other images
        plain = embedded or large == settings or not self.wanted
        self.larger = self.splits if plain else load_splits(large)

    def masked(self, teacher: Autoencoder | None = None) -> Splits:
        """The images, with pseudo-masks for training and validation if these are wanted.

        Where crops of the foreground are taken, training images are the larger ones: a crop keeps its details. Seeds
        are the predictions of `teacher`, or without it colours. Test images need none. A note says where most masks
        do not look like those of a single object. Raises UserError as `with_pseudo_masks` does.
        """
        if not self.wanted:
            return self.splits
        cache = self.settings.cache_dir or default_cache_dir()
        train, val = (self._masked(part, teacher, cache) for part in self._parts())
        return replace(
            self.splits, train=train, val=val, notes=(*self.splits.notes, *doubts(train, learnt=teacher is not None))
        )

    def seconds(self, teacher: Autoencoder) -> float:
        """About how long pseudo-masks take whose seeds are the predictions of a network, from some of them."""
        (images, larger), *_ = self._parts()
        some, began = np.arange(min(len(images), TIMED)), time.monotonic()
        with writing(self.settings.cache_dir or default_cache_dir(), "pseudo-masks") as folder:
            self._masked((images.take(some), larger.take(some)), teacher, folder, doing="timing pseudo-masks of")
        return (time.monotonic() - began) / len(some) * sum(len(pack) for pack, _ in self._parts())

    def _parts(self) -> list[tuple[Pack, Pack]]:
        """Training and validation images as they are, and larger."""
        trained = self.larger if self.cropped else self.splits
        return [(trained.train, self.larger.train), (self.splits.val, self.larger.val)]

    def _masked(
        self, images: tuple[Pack, Pack], teacher: Autoencoder | None, cache: Path, *, doing: str = "making pseudo-masks"
    ) -> Pack:
        return with_pseudo_masks(
            *images,
            side=self.plan.pseudo_mask_size,
            cache_dir=cache,
            num_workers=self.settings.num_workers,
            teacher=NetworkTeacher(teacher) if teacher is not None else None,
            doing=doing,
        )


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
