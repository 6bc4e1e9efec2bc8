"""Networks that onnxruntime runs, as `transfer.predict` asks for them. Imports no torch."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Float32, UInt8
from scipy.special import softmax

from common.errors import UserError
from common.windows import Block, Tiling, blend, watched, windows
from transfer.export.enlarged import enlarged
from transfer.export.record import read_record
from transfer.export.session import open_session
from transfer.predict.network import Piece, Plan

DEVICES = ("auto", "cpu")


class OnnxNetwork:
    """A network in a file of `transfer.export --format onnx`."""

    def __init__(self, plan: Plan) -> None:
        """Open the file. Raises UserError as `open_session` and `read_record`, and for what only torch can do."""
        _refuse_other(plan)
        self.session = open_session(plan.files[0])
        record = read_record(self.session.get_modelmeta().custom_metadata_map, plan.files[0])
        self.names, self.background, self.input = record.task.names, record.task.background, record.input
        self.temperature = record.task.temperature
        self.tiling = Tiling.asked(record.input, record.stride, record.least, tile=plan.tile, overlap=plan.overlap)
        self.own_size = self.tiling is not None

    def segment(
        self, images: UInt8[np.ndarray, "n p q c"], sizes: Sequence[tuple[int, int]], *, probabilities: bool
    ) -> Iterator[Iterable[Piece]]:
        """As `Network.segment`."""
        for whole, size in zip(self.logits(images), sizes, strict=True):
            blocks = enlarged(self.input.fitting.box(*size).cut(whole), size)
            yield (self._piece(block, probabilities=probabilities) for block in blocks)

    def segment_whole(
        self, image: UInt8[np.ndarray, "h w c"], *, batch_size: int, probabilities: bool
    ) -> Iterator[Piece]:
        """As `Network.segment_whole`, with a bar over the windows."""
        seen = self.input.fitting.image(image) if self.input.fit == "crop" else image
        blocks = self._blocks(seen, batch_size * self.input.image_size**2)
        if seen.shape != image.shape:
            blocks = enlarged(_whole(blocks, len(self.names), seen.shape), image.shape[:2])
        return (self._piece(block, probabilities=probabilities) for block in blocks)

    def logits(self, images: UInt8[np.ndarray, "n p q c"]) -> Float32[np.ndarray, "n k p q"]:
        """The raw scores of images whose sides fit the network."""
        return self.session.run(["logits"], {"image": np.ascontiguousarray(images)})[0]

    def _blocks(self, image: UInt8[np.ndarray, "h w c"], pixels: int) -> Iterator[Block]:
        """The logits of an image by windows, as many at once as have so many `pixels`."""
        assert self.tiling is not None, "this network takes images that are resized"
        height, width, _ = image.shape
        down, across = self.tiling.along(height), self.tiling.along(width)
        batches = windows(image, down, across, batch_size=self.tiling.at_once(height, width, pixels=pixels))
        parts = (logits for batch in batches for logits in self.logits(batch))
        blocks = blend(parts, down, across, like=lambda numbers, _: numbers)
        return watched(blocks, self.tiling.count(height, width))

    def _piece(self, block: Block, *, probabilities: bool) -> Piece:
        mask = block.logits.argmax(0).astype(np.uint8)
        found = softmax(block.logits / np.float32(self.temperature), axis=0) if probabilities else None
        return Piece(block.rows, block.columns, mask, found, None)


def _whole(blocks: Iterable[Block], classes: int, shape: Sequence[int]) -> Float32[np.ndarray, "k h w"]:
    logits = np.empty((classes, *shape[:2]), np.float32)
    for rows, columns, part in blocks:
        logits[:, rows, columns] = part
    return logits


def _refuse_other(plan: Plan) -> None:
    """Raise UserError for what a network in an ONNX file does not do."""
    file = next(file for file in plan.files if file.suffix == ".onnx")
    if plan.device not in DEVICES:
        raise UserError(f"--device {plan.device}: {file} is run by onnxruntime on the CPU; leave --device out")
    if plan.several:
        raise UserError(
            f"{file} is run alone and in one view by onnxruntime: several --model_path and --tta need torch"
        )
