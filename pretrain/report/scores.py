"""The tables and charts of a phase 1 page."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from common.intervals import Interval
from common.report.blocks import Axis, Chart, Series, number, table
from common.report.page import Block
from common.rows import Panels, Row
from pretrain.report.scored_model import Level

NAMES = {
    "better_than_mean": "task: share below the error of guessing the mean",
    "psnr": "PSNR, dB",
    "psnr_mean_colour": "PSNR of each image's mean colour, dB",
    "psnr_no_skips": "PSNR without skips, dB",
    "ssim": "SSIM",
    "mse": "MSE",
}
FORMS = {
    "better_than_mean": ".1%",
    "psnr": ".2f",
    "psnr_mean_colour": ".2f",
    "psnr_no_skips": ".2f",
    "ssim": ".4f",
    "mse": ".5f",
}


def score_table(means: Mapping[str, Interval]) -> Block:
    """Means over the images with their intervals."""
    rows = []
    for name in (name for name in NAMES if name in means):
        value, *ends = (number(end, FORMS[name]) for end in means[name])
        rows.append([NAMES[name], value, *(ends if means[name].known else ["no interval", ""])])
    note = "95 % intervals: Student's t over the images. PSNR is capped at 100 dB."
    return table("", ["metric", "mean", "low", "high"], rows, note=note, width="half")


def skip_blocks(scores: Mapping[str, Float[np.ndarray, " n"]]) -> list[Block]:
    """PSNR with skips against PSNR without, image by image; nothing for a network without skips."""
    if "psnr_no_skips" not in scores:
        return []
    without, whole = scores["psnr_no_skips"], scores["psnr"]
    ends = [0.0, float(max(without.max(), whole.max()))]
    series = [
        Series("image", without, whole, points=True),
        Series("no gain by skips", ends, ends, colour="ink", dash="2 4"),
    ]
    chart = Chart(Axis("PSNR without skips, dB", min=0), Axis("PSNR, dB", min=0), series)
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
        "PSNR in dB, validation": {
            "val/psnr": "PSNR",
            "val/psnr_no_skips": "without skips",
            "val/psnr_mean_colour": "each image's mean colour",
        },
        "SSIM, validation": {"val/ssim": "SSIM"},
        "Mean IoU of a linear probe, validation": {
            name: name.removeprefix("val/probe/miou").replace("_s", "stride ") or "all levels" for name in probes
        },
        "Learning rate": {"lr": "rate"},
        "Gradient norm": {"train/grad_norm": "norm"},
    }
