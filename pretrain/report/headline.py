"""The head of a phase 1 page, and the last lines of its command: whether the encoder was taught anything."""

from collections.abc import Mapping, Sequence

from common.intervals import Interval, mean_interval
from common.report.blocks import interval_position
from common.report.page import Tile
from common.rows import Row
from common.words import counted
from pretrain.report.scored_model import Level, ScoredModel

LEAST_DIRECTIONS, LEAST_SHARE = 2.0, 0.02
"""A map that varies in fewer directions, or in a smaller share of those that it has, has collapsed."""
UNTAUGHT = "The task is not learnt yet: train longer, or at a smaller --image_size, before you hand the encoder over"
UNTOLD = "The task asks the same of all test images, as of pictures of one colour: nothing tells if it is learnt"
COARSE = 2
"""So many of the maps, the coarsest, hold what is in an image."""


def probed_row(rows: Sequence[Row], best_epoch: int | None) -> Row:
    """The last epoch with a linear probe up to the one whose weights were kept, else the first; {} where none has."""
    probed = [row for row in rows if "val/probe/miou" in row]
    until = [row for row in probed if best_epoch is None or row["epoch"] <= best_epoch]
    return (until[-1:] or probed[:1] or [{}])[0]


def sentences(scored: ScoredModel, levels: Sequence[Level], probed: Row) -> list[str]:
    """What was taught, what is in the maps, and pixels last; each fits a line of 80 letters."""
    means = {name: mean_interval(values) for name, values in scored.scores.items()}
    said = []
    if "better_than_mean" in means:
        images = counted(len(scored.pack), f"{scored.split} image")
        said.append(f"At its task it is {_beaten(means['better_than_mean'])} ({images}).")
    said += [f"Its outlines have an IoU of {one.mean:.3f} with {one.truth}." for one in scored.outlines]
    if levels:
        coarsest = levels[-1]
        said.append(f"Its coarsest map varies in {coarsest.rank:.1f} of {coarsest.channels} directions.")
    if probed:
        reached, epoch = probed["val/probe/miou"], probed["epoch"]
        chance = probed.get("val/probe/chance")
        beside = "" if chance is None else f"; chance {chance:.3f}"
        said.append(f"A linear probe reaches a mean IoU of {reached:.3f} (validation, epoch {epoch:.0f}{beside}).")
    return said + ([] if scored.outlines else _pixels(means, by_product=scored.by_product))


def alarms(scored: ScoredModel, levels: Sequence[Level]) -> list[str]:
    """A sentence for a task that was not learnt, and for each coarse map that has collapsed.

    Few images do not vary in many directions, so that they are no alarm.
    """
    better, most = scored.scores.get("better_than_mean"), len(scored.pack)
    least = {one.stride: max(LEAST_DIRECTIONS, LEAST_SHARE * min(one.channels, most)) for one in levels}
    untold = [UNTOLD] if better is None and scored.target is not None else []
    untaught = untold if better is None or mean_interval(better).value > 0 else [UNTAUGHT]
    return untaught + [
        f"The map of stride {one.stride} has collapsed: it varies in {one.rank:.1f} of {one.channels} directions"
        for one in levels[-COARSE:]
        if one.rank < least[one.stride]
    ]


def tiles(scored: ScoredModel, levels: Sequence[Level], probed: Row) -> list[Tile]:
    """The main figures, those of the pixels last."""
    means = {name: mean_interval(values) for name, values in scored.scores.items()}
    main = []
    if "better_than_mean" in means:
        share, low, high = (100 * end for end in means["better_than_mean"])
        detail = f"95 %: {low:.1f} to {high:.1f} %" if means["better_than_mean"].known else "no interval"
        bar = interval_position(share, low, high, start=min(low, 0.0), end=100.0, zero=0.0)
        main.append(Tile("task: below the error of guessing the mean", f"{share:.1f} %", detail, bar))
    main += [Tile("outlines, IoU", f"{one.mean:.3f}", f"with {one.truth}") for one in scored.outlines]
    if levels:
        rank, channels = levels[-1].rank, levels[-1].channels
        bar = interval_position(rank, rank, rank, end=channels)
        main.append(Tile("coarsest map: directions", f"{rank:.1f}", f"effective rank, of {channels} channels", bar))
    if probed:
        detail = f"frozen features, validation images, epoch {probed['epoch']:.0f}"
        main.append(Tile("linear probe, mean IoU", f"{probed['val/probe/miou']:.3f}", detail))
    psnr, low, high = means["psnr"]
    kind = "pictures, a by-product: PSNR" if scored.by_product else "reconstructions: PSNR"
    detail = f"each image's mean colour alone: {means['psnr_mean_colour'].value:.2f} dB"
    bar = interval_position(psnr, low, high, end=40.0, zero=means["psnr_mean_colour"].value)
    return [*main, Tile(kind, f"{psnr:.2f} dB", detail, bar)]


def _beaten(better: Interval) -> str:
    if better.low <= 0 <= better.high:
        return f"no better than guessing the mean ({100 * better.value:+.1f} %)"
    return f"{abs(100 * better.value):.1f} % {'better' if better.value > 0 else 'worse'} than guessing the mean"


def _pixels(means: Mapping[str, Interval], *, by_product: bool) -> list[str]:
    reached, chance = means["psnr"].value, means["psnr_mean_colour"].value
    if by_product:
        return [f"Its pictures, a by-product, have {reached:.2f} dB; mean colours alone {chance:.2f} dB."]
    said = [
        f"Reconstructions have {reached:.2f} dB and {means['ssim'].value:.3f} SSIM; mean colours alone {chance:.2f} dB."
    ]
    if "psnr_no_skips" in means:
        without = means["psnr_no_skips"].value
        beside = "no more than mean colours" if without <= chance else f"{without - chance:.2f} dB above mean colours"
        said.append(f"Without skips they have {without:.2f} dB, {beside}.")
    return said
