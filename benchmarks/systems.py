"""Five published systems beside ours: `python -m benchmarks.systems --pets FOLDER --nuclei FOLDER --autoencoder FILE`.

Trains every preset of configs/transfer, and the defaults with ImageNet MobileNetV2: all on pets against background,
those made for several classes on cat, dog and background, and those made for lesions on nuclei. Only data, size and
length differ from the presets. What is finished is kept: a second call goes on where the first stopped, and several at
once share the work. Prints tables of means over the seeds, and leaves those of transfer.compare in comparison-*/.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.sharing import once, succeed
from common.config import CONFIGS
from common.tables import markdown_table
from transfer.bootstrap import seeds_difference
from transfer.compare import main as compare
from transfer.main import main as transfer
from transfer.scoring import IMAGES_FILE

OURS = "ours"
"""The defaults, on ImageNet MobileNetV2."""
LESIONS = ("b_frozen", "b_tuned", "c_isic_frozen", "c_isic_tuned", "d_isic_frozen", "d_isic_tuned")
SEVERAL = ("a_pets_autoencoder", "a_pets_scratch", "a_pets_imagenet", "e_unet_transpose", "e_unet_upsample",
           "e_resnet34", "e_efficientnet", "e_deeplabv3plus")  # fmt: skip
LIBRARY = ("e_resnet34", "e_efficientnet", "e_deeplabv3plus")
PAIRS = [(name.replace("tuned", "frozen"), name) for name in LESIONS if name.endswith("tuned")]
PUBLISHED = {
    "a_pets_autoencoder": "mean IoU 0.333, cat Dice 0.000",
    "b_frozen": "IoU 0.70, Dice 0.80",
    "b_tuned": "IoU 0.75, Dice 0.85",
    "c_isic_frozen": "IoU 0.5585, Dice 0.7167",
    "c_isic_tuned": "IoU 0.7165, Dice 0.8348",
    "d_isic_frozen": "IoU 0.6218, Dice 0.7528",
    "d_isic_tuned": "IoU 0.6695, Dice 0.7914",
    "e_resnet34": "IoU 0.9785, F1 0.9892",
}


class Table(NamedTuple):
    """Systems on one data set."""

    data: str
    flags: list[str]
    systems: Sequence[str]


TABLES = {
    "common": Table("pets", ["--classes", "binary", "--image_size", "128"], (OURS, *LESIONS, *SEVERAL)),
    "pets": Table("pets", ["--classes", "species", "--image_size", "128"], (OURS, *SEVERAL)),
    "nuclei": Table("nuclei", ["--image_size", "128"], (OURS, *LESIONS)),
}


class Systems:
    """The runs of a table, each in a folder of its own."""

    def __init__(self, options: argparse.Namespace, name: str) -> None:
        self.options, self.name, self.table = options, name, TABLES[name]
        self.data = getattr(options, self.table.data)

    def train(self, system: str, seed: int) -> None:
        """Train and test a system, if nobody has."""
        options, run = self.options, self.run(system, seed)
        start = ["--encoder", "mobilenet_v2"] if system == OURS else ["--config", CONFIGS / f"transfer/{system}.yaml"]
        if system == "a_pets_autoencoder":
            start += ["--pretrained_encoder", options.autoencoder]
        if system in LIBRARY and not options.library_weights:
            start += ["--encoder_weights", "none"]
        length = ["--epochs", options.epochs, "--patience", options.epochs, "--no_amp", "--save_every", "0"]
        words = [*start, "--data_dir", self.data, *self.table.flags, *length, "--seed", seed]
        with once(run, "metrics.json") as wanted:
            if wanted:
                succeed(transfer, [*words, "--output_dir", run, "--overwrite"])

    def run(self, system: str, seed: int) -> Path:
        """Where a system's run is."""
        return self.options.output_dir / self.name / f"{system}-{seed}"

    def markdown(self) -> str:
        """Means over the seeds that are there, with their range; what tuning gains; and how far ahead ours is."""
        found = {system: self._scores(system) for system in self.table.systems}
        found = {system: scores for system, scores in found.items() if scores}
        classes = list(next(iter(found.values()))[0]["per_class"]) if found else []
        heads = ["system", "seeds", "mean IoU", *(f"IoU {name}" for name in classes), "foreground Dice", "accuracy"]
        rows = []
        for system, scores in found.items():
            ious = [_spread([score["per_class"][name]["iou"] for score in scores]) for name in classes]
            means = [_spread([score[key] for score in scores]) for key in ("mean_foreground_dice", "pixel_accuracy")]
            mean = _spread([score["mean_iou"] for score in scores])
            rows.append([system, str(len(scores)), mean, *ious, *means, PUBLISHED.get(system, "")])
        lines = markdown_table([*heads, "published, other data, not comparable"], rows)
        return "\n".join([*lines, "", *self._differences(found)])

    def compare(self) -> None:
        """transfer.compare over the first seed's runs."""
        runs = [self.run(system, 0) for system in self.table.systems if (self.run(system, 0) / "metrics.json").exists()]
        if len(runs) > 1:
            succeed(compare, [*runs, "--output", self.options.output_dir / f"comparison-{self.name}"])

    def _scores(self, system: str) -> list[dict[str, Any]]:
        files = [self.run(system, seed) / "metrics.json" for seed in range(self.options.seeds)]
        return [json.loads(file.read_text())["test"] for file in files if file.exists()]

    def _differences(self, found: dict[str, Any]) -> list[str]:
        pairs = [*PAIRS, *((name, OURS) for name in found if name != OURS)]
        pairs = [(worse, better) for worse, better in pairs if worse in found and better in found]
        return [f"- {better} against {worse}: {self._difference(worse, better)}" for worse, better in pairs]

    def _difference(self, worse: str, better: str) -> str:
        files = [[self._images(name, seed) for name in (better, worse)] for seed in range(self.options.seeds)]
        files = [pair for pair in files if all(file.exists() for file in pair)]
        if not files:
            return "no seed in common"
        ours, theirs = (np.stack([np.load(pair[side])["confusions"] for pair in files]) for side in (0, 1))
        value, low, high = seeds_difference(ours, theirs, "mean_iou")
        return f"{value:+.3f} ({low:+.3f} to {high:+.3f}), {len(files)} seeds"

    def _images(self, system: str, seed: int) -> Path:
        return self.run(system, seed) / IMAGES_FILE


def _spread(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    """Run what is missing; print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pets", type=Path, required=True, help="Oxford pets with masks")
    parser.add_argument("--nuclei", type=Path, required=True, help="images/ and masks/, binary")
    parser.add_argument("--autoencoder", type=Path, required=True, help="ae.pth of configs/pretrain/system_a.yaml")
    parser.add_argument("--output_dir", type=Path, default=Path("runs/systems"))
    parser.add_argument("--epochs", type=int, default=20, help="of every training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    parser.add_argument("--systems", nargs="*", help="only these rows")
    parser.add_argument(
        "--library_weights", action="store_true", help="ImageNet weights for the library's encoders too"
    )
    parser.add_argument("--show", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    for name in options.tables:
        systems = Systems(options, name)
        for seed in range(options.seeds) if not options.show else ():
            for system in options.systems or systems.table.systems:
                systems.train(system, seed)
        print(f"\n{name}: {' '.join(systems.table.flags)}\n\n{systems.markdown()}")
        systems.compare()


if __name__ == "__main__":
    main()
