"""ONNX files of 8-bit numbers: a quarter of the size, and some of the quality."""

import contextlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from common.data.gather import whole_images
from common.data.pack import LabelledPack
from common.intervals import Difference
from common.metrics import confusion
from common.words import counted
from transfer.export.formats import INPUT, Runner, quiet
from transfer.export.images import MOST
from transfer.metrics.scores import Scores

CALIBRATION = 64
"""Training images from which the ranges of maps are taken."""
MUCH = 0.02
"""Of the mean IoU: a loss that is warned of."""


def write_int8(source: Path, images: Iterable[UInt8[np.ndarray, "1 _ _ c"]], path: Path) -> None:
    """Quantise an ONNX file statically: maps to 8 bits by their ranges on `images`, weights to 7 for each channel.

    With 8 bits the sums of products overflow on processors without VNNI: MobileNetV2 lost 0.10 of its IoU in place of
    0.01 (docs/export.md).

    Source: Jacob et al. 2018, arXiv 1712.05877, section 2; by onnxruntime, as QuantizeLinear and DequantizeLinear.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.rest = iter(images)

        def get_next(self) -> Any:
            image = next(self.rest, None)
            return None if image is None else {INPUT: image}

    with TemporaryDirectory() as folder, quiet(), contextlib.redirect_stdout(io.StringIO()):
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(prepared),
            str(path),
            Reader(),
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    model, before = onnx.load(path), onnx.load(source)
    onnx.helper.set_model_props(model, {entry.key: entry.value for entry in before.metadata_props})
    onnx.save_model(model, path)


@dataclass(frozen=True)
class Cost:
    """What 8 bits cost: scores in float32 and with them, on the same images."""

    before: Scores
    after: Scores

    @classmethod
    def of(cls, reference: Runner, int8: Runner, pack: LabelledPack, names: tuple[str, ...]) -> "Cost":
        """Score both on the images of a pack; of images above `MOST` pixels a side the middle."""
        counts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for place in range(len(pack)):
            pixels = whole_images(pack, np.array([place]), most=MOST)
            mask = torch.from_numpy(np.asarray(pixels.masks)).long()
            for runner, found in zip((reference, int8), counts, strict=True):
                prediction = torch.from_numpy(runner(pixels.images).argmax(1))
                found.append(confusion(prediction, mask, len(names)).numpy()[0])
        return cls(*(Scores(np.stack(found), names, pack.background) for found in counts))

    @property
    def change(self) -> Difference:
        """Of the mean IoU, with its 95 % interval."""
        return self.after.difference(self.before, "mean_iou")

    @property
    def told(self) -> str:
        """The cost in a sentence."""
        value, low, high, *_ = self.change
        interval = "" if np.isnan(low) else f", 95 % interval {low:+.3f} to {high:+.3f}"
        images = counted(len(self.before), "validation image")
        was, now = self.before.mean_iou, self.after.mean_iou
        return f"int8: mean IoU {now:.3f} on {images}, {was:.3f} in float32 ({value:+.3f}{interval})"

    @property
    def warnings(self) -> list[str]:
        """A sentence where the cost is high."""
        lost = -self.change.value
        return [f"8 bits cost {lost:.3f} of the mean IoU: use the float32 file"] if lost > MUCH else []
