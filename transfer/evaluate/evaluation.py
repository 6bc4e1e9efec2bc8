"""A trained network scored on one part of a data set."""

from pathlib import Path

from common.config.load import unflatten
from common.data.load import load_labelled
from common.embedding import image_classes, latents, plane
from common.engine.seeding import INITIAL, seed_update
from common.errors import UserError
from common.figures import embedding_figure, save_picture
from common.files import write_json
from common.report.page import notices
from common.report.selection import spread
from common.rows import read_rows
from common.run.environment import typed_command
from common.run.notes import convergence_note, data_name
from transfer.config import TransferConfig
from transfer.evaluate.config import ScoreOptions
from transfer.evaluate.original_size import original_size_scores
from transfer.metrics.quality import Quality
from transfer.metrics.scores import Scores
from transfer.report.figures import confusion_figure, quality_figure, sample_grid
from transfer.report.page import POINTS, RunInfo, ScoredModel, write_page
from transfer.scoring import print_table, save_images, score_network
from transfer.segmenter import load_model
from transfer.source import Source, find_source


class Evaluation:
    """A network from its file, and the images that it is asked about."""

    def __init__(self, options: ScoreOptions) -> None:
        self.model = load_model(options.file, options.device)
        self.net, self.handover, self.names = self.model.net, self.model.handover, self.model.names
        trained = unflatten(TransferConfig, self.handover.provenance.config)
        self.options, self.folder, self.trained = options, options.folder, trained
        self.batch_size = options.batch_size or trained.training.batch_size
        self.seed = trained.run.seed
        self.device = self.model.device
        data = load_labelled(options.data(trained.data))
        if data.classes.names != self.names:
            raise UserError(
                f"{options.file} knows the classes {', '.join(self.names)}, the data has "
                f"{', '.join(data.classes.names)}: give the data that it was trained for with --data_dir"
            )
        self.data, self.pack = data, getattr(data, options.split)
        self.quality = Quality(len(self.names))

    def score(self) -> None:
        """Write metrics.json and the confusion matrix, and print the table."""
        watch = self.quality if self.options.report else None
        self.scores = score_network(self.net, self.pack, self.names, batch_size=self.batch_size, watch=watch)
        scores = {self.options.split: self.scores}
        if self.options.original_size:
            scores[f"{self.options.split}_original_size"] = self._original_size_scores()
        self._figures().mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "metrics.json", {name: part.to_dict() for name, part in scores.items()})
        if self.options.split == "test":
            save_images(self.folder, self.pack, self.scores)
        confusion_figure(self.scores).savefig(self._figures() / "confusion.png", dpi=110)
        if self.options.report:
            quality_figure(self.quality, self.scores).savefig(self._figures() / "quality.png", dpi=110)
        for name, part in scores.items():
            print_table(part, name.replace("_", " "))

    def draw_samples(self) -> None:
        """A sheet of images with truth, prediction, errors and confidence, evenly over the data set."""
        chosen = spread(len(self.pack), self.options.visualize_samples)
        picture = sample_grid(self.net, self.pack, chosen, self.names, device=self.device)
        save_picture(picture, self._figures() / "samples.png")

    def draw_latents(self) -> None:
        """PCA and t-SNE of the encoder's features, each image coloured by the class of most of its foreground."""
        if len(self.pack) < 3:
            raise UserError(f"--analyze_latent_space needs at least 3 images, the {self.options.split} part has fewer")
        vectors = latents(
            self.net.encoder,
            self.pack,
            batch_size=self.batch_size,
            device=self.device,
            pooling=self.options.latents,
        )
        classes = image_classes(self.pack)
        labels = None if classes is None else [self.names[k] for k in classes]
        figure = embedding_figure(plane(vectors, seed=self.seed), labels, f"encoder features, {self.options.split}")
        figure.savefig(self._figures() / "latents.png", dpi=110)

    def write_page(self) -> Path:
        """Write report.html: all of this, and the run's records where they are beside the network's file."""
        provenance, beside = self.handover.provenance, self.options.file.parent
        before, why = self._source()
        leaks = before.leaks(self.pack) if before is not None and self.options.split == "test" else []
        scored = ScoredModel(
            net=self.net,
            pack=self.pack,
            data=data_name(self.options.data(self.trained.data)),
            split=self.options.split,
            scores=self.scores,
            quality=self.quality,
            device=self.device,
            batch_size=self.batch_size,
            seed=self.seed,
            points=5 * POINTS if self.options.analyze_latent_space else POINTS,
            before=None if before is None else before.encoder.to(self.device),
            before_note=why,
        )
        rows, best = read_rows(beside / "metrics.csv"), provenance.epoch
        late = convergence_note(self.trained.training, epochs=len(rows), best_epoch=best) if rows else []
        said = [
            *(f"class {name} is never predicted" for name in self.scores.silent_classes),
            *self.data.notes,
            *leaks,
            *late,
        ]
        told = RunInfo(
            config=self.trained,
            source=provenance.encoder.source,
            notices=notices(said, provenance.encoder),
            environment=provenance.environment,
            packs={self.options.split: self.pack},
            rows=rows,
            best_epoch=best,
            evaluation=typed_command(),
        )
        return write_page(scored, told, self.folder / "report.html")

    def _source(self) -> tuple[Source | None, str]:
        """The encoder as its run began with it; or why it can't be had any more."""
        seed_update(self.seed, INITIAL)
        try:
            return find_source(self.trained), ""
        except UserError as error:
            return None, f"The encoder before training is not shown: {error}."

    def _original_size_scores(self) -> Scores:
        files = self.data.files.get(self.options.split)
        if not files:
            raise UserError("--original_size needs images in files: the embedded pets are drawn at the network's size")
        known = set(self.pack.keys)
        return original_size_scores(self.model, [sample for sample in files if sample.key in known])

    def _figures(self) -> Path:
        return self.folder / "figures"
