"""Comparison of all pretexts: `python -m benchmarks.pretexts --photographs FOLDER --pets FOLDER`.

Pretrains an encoder with every pretext for the same number of updates, then fine-tunes each on a fifth and on all of
the training masks. The baselines are an encoder from scratch and ImageNet MobileNetV2. Prints one table.

Finished runs are kept: a second call resumes the work, and several at once share it. Each fine-tuning scores its
validation-selected best.pth on the test images. Choose settings by the table of --split val.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.runs import difference, once, scores, spread, succeed, told
from common.rows import markdown_table

NO_TERM = ["--perceptual_weight", "0"]
PERCEPTUAL = ["--perceptual_weight", "0.1"]
PRETEXTS: Mapping[str, list[str]] = {
    "plain": ["--pretext", "plain", *NO_TERM],
    "mask, hog": ["--pretext", "mask", "--target", "hog", *NO_TERM],
    "plain, no skips": ["--pretext", "plain", "--skips", "none", *NO_TERM],
    "mask": ["--pretext", "mask", "--target", "image", *NO_TERM],
    "denoise": ["--pretext", "denoise", *NO_TERM],
    "restore": ["--pretext", "restore", *NO_TERM],
    "features": ["--pretext", "plain", "--target", "features", *NO_TERM],
    "mask, features": ["--pretext", "mask", "--target", "features", *NO_TERM],
    "mask, perceptual": ["--pretext", "mask", "--target", "image", *PERCEPTUAL],
    "mask, hog, perceptual": ["--pretext", "mask", "--target", "hog", *PERCEPTUAL],
}
BASELINES: Mapping[str, list[str]] = {"scratch": [], "MobileNetV2, ImageNet": ["--encoder", "mobilenet_v2"]}
EPOCHS = {0.2: 100, 1.0: 25}
"""Epochs of fine-tuning, by the share of the masks: about 400 updates of 16 images for either."""
TUNING = ["--optimizer", "adamw", "--lr", "0.003", "--weight_decay", "3e-5", "--freeze_epochs", "0"]
SEEDS = (0, 1, 2)


class Study:
    """The runs of one table, each in its own folder."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.photographs, self.pets, self.folder = options.photographs, options.pets, options.output_dir
        widths = [str(width) for width in options.widths]
        self.shared = ["--image_size", str(options.image_size), "--widths", *widths, "--norm", options.norm]
        self.shared += ["--save_every", "0"]
        self.epochs, self.tuning = str(options.epochs), [*TUNING, *options.tuning.split()]

    def pretrain(self, name: str) -> None:
        """Pretrain an encoder and evaluate it with the pets' masks, unless this is done."""
        run = self.folder / "pretrain" / _slug(name)
        words = ["--data_dir", self.photographs, *self.shared, "--epochs", self.epochs, *PRETEXTS[name]]
        words += ["--probe_dir", self.pets, "--probe_every", "1"]
        with once(run, "evaluation-test/metrics.json") as wanted:
            if wanted:
                succeed("pretrain.main", [*words, "--output_dir", run, "--overwrite"])
                looks = ["--data_dir", self.pets, "--analyze_latent_space"]
                succeed("pretrain.evaluate", ["--model_path", run / "best.pth", *looks])

    def tune(self, name: str, share: float, seed: int) -> None:
        """Fine-tune a pretrained encoder or train a baseline, unless this is done or the encoder is missing."""
        run, encoder = self._tuned(name, share, seed), self.folder / "pretrain" / _slug(name) / "ae.pth"
        if name not in BASELINES and not encoder.exists():
            return
        start = BASELINES.get(name, ["--pretrained_encoder", encoder])
        words = ["--data_dir", self.pets, *self.shared, "--label_fraction", str(share), "--seed", str(seed)]
        words += ["--epochs", str(EPOCHS[share]), "--patience", "1000", *self.tuning]
        with once(run, "metrics.json") as wanted:
            if wanted:
                succeed("transfer.main", [*words, *start, "--output_dir", run, "--overwrite"])

    def table(self, split: str) -> str:
        """Return the table of the finished runs as Markdown; PSNR and SSIM are those of the held-out photographs."""
        heads = ["encoder", "PSNR", "SSIM", "PSNR, skips zeroed", "probe"]
        heads += [f"{share:.0%} of the masks" for share in EPOCHS]
        heads += [f"{share:.0%}: above scratch, paired" for share in EPOCHS if split == "test"]
        rows = []
        for name in [*BASELINES, *PRETEXTS]:
            tuned = [spread([s["mean_iou"] for s in scores(self._seeds(name, share), split)]) for share in EPOCHS]
            pairs = [(self._seeds(name, share), self._seeds("scratch", share)) for share in EPOCHS]
            above = [told(difference(*pair)) if name != "scratch" else "" for pair in pairs if split == "test"]
            rows.append([name, *self._looks(name), *tuned, *above])
        return "\n".join(markdown_table(heads, rows))

    def _looks(self, name: str) -> list[str]:
        run = self.folder / "pretrain" / _slug(name)
        if not (run / "evaluation-test/metrics.json").exists():
            return ["", "", "", ""]
        photographs, pets = _json(run / "metrics.json")["test"], _json(run / "evaluation-test/metrics.json")
        without = f"{photographs['psnr_no_skips']:.2f}" if "psnr_no_skips" in photographs else "-"
        return [f"{photographs['psnr']:.2f}", f"{photographs['ssim']:.3f}", without, f"{pets['probe_miou']:.3f}"]

    def _seeds(self, name: str, share: float) -> list[Path]:
        return [self._tuned(name, share, seed) for seed in SEEDS]

    def _tuned(self, name: str, share: float, seed: int) -> Path:
        return self.folder / "transfer" / f"{_slug(name)}-{share}-{seed}"


def _slug(name: str) -> str:
    return name.replace(", ", "-").replace(" ", "_")


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def main() -> None:
    """Run the missing trainings; print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True, help="images without masks")
    parser.add_argument("--pets", type=Path, required=True, help="images with masks")
    parser.add_argument("--output_dir", type=Path, default=Path("runs/pretexts"))
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--widths", type=int, nargs=6, default=[16, 32, 64, 128, 256, 256])
    parser.add_argument("--norm", default="batch", help="of the U-Net, in both phases")
    parser.add_argument("--epochs", type=int, default=6, help="of pretraining")
    parser.add_argument("--tuning", default="", help="further flags of every fine-tuning, in quotes")
    parser.add_argument("--names", nargs="*", default=[*BASELINES, *PRETEXTS], help="rows to run")
    parser.add_argument("--split", choices=["val", "test"], default="test", help="images whose scores the table shows")
    parser.add_argument("--table", action="store_true", help="only print the finished runs")
    options = parser.parse_args()
    study = Study(options)
    if not options.table:
        for name in options.names:
            if name in PRETEXTS:
                study.pretrain(name)
        for share in EPOCHS:
            for seed in SEEDS:
                for name in options.names:
                    study.tune(name, share, seed)
    print(study.table(options.split))


if __name__ == "__main__":
    main()
