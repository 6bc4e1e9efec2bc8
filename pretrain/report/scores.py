"""The verdict, tables and charts of a phase 1 page."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from common.intervals import Interval
from common.report.blocks import Axis, Chart, Series, interval_position, number, table
from common.report.page import Block, Tile
from common.rows import Panels, Row
from common.run.records import PretrainingRecord
from pretrain.report.scored_model import Level

NAMES = {"psnr": "PSNR, dB", "ssim": "SSIM", "psnr_no_skips": "PSNR without skips, dB", "mse": "MSE"}
FORMS = {"psnr": ".2f", "ssim": ".4f", "psnr_no_skips": ".2f", "mse": ".5f"}


def probed_row(rows: Sequence[Row], best_epoch: int | None) -> Row:
    """The last epoch with a linear probe up to the one whose weights were kept, else the first; {} where none has."""
    probed = [row for row in rows if "val/probe/miou" in row]
    until = [row for row in probed if best_epoch is None or row["epoch"] <= best_epoch]
    return (until[-1:] or probed[:1] or [{}])[0]


def verdict(means: Mapping[str, Interval], images: str, task: PretrainingRecord, probed: Row) -> str:
    """The scores of an autoencoder in two or three sentences; `probed`: see `probed_row`."""
    psnr = means["psnr"]
    said = [
        f"Reconstructions of whole images reach {psnr.value:.2f} dB PSNR and {means['ssim'].value:.3f} SSIM on {images}"
    ]
    if psnr.low < psnr.high:
        said[0] += f" (95 % interval {psnr.low:.2f} to {psnr.high:.2f} dB)"
    if "psnr_no_skips" in means:
        lost = psnr.value - means["psnr_no_skips"].value
        said.append(
            f"without the skips they lose {lost:.2f} dB"
            if lost > 0.1
            else "the skips add nothing, so the coarsest map holds the image"
        )
    sentence = "; ".join(said) + "."
    if task.target != "image":
        sentence += " Pixels were not its target: the reconstruction head was trained for display only."
    if probed:
        reached = f"{probed['val/probe/miou']:.3f} (validation images, epoch {probed['epoch']:.0f})"
        sentence += f" A linear classifier on its frozen features reaches a mean IoU of {reached}."
    return sentence


def tiles(means: Mapping[str, Interval], probed: Row) -> list[Tile]:
    """The main figures with their 95 % intervals."""
    main = []
    for name in ("psnr", "ssim", "psnr_no_skips"):
        if name in means:
            mean, low, high = means[name]
            end = 1.0 if name == "ssim" else 40.0
            form = FORMS[name]
            detail = f"95 %: {low:{form}} to {high:{form}}" if low < high else "no interval"
            main.append(Tile(NAMES[name], f"{mean:{form}}", detail, interval_position(mean, low, high, end=end)))
    if probed:
        detail = f"frozen features, validation images, epoch {probed['epoch']:.0f}"
        main.append(Tile("linear probe, mean IoU", f"{probed['val/probe/miou']:.3f}", detail))
    return main


def score_table(means: Mapping[str, Interval]) -> Block:
    """Means over the images with their intervals."""
    rows = [[NAMES[name], *(number(end, FORMS[name]) for end in one)] for name, one in means.items()]
    note = "95 % intervals: Student's t over the images. PSNR is capped at 100 dB."
    return table("Reconstruction", ["metric", "mean", "low", "high"], rows, note=note, width="half")


def skip_blocks(scores: Mapping[str, Float[np.ndarray, " n"]]) -> list[Block]:
    """PSNR with skips against PSNR without, image by image; nothing for a network without skips."""
    if "psnr_no_skips" not in scores:
        return []
    without, whole = scores["psnr_no_skips"], scores["psnr"]
    ends = [float(min(without.min(), whole.min())), float(max(without.max(), whole.max()))]
    series = [
        Series("image", without, whole, points=True),
        Series("no gain by skips", ends, ends, colour="ink", dash="2 4"),
    ]
    chart = Chart(Axis("PSNR without skips, dB"), Axis("PSNR, dB"), series)
    note = "The height of a point above the line is the gain by the skips."
    return [chart.block("Skip dependence", note=note, width="half")]


def level_blocks(levels: Sequence[Level], probed: Row) -> list[Block]:
    """Effective rank and linear probe of each map; where the probe is not among `levels`, that of the training."""
    recorded = {level.stride: probed.get(f"val/probe/miou_s{level.stride}") for level in levels}
    measured = any(level.probe_miou is not None for level in levels)
    rows = [
        [
            f"stride {level.stride}",
            number(level.channels, ",d"),
            number(level.rank, ".1f"),
            number(level.rank / level.channels, ".1%"),
            number(level.probe_miou if measured else recorded[level.stride], ".3f"),
        ]
        for level in levels
    ]
    note = (
        "Effective rank: number of directions in which the features vary (RankMe, arXiv 2210.02885). "
        "Linear probe: validation mean IoU of a linear pixel classifier on that map alone"
    )
    if measured or not probed:
        note += "; a dash where it was not requested."
    else:
        note += f", recorded in epoch {probed['epoch']:.0f}."
    heads = ["map", "channels", "effective rank", "share of channels", "linear probe"]
    return [table("", heads, rows, note=note)]


def panels(rows: Sequence[Row]) -> Panels:
    """The charts of a training, on the page and in curves.png; terms of the loss and probes are those of the rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    terms = [name for name in names if name.startswith("train/") and name not in ("train/loss", "train/grad_norm")]
    probes = [name for name in names if name.startswith("val/probe/miou")]
    return {
        "Loss": {"train/loss": "train", "val/loss": "validation"},
        "Loss terms": {name: name.removeprefix("train/").replace("_", " ") for name in terms},
        "PSNR, validation": {"val/psnr": "PSNR", "val/psnr_no_skips": "without skips"},
        "SSIM, validation": {"val/ssim": "SSIM"},
        "Linear probe, mean IoU": {
            name: name.removeprefix("val/probe/miou").replace("_s", "stride ") or "all levels" for name in probes
        },
        "Learning rate": {"lr": "rate"},
        "Gradient norm": {"train/grad_norm": "norm"},
    }
