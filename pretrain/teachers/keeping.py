"""Whether the maps of a teacher are kept: where they stay what they are, fit, and pay."""

import math

from common.config.groups import TrainingConfig
from common.data.pack import Pack
from common.engine.budget import updates_of
from common.errors import UserError
from common.files import default_cache_dir
from common.say import note
from common.words import counted
from pretrain.config import PretrainConfig
from pretrain.targets.features import FeatureTarget
from pretrain.targets.target import Target
from pretrain.teachers.known_maps import GB, KnownMaps

USUAL = 4.0
"""Most gigabytes where --teacher_cache does not say."""
PASSES = 3
"""From so many passes on keeping maps pays: for each image two views are computed (docs/performance.md)."""


def kept_maps(config: PretrainConfig, target: Target | None, pack: Pack) -> KnownMaps | None:
    """The maps of a teacher for all training images, computed now unless the cache has them; None to do without.

    `config` has a settled length and fit. Raises UserError where they were asked for and take more than was granted,
    and where they can't be written.
    """
    asked, limit = config.loss.teacher_cache, granted(config)
    if not isinstance(target, FeatureTarget) or limit == 0:
        return None
    if changes := config.changed_images:
        note(f"the teacher is asked in each update, because {changes}")
        return None
    if asked is None and passes(config.training, len(pack)) < PASSES:
        return None
    cache = config.data.cache_dir or default_cache_dir()
    known = KnownMaps(target, pack, mirrored=config.augment.hflip > 0, cache=cache)
    if known.size > limit * GB:
        told = f"the teacher's maps of {counted(len(pack), 'image')} take {known.size / GB:.3g} GB"
        enough = f"--teacher_cache {math.ceil(known.size / GB)}"
        if asked is not None:
            raise UserError(f"{told}, and --teacher_cache is {asked:g}: give {enough}, or 0 to do without")
        note(f"{told}, so that it is asked in each update: {enough} keeps them")
        return None
    known.open()
    return known


def granted(config: PretrainConfig) -> float:
    """The most gigabytes that the maps may take."""
    return USUAL if config.loss.teacher_cache is None else config.loss.teacher_cache


def passes(plan: TrainingConfig, images: int) -> float:
    """How often a training of settled length sees each image; 0 where only its minutes are known."""
    if plan.minutes and not plan.updates:
        return 0.0
    return updates_of(plan, images) * plan.batch_size * plan.accumulate / images
