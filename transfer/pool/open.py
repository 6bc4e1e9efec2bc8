"""From settings to the photographs of a training."""

from collections.abc import Sequence

import torch

from common.data.load import LabelledSplits
from common.data.pack import LabelledPack
from common.engine.precision import Precision
from common.errors import UserError
from common.terminal import spinner
from common.words import counted
from transfer.config import TransferConfig
from transfer.model import SegmentationNet
from transfer.pool.alignment import Alignment
from transfer.pool.config import PoolConfig
from transfer.pool.learner import Pool
from transfer.pool.opinion import Opinion, second_opinion
from transfer.pool.photographs import load_pool, of_one_thing, photographs_but
from transfer.pool.votes import VOTES_RIGHT, Votes


def open_pool(
    config: TransferConfig,
    net: SegmentationNet,
    data: LabelledSplits,
    train: LabelledPack,
    val: LabelledPack,
    precision: Precision,
) -> Pool | None:
    """The photographs that the settings name, with their teacher; None without --unlabelled_dir.

    `net` is as it begins: its encoder gives a second opinion. Raises UserError for photographs that are test images,
    and for --vote image where masks show several classes.
    """
    plan = config.pool
    if plan.unlabelled_dir is None:
        return None
    votes = _votes(plan, train, data.classes.background)
    pack, told = load_pool(config, data)
    opinion = None
    if votes is not None:
        known = {"background": votes.background, "device": precision.device}
        with spinner("asking the encoder for a second opinion"):
            opinion = second_opinion(net.encoder.to(precision.device), train, val, **known)
    source = f"{counted(len(pack), 'photograph')} of {plan.unlabelled_dir}"
    learnt = f"the network learns from {source}, too: {_named_by(votes, opinion)}"
    return Pool(
        net,
        pack,
        plan,
        config.augment,
        names=data.classes.names,
        background=data.classes.background,
        align=Alignment(
            torch.from_numpy(train.class_pixels.sum(0)).float(), None if votes is None else votes.background
        ),
        votes=votes,
        opinion=opinion,
        precision=precision,
        seed=config.run.seed,
        notes=(learnt, *told),
    )


def refuse_pools(config: TransferConfig, folds: Sequence[LabelledSplits], trains: Sequence[LabelledPack]) -> None:
    """Raise UserError where `open_pool` would in one of several trainings, before the first of them.

    `folds`: the images of each, `trains`: those that keep their masks. Each image is tested in one of them.
    """
    if config.pool.unlabelled_dir is None:
        return
    for train in trains:
        _votes(config.pool, train, folds[0].classes.background)
    tests = [set(data.test.digests) for data in folds]
    for test in tests if config.pool.leave_out_tests else [set[str]().union(*tests)]:
        photographs_but(test, config, folds[0].depth)


def _votes(plan: PoolConfig, train: LabelledPack, background: int | None) -> Votes | None:
    """How photographs get one class each; None where their pixels get them."""
    alone = of_one_thing(train.class_pixels, background)
    if plan.vote == "image" and not alone:
        raise UserError(
            "--vote image gives the foreground of a photograph one class, and there are masks with several, or there "
            "is one class only: use --vote pixel"
        )
    if background is None or not alone or plan.vote == "pixel":
        return None
    return Votes(torch.from_numpy((train.class_pixels > 0).sum(0)), background)


def _named_by(votes: Votes | None, opinion: Opinion | None) -> str:
    """Who names the classes of photographs, in words."""
    if votes is None:
        return "each of their pixels is given a class"
    if opinion is None:
        judge = f"the teacher, while it has {VOTES_RIGHT:.0%} right on validation images"
    else:
        judge = f"its encoder, {opinion.right:.0%} right on validation images, or by the teacher where it has more"
    return f"their classes are named by {judge}, one for each"
