"""The photographs without masks of a training."""

from collections.abc import Collection
from dataclasses import fields, replace

import numpy as np

from common.config.groups import DataConfig
from common.data.deep import Depth
from common.data.duplicates import near_duplicates
from common.data.load import LabelledSplits, load_photographs
from common.data.pack import Pack
from common.data.shards.files import is_shards
from common.errors import UserError, abbreviate
from common.words import counted
from transfer.config import TransferConfig


def load_pool(config: TransferConfig, data: LabelledSplits) -> tuple[Pack, tuple[str, ...]]:
    """The photographs of --unlabelled_dir at the size of the labelled images, with sentences on them.

    Those that are nearly a test image are told. Raises UserError as `photographs_but`.
    """
    pack, notes = photographs_but(set(data.test.digests), config, data.depth)
    if nearly := sorted({pack.keys[index] for index, _ in near_duplicates(pack, data.test).tolist()}):
        listed = abbreviate(nearly)
        notes = (*notes, f"LEAK: nearly equal to a test image: {counted(len(nearly), 'photograph')} ({listed})")
    return pack, notes


def photographs_but(test: Collection[str], config: TransferConfig, depth: Depth | None) -> tuple[Pack, tuple[str, ...]]:
    """The photographs of --unlabelled_dir that are no `test` images, by their digests, with sentences on them.

    Those that phase 1 would keep for tests stay out. Raises UserError where one is the file of a test image, unless
    such ones are to be left out, and for too few.
    """
    folder = config.pool.unlabelled_dir
    assert folder is not None, "the training has no photographs"
    if is_shards(folder):
        raise UserError(f"--unlabelled_dir {folder} names shards, which pretrain.main alone reads: give a folder")
    shared = {field.name: getattr(config.data, field.name) for field in fields(DataConfig)}
    plan = replace(DataConfig(**shared), data_dir=folder, download=False, images="", masks="", join=None)
    pack, notes = load_photographs(folder, plan, depth=depth, without=test if config.pool.leave_out_tests else ())
    if leaked := [key for key, digest in zip(pack.keys, pack.digests, strict=True) if digest in test]:
        raise UserError(
            f"{folder} holds {counted(len(leaked), 'test image')} of {config.data.data_dir} ({abbreviate(leaked)}): "
            "move them out of --unlabelled_dir, or add --leave_out_tests"
        )
    if len(pack) < config.pool.pool_batch_size:
        raise UserError(
            f"{folder} holds {counted(len(pack), 'photograph')} to learn from, and --pool_batch_size is "
            f"{config.pool.pool_batch_size}: add photographs, or lower it"
        )
    return pack, notes


def of_one_thing(class_pixels: np.ndarray, background: int | None) -> bool:
    """Whether every image (rows of pixels by class) shows one class beside the background, and two classes occur."""
    if background is None:
        return False
    shown = np.delete(class_pixels, background, axis=1) > 0
    return bool(shown.any(0).sum() > 1 and (shown.sum(1) <= 1).all())
