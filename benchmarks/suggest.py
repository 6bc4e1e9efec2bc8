"""Whether suggested masks are worth more than random ones: `python -m benchmarks.suggest --data_dir DATA --output DIR`.

For each seed a network learns from a few masks that are drawn at random. As many again are added: those that
`transfer.suggest` chooses among the other training images, or random ones. Both networks learn anew with equal seeds
and updates, and are scored once on the test images. Further flags go to transfer.main. A call that was stopped goes on.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from jaxtyping import Int64
from PIL import Image

from benchmarks.runs import difference, scores, spread, told
from common.config.groups import LabelledDataConfig
from common.data.classes import IGNORE
from common.data.load import LabelledSplits, load_labelled
from common.data.pack import LabelledPack
from common.files import replace_text
from common.rows import markdown_table
from transfer.main import main as transfer
from transfer.suggest.__main__ import main as suggest

SETTINGS = ["--widths", "16", "32", "64", "128", "--batch_size", "8", "--updates", "300", "--epochs", "10"]
"""Those of docs/results.md, where no other flags of transfer.main are given."""
ARMS = ("first", "suggested", "random")


class Trial:
    """The trainings of one seed."""

    def __init__(self, data: LabelledSplits, folder: Path, seed: int, masks: int) -> None:
        self.data, self.folder, self.seed, self.masks = data, folder / str(seed), seed, masks
        drawn = np.random.default_rng(seed).permutation(len(data.train))
        self.first, self.rest, self.random = drawn[:masks], drawn[masks:], drawn[: 2 * masks]

    def run(self, words: Sequence[str]) -> None:
        """Train on the first masks, on these with suggested ones, and on these with random ones."""
        self._train("first", self.first, words)
        self._train("suggested", np.concatenate([self.first, self._suggested()]), words)
        self._train("random", self.random, words)

    def _suggested(self) -> Int64[np.ndarray, " n"]:
        """The positions of the training images that the first network would have labelled next."""
        images, output = self.folder / "unlabelled", self.folder / "next"
        if not (output / "suggestions.csv").exists():
            write_images(self.data.train.take(self.rest), images, [f"train_{index}" for index in self.rest])
            network = ["--model_path", str(self.folder / "first"), "--input", str(images)]
            there = ["--output", str(output), "--count", str(self.masks), "--device", "cpu", "--no_drafts"]
            succeed(suggest([*network, *there]))
        with (output / "suggestions.csv").open(newline="") as file:
            names = [row["image"] for row in csv.DictReader(file)]
        return np.array([int(name.removeprefix("train_")) for name in names], dtype=np.int64)

    def _train(self, arm: str, chosen: Int64[np.ndarray, " n"], words: Sequence[str]) -> None:
        run, tree = self.folder / arm, self.folder / f"{arm}_data"
        if (run / "metrics.json").exists():
            return
        write_tree(self.data, chosen, tree)
        settings = ["--data_dir", str(tree), "--classes", str(tree / "classes.yaml"), "--seed", str(self.seed)]
        places = ["--output_dir", str(run), "--device", "cpu", "--threads", "1", "--overwrite", "--no_report"]
        succeed(transfer([*settings, *places, "--fit", "squash", "--image_size", str(self.data.train.side), *words]))


def succeed(code: int) -> None:
    """Stop where a command failed."""
    if code:
        raise SystemExit(code)


def write_tree(data: LabelledSplits, chosen: Int64[np.ndarray, " n"], root: Path) -> None:
    """Write the chosen training images, and all for validation and testing, as a data set with masks."""
    parts = {"train": data.train.take(chosen), "val": data.val, "test": data.test}
    drawn = {"train": [f"train_{index}" for index in chosen]}
    rows = []
    for split, pack in parts.items():
        stems = drawn.get(split, [f"{split}_{index}" for index in range(len(pack))])
        write_images(pack, root / "images", stems)
        (root / "masks").mkdir(parents=True, exist_ok=True)
        for index, stem in enumerate(stems):
            Image.fromarray(np.asarray(pack.masks[index])).save(root / f"masks/{stem}.png")
        rows += [f"{stem},{split}" for stem in stems]
    replace_text(root / "splits.csv", "\n".join(["stem,split", *rows]) + "\n")
    names = data.classes.names
    values = {**{index: index for index in range(len(names))}, IGNORE: "ignore"}
    replace_text(root / "classes.yaml", yaml.safe_dump({"names": list(names), "values": values}))


def write_images(pack: LabelledPack, folder: Path, stems: Sequence[str]) -> None:
    """Write the images of a pack as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, stem in enumerate(stems):
        Image.fromarray(np.asarray(pack.images[index])).save(folder / f"{stem}.png")


def results(folder: Path, seeds: Sequence[int], masks: int) -> list[str]:
    """Test mean IoU of the arms, and the gain of suggested masks over random ones, paired over the seeds."""
    runs = {arm: [folder / str(seed) / arm for seed in seeds] for arm in ARMS}
    masks_of = {"first": f"{masks}", "suggested": f"{masks} + {masks} suggested", "random": f"{masks} + {masks} random"}
    rows = [[masks_of[arm], spread([one["mean_iou"] for one in scores(runs[arm])])] for arm in ARMS]
    gain = told(difference(runs["suggested"], runs["random"]))
    return [*markdown_table(["masks", "test mean IoU"], rows), "", f"suggested less random: {gain}"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run every seed; print the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, help="images with masks")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--image_size", type=int, default=64, help="side in pixels")
    parser.add_argument("--masks", type=int, default=13, help="masks at first, and as many that are added")
    parser.add_argument("--seeds", type=int, default=5, help="repetitions")
    known, words = parser.parse_known_args(argv)
    config = LabelledDataConfig(data_dir=known.data_dir, image_size=known.image_size, fit="squash")
    data = load_labelled(config)
    for seed in range(known.seeds):
        Trial(data, known.output, seed, known.masks).run(words or SETTINGS)
        print("\n".join(results(known.output, range(seed + 1), known.masks)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
