"""Progress of a run: a bar on a terminal, and one line per epoch."""

import time

from rich.progress import BarColumn, Progress, TextColumn

from common.rows import Row
from common.say import aside
from common.terminal import CONSOLE, time_left

SHORT = {
    "train/loss": "loss",
    "val/loss": "val",
    "val/mean_iou": "mean IoU",
    "val/both_mean_iou": "mean IoU of both",
    "val/psnr": "PSNR",
    "val/ssim": "SSIM",
    "val/probe/miou": "probe",
}
"""Columns of metrics.csv in the line of an epoch; others lose their prefix."""


class EpochBar:
    """A progress bar with epoch, losses, learning rate, images per second and remaining time.

    With a `patience` the time is a range: from the stop after so many epochs without a better one, to the last epoch.
    """

    def __init__(self, *, epochs: int, epoch: int = 0, patience: int = 0, best_epoch: int = 0) -> None:
        self.epochs, self.patience, self.best_epoch = epochs, patience, best_epoch
        self.console = CONSOLE
        self.first, self.start = epoch, time.monotonic()
        columns = map(TextColumn, ("{task.fields[terms]}", "{task.fields[speed]}", "{task.fields[left]}"))
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=10), *columns,
            console=self.console, disable=not self.console.is_terminal, transient=True,
        )  # fmt: skip
        self.task = self.bar.add_task("", total=epochs, completed=epoch, terms="", speed="", left="")

    def __enter__(self) -> "EpochBar":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def begin(self, epoch: int, batches: int) -> None:
        """Start an epoch (counted from 0) of so many batches."""
        self.images, self.speed, self.began, self.batches = 0, 0.0, time.monotonic(), batches
        self.bar.update(self.task, description=f"epoch {epoch + 1}/{self.epochs}")

    def advance(self, values: Row, images: int, lr: float) -> None:
        """Advance by one batch."""
        self.images += images
        self.speed = self.images / max(time.monotonic() - self.began, 1e-9)
        self.bar.update(
            self.task,
            advance=1 / self.batches,
            terms=f"loss {values['loss']:.4g} lr {lr:.2g}",
            speed=f"{self.speed:.0f} images/s",
        )
        self.bar.update(self.task, left=self._left(self.bar.tasks[0].completed))

    def end(self, done: int, shown: Row, *, better: bool) -> None:
        """Print the line of a finished epoch, with a star for the best so far; `done` counts the finished epochs."""
        self.best_epoch = done if better else self.best_epoch
        line = epoch_line(f"epoch {done}/{self.epochs}", shown, f"{self._left(done)} left{' *' if better else ''}")
        aside(line)

    def _left(self, done: float) -> str:
        """The time that is left after so many epochs, at the pace of those since the start."""
        pace = (time.monotonic() - self.start) / max(done - self.first, 1e-9)
        soonest = min(self.best_epoch + self.patience, self.epochs) if self.patience else self.epochs
        ends = [time_left(pace * max(last - done, 0.0)) for last in (soonest, self.epochs)]
        return " to ".join(dict.fromkeys(ends))


def epoch_line(head: str, shown: Row, tail: str, width: int = 80) -> str:
    """One line of at most `width` letters: as many of the values as fit, in their order, between head and tail."""
    line, left_out = head, ""
    for name, value in shown.items():
        longer = f"{line}  {_short(name)} {value:.3g}"
        if len(f"{longer}  ...  {tail}") > width:
            left_out = "  ..."
        else:
            line = longer
    return f"{line}{left_out}  {tail}"


def _short(name: str) -> str:
    """The name of a column of metrics.csv in a few letters: "val/iou_cat" is "cat"."""
    if name in SHORT:
        return SHORT[name]
    return name.removeprefix("val/").removeprefix("iou_")
