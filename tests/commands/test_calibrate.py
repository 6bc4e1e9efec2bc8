"""`transfer.main --calibrate`: the temperature in best.pth, and what commands, pages and Python make of it."""

import re
from pathlib import Path

import numpy as np
import pytest
from run_checks import metrics
from tiny import SYNTHETIC, TRANSFER

from common.data.synthetic.pets import synthetic_pets
from common.run.checkpoint import load_handover
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer
from transfer.segmenter import load_model

MANY = ["--synthetic_count", "120", "--epochs", "1"]


def temperature(folder):
    return load_handover(folder / "best.pth", kind="segmentation").task.temperature


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A run with validation images enough."""
    folder = tmp_path_factory.mktemp("calibrated") / "seg"
    assert transfer([*TRANSFER, *MANY, "--output_dir", str(folder)]) == 0
    return folder


def test_the_temperature_is_kept_in_the_file_with_its_calibration_errors_beside(calibrated):
    told = metrics(calibrated)["calibration"]
    assert told["temperature"] == temperature(calibrated) != 1
    assert told["expected_calibration_error"].keys() == {"val", "test"}
    for error in told["expected_calibration_error"].values():
        assert 0 <= error["after"] <= 1
        assert error["before"] != error["after"]


def test_evaluate_repeats_the_calibration_errors_of_the_run(calibrated, capsys):
    assert evaluate(["--model_path", str(calibrated), "--split", "val", "--output_dir", "val", "--no_report"]) == 0
    ours, run = (metrics(folder)["calibration"] for folder in (Path("val"), calibrated))
    assert ours["temperature"] == run["temperature"]
    assert ours["expected_calibration_error"]["val"] == run["expected_calibration_error"]["val"]
    assert re.search(r"the calibration error of val images: 0\.\d+ before, 0\.\d+ after", _flat(capsys.readouterr()))


def test_the_temperature_changes_probabilities_and_no_mask(calibrated, tmp_path):
    assert transfer([*TRANSFER, *MANY, "--no_calibrate", "--output_dir", "plain"]) == 0
    ours, plain = load_model(calibrated, "cpu"), load_model(tmp_path / "plain", "cpu")
    assert plain.temperature == 1
    image = synthetic_pets(20, 64, seed=3).images[0]
    first, second = (model.predict(image, probabilities=True) for model in (ours, plain))
    np.testing.assert_array_equal(first.mask, second.mask)
    logits = np.log(second.probabilities) / ours.temperature
    expected = np.exp(logits) / np.exp(logits).sum(0)
    np.testing.assert_allclose(first.probabilities, expected, rtol=1e-4)
    assert metrics(calibrated)["test"] == metrics(tmp_path / "plain")["test"]


def test_fewer_than_8_validation_images_fit_none_and_a_note_says_so(tmp_path, capsys):
    assert transfer([*TRANSFER, *SYNTHETIC, "--epochs", "1", "--output_dir", "few"]) == 0
    assert temperature(tmp_path / "few") == 1
    assert metrics(tmp_path / "few")["calibration"]["temperature"] == 1
    told = _flat(capsys.readouterr())
    assert re.search(r"confidence is not calibrated: \d validation images?, and a temperature needs 8", told)


def _flat(captured):
    return " ".join((captured.out + captured.err).split())
