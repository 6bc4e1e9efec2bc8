"""Statistics of a labelled data set before training: sizes, colours, classes, augmented samples."""

import contextlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float64, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from common.colours import PALETTE, colours
from common.data.augment import Augment
from common.data.batches import read_batch
from common.data.duplicates import near_duplicates
from common.data.load import LabelledSplits, load_labelled
from common.data.opened import REFUSED_BY_PILLOW
from common.data.pack import Pack
from common.data.ragged import Ragged
from common.data.samples import SPLITS
from common.data.turned import TURNS_SIDE, orientation
from common.engine.seeding import seed_update
from common.errors import abbreviate
from common.figures import save_figure, to_bytes
from common.files import make_folder, write_json
from common.intervals import too_few
from common.overlay import overlay_mask
from common.report.selection import evenly
from common.run.next_step import last_lines, typed_flags
from common.say import say
from common.terminal import spinner
from transfer.analyze.config import AnalyzeConfig
from transfer.next_steps import after_analysis
from transfer.report.headline import constant_guess

SHOWN, VARIANTS = 4, 5
FEW_CLASSES = 5
"""Up to so many, shares stand side by side above their bars."""
SEEN = ("train", "val")
"""The splits that must not contain test images."""


class Analysis:
    """Statistics and a picture of one data set."""

    def __init__(self, config: AnalyzeConfig) -> None:
        self.config, self.folder = config, config.analyze.output
        self.data = load_labelled(config.data)
        self.names = self.data.classes.names
        self.sizes = original_sizes(config, self.data)

    def write(self) -> None:
        """Write analysis.json and analysis.png, and print a summary."""
        make_folder(self.folder)
        with spinner("counting pixels"):
            numbers = self.numbers()
        write_json(self.folder / "analysis.json", numbers)
        with spinner("drawing figures"):
            save_figure(self.draw(numbers), self.folder / "analysis.png")
        self._say(numbers)

    def _say(self, numbers: dict[str, Any]) -> None:
        """Print the numbers, what to beware of, and what may be trained on these images."""
        mean, std = numbers["pixels"]["mean"], numbers["pixels"]["std"]
        say(f"{self.data.layout}: " + ", ".join(f"{count} {split}" for split, count in numbers["images"].items()))
        say(f"training pixels in [0, 1]: mean {mean:.4f}, standard deviation {std:.4f}")
        for name, share in numbers["classes"].items():
            say(f"  {name:<18} {share['pixels']:6.1%} of the labelled pixels, in {share['images']:.1%} of the images")
        say(f"  ignored            {numbers['ignored_pixels']:6.1%} of all pixels")
        copies = [
            f"{ours} ({split}) and {theirs}" for split in SEEN for ours, theirs in numbers["near_duplicates"][split]
        ]
        lack = too_few(images=len(self.data.test))
        absent = [name for name, share in numbers["classes"].items() if not share["pixels"]]
        last_lines(
            constant_guess(self.data.test.class_pixels.sum(0), self.names),
            warnings=[
                *([lack] if lack else []),
                *([f"no training image shows {', '.join(absent)}"] if absent else []),
                *([f"test images that nearly equal others: {abbreviate(copies)}"] if copies else []),
            ],
            notes=numbers["notes"],
            places={"numbers and picture": self.folder},
            steps=after_analysis(
                typed_flags(self.config, without=vars(self.config.analyze)), images=sum(numbers["images"].values())
            ),
        )

    def numbers(self) -> dict[str, Any]:
        """Return the statistics as plain JSON data. Pixels and classes are those of the training images."""
        train = self.data.train
        pixels = train.class_pixels.sum(0)
        shown = (train.class_pixels > 0).mean(0)
        mean, std = channel_moments(train.images)
        return {
            "layout": self.data.layout,
            "images": {split: len(getattr(self.data, split)) for split in SPLITS},
            "image_size": self.config.data.image_size,
            "original_sizes": _size_numbers(self.sizes),
            "pixels": {
                "mean": float(mean.mean()),
                "std": float(np.sqrt((std**2 + mean**2).mean() - mean.mean() ** 2)),
                "channel_mean": mean.tolist(),
                "channel_std": std.tolist(),
            },
            "classes": {
                name: {"pixels": float(count / pixels.sum()), "images": float(share)}
                for name, count, share in zip(self.names, pixels, shown, strict=True)
            },
            "ignored_pixels": float(1 - pixels.sum() / train.pixels),
            "near_duplicates": {split: _near_duplicates(getattr(self.data, split), self.data.test) for split in SEEN},
            "notes": list(self.data.notes),
        }

    def draw(self, found: dict[str, Any]) -> Figure:
        """Draw sizes, brightness and classes, and below them training images with their augmented versions."""
        figure = Figure(figsize=(14, 4.2 + 2.1 * SHOWN), layout="constrained")
        above, below = cast(np.ndarray, figure.subfigures(2, 1, height_ratios=(3.4, 2.1 * SHOWN)))
        shares = [counts["pixels"] for counts in found["classes"].values()]
        wide = max(1.0, len(shares) / FEW_CLASSES / 2)
        sizes, brightness, classes, areas = above.subplots(1, 4, width_ratios=(1, 1, wide, 1))
        sizes.scatter(*self.sizes.T, s=10, alpha=0.5, color=PALETTE[5] / 255, linewidths=0)
        sizes.set(title="original sizes", xlabel="width", ylabel="height")
        lines = ("tab:red", "tab:green", "tab:blue", "tab:gray") if self.config.data.channels > 1 else ("tab:gray",)
        for channel, colour in enumerate(lines[: self.config.data.channels]):
            means = [image[..., channel].mean() / 255 for image in self.data.train.images]
            brightness.hist(means, bins=30, range=(0, 1), histtype="step", color=colour)
        brightness.set(title="mean of each channel", xlabel="of an image", ylabel="images")
        drawn = classes.bar(list(found["classes"]), shares, color=colours(len(shares)) / 255)
        upright = {"rotation": 90, "padding": 2} if len(shares) > FEW_CLASSES else {}
        classes.bar_label(drawn, [f"{share:.1%}" for share in shares], fontsize=8, **upright)
        classes.set(title="labelled pixels", ylim=(0, min(1.1, 1.4 * max(shares))))
        classes.set_xticks(range(len(shares)), list(found["classes"]), rotation=40, ha="right")
        self._draw_areas(areas)
        self._draw_samples(below)
        return figure

    def _draw_areas(self, axes: Axes) -> None:
        """How large the foreground of the images is; where every class is foreground, how many classes they show."""
        train, count = self.data.train, len(self.names)
        if train.background is None:
            shown = (train.class_pixels > 0).sum(1)
            axes.hist(shown, bins=count, range=(0.5, count + 0.5), color=PALETTE[1] / 255)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set(title="classes", xlabel="in an image", ylabel="images")
            return
        shares = train.foreground_pixels.sum(1) / np.maximum(train.class_pixels.sum(1), 1)
        axes.hist(shares, bins=20, range=(0, 1), color=PALETTE[1] / 255)
        axes.set(title="foreground", xlabel="share of an image", ylabel="images")

    def _draw_samples(self, figure: Any) -> None:
        train = self.data.train
        chosen = np.asarray(evenly(len(train), SHOWN))
        seed_update(self.config.analyze.seed, 0)
        batch = read_batch(train, chosen)
        augment = Augment(self.config.augment, channels=self.config.data.channels)
        versions = [(batch.image, batch.mask), *(augment(batch.image, batch.mask) for _ in range(VARIANTS))]
        panels = figure.subplots(len(chosen), len(versions), squeeze=False)
        for column, (image, mask) in enumerate(versions):
            for row, picture in enumerate(_tinted(image, mask, train.background)):
                panels[row, column].imshow(picture)
                panels[row, column].set_axis_off()
            panels[0, column].set_title("as it is" if column == 0 else "augmented", fontsize="small")


def original_sizes(config: AnalyzeConfig, data: LabelledSplits) -> Int[np.ndarray, "n 2"]:
    """Return width and height of every readable image file, rotated by its EXIF orientation.

    For the embedded data this is the size at which it is drawn.
    """
    if config.data.data_dir is None:
        size = config.data.image_size
        return np.full((sum(len(getattr(data, split)) for split in SPLITS), 2), size)
    sizes = []
    for sample in (sample for samples in data.files.values() for sample in samples):
        with contextlib.suppress(*REFUSED_BY_PILLOW), Image.open(sample.image) as image:  # reads the header alone
            sizes.append(image.size[::-1] if orientation(image) in TURNS_SIDE else image.size)
    return np.array(sizes)


def channel_moments(
    images: UInt8[np.ndarray, "n h w c"] | Ragged,
) -> tuple[Float64[np.ndarray, " c"], Float64[np.ndarray, " c"]]:
    """Return mean and standard deviation of each channel over all pixels, for values in [0, 1]."""
    channels = images[0].shape[2]
    count, total, squares = 0, np.zeros(channels), np.zeros(channels)
    for image in images:
        part = image.reshape(-1, channels).astype(np.float64) / 255
        count += len(part)
        total += part.sum(0)
        squares += (part**2).sum(0)
    mean = total / count
    return mean, np.sqrt(np.maximum(squares / count - mean**2, 0))


def _near_duplicates(seen: Pack, test: Pack) -> list[tuple[str, str]]:
    return [(seen.keys[ours], test.keys[theirs]) for ours, theirs in near_duplicates(seen, test).tolist()]


def _size_numbers(sizes: Int[np.ndarray, "n 2"]) -> dict[str, list[float]]:
    """Return the smallest, median and largest width, height and aspect ratio."""
    width, height = sizes.T
    columns = {"width": width, "height": height, "aspect": width / height}
    return {name: [float(q) for q in np.percentile(values, (0, 50, 100))] for name, values in columns.items()}


def _tinted(image: torch.Tensor, mask: torch.Tensor, background: int | None) -> Sequence[UInt8[np.ndarray, "h w 3"]]:
    return [overlay_mask(*pair, background) for pair in zip(to_bytes(image), mask.byte().numpy(), strict=True)]
