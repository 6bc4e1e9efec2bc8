"""`transfer.predict` beside plain PyTorch loops: `python -m benchmarks.predictions`.

Each contestant is a process of its own, which reads image files, segments them with MobileNetV2 at 128 pixels, and
writes palette masks at their own size. They take turns; a table has the time and the memory of each.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.race import ratio, show
from common.rows import markdown_table

LIBRARY, SAME = "plain loop, segmentation_models_pytorch", "plain loop, our network"
OURS = "transfer.predict"
SIDE = 128


class Spent(NamedTuple):
    """What a process took."""

    seconds: float
    cpu: float
    memory: float
    """The peak, in GiB."""


def plain_loop(images: Path, output: Path, run: Path | None) -> None:
    """Read, segment and write one image after the other; without a run by a network of the library."""
    import numpy as np
    import torch
    from PIL import Image
    from torch.nn import functional as F
    from torchvision.transforms.functional import to_tensor

    from common.colours import colours

    if run is None:
        from segmentation_models_pytorch import Unet

        network = Unet("mobilenet_v2", encoder_weights=None, classes=2).eval()
    else:
        from transfer import load_model

        network = load_model(run, "cpu").net
    output.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        for path in sorted(images.iterdir()):
            picture = Image.open(path).convert("RGB")
            logits = network(to_tensor(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))[None])
            enlarged = F.interpolate(logits, (picture.height, picture.width), mode="bilinear")
            mask = Image.fromarray(enlarged.argmax(1)[0].numpy().astype(np.uint8), mode="P")
            mask.putpalette(colours(2).tobytes())
            mask.save(output / f"{path.stem}.png")


def spent_by(words: Sequence[str]) -> Spent:
    """Run a module of this interpreter to its end."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return Spent(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


def race(contestants: Mapping[str, Sequence[str]], rounds: int, folder: Path) -> dict[str, list[Spent]]:
    """Let the processes take turns, each time with a fresh folder for the masks."""
    spent = {name: [] for name in contestants}
    for turn in range(rounds):
        for number, (name, words) in enumerate(contestants.items()):
            spent[name].append(spent_by([*words, "--output", str(folder / f"{turn}-{number}")]))
    return spent


def main() -> None:
    """Draw images, train a network for an epoch, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--input", type=Path, help="segment these images by a plain loop, and do nothing else")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--run", type=Path)
    options = parser.parse_args()
    if options.input is not None:
        plain_loop(options.input, options.output, options.run)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images, run = prepare(folder, options.images)
        plain = ["benchmarks.predictions", "--input", str(images)]
        ours = ["transfer.predict", "--model_path", str(run), "--input", str(images), "--no_overlays"]
        contestants = {LIBRARY: plain, SAME: [*plain, "--run", str(run)], OURS: [*ours, "--device", "cpu"]}
        spent = race(contestants, options.rounds, folder)
    rows = [
        [who, *(f"{statistics.median(column):.1f}" for column in zip(*turns, strict=True)), against(spent, who)]
        for who, turns in spent.items()
    ]
    heads = ["contestant", "seconds", "CPU seconds", "peak GiB", "speed, library = 1 (rounds)"]
    show(f"Prediction of {options.images} images, files to masks", markdown_table(heads, rows))


def against(spent: Mapping[str, Sequence[Spent]], who: str) -> str:
    """How many times as fast as the library one was, by the clock."""
    return ratio(*([turn.seconds for turn in spent[name]] for name in (LIBRARY, who)))


def prepare(folder: Path, number: int) -> tuple[Path, Path]:
    """Drawn images, and the run of a network that saw a few of them."""
    from benchmarks.around import TEST_IMAGES, draw, spent
    from transfer.main import main as transfer

    draw(folder / "data", TEST_IMAGES + 60)
    images = folder / "images"
    images.mkdir()
    files = sorted((folder / "data/test").iterdir())
    for index in range(number):
        (images / f"{index:05}.jpg").write_bytes(files[index % len(files)].read_bytes())
    few = folder / "few"
    few.mkdir()
    for kind, home in {"images": "train", "masks": "train_masks"}.items():
        (folder / "data" / home).rename(few / kind)
    words = ["--data_dir", str(few), "--encoder", "mobilenet_v2", "--encoder_weights", "none"]
    words += ["--image_size", str(SIDE), "--epochs", "1", "--device", "cpu", "--no_report"]
    spent(lambda: transfer([*words, "--output_dir", str(folder / "run")]))
    return images, folder / "run"


if __name__ == "__main__":
    main()
