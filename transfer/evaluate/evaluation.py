"""Evaluation of a trained network on one split of a data set."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from common.config.load import read_yaml, unflatten
from common.data.load import load_labelled
from common.data.pack import LabelledPack
from common.data.samples import SPLITS
from common.embedding import Description, image_classes, plane
from common.engine.seeding import INITIAL, seed_update
from common.errors import UserError
from common.report.embedding import MOST, Embedding
from common.report.run_info import RunInfo
from common.report.selection import sampled
from common.rows import read_rows
from common.run.claim import read_marker
from common.run.environment import typed_command
from common.run.next_step import last_lines
from common.run.notes import data_name
from common.run.records import read_resources
from transfer.config import TransferConfig
from transfer.evaluate.config import ScoreOptions
from transfer.evaluate.original_size import original_size_scores
from transfer.metrics.scores import Scores
from transfer.next_steps import after_evaluation
from transfer.report.headline import constant_guess, score_warnings
from transfer.report.run_report import Before, Latents, report_evaluation, write_scores
from transfer.report.scored_model import ScoredModel, score_model
from transfer.segmenter import load_model
from transfer.source import find_source

OF_ITS_RUN = "the run's own report shows these images; --output_dir writes a page beside these figures"


class Evaluation:
    """A trained network, and the images to score."""

    def __init__(self, options: ScoreOptions) -> None:
        self.model = load_model(options.file, options.device)
        names = self.model.names
        trained = unflatten(TransferConfig, self.model.handover.provenance.config, source=options.file)
        self.options, self.folder, self.trained = options, options.folder, trained
        self.batch_size = options.batch_size or trained.training.batch_size
        self.seed = trained.run.seed
        data = load_labelled(options.data(trained.data), depth=self.model.handover.input.depth)
        if data.classes.names != names:
            raise UserError(
                f"{options.file} knows the classes {', '.join(names)}, the data has "
                f"{', '.join(data.classes.names)}: give the data that it was trained for with --data_dir"
            )
        pack: LabelledPack = getattr(data, options.split)
        self.data, self.pack = data, replace(pack, background=self.model.background)
        if options.analyze_latent_space and len(self.pack) < 3:
            raise UserError(f"--analyze_latent_space needs at least 3 images, the {options.split} part has fewer")
        self.has_page = self._of_its_run()
        """Whether the page of the run already tells all that this evaluation's would, so that it needs none."""
        self.draws_page = options.report and not self.has_page

    def score(self) -> ScoredModel:
        """Score the images; write metrics.json and figures of the scores; print the table."""
        split, size, quality = self.options.split, self.batch_size, self.draws_page
        description = self._description()
        scored = score_model(self.model, self.pack, split, batch_size=size, quality=quality, description=description)
        write_scores(self.folder, scored, self._original_size_scores() if self.options.original_size else None)
        return scored

    def _description(self) -> Description | None:
        """What takes the vectors that `analyze` and the page show."""
        if self.options.analyze_latent_space:
            return Description(np.arange(len(self.pack)), {"all_mean_std", self.options.latents})
        return Description(sampled(len(self.pack), MOST, seed=self.seed)) if self.draws_page else None

    def analyze(self, scored: ScoredModel) -> Latents:
        """Return PCA and t-SNE of the encoder's features, each image with the majority class of its foreground."""
        vectors, names = scored.described.vectors(self.options.latents), self.model.names
        classes = image_classes(self.pack)
        embedding = Embedding(vectors, plane(vectors, seed=self.seed))
        return Latents(embedding, None if classes is None else [names[k] for k in classes])

    def report(self, scored: ScoredModel, analysis: Latents | None) -> None:
        """Write figures and, with --report, report.html; it includes the run's records if they are beside its file.

        Where the run's own page shows these images, no second one is written beside it. Says in the end what happened.
        """
        wanted = self.draws_page or self.trained.encoder.pretrained_encoder is not None
        before, leaks = self._before() if wanted else (Before(None), [])
        info = RunInfo(
            config=self.trained,
            handover=self.model.handover,
            data=data_name(self.options.data(self.trained.data)),
            packs={self.options.split: self.pack},
            rows=read_rows(self.options.file.parent / "metrics.csv"),
            notes=[*self.data.notes, *leaks],
            parts=lambda: read_resources(self.options.file.parent).parts,
            evaluation=typed_command(),
            next=self._steps(),
        )
        samples = self.options.visualize_samples
        places = report_evaluation(self.folder, scored, info, latents=analysis, samples=samples, before=before)
        last_lines(
            constant_guess(scored.scores.total.sum(1), scored.scores.names),
            info.outcome,
            warnings=[*score_warnings(scored.scores), *leaks],
            notes=[*self.data.notes, *([OF_ITS_RUN] if self.has_page else [])],
            places={**places, **({"report": self._run_page} if self.has_page else {})},
            steps=info.next,
        )

    def _steps(self) -> list[str]:
        """The next commands: trainings among them have the settings that were typed, if those are beside the file."""
        assert self.options.model_path is not None, "check() asks for it"
        saved = self.options.file.parent / "config.yaml"
        typed = unflatten(TransferConfig, read_yaml(saved), source=saved) if saved.exists() else self.trained
        images = sum(len(getattr(self.data, split)) for split in SPLITS)
        return after_evaluation(typed, self.options.model_path, images=images)

    def _of_its_run(self) -> bool:
        """Whether a finished run's own page shows these images."""
        options = self.options
        same = options.split == "test" and options.data_dir is None and not options.analyze_latent_space
        if not same or options.output_dir is not None or not self._run_page.exists():
            return False
        marker = read_marker(options.file.parent, phase="transfer")
        return marker is not None and marker.finished  # else it is the page of a training that goes on

    @property
    def _run_page(self) -> Path:
        return self.options.file.parent / "report.html"

    def _before(self) -> tuple[Before, list[str]]:
        """Return the encoder before training, and a warning if test images were among its pretraining images."""
        seed_update(self.seed, INITIAL)
        try:
            source = find_source(self.trained)
        except UserError as error:
            return Before(None, f"The encoder before training is not shown: {error}."), []
        leaks = source.leaks(self.pack) if self.options.split == "test" else []
        return Before(source.encoder.to(self.model.device)), leaks

    def _original_size_scores(self) -> Scores:
        files = self.data.files.get(self.options.split)
        if not files:
            raise UserError("--original_size needs images in files: the embedded pets are drawn at the network's size")
        known = set(self.pack.keys)
        return original_size_scores(self.model, [sample for sample in files if sample.key in known])
