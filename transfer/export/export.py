"""A trained network becomes files of other programs, each compared with it."""

from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from common.colours import colour_of, css
from common.files import sha256_of
from common.report.selection import evenly
from common.run.next_step import command_line, last_lines
from common.run.notes import external_labels
from common.say import say
from common.terminal import spinner
from common.words import counted
from recon2seg.packages import version
from transfer.export.card import write_card
from transfer.export.comparison import PIXELS, Comparison, table
from transfer.export.config import INT8, MODEL, ExportOptions
from transfer.export.formats import FORMATS, Material, runner_of
from transfer.export.graph import deployed
from transfer.export.hub import push
from transfer.export.images import data_of, each, taller_pair
from transfer.export.int8 import CALIBRATION, Cost, write_int8
from transfer.export.record import DeployedRecord
from transfer.segmenter import load_model

QUANTISED = "onnx, int8"
"""The format of the 8-bit file in the table."""


class Export:
    """A trained network, and the files that it becomes."""

    def __init__(self, options: ExportOptions) -> None:
        self.options, self.model = options, load_model(options.file, "cpu")
        self.name, self.data = data_of(self.model, options)

    def run(self) -> None:
        """Write the files, compare each with PyTorch, and print size and speed.

        A file that is not the same network is never seen in the folder. Raises UserError for a network that a format
        can't hold, and for a file that computes something else.
        """
        with TemporaryDirectory(prefix=".unchecked-", dir=self.options.folder) as unchecked:
            paths = self._written(Path(unchecked))
            comparison = self._compared(paths)
            for name in paths:
                if name != QUANTISED:
                    comparison.refuse_other(name)
            cost = self._cost(paths)
            paths = {name: path.replace(self.options.folder / path.name) for name, path in paths.items()}
        if "hub" in paths:
            write_card(self.model, self.options)
        rows = {"PyTorch": self.options.file, **paths}
        say(*table({name: (path, comparison.figures[name]) for name, path in rows.items()}))
        last_lines(
            cost.told if cost is not None else "",
            f"compared on {counted(len(self.places), 'validation image')} of {self.name}, on one thread; tolerance "
            f"{comparison.tolerance:.1g} (logits up to {comparison.largest_logit:.1f}), {PIXELS:.2%} of the pixels",
            warnings=cost.warnings if cost is not None else [],
            places={"files": self.options.folder},
            steps=self._steps(paths),
        )
        if self.options.push_to_hub is not None:
            say(f"uploaded: {push(self.options.folder, self.options.files, self.options.push_to_hub)}")

    @cached_property
    def places(self) -> list[int]:
        """The validation images that are looked at."""
        return evenly(len(self.data.val), self.options.check_images)

    @property
    def record(self) -> DeployedRecord:
        """What each file says of itself."""
        handover = self.model.handover
        encoder = self.model.net.encoder
        return DeployedRecord(
            task=handover.task,
            palette=tuple(css(colour_of(index)) for index in range(len(handover.task.names))),
            input=handover.input,
            stride=encoder.strides[-1],
            least=encoder.min_size,
            labels=external_labels(handover.provenance.encoder),
            program=version(),
            weights=sha256_of(self.options.file),
            masks=len(handover.provenance.train_images),
        )

    def _written(self, folder: Path) -> dict[str, Path]:
        """The file of each format."""
        material = Material(deployed(self.model), self.model.handover, self.record, self.options.opset)
        paths = {name: folder / MODEL[name] for name in self.options.format}
        for name, path in paths.items():
            with spinner(f"writing {path.name}"):
                FORMATS[name].write(material, path)
        if self.options.int8:
            paths[QUANTISED] = folder / INT8
            images = each(self.data.train, evenly(len(self.data.train), CALIBRATION))
            with spinner(f"writing {INT8}"):
                write_int8(paths["onnx"], images, paths[QUANTISED])
        return paths

    def _compared(self, paths: dict[str, Path]) -> Comparison:
        images = list(each(self.data.val, self.places))
        files = {name: FORMATS.get(name, FORMATS["onnx"]).open(path) for name, path in paths.items()}
        comparison = Comparison(runner_of(self.model.net), runner_of(self.model.fast), files)
        comparison.look(images, taller_pair(images, self.model.net.encoder.strides[-1]))
        return comparison

    def _cost(self, paths: dict[str, Path]) -> Cost | None:
        """What 8 bits cost on all validation images; None without such a file."""
        if QUANTISED not in paths:
            return None
        int8 = FORMATS["onnx"].open(paths[QUANTISED])
        return Cost.of(runner_of(self.model.fast), int8, self.data.val, self.model.names)

    def _steps(self, paths: dict[str, Path]) -> list[str]:
        ours = [path for name, path in paths.items() if name in ("onnx", "safetensors", "hub")]
        return [
            command_line("transfer.predict", model_path=path, input="IMAGES", output="predictions") for path in ours[:1]
        ]
