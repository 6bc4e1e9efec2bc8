"""Memory and time of packing and opening many images: `python -m benchmarks.around --memory`.

Every file is another one of a tiny JPEG, so that what is counted is what each image costs beside its pixels. Each size
is packed, and opened again, by a process of its own.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from common.config.groups import DataConfig
from common.data.known import SETTLED
from common.data.load import load_splits
from common.rows import markdown_table

SIDE = 32
"""Pixels along the side of an image, and of its pack: the least that networks take."""


def memory(counts: Sequence[int]) -> list[str]:
    """What packing and opening take at each number of images: peak memory above that of the libraries, CPU seconds."""
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            files, cache = Path(name) / "files", Path(name) / "cache"
            draw(files, count)
            time.sleep(SETTLED + 0.5)
            told = [_child(files, cache) for _ in ("packing", "opening")]
        rows.append([f"{count:,}", *(words for each in told for words in each)])
        print(*rows[-1], flush=True)
    heads = [f"{doing}, {unit}" for doing in ("packing", "opening") for unit in ("MiB", "KiB an image", "CPU s")]
    return markdown_table(["images", *heads], rows)


def draw(folder: Path, count: int) -> None:
    """Files of one picture, each with its number as a comment."""
    folder.mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    content = cv2.imencode(".jpg", picture)[1].tobytes()
    for index in range(count):
        comment = b"\xff\xfe\x00\x0a" + index.to_bytes(8, "big")  # the marker, the length, the number
        (folder / f"{index:07}.jpg").write_bytes(content[:2] + comment + content[2:])


def _child(files: Path, cache: Path) -> list[str]:
    words = [sys.executable, "-m", "benchmarks.memory", str(files), str(cache)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1].split()


def _open(files: Path, cache: Path) -> None:
    """Open the images, and print what that took: MiB, KiB an image, CPU seconds."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    splits = load_splits(DataConfig(data_dir=files, image_size=SIDE, cache_dir=cache, num_workers=1))
    more, seconds = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time() - began
    count = sum(len(pack) for pack in (splits.train, splits.val, splits.test))
    print(f"{more / 1024:.0f} {more / count:.2f} {seconds:.1f}")


if __name__ == "__main__":
    _open(*map(Path, sys.argv[1:]))
