"""How an exported file compares with PyTorch: the same logits, in which time."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from common.errors import UserError
from common.terminal import progress_bar
from transfer.export.formats import Runner

LOGITS, PIXELS = 1e-4, 1e-4
"""What may differ: logits, as a share of the largest one if that is above 1; and the share of pixels."""


@dataclass
class Figures:
    """What was seen of one file, image after image."""

    largest: float = 0.0
    """The largest difference of a logit."""
    differ: int = 0
    """Pixels of another class."""
    pixels: int = 0
    seconds: list[float] = field(default_factory=list)
    """Of each image alone."""

    @property
    def share(self) -> float:
        """Of the pixels, those of another class."""
        return self.differ / self.pixels if self.pixels else 0.0

    @property
    def milliseconds(self) -> float:
        """The median of an image."""
        return 1000 * statistics.median(self.seconds)

    def add(self, logits: Float32[np.ndarray, "n k h w"], reference: Float32[np.ndarray, "n k h w"]) -> None:
        """Count what differs."""
        self.largest = float(np.maximum(self.largest, np.abs(logits - reference).max()))  # NaN stays
        self.differ += int((logits.argmax(1) != reference.argmax(1)).sum())
        self.pixels += reference[:, 0].size


class Comparison:
    """Files side by side with the network that they were made of, on one thread, in turn on each image."""

    def __init__(self, reference: Runner, fast: Runner, files: Mapping[str, Runner]) -> None:
        """`reference`: the network as it was trained. `fast`: as it predicts, whose time is taken."""
        self.reference, self.runners = reference, {"PyTorch": fast, **files}
        self.figures = {name: Figures() for name in self.runners}
        self.largest_logit = 0.0
        """Of the network, positive or negative."""

    def look(self, images: Sequence[UInt8[np.ndarray, "1 _ _ c"]], batch: UInt8[np.ndarray, "n p q c"]) -> None:
        """Compare on images one by one, then on a `batch`, whose time is not taken."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            for runner in self.runners.values():
                runner(images[0])  # the first call is slower
            with progress_bar("comparing", len(images)) as done:
                for image in images:
                    self._add(image, timed=True)
                    done(1)
            self._add(batch, timed=False)
        finally:
            torch.set_num_threads(threads)

    def _add(self, images: UInt8[np.ndarray, "n h w c"], *, timed: bool) -> None:
        reference = self.reference(images)
        self.largest_logit = max(self.largest_logit, float(np.abs(reference).max()))
        for name, runner in self.runners.items():
            start = time.perf_counter()
            logits = runner(images)
            if timed:
                self.figures[name].seconds.append(time.perf_counter() - start)
            self.figures[name].add(logits, reference)

    @property
    def tolerance(self) -> float:
        """How much a logit may differ."""
        return LOGITS * max(1.0, self.largest_logit)

    def refuse_other(self, name: str) -> None:
        """Raise UserError where a file does not compute what the network does."""
        figures = self.figures[name]
        if figures.largest <= self.tolerance and figures.share <= PIXELS:
            return
        raise UserError(
            f"{name} computes something else than PyTorch, and no file is left: logits differ by "
            f"{figures.largest:.1g} (at most {self.tolerance:.1g}), {figures.share:.2%} of the pixels (at most "
            f"{PIXELS:.2%}); give another --format"
        )


def table(rows: Mapping[str, tuple[Path, Figures]]) -> list[str]:
    """Each file with its size, its time, and what differs from PyTorch; 76 letters wide."""
    lines = [f"{'format':<13} {'file':<21} {'MiB':>6} {'ms/image':>8} {'logits differ':>13} {'pixels':>9}"]
    for name, (path, figures) in rows.items():
        size = path.stat().st_size / 2**20
        share = f"{figures.share:.3%}" if figures.differ else "0"
        lines.append(
            f"{name:<13} {path.name:<21} {size:6.1f} {figures.milliseconds:8.1f} {figures.largest:13.1e} {share:>9}"
        )
    return lines
