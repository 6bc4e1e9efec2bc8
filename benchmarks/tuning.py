"""Fine-tuning scores without validation or test images: `python -m benchmarks.tuning --label_fraction 0.2 FLAGS`.

Takes the flags of transfer.main. After the last epoch it scores the training images whose masks the fraction left out.
They are several times as many as the validation images, and no table reports them. Prints the seeds and their mean.
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.config.load import load_config
from common.run.claim import RunFolder
from transfer.config import TransferConfig
from transfer.phase import Transfer
from transfer.scoring import score_network

SEEDS = ("0", "1", "2")


def left_out(words: Sequence[str], seed: str) -> float:
    """Return the mean IoU of one fine-tuning on the training images that it left out."""
    with tempfile.TemporaryDirectory() as folder:
        run = ["--output_dir", str(Path(folder) / "run"), "--seed", seed, "--save_every", "0", "--patience", "1000000"]
        config = load_config(TransferConfig, [*words, *run], prog="python -m benchmarks.tuning")
        with RunFolder("transfer", config) as held:
            phase = Transfer(config, held)
            phase.train()
            phase.run.close()
        seen = set(phase.train_pack.keys)
        rest = np.array([index for index, key in enumerate(phase.data.train.keys) if key not in seen])
        if not len(rest):
            raise SystemExit("no training image is left out: give --label_fraction below 1")
        return score_network(phase.net, phase.data.train.take(rest), phase.names, batch_size=32).mean_iou


def main() -> None:
    """Fine-tune with each seed; print the scores."""
    scores = []
    for seed in SEEDS:
        scores.append(left_out(sys.argv[1:], seed))
        print(f"seed {seed}: mean IoU {scores[-1]:.4f}", flush=True)
    print(f"mean {statistics.mean(scores):.4f} ({min(scores):.4f} to {max(scores):.4f}): {' '.join(sys.argv[1:])}")


if __name__ == "__main__":
    main()
