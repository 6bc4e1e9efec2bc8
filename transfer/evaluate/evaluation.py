"""Evaluation of a trained network on one split of a data set."""

from pathlib import Path

import numpy as np

from common.config.load import unflatten
from common.config.network import NETWORKS
from common.embedding import Description, image_classes, plane
from common.errors import UserError
from common.report.embedding import MOST, Embedding
from common.report.run_info import RunInfo
from common.report.selection import sampled
from common.rows import read_rows
from common.run.claim import read_marker
from common.run.environment import typed_command
from common.run.next_step import last_lines
from common.run.resources import read_resources
from common.say import say
from transfer.config import TransferConfig
from transfer.evaluate.before import Origin, find_origin
from transfer.evaluate.config import ScoreOptions
from transfer.evaluate.images import changes_since, images_to_score
from transfer.evaluate.original_size import original_size_scores
from transfer.metrics.scores import Scores
from transfer.next_steps import after_elsewhere, after_evaluation, typed_settings
from transfer.report.headline import constant_guess, score_warnings
from transfer.report.reliability import calibration_outcome, calibration_warnings
from transfer.report.run_report import Before, Latents, report_evaluation, write_scores
from transfer.report.scored_model import ScoredModel, score_model
from transfer.scoring import IMAGES_FILE
from transfer.segmenter import load_model
from transfer.source import Source, leaks, told_leaks

OF_ITS_RUN = "the run's own report shows these images; --output_dir writes a page beside these figures"


class Evaluation:
    """A trained network, and the images to score."""

    def __init__(self, options: ScoreOptions) -> None:
        self.model = load_model(options.file, options.device, tile=options.tile, overlap=options.overlap)
        trained = unflatten(TransferConfig, self.model.handover.provenance.config, source=options.file)
        self.options, self.folder, self.trained = options, options.folder, trained
        self.batch_size = options.batch_size or trained.training.batch_size
        self.seed = trained.run.seed
        scored = images_to_score(options, trained.data, self.model)
        say(scored)
        self.scored, self.pack, self.part = scored, scored.images.pack, scored.part
        if options.analyze_latent_space and len(self.pack) < 3:
            raise UserError(f"--analyze_latent_space needs at least 3 images; {scored}")
        tested = scored.of_run and scored.part == "test"
        self.changes = changes_since(options.file.with_name(IMAGES_FILE), scored.images.pack) if tested else None
        """What became of the test images of the run; None where that is not known, or others are scored."""
        self.has_page = self._of_its_run()
        """Whether the page of the run already tells all that this evaluation's would, so that it needs none."""
        self.draws_page = options.report and not self.has_page

    def score(self) -> ScoredModel:
        """Score the images; write metrics.json and figures of the scores; print the table."""
        part, size, quality = self.part, self.batch_size, self.draws_page
        description = self._description()
        scored = score_model(self.model, self.pack, part, batch_size=size, quality=quality, description=description)
        full = self._original_size_scores() if self.options.original_size else None
        write_scores(self.folder, scored, full, of=self.scored.record)
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
        told = self.model.handover.provenance.earlier_images or not self._received
        origin = find_origin(self.model, self.trained) if self.draws_page or not told else Origin(None)
        source = origin.source
        before = Before(None if source is None else source.encoder.to(self.model.device), origin.why_not)
        seen = [*self.scored.warnings, *self._leaks(source)]
        info = RunInfo(
            config=self.trained,
            handover=self.model.handover,
            data=self.scored.name,
            packs={self.part: self.pack},
            rows=read_rows(self.options.file.parent / "metrics.csv") if self._is_best else (),
            notes=[*self.scored.images.notes, *seen],
            parts=lambda: read_resources(self.options.file.parent).parts,
            evaluation=typed_command(),
            next=self._steps(),
        )
        samples = self.options.visualize_samples
        places = report_evaluation(self.folder, scored, info, latents=analysis, samples=samples, before=before)
        last_lines(
            constant_guess(scored.scores.total.sum(1), scored.scores.names),
            info.outcome,
            calibration_outcome(scored),
            warnings=[*score_warnings(scored.scores), *calibration_warnings(scored), *seen],
            notes=[*self.scored.images.notes, *filter(None, [self.changes, OF_ITS_RUN if self.has_page else ""])],
            places={**places, **({"report": self._run_page} if self.has_page else {})},
            steps=info.next,
        )

    def _steps(self) -> list[str]:
        """The next commands: trainings among them have the settings that were typed, if those are beside the file."""
        assert self.options.model_path is not None, "check() asks for it"
        if self.scored.elsewhere:
            return after_elsewhere(self.options, self.trained.data)
        typed = typed_settings(self.options.file, self.trained)
        return after_evaluation(typed, self.options.model_path, images=self.scored.labelled)

    def _of_its_run(self) -> bool:
        """Whether a finished run's own page shows these images."""
        options = self.options
        same = self._is_best and self.changes == "" and not options.analyze_latent_space
        if not same or options.data_dir is not None or options.output_dir is not None or not self._run_page.exists():
            return False
        marker = read_marker(options.file.parent, phase="transfer")
        return marker is not None and marker.finished  # else it is the page of a training that goes on

    @property
    def _is_best(self) -> bool:
        """Whether the records of a run are of this network: not of another epoch's, epoch_0010.pth beside best.pth."""
        return self.options.file.name in NETWORKS

    @property
    def _received(self) -> bool:
        """Whether a file was handed to the network, whose images may be among those that are scored."""
        plan = self.trained.encoder
        return plan.pretrained_encoder is not None or plan.init_from is not None

    @property
    def _run_page(self) -> Path:
        return self.options.file.parent / "report.html"

    def _leaks(self, source: Source | None) -> list[str]:
        """Return warnings if test images taught the network, or what it began with: by its file, or that of an older
        version by its `source`.
        """
        if self.part not in ("test", "all"):
            return []
        known, further = self.model.handover.provenance, self.trained.encoder.init_from is not None
        earlier = known.earlier_images or (() if source is None else source.train_images)
        beside = told_leaks(self.pack, known.photographs, "photographs that the network learnt from, without masks")
        return [*leaks(self.pack, earlier, further=further), *beside]

    def _original_size_scores(self) -> Scores:
        files = self.scored.images.samples
        if not files:
            raise UserError("--original_size needs images in files: the embedded pets are drawn at the network's size")
        known = set(self.pack.keys)
        return original_size_scores(self.model, [sample for sample in files if sample.key in known])
