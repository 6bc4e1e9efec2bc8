"""A pretraining on features with the teacher in each update, and with its maps kept: `python -m benchmarks.teacher`.

Both train on the same drawn pets and take turns in one process. Prints Markdown tables of CPU time, which
docs/performance.md holds, and after how many passes over the images keeping the maps has paid.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import chain, count, islice
from pathlib import Path

import torch

from benchmarks.race import Contestant, race, show, table
from common.config.load import load_config
from common.engine.loop import train_epoch
from common.run.claim import RunFolder
from pretrain.config import PretrainConfig
from pretrain.phase import Pretraining

BATCH = 32
HALF = ["--widths", "16", "32", "64", "128", "256", "256"]
ASKED, KEPT = "teacher in each update", "maps kept"


def main() -> None:
    """Race, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image_size", type=int, default=64, help="side of an image in pixels")
    parser.add_argument("--images", type=int, default=400, help="number of drawn pets")
    parser.add_argument("--updates", type=int, default=4, help="updates of a turn")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contestant")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"], help="number format of the student")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        phases = {name: _phase(options, Path(folder), stack, gigabytes) for name, gigabytes in GIGABYTES.items()}
        began = time.process_time()
        phases[KEPT]._keep_maps()
        making = (time.process_time() - began) / len(phases[KEPT].data.train)
        times = race(
            [Contestant(name, _turns(phase, options.updates)) for name, phase in phases.items()], rounds=options.rounds
        )
    show(f"Features at {options.image_size} pixels, {options.precision}", table(times, against=ASKED))
    asked, kept = (statistics.median(times[name]) for name in (ASKED, KEPT))
    print(f"\nMaking the maps takes {1000 * making:.1f} ms an image: paid after {making / (asked - kept):.1f} passes")


GIGABYTES = {ASKED: "0", KEPT: "4"}


def _phase(options: argparse.Namespace, folder: Path, stack: ExitStack, gigabytes: str) -> Pretraining:
    flags = ["--recipe", "features", "--perceptual_init", "random", "--synthetic_count", str(options.images), *HALF]
    flags += ["--image_size", str(options.image_size), "--batch_size", str(BATCH), "--precision", options.precision]
    flags += ["--teacher_cache", gigabytes, "--cache_dir", str(folder / "cache"), "--device", "cpu", "--no_report"]
    config = load_config(PretrainConfig, [*flags, "--output_dir", str(folder / gigabytes)], prog="benchmarks.teacher")
    return Pretraining(config, stack.enter_context(RunFolder("benchmark", config)))


def _turns(phase: Pretraining, updates: int) -> Callable[[], int]:
    batches = chain.from_iterable(phase.batches.epoch(epoch) for epoch in count())
    updater = phase._updater()
    updater.model.train()

    def turn() -> int:
        images = 0

        def counted():
            nonlocal images
            for batch in islice(batches, updates):
                images += len(batch)
                yield batch

        train_epoch(phase.step, counted(), updater)
        return images

    return turn


if __name__ == "__main__":
    main()
