"""Five published systems and ours: `python -m benchmarks.systems --pets FOLDER --nuclei FOLDER --autoencoder FILE`.

Trains every preset of configs/transfer, and the defaults with ImageNet MobileNetV2. All are trained on pets against
background, multi-class presets on cat, dog and background, and lesion presets on nuclei. Only data, size and length
differ from the presets.

Finished runs are kept: a second call resumes the work, and several at once share it. Prints tables of means over the
seeds; those of transfer.compare are written to comparison-*/.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.runs import difference, once, scores, spread, succeed, told
from common.config.load import read_yaml
from common.config.recipes import CONFIGS
from common.rows import markdown_table

OURS = "ours"
"""The defaults, with ImageNet MobileNetV2."""
LESIONS = ("b_frozen", "b_tuned", "c_isic_frozen", "c_isic_tuned", "d_isic_frozen", "d_isic_tuned")
SEVERAL = ("a_pets_autoencoder", "a_pets_scratch", "a_pets_imagenet", "e_unet_transpose", "e_unet_upsample",
           "e_resnet34", "e_efficientnet", "e_deeplabv3plus")  # fmt: skip
LIBRARY = ("e_resnet34", "e_efficientnet", "e_deeplabv3plus")
SHORTER = 5
"""Divisor of system E's epochs: its recipe is 500 updates of 2 images (100 epochs of 10)."""
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
    "pets": Table("pets", ["--classes", "species", "--image_size", "64"], (OURS, *SEVERAL)),
    "nuclei": Table("nuclei", ["--image_size", "64"], (OURS, *LESIONS)),
}


class Systems:
    """The runs of a table, each in its own folder."""

    def __init__(self, options: argparse.Namespace, name: str) -> None:
        self.options, self.name, self.table = options, name, TABLES[name]
        self.data = getattr(options, self.table.data)

    def train(self, system: str, seed: int) -> None:
        """Train and test a system, unless this is done."""
        options, run = self.options, self.run(system, seed)
        start = ["--encoder", "mobilenet_v2"] if system == OURS else ["--config", CONFIGS / f"transfer/{system}.yaml"]
        if system == "a_pets_autoencoder":
            start += ["--pretrained_encoder", options.autoencoder]
        if system in LIBRARY and not options.library_weights:
            start += ["--encoder_weights", "none"]
        epochs = max(1, options.epochs // SHORTER) if system.startswith("e_") else options.epochs
        length = ["--epochs", epochs, "--patience", epochs, "--precision", "fp32", "--save_every", "0", "--no_report"]
        words = [*start, "--data_dir", self.data, *self.table.flags, *length, "--seed", seed]
        with once(run, "metrics.json") as wanted:
            if wanted:
                succeed("transfer.main", [*words, "--output_dir", run, "--overwrite"])

    def run(self, system: str, seed: int) -> Path:
        """Return the folder of a system's run."""
        return self.options.output_dir / self.name / f"{system}-{seed}"

    def markdown(self) -> str:
        """Return means over the finished seeds with their range, the gains of tuning, and our lead over each system."""
        results = {system: scores(self._seeds(system)) for system in self.table.systems}
        results = {system: seeds for system, seeds in results.items() if seeds}
        classes = list(next(iter(results.values()))[0]["per_class"]) if results else []
        heads = ["system", "seeds", "mean IoU", *(f"IoU {name}" for name in classes), "foreground Dice", "accuracy"]
        heads += ["parameters trained / all, millions", "epochs", "minutes"]
        rows = []
        for system, seeds in results.items():
            ious = [spread([score["per_class"][name]["iou"] for score in seeds]) for name in classes]
            means = [spread([score[key] for score in seeds]) for key in ("mean_foreground_dice", "pixel_accuracy")]
            mean = spread([score["mean_iou"] for score in seeds])
            rows.append([system, str(len(seeds)), mean, *ious, *means, *self._cost(system), PUBLISHED.get(system, "")])
        lines = markdown_table([*heads, "published, other data, not comparable"], rows)
        return "\n".join([*lines, "", *self._differences(results)])

    def compare(self) -> None:
        """Run transfer.compare on the first seed's runs."""
        runs = [self.run(system, 0) for system in self.table.systems if (self.run(system, 0) / "metrics.json").exists()]
        if len(runs) > 1:
            succeed("transfer.compare", [*runs, "--output", self.options.output_dir / f"comparison-{self.name}"])

    def _differences(self, found: dict[str, Any]) -> list[str]:
        pairs = [*PAIRS, *((name, OURS) for name in found if name != OURS)]
        pairs = [(worse, better) for worse, better in pairs if worse in found and better in found]
        return [
            f"- {better} against {worse}: {told(difference(self._seeds(better), self._seeds(worse)))}"
            for worse, better in pairs
        ]

    def _cost(self, system: str) -> list[str]:
        """Return parameters, epochs, and the median training time in minutes."""
        runs = [run for run in self._seeds(system) if (run / "metrics.json").exists()]
        receipt = json.loads((runs[0] / "receipt.json").read_text())
        trained, every = (receipt[name] / 1e6 for name in ("trained_parameters", "parameters"))
        seconds = [json.loads((run / "resources.json").read_text())["train_seconds"] for run in runs]
        epochs = read_yaml(runs[0] / "config.yaml")["epochs"]
        return [f"{trained:.2f} / {every:.2f}", str(epochs), f"{statistics.median(seconds) / 60:.1f}"]

    def _seeds(self, system: str) -> list[Path]:
        return [self.run(system, seed) for seed in range(self.options.seeds)]


def main() -> None:
    """Run the missing trainings; print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pets", type=Path, required=True, help="Oxford pets with masks")
    parser.add_argument("--nuclei", type=Path, required=True, help="images/ and masks/, binary")
    parser.add_argument("--autoencoder", type=Path, required=True, help="ae.pth of configs/pretrain/system_a.yaml")
    parser.add_argument("--output_dir", type=Path, default=Path("runs/systems"))
    parser.add_argument("--epochs", type=int, default=20, help="of every training; a fifth of it for system E")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    parser.add_argument("--systems", nargs="*", help="only these rows")
    parser.add_argument(
        "--library_weights", action="store_true", help="ImageNet weights for the library's encoders too"
    )
    parser.add_argument("--show", action="store_true", help="only print the finished runs")
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
