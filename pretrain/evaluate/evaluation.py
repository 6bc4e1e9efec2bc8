"""A trained autoencoder on one part of a data set: how well it rebuilds pictures, and what its features tell."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np
from jaxtyping import Float, Int64

from common.config.load import unflatten
from common.config.network import Pooling
from common.data.load import LabelledSplits, Splits, load_labelled, load_splits
from common.data.pack import LabelledPack
from common.embedding import describe, image_classes, knn_accuracy, plane, silhouette
from common.engine.device import find_device
from common.engine.seeding import INITIAL, seed_update
from common.errors import UserError
from common.intervals import mean_interval
from common.models.rebuild import rebuilt
from common.report.embedding import Embedding
from common.report.run_info import RunInfo
from common.rows import csv_table, read_rows
from common.run.checkpoint import load_handover
from common.run.environment import typed_command
from common.run.next_step import last_lines
from common.run.notes import data_name
from common.run.resources import read_resources
from common.say import note, say
from common.terminal import spinner
from common.words import counted
from pretrain.build import build_target, build_tasks
from pretrain.config import config_class
from pretrain.evaluate.config import LookOptions
from pretrain.export import export_encoder
from pretrain.model import Autoencoder
from pretrain.next_steps import after_evaluation
from pretrain.probe.probe import Probe
from pretrain.record import refuse_unknown
from pretrain.report.headline import alarms, probed_row, sentences
from pretrain.report.run_report import Analysis, Separation, report_evaluation, write_evaluation_page
from pretrain.report.scored_model import Level, ScoredModel, measure_levels, outlines_of, score_model
from pretrain.targets.target import Target

FORMATS = {
    "better_than_mean": "{:.1%}",
    "mse": "{:.5f}",
    "psnr": "{:.2f} dB",
    "ssim": "{:.4f}",
    "psnr_mean_colour": "{:.2f} dB",
    "psnr_no_skips": "{:.2f} dB",
}


class Evaluation:
    """An autoencoder from its file, and the images that it is asked about."""

    def __init__(self, options: LookOptions) -> None:
        handover = load_handover(options.file, kind="autoencoder")
        trained = unflatten(config_class(), handover.provenance.config, source=options.file)
        self.options, self.folder, self.trained, self.handover = options, options.folder, trained, handover
        self.batch_size = options.batch_size or trained.training.batch_size
        self.seed = trained.run.seed
        self.device = find_device(options.device)
        refuse_unknown(handover.task, options.file)
        architecture = handover.architecture
        self.model = rebuilt(lambda: Autoencoder.from_architecture(architecture), handover.sections, options.file)
        self.model.to(self.device).eval()
        self.wanted = replace(options.data(trained.data), classes=options.classes or trained.data.classes)
        self.data = load_splits(self.wanted, depth=handover.input.depth)
        masks = options.analyze_latent_space or "pseudo_mask" in self.model.heads
        if masks and self.data.layout != "folder" and self.data.stream is None:
            self.data = self._with_masks()
        self.pack = getattr(self.data, options.split)
        if options.analyze_latent_space and len(self.pack) < 3:
            raise UserError(f"--analyze_latent_space needs at least 3 images, the {options.split} part has fewer")
        if options.export_encoder is not None:
            export_encoder(handover, options.export_encoder)
        (self.folder / "figures").mkdir(parents=True, exist_ok=True)

    def _with_masks(self) -> Splits:
        """The images with their masks, or without masks that are not asked for and that the classes do not fit."""
        try:
            return load_labelled(self.wanted, depth=self.handover.input.depth)
        except UserError as error:
            if self.options.analyze_latent_space:
                raise
            note(f"outlines are not compared with masks: {error}")
            return self.data

    def score(self) -> ScoredModel:
        """MSE, PSNR and SSIM of every image to images.csv; their means, with intervals, to the screen."""
        names = None if self.data.classes is None else self.data.classes.names
        split, size = self.options.split, self.batch_size
        known = {"batch_size": size, "device": self.device}
        tasks, target = build_tasks(self.trained), self._target()
        scored = score_model(
            self.model, self.pack, split, names=names, target=target, make_task=tasks, seed=self.seed, **known
        )
        if isinstance(self.pack, LabelledPack) and self.data.classes is not None:
            truth = f"the masks of {counted(len(self.pack), f'{split} image')}"
            background = self.data.classes.background
            found = outlines_of(self.model, self.pack, truth, background=background, **known)
            scored = replace(scored, outlines=found)
        with csv_table(self.folder / "images.csv", ["image", *scored.scores]) as add:
            for row in zip(self.pack.keys, *(values.tolist() for values in scored.scores.values()), strict=True):
                add(row)
        say(f"{split} ({counted(len(self.pack), 'image')}), mean and 95 % interval")
        for name, values in scored.scores.items():
            interval = mean_interval(values)
            value, *ends = map(FORMATS[name].format, interval)
            say(f"  {name:<16} {value}  ({' to '.join(ends) if interval.known else 'no interval'})")
        for outlines in scored.outlines:
            say(f"  outlines, IoU    {outlines.mean:.4f}, with {outlines.truth}")
        return scored

    def _target(self) -> Target | None:
        """What the network regresses, made as in its training; None where its weights are not at hand."""
        seed_update(self.seed, INITIAL)
        try:
            target = build_target(self.trained)
        except UserError as error:
            note(f"the task is not scored: {error}")
            return None
        return None if target is None else target.to(self.device)

    def analyze(self) -> Analysis:
        """Measure the encoder's levels and its vectors of whole images, and print what that tells."""
        levels, probe_miou = self._levels()
        chosen, every = self.options.latents, get_args(Pooling)
        size, device = self.batch_size, self.device
        described = describe(self.model.encoder, self.pack, batch_size=size, device=device, poolings=every)
        vectors = {pooling: described.vectors(pooling) for pooling in every}
        classes, labels, latents = image_classes(self.pack), None, None
        title = f"encoder features, {self.options.split}"
        if classes is not None and self.data.classes is not None:
            labels = [self.data.classes.names[k] for k in classes]
            latents = _separation(vectors, classes, chosen)
            apart = math.nan if latents.silhouette is None else latents.silhouette
            title += f": 5-NN accuracy {latents.knn_accuracy:.3f}, silhouette {apart:.3f}"
            say(f"{title} (the largest class alone: {latents.largest_class:.3f})")
        embedding = Embedding(vectors[chosen], plane(vectors[chosen], seed=self.seed))
        return Analysis(levels, probe_miou, latents, embedding, labels, title)

    def report(self, scored: ScoredModel, analysis: Analysis | None) -> None:
        """Write figures, metrics.json and, where it is wanted, report.html; say where everything is."""
        options = self.options
        info = RunInfo(
            config=self.trained,
            handover=self.handover,
            data=data_name(self.wanted),
            packs={options.split: self.pack},
            rows=read_rows(options.file.parent / "metrics.csv"),
            notes=self.data.notes,
            parts=lambda: read_resources(self.options.file.parent).parts,
            evaluation=typed_command(),
            next=after_evaluation(
                replace(self.trained, data=self.wanted), options, labelled=isinstance(self.pack, LabelledPack)
            ),
        )
        folder = self.wanted.data_dir
        place = info.data if folder is None else str(folder.resolve())
        report_evaluation(self.folder, scored, info, analysis, place=place, extremes=options.visualize_samples)
        places = {"pictures and figures": self.folder}
        if options.report:
            places["report"] = write_evaluation_page(self.folder, scored, info, analysis)
        levels = [] if analysis is None else analysis.levels
        told = sentences(scored, levels, probed_row(info.rows, info.best_epoch) if analysis is None else {})
        warnings = alarms(scored, levels)
        last_lines(info.outcome, *told, warnings=warnings, notes=info.notes, places=places, steps=info.next)

    def _levels(self) -> tuple[list[Level], float | None]:
        """For each map of the pyramid its effective rank and, where there are masks, a linear probe's mean IoU."""
        encoder, probed = self.model.encoder, {}
        if isinstance(self.data, LabelledSplits):
            probe = Probe.load(self.wanted, device=self.device, depth=self.handover.input.depth)
            with spinner("fitting a linear probe"):
                probed = probe(encoder)
            chance = f"naming the commonest class everywhere {probed['probe/chance']:.4f}"
            say(f"linear probe of all levels, validation: mean IoU {probed['probe/miou']:.4f}; {chance}")
        levels = measure_levels(encoder, self.pack, probed, batch_size=self.batch_size, device=self.device)
        for level in levels:
            probe = "" if level.probe_miou is None else f", linear probe {level.probe_miou:.4f}"
            say(f"  stride {level.stride:<3} effective rank {level.rank:.1f} of {level.channels}{probe}")
        return levels, probed.get("probe/miou")


def _separation(
    vectors: Mapping[Pooling, Float[np.ndarray, "n d"]], classes: Int64[np.ndarray, " n"], pooling: Pooling
) -> Separation:
    """How far the classes lie apart by one of these poolings, with the accuracy of the others for comparison."""
    by_pooling = {name: knn_accuracy(rows, classes) for name, rows in vectors.items()}
    largest, apart = float(np.bincount(classes).max() / len(classes)), silhouette(vectors[pooling], classes)
    return Separation(pooling, by_pooling[pooling], by_pooling, largest, None if math.isnan(apart) else apart)
