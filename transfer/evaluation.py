"""A trained network scored on one part of a data set."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from common.checkpoint import load_handover
from common.config import unflatten
from common.config_groups import RunConfig
from common.data.load import load_splits
from common.device import make_fabric
from common.embedding import latents, plane
from common.errors import UserError
from common.figures import save_picture
from common.run import write_json
from transfer.config import EvaluateOptions, TransferConfig
from transfer.metrics import report
from transfer.model import SegmentationNet
from transfer.phase import load_network, print_table, spread
from transfer.report import confusion_figure, embedding_figure, sample_grid
from transfer.scoring import confusions


class Evaluation:
    """A network from its file, and the images that it is asked about."""

    def __init__(self, options: EvaluateOptions) -> None:
        assert options.model_path is not None, "EvaluateConfig.check asks for it"
        path = options.model_path / "best.pth" if options.model_path.is_dir() else options.model_path
        handover = load_handover(path, kind="segmentation")
        trained = unflatten(TransferConfig, handover.provenance["config"])
        self.options, self.folder = options, options.output_dir or path.parent / f"evaluation-{options.split}"
        self.batch_size = options.batch_size or trained.training.batch_size
        self.seed = trained.run.seed
        self.device = make_fabric(RunConfig(device=options.device)).device
        data = load_splits(
            replace(
                trained.data,
                data_dir=options.data_dir or trained.data.data_dir,
                skip_bad_files=options.skip_bad_files,
                cache_dir=options.cache_dir,
                num_workers=options.num_workers,
            ),
            labelled=True,
        )
        assert data.classes is not None, "labelled data has classes"
        self.names: tuple[str, ...] = tuple(handover.task["names"])
        if data.classes.names != self.names:
            raise UserError(
                f"{path} knows the classes {', '.join(self.names)}, the data has {', '.join(data.classes.names)}: "
                "give the data that it was trained for with --data_dir"
            )
        self.pack = getattr(data, options.split)
        self.net = SegmentationNet.from_architecture(handover.architecture)
        load_network(self.net, handover)
        self.net.to(self.device).eval()

    def score(self) -> None:
        """Write metrics.json and the confusion matrix, and print the table."""
        counts, _ = confusions(self.net, self.pack, batch_size=self.batch_size, device=self.device)
        scores = report(counts, self.names)
        self._figures().mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "metrics.json", {self.options.split: scores})
        confusion_figure(counts.sum(0), self.names).savefig(self._figures() / "confusion.png", dpi=110)
        print_table(scores, self.options.split, len(self.pack))

    def draw_samples(self) -> None:
        """A sheet of images with truth, prediction, errors and confidence, evenly over the data set."""
        chosen = spread(len(self.pack), self.options.visualize_samples)
        picture = sample_grid(self.net, self.pack, chosen, self.names, device=self.device)
        save_picture(picture, self._figures() / "samples.png")

    def draw_latents(self) -> None:
        """PCA and t-SNE of the encoder's features, each image coloured by the class of most of its foreground."""
        if len(self.pack) < 3:
            raise UserError(f"--analyze_latent_space needs at least 3 images, the {self.options.split} part has fewer")
        vectors = latents(self.net.encoder, self.pack, batch_size=self.batch_size, device=self.device)
        labels = [self.names[k] for k in np.argmax(self.pack.class_pixels[:, 1:], axis=1) + 1]
        figure = embedding_figure(plane(vectors, seed=self.seed), labels, f"encoder features, {self.options.split}")
        figure.savefig(self._figures() / "latents.png", dpi=110)

    def _figures(self) -> Path:
        return self.folder / "figures"
