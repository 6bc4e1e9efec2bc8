"""Runs that several processes share, each done once, and the scores of the finished ones."""

import json
import math
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from common.intervals import Difference
from transfer.metrics.jackknife import seeds_difference
from transfer.scoring import IMAGES_FILE


@contextmanager
def once(run: Path, proof: str) -> Iterator[bool]:
    """Yield whether a run remains to be done: its last file is missing, and no other process holds its lock."""
    run.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(run.with_name(f".{run.name}.lock"), timeout=0):
            yield not (run / proof).exists()
    except Timeout:
        yield False


def succeed(module: str, words: Sequence[Any]) -> None:
    """Run a command of the project ("transfer.main") in its own process; exit if it fails."""
    command = [sys.executable, "-m", module, *map(str, words)]
    if subprocess.run(command, check=False).returncode != 0:
        raise SystemExit(f"failed: {shlex.join(command)}")


def scores(runs: Sequence[Path], split: str = "test") -> list[dict[str, Any]]:
    """Return the scores of the finished runs among some of phase 2."""
    files = [run / "metrics.json" for run in runs]
    return [json.loads(file.read_text())[split] for file in files if file.exists()]


def spread(values: Sequence[float]) -> str:
    """Return the mean over seeds with its range; "" without values."""
    if not values:
        return ""
    mean = f"{statistics.mean(values):.3f}"
    return f"{mean} (one seed)" if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


def difference(ours: Sequence[Path], theirs: Sequence[Path]) -> Difference | None:
    """Return the gain of our runs in test mean IoU, paired over the seeds (in equal order) that both finished."""
    pairs = [[run / IMAGES_FILE for run in pair] for pair in zip(ours, theirs, strict=True)]
    pairs = [pair for pair in pairs if all(file.exists() for file in pair)]
    if not pairs:
        return None
    better, worse = (np.stack([np.load(pair[side])["confusions"] for pair in pairs]) for side in (0, 1))
    return seeds_difference(better, worse, "mean_iou")


def told(found: Difference | None) -> str:
    """Return a difference with its interval, in words; one seed has no interval."""
    if found is None:
        return ""
    interval = "one seed" if math.isnan(found.low) else f"{found.low:+.3f} to {found.high:+.3f}"
    return f"{found.value:+.3f} ({interval})"
