"""The photographs of phase 1, outlined where what stands out of them is asked for."""

from dataclasses import replace

from common.data.load import Splits, load_splits
from common.data.pack import Pack, default_cache_dir
from pretrain.config import PretrainConfig
from pretrain.saliency import with_salient_masks


def load_photographs(config: PretrainConfig) -> Splits:
    """The images that the settings name; with `--saliency_weight` those for training and validation have masks of what
    stands out (nobody asks it of test images). Raises UserError as `load_splits` and `with_salient_masks` do.
    """
    settings, loss = config.data, config.loss
    data = load_splits(settings, labelled=False)
    if loss.saliency_weight == 0:
        return data
    larger = replace(settings, image_size=max(settings.image_size, loss.saliency_size), download=False)
    embedded = settings.data_dir is None  # drawn at one size, and another would be other pictures
    pictures = data if embedded or larger == settings else load_splits(larger, labelled=False)
    cache, workers = settings.cache_dir or default_cache_dir(), settings.num_workers

    def outlined(pack: Pack, drawn_on: Pack) -> Pack:
        return with_salient_masks(pack, drawn_on, side=loss.saliency_size, cache_dir=cache, num_workers=workers)

    return replace(data, train=outlined(data.train, pictures.train), val=outlined(data.val, pictures.val))
