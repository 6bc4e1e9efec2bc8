"""Whether probabilities can be trusted, with the temperature and without: the chart, words and figures."""

import math
from collections.abc import Sequence

import numpy as np

from common.intervals import LEAST_IMAGES
from common.report.blocks import Axis, Chart, Series, three_digits
from common.report.page import Block
from transfer.metrics.calibration import Calibration, Reliability
from transfer.report.scored_model import ScoredModel

MATTERS = 0.005
"""The rise of the calibration error from which calibration is warned of."""


def reliability_block(calibration: Calibration) -> Block:
    """The reliability diagram, also that without the temperature where one was fitted."""
    series = [_line("network", calibration.after)]
    if calibration.fitted:
        series = [_line("after calibration", calibration.after), _line("before calibration", calibration.before, "6 4")]
    series.append(Series("perfectly calibrated", [0, 1], [0, 1], colour="ink", dash="2 4"))
    chart = Chart(Axis("confidence", min=0, max=1), Axis("accuracy", min=0, max=1), series)
    told = f"{calibration_words(calibration)}." if calibration.fitted else _error_alone(calibration)
    return chart.block("Reliability", note=f"{told} {_tendency(calibration.after)}", width="half")


def calibration_words(calibration: Calibration, split: str = "these") -> str:
    """What the temperature did to the calibration error on the images of a split, in a sentence."""
    before, after = calibration.errors
    if math.isnan(after):
        return "no pixel is labelled, so that calibration cannot be measured"
    did = "lowered" if after < before else "did not lower"
    return (
        f"Calibration (temperature {calibration.temperature:.2f}) {did} the calibration error of {split} images: "
        f"{three_digits(before)} before, {three_digits(after)} after"
    )


def calibration_outcome(scored: ScoredModel) -> str:
    """`calibration_words` for the end of a command; "" without a temperature, and where a warning says them."""
    silent = not scored.calibration.fitted or calibration_warnings(scored)
    return "" if silent else calibration_words(scored.calibration, scored.split)


def calibration_warnings(scored: ScoredModel) -> list[str]:
    """A warning where the temperature made the probabilities of enough images worse."""
    before, after = scored.calibration.errors
    if len(scored.pack) < LEAST_IMAGES or not after > before + MATTERS:
        return []
    return [f"{calibration_words(scored.calibration, scored.split)}; --no_calibrate leaves it out"]


def calibration_record(scored: Sequence[ScoredModel]) -> dict[str, object]:
    """The temperature of a network and the calibration error of each split, for metrics.json; None without a pixel."""
    known = {one.split: [None if math.isnan(error) else error for error in one.calibration.errors] for one in scored}
    errors = {split: dict(zip(("before", "after"), both, strict=True)) for split, both in known.items()}
    return {"temperature": scored[0].calibration.temperature, "expected_calibration_error": errors}


def _line(name: str, reliability: Reliability, dash: str | None = None) -> Series:
    confidence, accuracy = (column.numpy() for column in reliability.diagram())
    pixels = reliability.pixels.numpy()
    words = [f"{share:.1%} of the pixels" for share in pixels / max(pixels.sum(), 1)]
    return Series(name, confidence, accuracy, text=words, dash=dash)


def _error_alone(calibration: Calibration) -> str:
    return f"Expected calibration error {three_digits(calibration.errors[1])}; no temperature was fitted."


def _tendency(reliability: Reliability) -> str:
    confidence, accuracy = (column.numpy() for column in reliability.diagram())
    pixels = reliability.pixels.numpy()
    known = pixels > 0
    above = float(np.average((confidence - accuracy)[known], weights=pixels[known])) if known.any() else 0.0
    tendency = "overconfident" if above > 0 else "underconfident"
    return f"Over all pixels the network is {tendency} (by {abs(above):.3f})."
