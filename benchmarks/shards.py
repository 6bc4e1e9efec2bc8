"""Phase 1 from tar files beside the same pictures in a folder: `python -m benchmarks.shards`.

Draws pictures of pets, writes them into a folder and into 20 shards, and trains on both in turn with equal settings.
Prints the validation loss of each seed, and images a second of the updates. `--reading` counts what reading and
decoding alone take; `--memory` the memory of streams of up to so many pictures of 32 pixels.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import cv2
import torch

from benchmarks.memory import SIDE
from benchmarks.memory import draw as draw_tiny
from benchmarks.race import show
from common.data.pack_spec import PackSpec
from common.data.shards.files import photos_in, shards_of
from common.data.shards.stream import Place, Shards, Stream
from common.data.synthetic.pets import synthetic_pets
from common.rows import markdown_table
from common.shards.writing import write_shards
from pretrain.main import main as pretrain

SHARDS, SIZE = 20, 256
"""Tar files, and pixels along the side of their pictures."""
BATCH = 32
BESIDE = {"validation", "saving", "report"}
"""The parts of the time of a training that are not its updates."""


def main() -> None:
    """Compare trainings, or count what a stream takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--reading", action="store_true", help="only reading and decoding")
    parser.add_argument("--memory", type=int, default=0, help="only the memory of streams of up to so many pictures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["RECON2SEG_CACHE"] = str(folder / "cache")
        if options.memory:
            counts = [10**power for power in range(3, 10) if 10**power <= options.memory]
            show("Memory of a stream", memory(folder, counts))
            return
        pattern = draw(folder, options.pictures)
        if options.reading:
            show("Reading shards, one thread", reading(pattern, options.image_size))
            return
        show("Trainings", trainings(folder, pattern, options))


def draw(folder: Path, count: int) -> str:
    """Pictures of pets as JPEG files, and the pattern of the shards that hold them."""
    (folder / "pictures").mkdir()
    pets = synthetic_pets(count, SIZE, seed=0)
    for key, picture in zip(pets.keys, pets.images, strict=True):
        cv2.imwrite(str(folder / "pictures" / f"{key}.jpg"), picture[..., ::-1])
    (folder / "shards").mkdir()
    return write_shards(folder / "pictures", folder / "shards", size=-(-count // SHARDS), seed=0)


def trainings(folder: Path, pattern: str, options: argparse.Namespace) -> list[str]:
    """Validation loss and speed of each seed, from the folder and from the shards."""
    words = ["--image_size", str(options.image_size), "--widths", "16", "32", "64", "128", "256", "256"]
    words += ["--updates", str(options.updates), "--epochs", "2", "--batch_size", str(BATCH), "--threads", "1"]
    words += ["--device", "cpu", "--no_report", "--val_share", "0.2", "--perceptual_weight", "0"]
    rows = []
    for seed in range(options.seeds):
        row = [str(seed)]
        for place in (str(folder / "pictures"), pattern)[:: 1 if seed % 2 else -1]:
            run = folder / f"run_{seed}_{place == pattern}"
            assert pretrain([*words, "--data_dir", place, "--seed", str(seed), "--output_dir", str(run)]) == 0
        spent = []
        for streamed in (False, True):
            run = folder / f"run_{seed}_{streamed}"
            spent.append(updates_of(run))
            with (run / "metrics.csv").open() as file:
                loss = float(list(csv.DictReader(file))[-1]["val/loss"])
            row += [f"{loss:.4f}", f"{options.updates * BATCH / spent[-1][0]:.1f}"]
        row += [f"{packed / streamed:.2f}" for packed, streamed in zip(*spent, strict=True)]
        print(*row, flush=True)
        rows.append(row)
    heads = [f"{place}: {what}" for place in ("folder", "shards") for what in ("validation loss", "images a second")]
    return markdown_table(["seed", *heads, "speed, folder = 1", "by CPU seconds"], rows)


def updates_of(run: Path) -> tuple[float, float]:
    """Seconds, and CPU seconds of all threads, of the updates of a training."""
    parts = json.loads((run / "resources.json").read_text())["parts"]
    updates = [spent for name, spent in parts.items() if name not in BESIDE]
    wall, cpu = (sum(spent[f"{clock}_seconds"] for spent in updates) for clock in ("wall", "cpu"))
    return wall, cpu


def reading(pattern: str, side: int) -> list[str]:
    """Photographs a second out of the tar files alone, and decoded to squares, on one thread."""
    files = shards_of(Path(pattern))
    began, read = time.process_time(), sum(1 for file in files for _ in photos_in(file))
    plain = read / (time.process_time() - began)
    began = time.process_time()
    images = sum(1 for _ in streamed(files, side, read))
    decoded = images / (time.process_time() - began)
    size = sum(Path(file).stat().st_size for file in files) / read
    row = [f"{SIZE} x {SIZE} pixels, {size / 1024:.0f} KiB", f"{plain:,.0f}", f"{decoded:,.0f}"]
    return markdown_table(["photograph (JPEG)", "read, a CPU second", f"and decoded to {side} pixels"], [row])


def streamed(files: Sequence[str], side: int, count: int) -> Iterator[object]:
    """So many images of a stream, decoded by one thread."""
    spec = PackSpec(size=side, cache_dir=Path("unused"), num_workers=1)
    with closing(Stream(Shards(tuple(files), frozenset(), spec), 0).images(Place())) as images:
        yield from islice(images, count)


def memory(folder: Path, counts: Sequence[int]) -> list[str]:
    """Peak memory above that of the libraries of a process that streams so many pictures; they repeat 1,000 files."""
    draw_tiny(folder / "tiny", 1000)
    (folder / "one").mkdir()
    write_shards(folder / "tiny", folder / "one", size=1000, seed=0)
    rows = []
    for count in counts:
        (shards := folder / f"of_{count}").mkdir()
        for number in range(count // 1000):
            (shards / f"{number:06}.tar").symlink_to(folder / "one/000000.tar")
        words = [sys.executable, "-m", "benchmarks.shards", str(shards), str(count)]
        told = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
        rows.append([f"{count:,}", *told])
        print(*rows[-1], flush=True)
    return markdown_table(["pictures", "MiB", "CPU s"], rows)


def _stream(folder: Path, count: int) -> None:
    """Read a stream, and print what that took: MiB and CPU seconds."""
    files = shards_of(folder / "*.tar")
    for _ in streamed(files[:1], SIDE, 1):  # what the library and its imports take
        pass
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    seen = sum(1 for _ in streamed(files, SIDE, count))
    assert seen == count
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{more / 1024:.1f} {time.process_time() - began:.1f}")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[2].isdecimal() and not sys.argv[1].startswith("--"):
        _stream(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
