"""A trained autoencoder on one part of a data set: how well it rebuilds pictures, and what its features tell."""

import csv
import math
from pathlib import Path
from typing import Any, get_args

import numpy as np

from common.config.load import unflatten
from common.config.network import EvaluateOptions, Pooling
from common.data.load import LabelledSplits, load_labelled, load_splits
from common.embedding import all_latents, image_classes, knn_accuracy, level_ranks, plane, silhouette
from common.engine.device import find_device
from common.errors import UserError
from common.figures import embedding_figure, save_picture
from common.files import write_json
from common.intervals import mean_interval
from common.rows import read_rows
from common.run.checkpoint import load_handover
from common.run.environment import typed_command
from common.run.notes import convergence_note, data_name
from common.run.plain_data import to_dict
from pretrain.config import config_class
from pretrain.model import Autoencoder
from pretrain.probe.probe import Probe
from pretrain.report.figures import neighbour_grid, reconstruction_grid
from pretrain.report.page import POINTS, RunInfo, ScoredModel, write_page
from pretrain.scoring import score_images

FORMATS = {"mse": "{:.5f}", "psnr": "{:.2f} dB", "ssim": "{:.4f}", "psnr_no_skips": "{:.2f} dB"}


class Evaluation:
    """An autoencoder from its file, and the images that it is asked about."""

    def __init__(self, options: EvaluateOptions) -> None:
        handover = load_handover(options.file, kind="autoencoder")
        trained = unflatten(config_class(), handover.provenance.config)
        self.options, self.folder, self.trained, self.handover = options, options.folder, trained, handover
        self.batch_size = options.batch_size or trained.training.batch_size
        self.seed = trained.run.seed
        self.device = find_device(options.device)
        wanted = options.data(trained.data)
        self.data = load_splits(wanted)
        if options.analyze_latent_space and self.data.layout != "folder":
            self.data = load_labelled(wanted)
        self.pack = getattr(self.data, options.split)
        if options.analyze_latent_space and len(self.pack) < 3:
            raise UserError(f"--analyze_latent_space needs at least 3 images, the {options.split} part has fewer")
        self.model = Autoencoder.from_architecture(handover.architecture)
        self.model.load(handover.sections, str(options.file))
        self.model.to(self.device).eval()
        self.results: dict[str, Any] = {"task": to_dict(handover.task), "images": len(self.pack)}
        self.figures = self.folder / "figures"
        self.figures.mkdir(parents=True, exist_ok=True)

    def score(self) -> None:
        """MSE, PSNR and SSIM of every image to images.csv; their means, with intervals, to the screen."""
        size, device = self.batch_size, self.device
        self.scores = score_images(self.model, self.pack, batch_size=size, device=device, doing="scoring")
        with (self.folder / "images.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", *self.scores])
            writer.writerows(zip(self.pack.keys, *(values.tolist() for values in self.scores.values()), strict=True))
        means = {name: mean_interval(values) for name, values in self.scores.items()}
        self.results[self.options.split] = {
            name: {"mean": mean.value, "low": mean.low, "high": mean.high} for name, mean in means.items()
        }
        print(f"{self.options.split} ({len(self.pack)} images), mean and 95 % interval")
        for name, mean in means.items():
            value, *ends = map(FORMATS[name].format, mean)
            print(f"  {name:<14} {value}  ({ends[0]} to {ends[1]})")

    def draw_extremes(self) -> None:
        """The images with the lowest and the highest PSNR: original, reconstruction, error."""
        order = np.argsort(self.scores["psnr"], kind="stable")
        count = min(self.options.visualize_samples, len(order))
        for name, chosen in (("worst", order[:count]), ("best", np.flip(order)[:count].copy())):
            captions = [f"{self.pack.keys[i]}: {self.scores['psnr'][i]:.2f} dB" for i in chosen]
            if captions:
                picture = reconstruction_grid(self.model, self.pack, chosen, device=self.device, captions=captions)
                save_picture(picture, self.figures / f"{name}.png")

    def analyze_levels(self) -> None:
        """For each map of the pyramid its effective rank and, where there are masks, a linear probe's mean IoU."""
        encoder = self.model.encoder
        ranks = level_ranks(encoder, self.pack, batch_size=self.batch_size, device=self.device)
        probed: dict[str, float] = {}
        if isinstance(self.data, LabelledSplits):
            count = self.data.classes.num_classes
            probed = Probe(self.data.train, self.data.val, num_classes=count, device=self.device)(encoder)
            self.results["probe_miou"] = probed["probe/miou"]
            print(f"linear probe of all levels, validation: mean IoU {probed['probe/miou']:.4f}")
        self.results["levels"] = [
            {"stride": s, "channels": c, "rank": rank, "probe_miou": probed.get(f"probe/miou_s{s}")}
            for s, c, rank in zip(encoder.strides, encoder.channels, ranks, strict=True)
        ]
        for level in self.results["levels"]:
            probe = "" if level["probe_miou"] is None else f", linear probe {level['probe_miou']:.4f}"
            print(f"  stride {level['stride']:<3} effective rank {level['rank']:.1f} of {level['channels']}{probe}")

    def analyze_latents(self) -> None:
        """PCA and t-SNE of one vector an image, with k-NN accuracy and silhouette where there are classes."""
        chosen, every = self.options.latents, get_args(Pooling)
        size, device = self.batch_size, self.device
        vectors = all_latents(self.model.encoder, self.pack, batch_size=size, device=device, poolings=every)
        classes, labels, title = image_classes(self.pack), None, f"encoder features, {self.options.split}"
        if classes is not None and self.data.classes is not None:
            apart = silhouette(vectors[chosen], classes)
            labels = [self.data.classes.names[k] for k in classes]
            self.results["latents"] = {
                "pooling": chosen,
                "knn_accuracy": knn_accuracy(vectors[chosen], classes),
                "knn_accuracy_by_pooling": {name: knn_accuracy(rows, classes) for name, rows in vectors.items()},
                "largest_class": float(np.bincount(classes).max() / len(classes)),
                "silhouette": None if math.isnan(apart) else apart,
            }
            found = self.results["latents"]
            title += f": 5-NN accuracy {found['knn_accuracy']:.3f}, silhouette {apart:.3f}"
            print(f"{title} (the largest class alone: {found['largest_class']:.3f})")
        planes = plane(vectors[chosen], seed=self.seed)
        embedding_figure(planes, labels, title).savefig(self.figures / "latents.png", dpi=110)
        picture = neighbour_grid(self.model.encoder, self.pack, device=self.device)
        save_picture(picture, self.figures / "neighbours.png")

    def finish(self) -> None:
        """Write metrics.json and report.html, and say where everything is."""
        write_json(self.folder / "metrics.json", self.results)
        print(f"pictures and figures: {self.folder}")
        if self.options.report:
            print(f"report: {self._page()}")

    def _page(self) -> Path:
        provenance = self.handover.provenance
        rows, best = read_rows(self.options.file.parent / "metrics.csv"), provenance.epoch
        late = convergence_note(self.trained.training, epochs=len(rows), best_epoch=best) if rows else []
        looked = ScoredModel(
            model=self.model,
            pack=self.pack,
            data=data_name(self.options.data(self.trained.data)),
            split=self.options.split,
            scores=self.scores,
            levels=self.results.get("levels", ()),
            names=None if self.data.classes is None else self.data.classes.names,
            device=self.device,
            batch_size=self.batch_size,
            points=5 * POINTS if self.options.analyze_latent_space else POINTS,
        )
        told = RunInfo(
            config=self.trained,
            task=self.handover.task,
            warnings=[*self.data.notes, *late],
            environment=provenance.environment,
            packs={self.options.split: self.pack},
            rows=rows,
            best_epoch=best,
            evaluation=typed_command(),
        )
        return write_page(looked, told, self.folder / "report.html")
