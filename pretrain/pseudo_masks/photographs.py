"""The photographs of phase 1, outlined where what stands out of them is asked for."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float32

from common.data.batches import each_image
from common.data.load import Splits, load_splits
from common.data.pack import Pack
from common.files import default_cache_dir
from pretrain.config import PretrainConfig
from pretrain.model import Autoencoder
from pretrain.pseudo_masks.grabcut import with_salient_masks
from pretrain.scoring import found_salient


def load_photographs(config: PretrainConfig, finder: Autoencoder | None = None) -> Splits:
    """The images that the settings name; with `--saliency_weight` those for training and validation have masks of what
    stands out (nobody asks it of test images), cut from what `finder` finds, or without it from colours. Raises
    UserError as `load_splits` and `with_salient_masks` do.
    """
    settings, loss = config.data, config.loss
    data = load_splits(settings)
    if loss.saliency_weight == 0:
        return data
    larger = replace(settings, image_size=max(settings.image_size, loss.saliency_size), download=False)
    embedded = settings.data_dir is None  # drawn at one size, and another would be other pictures
    pictures = data if embedded or larger == settings else load_splits(larger)
    kept = {"cache_dir": settings.cache_dir or default_cache_dir(), "num_workers": settings.num_workers}
    kept["finder"] = _fingerprint(finder) if finder is not None else ""

    def outlined(pack: Pack, drawn_on: Pack) -> Pack:
        found = _found(finder, pack) if finder is not None else None
        return with_salient_masks(pack, drawn_on, side=loss.saliency_size, found=found, **kept)

    return replace(data, train=outlined(data.train, pictures.train), val=outlined(data.val, pictures.val))


def _found(finder: Autoencoder, pack: Pack) -> Iterator[Float32[np.ndarray, "h w"]]:
    """The probability of standing out in each picture: the mean of what is found in it and in its mirror image."""
    finder.eval()
    device = next(finder.parameters()).device
    for batch in each_image(pack, batch_size=32, device=device):
        both = found_salient(finder, torch.cat([batch.image, batch.image.flip(-1)]))
        assert both is not None, "a network without a head for it is asked what stands out"
        one, mirrored = np.split(both, 2)
        yield from (one + mirrored[..., ::-1]) / 2


def _fingerprint(finder: Autoencoder) -> str:
    """What tells a network from others: a digest of its weights."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in finder.state_dict().items():
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
