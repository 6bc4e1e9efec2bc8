"""Speed beside the training step: `python -m benchmarks.around` (or `make bench`).

Start-up is the CPU time of new processes. Packing decodes files into the cache, and opens the pack again. Prediction
reads files, segments them at their own size and writes masks, beside a plain loop over the same network. The page is
that of `transfer.evaluate` on 298 images. Prints Markdown tables, which docs/performance.md holds.
"""

import argparse
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from itertools import count, cycle, islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.memory import memory
from benchmarks.plain import read
from benchmarks.race import Contestant, race, show, table
from common.config.groups import DataConfig
from common.data.load import load_splits
from common.rows import markdown_table
from transfer import load_model
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer

TEST_IMAGES = 298
STARTS = {
    "torch": "import torch",
    "phase 1 (pretrain.phase)": "import pretrain.phase",
    "phase 2 (transfer.phase)": "import transfer.phase",
    "the settings of phase 2 (--help)": "from transfer.main import main; main(['--help'])",
}


def start_up(rounds: int) -> list[str]:
    """CPU seconds of new processes, with the ratio to that of torch in the same round."""
    times = {name: [] for name in STARTS}
    for _ in range(rounds):
        for name, code in STARTS.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    rows = []
    for name, seconds in times.items():
        ratios = [own / torch for own, torch in zip(seconds, times["torch"], strict=True)]
        rows.append([name, f"{statistics.median(seconds):.2f}", f"{statistics.median(ratios):.2f}"])
    return markdown_table(["process", "CPU s", "torch = 1"], rows)


def packing(files: Path, cache: Path) -> list[str]:
    """CPU milliseconds an image to decode files into the cache, and to open them again."""
    rows = []
    for name, settings in {"first": {}, "again": {}, "again, --verify_data": {"verify_data": True}}.items():
        began = time.process_time()
        pack = load_splits(DataConfig(data_dir=files, image_size=64, cache_dir=cache, num_workers=1, **settings)).train
        rows.append([name, f"{1000 * (time.process_time() - began) / len(pack):.3f}"])
    return markdown_table(["opening", "CPU ms an image"], rows)


def prediction(run: Path, images: list[Path], folder: Path, rounds: int) -> list[str]:
    """Files in, masks of the files' sizes out."""
    model = load_model(run, "cpu")
    network, side = load_model(run, "cpu").net.to(memory_format=torch.contiguous_format), model.input_size
    stream, number = cycle(images), count()

    def ours() -> int:
        for result in model.predict_many(islice(stream, 32)):
            cv2.imwrite(str(folder / f"{next(number) % 100}.png"), result.mask)
        return 32

    @torch.no_grad()
    def plain() -> int:
        for path in islice(stream, 32):
            picture = read(path, cv2.IMREAD_COLOR_RGB)
            small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
            logits = network(torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255)
            mask = F.interpolate(logits, picture.shape[:2], mode="bilinear").argmax(1)[0].numpy().astype(np.uint8)
            cv2.imwrite(str(folder / f"{next(number) % 100}.png"), mask)
        return 32

    return table(race([Contestant("plain loop", plain), Contestant("ours", ours)], rounds=rounds), against="plain loop")


def spent(work: Callable[[], int]) -> float:
    """CPU seconds of a command that must succeed."""
    began = time.process_time()
    with redirect_stdout(io.StringIO()):
        assert work() == 0
    return time.process_time() - began


def page(run: Path) -> list[str]:
    """CPU seconds of an evaluation without and with its page."""
    words = ["--model_path", str(run), "--output_dir"]
    without = spent(lambda: evaluate([*words, str(run / "scores"), "--no_report"]))
    full = spent(lambda: evaluate([*words, str(run / "page")]))
    rows = [["scores alone", f"{without:.1f}"], ["scores, figures and page", f"{full:.1f}"]]
    return markdown_table([f"evaluation of {TEST_IMAGES} images", "CPU s"], rows)


def draw(folder: Path, number: int) -> list[Path]:
    """Photographs of noise and a disc, of 300 x 400 pixels, the last `TEST_IMAGES` of them for the test."""
    rows, columns = np.mgrid[:300, :400]
    for name in ("train", "train_masks", "test", "test_masks"):
        (folder / name).mkdir(parents=True)
    for index in range(number):
        random = np.random.default_rng(index)
        centre = random.integers(80, 220, 2)
        disc = np.hypot(rows - centre[0], columns - centre[1]) < 60
        soft = cv2.resize(random.integers(0, 160, (12, 16, 3), dtype=np.uint8), (400, 300))
        part = "test" if index >= number - TEST_IMAGES else "train"
        cv2.imwrite(str(folder / part / f"{index:04}.jpg"), np.where(disc[..., None], 255 - soft, soft))
        cv2.imwrite(str(folder / f"{part}_masks" / f"{index:04}_mask.png"), disc.astype(np.uint8) * 255)
    return sorted((folder / "test").iterdir())


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round; up to 10,000 images")
    parser.add_argument("--memory", action="store_true", help="only the memory of up to 1,000,000 tiny images")
    options = parser.parse_args()
    if options.memory:
        show("Memory", memory([10**power for power in range(3, 5 if options.quick else 7)]))
        return
    rounds = 1 if options.quick else options.rounds
    torch.set_num_threads(1)
    show("Start-up", start_up(rounds))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["RECON2SEG_CACHE"] = str(folder / "cache")
        images = draw(folder / "data", TEST_IMAGES + 60)
        (folder / "flat").mkdir()
        for path in images:
            (folder / "flat" / path.name).symlink_to(path)
        show("Packing", packing(folder / "flat", folder / "pack"))
        words = ["--data_dir", str(folder / "data"), "--encoder", "mobilenet_v2", "--encoder_weights", "none"]
        length = ["--epochs", "1", "--device", "cpu", "--no_report", "--output_dir", str(folder / "run")]
        spent(lambda: transfer([*words, *length]))
        show("Prediction, MobileNetV2, 128 pixels", prediction(folder / "run", images, folder, rounds))
        show("Evaluation", page(folder / "run"))


if __name__ == "__main__":
    main()
