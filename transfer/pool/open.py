"""From settings to the photographs of a training."""

import torch

from common.data.load import LabelledSplits
from common.data.pack import LabelledPack
from common.engine.precision import Precision
from common.errors import UserError
from common.terminal import spinner
from common.words import counted
from transfer.config import TransferConfig
from transfer.model import SegmentationNet
from transfer.pool.learner import Pool
from transfer.pool.opinion import LEAST, second_opinion
from transfer.pool.photographs import load_pool, of_one_thing
from transfer.pool.votes import Votes


def open_pool(
    config: TransferConfig,
    net: SegmentationNet,
    data: LabelledSplits,
    train: LabelledPack,
    val: LabelledPack,
    precision: Precision,
    *,
    pretrained: bool,
) -> Pool | None:
    """The photographs that the settings name, with their teacher; None without --unlabelled_dir.

    `net` is as it begins; where it is `pretrained` its encoder gives a second opinion. Raises UserError for photographs
    that are test images, and for --vote image where masks show several classes.
    """
    plan = config.pool
    if plan.unlabelled_dir is None:
        return None
    background = data.classes.background
    alone = of_one_thing(train.class_pixels, background)
    if plan.vote == "image" and not alone:
        raise UserError(
            "--vote image gives the foreground of a photograph one class, and there are masks with several, or there "
            "is one class only: use --vote pixel"
        )
    votes = None
    if background is not None and alone and plan.vote != "pixel":
        votes = Votes(torch.from_numpy((train.class_pixels > 0).sum(0)), background)
    pack, told = load_pool(config, data)
    opinion = None
    if votes is not None and pretrained:
        with spinner("asking the encoder for a second opinion"):
            opinion = second_opinion(net.encoder.to(precision.device), train, val, pack, device=precision.device)
    judge = (
        f"the teacher, while it has {LEAST:.0%} right"
        if opinion is None
        else f"its encoder, {opinion.fitted.right:.0%} right"
    )
    vote = "each of their pixels is given a class"
    if votes is not None:
        vote = f"their classes are named by {judge} on validation images, one for each"
    learnt = f"the network learns from {counted(len(pack), 'photograph')} of {plan.unlabelled_dir}, too: {vote}"
    return Pool(
        net,
        pack,
        plan,
        config.augment,
        names=data.classes.names,
        background=background,
        votes=votes,
        opinion=opinion,
        precision=precision,
        seed=config.run.seed,
        notes=(learnt, *told),
    )
